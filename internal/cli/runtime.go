package cli

import (
	"context"
	"errors"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"furl/internal/admin"
	"furl/internal/awsapi"
	"furl/internal/environment"
)

// What is used when nothing tells better.
const (
	standardPython   = "python3.13"
	standardNode     = "nodejs22.x"
	standardProvided = "provided.al2023"
)

// pythonWait bounds the question to this machine's python3.
const pythonWait = 5 * time.Second

// runtimes are managed runtimes that the server can run. known is false when
// the caller may not ask for them.
type runtimes struct {
	known bool
	list  []string
}

// askRuntimes asks the server which of some runtimes it can run; "*" means all.
func askRuntimes(ctx context.Context, c *admin.Client, names ...string) (runtimes, error) {
	status, err := c.GetStatus(ctx, &admin.GetStatusRequest{Runtimes: names})
	var refused *awsapi.Error
	if errors.As(err, &refused) {
		return runtimes{}, nil // not allowed, or not furl
	}
	if err != nil {
		return runtimes{}, err
	}
	r := runtimes{known: true}
	for _, one := range status.Runtimes {
		r.list = append(r.list, one.Runtime)
	}
	return r, nil
}

// pickRuntime chooses a runtime of a family: for Python the one of this
// machine's python3, which packages installed beside the code are for, if the
// server has it, else the newest that it has.
func (d *deployer) pickRuntime(ctx context.Context, family string) (string, error) {
	switch family {
	case familyProvided:
		return standardProvided, nil
	case familyNode:
		return standardNode, nil
	}
	if local := d.python(ctx); local != "" {
		have, err := askRuntimes(ctx, d.furl, local)
		if err != nil || !have.known || slices.Contains(have.list, local) {
			return local, err
		}
	}
	have, err := askRuntimes(ctx, d.furl, "*")
	if err != nil || len(have.list) == 0 {
		return standardPython, err
	}
	return have.list[len(have.list)-1], nil
}

// missingRuntime says what to do when the server cannot run a runtime; it is
// empty when it can.
func (d *deployer) missingRuntime(ctx context.Context, runtime string) (string, error) {
	if family(runtime) == familyProvided {
		return "", nil
	}
	have, err := askRuntimes(ctx, d.furl, runtime)
	if err != nil || !have.known || slices.Contains(have.list, runtime) {
		return "", err
	}
	return (&environment.InterpreterError{Runtime: runtime}).Error(), nil
}

// localPython is the runtime of the python3 that comes first on this machine's
// PATH; empty when there is none that Lambda has a runtime for.
func localPython(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, pythonWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, "python3", "-I", "-c", "import sys; print('python%d.%d' % sys.version_info[:2])")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	name := strings.TrimSpace(string(out))
	if err != nil || !regexp.MustCompile(`^python3\.(8|9|1[0-4])$`).MatchString(name) {
		return ""
	}
	return name
}
