package environment

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"
)

// probeWait bounds the first run of an interpreter.
const probeWait = 10 * time.Second

// pythonVersions are the versions that Lambda has managed runtimes for.
var pythonVersions = [...]string{"3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"}

// Interpreter is what runs the functions of a managed runtime on this machine.
type Interpreter struct {
	Runtime string // "python3.12"
	Path    string // of the real program, not of a shim
	Version string // "3.12.1"
	// Err is why there is none.
	Err error
}

// InterpreterError says that a runtime has no interpreter here.
type InterpreterError struct {
	Runtime string
	// Tried are the places that were looked at, and Cause what was wrong
	// with an interpreter that was there.
	Tried []string
	Cause error
}

func (e *InterpreterError) Unwrap() error { return e.Cause }

func (e *InterpreterError) Error() string {
	version, python := strings.CutPrefix(e.Runtime, "python")
	if !python {
		return fmt.Sprintf("runtime %s is not supported; use python3.8 to python3.14, or provided.al2023 with a bootstrap of your own", e.Runtime)
	}
	what := fmt.Sprintf("no interpreter for runtime %s found on this machine", e.Runtime)
	if e.Cause != nil {
		what = fmt.Sprintf("the interpreter for runtime %s does not work: %v", e.Runtime, e.Cause)
	}
	get := fmt.Sprintf("apt install python%[1]s, uv python install %[1]s, or pyenv install %[1]s", version)
	if runtime.GOOS == "darwin" {
		get = fmt.Sprintf("brew install python@%[1]s, uv python install %[1]s, or pyenv install %[1]s", version)
	}
	return fmt.Sprintf("%s; install it (%s) or name it with --runtime %s=/path/to/python%s", what, get, e.Runtime, version)
}

// Interpreters finds the interpreters of managed runtimes and remembers them.
type Interpreters struct {
	chosen map[string]string
	home   string
	path   string

	mu    sync.Mutex
	found map[string]*search
}

// search is one runtime's search, done once.
type search struct {
	once   sync.Once
	result Interpreter
}

// NewInterpreters finds interpreters, of which chosen names some by runtime
// identifier.
func NewInterpreters(chosen map[string]string) *Interpreters {
	home, _ := os.UserHomeDir() // without one, one place less to look at
	return &Interpreters{chosen: chosen, home: home, path: os.Getenv("PATH"), found: make(map[string]*search)}
}

// Find is the interpreter of a runtime. The error is an *InterpreterError. A
// search that found nothing is repeated the next time.
func (i *Interpreters) Find(ctx context.Context, name string) (Interpreter, error) {
	i.mu.Lock()
	s := i.found[name]
	if s == nil {
		s = new(search)
		i.found[name] = s
	}
	i.mu.Unlock()
	s.once.Do(func() { s.result = i.look(ctx, name) })
	if s.result.Err != nil {
		i.mu.Lock()
		if i.found[name] == s {
			delete(i.found, name)
		}
		i.mu.Unlock()
	}
	return s.result, s.result.Err
}

// List is what is found for each managed runtime, in order of version.
func (i *Interpreters) List(ctx context.Context) []Interpreter {
	out := make([]Interpreter, len(pythonVersions))
	var wg sync.WaitGroup
	for n, v := range pythonVersions {
		wg.Go(func() { out[n], _ = i.Find(ctx, "python"+v) })
	}
	wg.Wait()
	return out
}

func (i *Interpreters) look(ctx context.Context, name string) Interpreter {
	fail := &InterpreterError{Runtime: name}
	version, ok := strings.CutPrefix(name, "python")
	if !ok {
		return Interpreter{Runtime: name, Err: fail}
	}
	places := i.places(version)
	if p := i.chosen[name]; p != "" {
		places = []string{p}
	}
	for _, p := range places {
		path, full, err := probe(ctx, p, version)
		if err == nil {
			return Interpreter{Runtime: name, Path: path, Version: full}
		}
		fail.Tried = append(fail.Tried, p)
		if i.chosen[name] != "" || !errors.Is(err, os.ErrNotExist) {
			fail.Cause = err
		}
	}
	return Interpreter{Runtime: name, Err: fail}
}

// places are where an interpreter of a version may be, best first.
func (i *Interpreters) places(version string) []string {
	program := "python" + version
	var places []string
	for _, dir := range filepath.SplitList(i.path) {
		if filepath.IsAbs(dir) {
			places = append(places, filepath.Join(dir, program))
		}
	}
	patterns := []string{
		"/usr/bin/" + program,
		"/usr/local/bin/" + program,
		"/opt/*/bin/" + program,
		"/opt/homebrew/opt/python@" + version + "/bin/" + program,
		"/usr/local/opt/python@" + version + "/bin/" + program,
		"/Library/Frameworks/Python.framework/Versions/" + version + "/bin/" + program,
	}
	if i.home != "" {
		patterns = append(patterns,
			filepath.Join(i.home, ".pyenv/versions", version+".*", "bin", program),
			filepath.Join(i.home, ".local/share/uv/python", "*-"+version+".*", "bin", program),
			filepath.Join(i.home, ".local/bin", program))
	}
	for _, p := range patterns {
		found, err := filepath.Glob(p)
		if err == nil { // only a malformed pattern is an error
			places = append(places, found...)
		}
	}
	existing := places[:0]
	seen := make(map[string]bool)
	for _, p := range places {
		if info, err := os.Stat(p); err == nil && !info.IsDir() && !seen[p] {
			seen[p] = true
			existing = append(existing, p)
		}
	}
	return existing
}

// probe runs an interpreter and asks which program and version it really is: a
// name may be a shim that picks one anew, slowly, at each start.
func probe(ctx context.Context, path, version string) (program, full string, err error) {
	if _, err := os.Stat(path); err != nil {
		return "", "", err
	}
	ctx, cancel := context.WithTimeout(ctx, probeWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-I", "-c",
		"import sys; print(sys.executable); print('.'.join(map(str, sys.version_info[:3])))")
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		return "", "", fmt.Errorf("%s: %w: %s", path, err, bytes.TrimSpace(stderr.Bytes()))
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !filepath.IsAbs(lines[0]) {
		return "", "", fmt.Errorf("%s: is not a Python interpreter", path)
	}
	if !strings.HasPrefix(lines[1], version+".") {
		return "", "", fmt.Errorf("%s: is version %s, not %s", path, lines[1], version)
	}
	return lines[0], lines[1], nil
}
