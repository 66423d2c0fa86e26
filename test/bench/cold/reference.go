package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// bare starts the interpreter with nothing to do and waits for its end: what cold starts are measured by. It gets an empty
// environment, since a variable of the caller's can make it slower.
func bare(ctx context.Context, interpreter string) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, interpreter, "-c", "pass")
	cmd.Env = []string{}
	begin := time.Now()
	err := cmd.Run()
	if err != nil {
		return 0, fmt.Errorf("%s -c pass: %w", interpreter, err)
	}
	return time.Since(begin), nil
}

// importTime is how long a fresh interpreter takes to import a module from dir, its own start not counted.
func importTime(ctx context.Context, interpreter, dir, module string) (time.Duration, error) {
	const program = `import sys, time
sys.path.insert(0, sys.argv[1])
begin = time.perf_counter()
__import__(sys.argv[2])
print(time.perf_counter() - begin)`
	cmd := exec.CommandContext(ctx, interpreter, "-c", program, dir, module)
	cmd.Env = []string{}
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("import %s: %w", module, err)
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	return time.Duration(seconds * float64(time.Second)), err
}
