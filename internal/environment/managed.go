package environment

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"furl/internal/sandbox"
)

// bootstraps are the programs of managed runtimes: a directory for each family.
//
//go:embed runtime/python/*.py runtime/node
var bootstraps embed.FS

// family is what the managed runtimes of one language have in common. Functions
// of theirs run in an interpreter of this machine, with a bootstrap of ours.
type family struct {
	name string // of its bootstrap's directory
	// installAs are names that files of the bootstrap have where they are
	// installed, if others.
	installAs map[string]string
	// prefix and suffix are around the version in a runtime identifier.
	prefix, suffix string
	// versions are those that Lambda has managed runtimes for, oldest first.
	versions []string
	// args start the bootstrap in dir, where its files are installed.
	args func(dir string) []string
	// env is the interpreter's environment while it waits for a function, with a
	// PATH that begins where the interpreter is.
	env []string
	// compile are arguments with which an interpreter prepares the bootstrap in
	// dir. It could not in a sandbox that shows it read-only. May be nil.
	compile func(dir string) []string
	// zygote are arguments with which an interpreter, with the bootstrap in dir,
	// becomes a process that makes its like by fork. Nil where it cannot.
	zygote func(dir string) []string
	// cost is what an interpreter that waits occupies, in bytes.
	cost int64
	// precompiled names the form in which an interpreter of a full version finds
	// modules compiled ahead: what ends their files' names, before ".pyc". Nil for
	// a family that has none.
	precompiled func(version string) string
	// early are variables of functions that an interpreter reads when it starts.
	// A function that has one of them gets an interpreter of its own.
	early []string
	// variables adds the family's own to a function's environment.
	variables func(env map[string]string, version string, l sandbox.Layout)

	// programs are the names of interpreters of a version on PATH, and places
	// patterns for where else they are; home may be empty.
	programs func(version string) []string
	places   func(home, version string) []string
	// probe are arguments with which an interpreter prints the path of the
	// program that it really is, and its version.
	probe []string
	// install says how to get an interpreter of a version.
	install func(version string) string
	// example is where one would be.
	example func(version string) string
}

// families are all there are, in order of their identifiers.
func families() []*family { return []*family{node(), python()} }

// familyOf finds the family of a runtime identifier, and the version in it.
func familyOf(runtime string) (f *family, version string, ok bool) {
	for _, f := range families() {
		rest, starts := strings.CutPrefix(runtime, f.prefix)
		version, ends := strings.CutSuffix(rest, f.suffix)
		if starts && ends {
			return f, version, true
		}
	}
	return nil, "", false
}

// identifier is that of a version's runtime.
func (f *family) identifier(version string) string { return f.prefix + version + f.suffix }

// ManagedRuntimes are the identifiers of the runtimes that need an interpreter on
// this machine, in order of family and version.
func ManagedRuntimes() []string {
	var names []string
	for _, f := range families() {
		for _, v := range f.versions {
			names = append(names, f.identifier(v))
		}
	}
	return names
}

// installBootstraps writes the bootstraps below a directory that every sandbox
// can read: parent, or a temporary one when there is no parent. It returns where
// each family's is, and the temporary directory.
func installBootstraps(parent string) (dirs map[string]string, temporary string, err error) {
	if parent == "" {
		if temporary, err = os.MkdirTemp("", "furl-runtime-"); err != nil {
			return nil, "", fmt.Errorf("environment: runtimes: %w", err)
		}
		parent = temporary
	}
	dirs = make(map[string]string)
	for _, f := range families() {
		if dirs[f.name], err = f.installBootstrap(parent); err != nil {
			os.RemoveAll(temporary)
			return nil, "", fmt.Errorf("environment: %s runtime: %w", f.name, err)
		}
	}
	return dirs, temporary, nil
}

