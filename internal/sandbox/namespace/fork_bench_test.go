//go:build linux

package namespace_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"furl/internal/sandbox"
	"furl/internal/sandbox/namespace"
)

// runtimeSpec is the program of the Python runtime, as package environment has it,
// with a zygote that is ready.
func runtimeSpec(t testing.TB, d *namespace.Driver) sandbox.Spec {
	t.Helper()
	dir := t.TempDir()
	const from = "../../environment/runtime/python/"
	for name, as := range map[string]string{"bootstrap.py": "_furl_bootstrap.py", "zygote.py": "_furl_zygote.py", "rehearsal.py": "_furl_rehearsal.py"} {
		b, err := os.ReadFile(from + name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, as), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	compileAll(t, dir)
	const start = "import sys; sys.path.insert(0, sys.argv[1]); import "
	s := sandbox.Spec{Name: "python", Path: python(t), Owner: "one",
		Env:  []string{"PATH=/usr/bin:/bin", "LANG=en_US.UTF-8", "LC_CTYPE=C.UTF-8", "TZ=:UTC"},
		Args: []string{"-I", "-X", "utf8", "-c", start + "_furl_bootstrap as b; del sys.path[0]; b.main()", dir, mark()}}
	s.Zygote = slices.Clone(s.Args)
	s.Zygote[4] = start + "_furl_zygote as z, _furl_bootstrap as b; del sys.path[0]; z.main(b)"
	if err := d.Warm(within(t, 30*time.Second), s); err != nil {
		t.Fatal(err)
	}
	return s
}

func compileAll(t testing.TB, dir string) {
	t.Helper()
	if out, err := exec.Command(python(t), "-m", "compileall", "-q", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

const simple = "import json\ndef handler(event, context):\n    return {'ok': json.loads('true')}\n"

func handlerDir(t testing.TB, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "app.py"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	compileAll(t, dir)
	return dir
}

// firstAnswer assigns the code to a blank and asks it once.
func firstAnswer(t testing.TB, b sandbox.Blank, code string) sandbox.Env {
	t.Helper()
	if err := b.(sandbox.Limiter).Limit(sandbox.Limits{Memory: 128 << 20}); err != nil {
		t.Fatal(err)
	}
	e, err := b.Assign(context.Background(), sandbox.Assignment{Code: code})
	if err != nil {
		t.Fatal(err)
	}
	variables := map[string]string{"PATH": "/usr/bin", "LANG": "en_US.UTF-8"}
	for _, name := range []string{"LOG_GROUP_NAME", "LOG_STREAM_NAME", "FUNCTION_NAME", "FUNCTION_MEMORY_SIZE", "FUNCTION_VERSION"} {
		variables["AWS_LAMBDA_"+name] = "1"
	}
	settings, err := json.Marshal(map[string]any{"handler": "app.handler", "code": "/var/task", "limit": 6 << 20, "environment": variables})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Channel().Tell(1, settings, time.Now().Add(20*time.Second)); err != nil {
		t.Fatal(err)
	}
	ask(t, e, 9, nil)
	ask(t, e, 2, []byte("id\n\narn\n\n\n{}"))
	return e
}

// ask sends a frame of the Python runtime and returns its answer.
func ask(t testing.TB, e sandbox.Env, kind byte, body []byte) string {
	t.Helper()
	a, err := e.Channel().Exchange(kind, 0, nil, body, time.Now().Add(20*time.Second), 1<<20, nil)
	if err != nil || a.Kind != 3 {
		t.Fatal(err, a.Kind, string(a.Body))
	}
	return string(a.Body)
}

// BenchmarkColdStartForked takes turns with the bare interpreter, so that the ratios
// to that mean something on a busy machine: a cold start with a blank that waits, and
// one that has to be forked first.
func BenchmarkColdStartForked(b *testing.B) {
	d := newDriver(b)
	s, code := runtimeSpec(b, d), handlerDir(b, simple)
	blank := func() sandbox.Blank {
		made, err := d.Blank(context.Background(), s)
		if err != nil {
			b.Fatal(err)
		}
		return made
	}
	var bare, demand, fork, hit []time.Duration
	tick := time.NewTicker(60 * time.Millisecond)
	defer tick.Stop()
	for b.Loop() {
		begin := time.Now()
		cmd := exec.Command(s.Path, "-c", "pass")
		cmd.Env = []string{"LANG=C.UTF-8"}
		if err := cmd.Run(); err != nil {
			b.Fatal(err)
		}
		bare = append(bare, time.Since(begin))

		begin = time.Now()
		made := blank()
		fork = append(fork, time.Since(begin))
		first := firstAnswer(b, made, code)
		demand = append(demand, time.Since(begin))
		waits := blank()
		first.Retire(0)
		<-tick.C // it rehearses, and the next one is prepared
		<-tick.C

		begin = time.Now()
		second := firstAnswer(b, waits, code)
		hit = append(hit, time.Since(begin))
		second.Retire(0)
	}
	middle := func(times []time.Duration) float64 {
		slices.Sort(times)
		return float64(times[len(times)/2].Microseconds())
	}
	b.ReportMetric(middle(bare), "python-µs")
	b.ReportMetric(middle(fork), "fork-µs")
	b.ReportMetric(middle(demand), "demand-µs")
	b.ReportMetric(middle(hit), "hit-µs")
	b.ReportMetric(middle(demand)/middle(bare), "demand/python")
	b.ReportMetric(middle(hit)/middle(bare), "hit/python")
	b.ReportMetric(float64(demand[0])/float64(bare[0]), "min-demand/python")
	b.ReportMetric(float64(hit[0])/float64(bare[0]), "min-hit/python")
}

// BenchmarkMemoryForked reports what forty environments take that have answered
// once, each: all their processes.
func BenchmarkMemoryForked(b *testing.B) {
	const many = 40
	d := newDriver(b)
	s, code := runtimeSpec(b, d), handlerDir(b, simple)
	for b.Loop() {
		var held []sandbox.Env
		for range many {
			made, err := d.Blank(context.Background(), s)
			if err != nil {
				b.Fatal(err)
			}
			held = append(held, firstAnswer(b, made, code))
		}
		var pss, private int
		for _, e := range held {
			for _, pid := range family(b, e) {
				p, u := rollup(b, pid)
				pss, private = pss+p, private+u
			}
		}
		b.ReportMetric(float64(pss)/many, "PSS-KB")
		b.ReportMetric(float64(private)/many, "USS-KB")
		for _, e := range held {
			e.Retire(0)
		}
	}
}

// family are the processes of a sandbox.
func family(b *testing.B, e sandbox.Env) []int {
	first := e.(interface{ FirstProcess() int }).FirstProcess()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", first, first))
	if err != nil {
		b.Fatal(err)
	}
	all := []int{first}
	for word := range strings.FieldsSeq(string(children)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, pid)
	}
	return all
}
