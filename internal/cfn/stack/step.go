package stack

import (
	"context"
	"errors"

	"furl/internal/awsapi"
	"furl/internal/cfn/resource"
)

// invoker calls operations in the name of who began the stack's.
type invoker struct{ x *run }

// Invoke calls one.
func (i invoker) Invoke(ctx context.Context, service, operation string, in any) (any, error) {
	return i.x.r.o.Invoke(ctx, i.x.s().Who, service, operation, in)
}

func (x *run) invoker() resource.Invoker { return invoker{x} }

// request is what a resource's type is asked with.
func (x *run) request(id string, g *Generation) *resource.Request {
	s := x.s()
	return &resource.Request{
		Account: s.Account, Region: s.Region, Partition: partitionOf(s.ID), StackName: s.Name, StackID: s.ID, LogicalID: id,
		Suffix: g.Suffix, PhysicalID: g.PhysicalID, Properties: g.Properties, Attributes: g.Attributes, Tags: g.Tags,
		Invoke: x.invoker(), Save: func(string) error { return nil },
	}
}

// make makes a new generation of a resource: the first, or one that replaces another.
func (x *run) make(ctx context.Context, p *plan, res *Resource, target *Generation, status Status, reason string) error {
	target.Suffix = suffix()
	res.Target = target
	x.mark(res, status, reason)
	if err := x.commit(ctx, write{resource: res, events: []*Event{x.event(res, "")}}); err != nil {
		return err
	}
	x.adopt(res)
	return x.doMake(ctx, p, res, false)
}

// doMake has the type make it, perhaps again.
func (x *run) doMake(ctx context.Context, p *plan, res *Resource, again bool) error {
	target := res.Target
	req := x.request(res.LogicalID, target)
	req.Again = again
	req.Save = func(physicalID string) error {
		target.PhysicalID = physicalID
		return x.commit(ctx, write{resource: res})
	}
	t := x.typeOf(target.Type)
	if t == nil {
		return x.fail(ctx, res, unknown(target.Type))
	}
	out, err := t.Create(ctx, req)
	if ctx.Err() != nil {
		return ctx.Err() // what came of it is found out again
	}
	if out != nil {
		target.take(out)
	}
	if err != nil {
		return x.fail(ctx, res, err)
	}
	complete := CreateComplete
	if res.Now.PhysicalID != "" { // a replacement
		complete = UpdateComplete
		if res.Before == nil {
			old := res.Now
			old.Retain = old.Retain || target.Retain // what either template wants kept is kept
			res.Before, res.Replaced = &old, true
		} else { // what an update made that failed, and nothing uses any more
			res.Doomed = append(res.Doomed, res.Now)
			res.Replaced = true
		}
	}
	x.mark(res, res.Status, "Resource creation Initiated")
	initiated := x.event(res, target.PhysicalID)
	x.finish(res, target, complete)
	x.policiesOf(res, p)
	return x.commit(ctx, write{resource: res, events: []*Event{initiated, x.event(res, target.PhysicalID)}})
}

// finish makes the target of a step what the resource is. Functions see it from then on.
func (x *run) finish(res *Resource, target *Generation, status Status) {
	x.mu.Lock()
	res.Now, res.Target, res.Type = *target, nil, target.Type
	x.mu.Unlock()
	x.mark(res, status, "")
}

// take takes over what became of a resource.
func (g *Generation) take(out *resource.Result) {
	g.PhysicalID, g.Ref, g.Attributes = out.PhysicalID, out.Ref, out.Attributes
}

// fail tells that a step failed. Its target stays, for what it may have made.
func (x *run) fail(ctx context.Context, res *Resource, cause error) error {
	status := UpdateFailed
	if res.Now.PhysicalID == "" {
		status = CreateFailed
	}
	x.mark(res, status, reasonOf(cause))
	if err := x.commit(ctx, write{resource: res, events: []*Event{x.event(res, res.Target.PhysicalID)}}); err != nil {
		return err
	}
	return &failure{res.Reason}
}

// reasonOf words an error as CloudFormation words those of services.
func reasonOf(err error) string {
	if e, ok := errors.AsType[*awsapi.Error](err); ok {
		return "Resource handler returned message: \"" + e.Message + "\" (HandlerErrorCode: " + handlerCode(e) + ")"
	}
	return err.Error()
}

// handlerCode is the word that CloudFormation has for a kind of error.
func handlerCode(e *awsapi.Error) string {
	switch e.Code {
	case "AccessDenied", "AccessDeniedException":
		return "AccessDenied"
	case "ResourceConflictException", "EntityAlreadyExists", "ResourceAlreadyExistsException", "ParameterAlreadyExists", "BucketAlreadyExists":
		return "AlreadyExists"
	case "ResourceNotFoundException", "NoSuchEntity", "ParameterNotFound", "NoSuchBucket":
		return "NotFound"
	case "TooManyRequestsException", "Throttling":
		return "Throttling"
	case "LimitExceeded", "LimitExceededException", "CodeStorageExceededException":
		return "ServiceLimitExceeded"
	case "InvalidClientTokenId":
		return "InvalidCredentials"
	}
	if e.Status >= 500 {
		return "ServiceInternalError"
	}
	return "InvalidRequest"
}

// unknown is the failure of a resource whose type another version of furl knew.
func unknown(name string) error {
	return refusal("this version of furl does not know the type %s", name)
}

// change changes a resource in place.
func (x *run) change(ctx context.Context, p *plan, res *Resource, target *Generation) error {
	target.Suffix, target.PhysicalID, target.Ref, target.Attributes = res.Now.Suffix, res.Now.PhysicalID, res.Now.Ref, res.Now.Attributes
	if res.Before == nil && !res.New {
		old := res.Now
		res.Before = &old
	}
	res.Target = target
	x.mark(res, UpdateInProgress, "")
	if err := x.commit(ctx, write{resource: res, events: []*Event{x.event(res, target.PhysicalID)}}); err != nil {
		return err
	}
	return x.doChange(ctx, p, res, false)
}

// doChange has the type change it, perhaps again.
func (x *run) doChange(ctx context.Context, p *plan, res *Resource, again bool) error {
	target := res.Target
	if err := x.apply(ctx, res, target, &res.Now, again); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return x.fail(ctx, res, err)
	}
	x.finish(res, target, UpdateComplete)
	x.policiesOf(res, p)
	return x.commit(ctx, write{resource: res, events: []*Event{x.event(res, target.PhysicalID)}})
}

// apply has the type change a resource from one generation to another.
func (x *run) apply(ctx context.Context, res *Resource, to, from *Generation, again bool) error {
	t := x.typeOf(to.Type)
	if t == nil {
		return unknown(to.Type)
	}
	if t.Update == nil { // a change of nothing but its tags
		return nil
	}
	req := x.request(res.LogicalID, to)
	req.PhysicalID, req.Old, req.OldTags, req.Again = from.PhysicalID, from.Properties, from.Tags, again
	out, err := t.Update(ctx, req)
	if err == nil && out != nil {
		to.take(out)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
