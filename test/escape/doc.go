// Package escape holds the tests that try to get out of a sandbox, driver by
// driver. It has no code of its own. Its attackers are in testdata: Python code
// that runs as a function does, and a static program that makes raw system calls.
//
// Every attack must fail on the namespace driver. The same attacks on the process
// driver, which does not pretend to stop them, must succeed in numbers: so a suite
// that has ceased to attack is noticed.
package escape
