package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"furl/test/bench/measure"
)

// What the neighbour does meanwhile. The second works as much as the third and keeps nothing of it, so that the ratio of
// those two is what its log costs others, and not what its own work costs.
const (
	quietNeighbour = "idle"
	mutedNeighbour = "writes to nowhere"
	noisyNeighbour = "logs 10 MB/s"
)

var neighbours = []string{quietNeighbour, mutedNeighbour, noisyNeighbour}

// noisyAtOnce environments log 10 MB a second together, in invocations of two seconds: no environment and no invocation
// more than may be kept, so that everything is.
const (
	noisyAtOnce  = 4
	noisyRequest = "/?mb=2.55&seconds=2&to="
)

// noiseSample is the requests of one step beside one neighbour in one round.
type noiseSample struct {
	round       int
	neighbour   string
	connections int
	latencies   []time.Duration
	perSecond   float64
	written     float64 // MB a second that the neighbour wrote, in all steps of the round
}

// noise measures the greeting beside another function that logs: what 10 MB of it a second cost others' requests.
func noise(ctx context.Context, o options, work string) ([]noiseRow, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	env := []string{"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + work, "TMPDIR=" + work}
	f, err := measure.StartFurl(ctx, "furl", o.furl, filepath.Join(work, "noise"), env, []string{"--isolation", "process"})
	if f == nil {
		return nil, err
	}
	defer f.Stop()
	if err != nil {
		return nil, err
	}
	if f.Target, err = f.Up(ctx, filepath.Join(root, "examples/hello"), "--name", "hello"); err != nil {
		return nil, err
	}
	noisy, err := f.Up(ctx, filepath.Join(root, "test/bench/testdata/noise/noise.py"), "--name", "noise", "--handler", "noise.lambda_handler", "--timeout", "30")
	if err != nil {
		return nil, err
	}
	if err := f.Ready(ctx); err != nil {
		return nil, err
	}
	steps := []measure.Step{{Connections: 1, Requests: 1 << 20, Bound: 4 * time.Second}, {Connections: 8, Requests: 1 << 20, Bound: 4 * time.Second}}
	if o.short {
		steps[0].Bound, steps[1].Bound = time.Second, time.Second
	}
	var all []noiseSample
	for round := range o.rounds {
		for i := range neighbours {
			more, err := beside(ctx, f.Target, noisy, neighbours[(i+round)%len(neighbours)], steps)
			if err != nil {
				return nil, err
			}
			for _, s := range more {
				s.round = round
				all = append(all, s)
			}
		}
		fmt.Fprintf(os.Stderr, "noise: round %d of %d\n", round+1, o.rounds)
	}
	return noiseRows(steps, all), kept(filepath.Join(f.Data, "logs"))
}

// kept fails if a line in the logs tells of output that was dropped: less would have been logged than was written.
func kept(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".jsonl" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if i := bytes.Index(data, []byte(" dropped")); i >= 0 {
			return fmt.Errorf("output was dropped: %.200s", data[max(0, i-80):])
		}
		return nil
	})
}

// beside measures the steps while the neighbour does what its name says.
func beside(ctx context.Context, quiet, noisy measure.Target, neighbour string, steps []measure.Step) (out []noiseSample, err error) {
	n := startNeighbour(ctx, noisy, neighbour)
	defer func() {
		err = errors.Join(err, n.stop())
		for i := range out {
			out[i].written = float64(n.written.Load()) / 1e6 / time.Since(n.began).Seconds()
		}
	}()
	for _, st := range steps {
		began := time.Now()
		latencies, err := measure.Load(ctx, quiet, st)
		if err != nil {
			return nil, err
		}
		out = append(out, noiseSample{neighbour: neighbour, connections: st.Connections, latencies: latencies,
			perSecond: float64(len(latencies)) / time.Since(began).Seconds()})
	}
	return out, nil
}

// neighbourLoad keeps the noisy function busy until it is stopped.
type neighbourLoad struct {
	began   time.Time
	written atomic.Int64 // bytes, counted when a request has ended
	cancel  context.CancelFunc
	all     sync.WaitGroup
	errs    [noisyAtOnce]error
}

