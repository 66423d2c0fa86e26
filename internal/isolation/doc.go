// Package isolation chooses what functions run in: it tries the sandbox
// drivers for real, takes the strongest that was asked for and works, and says
// of the others what is missing and what helps. It makes no sandboxes itself and
// never settles for less than it was told.
package isolation
