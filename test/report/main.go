// Command report reads `go test -json` on standard input and tells what a person wants to know: the output of what
// failed, one line for each package, and last the line "N passed, N failed". It does not run tests.
//
//	go test -json ./... | go run ./test/report
//
// It exits 1 when anything failed and, with CI=true, when anything was skipped: what CI skips, nobody runs.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// maxLine bounds one line of test output: a script's whole log arrives as one event per line, fuzz inputs can be long.
const maxLine = 64 << 20

func main() {
	r, err := read(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
	if !r.print(os.Stdout, os.Getenv("CI") == "true") {
		os.Exit(1)
	}
}

// event is one line of `go test -json` (see `go doc test2json`).
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
	Elapsed    float64
}

// result is what the events added up to.
type result struct {
	passed, failed, skipped int
	// broken counts packages that failed without a failed test: they did not build, timed out or lost their process.
	broken int
	skips  []string
}

// read adds the events of r up, writing the output of each failed test and one line for each package to w as they end.
// Lines that are not JSON, as a compiler's, are passed through.
func read(r io.Reader, w io.Writer) (result, error) {
	var sum result
	output := map[string]*strings.Builder{}
	failedIn := map[string]int{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			fmt.Fprintln(w, lines.Text())
			continue
		}
		key := e.Package + e.ImportPath + " " + e.Test
		switch e.Action {
		case "output", "build-output":
			if output[key] == nil {
				output[key] = new(strings.Builder)
			}
			output[key].WriteString(e.Output)
			continue
		case "pass", "fail", "skip", "build-fail":
		default:
			continue
		}
		kept := output[key]
		delete(output, key)
		if e.Action == "build-fail" || e.Action == "fail" && (e.Test != "" || failedIn[e.Package] == 0) {
			if kept != nil {
				fmt.Fprint(w, kept.String())
			}
		}
		sum.count(e, failedIn, kept)
		if e.Test == "" && e.Package != "" {
			fmt.Fprintf(w, "%-4s %s (%.1fs)\n", e.Action, e.Package, e.Elapsed)
		}
	}
	if err := lines.Err(); err != nil {
		return sum, fmt.Errorf("read the test events: %w", err)
	}
	return sum, nil
}

// count adds one ended test or package; kept is the output it printed, nil for none.
func (r *result) count(e event, failedIn map[string]int, kept *strings.Builder) {
	switch {
	case e.Test == "":
		if e.Action == "fail" && failedIn[e.Package] == 0 {
			r.broken++
		}
	case e.Action == "pass":
		r.passed++
	case e.Action == "fail":
		r.failed++
		failedIn[e.Package]++
	case e.Action == "skip":
		r.skipped++
		why := ""
		if kept != nil {
			why = strings.TrimSpace(kept.String())
		}
		r.skips = append(r.skips, fmt.Sprintf("%s %s\n%s", e.Package, e.Test, why))
	}
}

// print writes the skipped tests and the closing line, and reports whether the run counts as passed.
func (r *result) print(w io.Writer, strict bool) bool {
	for _, s := range r.skips {
		fmt.Fprintln(w, "skipped:", s)
	}
	failed := r.failed + r.broken
	if strict {
		failed += r.skipped
	}
	if r.passed == 0 && failed == 0 {
		fmt.Fprintln(w, "report: no test ran")
		return false
	}
	fmt.Fprintf(w, "%d passed, %d failed\n", r.passed, failed)
	return failed == 0
}
