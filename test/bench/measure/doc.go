// Package measure is what the benchmarks have in common: it starts servers, puts load on them, reads what their processes
// use, and sums up what was measured. It decides nothing about what is measured or how much is good.
package measure
