package furl_test

import (
	"runtime"
	"runtime/debug"
	"testing"

	"furl"
)

func TestTuneRuntime(t *testing.T) {
	procs, percent := runtime.GOMAXPROCS(0), debug.SetGCPercent(100)
	t.Cleanup(func() {
		runtime.GOMAXPROCS(procs)
		debug.SetGCPercent(percent)
	})
	t.Setenv("GOMAXPROCS", "")
	t.Setenv("GOGC", "")
	for given, want := range map[int]int{1: 1, 2: 1, 3: 2, 8: 4} {
		runtime.GOMAXPROCS(given)
		furl.TuneRuntime()
		if got := runtime.GOMAXPROCS(0); got != want {
			t.Errorf("%d processors: %d are used, want %d", given, got, want)
		}
	}
	if got := debug.SetGCPercent(50); got <= 100 {
		t.Errorf("collection at %d%%", got)
	}
	runtime.GOMAXPROCS(8)
	t.Setenv("GOMAXPROCS", "8")
	t.Setenv("GOGC", "50")
	furl.TuneRuntime()
	if n, gc := runtime.GOMAXPROCS(0), debug.SetGCPercent(100); n != 8 || gc != 50 {
		t.Errorf("the environment's 8 and 50 became %d and %d", n, gc)
	}
}
