package admin

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"furl/internal/environment"
	"furl/internal/sandbox"
)

// anyRuntime asks GetStatus for every managed runtime.
const anyRuntime = "*"

// GetStatus says how the server does.
func (s *Service) GetStatus(ctx context.Context, in *GetStatusRequest) (*GetStatusResponse, error) {
	snap := s.state.Snapshot()
	out := &GetStatusResponse{
		Version:       s.version,
		Mode:          s.mode(),
		Account:       account(ctx),
		Region:        s.region,
		Domain:        s.domain,
		StartTime:     s.started.UTC().Truncate(time.Second),
		UptimeSeconds: int64(s.now().Sub(s.started) / time.Second),
		Users:         len(snap.Users(account(ctx))),
		Roles:         len(snap.Roles(account(ctx))),
		Isolation:     s.isolated,
		Egress:        s.egress(),
		Blanks:        []BlankCount{},
		ColdStarts:    []ColdStartCount{},
	}
	if value(in.Probe) {
		out.Isolation.Without = without(s.probe(ctx))
	}
	out.Runtimes, out.MissingRuntimes = s.runtimes(ctx, in.Runtimes)
	out.Functions, out.FunctionUrls = snap.Counts()
	if s.queue != nil {
		var err error
		if out.Queue, err = s.queue(ctx); err != nil {
			return nil, err
		}
	}
	if s.pool != nil {
		n := s.pool.Stats()
		out.Environments = EnvironmentCounts{Idle: n.Idle, Busy: n.Busy, Starting: n.Starting, Parked: n.Blanks, Waiting: n.Waiting, Frozen: n.Frozen}
		for _, name := range slices.Sorted(maps.Keys(n.Runtimes)) {
			r := n.Runtimes[name]
			if r.Blanks > 0 {
				out.Blanks = append(out.Blanks, BlankCount{name, r.Blanks})
			}
			out.ColdStarts = append(out.ColdStarts, ColdStartCount{name, int64(r.Stocked.Count), int64(r.Unstocked.Count)})
		}
	}
	return out, nil
}

// without are the features that a driver works without.
func without(r sandbox.Report) []string {
	lacks := []string{}
	for _, f := range r.Features {
		if f.OK {
			continue
		}
		text := f.Name
		if f.Detail != "" {
			text += ": " + f.Detail
		}
		if f.Hint != "" {
			text += " (" + f.Hint + ")"
		}
		lacks = append(lacks, text)
	}
	return lacks
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
