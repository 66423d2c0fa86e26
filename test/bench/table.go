package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"furl/test/bench/measure"
)

// sample is one step of one server in one round.
type sample struct {
	round       int
	server      string
	connections int
	measure.Measurement
}

// ratios are the columns that travel from one machine to another.
var ratios = []struct {
	head, anchor string
	of           func(sample) float64
}{
	{"CPU/uvicorn-1", "uvicorn-1", cpuOf},
	{"CPU/gunicorn-2", "gunicorn-2", cpuOf},
	{"req/s/granian-1", "granian-1", perSecondOf},
	{"p50/go-net/http", "go-net/http", p50Of},
}

// table prints the medians over the rounds, and the median of each round's ratio to an anchor: a ratio within a round
// compares moments that lie close together.
func table(w io.Writer, servers []string, steps []measure.Step, all []sample) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(tw, "connections\tserver\treq/s\tp50 us\tp99 us\tCPU us/req\tmin\tmax\t")
	for _, r := range ratios {
		fmt.Fprint(tw, r.head+"\t")
	}
	fmt.Fprintln(tw)
	for _, st := range steps {
		for _, name := range servers {
			rows := pick(all, name, st.Connections)
			cpu := values(rows, cpuOf)
			fmt.Fprintf(tw, "%d\t%s\t%.0f\t%.0f\t%.0f\t%s\t%s\t%s\t", st.Connections, name,
				measure.Percentile(values(rows, perSecondOf), 50), measure.Percentile(values(rows, p50Of), 50),
				measure.Percentile(values(rows, func(s sample) float64 { return micros(s.P99) }), 50),
				known(measure.Percentile(cpu, 50), "%.1f"), known(slices.Min(cpu), "%.1f"), known(slices.Max(cpu), "%.1f"))
			for _, r := range ratios {
				fmt.Fprint(tw, known(ratio(rows, pick(all, r.anchor, st.Connections), r.of), "%.2f")+"\t")
			}
			fmt.Fprintln(tw)
		}
	}
	return tw.Flush()
}

func pick(all []sample, server string, connections int) []sample {
	var rows []sample
	for _, s := range all {
		if s.server == server && s.connections == connections {
			rows = append(rows, s)
		}
	}
	return rows
}

func values(rows []sample, of func(sample) float64) []float64 {
	v := make([]float64, len(rows))
	for i, r := range rows {
		v[i] = of(r)
	}
	return v
}

// ratio is the median over the rounds of rows' value by the anchor's in the same round.
func ratio(rows, anchor []sample, of func(sample) float64) float64 {
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

func cpuOf(s sample) float64       { return micros(s.CPU) }
func p50Of(s sample) float64       { return micros(s.P50) }
func perSecondOf(s sample) float64 { return s.PerSecond }

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// known formats a value; a negative one could not be measured.
func known(v float64, format string) string {
	if v < 0 {
		return "-"
	}
	return fmt.Sprintf(format, v)
}
