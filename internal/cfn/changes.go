package cfn

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"furl/internal/cfn/resource"
	"furl/internal/cfn/stack"
	"furl/internal/template"
)

// fate is what a change does to a resource.
type fate int

const (
	kept fate = iota
	added
	modified
	maybeReplaced
	replaced
)

// unknown stands for a value that shows only when a change is carried out.
const unknown = "{{changeSet:KNOWN_AFTER_APPLY}}"

// present is a resource of a stack as it is.
type present struct {
	Type, PhysicalID string
	Properties       map[string]any
	Ref              any
	Attributes       map[string]any
}

// side is a template with the values that its functions refer to.
type side struct {
	template *template.Template
	scope    template.Scope
}

// differ finds what an update would change. It reads and computes, and calls nobody.
type differ struct {
	before, after side
	present       map[string]present
	// tags says that the stack's own tags change, which resources with tags have too.
	tags bool
	// retyped are the resources that would be of another type.
	retyped []string
	fates   map[string]fate
	pending map[string]bool // resources that are being looked at
	causes  causes
	changes []Change
}

// changes finds them; before may have no template: then all resources are added.
func (d *differ) run() ([]Change, error) {
	d.fates, d.pending = map[string]fate{}, map[string]bool{}
	d.causes = causes{conditions: d.after.scope.Conditions, parameters: d.changedParameters(), fates: d.fates}
	d.after.scope.Resource = d.lookup
	for _, id := range slices.Sorted(maps.Keys(d.after.template.Resources)) {
		if err := d.visit(id); err != nil {
			return nil, err
		}
	}
	if len(d.retyped) > 0 {
		slices.Sort(d.retyped)
		return nil, invalid("Update of resource type is not permitted. The new template modifies resource type of the following resources: [%s]",
			strings.Join(d.retyped, ", "))
	}
	for _, id := range slices.Sorted(maps.Keys(d.present)) {
		if r := d.after.template.Resources[id]; r == nil || !d.wanted(r) {
			d.remove(id)
		}
	}
	slices.SortFunc(d.changes, func(a, b Change) int {
		return strings.Compare(*a.ResourceChange.LogicalResourceId, *b.ResourceChange.LogicalResourceId)
	})
	return d.changes, nil
}

// changedParameters are the parameters that have another value than before.
func (d *differ) changedParameters() map[string]bool {
	changed := map[string]bool{}
	for name, v := range d.after.scope.Parameters {
		if !equal(v, d.before.scope.Parameters[name]) {
			changed[name] = true
		}
	}
	return changed
}

// wanted reports whether a resource is there under the conditions.
func (d *differ) wanted(r *template.Resource) bool {
	return r.Condition == "" || d.after.scope.Conditions[r.Condition]
}

// lookup is what functions see of a resource: what is new is not known yet.
func (d *differ) lookup(name string) (ref any, attribute func(string) (any, bool), ok bool) {
	if r := d.after.template.Resources[name]; r == nil || !d.wanted(r) {
		return nil, nil, false
	}
	if f := d.fates[name]; f == added || f == replaced {
		return unknown, func(string) (any, bool) { return unknown, true }, true
	}
	p := d.present[name]
	ref = p.Ref
	if ref == nil {
		ref = p.PhysicalID
	}
	return ref, func(path string) (any, bool) {
		v, ok := p.Attributes[path]
		if !ok {
			return unknown, true // one that was not asked for before
		}
		return v, true
	}, true
}

// visit finds the fate of a resource, after those that it refers to.
func (d *differ) visit(id string) error {
	r := d.after.template.Resources[id]
	if r == nil || !d.wanted(r) || d.pending[id] {
		return nil
	}
	d.pending[id] = true // circles were refused before
	for _, other := range d.after.template.References(r) {
		if err := d.visit(other); err != nil {
			return err
		}
	}
	p, there := d.present[id]
	if there && p.Type != r.Type {
		d.retyped = append(d.retyped, id)
	}
	if !there {
		d.fates[id] = added
		d.note(ResourceChange{Action: new(ChangeActionAdd), LogicalResourceId: &id, ResourceType: &r.Type})
		return nil
	}
	resolved, err := d.after.template.Resolve(&d.after.scope, r.Properties)
	if err != nil {
		return err
	}
	properties, _ := resolved.(map[string]any)
	d.compare(r, p, properties)
	return nil
}

