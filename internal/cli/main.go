package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailure = 1 // it did not work, or the answer is no
	exitUsage   = 2 // it was asked for wrongly
)

// Main runs the command line args, without the program's name, and returns the
// exit code: 0 when it worked, 1 when it did not, 2 for wrong usage. It reads
// the process's environment; SIGINT and SIGTERM end what runs in an orderly
// way, a second one at once.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return run(ctx, os.Environ(), args, stdin, stdout, stderr)
}

// run is Main with everything that it takes from the process as an argument.
func run(ctx context.Context, environ, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	out := &checkedWriter{w: stdout}
	a := &app{stdin: stdin, stdout: out, stderr: &sharedWriter{w: stderr}, env: parseEnviron(environ)}
	cmd := newRootCommand(a)
	cmd.SetArgs(append([]string{}, args...)) // nil would mean the process's own
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		err = out.err
	}
	return report(a.stderr, err)
}

// app is what all commands share.
type app struct {
	stdin  io.Reader
	stdout *checkedWriter
	stderr io.Writer
	env    map[string]string
}

func parseEnviron(environ []string) map[string]string {
	env := make(map[string]string, len(environ))
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok {
			env[name] = value
		}
	}
	return env
}

// checkedWriter remembers the first error, so that output that was lost makes
// the command fail without every print being checked.
type checkedWriter struct {
	w   io.Writer
	err error
}

func (c *checkedWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if err != nil && c.err == nil {
		c.err = err
	}
	return n, err
}

// sharedWriter is for several goroutines: a server's log and what is told beside it.
type sharedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *sharedWriter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}
