package main

import (
	"strings"
	"testing"
	"time"

	"furl/test/bench/measure"
)

func TestTable(t *testing.T) {
	sampleOf := func(round int, name string, cpu time.Duration, rate float64) sample {
		return sample{round, name, 8, measure.Measurement{PerSecond: rate, P50: time.Millisecond, P99: 2 * time.Millisecond, CPU: cpu}}
	}
	var all []sample
	for round := range 3 {
		slow := time.Duration(round + 1) // the machine gets slower: the ratio does not
		all = append(all, sampleOf(round, "furl", slow*100*time.Microsecond, 500), sampleOf(round, "uvicorn-1", slow*50*time.Microsecond, 1000))
	}
	var out strings.Builder
	r := report{Warm: warmRows([]string{"furl", "uvicorn-1"}, []measure.Step{{Connections: 8, Requests: 1, Bound: time.Second}}, all)}
	if err := r.table(&out); err != nil {
		t.Fatal(err)
	}
	row := strings.Fields(strings.Split(out.String(), "\n")[1])
	want := []string{"8", "furl", "500", "1000", "2000", "200.0", "100.0", "300.0", "2.00", "-", "-", "-"}
	if strings.Join(row, " ") != strings.Join(want, " ") {
		t.Errorf("row %q, want %q", row, want)
	}
}

func TestStreamRows(t *testing.T) {
	var all []streamSample
	for round := range 3 {
		slow := time.Duration(round + 1)
		all = append(all, streamOf(round, "furl", slow*20*time.Millisecond), streamOf(round, "uvicorn-1", slow*40*time.Millisecond))
	}
	through := throughputRows([]string{"furl", "uvicorn-1"}, 2, 1<<20, all)
	if got := through[0]; got.PerSecond != 50 || got.LeastPerSecond != 2.0/0.06 || got.CPU != 20 || got.CPURatio != 0.5 || got.Ratio != 2 {
		t.Errorf("throughput %+v", got)
	}
	first := firstByteRows([]string{"furl", "uvicorn-1"}, []int{1}, all)
	if got := first[0]; got.Median != 2000 || got.Min != 1000 || got.P99 != 3000 || got.Ratio != 0.5 || got.CPU != 20000 {
		t.Errorf("first byte %+v", got)
	}
	var out strings.Builder
	r := report{Throughput: through, FirstByte: first}
	if err := r.table(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if row := strings.Join(strings.Fields(lines[1]), " "); row != "furl 50 33 20.00 2.00 0.50" {
		t.Errorf("row %q", row)
	}
}

// streamOf is a sample in which everything takes as long as took says.
func streamOf(round int, server string, took time.Duration) streamSample {
	first := []time.Duration{took / 20, took / 20}
	return streamSample{round, server, 1, measure.StreamMeasurement{First: first, Took: took, CPU: took}}
}

func TestNoiseRows(t *testing.T) {
	var all []noiseSample
	for round := range 3 {
		slow := time.Duration(round + 1)
		for i, name := range neighbours {
			all = append(all, noiseSample{round, name, 1, []time.Duration{slow * time.Millisecond, time.Duration(i+1) * slow * time.Millisecond}, 100, 5 * float64(i)})
		}
	}
	rows := noiseRows([]measure.Step{{Connections: 1}}, all)
	if got := rows[2]; got.Min != 1000 || got.P99 != 9000 || got.MedianRatio != 1.5 || got.Written != 10 || got.PerSecond != 100 {
		t.Errorf("%+v", got)
	}
	var out strings.Builder
	if err := (&report{Noise: rows}).table(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if row := strings.Join(strings.Fields(lines[3]), " "); row != "1 logs 10 MB/s 10.0 100 1000 3000 9000 1.50 1.50" {
		t.Errorf("row %q", row)
	}
}
