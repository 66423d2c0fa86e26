package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"furl/internal/state"
	"furl/test/bench/measure"
)

// measureMemory starts environments that stay and reads what each of them takes while it is idle.
func (b *bench) measureMemory(ctx context.Context) error {
	plain, err := b.plainMemory(ctx)
	if err != nil {
		return err
	}
	for _, one := range []struct {
		name, runtime, interpreter, code, handler string
		count                                     int
		must, goal                                float64
	}{
		{"Python", b.python, b.o.interpreter, b.code.Plain, "ask.handler", 40, 3, 2.5},
		{"Node.js", b.nodejs, b.o.node, b.code.Node, "ask.handler", 12, 9, 0},
		{"custom runtime, static Go", provided, "", b.code.Go, "", 12, 0, 0},
		{"custom runtime, static C", provided, "", b.code.C, "", 12, 0, 0},
	} {
		if one.runtime == "" || one.code == "" {
			continue
		}
		m, err := b.idleMemory(ctx, one.runtime, one.interpreter, one.code, one.handler, min(one.count, b.o.idle))
		if err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		name := fmt.Sprintf("%s, PSS of an idle environment, of %d", one.name, m.count)
		b.report.add(row{Section: "Memory", Figure: name, Measured: m.pss, Unit: "MB", Must: limit(one.must), Goal: limit(one.goal),
			Note: fmt.Sprintf("private %.2f MB; in the kernel %.2f MB; %s", m.private, m.kernel, m.parts)})
		if one.runtime == b.python {
			b.report.add(row{Section: "Memory", Figure: "the same / plain python3 -I -S, of 5", Measured: m.pss / plain, Unit: "x",
				Must: limit(0.7), Goal: limit(0.4), Note: fmt.Sprintf("the plain one takes %.2f MB", plain)})
		}
	}
	return nil
}

// memory is what an environment takes, in MB.
type memory struct {
	count                int
	pss, private, kernel float64
	parts                string // PSS of each process of one environment
}

// idleMemory has functions of their own started, once each.
func (b *bench) idleMemory(ctx context.Context, runtime, interpreter, code, handler string, count int) (m memory, err error) {
	e, err := b.engine(ctx, runtime, interpreter, false, nil)
	if err != nil {
		return m, err
	}
	before, err := kernelMemory()
	if err != nil {
		return m, err
	}
	spaces := map[string]bool{}
	for range count {
		payload, _, err := e.start(ctx, e.function(code, handler))
		if err != nil {
			return m, err
		}
		var answer struct{ Body string }
		if err := json.Unmarshal([]byte(payload), &answer); err != nil {
			return m, err
		}
		spaces[answer.Body] = true
	}
	if err := e.settle(ctx); err != nil {
		return m, err
	}
	after, err := kernelMemory()
	if err != nil {
		return m, err
	}
	if len(spaces) != count {
		return m, fmt.Errorf("%d functions run in %d process namespaces", count, len(spaces))
	}
	m, err = sumMemory(spaces)
	m.kernel = float64(after-before) / 1024 / float64(count)
	e.pool.Update(func(string) *state.Target { return nil })
	return m, err
}

// sumMemory reads the processes of the given process namespaces.
func sumMemory(spaces map[string]bool) (memory, error) {
	links, err := filepath.Glob("/proc/[0-9]*/ns/pid")
	if err != nil {
		return memory{}, err
	}
	type sum struct {
		pss, private float64
		parts        []string
	}
	found := map[string]*sum{}
	for _, link := range links {
		space, err := os.Readlink(link)
		if err != nil || !spaces[space] {
			continue // it has ended, or is another's
		}
		process := filepath.Dir(filepath.Dir(link))
		pss, private, err := rollup(process)
		if err != nil {
			return memory{}, err
		}
		if found[space] == nil {
			found[space] = new(sum)
		}
		s := found[space]
		s.pss, s.private = s.pss+pss, s.private+private
		name, _ := os.ReadFile(process + "/comm")
		s.parts = append(s.parts, fmt.Sprintf("%s %.2f", bytes.TrimSpace(name), pss))
	}
	if len(found) != len(spaces) {
		return memory{}, fmt.Errorf("%d of %d environments have processes", len(found), len(spaces))
	}
	m := memory{count: len(spaces)}
	var pss, private []float64
	for _, s := range found {
		pss, private = append(pss, s.pss), append(private, s.private)
		m.parts = "processes of one: " + strings.Join(s.parts, ", ")
	}
	m.pss, m.private = measure.Percentile(pss, 50), measure.Percentile(private, 50)
	return m, nil
}

// rollup is a process's proportional and private memory in MB.
func rollup(process string) (pss, private float64, err error) {
	text, err := os.ReadFile(process + "/smaps_rollup")
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 3 {
			continue
		}
		kb, err := strconv.ParseFloat(f[1], 64)
		if err != nil {
			continue // the first line, which names the range
		}
		switch f[0] {
		case "Pss:":
			pss += kb / 1024
		case "Private_Clean:", "Private_Dirty:":
			private += kb / 1024
		}
	}
	return pss, private, nil
}

// kernelMemory is what the kernel holds for processes and namespaces, of the whole machine, in KB.
func kernelMemory() (int64, error) { return meminfo("SUnreclaim:", "PageTables:", "KernelStack:") }

// meminfo sums lines of /proc/meminfo, in KB.
func meminfo(names ...string) (sum int64, err error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		for _, name := range names {
			if rest, ok := strings.CutPrefix(line, name); ok {
				kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
				if err != nil {
					return 0, err
				}
				sum += kb
			}
		}
	}
	return sum, nil
}

// plainMemory is the PSS of an interpreter that only waits, of five at once, in MB.
func (b *bench) plainMemory(ctx context.Context) (float64, error) {
	const count = 5
	var all []float64
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var waiting []*exec.Cmd
	defer func() {
		cancel()
		for _, c := range waiting {
			c.Wait() // killed by us
		}
	}()
	for range count {
		c := exec.CommandContext(ctx, b.o.interpreter, "-I", "-S", "-c", "import sys; print('ready', flush=True); sys.stdin.read()")
		c.Env = []string{}
		if _, err := c.StdinPipe(); err != nil { // open until the process has ended
			return 0, err
		}
		out, err := c.StdoutPipe()
		if err != nil {
			return 0, err
		}
		if err := c.Start(); err != nil {
			return 0, err
		}
		waiting = append(waiting, c)
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			return 0, err
		}
	}
	for _, c := range waiting {
		pss, _, err := rollup(fmt.Sprint("/proc/", c.Process.Pid))
		if err != nil {
			return 0, err
		}
		all = append(all, pss)
	}
	return measure.Percentile(all, 50), nil
}
