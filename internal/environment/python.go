package environment

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"furl/internal/sandbox"
)

//go:embed runtime/python/bootstrap.py
var pythonBootstrap []byte

// bootstrapModule is the name of the bootstrap as a module, which no function's
// module has.
const bootstrapModule = "_furl_bootstrap"

// pythonStart imports the bootstrap as a module, so that the interpreter keeps
// its compiled form, and takes its directory off the path again.
const pythonStart = "import sys; sys.path.insert(0, sys.argv[1]); import " + bootstrapModule +
	" as b; del sys.path[0]; b.main()"

// installPython writes the bootstrap into a directory that every sandbox can
// read, and returns it: one below parent that belongs to this very bootstrap, or
// a temporary one when there is no parent.
func installPython(parent string) (string, error) {
	dir, err := "", error(nil)
	if parent == "" {
		dir, err = os.MkdirTemp("", "furl-runtime-")
	} else {
		sum := sha256.Sum256(pythonBootstrap)
		dir = filepath.Join(parent, "python-"+hex.EncodeToString(sum[:8]))
		err = os.MkdirAll(dir, 0o755)
	}
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err == nil {
		err = replaceFile(filepath.Join(dir, bootstrapModule+".py"), pythonBootstrap)
	}
	if err != nil {
		return "", fmt.Errorf("environment: python runtime: %w", err)
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

// pythonSpec is the program that waits for a function of the runtime.
func (p *Pool) pythonSpec(ctx context.Context, runtime string) (sandbox.Spec, error) {
	i, err := p.interpreters.Find(ctx, runtime)
	if err != nil {
		return sandbox.Spec{}, err
	}
	once, _ := p.compiled.LoadOrStore(i.Path, new(sync.Once))
	once.(*sync.Once).Do(func() { p.compilePython(ctx, i.Path) })
	return sandbox.Spec{
		Name: runtime,
		Path: i.Path,
		// Isolated: no variables, no user site, no current directory; UTF-8 as
		// in AWS's locale.
		Args: []string{"-I", "-X", "utf8", "-c", pythonStart, p.dir},
		Env: []string{
			"PATH=" + filepath.Dir(i.Path) + ":/usr/local/bin:/usr/bin:/bin",
			"LANG=en_US.UTF-8", "LC_CTYPE=C.UTF-8", "TZ=:UTC",
		},
	}, nil
}

// compilePython has an interpreter compile the bootstrap, which it could not do
// in a sandbox that shows it read-only. Without it, starts take longer.
func (p *Pool) compilePython(ctx context.Context, interpreter string) {
	ctx, cancel := context.WithTimeout(ctx, probeWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, interpreter, "-I", "-m", "py_compile", filepath.Join(p.dir, bootstrapModule+".py"))
	cmd.Env = []string{"LC_CTYPE=C.UTF-8"}
	cmd.WaitDelay = time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		p.log.Warn("the Python runtime was not compiled", "interpreter", interpreter, "err", err, "output", string(out))
	}
}
