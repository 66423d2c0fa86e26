package cli

import (
	"context"
	"errors"
	"os/exec"
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

// localWait bounds the question to an interpreter of this machine.
const localWait = 5 * time.Second

// runtimes are managed runtimes that the server can run. known is false when
// the caller may not ask for them.
type runtimes struct {
	known bool
	list  []string
	// paths are of their interpreters, by runtime.
	paths map[string]string
	// broken says of runtimes that cannot be run what is wrong with the
	// interpreter that is there.
	broken map[string]string
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
	r := runtimes{known: true, paths: map[string]string{}, broken: map[string]string{}}
	for _, one := range status.Runtimes {
		r.list = append(r.list, one.Runtime)
		r.paths[one.Runtime] = one.Path
	}
	for _, one := range status.MissingRuntimes {
		r.broken[one.Runtime] = value(one.Reason)
	}
	return r, nil
}

// pickRuntime chooses a runtime of a family: the one of this machine's own
// interpreter, which packages installed beside the code are for, if the server
// has it, else the newest that it has.
func (d *deployer) pickRuntime(ctx context.Context, family string) (string, error) {
	standard := standardPython
	switch family {
	case familyProvided:
		return standardProvided, nil
	case familyNode:
		standard = standardNode
	}
	if local := d.local(ctx, family); local != "" {
		have, err := askRuntimes(ctx, d.furl, local)
		if err != nil || !have.known || slices.Contains(have.list, local) {
			return local, err
		}
	}
	have, err := askRuntimes(ctx, d.furl, "*")
	if err != nil {
		return standard, err
	}
	for _, name := range slices.Backward(have.list) {
		if strings.HasPrefix(name, family) {
			return name, nil
		}
	}
	return standard, nil
}

// localRuntime is the runtime of the interpreter that comes first on this
// machine's PATH; empty when there is none that Lambda has a runtime for.
func localRuntime(ctx context.Context, family string) string {
	args := []string{"python3", "-I", "-c", "import sys; print('python%d.%d' % sys.version_info[:2])"}
	if family == familyNode {
		args = []string{"node", "-p", "'nodejs' + process.versions.node.split('.')[0] + '.x'"}
	}
	ctx, cancel := context.WithTimeout(ctx, localWait)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	name := strings.TrimSpace(string(out))
	if err != nil || !slices.Contains(environment.ManagedRuntimes(), name) {
		return ""
	}
	return name
}
