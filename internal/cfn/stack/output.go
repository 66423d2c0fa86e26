package stack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"furl/internal/store"
)

// conclude gives the stack its outputs, its exports and imports, and its status, in one transaction, or tells why it cannot.
func (x *run) conclude(ctx context.Context, p *plan, status Status, change func(*Stack)) (reason string, err error) {
	for {
		outputs, reason, err := x.outputs(p)
		if err != nil || reason != "" {
			return reason, err
		}
		ops, when, reason, err := x.exporting(ctx, outputs)
		if err != nil || reason != "" {
			return reason, err
		}
		used := x.used()
		more, conds, reason, err := x.importing(ctx, used)
		if err != nil || reason != "" {
			return reason, err
		}
		err = x.becomeWhen(ctx, status, "", func(s *Stack) {
			s.Outputs, s.Imports = outputs, used
			if change != nil {
				change(s)
			}
		}, append(ops, more...), append(when, conds...))
		if !errors.Is(err, store.ErrConflict) { // else another stack has exported or imported meanwhile
			return "", err
		}
	}
}

// outputs evaluates the outputs of a plan, and the whole template once more for what it imports: of what was made before
// a server ended nobody else looks.
func (x *run) outputs(p *plan) (outputs []Output, reason string, err error) {
	for _, id := range p.wanted() {
		if _, err := p.template.Resolve(&p.scope, p.template.Resources[id].Properties); err != nil {
			return nil, err.Error(), nil
		}
	}
	for _, key := range slices.Sorted(maps.Keys(p.template.Outputs)) {
		o := p.template.Outputs[key]
		if o.Condition != "" && !p.scope.Conditions[o.Condition] {
			continue
		}
		out := Output{Key: key, Description: o.Description}
		if out.Value, err = x.text(p, o.Value); err == nil && o.Export != nil {
			out.Export, err = x.text(p, o.Export)
		}
		if err != nil {
			return nil, "Output " + key + ": " + err.Error(), nil
		}
		outputs = append(outputs, out)
	}
	return outputs, "", nil
}

// text evaluates what must be a text.
func (x *run) text(p *plan, v any) (string, error) {
	v, err := p.template.Resolve(&p.scope, v)
	if err != nil {
		return "", err
	}
	switch v := v.(type) {
	case string:
		return v, nil
	case bool, int64, float64:
		return fmt.Sprint(v), nil
	}
	return "", refusal("Template format error: The Value field of every Outputs member must evaluate to a String.")
}

// used are the exports that the plan referred to.
func (x *run) used() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Sorted(maps.Keys(x.imports))
}

// exporting are the changes by which the stack exports what its outputs say and nothing else.
func (x *run) exporting(ctx context.Context, outputs []Output) (ops []store.Op, when []store.Cond, reason string, err error) {
	s, wanted := x.s(), map[string]string{}
	for _, o := range outputs {
		if o.Export != "" {
			wanted[o.Export] = o.Value
		}
	}
	for _, o := range s.Outputs {
		if _, stays := wanted[o.Export]; o.Export == "" || stays {
			continue
		}
		rec, e, err := x.r.export(ctx, s.Account, s.Region, o.Export)
		if err != nil {
			return nil, nil, "", err
		}
		if e == nil {
			continue
		}
		if len(e.Users) > 0 {
			return nil, nil, fmt.Sprintf("Cannot delete export %s as it is in use by %s.", o.Export, users(e)), nil
		}
		ops, when = append(ops, store.Op{Key: rec.Key}), append(when, store.Cond{Key: rec.Key, Rev: rec.Rev})
	}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		rec, e, err := x.r.export(ctx, s.Account, s.Region, name)
		switch {
		case err != nil:
			return nil, nil, "", err
		case e != nil && e.StackID != s.ID:
			return nil, nil, fmt.Sprintf("Export with name %s is already exported by stack %s.", name, nameOf(e.StackID)), nil
		case e != nil && e.Value == wanted[name]:
			continue
		case e != nil && len(e.Users) > 0:
			return nil, nil, fmt.Sprintf("Cannot update export %s as it is in use by %s.", name, users(e)), nil
		}
		op, err := put(rec.Key, Export{V: schema, Name: name, Value: wanted[name], StackID: s.ID})
		if err != nil {
			return nil, nil, "", err
		}
		op.Key = exportKey(s.Account, s.Region, name)
		ops, when = append(ops, op), append(when, store.Cond{Key: op.Key, Rev: rec.Rev})
	}
	return ops, when, "", nil
}

// importing are the changes by which exports know that the stack uses them, and no others.
func (x *run) importing(ctx context.Context, used []string) (ops []store.Op, when []store.Cond, reason string, err error) {
	s := x.s()
	for _, name := range slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(used), s.Imports...)))) {
		rec, e, err := x.r.export(ctx, s.Account, s.Region, name)
		if err != nil {
			return nil, nil, "", err
		}
		wants := slices.Contains(used, name)
		if e == nil {
			if wants {
				return nil, nil, fmt.Sprintf("No export named %s found.", name), nil
			}
			continue
		}
		if _, has := e.Users[s.ID]; has == wants {
			continue
		}
		if e.Users == nil {
			e.Users = map[string]string{}
		}
		e.Users[s.ID] = s.Name
		if !wants {
			delete(e.Users, s.ID)
		}
		op, err := put(rec.Key, e)
		if err != nil {
			return nil, nil, "", err
		}
		ops, when = append(ops, op), append(when, store.Cond{Key: rec.Key, Rev: rec.Rev})
	}
	return ops, when, "", nil
}

func users(e *Export) string { return strings.Join(slices.Sorted(maps.Values(e.Users)), ", ") }

// nameOf is the name in a stack's id.
func nameOf(id string) string {
	p := strings.Split(id, "/")
	return p[len(p)-2]
}
