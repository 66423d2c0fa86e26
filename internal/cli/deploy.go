package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"time"

	"furl/internal/lambda"
)

// deployWait is how long a function may take to become ready.
const deployWait = 2 * time.Minute

// What deploying did, in deployment.Action.
const (
	actionCreated   = "created"
	actionUpdated   = "updated"
	actionUnchanged = "unchanged"
)

// spec is what is to be deployed. Empty members are guessed for a new function
// and left alone of one that exists.
type spec struct {
	source  *source
	name    string
	runtime string
	handler string
	memory  int // MB
	timeout int // seconds
	env     map[string]string
	role    string // name or ARN
	// auth is the AuthType that the function's URL is to have; empty keeps the one
	// that it has. newAuth is that of a URL that is made; empty makes none.
	auth, newAuth string
	// urlID is the url-id that a URL that is made is to have; empty: any.
	urlID string
}

// deployment is what was deployed: the JSON of up and deploy.
type deployment struct {
	FunctionName string `json:"FunctionName"`
	FunctionArn  string `json:"FunctionArn"`
	Runtime      string `json:"Runtime"`
	Handler      string `json:"Handler"`
	CodeSha256   string `json:"CodeSha256"`
	CodeSize     int64  `json:"CodeSize"`
	// Action is created, updated or unchanged; a change of the URL's AuthType
	// counts as an update.
	Action      string `json:"Action"`
	FunctionUrl string `json:"FunctionUrl,omitempty"`
	AuthType    string `json:"AuthType,omitempty"`
}

// deployer brings functions to a server.
type deployer struct {
	*clients
	progress func(format string, args ...any)
	// local is this machine's own runtime of a family, or empty.
	local func(ctx context.Context, family string) string
}

// deploy makes the server's function what spec says, changing what differs.
func (d *deployer) deploy(ctx context.Context, s *spec) (*deployment, error) {
	pkg, err := s.source.pack()
	if err != nil {
		return nil, err
	}
	config, action, err := d.function(ctx, s, pkg)
	if err != nil {
		return nil, err
	}
	out := &deployment{
		FunctionName: value(config.FunctionName),
		FunctionArn:  value(config.FunctionArn),
		Runtime:      string(value(config.Runtime)),
		Handler:      value(config.Handler),
		CodeSha256:   value(config.CodeSha256),
		CodeSize:     value(config.CodeSize),
		Action:       action,
	}
	if s.newAuth == "" {
		return out, nil
	}
	u, err := d.url(ctx, s, out.FunctionArn)
	if err != nil {
		return nil, err
	}
	out.FunctionUrl, out.AuthType = u.address, string(u.auth)
	if u.changed && out.Action == actionUnchanged {
		out.Action = actionUpdated
	}
	// Should the function be removed and come again while it is watched, its new
	// URL must not be more open than this one.
	s.newAuth = out.AuthType
	return out, nil
}

// function creates the function, or updates the one that is there.
func (d *deployer) function(ctx context.Context, s *spec, pkg []byte) (config *lambda.FunctionConfiguration, action string, err error) {
	config, err = d.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationRequest{FunctionName: s.name})
	if isCode(err, "ResourceNotFoundException") {
		config, err = d.create(ctx, s, pkg)
		if err == nil {
			return config, actionCreated, nil
		}
		if !isCode(err, "ResourceConflictException") {
			return nil, "", err
		}
		// Somebody else has created it just now.
		config, err = d.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationRequest{FunctionName: s.name})
	}
	if err != nil {
		return nil, "", err
	}
	return d.update(ctx, s, pkg, config)
}

func (d *deployer) create(ctx context.Context, s *spec, pkg []byte) (*lambda.FunctionConfiguration, error) {
	runtime, handler, err := d.runtimeAndHandler(ctx, s, nil)
	if err != nil {
		return nil, err
	}
	role, err := d.roleARN(ctx, s.role)
	if err != nil {
		return nil, err
	}
	in := &lambda.CreateFunctionRequest{
		FunctionName: s.name,
		Runtime:      new(lambda.Runtime(runtime)),
		Handler:      &handler,
		Role:         role,
		Code:         lambda.FunctionCode{ZipFile: pkg},
		MemorySize:   positive(s.memory),
		Timeout:      positive(s.timeout),
	}
	if s.env != nil {
		in.Environment = &lambda.Environment{Variables: s.env}
	}
	if _, err := d.lambda.CreateFunction(ctx, in); err != nil {
		return nil, err
	}
	return d.ready(ctx, s.name)
}

