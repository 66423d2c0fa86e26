package environment

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"furl/internal/sandbox"
)

// assignCustom starts the function's own bootstrap, which speaks the Runtime
// API to a listener of this environment.
func (e *environment) assignCustom(ctx context.Context, blank sandbox.Blank, files sandbox.Assignment) error {
	inLayers := !isProgram(files.Code)
	if inLayers && (files.Layers == "" || !isProgram(files.Layers)) {
		blank.Discard()
		return invalidEntrypoint("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]")
	}
	ln, err := blank.Listen(ctx)
	if err != nil {
		blank.Discard()
		return lost(err)
	}
	files.Launch = func(l sandbox.Layout) sandbox.Launch {
		env := e.variables(ctx, l)
		env["AWS_LAMBDA_RUNTIME_API"] = ln.Addr().String()
		dir := l.Code
		if inLayers {
			dir = l.Layers
		}
		return sandbox.Launch{Path: filepath.Join(dir, bootstrapName), Env: environ(env)}
	}
	box, err := blank.Assign(ctx, files)
	if err != nil {
		ln.Close()
		if refused, ok := errors.AsType[*os.PathError](err); ok && strings.HasSuffix(refused.Path, bootstrapName) {
			return invalidEntrypoint("fork/exec /var/task/bootstrap: " + refused.Err.Error())
		}
		return lost(err)
	}
	if err := e.occupy(box); err != nil {
		ln.Close()
		return err
	}
	api := newRuntimeAPI(box.Exited(), e.pool.log)
	api.serve(ln, &e.pool.wg)
	e.talk = api
	return nil
}

// bootstrapName is the name of a custom runtime's program.
const bootstrapName = "bootstrap"

// isProgram reports whether a directory holds a bootstrap that can be started.
func isProgram(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, bootstrapName))
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// entrypointError is a bootstrap that cannot be started. AWS's text begins with
// the id of the request that is told about it.
type entrypointError struct{ reason string }

func invalidEntrypoint(reason string) error { return &entrypointError{reason} }

func (e *entrypointError) Error() string { return e.reason }
