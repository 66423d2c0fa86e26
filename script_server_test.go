package furl_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Bounds of the waits. They are far above what an idle machine needs: these tests run under the race detector on small,
// busy machines, and a bound is only ever reached by a server that hangs.
const (
	startBound = 60 * time.Second
	stopBound  = 60 * time.Second
	// orphanBound is how long the processes of a killed server may live: they must notice by themselves.
	orphanBound = 15 * time.Second
	pollPeriod  = 10 * time.Millisecond
)

// serverInfo is server.json, which a running server keeps in its data directory.
type serverInfo struct {
	PID      int    `json:"pid"`
	Endpoint string `json:"endpoint"`
	Account  string `json:"account"`
	Region   string `json:"region"`
	Domain   string `json:"domain"`
	TLS      bool   `json:"tls"`
	CABundle string `json:"caBundle"`
}

// server is one `furl serve` and the rules for its end: it obeys SIGTERM, exits 0 and takes every process that it
// started along.
type server struct {
	binary  string
	dataDir string
	env     []string
	// up has the server started by `furl up`, which deploys and prints a URL.
	up   bool
	args []string
	// listen is asked for again at the next start, so that URLs stay what they were.
	listen string
	stdout string
	stderr string

	info serverInfo
	cmd  *exec.Cmd
	// outFrom is where this start's part of stdout begins.
	outFrom int64
	// exited is closed when the process has been collected; err is then what Wait said.
	exited chan struct{}
	err    error
}

