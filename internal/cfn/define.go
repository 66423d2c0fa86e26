package cfn

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"furl/internal/arn"
	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/cfn/stack"
	"furl/internal/template"
)

// wanted is what a request wants a stack to be.
type wanted struct {
	name, id      string // of the stack
	from          source
	parameters    []Parameter
	capabilities  []Capability
	types         []string
	tags          []Tag
	notifications []string
	// previous is the stack's definition, nil for a new stack.
	previous *stack.Definition
	// expands says that transforms need no capability: a change set shows what they do.
	expands bool
	// found are the values that SSM parameters had, by their names; nil: they are read.
	found map[string]string
}

// maxName is the greatest length of a stack's name.
const maxName = 128

// stackName is what the names of stacks look like.
var stackName = regexp.MustCompile(`^[a-zA-Z][-a-zA-Z0-9]*$`)

// checkName refuses a name that no stack can have. The model says it of change sets' requests only.
func checkName(name string) error {
	var constraint string
	switch {
	case !stackName.MatchString(name):
		constraint = "Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*"
	case len(name) > maxName:
		constraint = fmt.Sprintf("Member must have length less than or equal to %d", maxName)
	default:
		return nil
	}
	return invalid("1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: %s", name, constraint)
}

// define makes the definition of what a request wants, and reads it.
func (s *Service) define(ctx context.Context, w wanted) (*stack.Definition, *definition, error) {
	body, err := s.body(ctx, w.from, func() (string, error) {
		if w.previous == nil || w.previous.Body == "" {
			return "", invalid("Stack [%s] does not exist", w.name)
		}
		return string(w.previous.Body), nil
	})
	if err != nil {
		return nil, nil, err
	}
	if w.from.body != nil && len(body) > template.MaxBody {
		return nil, nil, invalid("1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to %d", template.MaxBody)
	}
	d, err := read(body)
	if err != nil {
		return nil, nil, err
	}
	if err := s.evaluate(ctx, d, w); err != nil {
		return nil, d, err
	}
	if err := d.check(); err != nil {
		return nil, nil, err
	}
	if err := d.within(w.types); err != nil {
		return nil, nil, err
	}
	needed, _ := d.capabilities()
	if len(d.transforms) > 0 && !w.expands {
		needed = append(needed, CapabilityCapabilityAutoExpand)
	}
	if err := acknowledged(needed, w.capabilities); err != nil {
		return nil, nil, err
	}
	return s.definitionOf(d, w), d, nil
}

// evaluate gives the template the request's values and runs its transforms.
func (s *Service) evaluate(ctx context.Context, d *definition, w wanted) error {
	if err := invalidTags(w.tags); err != nil {
		return err
	}
	parameters, err := template.ReadParameters(d.doc)
	if err != nil {
		return templateError(err)
	}
	given, err := values(w)
	if err != nil {
		return err
	}
	bound, err := template.Bind(parameters, given, func(name string) (string, error) {
		if w.found != nil {
			return w.found[name], nil
		}
		return s.parameter(ctx, name)
	})
	if err != nil {
		return templateError(err)
	}
	d.bound = bound
	d.scope = s.scope(ctx, w.name, w.id, w.notifications)
	d.scope.Parameters = bound.Values
	if err := s.allowed(ctx, d); err != nil {
		return err
	}
	if err := s.expand(d, account(ctx), bound.Values); err != nil {
		return err
	}
	if d.template, err = template.New(d.doc); err != nil {
		return templateError(err)
	}
	if err := d.template.Decide(&d.scope); err != nil {
		return templateError(err)
	}
	return nil
}

// scope is what functions see of a stack without its resources.
func (s *Service) scope(ctx context.Context, name, id string, notifications []string) template.Scope {
	return template.Scope{
		AccountID: account(ctx), Region: s.region, Partition: arn.DefaultPartition, URLSuffix: "amazonaws.com",
		StackName: name, StackID: id, NotificationARNs: notifications, AZs: stack.Zones(s.region),
		Import: func(export string) (any, bool) {
			all, err := s.runner.Exports(ctx, account(ctx), s.region)
			if err != nil {
				return nil, false
			}
			i := slices.IndexFunc(all, func(e *stack.Export) bool { return e.Name == export })
			if i < 0 {
				return nil, false
			}
			return all[i].Value, true
		},
		Dynamic: func(string) (string, error) { return unknown, nil }, // resolved when the resource is made
	}
}

