package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"furl/internal/admin"
	"furl/internal/cfn"
	"furl/internal/template"
)

// maxPause is the longest time between two looks at a stack.
const maxPause = time.Second

// stackDeployer brings a template to a server.
type stackDeployer struct {
	*clients
	spec     *stackSpec
	progress func(format string, args ...any)
}

// stackPlan is what deploying would change: a change set.
type stackPlan struct {
	name, stackID, changeSet string
	// created says that there is no such stack yet; changed that there is anything to do.
	created, changed bool
	before           *cfn.Stack // nil with created
	changes          []cfn.ResourceChange
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// templateBody is where a template is for the server: in the request, or in the bucket.
type templateBody struct{ body, url *string }

// pack puts what the template names on this machine into the bucket.
func (d *stackDeployer) pack(ctx context.Context) (templateBody, error) {
	file := d.spec.file
	if !namesLocal(file) {
		return templateBody{body: new(string(file.body))}, nil
	}
	bucket, err := d.ensureBucket(ctx)
	if err != nil {
		return templateBody{}, fmt.Errorf("bucket for the code: %w", err)
	}
	p := &codePacker{
		bucket: bucket, region: d.info.Region, progress: d.progress, packed: map[string]string{},
		put: func(ctx context.Context, key string, body []byte) error { return d.s3.putOnce(ctx, bucket, key, body) },
	}
	body, err := p.template(ctx, file)
	if err != nil {
		return templateBody{}, err
	}
	if len(body) <= template.MaxBody {
		return templateBody{body: new(string(body))}, nil
	}
	key, err := p.keep(ctx, body, ".template")
	return templateBody{url: new(p.address(key))}, err
}

// stack looks a stack up; nil: there is none.
func (d *stackDeployer) stack(ctx context.Context, name string) (*cfn.Stack, error) {
	out, err := d.cfn.DescribeStacks(ctx, &cfn.DescribeStacksInput{StackName: &name})
	if isCode(err, "ValidationError") && strings.HasSuffix(err.Error(), "does not exist") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(out.Stacks) == 0 {
		return nil, nil
	}
	return &out.Stacks[0], nil
}

// plan makes a change set and waits for what it says.
func (d *stackDeployer) plan(ctx context.Context, body templateBody) (*stackPlan, error) {
	p := &stackPlan{name: d.spec.name, changeSet: "furl-" + uuid.NewString()}
	have, err := d.stack(ctx, p.name)
	if err != nil {
		return nil, err
	}
	kind := cfn.ChangeSetTypeUpdate
	switch {
	case have == nil || have.StackStatus == cfn.StackStatusReviewInProgress:
		p.created, kind = true, cfn.ChangeSetTypeCreate
	case have.StackStatus == cfn.StackStatusRollbackComplete:
		return nil, withHint(fmt.Errorf("stack %s was never made: its first deployment failed and was rolled back", p.name),
			"remove it, then deploy again: furl rm --stack "+admin.ShellQuote(p.name))
	default:
		p.before = have
	}
	out, err := d.cfn.CreateChangeSet(ctx, &cfn.CreateChangeSetInput{
		StackName: p.name, ChangeSetName: p.changeSet, ChangeSetType: &kind, TemplateBody: body.body, TemplateURL: body.url,
		Parameters: d.parameters(p.before),
		// Who deploys a template from this machine has it before them: they are taken to agree.
		Capabilities: []cfn.Capability{cfn.CapabilityCapabilityIam, cfn.CapabilityCapabilityNamedIam, cfn.CapabilityCapabilityAutoExpand},
	})
	if err != nil {
		return nil, err
	}
	p.changeSet, p.stackID = value(out.Id), value(out.StackId)
	return p, d.waitPlan(ctx, p)
}

// parameters are those that were given, and of an existing stack the values that the others have.
func (d *stackDeployer) parameters(have *cfn.Stack) []cfn.Parameter {
	declared, _ := d.spec.file.doc["Parameters"].(map[string]any)
	var list []cfn.Parameter
	for _, name := range sortedNames(d.spec.parameters) {
		list = append(list, cfn.Parameter{ParameterKey: &name, ParameterValue: new(d.spec.parameters[name])})
	}
	if have == nil {
		return list
	}
	for _, p := range have.Parameters {
		name := value(p.ParameterKey)
		_, wanted := declared[name]
		if _, given := d.spec.parameters[name]; wanted && !given {
			list = append(list, cfn.Parameter{ParameterKey: &name, UsePreviousValue: new(true)})
		}
	}
	return list
}

// waitPlan waits for a change set and reads its changes.
func (d *stackDeployer) waitPlan(ctx context.Context, p *stackPlan) error {
	var token *string
	for pause := 20 * time.Millisecond; ; {
		out, err := d.cfn.DescribeChangeSet(ctx, &cfn.DescribeChangeSetInput{StackName: &p.stackID, ChangeSetName: p.changeSet, NextToken: token})
		if err != nil {
			return err
		}
		switch value(out.Status) {
		case cfn.ChangeSetStatusFailed:
			return d.noPlan(ctx, p, value(out.StatusReason))
		case cfn.ChangeSetStatusCreateComplete:
			p.changed = true
			for _, c := range out.Changes {
				if c.ResourceChange != nil {
					p.changes = append(p.changes, *c.ResourceChange)
				}
			}
			if token = out.NextToken; token == nil {
				return nil
			}
			continue
		}
		if err := wait(ctx, pause); err != nil {
			return fmt.Errorf("stack %s: change set: %w", p.name, err)
		}
		pause = min(2*pause, maxPause)
	}
}

// noPlan takes a change set that failed away: it has no changes, or an error.
func (d *stackDeployer) noPlan(ctx context.Context, p *stackPlan, reason string) error {
	err := d.drop(ctx, p)
	if strings.Contains(reason, "didn't contain changes") || strings.Contains(reason, "No updates are to be performed") {
		return err
	}
	return errors.Join(fmt.Errorf("stack %s: %s", p.name, reason), err)
}

// drop takes a change set away, and the stack that it alone made.
func (d *stackDeployer) drop(ctx context.Context, p *stackPlan) error {
	_, err := d.cfn.DeleteChangeSet(ctx, &cfn.DeleteChangeSetInput{ChangeSetName: p.changeSet, StackName: &p.stackID})
	if err == nil && p.created {
		err = d.cfn.DeleteStack(ctx, &cfn.DeleteStackInput{StackName: p.stackID})
	}
	return err
}

// execute carries a plan out and tells how it goes.
func (d *stackDeployer) execute(ctx context.Context, p *stackPlan) (*deployedStack, error) {
	if !p.changed {
		return stackResult(p.before, actionUnchanged), nil
	}
	w := &stackWatch{cfn: d.cfn, id: p.stackID, progress: d.progress}
	if err := w.skip(ctx); err != nil {
		return nil, err
	}
	if _, err := d.cfn.ExecuteChangeSet(ctx, &cfn.ExecuteChangeSetInput{ChangeSetName: p.changeSet, StackName: &p.stackID}); err != nil {
		return nil, err
	}
	status, err := w.end(ctx)
	if err != nil {
		return nil, fmt.Errorf("stack %s: %w", p.name, err)
	}
	action := actionUpdated
	if p.created {
		action = actionCreated
	}
	if status != string(cfn.StackStatusCreateComplete) && status != string(cfn.StackStatusUpdateComplete) {
		return nil, w.failure(p.name, status)
	}
	have, err := d.stack(ctx, p.stackID)
	if err != nil {
		return nil, err
	}
	return stackResult(have, action), nil
}

func stackResult(s *cfn.Stack, action string) *deployedStack {
	out := &deployedStack{Action: action, Outputs: map[string]string{}}
	if s == nil {
		return out
	}
	out.StackName, out.StackId, out.StackStatus = s.StackName, value(s.StackId), string(s.StackStatus)
	for _, o := range s.Outputs {
		out.Outputs[value(o.OutputKey)] = value(o.OutputValue)
	}
	return out
}

// wait waits a while, or until ctx ends.
func wait(ctx context.Context, pause time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pause):
		return nil
	}
}
