package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// serveHello makes this program the anchor: a net/http server that answers the greeting and calls nothing.
const serveHello = "-serve-hello"

const greeting = `{"message": "Hello, John!"}`

// server is one that takes part.
type server struct {
	name string
	// address is host:port, host the Host header.
	address, host string
	cmd           *exec.Cmd
	log           *bytes.Buffer
	exited        chan struct{}
}

// startAll starts every server that is wanted; those that it returns must be stopped, also after an error.
func startAll(ctx context.Context, o options, work string) ([]*server, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	env := []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + work, "TMPDIR=" + work,
		"PYTHONPATH=" + filepath.Join(root, "test/bench") + ":" + filepath.Join(root, "examples/hello"),
	}
	var servers []*server
	if o.furl != "" && o.wants("furl") {
		s, err := startFurl(ctx, o.furl, root, work, env)
		if s != nil {
			servers = append(servers, s)
		}
		if err != nil {
			return servers, err
		}
	}
	for _, c := range []struct {
		name string
		args func(port string) []string
	}{
		{"uvicorn-1", func(p string) []string {
			return []string{o.python, "-m", "uvicorn", "app:asgi", "--port", p, "--no-access-log", "--log-level", "warning"}
		}},
		{"gunicorn-2", func(p string) []string {
			return []string{o.python, "-m", "gunicorn", "app:wsgi", "--bind", "127.0.0.1:" + p, "--workers", "2", "--log-level", "warning"}
		}},
		{"granian-1", func(p string) []string {
			return []string{o.python, "-m", "granian", "app:wsgi", "--interface", "wsgi", "--port", p, "--workers", "1", "--log-level", "warning"}
		}},
		{"go-net/http", func(p string) []string { return []string{self, serveHello} }},
	} {
		if !o.wants(c.name) {
			continue
		}
		port, err := freePort()
		if err != nil {
			return servers, err
		}
		s, err := launch(c.name, append(env, "PORT="+port), c.args(port))
		if err != nil {
			return servers, err
		}
		s.address, s.host = "127.0.0.1:"+port, "127.0.0.1:"+port
		servers = append(servers, s)
		if err := s.ready(ctx); err != nil {
			return servers, err
		}
	}
	return servers, nil
}

// startFurl starts a server on a fresh data directory and deploys the hello function to it.
func startFurl(ctx context.Context, binary, root, work string, env []string) (*server, error) {
	data := filepath.Join(work, "data")
	env = append(env, "FURL_DATA_DIR="+data)
	s, err := launch("furl", env, []string{binary, "serve", "--listen", "127.0.0.1:0"})
	if err != nil {
		return nil, err
	}
	info := filepath.Join(data, "server.json")
	if err := s.until(ctx, func() bool { _, err := os.Stat(info); return err == nil }); err != nil {
		return s, err
	}
	var address struct{ Endpoint string }
	text, err := os.ReadFile(info)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(text, &address); err != nil {
		return s, err
	}
	endpoint, err := url.Parse(address.Endpoint)
	if err != nil {
		return s, err
	}
	up := exec.CommandContext(ctx, binary, "up", filepath.Join(root, "examples/hello"), "--name", "hello")
	up.Env = env
	out, err := up.Output()
	if err != nil {
		return s, fmt.Errorf("furl up: %w\n%s", err, s.log)
	}
	u, err := url.Parse(strings.TrimSpace(string(out)))
	if err != nil {
		return s, err
	}
	s.address, s.host = endpoint.Host, u.Host
	return s, s.ready(ctx)
}

// launch starts a server in a process group of its own.
func launch(name string, env, args []string) (*server, error) {
	s := &server{name: name, log: new(bytes.Buffer), exited: make(chan struct{})}
	s.cmd = exec.Command(args[0], args[1:]...)
	s.cmd.Env = env
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.WaitDelay = 5 * time.Second
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		s.cmd.Wait() // how it ended is told by until, or of no interest
		close(s.exited)
	}()
	return s, nil
}

// until polls done for at most 30 s.
func (s *server) until(ctx context.Context, done func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-s.exited:
			return fmt.Errorf("%s exited\n%s", s.name, s.log)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", s.name, ctx.Err())
		}
	}
	return nil
}

// ready waits until the server greets, and warms it up.
func (s *server) ready(ctx context.Context) error {
	if err := s.until(ctx, func() bool { _, err := load(ctx, s.target(), step{1, 1, time.Second}); return err == nil }); err != nil {
		return err
	}
	_, err := load(ctx, s.target(), step{64, 2000, 10 * time.Second})
	return err
}

func (s *server) target() target { return target{s.address, s.host} }

// measurement is what one step showed.
type measurement struct {
	perSecond float64
	p50, p99  time.Duration
	// cpu is the processor time of the server and its children per request, negative where it cannot be read.
	cpu time.Duration
}

func (s *server) measure(ctx context.Context, st step) (measurement, error) {
	before, cpuErr := treeCPU(s.cmd.Process.Pid)
	began := time.Now()
	latencies, err := load(ctx, s.target(), st)
	if err != nil {
		return measurement{}, err
	}
	took := time.Since(began)
	m := measurement{perSecond: float64(len(latencies)) / took.Seconds(), p50: percentile(latencies, 50), p99: percentile(latencies, 99), cpu: -1}
	if cpuErr != nil {
		return m, nil
	}
	after, err := treeCPU(s.cmd.Process.Pid)
	if err != nil {
		return m, err
	}
	m.cpu = (after - before) / time.Duration(len(latencies))
	return m, nil
}

// stop ends a server and, should it refuse, its whole group.
func (s *server) stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.exited:
	case <-time.After(20 * time.Second):
		syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.exited
	}
}

// freePort returns a port that was free a moment ago.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// hello is the anchor, run in a process of its own.
func hello() error {
	port := os.Getenv("PORT")
	if port == "" {
		return errors.New("PORT is not set")
	}
	return http.ListenAndServe("127.0.0.1:"+port, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(greeting))
	}))
}
