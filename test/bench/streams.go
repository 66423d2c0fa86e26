package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"furl/test/bench/measure"
)

// streamAnchor is the server that streams are compared with.
const streamAnchor = "uvicorn-1"

// firstPiece is what every stream begins with; see testdata/stream.
const firstPiece = int64(len("first\n"))

// streamer is a server, and where it streams. Two can be one process.
type streamer struct {
	*measure.Server
	name   string
	target measure.Target
	path   string
}

// fetch is a load of streams of so many chunks of so many bytes.
func (s *streamer) fetch(ctx context.Context, connections, requests, chunks, size int) (measure.StreamMeasurement, error) {
	return s.MeasureStreams(ctx, s.target, measure.StreamStep{
		Path: fmt.Sprintf("%s?chunks=%d&size=%d", s.path, chunks, size), Connections: connections, Requests: requests,
		Size: firstPiece + int64(chunks)*int64(size),
	})
}

// streamSample is one step of streams of one server in one round.
type streamSample struct {
	round       int
	server      string
	connections int
	measure.StreamMeasurement
}

// streams measures streamed answers: long ones, one after the other, and short ones of which the first byte is timed.
func streams(ctx context.Context, o options, work string) ([]throughputRow, []firstByteRow, error) {
	servers, err := startStreamers(ctx, o, work)
	defer func() {
		for _, s := range servers {
			s.Stop()
		}
	}()
	if err != nil {
		return nil, nil, err
	}
	const size = 64 << 10
	chunks, long, short := 1024, 4, 1000
	if o.short {
		chunks, long, short = 256, 2, 100
	}
	connections := []int{1, 8}
	var through, first []streamSample
	for round := range o.rounds {
		for i := range servers {
			s := servers[(i+round)%len(servers)]
			m, err := s.fetch(ctx, 1, long, chunks, size)
			if err != nil {
				return nil, nil, err
			}
			through = append(through, streamSample{round, s.name, 1, m})
			for _, n := range connections {
				if m, err = s.fetch(ctx, n, short, 4, 1<<10); err != nil {
					return nil, nil, err
				}
				first = append(first, streamSample{round, s.name, n, m})
			}
		}
		fmt.Fprintf(os.Stderr, "streams: round %d of %d\n", round+1, o.rounds)
	}
	var names []string
	for _, s := range servers {
		names = append(names, s.name)
	}
	return throughputRows(names, long, firstPiece+int64(chunks)*size, through), firstByteRows(names, connections, first), nil
}

// startStreamers starts the servers; those that it returns must be stopped, also after an error.
func startStreamers(ctx context.Context, o options, work string) ([]*streamer, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	code := filepath.Join(root, "test/bench/testdata/stream")
	env := []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + work, "TMPDIR=" + work,
		"PYTHONPATH=" + filepath.Join(root, "test/bench") + ":" + filepath.Join(root, "examples/hello") + ":" + code,
	}
	var all []*streamer
	if o.furl != "" && (o.wants("furl") || o.wants("furl-node")) {
		if all, err = startFurlStreams(ctx, o, code, filepath.Join(work, "streams"), env); err != nil {
			return all, err
		}
	}
	for _, c := range []struct {
		name string
		args []string
	}{
		{streamAnchor, []string{"uvicorn", "app:asgi", "--no-access-log", "--log-level", "warning", "--port"}},
		{"granian-asgi-1", []string{"granian", "app:asgi", "--interface", "asgi", "--workers", "1", "--log-level", "warning", "--port"}},
	} {
		if !o.wants(c.name) {
			continue
		}
		port, err := measure.FreePort()
		if err != nil {
			return all, err
		}
		s, err := measure.Launch(c.name, env, append(append([]string{o.python, "-m"}, c.args...), port))
		if err != nil {
			return all, err
		}
		s.Target = measure.Target{Address: "127.0.0.1:" + port, Host: "127.0.0.1:" + port}
		all = append(all, &streamer{s, c.name, s.Target, "/stream"})
		if err := s.Ready(ctx); err != nil {
			return all, err
		}
	}
	return all, warmUp(ctx, all)
}

// startFurlStreams starts one server with a function in Python and, where there is an interpreter, one in JavaScript.
func startFurlStreams(ctx context.Context, o options, code, data string, env []string) ([]*streamer, error) {
	f, err := measure.StartFurl(ctx, "furl", o.furl, data, env, []string{"--isolation", "process"})
	if f == nil {
		return nil, err
	}
	all := []*streamer{{Server: f.Server, name: "furl", path: "/"}}
	if err != nil {
		return all, err
	}
	if o.node != "" && o.wants("furl-node") {
		all = append(all, &streamer{Server: f.Server, name: "furl-node", path: "/"})
	}
	for i, file := range []string{"streaming.py", "streaming.mjs"}[:len(all)] {
		name := all[i].name
		handler := map[string]string{"streaming.py": "streaming.lambda_handler", "streaming.mjs": "streaming.handler"}[file]
		if all[i].target, err = f.Up(ctx, filepath.Join(code, file), "--name", name, "--handler", handler, "--timeout", "60"); err != nil {
			return all, err
		}
		if err := f.Stream(ctx, name); err != nil {
			return all, err
		}
	}
	return all, nil
}