// compare finds what changes of a resource that stays.
func (d *differ) compare(r *template.Resource, p present, properties map[string]any) {
	var before *template.Resource
	if d.before.template != nil {
		before = d.before.template.Resources[r.Name]
	}
	if before == nil {
		before = &template.Resource{}
	}
	details := d.propertyDetails(r, before, p, properties)
	details = append(details, d.attributeDetails(r, before)...)
	t := resource.Lookup(r.Type)
	if d.tags && t != nil && hasTags(t) && !slices.ContainsFunc(details, isAbout(ResourceAttributeTags)) {
		details = append(details, detail(ResourceAttributeTags, "", RequiresRecreationNever, cause{source: ChangeSourceDirectModification}))
	}
	if nested := r.Type == nestedType; nested && len(details) == 0 {
		details = append(details, detail(ResourceAttributeProperties, "", RequiresRecreationNever, cause{source: ChangeSourceAutomatic, dynamic: true}))
	}
	if len(details) == 0 {
		return
	}
	d.fates[r.Name] = fateOf(details)
	change := ResourceChange{
		Action: new(ChangeActionModify), LogicalResourceId: &r.Name, PhysicalResourceId: nonEmpty(p.PhysicalID), ResourceType: &r.Type,
		Replacement: new(replacementOf(d.fates[r.Name])), Scope: scopeOf(details), Details: details,
	}
	if d.fates[r.Name] == replaced {
		change.PolicyAction = new(PolicyActionReplaceAndDelete)
		if strings.HasPrefix(r.UpdateReplacePolicy, "Retain") {
			change.PolicyAction = new(PolicyActionReplaceAndRetain)
		}
	}
	d.note(change)
}

// propertyDetails are the properties that change, and why.
func (d *differ) propertyDetails(r, before *template.Resource, p present, properties map[string]any) []ResourceChangeDetail {
	t := resource.Lookup(r.Type)
	if t == nil {
		return nil
	}
	changed, _ := t.Changes(p.Properties, properties)
	different := map[string]bool{}
	for _, name := range changed {
		different[name] = true
	}
	var details []ResourceChangeDetail
	names := maps.Clone(different)
	for name := range r.Properties {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		found := d.causes.of(r.Properties[name], before.Properties[name])
		if !different[name] {
			found = slices.DeleteFunc(found, func(c cause) bool { return !c.dynamic })
		} else if len(found) == 0 { // a condition or a mapping has changed
			found = []cause{{source: ChangeSourceDirectModification}}
		}
		attribute := ResourceAttributeProperties
		if name == "Tags" {
			attribute = ResourceAttributeTags
		}
		for _, one := range found {
			details = append(details, detail(attribute, name, d.recreation(t, name, p, properties), one))
		}
	}
	return details
}

// recreation tells whether a change of a property replaces the resource.
func (d *differ) recreation(t *resource.Type, name string, p present, properties map[string]any) RequiresRecreation {
	old, changed := maps.Clone(properties), maps.Clone(properties)
	if v, ok := p.Properties[name]; ok {
		if old == nil {
			old = map[string]any{}
		}
		old[name] = v
	} else {
		delete(old, name)
	}
	if equal(old[name], changed[name]) { // only its value at the end will tell
		changed[name] = unknown
	}
	if _, replace := t.Changes(old, changed); replace {
		return RequiresRecreationAlways
	}
	return RequiresRecreationNever
}

// attributeDetails are the attributes beside the properties that change.
func (d *differ) attributeDetails(r, before *template.Resource) []ResourceChangeDetail {
	var details []ResourceChangeDetail
	for _, one := range []struct {
		attribute  ResourceAttribute
		old, value any
	}{
		{ResourceAttributeMetadata, before.Metadata, r.Metadata},
		{ResourceAttributeCreationPolicy, before.CreationPolicy, r.CreationPolicy},
		{ResourceAttributeUpdatePolicy, before.UpdatePolicy, r.UpdatePolicy},
		{ResourceAttributeDeletionPolicy, before.DeletionPolicy, r.DeletionPolicy},
		{ResourceAttributeUpdateReplacePolicy, before.UpdateReplacePolicy, r.UpdateReplacePolicy},
	} {
		if !equal(one.old, one.value) {
			details = append(details, detail(one.attribute, "", RequiresRecreationNever, cause{source: ChangeSourceDirectModification}))
		}
	}
	return details
}

