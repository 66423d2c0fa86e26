package stack

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"furl/internal/cfn/resource"
	"furl/internal/ssm"
	"furl/internal/template"
)

// plan is a definition that can be evaluated.
type plan struct {
	definition *Definition
	template   *template.Template
	scope      template.Scope
}

// plan reads a definition and decides its conditions.
func (x *run) plan(ctx context.Context, d *Definition) (*plan, error) {
	doc, err := template.Read([]byte(d.Template()))
	if err != nil {
		return nil, &failure{err.Error()}
	}
	t, err := template.New(doc)
	if err != nil {
		return nil, &failure{err.Error()}
	}
	given, found := map[string]string{}, map[string]string{}
	for _, p := range d.Parameters {
		given[p.Key] = p.Value
		found[p.Value] = p.Resolved
	}
	bound, err := template.Bind(t.Parameters, given, func(name string) (string, error) { return found[name], nil })
	if err != nil {
		return nil, &failure{err.Error()}
	}
	s := x.s()
	p := &plan{definition: d, template: t, scope: template.Scope{
		AccountID: s.Account, Region: s.Region, Partition: partitionOf(s.ID), URLSuffix: "amazonaws.com", StackName: s.Name, StackID: s.ID,
		NotificationARNs: d.NotificationARNs, Parameters: bound.Values, AZs: Zones(s.Region),
		Import:  func(name string) (any, bool) { return x.imported(ctx, name) },
		Dynamic: func(reference string) (string, error) { return x.dynamic(ctx, reference) },
	}}
	p.scope.Resource = x.lookUp
	if err := t.DecideConditions(&p.scope); err != nil {
		return nil, &failure{err.Error()}
	}
	return p, nil
}

// Zones are the names of the availability zones of a region: what runs here is all in one place, but templates ask.
func Zones(region string) []string { return []string{region + "a", region + "b", region + "c"} }

func partitionOf(id string) string { return strings.SplitN(id, ":", 3)[1] }

// lookUp is what functions see of a resource that is there.
func (x *run) lookUp(id string) (ref any, attribute func(string) (any, bool), ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	res := x.resources[id]
	if res == nil || res.Now.PhysicalID == "" {
		return nil, nil, false
	}
	now := res.Now
	if ref = now.Ref; ref == nil {
		ref = now.PhysicalID
	}
	return ref, func(path string) (any, bool) {
		v, ok := now.Attributes[path]
		return v, ok
	}, true
}

// imported is the value of an export, whose use is noted.
func (x *run) imported(ctx context.Context, name string) (any, bool) {
	rec, err := x.r.get(ctx, exportKey(x.s().Account, x.s().Region, name))
	if err != nil || rec.Val == nil {
		return nil, false
	}
	e, err := decode[Export](rec)
	if err != nil {
		return nil, false
	}
	x.mu.Lock()
	x.imports[name] = true
	x.mu.Unlock()
	return e.Value, true
}

// dynamic resolves what a template refers to outside of it.
func (x *run) dynamic(ctx context.Context, reference string) (string, error) {
	service, name, _ := strings.Cut(reference, ":")
	if service != "ssm" {
		return "", fmt.Errorf("dynamic references to %s are not offered: {{resolve:%s}}", service, reference)
	}
	out, err := x.invoker().Invoke(ctx, "ssm", "GetParameter", &ssm.GetParameterRequest{Name: name})
	if err != nil {
		return "", err
	}
	got, ok := out.(*ssm.GetParameterResult)
	if !ok || got.Parameter == nil || got.Parameter.Value == nil {
		return "", fmt.Errorf("parameter %s has no value", name)
	}
	return *got.Parameter.Value, nil
}

// build brings every resource that the plan wants to what it says, each after those that it needs.
func (x *run) build(ctx context.Context, p *plan) (failed []string, err error) {
	if failed, err := x.settle(ctx, p); err != nil || len(failed) > 0 {
		return failed, err
	}
	wanted := p.wanted()
	needs := func(id string) []string { return p.template.Needs(&p.scope, p.template.Resources[id]) }
	return walk(wanted, needs, x.r.o.Parallel, func(failed []string) bool { return len(failed) > 0 || x.stopped() != "" }, func(id string) error {
		return x.bring(ctx, p, id, needs(id))
	})
}

