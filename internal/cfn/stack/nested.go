package stack

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"furl/internal/cfn/resource"
)

// nested is the type of stacks within stacks. They are stacks of their own, which the step of the parent's resource
// waits for. Ref is the id; GetAtt has Outputs.NAME.
func (x *run) nested() *resource.Type {
	if x.r.o.Define == nil {
		return nil
	}
	return &resource.Type{
		Name: Type,
		Properties: map[string]resource.Property{
			"TemplateURL":      {Kind: resource.Text, Required: true},
			"Parameters":       {Kind: resource.Map, Item: resource.Text},
			"Tags":             {Kind: resource.List, Item: resource.Object, Of: map[string]resource.Property{"Key": {Required: true}, "Value": {Required: true}}},
			"NotificationARNs": {Kind: resource.List, Item: resource.Text},
			"TimeoutInMinutes": {Kind: resource.Number},
		},
		Create: x.createNested,
		Update: x.updateNested,
		Delete: x.deleteNested,
	}
}

// define makes the definition of a nested stack.
func (x *run) define(ctx context.Context, r *resource.Request, name, id string) (*Definition, error) {
	n := Nested{
		Account: r.Account, StackName: name, StackID: id, Parameters: map[string]string{}, Tags: map[string]string{},
		Capabilities: x.capabilities(),
	}
	n.TemplateURL, _ = r.Properties["TemplateURL"].(string)
	given, _ := r.Properties["Parameters"].(map[string]any)
	for key, v := range given {
		n.Parameters[key], _ = v.(string)
	}
	tags, _ := r.Properties["Tags"].([]any)
	for _, one := range tags {
		tag, _ := one.(map[string]any)
		key, _ := tag["Key"].(string)
		n.Tags[key], _ = tag["Value"].(string)
	}
	arns, _ := r.Properties["NotificationARNs"].([]any)
	for _, one := range arns {
		text, _ := one.(string)
		n.NotificationARNs = append(n.NotificationARNs, text)
	}
	return x.r.o.Define(ctx, x.s().Who, n)
}

// capabilities are those that were acknowledged for what is being carried out.
func (x *run) capabilities() []string {
	if s := x.s(); s.Next != nil {
		return s.Next.Capabilities
	}
	return x.s().Now.Capabilities
}

func (x *run) createNested(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	name := r.Name(128)
	child, err := x.r.Stack(ctx, r.Account, r.Region, name)
	if errors.Is(err, ErrNoStack) {
		child, err = x.beginNested(ctx, r, name)
	}
	if err != nil {
		return nil, err
	}
	if child.ParentID != r.StackID {
		return nil, refusal("Stack [%s] already exists", name)
	}
	if err := r.Save(child.ID); err != nil {
		return nil, err
	}
	return x.awaitNested(ctx, child.ID, CreateComplete)
}

func (x *run) beginNested(ctx context.Context, r *resource.Request, name string) (*Stack, error) {
	s := x.s()
	id := fmt.Sprintf("arn:%s:cloudformation:%s:%s:stack/%s/%s", r.Partition, r.Region, r.Account, name, uuid.NewString())
	d, err := x.define(ctx, r, name, id)
	if err != nil {
		return nil, err
	}
	child := &Stack{
		ID: id, Name: name, Account: r.Account, Region: r.Region, Status: CreateInProgress, Created: x.r.o.Now(), Now: *d,
		ParentID: s.ID, RootID: s.RootID, RoleARN: s.RoleARN, Who: s.Who, Token: s.Token, OnFailure: "ROLLBACK",
	}
	if child.RootID == "" {
		child.RootID = s.ID
	}
	if minutes, ok := r.Properties["TimeoutInMinutes"].(int64); ok {
		child.Timeout = int(minutes)
	}
	return child, x.r.Create(ctx, child)
}

// awaitNested waits for the end of what a nested stack does.
func (x *run) awaitNested(ctx context.Context, id string, want Status) (*resource.Result, error) {
	if err := x.r.Wait(ctx, id); err != nil {
		return nil, err
	}
	s := x.s()
	child, err := x.r.Stack(ctx, s.Account, s.Region, id)
	if err != nil {
		return nil, err
	}
	result := &resource.Result{PhysicalID: id, Attributes: map[string]any{}}
	for _, o := range child.Outputs {
		result.Attributes["Outputs."+o.Key] = o.Value
	}
	if child.Status == want {
		return result, nil
	}
	verb := map[Status]string{CreateComplete: "created", UpdateComplete: "updated", UpdateRollbackComplete: "updated", DeleteComplete: "deleted"}[want]
	return result, refusal("Embedded stack %s was not successfully %s: %s", id, verb, child.Reason)
}

func (x *run) updateNested(ctx context.Context, r *resource.Request) (*resource.Result, error) {
	id := r.PhysicalID
	if err := x.r.Wait(ctx, id); err != nil { // for what an earlier try began
		return nil, err
	}
	d, err := x.define(ctx, r, nameOf(id), id)
	if err != nil {
		return nil, err
	}
	s, same, want := x.s(), errors.New("stack: nothing to change"), UpdateComplete
	_, err = x.r.Begin(ctx, id, func(child *Stack) error {
		switch is := child.Now.same(*d); {
		case is && child.Status == UpdateRollbackFailed: // it goes back to what it was with its parent
			child.Status, want = UpdateRollbackInProgress, UpdateRollbackComplete
		case child.Status != CreateComplete && child.Status != UpdateComplete && child.Status != UpdateRollbackComplete:
			return refusal("Stack:%s is in %s state and can not be updated.", id, child.Status)
		case is:
			want = child.Status
			return same
		default:
			child.Status, child.Next, child.Updated, want = UpdateInProgress, d, x.r.o.Now(), UpdateComplete
		}
		child.Who, child.Token = s.Who, s.Token
		return nil
	})
	if err != nil && !errors.Is(err, same) {
		return nil, err
	}
	return x.awaitNested(ctx, id, want)
}

func (x *run) deleteNested(ctx context.Context, r *resource.Request) error {
	id := r.PhysicalID
	if err := x.r.Wait(ctx, id); err != nil {
		return err
	}
	child, err := x.r.Stack(ctx, r.Account, r.Region, id)
	if errors.Is(err, ErrNoStack) || err == nil && child.Status == DeleteComplete {
		return nil
	}
	if err != nil {
		return err
	}
	s := x.s()
	_, err = x.r.Begin(ctx, id, func(child *Stack) error {
		child.Status, child.Who, child.Token = DeleteInProgress, s.Who, s.Token
		return nil
	})
	if err != nil {
		return err
	}
	_, err = x.awaitNested(ctx, id, DeleteComplete)
	return err
}
