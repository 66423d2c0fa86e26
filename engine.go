package furl

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"furl/internal/admin"
	"furl/internal/code"
	"furl/internal/environment"
	"furl/internal/isolation"
	"furl/internal/lambda"
	"furl/internal/logs"
	"furl/internal/state"
)

// openEngine opens what runs functions: their code, their logs, the pool.
func (n *Node) openEngine(ctx context.Context) error {
	c := n.config
	var err error
	if n.trees, err = code.Open(filepath.Join(c.DataDir, codeDir), code.DefaultLimits()); err != nil {
		return err
	}
	n.logs, err = logs.Open(filepath.Join(c.DataDir, logsDir), logs.Options{Retain: n.home().Retention(n.state), Logger: c.Logger})
	if err != nil {
		return err
	}
	n.onClose("logs", n.logs.Close)

	work, err := emptyDir(filepath.Join(c.DataDir, workDir))
	if err != nil {
		return err
	}
	if n.runs, err = isolation.Open(ctx, c.isolation(work)); err != nil {
		return fmt.Errorf("furl: %w", err)
	}
	n.onClose("sandboxes", n.runs.Driver.Close)
	n.tellIsolation()
	n.pool, err = environment.NewPool(environment.Options{
		Driver:          n.runs.Driver,
		Network:         n.network,
		Credentials:     n.credentialsOf,
		MaxAge:          environmentAge,
		Strict:          c.Strict,
		Dir:             filepath.Join(work, "runtimes"),
		Region:          c.Region,
		Runtimes:        c.Runtimes,
		CodeDir:         n.codeOf,
		LayersDir:       n.layersOf,
		Output:          n.output,
		Format:          formatEvent,
		MaxConcurrency:  lambda.AccountConcurrency,
		MaxEnvironments: c.MaxEnvironments,
		StreamRate:      c.StreamRate,
		Logger:          c.Logger,
	})
	if err != nil {
		return err
	}
	n.onClose("environments", n.closePool)
	n.compiled = newCompiler(n.trees, n.pool, c.Logger)
	n.onClose("compiler", n.compiled.close)
	n.state.Subscribe(func(prev, next *state.Snapshot) {
		n.pool.Update(next.Target)
		if !next.SameProvisions(prev) {
			n.provision(next)
		}
	})
	n.provision(n.state.Snapshot())
	return nil
}

// provision keeps the environments ready that functions are configured to have.
func (n *Node) provision(s *state.Snapshot) {
	var wanted []environment.Provisioned
	for f := range s.Provisioned {
		for _, p := range f.SortedProvisions() {
			for _, share := range f.Shares(p) {
				wanted = append(wanted, environment.Provisioned{Target: share.Target, Count: share.Count})
			}
		}
	}
	n.pool.Provision(wanted)
}

// isolation says what is asked for, in a working directory.
func (c Config) isolation(work string) isolation.Options {
	return isolation.Options{Level: c.Isolation, Because: c.because, Command: c.Supervisor, Dir: work, Logger: c.Logger}
}

// tellIsolation logs, once, where functions run in less than the strongest that
// furl has, and what would change that. Where there is nothing stronger it is
// no more than worth knowing.
func (n *Node) tellIsolation() {
	name := n.runs.Driver.Name()
	if name == IsolationNamespace {
		return
	}
	attrs := []any{"isolation", name, "means", isolation.Meaning(name)}
	if why := n.runs.Why(); why != "" {
		attrs = append(attrs, "reason", why, "remedy", orDefault(n.runs.Remedy(), "furl doctor tells more"))
	}
	if c := n.config; c.Egress == EgressNone || len(c.EgressAllow)+len(c.EgressHostPorts) > 0 {
		c.Logger.Warn("the egress settings have no effect: functions have this server's network", "isolation", name)
	}
	if runtime.GOOS != "linux" || len(n.config.Supervisor) == 0 {
		n.config.Logger.Info("functions are not isolated from this machine", attrs...)
		return
	}
	n.config.Logger.Warn("functions are not fully isolated from this machine", attrs...)
}

// isolationStatus says for furl status what functions run in.
func (n *Node) isolationStatus() admin.IsolationStatus {
	s := admin.IsolationStatus{Driver: n.runs.Driver.Name(), Level: n.config.Isolation}
	if because := n.config.because; because != "" {
		s.Because = &because
	}
	if why := n.runs.Why(); why != "" {
		s.Reason = &why
		if remedy := n.runs.Remedy(); remedy != "" {
			s.Remedy = &remedy
		}
	}
	return s
}

// closePool ends the execution environments. Invocations that are under way
// have until the end of the drain, which began with that of Run.
func (n *Node) closePool() error {
	end := n.served
	if end.IsZero() {
		end = time.Now().Add(n.config.DrainTimeout)
	}
	ctx, cancel := context.WithDeadline(context.Background(), end)
	defer cancel()
	return n.pool.Close(ctx)
}

// emptyDir makes a directory without what a server that was killed left in it.
func emptyDir(path string) (string, error) {
	if err := os.RemoveAll(path); err != nil {
		return "", fmt.Errorf("furl: clear %s: %w", path, err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", fmt.Errorf("furl: %w", err)
	}
	return path, nil
}