// update changes of an existing function what differs from the spec.
func (d *deployer) update(ctx context.Context, s *spec, pkg []byte, config *lambda.FunctionConfiguration) (*lambda.FunctionConfiguration, string, error) {
	action := actionUnchanged
	change, err := d.configurationChange(ctx, s, config)
	if err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(pkg)
	// The code of a function that failed is sent again: the next try may work.
	failed := value(config.State) == lambda.StateFailed || value(config.LastUpdateStatus) == lambda.LastUpdateStatusFailed
	if failed || value(config.CodeSha256) != base64.StdEncoding.EncodeToString(sum[:]) {
		action = actionUpdated
		config, err = d.change(ctx, s.name, func() error {
			_, err := d.lambda.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeRequest{FunctionName: s.name, ZipFile: pkg})
			return err
		})
		if err != nil {
			return nil, "", err
		}
	}
	if change != nil {
		action = actionUpdated
		config, err = d.change(ctx, s.name, func() error {
			_, err := d.lambda.UpdateFunctionConfiguration(ctx, change)
			return err
		})
	}
	return config, action, err
}

// configurationChange is the update that the configuration needs, or nil.
func (d *deployer) configurationChange(ctx context.Context, s *spec, have *lambda.FunctionConfiguration) (*lambda.UpdateFunctionConfigurationRequest, error) {
	runtime, handler, err := d.runtimeAndHandler(ctx, s, have)
	if err != nil {
		return nil, err
	}
	in := &lambda.UpdateFunctionConfigurationRequest{FunctionName: s.name}
	changed := false
	if runtime != string(value(have.Runtime)) {
		in.Runtime, changed = new(lambda.Runtime(runtime)), true
	}
	if handler != value(have.Handler) {
		in.Handler, changed = &handler, true
	}
	if s.memory != 0 && s.memory != value(have.MemorySize) {
		in.MemorySize, changed = &s.memory, true
	}
	if s.timeout != 0 && s.timeout != value(have.Timeout) {
		in.Timeout, changed = &s.timeout, true
	}
	if s.env != nil && !maps.Equal(s.env, value(have.Environment).Variables) {
		in.Environment, changed = &lambda.Environment{Variables: s.env}, true
	}
	if s.role != "" {
		role, err := d.roleARN(ctx, s.role)
		if err != nil {
			return nil, err
		}
		if role != value(have.Role) {
			in.Role, changed = &role, true
		}
	}
	if !changed {
		return nil, nil
	}
	return in, nil
}

// runtimeAndHandler are those that the spec names, else those of the existing
// function as long as the code still has that handler, else what is guessed.
func (d *deployer) runtimeAndHandler(ctx context.Context, s *spec, have *lambda.FunctionConfiguration) (runtime, handler string, err error) {
	runtime, handler = s.runtime, s.handler
	old := ""
	if have != nil {
		old = string(value(have.Runtime))
		kept := value(have.Handler)
		if handler == "" && (runtime == "" || family(runtime) == family(old)) && s.source.has(family(old), kept) {
			runtime, handler = cmp.Or(runtime, old), kept
		}
	}
	if runtime != "" && handler != "" {
		return runtime, handler, nil
	}
	g, err := s.source.guess(family(runtime))
	if err != nil && handler == "" {
		return "", "", err
	}
	handler = cmp.Or(handler, g.handler)
	switch {
	case runtime != "":
	case old != "" && (g.family == "" || g.family == family(old)):
		runtime = old
	default:
		if runtime, err = d.pickRuntime(ctx, g.family); err != nil {
			return "", "", err
		}
	}
	return runtime, handler, nil
}

// change makes an update, after one that is under way, and waits for it.
func (d *deployer) change(ctx context.Context, name string, update func() error) (*lambda.FunctionConfiguration, error) {
	ctx, cancel := context.WithTimeout(ctx, deployWait)
	defer cancel()
	for {
		err := update()
		if err == nil {
			return d.ready(ctx, name)
		}
		if !isCode(err, "ResourceConflictException") {
			return nil, err
		}
		if _, err := d.settled(ctx, name); err != nil {
			return nil, err
		}
	}
}

// ready waits until a function can be invoked in its latest form.
func (d *deployer) ready(ctx context.Context, name string) (*lambda.FunctionConfiguration, error) {
	c, err := d.settled(ctx, name)
	switch {
	case err != nil:
		return nil, err
	case value(c.State) == lambda.StateFailed:
		return nil, fmt.Errorf("function %s: %s", name, value(c.StateReason))
	case value(c.LastUpdateStatus) == lambda.LastUpdateStatusFailed:
		return nil, fmt.Errorf("function %s: %s", name, value(c.LastUpdateStatusReason))
	}
	return c, nil
}

// settled waits until a function is neither being created nor being updated.
func (d *deployer) settled(ctx context.Context, name string) (*lambda.FunctionConfiguration, error) {
	ctx, cancel := context.WithTimeout(ctx, deployWait)
	defer cancel()
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 500*time.Millisecond) {
		c, err := d.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationRequest{FunctionName: name})
		if err != nil {
			return nil, err
		}
		if value(c.State) != lambda.StatePending && value(c.LastUpdateStatus) != lambda.LastUpdateStatusInProgress {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("function %s is not ready: %w", name, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// positive is nil for 0, which was not given.
func positive(n int) *int {
	if n == 0 {
		return nil
	}
	return &n
}
