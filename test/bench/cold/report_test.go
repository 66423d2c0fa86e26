package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		name       string
		measured   float64
		must, goal float64
		atLeast    bool
		want       string
	}{
		{"goal", 0.06, 0.15, 0.07, false, reached},
		{"must", 0.15, 0.15, 0.07, false, passed},
		{"neither", 0.151, 0.15, 0.07, false, missed},
		{"a goal alone", 0.5, 0, 0.4, false, ""},
		{"a goal alone, reached", 0.4, 0, 0.4, false, reached},
		{"no limit", 1, 0, 0, false, ""},
		{"more is better", 0.9, 1, 2, true, missed},
		{"more is better, must", 1, 1, 2, true, passed},
		{"more is better, goal", 2, 1, 2, true, reached},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := row{Measured: tt.measured, Must: limit(tt.must), Goal: limit(tt.goal), AtLeast: tt.atLeast}.judge()
			if r.Verdict != tt.want {
				t.Errorf("verdict %q, want %q", r.Verdict, tt.want)
			}
		})
	}
}

func TestLatencyRows(t *testing.T) {
	ms := func(all ...int) (d []time.Duration) {
		for _, v := range all {
			d = append(d, time.Duration(v)*time.Millisecond)
		}
		return d
	}
	rows := latencyRows([]*latency{
		{name: barePass, all: ms(30, 10, 10, 10, 50)},
		{name: "hit", by: barePass, must: 0.5, goal: 0.1, all: ms(2, 2, 9)},
		{name: importWeb, all: ms(100)},
		{name: "web", by: importWeb, must: 1, all: ms(150)},
	})
	var got []string
	for _, r := range rows {
		r = r.judge()
		got = append(got, r.Figure+" "+amount(r.Measured, r.Unit)+" "+r.Verdict)
	}
	want := []string{
		barePass + " 1.00 x ", "hit 0.20 x ok", importWeb + " 1.00 x ", "web / " + importWeb + " 1.50 x MISSED",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if tm := rows[0].Times; tm.N != 5 || tm.Median != 10 || tm.Min != 10 || tm.P99 != 50 {
		t.Errorf("times %+v", tm)
	}
}

func TestReport(t *testing.T) {
	var r report
	r.add(row{Section: "A", Figure: "one", Measured: 0.066, Unit: "x", Must: limit(0.15)},
		row{Section: "B", Figure: "two", Measured: 3.5, Unit: "MB", Must: limit(3), Note: "why"})
	var table, text strings.Builder
	if err := errors.Join(r.table(&table), r.json(&text)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nA\n", "0.066 x  <= 0.15     -       ok  one", "3.50 MB  <= 3     -   MISSED  two", "  two: why\n"} {
		if !strings.Contains(table.String(), want) {
			t.Errorf("%q is not in\n%s", want, table.String())
		}
	}
	var back report
	if err := json.Unmarshal([]byte(text.String()), &back); err != nil || len(back.Rows) != 2 || back.Rows[1].Verdict != missed {
		t.Errorf("%v: %s", err, text.String())
	}
	if names := r.missed(); len(names) != 1 || names[0] != "B: two" {
		t.Errorf("missed %q", names)
	}
}

func TestSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		err := settle(t.Context(), "x", true, 15*time.Millisecond, func() (blanks, others int, err error) {
			switch age := time.Since(began); {
			case age < 40*time.Millisecond:
				return 0, 0, nil // nothing yet
			case age < 45*time.Millisecond:
				return 1, 0, nil
			case age < 100*time.Millisecond:
				return 2, 1, nil // one more, and something goes on
			}
			return 2, 0, nil
		})
		if took := time.Since(began); err != nil || took < 112*time.Millisecond || took > 120*time.Millisecond {
			t.Errorf("settled after %v, %v", took, err)
		}
		never := func() (int, int, error) { return 0, 0, nil }
		if err := settle(t.Context(), "x", true, 15*time.Millisecond, never); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("settled without a blank: %v", err)
		}
		if err := settle(t.Context(), "x", false, 15*time.Millisecond, never); err != nil {
			t.Error(err)
		}
	})
}

func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		got, err := rate(t.Context(), 4, time.Second, func(context.Context) error {
			return pause(t.Context(), 100*time.Millisecond)
		})
		if err != nil || got != 40 {
			t.Errorf("%v a second, %v; want 40", got, err)
		}
		failure := errors.New("failed")
		if _, err := rate(t.Context(), 4, time.Second, func(context.Context) error { return failure }); !errors.Is(err, failure) {
			t.Error(err)
		}
	})
}