func startNeighbour(ctx context.Context, t measure.Target, neighbour string) *neighbourLoad {
	ctx, cancel := context.WithCancel(ctx)
	n := &neighbourLoad{cancel: cancel}
	to := map[string]string{mutedNeighbour: "null", noisyNeighbour: "stdout"}[neighbour]
	if to == "" {
		return n
	}
	var begun sync.WaitGroup
	begun.Add(noisyAtOnce)
	for i := range noisyAtOnce {
		n.all.Go(func() {
			c := measure.Client{Address: t.Address}
			defer c.Close()
			// The first is a short one, so that no environment is made while others are measured.
			request := t.Get("/?mb=1&seconds=0.2&to=null")
			for first := true; first || ctx.Err() == nil; first = false {
				// One that is under way is waited for: the next neighbour must not hear of it.
				body, _, err := c.Call(context.WithoutCancel(ctx), request)
				if first {
					begun.Done()
					request = t.Get(noisyRequest + to)
				}
				written := 0
				if err == nil && !first {
					written, err = strconv.Atoi(string(body))
				}
				if n.errs[i] = err; err != nil {
					return
				}
				n.written.Add(int64(written))
			}
		})
	}
	begun.Wait()
	n.began = time.Now()
	return n
}

func (n *neighbourLoad) stop() error {
	n.cancel()
	n.all.Wait()
	return errors.Join(n.errs[:]...)
}

// noiseRow is about the requests of all rounds, in microseconds. The ratios are medians of each round's to the neighbour
// that writes to nowhere.
type noiseRow struct {
	Connections int     `json:"connections"`
	Neighbour   string  `json:"neighbour"`
	Written     float64 `json:"neighbourMbPerSecond"`
	PerSecond   float64 `json:"perSecond"`
	Min         float64 `json:"minUs"`
	Median      float64 `json:"medianUs"`
	P99         float64 `json:"p99us"`
	MedianRatio float64 `json:"medianRatio"`
	P99Ratio    float64 `json:"p99Ratio"`
}

func noiseRows(steps []measure.Step, all []noiseSample) []noiseRow {
	at := func(p int) func(noiseSample) float64 {
		return func(s noiseSample) float64 { return micros(measure.Percentile(slices.Clone(s.latencies), p)) }
	}
	var out []noiseRow
	for _, st := range steps {
		muted := pickNoise(all, mutedNeighbour, st.Connections)
		for _, name := range neighbours {
			rows := pickNoise(all, name, st.Connections)
			var times []time.Duration
			for _, s := range rows {
				times = append(times, s.latencies...)
			}
			out = append(out, noiseRow{
				Connections: st.Connections, Neighbour: name,
				Written:   measure.Percentile(noiseValues(rows, func(s noiseSample) float64 { return s.written }), 50),
				PerSecond: measure.Percentile(noiseValues(rows, func(s noiseSample) float64 { return s.perSecond }), 50),
				Min:       micros(slices.Min(times)), Median: micros(measure.Percentile(times, 50)), P99: micros(measure.Percentile(times, 99)),
				MedianRatio: noiseRatio(rows, muted, at(50)), P99Ratio: noiseRatio(rows, muted, at(99)),
			})
		}
	}
	return out
}

func pickNoise(all []noiseSample, neighbour string, connections int) []noiseSample {
	return slices.DeleteFunc(slices.Clone(all), func(s noiseSample) bool { return s.neighbour != neighbour || s.connections != connections })
}

func noiseValues(rows []noiseSample, of func(noiseSample) float64) []float64 {
	var v []float64
	for _, s := range rows {
		v = append(v, of(s))
	}
	return v
}

func noiseRatio(rows, anchor []noiseSample, of func(noiseSample) float64) float64 {
	var r []float64
	for _, s := range rows {
		for _, a := range anchor {
			if a.round == s.round {
				r = append(r, of(s)/of(a))
			}
		}
	}
	return measure.Percentile(r, 50)
}

// noiseTable prints what is known of the neighbours.
func (r *report) noiseTable(w io.Writer) {
	if len(r.Noise) > 0 {
		fmt.Fprintln(w, "connections\tneighbour\tits MB/s\treq/s\tmin us\tp50 us\tp99 us\tp50/to nowhere\tp99/to nowhere\t")
	}
	for _, row := range r.Noise {
		fmt.Fprintf(w, "%d\t%s\t%.1f\t%.0f\t%.0f\t%.0f\t%.0f\t%.2f\t%.2f\t\n", row.Connections, row.Neighbour, row.Written,
			row.PerSecond, row.Min, row.Median, row.P99, row.MedianRatio, row.P99Ratio)
	}
}