// wanted are the resources that there are under the conditions.
func (p *plan) wanted() []string {
	var wanted []string
	for _, id := range slices.Sorted(maps.Keys(p.template.Resources)) {
		if p.template.Exists(&p.scope, id) {
			wanted = append(wanted, id)
		}
	}
	return wanted
}

// bring brings one resource to what the plan says.
func (x *run) bring(ctx context.Context, p *plan, id string, needs []string) error {
	r, res := p.template.Resources[id], x.resource(id)
	updating := x.s().Status == UpdateInProgress
	if res == nil {
		res = &Resource{LogicalID: id, Type: r.Type, New: updating}
	}
	switch mine := res.Operation == x.operation; {
	case mine && (res.Status == CreateFailed || res.Status == UpdateFailed): // before the server ended
		return &failure{res.Reason}
	case !updating && res.Status == CreateComplete:
		return nil
	}
	x.discard(res)
	target, err := x.target(p, r)
	if err != nil {
		return x.refuse(ctx, res, r, needs, err)
	}
	gone := res.Now.PhysicalID == ""
	if !gone && res.Type == r.Type && !x.differs(res, r, target) {
		return x.keep(ctx, res, r, needs)
	}
	if gone && updating && !res.New {
		res.New = true // it was deleted by an update before
	}
	res.Needs = needs
	switch {
	case gone:
		res.Type = r.Type
		x.policies(res, r)
		return x.make(ctx, p, res, target, CreateInProgress, "")
	case res.Type == r.Type && x.replaces(res, target) && namesItself(res, target):
		return x.refuse(ctx, res, r, needs, refusal(
			"CloudFormation cannot update a stack when a custom-named resource requires replacing. Rename %s and update the stack again.", res.Now.PhysicalID))
	case res.Type != r.Type || x.replaces(res, target):
		return x.make(ctx, p, res, target, UpdateInProgress, "Requested update requires the creation of a new physical resource; hence creating one.")
	}
	return x.change(ctx, p, res, target)
}

// discard sees to what a step of an earlier operation left that failed and was not rolled back.
func (x *run) discard(res *Resource) {
	if g := res.Target; g != nil && g.PhysicalID != "" && g.PhysicalID != res.Now.PhysicalID {
		res.Doomed = append(res.Doomed, *g)
		res.Target = nil
	}
}

// settle takes the steps again that were under way when a server ended, or another operation began. It comes before all
// else, also where no more is to be begun: what such a step may have made, nobody knows of.
func (x *run) settle(ctx context.Context, p *plan) ([]string, error) {
	var open []string
	for _, id := range x.ids() {
		res := x.resource(id)
		if res.Target != nil && (res.Status == CreateInProgress || res.Status == UpdateInProgress) {
			open = append(open, id)
		}
	}
	return walk(open, func(string) []string { return nil }, x.r.o.Parallel, never, func(id string) error { return x.resume(ctx, p, x.resource(id)) })
}

// resume takes a step again that may have been taken.
func (x *run) resume(ctx context.Context, p *plan, res *Resource) error {
	if res.Now.PhysicalID != "" && res.Target.PhysicalID == res.Now.PhysicalID {
		return x.doChange(ctx, p, res, true)
	}
	return x.doMake(ctx, p, res, true)
}

// target is what the plan makes of a resource.
func (x *run) target(p *plan, r *template.Resource) (*Generation, error) {
	scope := p.scope
	v, err := p.template.Resolve(&scope, r.Properties)
	if err != nil {
		return nil, err
	}
	properties, _ := v.(map[string]any)
	t := x.typeOf(r.Type)
	if t == nil {
		return nil, refusal("Unrecognized resource types: [%s]", r.Type)
	}
	if err := t.Check(properties); err != nil {
		return nil, refusal("Properties validation failed for resource %s with message:\n%v", r.Name, err)
	}
	return &Generation{Type: r.Type, Properties: t.Normalize(properties), Tags: x.tags(p.definition, r.Name), Retain: strings.HasPrefix(r.UpdateReplacePolicy, "Retain")}, nil
}

