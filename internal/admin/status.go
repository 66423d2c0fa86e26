package admin

import (
	"context"
	"errors"
	"slices"
	"time"

	"furl/internal/environment"
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
	}
	out.Runtimes, out.MissingRuntimes = s.runtimes(ctx, in.Runtimes)
	out.Functions, out.FunctionUrls = snap.Counts()
	if s.pool != nil {
		n := s.pool.Stats()
		out.Environments = EnvironmentCounts{Idle: n.Idle, Busy: n.Busy, Starting: n.Starting, Parked: n.Blanks, Waiting: n.Waiting}
	}
	return out, nil
}

// runtimes finds the interpreters of runtimes, and tells of those that were
// asked for by name and have none.
func (s *Service) runtimes(ctx context.Context, wanted []string) (found []Runtime, missing []MissingRuntime) {
	found = []Runtime{}
	if s.pool == nil || len(wanted) == 0 {
		return found, nil
	}
	interpreters := s.pool.Interpreters()
	if slices.Contains(wanted, anyRuntime) {
		for _, i := range interpreters.List(ctx) {
			if i.Err == nil {
				found = append(found, Runtime{i.Runtime, i.Path, i.Version})
			}
		}
		return found, nil
	}
	for _, name := range wanted {
		i, err := interpreters.Find(ctx, name)
		if err == nil {
			found = append(found, Runtime{i.Runtime, i.Path, i.Version})
			continue
		}
		one := MissingRuntime{Runtime: name}
		if why, ok := errors.AsType[*environment.InterpreterError](err); ok && why.Cause != nil {
			one.Reason = new(why.Cause.Error())
		}
		missing = append(missing, one)
	}
	return found, missing
}
