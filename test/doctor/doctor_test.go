//go:build linux

package doctor_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"furl/internal/doctor"
)

// programs are where the tests' programs are: furl, lack, and below bin those that
// stand in for a distribution's.
var programs string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "furl-doctor-test-")
	if err == nil {
		defer os.RemoveAll(dir)
		programs = dir
		err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// build makes the programs, static ones that every user may execute.
func build(dir string) error {
	bin := filepath.Join(dir, "bin")
	if err := errors.Join(os.Chmod(dir, 0o755), os.Mkdir(bin, 0o755)); err != nil {
		return err
	}
	for path, source := range map[string]string{
		filepath.Join(dir, "furl"):      "../../cmd/furl",
		filepath.Join(dir, "lack"):      "./testdata/lack",
		filepath.Join(bin, "newuidmap"): "./testdata/idmap",
		filepath.Join(bin, "newgidmap"): "./testdata/idmap",
	} {
		cmd := exec.Command("go", "build", "-o", path, source)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
	}
	return nil
}

// needRoot skips a test that only root can make, except in CI, which is root.
func needRoot(t *testing.T) {
	t.Helper()
	switch {
	case os.Geteuid() == 0:
	case os.Getenv("CI") == "true":
		t.Fatal("needs root")
	default:
		t.Skip("NOT TESTED: machines that lack something are made by root")
	}
}

// nobody is a user that no machine has.
const nobody = "12345"

// machine runs furl where something is lacking.
type machine struct {
	lacks []string
	env   []string
}

func (m machine) furl(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(programs, "lack"), append(append(slices.Clone(m.lacks), "--", filepath.Join(programs, "furl")), args...)...)
	cmd.Env = append([]string{"PATH=" + filepath.Join(programs, "bin") + ":/usr/bin:/bin", "HOME=" + open(t)}, m.env...)
	cmd.Dir = "/"
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	exit, exited := errors.AsType[*exec.ExitError](err)
	if err != nil && !exited {
		t.Fatal(err)
	}
	if exited {
		code = exit.ExitCode()
	}
	return out.String(), errs.String(), code
}

// open is a directory that every user may use.
func open(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// subordinate gives the user ids of its own, and the means to map them.
func subordinate(t *testing.T) []string {
	t.Helper()
	table := filepath.Join(open(t), "subid")
	if err := os.WriteFile(table, []byte("root:1:2\n"+nobody+":200000:65536\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"newuidmap", "newgidmap"} {
		path := filepath.Join(programs, "bin", name)
		if err := os.Chmod(path, 0o755|os.ModeSetuid); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(path, 0o755) })
	}
	return []string{"file=/etc/subuid:" + table, "file=/etc/subgid:" + table, "root=" + nobody}
}

// Names of features.
const (
	userNamespaces = "user namespaces"
	ownProc        = "own /proc"
	ownUser        = "a user of its own per sandbox"
	whole          = "a whole sandbox"
	limits         = "limits of memory, processes and CPU"
	egress         = "egress"
)

func TestDoctor(t *testing.T) {
	needRoot(t)
	tests := []struct {
		name string
		machine
		// state are the features of the namespace driver that are worth a look, and
		// hint what must be told about the first that is not ok.
		state map[string]doctor.State
		hint  string
		// works is whether that driver does.
		works bool
	}{
		{"root", machine{}, map[string]doctor.State{userNamespaces: "ok", ownUser: "ok", whole: "ok", limits: "ok", egress: "ok"}, "", true},
		{"a user with subordinate ids", machine{lacks: subordinate(t)},
			map[string]doctor.State{ownUser: "ok", whole: "ok", limits: "without", egress: "ok"}, "Delegate=yes", true},
		{"a user with one id", machine{lacks: []string{"root=" + nobody}},
			map[string]doctor.State{ownUser: "without", whole: "ok", egress: "ok"}, "usermod --add-subuids", true},
		{"no user namespaces for root", machine{lacks: []string{"userns"}, env: []string{"KUBERNETES_SERVICE_HOST=x"}},
			map[string]doctor.State{userNamespaces: "missing"}, "--security-opt seccomp=unconfined .*Kubernetes: ", false},
		{"no user namespaces for a user", machine{lacks: []string{"userns", "root=" + nobody}},
			map[string]doctor.State{userNamespaces: "missing"}, "seccomp=unconfined|RestrictNamespaces=|unprivileged_userns_clone=1", false},
		{"no user namespaces left", machine{lacks: []string{"usernsleft"}},
			map[string]doctor.State{userNamespaces: "missing"}, "sysctl user.max_user_namespaces=", false},
		{"hidden parts of /proc", machine{lacks: []string{"proc"}},
			map[string]doctor.State{userNamespaces: "ok", ownProc: "without", whole: "ok"}, "systempaths=unconfined.*procMount: Unmasked", true},
		{"read-only cgroups", machine{lacks: []string{"cgroups"}},
			map[string]doctor.State{whole: "ok", limits: "without"}, "Delegate=yes", true},
		{"no nf_tables", machine{lacks: []string{"netfilter"}},
			map[string]doctor.State{whole: "ok", egress: "without"}, "modprobe -a nf_tables", true},
		{"no nf_tables for a user", machine{lacks: []string{"netfilter", "root=" + nobody}},
			map[string]doctor.State{whole: "ok", egress: "without"}, "modprobe -a nf_tables", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := []string{"doctor", "--listen", "127.0.0.1:0", "--data-dir", filepath.Join(open(t), "data")}
			out, stderr, code := tt.furl(t, append(args, "--json")...)
			var r doctor.Report
			if err := json.Unmarshal([]byte(out), &r); err != nil {
				t.Fatalf("%v\n%s%s", err, out, stderr)
			}
			if code != 0 || stderr != "" || !r.Starts || r.Required != tt.works || (r.Isolation == "namespace") != tt.works {
				t.Errorf("code %d, %q: starts %v, required %v, runs in %q", code, stderr, r.Starts, r.Required, r.Isolation)
			}
			checkSection(t, r.Sections[0], tt.state, tt.hint, tt.works)
			text, _, _ := tt.furl(t, args...)
			if want := "functions run in: " + r.Isolation + " ("; !strings.Contains(text, want) {
				t.Errorf("no %q in\n%s", want, text)
			}
			if _, _, code := tt.furl(t, append(args, "--isolation", "required")...); (code == 0) != tt.works {
				t.Errorf("with --isolation required the exit code is %d", code)
			}
			if t.Failed() {
				t.Log(text)
			}
		})
	}
}

