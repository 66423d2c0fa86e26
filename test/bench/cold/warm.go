package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"furl/test/bench/measure"
)

// contender answers the greeting in one of the ways that are compared.
type contender struct {
	name   string
	server *measure.Server
	target measure.Target
	cpu    []float64 // us a request, by round
	p50    []float64 // us
}

// measureWarm compares, at 8 connections, processor time a request: with sandboxes and without, and with furl's own
// runtime and AWS's runtime client behind the same front.
func (b *bench) measureWarm(ctx context.Context) error {
	all, err := b.contenders(ctx)
	if err != nil {
		return err
	}
	const connections = 8
	for _, c := range all { // environments exist and are warm before anything counts
		warmUp := measure.Step{Connections: connections, Requests: b.o.requests / 4, Bound: 10 * time.Second}
		if _, err := c.server.Measure(ctx, c.target, warmUp); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	for round := range b.o.slices {
		for i := range all {
			c := all[(i+round)%len(all)]
			m, err := c.server.Measure(ctx, c.target, measure.Step{Connections: connections, Requests: b.o.requests, Bound: 3 * time.Second})
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			c.cpu = append(c.cpu, float64(m.CPU)/float64(time.Microsecond))
			c.p50 = append(c.p50, float64(m.P50)/float64(time.Microsecond))
		}
	}
	process, isolated := all[0], all[1]
	b.report.add(against(isolated, process, 1.25, 1.1))
	if len(all) > 2 {
		b.report.add(against(isolated, all[2], 0.3, 0.2))
	}
	return nil
}

// against compares processor time within the same rounds.
func against(c, other *contender, must, goal float64) row {
	var ratios []float64
	for i := range c.cpu {
		ratios = append(ratios, c.cpu[i]/other.cpu[i])
	}
	return row{Section: "Warm: CPU a request, 8 connections", Figure: c.name + " / " + other.name,
		Measured: measure.Percentile(ratios, 50), Unit: "x", Must: &must, Goal: &goal,
		Note: fmt.Sprintf("%.0f us beside %.0f; p50 %.0f us beside %.0f", measure.Percentile(c.cpu, 50), measure.Percentile(other.cpu, 50),
			measure.Percentile(c.p50, 50), measure.Percentile(other.p50, 50))}
}

// wholeCore is the memory size in MB with which a function gets a core. Smaller functions are slowed down in sandboxes, and
// by no other means, which is not what is compared here.
const wholeCore = "1769"

// contenders are the process driver first, then the sandboxes, then AWS's client in sandboxes.
func (b *bench) contenders(ctx context.Context) ([]*contender, error) {
	var all []*contender
	runtime := []string{"--runtime", b.python + "=" + b.o.interpreter}
	for _, isolation := range []string{"process", "namespace"} {
		s, err := b.startRemote(ctx, "warm-"+isolation, append([]string{"--isolation", isolation}, runtime...)...)
		if err != nil {
			return nil, err
		}
		t, err := s.Up(ctx, b.o.hello, "--name", "hello", "--runtime", b.python, "--memory", wholeCore)
		if err != nil {
			return nil, err
		}
		all = append(all, &contender{name: "furl's runtime, isolation " + isolation, server: s.Server, target: t})
		if isolation != "namespace" || !strings.HasPrefix(b.o.interpreter, "/usr/") {
			continue // sandboxes of custom runtimes show interpreters below /usr only
		}
		t, err = s.Up(ctx, b.code.Client, "--name", "client", "--runtime", provided, "--handler", "none", "--timeout", "10", "--memory", wholeCore)
		if err != nil {
			return nil, err
		}
		all = append(all, &contender{name: "awslambdaric, isolation " + isolation, server: s.Server, target: t})
	}
	return all, nil
}
