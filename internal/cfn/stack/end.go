package stack

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"furl/internal/store"
)

// rollback deletes what the making of the stack made.
func (x *run) rollback(ctx context.Context) error {
	failed, err := x.deleteAll(ctx, nil)
	if err != nil {
		return err
	}
	if len(failed) > 0 {
		return x.become(ctx, RollbackFailed, x.named(failed, "delete"), nil)
	}
	return x.become(ctx, RollbackComplete, "", nil)
}

// delete deletes the stack.
func (x *run) delete(ctx context.Context) error {
	for _, o := range x.s().Outputs {
		if o.Export == "" {
			continue
		}
		users, err := x.r.Imports(ctx, x.s().Account, x.s().Region, o.Export)
		if err != nil {
			return err
		}
		if len(users) > 0 {
			return x.become(ctx, DeleteFailed, fmt.Sprintf("Export %s cannot be deleted as it is in use by %s", o.Export, strings.Join(users, ", ")), nil)
		}
	}
	failed, err := x.deleteAll(ctx, x.s().Retain)
	if err != nil {
		return err
	}
	if len(failed) > 0 {
		return x.become(ctx, DeleteFailed, x.named(failed, "delete")+" ", nil)
	}
	more, when, err := x.forgetNames(ctx)
	if err != nil {
		return err
	}
	now := x.r.o.Now()
	return x.becomeWhen(ctx, DeleteComplete, "", func(s *Stack) { s.Deleted, s.Outputs, s.Imports = now, nil, nil }, more, when)
}

// forgetNames are the changes by which a stack that is deleted gives back its name, its exports and its imports.
func (x *run) forgetNames(ctx context.Context) (ops []store.Op, when []store.Cond, err error) {
	s := x.s()
	ops = []store.Op{{Key: nameKey(s.Account, s.Region, s.Name)}}
	for _, o := range s.Outputs {
		if o.Export == "" {
			continue
		}
		rec, e, err := x.r.export(ctx, s.Account, s.Region, o.Export)
		if err != nil {
			return nil, nil, err
		}
		if e != nil { // and nobody has begun to use it
			key := exportKey(s.Account, s.Region, o.Export)
			ops, when = append(ops, store.Op{Key: key}), append(when, store.Cond{Key: key, Rev: rec.Rev})
		}
	}
	more, conds, _, err := x.importing(ctx, nil)
	return append(ops, more...), append(when, conds...), err
}

// deleteAll deletes every resource, each after those that need it, but for the ones that are to be left.
func (x *run) deleteAll(ctx context.Context, leave []string) ([]string, error) {
	ids := x.ids()
	return walk(ids, backwards(ids, x.needsOf), x.r.o.Parallel, never, func(id string) error {
		return x.deleteWhole(ctx, x.resource(id), slices.Contains(leave, id))
	})
}

// deleteWhole deletes a resource with all that there is of it.
func (x *run) deleteWhole(ctx context.Context, res *Resource, leave bool) error {
	for _, g := range []*Generation{res.Target, res.Before} {
		if g != nil && g.PhysicalID != "" && g.PhysicalID != res.Now.PhysicalID {
			res.Doomed = append(res.Doomed, *g)
		}
	}
	res.Target, res.Before, res.Replaced = nil, nil, false
	if err := x.deleteDoomed(ctx, res, leave); err != nil {
		return err
	}
	if res.Now.PhysicalID == "" {
		if res.Status == DeleteComplete {
			return nil
		}
		x.mark(res, DeleteComplete, "") // it was never there
		res.New = false
		return x.commit(ctx, write{resource: res})
	}
	if leave || x.retained(res) {
		physical := res.Now.PhysicalID
		x.mark(res, DeleteSkipped, "")
		x.lose(res)
		return x.commit(ctx, write{resource: res, events: []*Event{x.event(res, physical)}})
	}
	now := res.Now
	if err := x.remove(ctx, res, &now); err != nil {
		return err
	}
	x.lose(res)
	x.mark(res, DeleteComplete, "")
	return x.commit(ctx, write{resource: res, events: []*Event{x.event(res, now.PhysicalID)}})
}

// retained reports whether the template has the resource stay.
func (x *run) retained(res *Resource) bool {
	switch policy := res.DeletionPolicy; {
	case policy == "Retain" && !x.s().RetainExceptOnCreate:
		return true
	case policy == "Retain", policy == "RetainExceptOnCreate":
		return x.s().Status != RollbackInProgress && !res.New
	}
	return false
}

// lose has functions see the resource no more.
func (x *run) lose(res *Resource) {
	x.mu.Lock()
	res.Now, res.New = Generation{}, false
	x.mu.Unlock()
}

// remove has the type delete a generation, and tells when it cannot.
func (x *run) remove(ctx context.Context, res *Resource, g *Generation) error {
	x.mark(res, DeleteInProgress, "")
	if err := x.commit(ctx, write{resource: res, events: []*Event{x.event(res, g.PhysicalID)}}); err != nil {
		return err
	}
	t := x.typeOf(g.Type)
	var err error
	if t == nil {
		err = unknown(g.Type)
	} else {
		err = t.Delete(ctx, x.request(res.LogicalID, g))
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil:
		return nil
	}
	x.mark(res, DeleteFailed, reasonOf(err))
	if err := x.commit(ctx, write{resource: res, events: []*Event{x.event(res, g.PhysicalID)}}); err != nil {
		return err
	}
	return &failure{res.Reason}
}