func warmUp(ctx context.Context, all []*streamer) error {
	for _, s := range all {
		if _, err := s.fetch(ctx, 8, 200, 4, 1<<10); err != nil {
			return err
		}
		if _, err := s.fetch(ctx, 1, 1, 64, 64<<10); err != nil {
			return err
		}
	}
	return nil
}

// throughputRow is about long streams; the ratios are medians of each round's to the anchor. Negative: unknown.
type throughputRow struct {
	Server         string  `json:"server"`
	PerSecond      float64 `json:"mbPerSecond"`
	LeastPerSecond float64 `json:"leastMbPerSecond"`
	CPU            float64 `json:"cpuMsPerMb"`
	Ratio          float64 `json:"perSecondRatio"`
	CPURatio       float64 `json:"cpuRatio"`
}

// throughputRows sums up steps of so many streams of size bytes.
func throughputRows(servers []string, streams int, size int64, all []streamSample) []throughputRow {
	mb := float64(streams) * float64(size) / (1 << 20)
	perSecond := func(s streamSample) float64 { return mb / s.Took.Seconds() }
	cpu := func(s streamSample) float64 { return float64(s.CPU) / float64(time.Millisecond) / mb }
	var out []throughputRow
	for _, name := range servers {
		rows, anchor := pickStreams(all, name, 1), pickStreams(all, streamAnchor, 1)
		speeds := streamValues(rows, perSecond)
		out = append(out, throughputRow{
			Server: name, PerSecond: measure.Percentile(speeds, 50), LeastPerSecond: speeds[0],
			CPU:   measure.Percentile(streamValues(rows, cpu), 50),
			Ratio: streamRatio(rows, anchor, perSecond), CPURatio: streamRatio(rows, anchor, cpu),
		})
	}
	return out
}

// firstByteRow is about short streams, in microseconds: the times to their first byte, of all rounds. Ratio is the
// median of each round's ratio of medians to the anchor. Negative: unknown.
type firstByteRow struct {
	Connections int     `json:"connections"`
	Server      string  `json:"server"`
	Min         float64 `json:"minUs"`
	Median      float64 `json:"medianUs"`
	P99         float64 `json:"p99us"`
	CPU         float64 `json:"cpuUsPerStream"`
	Ratio       float64 `json:"medianRatio"`
	CPURatio    float64 `json:"cpuRatio"`
}

func firstByteRows(servers []string, connections []int, all []streamSample) []firstByteRow {
	median := func(s streamSample) float64 { return micros(measure.Percentile(slices.Clone(s.First), 50)) }
	cpu := func(s streamSample) float64 { return micros(s.CPU) / float64(len(s.First)) }
	var out []firstByteRow
	for _, n := range connections {
		for _, name := range servers {
			rows, anchor := pickStreams(all, name, n), pickStreams(all, streamAnchor, n)
			var times []time.Duration
			for _, s := range rows {
				times = append(times, s.First...)
			}
			out = append(out, firstByteRow{
				Connections: n, Server: name, Min: micros(slices.Min(times)),
				Median: micros(measure.Percentile(times, 50)), P99: micros(measure.Percentile(times, 99)),
				CPU:   measure.Percentile(streamValues(rows, cpu), 50),
				Ratio: streamRatio(rows, anchor, median), CPURatio: streamRatio(rows, anchor, cpu),
			})
		}
	}
	return out
}

func pickStreams(all []streamSample, server string, connections int) []streamSample {
	return slices.DeleteFunc(slices.Clone(all), func(s streamSample) bool { return s.server != server || s.connections != connections })
}

func streamValues(rows []streamSample, of func(streamSample) float64) []float64 {
	var v []float64
	for _, s := range rows {
		v = append(v, of(s))
	}
	return v
}

func streamRatio(rows, anchor []streamSample, of func(streamSample) float64) float64 {
	var r []float64
	for _, s := range rows {
		for _, a := range anchor {
			if a.round == s.round && of(a) > 0 {
				r = append(r, of(s)/of(a))
			}
		}
	}
	if len(r) == 0 {
		return -1
	}
	return measure.Percentile(r, 50)
}

// streamTables prints what is known of streams.
func (r *report) streamTables(w io.Writer) {
	if len(r.Throughput) > 0 {
		fmt.Fprintln(w, "server\tMB/s\tmin\tCPU ms/MB\tMB/s/"+streamAnchor+"\tCPU/"+streamAnchor+"\t")
	}
	for _, row := range r.Throughput {
		fmt.Fprintf(w, "%s\t%.0f\t%.0f\t%s\t%s\t%s\t\n", row.Server, row.PerSecond, row.LeastPerSecond,
			known(row.CPU, "%.2f"), known(row.Ratio, "%.2f"), known(row.CPURatio, "%.2f"))
	}
	if len(r.FirstByte) > 0 {
		fmt.Fprintln(w, "connections\tserver\tfirst byte us\tmin\tp99\tCPU us/stream\tmedian/"+streamAnchor+"\tCPU/"+streamAnchor+"\t")
	}
	for _, row := range r.FirstByte {
		fmt.Fprintf(w, "%d\t%s\t%.0f\t%.0f\t%.0f\t%s\t%s\t%s\t\n", row.Connections, row.Server, row.Median, row.Min, row.P99,
			known(row.CPU, "%.1f"), known(row.Ratio, "%.2f"), known(row.CPURatio, "%.2f"))
	}
}
