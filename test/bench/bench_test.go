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
	if err := table(&out, []string{"furl", "uvicorn-1"}, []measure.Step{{Connections: 8, Requests: 1, Bound: time.Second}}, all); err != nil {
		t.Fatal(err)
	}
	row := strings.Fields(strings.Split(out.String(), "\n")[1])
	want := []string{"8", "furl", "500", "1000", "2000", "200.0", "100.0", "300.0", "2.00", "-", "-", "-"}
	if strings.Join(row, " ") != strings.Join(want, " ") {
		t.Errorf("row %q, want %q", row, want)
	}
}
