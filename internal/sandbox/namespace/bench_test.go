//go:build linux

package namespace_test

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"furl/internal/sandbox"
)

// report adds the least and the middle of single times, which a loaded machine
// disturbs less than it does their mean.
func report(b *testing.B, times []time.Duration) {
	slices.Sort(times)
	b.ReportMetric(float64(times[0].Microseconds()), "min-µs")
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "median-µs")
}

// BenchmarkReference is what the others are measured by: the bare interpreter's
// start and end.
func BenchmarkReference(b *testing.B) {
	var times []time.Duration
	for b.Loop() {
		begin := time.Now()
		cmd := exec.Command(python(b), "-c", "pass")
		cmd.Env = []string{"LANG=C.UTF-8"}
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(begin))
	}
	report(b, times)
}

// BenchmarkBlank is a finished sandbox with an interpreter that waits; its end
// is not counted.
func BenchmarkBlank(b *testing.B) { blanks(b, spec(b)) }

// BenchmarkBlankProvided is one without a program.
func BenchmarkBlankProvided(b *testing.B) { blanks(b, sandbox.Spec{Name: "provided"}) }

func blanks(b *testing.B, s sandbox.Spec) {
	d := newDriver(b)
	var times []time.Duration
	for b.Loop() {
		begin := time.Now()
		blank, err := d.Blank(context.Background(), s)
		if err != nil {
			b.Fatal(err)
		}
		times = append(times, time.Since(begin))
		blank.Discard()
	}
	report(b, times)
}

// BenchmarkAssign is a cold start with a blank in stock: limits, code, and the
// program's first answer after it has imported the function.
func BenchmarkAssign(b *testing.B) {
	d := newDriver(b)
	s := spec(b)
	s.Args[2] = "import json; " + s.Args[2] // as a runtime has
	code := b.TempDir()
	if err := os.WriteFile(code+"/app.py", []byte("import json\ndef handler(e, c):\n    return {'ok': True}\n"), 0o644); err != nil {
		b.Fatal(err)
	}
	if out, err := exec.Command(python(b), "-m", "compileall", "-q", code).CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	ask := []byte("sys = __import__('sys'); sys.path.insert(0, '/var/task'); import app; result = app.handler(1, 2)")
	var times, ready []time.Duration
	for b.Loop() {
		blank, err := d.Blank(context.Background(), s)
		if err != nil {
			b.Fatal(err)
		}
		begin := time.Now()
		if err := blank.(sandbox.Limiter).Limit(sandbox.Limits{Memory: 128 << 20}); err != nil {
			b.Fatal(err)
		}
		e, err := blank.Assign(context.Background(), sandbox.Assignment{Code: code})
		if err != nil {
			b.Fatal(err)
		}
		ready = append(ready, time.Since(begin))
		a, err := e.Channel().Exchange(10, 0, nil, ask, time.Now().Add(10*time.Second), 1<<20, nil)
		if err != nil || string(a.Body) != "{'ok': True}" {
			b.Fatal(err, string(a.Body))
		}
		times = append(times, time.Since(begin))
		e.Retire(0)
	}
	slices.Sort(ready)
	b.ReportMetric(float64(ready[len(ready)/2].Microseconds()), "mount-median-µs")
	report(b, times)
}

// BenchmarkExchange is a question to a warm sandbox.
func BenchmarkExchange(b *testing.B) {
	d := newDriver(b)
	e := env(b, d, sandbox.Limits{})
	for b.Loop() {
		run(b, e, "")
	}
}

// BenchmarkMemory reports what ten idle blanks take, each.
func BenchmarkMemory(b *testing.B) {
	d := newDriver(b)
	const blanks = 10
	for b.Loop() {
		var held []sandbox.Blank
		for range blanks {
			blank, err := d.Blank(context.Background(), spec(b))
			if err != nil {
				b.Fatal(err)
			}
			held = append(held, blank)
		}
		for name, text := range map[string]string{"guard": "furl-guard", "program": mark()} {
			var pss, private int
			found := processes(b, text)
			for pid := range found {
				p, u := rollup(b, pid)
				pss, private = pss+p, private+u
			}
			b.ReportMetric(float64(pss)/blanks, name+"-PSS-KB")
			b.ReportMetric(float64(private)/blanks, name+"-USS-KB")
		}
		for _, blank := range held {
			blank.Discard()
		}
	}
}

// rollup is a process's proportional and private memory in KB.
func rollup(b *testing.B, pid int) (pss, private int) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		kb, _ := strconv.Atoi(f[1])
		switch f[0] {
		case "Pss:":
			pss += kb
		case "Private_Clean:", "Private_Dirty:":
			private += kb
		}
	}
	return pss, private
}
