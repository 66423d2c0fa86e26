//go:build !linux

package doctor

// synchronised reports whether something keeps the clock right; nobody says.
func synchronised() bool { return true }
