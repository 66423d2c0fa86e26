//go:build !linux

package main

import (
	"errors"
	"time"
)

// treeCPU says that the processor time of a process tree is read from /proc.
func treeCPU(int) (time.Duration, error) {
	return 0, errors.ErrUnsupported
}
