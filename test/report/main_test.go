package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	const failing = `{"Action":"output","Package":"p","Test":"TestA","Output":"boom\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Output":"FAIL p\n"}
{"Action":"fail","Package":"p","Elapsed":1}
`
	const skipping = `{"Action":"output","Package":"p","Test":"TestS","Output":"no aws here\n"}
{"Action":"skip","Package":"p","Test":"TestS"}
{"Action":"pass","Package":"p","Test":"TestB"}
{"Action":"pass","Package":"p"}
`
	tests := []struct {
		name, events string
		strict, ok   bool
		want         []string
	}{
		{"passes", `{"Action":"pass","Package":"p","Test":"TestB"}`, false, true, []string{"1 passed, 0 failed\n"}},
		{"failure", failing, false, false, []string{"boom\n", "fail p (1.0s)\n", "0 passed, 1 failed\n"}},
		{"skip at home", skipping, false, true, []string{"skipped: p TestS\nno aws here\n", "1 passed, 0 failed\n"}},
		{"skip in CI", skipping, true, false, []string{"1 passed, 1 failed\n"}},
		{"package that does not build", `{"ImportPath":"p","Action":"build-output","Output":"syntax error\n"}
{"ImportPath":"p","Action":"build-fail"}
{"Action":"fail","Package":"p"}`, false, false, []string{"syntax error\n", "0 passed, 1 failed\n"}},
		{"not JSON", "go: cannot find module\n", false, false, []string{"go: cannot find module\n", "no test ran\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			r, err := read(strings.NewReader(tt.events), &out)
			if err != nil {
				t.Fatal(err)
			}
			if ok := r.print(&out, tt.strict); ok != tt.ok {
				t.Errorf("passed = %v, want %v", ok, tt.ok)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in:\n%s", want, out.String())
				}
			}
		})
	}
}