// tags are the stack's with those of CloudFormation.
func (x *run) tags(d *Definition, id string) map[string]string {
	tags := map[string]string{
		"aws:cloudformation:stack-name": x.s().Name, "aws:cloudformation:stack-id": x.s().ID, "aws:cloudformation:logical-id": id,
	}
	maps.Copy(tags, d.Tags)
	return tags
}

// differs reports whether a resource that is there must change.
func (x *run) differs(res *Resource, r *template.Resource, target *Generation) bool {
	t := x.typeOf(r.Type)
	if OwnType(r.Type) || res.Target != nil {
		return true // what its template says now, only reading it tells; or what a change that failed has left
	}
	if _, tagged := t.Properties["Tags"]; tagged && !reflect.DeepEqual(res.Now.Tags, target.Tags) {
		return true
	}
	changed, _ := t.Changes(res.Now.Properties, target.Properties)
	return len(changed) > 0
}

func (x *run) replaces(res *Resource, target *Generation) bool {
	t := x.typeOf(res.Type)
	changed, replace := t.Changes(res.Now.Properties, target.Properties)
	return replace || t.Update == nil && len(changed) > 0
}

// namesItself reports whether a property that stays gives the resource its name: another of that name cannot be made
// beside it.
func namesItself(res *Resource, target *Generation) bool {
	for name, v := range target.Properties {
		if strings.HasSuffix(name, "Name") && v == res.Now.PhysicalID && res.Now.Properties[name] == v {
			return true
		}
	}
	return false
}

// policies takes over what a template says of a resource beside its properties.
func (x *run) policies(res *Resource, r *template.Resource) {
	res.DeletionPolicy, res.UpdateReplacePolicy = r.DeletionPolicy, r.UpdateReplacePolicy
}

// policiesOf takes over what a plan says of a resource, if it does.
func (x *run) policiesOf(res *Resource, p *plan) {
	if r := p.template.Resources[res.LogicalID]; r != nil {
		x.policies(res, r)
	}
}

// keep writes down what changes of a resource that stays as it is.
func (x *run) keep(ctx context.Context, res *Resource, r *template.Resource, needs []string) error {
	if slices.Equal(res.Needs, needs) && res.DeletionPolicy == r.DeletionPolicy && res.UpdateReplacePolicy == r.UpdateReplacePolicy {
		return nil
	}
	res.Needs = needs
	x.policies(res, r)
	res.Now.Retain = strings.HasPrefix(r.UpdateReplacePolicy, "Retain")
	return x.commit(ctx, write{resource: res})
}

// refuse tells that a resource cannot be what the template says.
func (x *run) refuse(ctx context.Context, res *Resource, r *template.Resource, needs []string, cause error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	status := UpdateFailed
	if res.Now.PhysicalID == "" {
		status, res.Type, res.Needs = CreateFailed, r.Type, needs
	}
	x.mark(res, status, cause.Error())
	if err := x.commit(ctx, write{resource: res, events: []*Event{x.event(res, res.Now.PhysicalID)}}); err != nil {
		return err
	}
	x.adopt(res)
	return &failure{res.Reason}
}

// adopt makes a resource one of the stack's.
func (x *run) adopt(res *Resource) {
	x.mu.Lock()
	x.resources[res.LogicalID] = res
	x.mu.Unlock()
}

// suffix are 12 characters of A-Z and 0-9.
func suffix() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	b := make([]byte, 12)
	rand.Read(b)
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return string(b)
}

// typeOf is a type of resource, nil for none.
func (x *run) typeOf(name string) *resource.Type {
	if name == Type {
		return x.nested()
	}
	return x.r.o.Types(name)
}