// values are the texts that a request gives to parameters, those that it takes from before included.
func values(w wanted) (map[string]string, error) {
	given := map[string]string{}
	for _, p := range w.parameters {
		key := value(p.ParameterKey)
		switch {
		case p.UsePreviousValue != nil && *p.UsePreviousValue:
			i := -1
			if w.previous != nil {
				i = slices.IndexFunc(w.previous.Parameters, func(one stack.Parameter) bool { return one.Key == key })
			}
			if i < 0 {
				return nil, invalid("Invalid input for parameter key %s. Cannot specify usePreviousValue as true for a parameter key not in the previous template", key)
			}
			given[key] = w.previous.Parameters[i].Value
		case p.ParameterValue == nil:
			return nil, invalid("Invalid input for parameter key %s. Either a value or usePreviousValue must be specified", key)
		default:
			given[key] = *p.ParameterValue
		}
	}
	return given, nil
}

// definitionOf is what is kept of a definition.
func (s *Service) definitionOf(d *definition, w wanted) *stack.Definition {
	out := &stack.Definition{
		Transforms: d.transforms, Description: d.template.Description, NotificationARNs: w.notifications, Tags: map[string]string{},
	}
	out.SetBody(d.body)
	out.SetProcessed(d.processed)
	for _, c := range w.capabilities {
		out.Capabilities = append(out.Capabilities, string(c))
	}
	for _, t := range w.tags {
		out.Tags[t.Key] = t.Value
	}
	for _, key := range sorted(d.bound.Texts) {
		p := stack.Parameter{Key: key, Value: d.bound.Texts[key], Resolved: d.bound.Resolved[key]}
		if declared := d.template.Parameters[key]; declared != nil {
			p.Secret = declared.NoEcho
		}
		out.Parameters = append(out.Parameters, p)
	}
	return out
}

// who is the identity that an operation of a stack is carried out in: the caller's, through CloudFormation, or that of
// the role that the request or an earlier one gave the stack.
func (s *Service) who(ctx context.Context, role, stackID string) (authz.Identity, error) {
	if role == "" {
		return authz.FromContext(ctx).Identity().Through(servicePrincipal, stackID), nil
	}
	snap := s.state.Snapshot()
	e := snap.RoleByARN(role)
	if e == nil {
		return authz.Identity{}, invalid("Role %s is invalid or cannot be assumed", role)
	}
	who := authz.AssumedBy(servicePrincipal, stackID, e, "AWSCloudFormation", s.now())
	if _, err := s.authz.As(snap, who); err != nil {
		return authz.Identity{}, invalid("Role %s is invalid or cannot be assumed", role)
	}
	return who, nil
}

// Define makes the definition of a nested stack, for stack.Options.
func (s *Service) Define(ctx context.Context, who authz.Identity, n stack.Nested) (*stack.Definition, error) {
	caller, err := s.authz.As(s.state.Snapshot(), who)
	if err != nil {
		return nil, awsapi.InvalidClientTokenID("The security token included in the request is invalid")
	}
	ctx = authz.WithCaller(ctx, caller, who.Env(s.now()))
	w := wanted{name: n.StackName, id: n.StackID, from: source{url: &n.TemplateURL}, notifications: n.NotificationARNs}
	for _, key := range sorted(n.Parameters) {
		w.parameters = append(w.parameters, Parameter{ParameterKey: &key, ParameterValue: new(n.Parameters[key])})
	}
	for _, key := range sorted(n.Tags) {
		w.tags = append(w.tags, Tag{Key: key, Value: n.Tags[key]})
	}
	for _, c := range n.Capabilities {
		w.capabilities = append(w.capabilities, Capability(c))
	}
	d, _, err := s.define(ctx, w)
	if e, ok := errors.AsType[*awsapi.Error](err); ok {
		return nil, errors.New(e.Message)
	}
	return d, err
}

// parameter reads a parameter of Parameter Store in the caller's name.
func (s *Service) parameter(ctx context.Context, name string) (string, error) {
	if s.lookup == nil {
		return "", invalid("Parameter Store is not available")
	}
	text, err := s.lookup(ctx, name)
	if e, ok := errors.AsType[*awsapi.Error](err); ok {
		if e.Code == "ParameterNotFound" {
			return "", invalid("Unable to fetch parameters [%s] from parameter store for this account.", name)
		}
		return "", e
	}
	if err != nil {
		return "", fmt.Errorf("cfn: parameter %s: %w", name, err)
	}
	return text, nil
}
