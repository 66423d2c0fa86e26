package main

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"

	"furl/test/bench/measure"
)

// serveHello makes this program the anchor: a net/http server that answers the greeting and calls nothing.
const serveHello = "-serve-hello"

// startAll starts every server that is wanted; those that it returns must be stopped, also after an error.
func startAll(ctx context.Context, o options, work string) ([]*measure.Server, error) {
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
		"PYTHONPATH=" + filepath.Join(root, "test/bench") + ":" + filepath.Join(root, "examples/hello") + ":" + filepath.Join(root, "test/bench/testdata/stream"),
	}
	var servers []*measure.Server
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
		port, err := measure.FreePort()
		if err != nil {
			return servers, err
		}
		s, err := measure.Launch(c.name, append(env, "PORT="+port), c.args(port))
		if err != nil {
			return servers, err
		}
		s.Target = measure.Target{Address: "127.0.0.1:" + port, Host: "127.0.0.1:" + port}
		servers = append(servers, s)
		if err := s.Ready(ctx); err != nil {
			return servers, err
		}
	}
	return servers, nil
}

// startFurl starts a server on a fresh data directory and deploys the hello function to it.
func startFurl(ctx context.Context, binary, root, work string, env []string) (*measure.Server, error) {
	// What isolation costs is measured by test/bench/cold.
	s, err := measure.StartFurl(ctx, "furl", binary, filepath.Join(work, "data"), env, []string{"--isolation", "process"})
	if s == nil {
		return nil, err
	}
	if err != nil {
		return s.Server, err
	}
	if s.Target, err = s.Up(ctx, filepath.Join(root, "examples/hello"), "--name", "hello"); err != nil {
		return s.Server, err
	}
	return s.Server, s.Ready(ctx)
}

// hello is the anchor, run in a process of its own.
func hello() error {
	port := os.Getenv("PORT")
	if port == "" {
		return errors.New("PORT is not set")
	}
	return http.ListenAndServe("127.0.0.1:"+port, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Write([]byte(measure.Greeting))
	}))
}
