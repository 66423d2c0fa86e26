package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path"
	"slices"
	"strings"
	"time"

	"furl/internal/environment"
)

// warn tells of a function that was deployed when its calls can only fail.
func (a *app) warn(ctx context.Context, d *deployer, s *spec, out *deployment) error {
	why, err := d.doomed(ctx, s, out)
	if err == nil && why != "" {
		a.progress("furl: its calls will fail: %s", why)
	}
	return err
}

// doomed says why the calls of a function will fail; it is empty where nothing
// is known that speaks against them.
func (d *deployer) doomed(ctx context.Context, s *spec, out *deployment) (string, error) {
	f := family(out.Runtime)
	if f == familyProvided {
		return "", nil
	}
	have, err := askRuntimes(ctx, d.furl, out.Runtime)
	if err != nil {
		return "", err
	}
	if have.known && !slices.Contains(have.list, out.Runtime) {
		return missingRuntime(out.Runtime, have.broken[out.Runtime]), nil
	}
	// A program that a server of another machine names is not run on this one.
	if interpreter := have.paths[out.Runtime]; f == familyPython && interpreter != "" && d.info.PID != 0 {
		return s.source.pythonError(ctx, interpreter, out.Handler), nil
	}
	return "", nil
}

// missingRuntime says what to do about a runtime that the server cannot run;
// broken is what is wrong with the interpreter that is there, if one is.
func missingRuntime(runtime, broken string) string {
	e := &environment.InterpreterError{Runtime: runtime}
	if broken != "" {
		e.Cause = errors.New(broken)
	}
	what, example, ok := strings.Cut(e.Error(), " or name it with --runtime ")
	if !ok {
		return what
	}
	// The flag is one of furl serve; --runtime of up and deploy is another.
	return fmt.Sprintf("%s or name it where the server is started: furl serve --runtime %[2]s, or FURL_RUNTIMES=%[2]s", what, example)
}

// syntaxWait bounds the check of a module, which is a courtesy.
const syntaxWait = 5 * time.Second

// checkSyntax compiles a module from stdin without running it, and prints what
// is wrong with it.
const checkSyntax = `import sys
try:
    compile(sys.stdin.buffer.read(), sys.argv[1], "exec", dont_inherit=True)
except (SyntaxError, ValueError) as e:
    print(type(e).__name__ + ": " + str(e))
`

// pythonError is the error that the handler's module has for an interpreter;
// empty when it has none or that could not be found out.
func (s *source) pythonError(ctx context.Context, interpreter, handler string) string {
	name, text := s.pythonModule(handler)
	if name == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, syntaxWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, interpreter, "-I", "-S", "-W", "ignore", "-c", checkSyntax, name)
	cmd.Stdin = bytes.NewReader(text)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// pythonModule is the file that a handler is in, with its text; no name when it
// cannot be read or is too large to look at.
func (s *source) pythonModule(handler string) (name string, text []byte) {
	module, _, ok := cutLast(handler, ".")
	files, closeFiles, err := s.files()
	if !ok || err != nil {
		return "", nil
	}
	defer closeFiles()
	module = path.Clean(strings.ReplaceAll(module, ".", "/"))
	for _, name := range []string{module + ".py", module + "/__init__.py"} {
		f, err := files.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", nil
		}
		text, err := io.ReadAll(io.LimitReader(f, maxModule+1))
		if f.Close() != nil || err != nil || len(text) > maxModule {
			return "", nil
		}
		return name, text
	}
	return "", nil
}
