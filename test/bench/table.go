package main

import (
	"encoding/json"
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

// report is everything that was measured.
type report struct {
	Warm       []warmRow       `json:"warm,omitempty"`
	Throughput []throughputRow `json:"throughput,omitempty"`
	FirstByte  []firstByteRow  `json:"firstByte,omitempty"`
	Noise      []noiseRow      `json:"noise,omitempty"`
}

// warmRow has the medians over the rounds, and the median of each round's ratio to an anchor: a ratio within a round
// compares moments that lie close together. Negative: unknown.
type warmRow struct {
	Connections int                `json:"connections"`
	Server      string             `json:"server"`
	PerSecond   float64            `json:"perSecond"`
	P50         float64            `json:"p50us"`
	P99         float64            `json:"p99us"`
	CPU         float64            `json:"cpuUsPerRequest"`
	LeastCPU    float64            `json:"leastCpuUs"`
	MostCPU     float64            `json:"mostCpuUs"`
	Ratios      map[string]float64 `json:"ratios"`
}

func warmRows(servers []string, steps []measure.Step, all []sample) []warmRow {
	var out []warmRow
	for _, st := range steps {
		for _, name := range servers {
			rows := pick(all, name, st.Connections)
			cpu := values(rows, cpuOf)
			row := warmRow{
				Connections: st.Connections, Server: name,
				PerSecond: measure.Percentile(values(rows, perSecondOf), 50),
				P50:       measure.Percentile(values(rows, p50Of), 50),
				P99:       measure.Percentile(values(rows, func(s sample) float64 { return micros(s.P99) }), 50),
				CPU:       measure.Percentile(cpu, 50), LeastCPU: slices.Min(cpu), MostCPU: slices.Max(cpu),
				Ratios: map[string]float64{},
			}
			for _, r := range ratios {
				row.Ratios[r.head] = ratio(rows, pick(all, r.anchor, st.Connections), r.of)
			}
			out = append(out, row)
		}
	}
	return out
}

func (r *report) json(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// table prints a table for each section.
func (r *report) table(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	if len(r.Warm) > 0 {
		fmt.Fprint(tw, "connections\tserver\treq/s\tp50 us\tp99 us\tCPU us/req\tmin\tmax\t")
		for _, one := range ratios {
			fmt.Fprint(tw, one.head+"\t")
		}
		fmt.Fprintln(tw)
	}
	for _, row := range r.Warm {
		fmt.Fprintf(tw, "%d\t%s\t%.0f\t%.0f\t%.0f\t%s\t%s\t%s\t", row.Connections, row.Server,
			row.PerSecond, row.P50, row.P99, known(row.CPU, "%.1f"), known(row.LeastCPU, "%.1f"), known(row.MostCPU, "%.1f"))
		for _, one := range ratios {
			fmt.Fprint(tw, known(row.Ratios[one.head], "%.2f")+"\t")
		}
		fmt.Fprintln(tw)
	}
	r.streamTables(tw)
	r.noiseTable(tw)
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