func checkSection(t *testing.T, s doctor.Section, want map[string]doctor.State, hint string, works bool) {
	t.Helper()
	if s.Name != "namespace" || s.Works != works {
		t.Errorf("section %s: works %v, want namespace: %v", s.Name, s.Works, works)
	}
	seen, hinted := 0, hint == ""
	for _, c := range s.Checks {
		if w, ok := want[c.Name]; ok {
			seen++
			if c.State != w {
				t.Errorf("%s is %s (%s), want %s", c.Name, c.State, c.Detail, w)
			}
		}
		if c.State == doctor.Missing && c.Detail == "" {
			t.Errorf("%s is missing without a reason", c.Name)
		}
		if c.State != doctor.OK && !hinted && regexp.MustCompile(hint).MatchString(c.Hint) {
			hinted = true
		}
	}
	if seen != len(want) || !hinted {
		t.Errorf("checks %+v: want all of %v and a hint of %q", s.Checks, want, hint)
	}
}

// TestServeRefuses: a server that cannot have the isolation that is asked for, or
// that others can reach, does not start, and says what is missing and what helps.
func TestServeRefuses(t *testing.T) {
	needRoot(t)
	m := machine{lacks: []string{"userns"}, env: []string{"KUBERNETES_SERVICE_HOST=x"}}
	for _, args := range [][]string{
		{"--listen", "127.0.0.1:0", "--isolation", "required"},
		{"--listen", "127.0.0.1:0", "--isolation", "namespace"},
		{"--listen", "0.0.0.0:0"},
		{"--listen", "127.0.0.1:0,:0"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			out, stderr, code := m.furl(t, append([]string{"serve", "--data-dir", filepath.Join(open(t), "data")}, args...)...)
			if code != 1 || out != "" {
				t.Errorf("exit code %d, %s", code, out)
			}
			for _, want := range []string{
				`furl: isolation (required|namespace|required, because (0\.0\.0\.0)?:0 is beyond loopback): the namespace driver does not work here\n`,
				`furl:   user namespaces: operation not permitted\n`,
				`hint: .*seccomp=unconfined`,
				`hint: furl doctor`,
				`hint: .*--isolation best-effort`,
				`hint: .*--isolation process: functions run as the user who runs furl`,
			} {
				if !regexp.MustCompile(want).MatchString(stderr) {
					t.Errorf("no match of %s in\n%s", want, stderr)
				}
			}
		})
	}
}

// TestUpRefuses: furl up has no flag for isolation, and names the variable.
func TestUpRefuses(t *testing.T) {
	needRoot(t)
	m := machine{lacks: []string{"userns"}, env: []string{"FURL_LISTEN=0.0.0.0:0"}}
	dir := open(t)
	if err := os.WriteFile(filepath.Join(dir, "lambda_function.py"), []byte("def lambda_handler(event, context): pass\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := m.furl(t, "up", dir, "--data-dir", filepath.Join(open(t), "data"))
	if code != 1 || !strings.Contains(stderr, "FURL_ISOLATION=best-effort") || strings.Contains(stderr, "--isolation") {
		t.Errorf("exit code %d\n%s", code, stderr)
	}
}