// installBootstrap writes the family's files into a directory below parent that
// belongs to this very bootstrap.
func (f *family) installBootstrap(parent string) (string, error) {
	files, sum := make(map[string][]byte), sha256.New()
	from := "runtime/" + f.name
	entries, err := fs.ReadDir(bootstraps, from)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		content, err := fs.ReadFile(bootstraps, from+"/"+e.Name())
		if err != nil {
			return "", err
		}
		name := e.Name()
		if other := f.installAs[name]; other != "" {
			name = other
		}
		files[name] = content
		fmt.Fprintf(sum, "%s %d\n%s", name, len(content), content)
	}
	dir := filepath.Join(parent, f.name+"-"+hex.EncodeToString(sum.Sum(nil)[:8]))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o755); err != nil { // whatever the umask is
		return "", err
	}
	for name, content := range files {
		if err := replaceFile(filepath.Join(dir, name), content); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// replaceFile writes a file at once, unless it has this content already: what
// an interpreter compiled from it stays valid.
func replaceFile(path string, content []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, content) {
		return nil
	}
	if err := os.WriteFile(path+".new", content, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// spec is the program that waits for a function of the runtime.
func (p *Pool) spec(ctx context.Context, runtime string) (sandbox.Spec, error) {
	i, err := p.interpreters.Find(ctx, runtime)
	if err != nil {
		return sandbox.Spec{}, err
	}
	f, _, _ := familyOf(runtime) // it has one, or there were no interpreter
	dir := p.dirs[f.name]
	once, _ := p.compiled.LoadOrStore(i.Path, new(sync.Once))
	once.(*sync.Once).Do(func() { p.compile(ctx, f, i.Path) })
	return sandbox.Spec{
		Name: runtime,
		Path: i.Path,
		Args: f.args(dir),
		Env:  append([]string{"PATH=" + filepath.Dir(i.Path) + ":/usr/local/bin:/usr/bin:/bin"}, f.env...),
	}, nil
}

// compile has an interpreter prepare the bootstrap. Without it, starts take
// longer.
func (p *Pool) compile(ctx context.Context, f *family, interpreter string) {
	if f.compile == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, probeWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, interpreter, f.compile(p.dirs[f.name])...)
	cmd.Env = []string{"LC_CTYPE=C.UTF-8"}
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		p.log.Warn("a runtime was not compiled", "interpreter", interpreter, "err", err, "output", string(out))
	}
}

// shelfKey is that of the blanks for an account's functions.
func (p *Pool) shelfKey(runtime, account string) shelfKey {
	f, _, ok := familyOf(runtime)
	if !ok || f.zygote == nil || p.opts.Strict || !forks(p.opts.Driver) {
		return shelfKey{runtime: runtime}
	}
	return shelfKey{runtime, account}
}

// forks reports whether a driver's blanks may be forked.
func forks(d sandbox.Driver) bool {
	f, says := d.(sandbox.Forker)
	return !says || f.Forks()
}

// blankSpec is the program that waits on a shelf. That of a custom runtime is the
// function's own, so nothing runs there yet.
func (p *Pool) blankSpec(ctx context.Context, key shelfKey) (sandbox.Spec, error) {
	if isCustom(key.runtime) {
		return sandbox.Spec{Name: key.runtime}, nil
	}
	spec, err := p.spec(ctx, key.runtime)
	if err == nil && key.owner != "" {
		f, _, _ := familyOf(key.runtime)
		spec.Zygote, spec.Owner = f.zygote(p.dirs[f.name]), key.owner
	}
	return spec, err
}

const (
	// customCost and forkedCost are what a sandbox that waits for a function's
	// bootstrap, and a forked interpreter, occupy.
	customCost = 1 << 20
	forkedCost = 3 << 20
)

// blankCost is what the stock is charged for a blank, in bytes.
func (p *Pool) blankCost(key shelfKey) int64 {
	f, _, ok := familyOf(key.runtime)
	switch {
	case !ok:
		return customCost
	case key.owner != "":
		return forkedCost
	}
	return f.cost
}

// take is a blank for the environment: one from the stock, or one started for it
// when the function has variables that come too late for those.
func (e *environment) take(ctx context.Context) (sandbox.Blank, error) {
	p, v := e.pool, e.target.Version
	var early map[string]string
	if f, _, ok := familyOf(v.Runtime); ok {
		early = maps.Clone(v.Environment)
		maps.DeleteFunc(early, func(name, _ string) bool { return !slices.Contains(f.early, name) })
	}
	if len(early) == 0 {
		b, hit, err := p.stock.take(ctx, p.shelfKey(v.Runtime, e.target.Function.Account))
		e.inside, e.hit = err == nil, hit
		return b, err
	}
	spec, err := p.spec(ctx, v.Runtime)
	if err != nil {
		return nil, err
	}
	spec.Env = append(spec.Env, environ(early)...)
	b, err := p.opts.Driver.Blank(ctx, spec)
	if err != nil && ctx.Err() == nil {
		return nil, &startError{variables: slices.Sorted(maps.Keys(early)), cause: err}
	}
	if err != nil {
		return nil, fmt.Errorf("environment: %w", err)
	}
	return confined(b)
}

// startError is an interpreter that does not start with a function's variables.
type startError struct {
	variables []string
	cause     error
}

func (e *startError) Unwrap() error { return e.cause }

func (e *startError) Error() string {
	return "Runtime did not start with the function's " + strings.Join(e.variables, ", ") + ": " + e.cause.Error()
}
