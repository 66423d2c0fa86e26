package isolation_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"furl/internal/isolation"
	"furl/internal/sandbox"
)

// TestWithoutCommand: a program that cannot be started again has no isolation but
// process, and is told so.
func TestWithoutCommand(t *testing.T) {
	for _, tt := range []struct {
		level, driver string
		wants         []string // of the error
	}{
		{isolation.Process, "process", nil},
		{isolation.BestEffort, "process", nil},
		{isolation.Namespace, "", []string{"isolation namespace: the namespace driver does not work here\n", "Config.Supervisor"}},
		{isolation.Required, "", []string{"isolation required: the namespace driver does not work here\n", "Config.Supervisor"}},
		{isolation.Confined, "", []string{"isolation confined: the confined driver does not work here\n", "Config.Supervisor"}},
		{"strong", "", []string{`there is no level "strong"`}},
	} {
		t.Run(tt.level, func(t *testing.T) {
			c, err := isolation.Open(t.Context(), isolation.Options{Level: tt.level, Dir: t.TempDir()})
			if err == nil {
				defer c.Driver.Close()
			}
			if tt.driver != "" && (err != nil || c.Driver.Name() != tt.driver) {
				t.Fatalf("%+v, %v; want the %s driver", c, err, tt.driver)
			}
			for _, want := range tt.wants {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v, want %q in it", err, want)
				}
			}
			passed := tt.level == isolation.BestEffort
			if (c.Why() != "") != passed || passed && !strings.HasPrefix(c.Why(), "namespace: ") {
				t.Errorf("why %q", c.Why())
			}
		})
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := isolation.Open(ctx, isolation.Options{Level: isolation.Required})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestError(t *testing.T) {
	e := &isolation.Error{Level: isolation.Required, Reports: []sandbox.Report{{Driver: "namespace", Features: []sandbox.Feature{
		{Name: "one", OK: true},
		{Name: "two", Detail: "not allowed", Hint: "allow it"},
		{Name: "three", Hint: "allow it"},
		{Name: "four", Optional: true, Detail: "not there", Hint: "no need"},
	}}}}
	const want = "isolation required: the namespace driver does not work here\n  two: not allowed\n  three"
	if e.Error() != want {
		t.Errorf("%q, want %q", e.Error(), want)
	}
	e.Because = "0.0.0.0:1 is beyond loopback"
	if got := e.Error(); !strings.HasPrefix(got, "isolation required, because 0.0.0.0:1 is beyond loopback: the namespace driver") {
		t.Errorf("%q does not say why", got)
	}
	hints := strings.Join(e.Hints(), "\n")
	if !strings.HasPrefix(hints, "allow it\nfurl doctor ") || strings.Count(hints, "allow it") != 1 || strings.Contains(hints, "no need") {
		t.Errorf("hints %s", hints)
	}
	for _, level := range []string{isolation.BestEffort, isolation.Confined, isolation.Process} {
		if !strings.Contains(hints, "--isolation "+level) {
			t.Errorf("no %s in the hints %s", level, hints)
		}
	}
	if hints := (&isolation.Error{Level: isolation.Process, Reports: e.Reports}).Hints(); strings.Contains(strings.Join(hints, "\n"), "--isolation") {
		t.Errorf("hints %q: there is nothing less than process", hints)
	}
}

func TestVerdict(t *testing.T) {
	lacking := sandbox.Report{Driver: "namespace", Features: []sandbox.Feature{{Name: "x"}}}
	working := sandbox.Report{Driver: "confined", Features: []sandbox.Feature{{Name: "x", OK: true}, {Name: "y", Optional: true}}}
	if got := isolation.Verdict([]sandbox.Report{lacking, working}); got != "confined" {
		t.Errorf("%q", got)
	}
	if got := isolation.Verdict([]sandbox.Report{lacking, {Driver: "process"}}); got != "" {
		t.Errorf("%q of drivers that do not work, or were not tried", got)
	}
}
