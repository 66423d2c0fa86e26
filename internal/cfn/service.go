// Package cfn is CloudFormation's API: stacks, change sets, templates, exports. What an operation begins, package stack
// carries out; which resources there are, package resource knows; what templates mean, package template.
package cfn

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"furl/internal/arn"
	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/cfn/stack"
	"furl/internal/state"
)

// servicePrincipal is who assumes the roles that stacks are given.
const servicePrincipal = "cloudformation.amazonaws.com"

// Objects reads an object of a bucket by its URL in the name of a caller: templates and policies that a request names so.
// Its error is for the client.
type Objects func(ctx context.Context, caller *authz.Caller, url string) ([]byte, error)

// Options are what New needs.
type Options struct {
	State *state.State
	Authz *authz.Authorizer
	// Objects reads what a TemplateURL or StackPolicyURL names; nil: nothing can be named so.
	Objects Objects
	// Parameter reads a parameter of Parameter Store in the name of the caller in ctx; nil: there are none.
	Parameter func(ctx context.Context, name string) (string, error)
	Region    string
	Now       func() time.Time
	Logger    *slog.Logger
}

// Service carries out the operations.
type Service struct {
	state   *state.State
	runner  *stack.Runner
	authz   *authz.Authorizer
	objects Objects
	lookup  func(ctx context.Context, name string) (string, error)
	region  string
	now     func() time.Time
	logger  *slog.Logger
}

var _ API = (*Service)(nil)

// New makes a Service.
func New(o Options) *Service {
	return &Service{state: o.State, authz: o.Authz, objects: o.Objects, lookup: o.Parameter, region: o.Region, now: o.Now, logger: o.Logger}
}

// Run names what carries out the operations, before the first of them: it calls the services of which this is one.
func (s *Service) Run(r *stack.Runner) { s.runner = r }

// grace is how long a request that begins an operation waits for its end. Most end within it, and the clients that ask
// for the end ask at once, and then only every half minute.
const grace = 2 * time.Second

// settle gives an operation that has begun the time of grace.
func (s *Service) settle(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	_ = s.runner.Wait(ctx, id) // else it ends later
}

// account is the account that the operation's caller belongs to.
func account(ctx context.Context) string { return authz.FromContext(ctx).Principal.Account }

// arn is the ARN of something of CloudFormation in an account.
func (s *Service) arn(account, resource string) string {
	return "arn:" + arn.DefaultPartition + ":cloudformation:" + s.region + ":" + account + ":" + resource
}

func isARN(nameOrID string) bool { return strings.HasPrefix(nameOrID, "arn:") }

// invalid is CloudFormation's refusal of what the model cannot say.
func invalid(format string, args ...any) *awsapi.Error {
	return awsapi.ValidationException(format, args...)
}

// permit judges one more thing that a request needs.
func (s *Service) permit(ctx context.Context, acc authz.Access) error {
	caller := authz.FromContext(ctx)
	if d := s.authz.Allow(caller, authz.EnvFromContext(ctx), acc); !d.Allowed {
		return awsapi.AccessDenied("%s", authz.Denied(caller, acc, d))
	}
	return nil
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
