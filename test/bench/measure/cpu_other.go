//go:build !linux

package measure

import (
	"errors"
	"time"
)

// TreeCPU says that the processor time of a process tree is read from /proc.
func TreeCPU(int) (time.Duration, error) {
	return 0, errors.ErrUnsupported
}

// Tree says that processes are found in /proc.
func Tree(int) ([]int, error) {
	return nil, errors.ErrUnsupported
}
