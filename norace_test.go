//go:build !race

package furl_test

// raceEnabled says that these tests, and so the server they start, run under the race detector.
const raceEnabled = false
