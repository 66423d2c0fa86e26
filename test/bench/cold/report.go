package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"furl/test/bench/measure"
)

// row is one figure of the report.
type row struct {
	Section string `json:"section"`
	Figure  string `json:"figure"`
	// Times are set when the figure comes from single times, in milliseconds.
	Times *times `json:"times,omitempty"`
	// Measured is what is judged, in Unit: mostly a ratio to a reference of the same run.
	Measured float64 `json:"measured"`
	Unit     string  `json:"unit"`
	// Must and Goal bound Measured from above, or from below with AtLeast. Nil: there is none.
	Must    *float64 `json:"must,omitempty"`
	Goal    *float64 `json:"goal,omitempty"`
	AtLeast bool     `json:"atLeast,omitempty"`
	Verdict string   `json:"verdict,omitempty"`
	// Note says what a reader of the figure has to know.
	Note string `json:"note,omitempty"`
}

// times sum up N single times, in milliseconds.
type times struct {
	N      int     `json:"n"`
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	P99    float64 `json:"p99"`
}

// Verdicts.
const (
	reached = "goal"
	passed  = "ok"
	missed  = "MISSED"
)

func timesOf(all []time.Duration) *times {
	ms := func(p int) float64 { return float64(measure.Percentile(all, p)) / float64(time.Millisecond) }
	return &times{N: len(all), Median: ms(50), Min: ms(0), P99: ms(99)}
}

// judge sets the verdict.
func (r row) judge() row {
	meets := func(limit *float64) bool {
		return limit != nil && (r.AtLeast && r.Measured >= *limit || !r.AtLeast && r.Measured <= *limit)
	}
	switch {
	case r.Must != nil && !meets(r.Must):
		r.Verdict = missed
	case meets(r.Goal):
		r.Verdict = reached
	case meets(r.Must):
		r.Verdict = passed
	}
	return r
}

// report is everything that was measured.
type report struct {
	Machine machine `json:"machine"`
	Rows    []row   `json:"rows"`
}

func (r *report) add(rows ...row) {
	for _, one := range rows {
		r.Rows = append(r.Rows, one.judge())
	}
}

// missed are the figures that miss what they must reach.
func (r *report) missed() []string {
	var names []string
	for _, one := range r.Rows {
		if one.Verdict == missed {
			names = append(names, one.Section+": "+one.Figure)
		}
	}
	return names
}

func (r *report) json(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// table prints one table for each section, and the notes below it.
func (r *report) table(w io.Writer) error {
	fmt.Fprintln(w, r.Machine)
	for from := 0; from < len(r.Rows); {
		to := from
		for to < len(r.Rows) && r.Rows[to].Section == r.Rows[from].Section {
			to++
		}
		if err := section(w, r.Rows[from:to]); err != nil {
			return err
		}
		from = to
	}
	return nil
}

func section(w io.Writer, rows []row) error {
	fmt.Fprintf(w, "\n%s\n", rows[0].Section)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(tw, "n\tmedian ms\tmin\tp99\tmeasured\tmust\tgoal\tverdict\t  figure")
	for _, r := range rows {
		if t := r.Times; t != nil {
			fmt.Fprintf(tw, "%d\t%.2f\t%.2f\t%.2f\t", t.N, t.Median, t.Min, t.P99)
		} else {
			fmt.Fprint(tw, "\t\t\t\t")
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t  %s\n", amount(r.Measured, r.Unit), r.limit(r.Must), r.limit(r.Goal), r.Verdict, r.Figure)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, r := range rows {
		if r.Note != "" {
			fmt.Fprintf(w, "  %s: %s\n", r.Figure, r.Note)
		}
	}
	return nil
}

// amount formats a value with its unit; a ratio has "x".
func amount(v float64, unit string) string {
	switch unit {
	case "x":
		if v < 0.1 {
			return fmt.Sprintf("%.3f x", v)
		}
		return fmt.Sprintf("%.2f x", v)
	case "":
		return fmt.Sprintf("%.0f", v)
	case "MB", "ms":
		return fmt.Sprintf("%.2f %s", v, unit)
	}
	return fmt.Sprintf("%.0f %s", v, unit)
}

func (r row) limit(v *float64) string {
	if v == nil {
		return "-"
	}
	sign := "<="
	if r.AtLeast {
		sign = ">="
	}
	return sign + " " + fmt.Sprintf("%g", *v)
}