// start runs the server and returns when it has written server.json. A server that exits before that is an error, which
// holds what it said.
func (s *server) start() error {
	cmd := exec.Command(s.binary, s.commandLine()...)
	cmd.Env = s.env
	if s.up {
		cmd.Env = append(slices.Clip(s.env), "FURL_LISTEN="+s.listen)
	}
	// A group of its own: a signal for the tests must not reach it, and ours must reach nothing else.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdout, err := os.OpenFile(s.stdout, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer stdout.Close()
	stderr, err := os.OpenFile(s.stderr, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer stderr.Close()
	from, err := stderr.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if s.outFrom, err = stdout.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	// Files, not pipes: a process that outlives the server must not keep Wait waiting.
	cmd.Stdout, cmd.Stderr = stdout, stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	s.cmd, s.exited, s.err = cmd, make(chan struct{}), nil
	go func() {
		s.err = cmd.Wait()
		close(s.exited)
	}()
	if err := s.ready(); err != nil {
		return fmt.Errorf("%w\n%s", err, tail(s.stderr, from))
	}
	return nil
}

func (s *server) commandLine() []string {
	if s.up {
		return slices.Concat([]string{"up", "--data-dir", s.dataDir}, s.args)
	}
	args := []string{"serve", "--data-dir", s.dataDir}
	if s.listen != "" {
		args = append(args, "--listen", s.listen)
	}
	return append(args, s.args...)
}

// ready waits until server.json names the process that was started, and for `furl up` until it has printed a line.
func (s *server) ready() error {
	err := s.until(startBound, "server.json", func() bool {
		data, err := os.ReadFile(filepath.Join(s.dataDir, "server.json"))
		if err != nil {
			return false
		}
		var info serverInfo
		if json.Unmarshal(data, &info) != nil || info.PID != s.cmd.Process.Pid {
			return false
		}
		s.info = info
		return !s.up || strings.Contains(tail(s.stdout, s.outFrom), "\n")
	})
	if err != nil {
		s.cmd.Process.Kill()
		<-s.exited
		return err
	}
	if s.listen == "127.0.0.1:0" {
		s.listen = s.address()
	}
	return nil
}

// until polls done; it gives up when the server exits or after bound.
func (s *server) until(bound time.Duration, what string, done func() bool) error {
	tick := time.NewTicker(pollPeriod)
	defer tick.Stop()
	deadline := time.After(bound)
	for {
		if done() {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.exited:
			return &exitError{s.err}
		case <-deadline:
			return fmt.Errorf("waited %v for %s", bound, what)
		}
	}
}

// exitError says that the server exited when it should have served.
type exitError struct{ wait error }

func (e *exitError) Error() string { return fmt.Sprintf("furl serve exited: %v", e.wait) }

// code is the exit code, -1 after a signal.
func (e *exitError) code() int {
	var exit *exec.ExitError
	switch {
	case e.wait == nil:
		return 0
	case errors.As(e.wait, &exit):
		return exit.ExitCode()
	}
	return -1
}

// address is the host and port of the endpoint, plain or TLS.
func (s *server) address() string {
	u, err := url.Parse(s.info.Endpoint)
	if err != nil {
		return ""
	}
	return u.Host
}

// running reports whether the server was started and has not exited.
func (s *server) running() bool {
	if s == nil || s.cmd == nil {
		return false
	}
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// terminate asks the server to stop and checks how it does: within bound, with exit code 0, and leaving no process.
func (s *server) terminate() error {
	family := descendants(s.cmd.Process.Pid)
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-s.exited:
	case <-time.After(stopBound):
		s.cmd.Process.Signal(syscall.SIGQUIT) // its stack traces go into the log
		return fmt.Errorf("SIGTERM: still running after %v", stopBound)
	}
	if s.err != nil {
		return fmt.Errorf("SIGTERM: %w", s.err)
	}
	if _, err := os.Stat(filepath.Join(s.dataDir, "server.json")); !errors.Is(err, os.ErrNotExist) {
		return errors.New("server.json is still there after a clean stop")
	}
	// A clean stop has waited for its processes. One period of grace is for the kernel.
	return gone(family, 100*pollPeriod)
}

// kill takes the server away as the OOM killer would, and checks that what it had started notices.
func (s *server) kill() error {
	family := descendants(s.cmd.Process.Pid)
	if err := s.cmd.Process.Kill(); err != nil {
		return err
	}
	<-s.exited
	return gone(family, orphanBound)
}

// descendants returns the living children of a process, and theirs.
func descendants(pid int) []procStat {
	children := map[int][]procStat{}
	for _, p := range processes() {
		children[p.parent] = append(children[p.parent], p)
	}
	var all []procStat
	for next := []int{pid}; len(next) > 0; next = next[1:] {
		for _, p := range children[next[0]] {
			all = append(all, p)
			next = append(next, p.pid)
		}
	}
	return all
}

// gone waits until none of the processes is alive. Those that are after bound are named in the error and killed.
func gone(family []procStat, bound time.Duration) error {
	tick := time.NewTicker(pollPeriod)
	defer tick.Stop()
	deadline := time.After(bound)
	for {
		family = slices.DeleteFunc(family, func(p procStat) bool { return !p.alive() })
		if len(family) == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline:
			return fmt.Errorf("processes outlived the server by %v: %s", bound, killAll(family))
		}
	}
}

// killAll kills the processes and returns their names and ids.
func killAll(family []procStat) string {
	var names []string
	for _, p := range family {
		names = append(names, fmt.Sprintf("%s[%d]", p.name, p.pid))
		syscall.Kill(p.pid, syscall.SIGKILL)
	}
	return strings.Join(names, " ")
}

// checkNoTrace fails the test when a process that refers to dir is alive, and kills it.
func checkNoTrace(tb testing.TB, dir string) {
	tb.Helper()
	var left []procStat
	for _, p := range processes() {
		if p.pid != os.Getpid() && refersTo(p.pid, dir) {
			left = append(left, p)
		}
	}
	if len(left) == 0 {
		return
	}
	if err := gone(left, 100*pollPeriod); err != nil {
		tb.Errorf("left behind in %s: %v", dir, err)
	}
}

// tail is what a file holds from an offset on, cut to the last 16 KB.
func tail(name string, from int64) string {
	data, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	data = data[min(from, int64(len(data))):]
	const most = 16 << 10
	if len(data) > most {
		data = append([]byte("…"), data[len(data)-most:]...)
	}
	return string(data)
}
