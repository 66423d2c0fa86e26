package doctor_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"furl/internal/doctor"
	"furl/internal/isolation"
)

// TestExamine: what is missing stops a server, what it can do without does not.
// Drivers that take a program of their own are the matter of test/doctor.
func TestExamine(t *testing.T) {
	// Interpreters on the way of this machine's user may be shims, which take long.
	t.Setenv("PATH", "")
	t.Setenv("HOME", t.TempDir())
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	good := doctor.Options{
		Isolation: isolation.Options{Level: isolation.BestEffort, Dir: dir},
		Listen:    []string{"127.0.0.1:0"},
		DataDir:   filepath.Join(dir, "not", "there", "yet"),
	}
	tests := []struct {
		name   string
		change func(*doctor.Options)
		starts bool
		check  string // beginning of the name of a check
		state  doctor.State
		detail string
	}{
		{"good", func(*doctor.Options) {}, true, "data directory ", doctor.OK, "GiB free"},
		{"required", func(o *doctor.Options) { o.Isolation.Level = isolation.Required }, false, "a whole sandbox", doctor.Missing, "Config.Supervisor"},
		{"file", func(o *doctor.Options) { o.DataDir = file }, false, "data directory ", doctor.Missing, "is not a directory"},
		{"below a file", func(o *doctor.Options) { o.DataDir = filepath.Join(file, "data") }, false, "data directory ", doctor.Missing, "not a directory"},
		{"no such address", func(o *doctor.Options) { o.Listen = []string{"192.0.2.1:0"} }, false, "listen on 192.0.2.1:0", doctor.Missing, "assign requested address"},
		{"another's address", func(o *doctor.Options) { o.Listen = []string{busy.Addr().String()} }, false, "listen on 127", doctor.Missing, "in use"},
		{"its own address", func(o *doctor.Options) { o.Listen, o.Served = []string{busy.Addr().String()}, true }, true, "listen on 127", doctor.OK, "the server of this data directory runs"},
		{"clock", func(o *doctor.Options) {
			o.Now = func() time.Time { return time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC) }
		}, false, "clock", doctor.Missing, "1970-01-01T00:00:00Z"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := good
			var steps []string
			o.Progress = func(what string) { steps = append(steps, what) }
			tt.change(&o)
			r := doctor.Examine(t.Context(), o)
			if r.Starts != tt.starts || r.Level != o.Isolation.Level || r.Strongest != isolation.Process || r.Required {
				t.Errorf("starts %v; %+v", r.Starts, r)
			}
			found := false
			for _, s := range r.Sections {
				for _, c := range s.Checks {
					if strings.HasPrefix(c.Name, tt.check) && c.State == tt.state && strings.Contains(c.Detail, tt.detail) {
						found = true
					}
				}
			}
			if !found {
				t.Errorf("no check %q that is %s: %s; %+v", tt.check, tt.state, tt.detail, r.Sections)
			}
			if len(steps) < 4 {
				t.Errorf("progress %q", steps)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(dir, "not")); err == nil {
		t.Error("the data directory was made")
	}
}
