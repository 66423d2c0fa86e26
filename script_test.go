package furl_test

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts drive the furl that users run: one binary built here, started as a process of its own, spoken to by the
// unmodified aws CLI, awscurl, boto3 and curl. commandList tells what a script can say.

var update = flag.Bool("update", false, "write what the scripts saw into their golden files")

// clientsDir is where `make clients` installs the AWS clients.
const clientsDir = ".venv/clients/bin"

// bins holds the directory that comes first on the scripts' PATH: furl, and the clients by name.
var bins string

func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

// runTests gives the tests a directory for the programs they start and removes it when they are done.
func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "furl-test-bin")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bins = dir
	return m.Run()
}

// furlBinary builds furl once and returns its path; TEST_FURL_BINARY names one to test instead. Under -race the server
// is built with the race detector too, and a race that it finds is a failure: it exits with a code of its own.
var furlBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(bins, "furl")
	if given := os.Getenv("TEST_FURL_BINARY"); given != "" {
		abs, err := filepath.Abs(given)
		if err != nil {
			return "", err
		}
		return path, os.Symlink(abs, path)
	}
	args := []string{"build", "-o", path}
	if raceEnabled {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "./cmd/furl")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build ./cmd/furl: %w\n%s", err, out)
	}
	return path, nil
})

// staticBinary builds furl once as users build it. Sandboxes start it as a program of theirs, which a dynamic one, with
// the race detector above all, cannot be; and every user may execute it.
var staticBinary = sync.OnceValues(func() (string, error) {
	path := filepath.Join(bins, "furl-static")
	cmd := exec.Command("go", "build", "-o", path, "./cmd/furl")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/furl: %w\n%s", err, out)
	}
	return path, os.Chmod(bins, 0o755)
})

// linkClients puts the AWS clients beside furl, by name only, so that the python3 of the machine stays the one that
// functions run with. It returns the virtual environment's own interpreter.
var linkClients = sync.OnceValues(func() (python string, err error) {
	dir, err := filepath.Abs(clientsDir)
	if err != nil {
		return "", err
	}
	for _, name := range []string{"aws", "awscurl"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return "", fmt.Errorf("the AWS clients are not installed, run `make clients`: %w", err)
		}
		if err := os.Symlink(filepath.Join(dir, name), filepath.Join(bins, name)); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "python"), nil
})