// outputs reports whether what the stack puts out is not what it was, as far as that can be told.
func (d *differ) outputs(before []stack.Output) bool {
	known := map[string]stack.Output{}
	for _, o := range before {
		known[o.Key] = o
	}
	n := 0
	for key, o := range d.after.template.Outputs {
		if o.Condition != "" && !d.after.scope.Conditions[o.Condition] {
			continue
		}
		n++
		was, there := known[key]
		if !there || was.Description != o.Description || !d.gives(o.Value, was.Value) || !d.gives(o.Export, was.Export) {
			return true
		}
	}
	return n != len(before)
}

// gives reports whether an expression has a value, in the form that outputs have.
func (d *differ) gives(expression any, text string) bool {
	if expression == nil {
		return text == ""
	}
	v, err := d.after.template.Resolve(&d.after.scope, expression)
	now := fmt.Sprint(v)
	return err == nil && (now == text || strings.Contains(now, unknown))
}

// remove notes that a resource goes.
func (d *differ) remove(id string) {
	p := d.present[id]
	action := PolicyActionDelete
	if d.before.template != nil {
		if r := d.before.template.Resources[id]; r != nil && strings.HasPrefix(r.DeletionPolicy, "Retain") && r.DeletionPolicy != "RetainExceptOnCreate" {
			action = PolicyActionRetain
		}
	}
	d.note(ResourceChange{
		Action: new(ChangeActionRemove), LogicalResourceId: &id, PhysicalResourceId: nonEmpty(p.PhysicalID), ResourceType: &p.Type, PolicyAction: &action,
	})
}

func (d *differ) note(c ResourceChange) {
	if c.Scope == nil {
		c.Scope = []ResourceAttribute{}
	}
	if c.Details == nil {
		c.Details = []ResourceChangeDetail{}
	}
	d.changes = append(d.changes, Change{Type: new(ChangeTypeResource), ResourceChange: &c})
}

// detail is one line of a change.
func detail(attribute ResourceAttribute, name string, recreation RequiresRecreation, c cause) ResourceChangeDetail {
	evaluation := EvaluationTypeStatic
	if c.dynamic {
		evaluation = EvaluationTypeDynamic
	}
	target := &ResourceTargetDefinition{Attribute: &attribute, Name: nonEmpty(name), RequiresRecreation: &recreation}
	return ResourceChangeDetail{Target: target, Evaluation: &evaluation, ChangeSource: &c.source, CausingEntity: nonEmpty(c.entity)}
}

// fateOf is what becomes of a resource with these changes.
func fateOf(details []ResourceChangeDetail) fate {
	f := modified
	for _, one := range details {
		if *one.Target.RequiresRecreation == RequiresRecreationNever {
			continue
		}
		if *one.Evaluation == EvaluationTypeStatic {
			return replaced
		}
		f = maybeReplaced
	}
	return f
}

func replacementOf(f fate) Replacement {
	switch f {
	case replaced:
		return ReplacementTrue
	case maybeReplaced:
		return ReplacementConditional
	}
	return ReplacementFalse
}

// scopeOf are the kinds of attributes that the details are about.
func scopeOf(details []ResourceChangeDetail) []ResourceAttribute {
	var scope []ResourceAttribute
	for _, one := range details {
		if !slices.Contains(scope, *one.Target.Attribute) {
			scope = append(scope, *one.Target.Attribute)
		}
	}
	slices.Sort(scope)
	return scope
}

func isAbout(attribute ResourceAttribute) func(ResourceChangeDetail) bool {
	return func(d ResourceChangeDetail) bool { return *d.Target.Attribute == attribute }
}

// hasTags reports whether resources of a type have tags.
func hasTags(t *resource.Type) bool {
	_, ok := t.Properties["Tags"]
	return ok
}

// nestedType is the type of stacks within stacks.
const nestedType = "AWS::CloudFormation::Stack"
