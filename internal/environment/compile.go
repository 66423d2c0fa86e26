package environment

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"furl/internal/sandbox"
)

// Bounds on what one compilation may use and make. A package that needs more has
// the rest compiled when it is imported.
const (
	compileMemory    = 512 << 20
	compileProcesses = 16
	maxCompiledFiles = 20000
	maxCompiledBytes = 128 << 20
	maxCompileAnswer = 16 << 20 // the program sends less than 9 MB at once
	// compileWait bounds a compilation whose context has no deadline.
	compileWait = time.Minute
)

// pycUnchecked begins a compiled Python file, after four bytes that its
// interpreter knows, when it is valid whatever becomes of its source.
const pycUnchecked = 1

// Compiled says what Compile made.
type Compiled struct {
	Files int
	Bytes int64
	// Partial is set when time, or what a package may have compiled, did not
	// suffice for all of it.
	Partial bool
}

// CompiledForm names the form in which the interpreter of a runtime on this
// machine wants code compiled: "cpython-312-3.12.1". It is another one for
// another version of the interpreter, and empty for runtimes that take code as it
// is and for those without an interpreter.
func (p *Pool) CompiledForm(ctx context.Context, runtime string) string {
	f, _, ok := familyOf(runtime)
	if !ok || f.precompiled == nil {
		return ""
	}
	i, err := p.interpreters.Find(ctx, runtime)
	if err != nil {
		return "" // the function's own invocations tell
	}
	return f.precompiled(i.Version) + "-" + i.Version
}

// Compile has an interpreter compile the code in a directory, in a sandbox that
// is there for nothing else and reaches nothing. Nothing of the code is executed.
// Each result is given to add, with its place in the directory; it is compiled
// ahead of the import that needs it and is valid whatever the source's time is.
// What does not compile is left out, and what is there already. At ctx's deadline
// the result is what was done until then. It is an error when the runtime has no
// compiled form, or the sandbox fails.
func (p *Pool) Compile(ctx context.Context, runtime, dir string, add func(name string, content []byte) error) (Compiled, error) {
	f, _, ok := familyOf(runtime)
	if !ok || f.precompiled == nil {
		return Compiled{}, fmt.Errorf("environment: compile: runtime %s: %w", runtime, errors.ErrUnsupported)
	}
	i, err := p.interpreters.Find(ctx, runtime)
	if err != nil {
		return Compiled{}, fmt.Errorf("environment: compile: %w", err)
	}
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, compileWait)
		defer cancel()
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return Compiled{}, fmt.Errorf("environment: compile: %w", err)
	}
	defer root.Close()
	c := &compilation{root: root, add: add, suffix: "." + f.precompiled(i.Version) + ".pyc"}
	err = p.compileIn(ctx, runtime, dir, c)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		c.done.Partial, err = true, nil
	}
	if err != nil {
		return Compiled{}, fmt.Errorf("environment: compile: %w", errors.Join(err, ctx.Err()))
	}
	return c.done, nil
}

// compileIn makes the sandbox and asks until there is no more.
func (p *Pool) compileIn(ctx context.Context, runtime, dir string, c *compilation) error {
	spec, err := p.spec(ctx, runtime)
	if err != nil {
		return err
	}
	spec.Zygote, spec.Owner = nil, "" // it shares memory with nobody's functions
	blank, err := p.opts.Driver.Blank(ctx, spec)
	if err != nil {
		return err
	}
	if l, ok := blank.(sandbox.Limiter); ok {
		if err := l.Limit(sandbox.Limits{Memory: compileMemory, Processes: compileProcesses}); err != nil {
			blank.Discard()
			return err
		}
	}
	box, err := blank.Assign(ctx, sandbox.Assignment{Code: dir})
	if err != nil {
		return err
	}
	defer box.Retire(0)
	stop := context.AfterFunc(ctx, func() { box.Retire(0) })
	defer stop()
	return c.run(ctx, box)
}

// compilation is one package being compiled.
type compilation struct {
	root   *os.Root // of the code
	add    func(name string, content []byte) error
	suffix string // of every result's name
	done   Compiled
}

// run asks the program for results. What it prints is of no interest: it is told
// not to, and its pipe takes a traceback.
func (c *compilation) run(ctx context.Context, box sandbox.Env) error {
	body, err := json.Marshal(box.Layout().Code)
	if err != nil {
		return err
	}
	deadline, _ := ctx.Deadline()
	var into []byte
	for {
		a, err := box.Channel().Exchange(kindCompile, 0, nil, body, deadline, maxCompileAnswer, into)
		if err != nil {
			return whyGone(box, err)
		}
		if a.Kind != kindCompiled {
			return fmt.Errorf("answer of kind %d: %w", a.Kind, sandbox.ErrProtocol)
		}
		if err := c.take(a.Body); err != nil {
			return err
		}
		if a.Aux == 0 || c.done.Partial {
			return nil
		}
		body, into = nil, a.Body
	}
}

// whyGone returns how the program ended instead of an error of its channel, if that
// was the reason.
func whyGone(box sandbox.Env, err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, sandbox.ErrProtocol) {
		return err
	}
	t := time.NewTimer(exitWait)
	defer t.Stop()
	select {
	case <-box.Exited():
		return fmt.Errorf("the interpreter ended: %v", box.Exit())
	case <-t.C:
		return err
	}
}

// take passes on the files of an answer: for each the lengths of name and content
// in four bytes, little-endian, then both.
func (c *compilation) take(b []byte) error {
	for len(b) > 0 {
		if len(b) < 8 {
			return fmt.Errorf("compiled file: %w", sandbox.ErrProtocol)
		}
		name, content := uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[4:]))
		b = b[8:]
		if name+content > uint64(len(b)) {
			return fmt.Errorf("compiled file: %w", sandbox.ErrProtocol)
		}
		if err := c.file(string(b[:name]), b[name:name+content]); err != nil || c.done.Partial {
			return err
		}
		b = b[name+content:]
	}
	return nil
}

// file passes on one file if it is the compiled form of one of the code's. The
// program saw the function's code, so it is not believed.
func (c *compilation) file(name string, content []byte) error {
	if !c.belongs(name) || len(content) < 16 || binary.LittleEndian.Uint32(content[4:]) != pycUnchecked {
		return fmt.Errorf("compiled file %q: %w", name, sandbox.ErrProtocol)
	}
	if c.done.Files == maxCompiledFiles || c.done.Bytes+int64(len(content)) > maxCompiledBytes {
		c.done.Partial = true
		return nil
	}
	c.done.Files++
	c.done.Bytes += int64(len(content))
	return c.add(name, content)
}

// belongs reports whether a name is that of the compiled form of a source that
// exists: "app/__pycache__/main.cpython-312.pyc" of app/main.py.
func (c *compilation) belongs(name string) bool {
	if !fs.ValidPath(strings.ToValidUTF8(name, "_")) || strings.IndexByte(name, 0) >= 0 {
		return false
	}
	dir, base := path.Split(name)
	stem, ok := strings.CutSuffix(base, c.suffix)
	if !ok || stem == "" || path.Base(dir) != "__pycache__" {
		return false
	}
	source, err := c.root.Lstat(path.Join(path.Dir(path.Clean(dir)), stem+".py"))
	return err == nil && source.Mode().IsRegular()
}