// deleteDoomed deletes the generations of a resource that nothing uses any more. Its status is then what it was.
func (x *run) deleteDoomed(ctx context.Context, res *Resource, leave bool) error {
	status, reason := res.Status, res.Reason
	if status == DeleteInProgress || status == DeleteFailed { // of what is deleted here
		status, reason = UpdateComplete, ""
	}
	for len(res.Doomed) > 0 {
		g := res.Doomed[0]
		if !leave && !g.Retain {
			if err := x.remove(ctx, res, &g); err != nil {
				return x.notRemoved(ctx, res, status, reason, err)
			}
		}
		x.mark(res, DeleteComplete, "")
		if g.Retain {
			res.Status = DeleteSkipped
		}
		e := x.event(res, g.PhysicalID)
		res.Doomed = res.Doomed[1:]
		x.mark(res, status, reason)
		if err := x.commit(ctx, write{resource: res, events: []*Event{e}}); err != nil {
			return err
		}
	}
	return nil
}

// notRemoved has a resource that lives be what it was, though one that it replaced cannot be deleted.
func (x *run) notRemoved(ctx context.Context, res *Resource, status Status, reason string, err error) error {
	if _, refused := err.(*failure); !refused || res.Now.PhysicalID == "" {
		return err
	}
	x.mark(res, status, reason)
	if err := x.commit(ctx, write{resource: res}); err != nil {
		return err
	}
	return err
}

// undo gives the resources that an update changed back what they were.
func (x *run) undo(ctx context.Context) error {
	ids := x.ids()
	failed, err := walk(ids, x.needsOf, x.r.o.Parallel, failing, func(id string) error {
		return x.restore(ctx, x.resource(id))
	})
	if err != nil {
		return err
	}
	if len(failed) > 0 {
		return x.become(ctx, UpdateRollbackFailed, x.named(failed, "update"), nil)
	}
	return x.become(ctx, UpdateRollbackCleanupInProgress, "", func(s *Stack) { s.Next, s.Retain = nil, nil })
}

// restore gives one resource back what it was. What the update made new is left to the cleaning up.
func (x *run) restore(ctx context.Context, res *Resource) error {
	if res.New || res.Before == nil && res.Target == nil && res.Status != UpdateFailed {
		return nil
	}
	if g := res.Target; g != nil && g.PhysicalID != res.Now.PhysicalID {
		if g.PhysicalID != "" {
			g.Retain = false // nobody has seen it
			res.Doomed = append(res.Doomed, *g)
		}
		res.Target = nil
	}
	switch {
	case res.Before == nil: // a replacement that was not made, or a change that was not begun
	case res.Replaced:
		made := res.Now
		made.Retain = false
		res.Doomed = append(res.Doomed, made)
		x.revert(res)
	case slices.Contains(x.s().Retain, res.LogicalID):
		x.revert(res)
	default:
		return x.changeBack(ctx, res)
	}
	x.mark(res, UpdateComplete, "")
	return x.commit(ctx, write{resource: res, events: []*Event{x.event(res, res.Now.PhysicalID)}})
}

// revert makes a resource what it was before.
func (x *run) revert(res *Resource) {
	x.mu.Lock()
	res.Now, res.Type = *res.Before, res.Before.Type
	x.mu.Unlock()
	res.Before, res.Target, res.Replaced = nil, nil, false
}

// changeBack changes a resource in place to what it was before.
func (x *run) changeBack(ctx context.Context, res *Resource) error {
	from := res.Now
	if res.Target != nil { // of which nobody knows how far it came
		from.Properties, from.Tags = res.Target.Properties, res.Target.Tags
	}
	again := res.Status == UpdateInProgress
	x.mark(res, UpdateInProgress, "")
	if err := x.commit(ctx, write{resource: res, events: []*Event{x.event(res, from.PhysicalID)}}); err != nil {
		return err
	}
	to := *res.Before
	if err := x.apply(ctx, res, &to, &from, again); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		x.mark(res, UpdateFailed, reasonOf(err))
		if err := x.commit(ctx, write{resource: res, events: []*Event{x.event(res, from.PhysicalID)}}); err != nil {
			return err
		}
		return &failure{res.Reason}
	}
	res.Before = &to
	x.revert(res)
	x.mark(res, UpdateComplete, "")
	return x.commit(ctx, write{resource: res, events: []*Event{x.event(res, res.Now.PhysicalID)}})
}

// cleanUp deletes what the update that has ended left: what it replaced and what it removed, or what it made if it was
// rolled back. What cannot be deleted is told and tried again by the next update or the deletion of the stack.
func (x *run) cleanUp(ctx context.Context, end Status) error {
	p, err := x.plan(ctx, &x.s().Now)
	if err != nil {
		return fmt.Errorf("stack: the template of %s: %w", x.id, err)
	}
	ids := x.ids()
	_, err = walk(ids, backwards(ids, x.needsOf), x.r.o.Parallel, never, func(id string) error {
		err := x.tidy(ctx, p, x.resource(id))
		if _, ok := err.(*failure); ok {
			return nil // the others are deleted nevertheless
		}
		return err
	})
	if err != nil {
		return err
	}
	return x.become(ctx, end, "", nil)
}

// tidy deletes what is left of one resource.
func (x *run) tidy(ctx context.Context, p *plan, res *Resource) error {
	r := p.template.Resources[res.LogicalID]
	if r == nil || !p.template.Exists(&p.scope, res.LogicalID) {
		return x.deleteWhole(ctx, res, false)
	}
	if err := x.keep(ctx, res, r, p.template.Needs(&p.scope, r)); err != nil { // of an update that was rolled back
		return err
	}
	if res.Before == nil && !res.New && !res.Replaced && len(res.Doomed) == 0 {
		return nil
	}
	if res.Replaced && res.Before != nil {
		res.Doomed = append(res.Doomed, *res.Before)
	}
	res.Before, res.New, res.Replaced = nil, false, false
	if len(res.Doomed) == 0 {
		return x.commit(ctx, write{resource: res})
	}
	return x.deleteDoomed(ctx, res, false)
}
