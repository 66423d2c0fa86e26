package measure

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os/exec"
	"syscall"
	"time"
)

// Server is a server that takes part in a benchmark.
type Server struct {
	Name string
	// Target is where it answers; the caller sets it.
	Target Target
	cmd    *exec.Cmd
	log    *bytes.Buffer
	exited chan struct{}
}

// Launch starts a server in a process group of its own, with no other environment than env.
func Launch(name string, env, args []string) (*Server, error) {
	s := &Server{Name: name, log: new(bytes.Buffer), exited: make(chan struct{})}
	s.cmd = exec.Command(args[0], args[1:]...)
	s.cmd.Env = env
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.WaitDelay = 5 * time.Second
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		s.cmd.Wait() // how it ended is told by Until, or of no interest
		close(s.exited)
	}()
	return s, nil
}

// PID is the server's process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// Until polls done for at most 30 s.
func (s *Server) Until(ctx context.Context, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-s.exited:
			return fmt.Errorf("%s exited\n%s", s.Name, s.log)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", s.Name, ctx.Err())
		}
	}
	return nil
}

// Ready waits until the server greets at its target, and warms it up.
func (s *Server) Ready(ctx context.Context) error {
	if err := s.Until(ctx, func() bool { _, err := Load(ctx, s.Target, Step{1, 1, time.Second}); return err == nil }); err != nil {
		return err
	}
	_, err := Load(ctx, s.Target, Step{64, 2000, 10 * time.Second})
	return err
}

// Stop ends a server and, should it refuse, its whole group.
func (s *Server) Stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
	case <-time.After(20 * time.Second):
		syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.exited
	}
}

// FreePort returns a port that was free a moment ago.
func FreePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// Measurement is what one step showed.
type Measurement struct {
	PerSecond float64
	P50, P99  time.Duration
	// CPU is the processor time of the server and its children per request, negative where it cannot be read.
	CPU time.Duration
}

// Measure puts a step's load on one of the server's targets.
func (s *Server) Measure(ctx context.Context, t Target, st Step) (Measurement, error) {
	before, cpuErr := TreeCPU(s.PID())
	began := time.Now()
	latencies, err := Load(ctx, t, st)
	if err != nil {
		return Measurement{}, fmt.Errorf("%s: %w", s.Name, err)
	}
	took := time.Since(began)
	m := Measurement{PerSecond: float64(len(latencies)) / took.Seconds(), P50: Percentile(latencies, 50), P99: Percentile(latencies, 99), CPU: -1}
	if cpuErr != nil {
		return m, nil
	}
	after, err := TreeCPU(s.PID())
	if err != nil {
		return m, fmt.Errorf("%s: %w", s.Name, err)
	}
	m.CPU = (after - before) / time.Duration(len(latencies))
	return m, nil
}
