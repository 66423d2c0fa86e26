package furl

import (
	"os"
	"runtime"
	"runtime/debug"
)

// collectAt is the garbage collector's target, in percent: memory may grow to
// four times what is in use, which for a server is some tens of megabytes.
const collectAt = 300

// TuneRuntime suits the Go runtime to a process that is a furl server and
// little else. Half of the processors are left to the functions: with more, the
// runtime's idle threads wake up at every request to look for work that the
// functions' processes are just about to do. The collector, by default tuned to
// small heaps, runs less often. What GOMAXPROCS and GOGC say goes first.
//
// It is for main to call, not for programs that are more than a server.
func TuneRuntime() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS((runtime.GOMAXPROCS(0) + 1) / 2)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
}
