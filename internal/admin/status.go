package admin

import (
	"context"
	"slices"
	"time"
)

// anyRuntime asks GetStatus for every managed runtime.
const anyRuntime = "*"

// GetStatus says how the server does.
func (s *Service) GetStatus(ctx context.Context, in *GetStatusRequest) (*GetStatusResponse, error) {
	snap := s.state.Snapshot()
	out := &GetStatusResponse{
		Version:         s.version,
		Mode:            s.mode(),
		Account:         account(ctx),
		Region:          s.region,
		Domain:          s.domain,
		StartTime:       s.started.UTC().Truncate(time.Second),
		UptimeSeconds:   int64(s.now().Sub(s.started) / time.Second),
		Users:           len(snap.Users(account(ctx))),
		Roles:           len(snap.Roles(account(ctx))),
		IsolationDriver: s.driver,
		Runtimes:        s.runtimes(ctx, in.Runtimes),
	}
	out.Functions, out.FunctionUrls = snap.Counts()
	if s.pool != nil {
		n := s.pool.Stats()
		out.Environments = EnvironmentCounts{Idle: n.Idle, Busy: n.Busy, Starting: n.Starting, Parked: n.Blanks, Waiting: n.Waiting}
	}
	return out, nil
}

// runtimes finds the interpreters of runtimes.
func (s *Service) runtimes(ctx context.Context, wanted []string) []Runtime {
	found := []Runtime{}
	if s.pool == nil || len(wanted) == 0 {
		return found
	}
	interpreters := s.pool.Interpreters()
	if slices.Contains(wanted, anyRuntime) {
		for _, i := range interpreters.List(ctx) {
			if i.Err == nil {
				found = append(found, Runtime{i.Runtime, i.Path, i.Version})
			}
		}
		return found
	}
	for _, name := range wanted {
		// Why there is none is for whoever needs it, not an error here.
		if i, err := interpreters.Find(ctx, name); err == nil {
			found = append(found, Runtime{i.Runtime, i.Path, i.Version})
		}
	}
	return found
}
