package environment

import (
	"fmt"

	"furl/internal/sandbox"
	"furl/internal/state"
)

const (
	// maxProcesses is AWS's limit for processes and threads.
	maxProcesses = 1024
	// memoryPerCore is the memory size in MB with which a function gets one core.
	memoryPerCore = 1769
	// leastMemory and leastTemp are the smallest that a function can have of memory
	// and of /tmp, in MB. Most have just that.
	leastMemory = 128
	leastTemp   = 512
)

// confined gives a new blank the least that a function can have. Who it is for may
// have more.
func confined(b sandbox.Blank) (sandbox.Blank, error) {
	if err := limit(b, &state.Version{MemorySize: leastMemory, EphemeralStorage: leastTemp}); err != nil {
		b.Discard()
		return nil, err
	}
	return b, nil
}

// limit sets what a function may use, where the driver can.
func limit(blank sandbox.Blank, v *state.Version) error {
	l, ok := blank.(sandbox.Limiter)
	if !ok {
		return nil
	}
	err := l.Limit(sandbox.Limits{
		Memory:    int64(v.MemorySize) << 20,
		Temp:      int64(v.EphemeralStorage) << 20,
		Processes: maxProcesses,
	})
	if err != nil {
		return lost(fmt.Errorf("limits: %w", err))
	}
	return nil
}

// slow sets a function's share of the cores. As on AWS, the Init phase before
// has all of them.
func slow(box sandbox.Env, v *state.Version) error {
	l, ok := box.(sandbox.Limiter)
	if !ok {
		return nil
	}
	if err := l.Limit(sandbox.Limits{CPU: float64(v.MemorySize) / memoryPerCore}); err != nil {
		return fmt.Errorf("environment: limits: %w", err)
	}
	return nil
}
