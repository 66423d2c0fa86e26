// Package escape holds the tests that try to get out of a sandbox, driver by
// driver. It has no code of its own. Its attackers are in testdata: Python code
// that runs as a function does, and a static program that makes raw system calls.
//
// Every attack must fail on the namespace driver. On the confined driver exactly those
// may succeed that its documentation names. The same attacks on the process
// driver, which does not pretend to stop them, must succeed in numbers: so a suite
// that has ceased to attack is noticed.
//
// Attacks on the network run in network namespaces that the test makes: a host and
// an outside with the addresses of metadata services. So nothing beyond the test is
// ever reached, even from a driver that stops none of them.
package escape
