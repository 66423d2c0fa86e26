package environment

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// probeWait bounds the first run of an interpreter.
const probeWait = 10 * time.Second

// Interpreter is what runs the functions of a managed runtime on this machine.
type Interpreter struct {
	Runtime string // "python3.12", "nodejs20.x"
	Path    string // of the real program, not of a shim
	Version string // "3.12.1", "20.11.0"
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
	f, version, ok := familyOf(e.Runtime)
	if !ok {
		return fmt.Sprintf("runtime %s is not supported; use %s or provided.al2023 with a bootstrap of your own", e.Runtime, supported())
	}
	what := fmt.Sprintf("no interpreter for runtime %s found on this machine", e.Runtime)
	if e.Cause != nil {
		what = fmt.Sprintf("the interpreter for runtime %s does not work: %v", e.Runtime, e.Cause)
	}
	return fmt.Sprintf("%s; install it (%s) or name it with --runtime %s=%s", what, f.install(version), e.Runtime, f.example(version))
}

// Install says how to get an interpreter, "" for a runtime that has none.
func (e *InterpreterError) Install() string {
	f, version, ok := familyOf(e.Runtime)
	if !ok {
		return ""
	}
	return f.install(version)
}

// supported lists the managed runtimes: "a to b, c to d,".
func supported() string {
	var b strings.Builder
	for _, f := range families() {
		fmt.Fprintf(&b, "%s to %s, ", f.identifier(f.versions[0]), f.identifier(f.versions[len(f.versions)-1]))
	}
	return strings.TrimSuffix(b.String(), " ")
}

// Interpreters finds the interpreters of managed runtimes and remembers them.
type Interpreters struct {
	chosen map[string]string
	home   string
	path   string

	mu     sync.Mutex
	found  map[string]*search
	probed map[program]*probe
}

// search is one runtime's search, done once.
type search struct {
	once   sync.Once
	result Interpreter
}

// program is a file as it was when it was run.
type program struct {
	path    string
	size    int64
	changed time.Time
}

// probe is the first run of a program, done once.
type probe struct {
	once          sync.Once
	path, version string
	err           error
}

// NewInterpreters finds interpreters, of which chosen names some by runtime
// identifier.
func NewInterpreters(chosen map[string]string) *Interpreters {
	home, _ := os.UserHomeDir() // without one, one place less to look at
	return &Interpreters{chosen: chosen, home: home, path: os.Getenv("PATH"),
		found: make(map[string]*search), probed: make(map[program]*probe)}
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

// List is what is found for each managed runtime, in the order of
// ManagedRuntimes.
func (i *Interpreters) List(ctx context.Context) []Interpreter {
	names := ManagedRuntimes()
	out := make([]Interpreter, len(names))
	var wg sync.WaitGroup
	for n, name := range names {
		wg.Go(func() { out[n], _ = i.Find(ctx, name) })
	}
	wg.Wait()
	return out
}

// versionError is an interpreter that works, but is of another version.
type versionError struct{ path, version, wanted string }

func (e *versionError) Error() string {
	return fmt.Sprintf("%s: is version %s, not %s", e.path, e.version, e.wanted)
}

func (i *Interpreters) look(ctx context.Context, name string) Interpreter {
	fail := &InterpreterError{Runtime: name}
	f, version, ok := familyOf(name)
	if !ok {
		return Interpreter{Runtime: name, Err: fail}
	}
	chosen := i.chosen[name] != ""
	places := []string{i.chosen[name]}
	if !chosen {
		places = i.places(f, version)
	}
	for _, p := range places {
		path, full, err := i.probe(ctx, f, p)
		if err == nil && !strings.HasPrefix(full, version+".") {
			err = &versionError{p, full, version}
		}
		if err == nil {
			return Interpreter{Runtime: name, Path: path, Version: full}
		}
		fail.Tried = append(fail.Tried, p)
		_, other := errors.AsType[*versionError](err)
		if chosen || !other && !errors.Is(err, os.ErrNotExist) {
			fail.Cause = err
		}
	}
	return Interpreter{Runtime: name, Err: fail}
}

// places are where an interpreter of a version may be, best first.
func (i *Interpreters) places(f *family, version string) []string {
	var places []string
	for _, dir := range filepath.SplitList(i.path) {
		if !filepath.IsAbs(dir) {
			continue
		}
		for _, program := range f.programs(version) {
			places = append(places, filepath.Join(dir, program))
		}
	}
	for _, pattern := range f.places(i.home, version) {
		found, err := filepath.Glob(pattern)
		if err != nil { // a home with an odd name
			continue
		}
		slices.SortFunc(found, func(a, b string) int { return compareVersions(b, a) })
		places = append(places, found...)
	}
	existing := places[:0]
	seen := make(map[string]bool)
	for _, p := range places {
		info, err := os.Stat(p)
		if err != nil || info.IsDir() {
			continue
		}
		file, err := filepath.EvalSymlinks(p)
		if err == nil && !seen[file] {
			seen[file] = true
			existing = append(existing, p)
		}
	}
	return existing
}

// compareVersions orders texts that differ in a number by that number.
func compareVersions(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && isDigit(a[n-1]) {
		n--
	}
	a, b = a[n:], b[n:]
	return cmp.Or(cmp.Compare(digits(a), digits(b)), cmp.Compare(a, b))
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// digits is how many a text begins with, without which numbers compare as text.
func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// probe asks an interpreter which program and version it really is: a name may
// be a shim that picks one anew, slowly, at each start. Each program is asked
// once, whatever runtime it is for.
func (i *Interpreters) probe(ctx context.Context, f *family, path string) (program, version string, err error) {
	key, err := programAt(path)
	if err != nil {
		return "", "", err
	}
	i.mu.Lock()
	p := i.probed[key]
	if p == nil {
		p = new(probe)
		i.probed[key] = p
	}
	i.mu.Unlock()
	p.once.Do(func() { p.path, p.version, p.err = f.ask(ctx, path) })
	if p.err != nil {
		i.mu.Lock()
		if i.probed[key] == p {
			delete(i.probed, key)
		}
		i.mu.Unlock()
	}
	return p.path, p.version, p.err
}

func programAt(path string) (program, error) {
	info, err := os.Stat(path)
	if err != nil {
		return program{}, err
	}
	return program{path, info.Size(), info.ModTime()}, nil
}

// ask runs an interpreter.
func (f *family) ask(ctx context.Context, path string) (program, version string, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, f.probe...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		return "", "", fmt.Errorf("%s: %w: %s", path, err, bytes.TrimSpace(stderr.Bytes()))
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !filepath.IsAbs(lines[0]) {
		return "", "", fmt.Errorf("%s: is not an interpreter of %s functions", path, f.prefix)
	}
	return lines[0], lines[1], nil
}
