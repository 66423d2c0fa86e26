package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"furl/internal/environment"
	"furl/internal/state"
)

// latency is one kind of start whose times are taken, a round each, in turn with the others.
type latency struct {
	name string
	// by names the latency that this one is a ratio of; empty for a reference.
	by         string
	must, goal float64 // zero: none
	note       string
	// heavy ones take long and have fewer rounds.
	heavy bool
	// once takes one time. It returns when what it started has ended and the stock is full again.
	once func(ctx context.Context) (time.Duration, error)

	all []time.Duration
}

// The references.
const (
	barePass  = "python3 -c pass"
	importSDK = "import boto3, fresh interpreter"
	importWeb = "import FastAPI app, fresh interpreter"
)

// latencies are all of them, of the engine and of the server.
func (b *bench) latencies(ctx context.Context) ([]*latency, error) {
	all := []*latency{
		{name: barePass, once: func(ctx context.Context) (time.Duration, error) { return bare(ctx, b.o.interpreter) }},
		{name: importSDK, heavy: true, once: func(ctx context.Context) (time.Duration, error) {
			return importTime(ctx, b.o.interpreter, b.code.SDK, "sdk")
		}},
		{name: importWeb, heavy: true, once: func(ctx context.Context) (time.Duration, error) {
			return importTime(ctx, b.o.interpreter, b.code.Web, "web")
		}},
	}
	for _, add := range []func(context.Context) ([]*latency, error){b.pythonLatencies, b.otherLatencies, b.importLatencies, b.httpLatencies} {
		some, err := add(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// newStart is a cold start of a function that the engine has not seen before, and which finds a blank waiting if the engine
// has any.
func newStart(e *engine, code, handler string) func(context.Context) (time.Duration, error) {
	return func(ctx context.Context) (time.Duration, error) {
		hits := e.stocked()
		_, took, err := e.start(ctx, e.function(code, handler))
		if err != nil {
			return 0, err
		}
		if hit := e.stocked() > hits; hit != e.stocks {
			return 0, fmt.Errorf("a blank was waiting: %v, want %v", hit, e.stocks)
		}
		e.retire()
		return took, e.settle(ctx)
	}
}

func (b *bench) pythonLatencies(ctx context.Context) ([]*latency, error) {
	hit, err := b.engine(ctx, b.python, b.o.interpreter, false, nil)
	if err != nil {
		return nil, err
	}
	strict, err := b.engine(ctx, b.python, b.o.interpreter, false, func(o *environment.Options) { o.Strict = true })
	if err != nil {
		return nil, err
	}
	empty, err := b.engine(ctx, b.python, b.o.interpreter, true, nil)
	if err != nil {
		return nil, err
	}
	return []*latency{
		{name: "Python, pool hit, engine", by: barePass, must: 0.15, goal: 0.07, once: newStart(hit, b.code.Plain, "app.handler")},
		{name: "Python, pool hit, engine, strict", by: barePass, must: 0.15, goal: 0.07, once: newStart(strict, b.code.Plain, "app.handler")},
		{name: "Python, pool empty, engine", by: barePass, must: 0.6, goal: 0.3, once: newStart(empty, b.code.Plain, "app.handler")},
		{name: "Python, 17 std modules, pool hit, engine", by: barePass, must: 0, goal: 0.15, once: newStart(hit, b.code.Plain, "std.handler")},
	}, nil
}

// otherLatencies are those of Node.js and of custom runtimes.
func (b *bench) otherLatencies(ctx context.Context) ([]*latency, error) {
	var all []*latency
	if b.o.node != "" {
		node, err := b.engine(ctx, b.nodejs, b.o.node, false, nil)
		if err != nil {
			return nil, err
		}
		all = append(all, &latency{name: "Node.js, pool hit, engine", by: barePass, must: 0.25, goal: 0.1,
			once: newStart(node, b.code.Node, "app.handler")})
	}
	custom, err := b.engine(ctx, provided, "", false, nil)
	if err != nil {
		return nil, err
	}
	all = append(all, &latency{name: "custom runtime, static Go with net/http, pool hit, engine", by: barePass, must: 0.5, goal: 0.35,
		once: newStart(custom, b.code.Go, "")})
	if b.code.C != "" {
		all = append(all, &latency{name: "custom runtime, static C, pool hit, engine", by: barePass, must: 0.3, goal: 0.15,
			once: newStart(custom, b.code.C, "")})
	}
	return all, nil
}

// importLatencies are further environments of versions that were started before. The pool has room for one environment,
// so each start ends the one before it and no version has to change for that.
func (b *bench) importLatencies(ctx context.Context) ([]*latency, error) {
	e, err := b.engine(ctx, b.python, b.o.interpreter, false, func(o *environment.Options) { o.MaxEnvironments = 1 })
	if err != nil {
		return nil, err
	}
	plain := e.function(b.code.Plain, "app.handler")
	again := func(t *state.Target) func(context.Context) (time.Duration, error) {
		return func(ctx context.Context) (time.Duration, error) {
			_, took, err := e.start(ctx, t)
			if err != nil {
				return 0, err
			}
			if _, _, err = e.start(ctx, plain); err != nil {
				return 0, err
			}
			return took, e.settle(ctx)
		}
	}
	all := []*latency{
		{name: "Python with boto3, pool hit, engine", by: importSDK, must: 1, goal: 0.03, heavy: true,
			once: again(e.function(b.code.SDK, "sdk.handler"))},
		{name: "Python with FastAPI, pool hit, engine", by: importWeb, must: 1, goal: 0.03, heavy: true,
			once: again(e.function(b.code.Web, "web.handler"))},
	}
	for _, l := range all {
		if _, err := l.once(ctx); err != nil { // the version's first
			return nil, err
		}
	}
	return all, nil
}

// measureLatencies runs all of them in turn.
func (b *bench) measureLatencies(ctx context.Context) error {
	all, err := b.latencies(ctx)
	if err != nil {
		return err
	}
	for round := range b.o.rounds {
		for i := range all {
			// Another one begins each round: the one after a heavy one is not always the same.
			l := all[(i+round)%len(all)]
			if l.heavy && round%4 != 0 {
				continue
			}
			took, err := l.once(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
			l.all = append(l.all, took)
		}
		if (round+1)%20 == 0 {
			b.progress("cold starts: round %d of %d", round+1, b.o.rounds)
		}
	}
	b.report.add(latencyRows(all)...)
	return nil
}

// latencyRows are ratios of medians.
func latencyRows(all []*latency) []row {
	medians := map[string]float64{}
	for _, l := range all {
		medians[l.name] = timesOf(l.all).Median
	}
	var rows []row
	for _, l := range all {
		r := row{Section: "Cold starts: request to first answer", Figure: l.name, Times: timesOf(l.all), Unit: "x", Measured: 1, Note: l.note}
		if l.by != "" {
			r.Measured = medians[l.name] / medians[l.by]
			if l.by != barePass {
				r.Figure += " / " + strings.ToLower(l.by[:1]) + l.by[1:]
			}
		}
		r.Must, r.Goal = limit(l.must), limit(l.goal)
		rows = append(rows, r)
	}
	return rows
}

// limit is a limit of the report; zero is none.
func limit(v float64) *float64 {
	if v == 0 {
		return nil
	}
	return &v
}
