package stack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"furl/internal/store"
)

// run is one operation of a stack.
type run struct {
	r         *Runner
	id        string
	operation int
	done      chan struct{}
	cancelled atomic.Bool
	deadline  time.Time // zero: none

	stack atomic.Pointer[Stack] // as last committed

	// mu guards what the steps of resources share.
	mu        sync.Mutex
	resources map[string]*Resource
	imports   map[string]bool
}

// s is the stack as last committed; it does not change.
func (x *run) s() *Stack { return x.stack.Load() }

// errFenced: the stack has begun another operation.
var errFenced = errors.New("stack: the operation is not the stack's any more")

func newID() string { return uuid.NewString() }

// drive carries the operation on from where the stack's status says that it is.
func (x *run) drive(ctx context.Context) error {
	if err := x.load(ctx); err != nil {
		return err
	}
	for x.s().Status.busy() {
		var err error
		switch x.s().Status {
		case CreateInProgress:
			err = x.create(ctx)
		case RollbackInProgress:
			err = x.rollback(ctx)
		case DeleteInProgress:
			err = x.delete(ctx)
		case UpdateInProgress:
			err = x.update(ctx)
		case UpdateRollbackInProgress:
			err = x.undo(ctx)
		case UpdateCleanupInProgress:
			err = x.cleanUp(ctx, UpdateComplete)
		case UpdateRollbackCleanupInProgress:
			err = x.cleanUp(ctx, UpdateRollbackComplete)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// load reads the stack as it is.
func (x *run) load(ctx context.Context) error {
	rec, err := x.r.get(ctx, stackKey(x.id))
	if err != nil {
		return err
	}
	if rec.Rev == store.Absent {
		return errFenced
	}
	s, err := x.r.openStack(rec)
	if err != nil {
		return err
	}
	if s.Operation != x.operation {
		return errFenced
	}
	all, err := x.r.Resources(ctx, x.id)
	if err != nil {
		return err
	}
	x.stack.Store(s)
	if s.Cancelled {
		x.cancelled.Store(true)
	}
	x.resources, x.imports = make(map[string]*Resource), make(map[string]bool)
	for _, res := range all {
		x.resources[res.LogicalID] = res
	}
	if s.Status == CreateInProgress && s.Timeout > 0 {
		x.deadline = s.Created.Add(time.Duration(s.Timeout) * time.Minute)
	}
	return nil
}

// write is what one transaction of an operation changes.
type write struct {
	// stack changes the stack's record; nil: nothing of it.
	stack func(*Stack)
	// resource is written too, if it is not nil.
	resource *Resource
	// events tell of it.
	events []*Event
	// more is done in the same transaction, under these conditions.
	more []store.Op
	when []store.Cond
}

// commit carries out a write while the operation is the stack's own.
func (x *run) commit(ctx context.Context, w write) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	for {
		if err := ctx.Err(); err != nil { // what was not written down is done again
			return err
		}
		rec, err := x.r.get(ctx, stackKey(x.id))
		if err != nil {
			return err
		}
		s, err := x.r.openStack(rec)
		if err != nil {
			return err
		}
		if s.Operation != x.operation {
			return errFenced
		}
		ops, err := x.operations(s, w)
		if err != nil {
			return err
		}
		_, err = x.r.store.Commit(ctx, store.Txn{If: append([]store.Cond{{Key: rec.Key, Rev: rec.Rev}}, w.when...), Do: ops})
		if c, ok := errors.AsType[*store.ConflictError](err); ok && c.Key == rec.Key {
			continue
		}
		if err == nil {
			x.stack.Store(s)
		}
		return err
	}
}

// operations are those of a write, applied to the stack's record.
func (x *run) operations(s *Stack, w write) ([]store.Op, error) {
	if w.stack != nil {
		w.stack(s)
	}
	ops := slices.Clone(w.more)
	for _, e := range w.events {
		op, err := s.tell(e)
		if err != nil {
			return nil, err
		}
		ops = append(ops, op)
	}
	if w.resource != nil {
		op, err := x.r.putResource(s.ID, w.resource)
		if err != nil {
			return nil, err
		}
		ops = append(ops, op)
	}
	op, err := x.r.putStack(s)
	return append(ops, op), err
}

// become gives the stack another status, with the event that tells of it.
func (x *run) become(ctx context.Context, status Status, reason string, change func(*Stack)) error {
	return x.becomeWhen(ctx, status, reason, change, nil, nil)
}

// becomeWhen is become with more changes, under conditions.
func (x *run) becomeWhen(ctx context.Context, status Status, reason string, change func(*Stack), more []store.Op, when []store.Cond) error {
	e := x.s().event(x.r.o.Now(), reason)
	e.Status = status
	return x.commit(ctx, write{events: []*Event{e}, more: more, when: when, stack: func(s *Stack) {
		s.Status, s.Reason = status, reason
		if change != nil {
			change(s)
		}
	}})
}

// event tells of a resource as it is now.
func (x *run) event(res *Resource, physical string) *Event {
	return &Event{V: schema, ID: res.LogicalID + "-" + string(res.Status) + "-" + newID()[:8], LogicalID: res.LogicalID, PhysicalID: physical,
		Type: res.Type, Status: res.Status, Reason: res.Reason, Time: res.Updated, Token: x.s().Token}
}

// mark gives a resource another status.
func (x *run) mark(res *Resource, status Status, reason string) {
	res.Status, res.Reason, res.Updated, res.Operation = status, reason, x.r.o.Now(), x.operation
}

// stopped tells why no more steps are to be begun, if so.
func (x *run) stopped() string {
	switch {
	case x.cancelled.Load():
		return "User Initiated"
	case !x.deadline.IsZero() && x.r.o.Now().After(x.deadline):
		return "Stack creation time exceeded the specified timeout."
	}
	return ""
}

// create makes the stack's resources.
func (x *run) create(ctx context.Context) error {
	reason, err := x.built(ctx, &x.s().Now, CreateComplete, nil)
	if err != nil || reason == "" {
		return err
	}
	switch x.s().OnFailure {
	case "DO_NOTHING":
		return x.become(ctx, CreateFailed, reason, nil)
	case "DELETE":
		return x.become(ctx, DeleteInProgress, reason+" Delete requested by user.", nil)
	}
	return x.become(ctx, RollbackInProgress, reason+" Rollback requested by user.", nil)
}

// update brings the stack's resources to what they are to become.
func (x *run) update(ctx context.Context) error {
	reason, err := x.built(ctx, x.s().Next, UpdateCleanupInProgress, func(s *Stack) { s.Now, s.Next = *s.Next, nil })
	if err != nil || reason == "" {
		return err
	}
	if x.s().DisableRollback && !x.cancelled.Load() {
		return x.become(ctx, UpdateFailed, reason, nil)
	}
	return x.become(ctx, UpdateRollbackInProgress, reason, nil)
}

// built brings the resources to what a definition says and gives the stack its outputs and the status that it then has,
// or tells why it cannot.
func (x *run) built(ctx context.Context, d *Definition, status Status, change func(*Stack)) (reason string, err error) {
	p, err := x.plan(ctx, d)
	if refused, ok := errors.AsType[*failure](err); ok {
		return refused.reason, nil
	}
	if err != nil {
		return "", err
	}
	failed, err := x.build(ctx, p)
	if err != nil {
		return "", err
	}
	if len(failed) > 0 {
		return x.failures(failed), nil
	}
	if reason := x.stopped(); reason != "" {
		return reason, nil
	}
	return x.conclude(ctx, p, status, change)
}

// failures tells of resources of an update which of them could not be made, and which not be changed.
func (x *run) failures(failed []string) string {
	var created, updated []string
	for _, id := range failed {
		if res := x.resources[id]; res != nil && res.Status == CreateFailed {
			created = append(created, id)
		} else {
			updated = append(updated, id)
		}
	}
	var all []string
	for _, one := range []string{x.named(created, "create"), x.named(updated, "update")} {
		if one != "" {
			all = append(all, one)
		}
	}
	return strings.Join(all, " ")
}

func (x *run) named(ids []string, verb string) string {
	if len(ids) == 0 {
		return ""
	}
	return fmt.Sprintf("The following resource(s) failed to %s: [%s].", verb, strings.Join(ids, ", "))
}

// ids are the logical ids of the stack's resources, sorted.
func (x *run) ids() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Sorted(maps.Keys(x.resources))
}

func (x *run) resource(id string) *Resource {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.resources[id]
}

// needsOf are what the record of a resource says that it needs.
func (x *run) needsOf(id string) []string {
	if res := x.resource(id); res != nil {
		return res.Needs
	}
	return nil
}