func TestScript(t *testing.T) {
	if _, err := furlBinary(); err != nil {
		t.Fatal(err)
	}
	python := requireTools(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		Setup:               func(env *testscript.Env) error { return setup(env, python) },
		Condition:           condition,
		Cmds:                commandList(),
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// requireTools returns the interpreter that has boto3. Where a client is missing the scripts are skipped with the
// reason, in CI they fail: what CI skips, nobody runs.
func requireTools(t *testing.T) (python string) {
	t.Helper()
	python, err := linkClients()
	for _, tool := range []string{"curl", "python3", "sh"} {
		if _, lookErr := exec.LookPath(tool); lookErr != nil && err == nil {
			err = lookErr
		}
	}
	if err == nil && !isPython(pythonMinor(context.Background(), "python3")) {
		err = fmt.Errorf("the python3 on PATH is none of %s", strings.Join(runtimeNames(), ", "))
	}
	switch {
	case err == nil:
		return python
	case os.Getenv("CI") == "true":
		t.Fatal(err)
	default:
		t.Skip("NOTHING OF THE WALKTHROUGHS IS TESTED: ", err)
	}
	return ""
}

// setup gives a script a home of its own, a clean environment and the invariant that it leaves no process behind.
func setup(env *testscript.Env, python string) error {
	for _, dir := range []string{"home", "state"} {
		if err := os.MkdirAll(filepath.Join(env.WorkDir, dir), 0o700); err != nil {
			return err
		}
	}
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	for name, value := range map[string]string{
		"PATH":                      bins + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME":                      filepath.Join(env.WorkDir, "home"),
		"XDG_STATE_HOME":            filepath.Join(env.WorkDir, "state"),
		"FURL_DATA_DIR":             filepath.Join(env.WorkDir, "data"),
		"LANG":                      "C.UTF-8",
		"AWS_PAGER":                 "",
		"AWS_EC2_METADATA_DISABLED": "true",
		"AWS_MAX_ATTEMPTS":          "1",
		"REPO":                      root,
		"CLIENTPYTHON":              python,
		"RUNTIME":                   "python3." + strconv.Itoa(pythonMinor(context.Background(), "python3")),
		"ROLE_TRUST":                `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`,
	} {
		env.Setenv(name, value)
	}
	s := &session{work: env.WorkDir, keys: map[string]keyPair{}, path: env.Getenv("PATH")}
	env.Values[sessionKey{}] = s
	tb, ok := env.T().(testing.TB)
	if !ok {
		return fmt.Errorf("the scripts' T is %T, not a testing.TB", env.T())
	}
	env.Defer(func() { s.finish(tb) })
	return nil
}

// condition knows what a machine may lack:
//
//	[root]       the tests run as root
//	[bind443]    a process may listen on port 443 of tlsAddress
//	[python3.N]  an interpreter of that version is installed
func condition(cond string) (bool, error) {
	if minor, ok := strings.CutPrefix(cond, "python3."); ok {
		n, err := strconv.Atoi(minor)
		if err != nil {
			return false, err
		}
		_, found := pythons()[n]
		return found, nil
	}
	switch cond {
	case "root":
		return os.Geteuid() == 0, nil
	case "bind443":
		return canBind443(), nil
	}
	return false, fmt.Errorf("unknown condition %q", cond)
}

// canBind443 tries it once: when a script's server has the port, the answer must stay what it was.
var canBind443 = sync.OnceValue(func() bool {
	l, err := net.Listen("tcp", tlsAddress)
	if err != nil {
		return false
	}
	l.Close()
	return true
})

// tlsAddress is where the TLS walkthrough listens beside its ordinary port, for URLs without one. Linux routes all of
// 127.0.0.0/8 to this machine, so that it can meet no other server.
const tlsAddress = "127.83.0.1:443"

// firstPython and lastPython bound the managed Python runtimes, python3.8 to python3.14.
const firstPython, lastPython = 8, 14

// runtimeNames returns the identifiers of the managed Python runtimes.
func runtimeNames() []string {
	var names []string
	for n := firstPython; n <= lastPython; n++ {
		names = append(names, "python3."+strconv.Itoa(n))
	}
	return names
}

func isPython(minor int) bool { return minor >= firstPython && minor <= lastPython }

// pythons returns the interpreters of this machine by minor version: those on PATH and those that pyenv keeps.
var pythons = sync.OnceValue(func() map[int]string {
	found := map[int]string{}
	home, err := os.UserHomeDir()
	if err != nil {
		home = string(os.PathSeparator)
	}
	for n := firstPython; n <= lastPython; n++ {
		name := "python3." + strconv.Itoa(n)
		candidates, _ := filepath.Glob(filepath.Join(home, ".pyenv/versions", strings.TrimPrefix(name, "python")+".*", "bin", name))
		for _, c := range append([]string{name}, candidates...) {
			path, err := exec.LookPath(c)
			if err == nil && pythonMinor(context.Background(), path) == n {
				found[n] = path
				break
			}
		}
	}
	return found
})

// pythonMinor asks an interpreter for its minor version: 11 for Python 3.11, 0 when it does not answer. A name on PATH
// proves nothing: pyenv leaves one for each version that any project of the machine uses.
func pythonMinor(ctx context.Context, interpreter string) int {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, interpreter, "-c", "import sys; print(sys.version_info[1])").Output()
	if err != nil {
		return 0
	}
	minor, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		return 0
	}
	return minor
}
