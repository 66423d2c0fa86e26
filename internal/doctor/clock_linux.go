package doctor

import "golang.org/x/sys/unix"

// synchronised reports whether something keeps the clock right; yes where the
// kernel does not say.
func synchronised() bool {
	var t unix.Timex
	_, err := unix.Adjtimex(&t)
	return err != nil || t.Status&unix.STA_UNSYNC == 0
}
