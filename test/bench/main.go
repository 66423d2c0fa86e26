// Command bench measures warm requests to the hello function's URL beside the same handler in gunicorn, uvicorn and
// granian: requests per second, latency and CPU per request. All servers stay up and take turns, round after round, so
// that a noisy moment of the machine falls on all of them; what travels from machine to machine is the ratios, and CPU
// per request before requests per second. After that it measures streamed answers beside those of uvicorn and granian:
// how much passes through, and when the first byte is there. At last it measures requests beside another function that
// logs much. Cold starts, memory and what isolation costs are test/bench/cold's.
//
//	go run ./test/bench -furl bin/furl -python .venv/bench/bin/python [-short] [-json]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"furl/test/bench/measure"
)

// options are the command line.
type options struct {
	furl, python, node string
	rounds             int
	sections, only     string
	short, json        bool
}

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	if len(args) == 1 && args[0] == serveHello {
		return hello()
	}
	o, err := parse(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	work, err := os.MkdirTemp("", "furl-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	var r report
	if slices.Contains(strings.Split(o.sections, ","), "warm") {
		if r.Warm, err = warm(ctx, o, work); err != nil {
			return err
		}
	}
	if slices.Contains(strings.Split(o.sections, ","), "stream") {
		if r.Throughput, r.FirstByte, err = streams(ctx, o, work); err != nil {
			return err
		}
	}
	if slices.Contains(strings.Split(o.sections, ","), "noise") && o.furl != "" {
		if r.Noise, err = noise(ctx, o, work); err != nil {
			return err
		}
	}
	if o.json {
		return r.json(out)
	}
	return r.table(out)
}

// warm measures the greeting.
func warm(ctx context.Context, o options, work string) ([]warmRow, error) {
	servers, err := startAll(ctx, o, work)
	defer func() {
		for _, s := range servers {
			s.Stop()
		}
	}()
	if err != nil {
		return nil, err
	}
	steps := []measure.Step{{Connections: 1, Requests: 5000, Bound: 4 * time.Second}, {Connections: 8, Requests: 20000, Bound: 6 * time.Second}, {Connections: 64, Requests: 20000, Bound: 6 * time.Second}}
	if o.short {
		steps = []measure.Step{{Connections: 1, Requests: 300, Bound: 2 * time.Second}, {Connections: 8, Requests: 1500, Bound: 3 * time.Second}, {Connections: 64, Requests: 1500, Bound: 3 * time.Second}}
	}
	var all []sample
	for round := range o.rounds {
		for i := range servers {
			// Another one begins each round: the one after a heavy server is not always the same.
			s := servers[(i+round)%len(servers)]
			for _, st := range steps {
				m, err := s.Measure(ctx, s.Target, st)
				if err != nil {
					return nil, err
				}
				all = append(all, sample{round, s.Name, st.Connections, m})
			}
		}
		fmt.Fprintf(os.Stderr, "warm: round %d of %d\n", round+1, o.rounds)
	}
	names := make([]string, len(servers))
	for i, s := range servers {
		names[i] = s.Name
	}
	return warmRows(names, steps, all), nil
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.furl, "furl", "bin/furl", "the furl binary; empty leaves furl out")
	flags.StringVar(&o.python, "python", ".venv/bench/bin/python", "interpreter that has gunicorn, uvicorn and granian")
	flags.StringVar(&o.node, "node", "/usr/bin/node", "Node.js, for its streams; left out where there is none")
	flags.StringVar(&o.sections, "sections", "warm,stream,noise", "what to measure")
	flags.BoolVar(&o.json, "json", false, "print JSON")
	flags.IntVar(&o.rounds, "rounds", 7, "how often each server takes its turn")
	flags.StringVar(&o.only, "only", "", "comma-separated names of the servers to run (default all)")
	flags.BoolVar(&o.short, "short", false, "3 rounds of few requests, to try the harness")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.short {
		o.rounds = min(o.rounds, 3)
	}
	// Absolute: a name on PATH may be a shim that costs more than what is measured. Not resolved further: the virtual
	// environment is found by the path of the link.
	for _, p := range []*string{&o.furl, &o.python} {
		if *p == "" {
			continue
		}
		abs, err := filepath.Abs(*p)
		if err != nil {
			return o, err
		}
		if _, err := os.Stat(abs); err != nil {
			return o, fmt.Errorf("%w (make bench builds and installs what it needs)", err)
		}
		*p = abs
	}
	if _, err := os.Stat(o.node); err != nil {
		o.node = ""
	}
	return o, nil
}

// wants reports whether a server is to be run.
func (o options) wants(name string) bool {
	return o.only == "" || slices.Contains(strings.Split(o.only, ","), name)
}
