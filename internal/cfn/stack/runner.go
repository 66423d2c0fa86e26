package stack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"furl/internal/authz"
	"furl/internal/cfn/resource"
	"furl/internal/state"
	"furl/internal/store"
)

// Options are what New needs.
type Options struct {
	Store store.State
	// Box seals what may be secret.
	Box *state.Box
	// Invoke carries out an operation of a service in somebody's name.
	Invoke func(ctx context.Context, who authz.Identity, service, operation string, in any) (any, error)
	// Types finds a type of resource, nil for none; it is resource.Lookup when nil.
	Types func(name string) *resource.Type
	// Define makes the definition of a nested stack. Nil: there are none.
	Define Definer
	// Parallel is how many resources of a stack are worked on at once; 8 when zero.
	Parallel int
	Now      func() time.Time // time.Now when nil
	Logger   *slog.Logger
}

// Definer makes the definition of a nested stack out of the properties of its resource. An error's text is for the client.
type Definer func(ctx context.Context, who authz.Identity, n Nested) (*Definition, error)

// Nested is what the resource of a nested stack says.
type Nested struct {
	Account     string
	TemplateURL string
	Parameters  map[string]string
	Tags        map[string]string
	StackName   string
	StackID     string
	// Capabilities are those that were acknowledged for the parent.
	Capabilities     []string
	NotificationARNs []string
}

// Runner carries out the operations of all stacks.
type Runner struct {
	records
	o      Options
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu   sync.Mutex
	runs map[string]*run // by the stack's id
}

// New makes a Runner and goes on with the operations that were under way.
func New(ctx context.Context, o Options) (*Runner, error) {
	if o.Types == nil {
		o.Types = resource.Lookup
	}
	if o.Parallel == 0 {
		o.Parallel = 8
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	r := &Runner{records: records{o.Store, o.Box}, o: o, runs: make(map[string]*run)}
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	var busy []*Stack
	err := r.list(ctx, "cf/s/", func(rec store.Rec) error {
		s, err := r.openStack(rec)
		switch {
		case err != nil: // one that cannot be read must not keep the others from running
			r.o.Logger.Error("a stack cannot be read", "err", err)
		case s.Status.busy():
			busy = append(busy, s)
		}
		return nil
	})
	if err != nil {
		r.cancel()
		return nil, fmt.Errorf("stack: %w", err)
	}
	starts := make([]func(), len(busy))
	for i, s := range busy { // all are known before the first goes on: a stack waits for those within it
		starts[i] = r.register(s)
	}
	for _, start := range starts {
		start()
	}
	r.wg.Go(r.forgetting)
	return r, nil
}

// Close stops at the end of the steps that are under way. The next Runner goes on.
func (r *Runner) Close() error {
	r.cancel()
	r.wg.Wait()
	return nil
}

// Create keeps a new stack and starts what its status says: CreateInProgress, or ReviewInProgress for nothing. It fails
// with ErrExists when there is a stack of that name.
func (r *Runner) Create(ctx context.Context, s *Stack) error {
	s.Operation = 1
	op, err := r.putStack(s)
	if err != nil {
		return err
	}
	s.Events = 1
	event, err := put(eventKey(s.ID, 1), s.event(r.o.Now(), "User Initiated"))
	if err != nil {
		return err
	}
	if op, err = r.putStack(s); err != nil {
		return err
	}
	name := nameKey(s.Account, s.Region, s.Name)
	_, err = r.store.Commit(ctx, store.Txn{
		If: []store.Cond{{Key: name, Rev: store.Absent}, {Key: op.Key, Rev: store.Absent}},
		Do: []store.Op{op, {Key: name, Val: []byte(s.ID)}, event},
	})
	if errors.Is(err, store.ErrConflict) {
		return ErrExists
	}
	if err == nil && s.Status.busy() {
		r.start(s)
	}
	return err
}

// Begin changes a stack and starts what its status then says. begin refuses what the stack's state does not allow.
func (r *Runner) Begin(ctx context.Context, id string, begin func(*Stack) error) (*Stack, error) {
	s, err := r.alter(ctx, id, func(s *Stack) (string, error) {
		s.Operation++
		s.Cancelled = false
		return "User Initiated", begin(s)
	})
	if err == nil && s.Status.busy() {
		r.start(s)
	}
	return s, err
}

// Modify changes what of a stack is no matter of operations: its protection, its policy.
func (r *Runner) Modify(ctx context.Context, id string, change func(*Stack) error) (*Stack, error) {
	return r.alter(ctx, id, func(s *Stack) (string, error) { return "", change(s) })
}

// alter changes the record of a stack; a change of its status is told by an event.
func (r *Runner) alter(ctx context.Context, id string, change func(*Stack) (reason string, err error)) (*Stack, error) {
	for {
		rec, err := r.get(ctx, stackKey(id))
		if err != nil {
			return nil, err
		}
		if rec.Rev == store.Absent {
			return nil, ErrNoStack
		}
		s, err := r.openStack(rec)
		if err != nil {
			return nil, err
		}
		before := s.Status
		reason, err := change(s)
		if err != nil {
			return nil, err
		}
		var ops []store.Op
		if s.Status != before {
			event, err := s.tell(s.event(r.o.Now(), reason))
			if err != nil {
				return nil, err
			}
			s.Reason, ops = reason, append(ops, event)
		}
		op, err := r.putStack(s)
		if err != nil {
			return nil, err
		}
		_, err = r.store.Commit(ctx, store.Txn{If: []store.Cond{{Key: rec.Key, Rev: rec.Rev}}, Do: append(ops, op)})
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		return s, err
	}
}

// tell adds an event to those of the stack.
func (s *Stack) tell(e *Event) (store.Op, error) {
	if next := s.LastEvent.Add(time.Millisecond); e.Time.Before(next) {
		e.Time = next
	}
	s.Events++
	s.LastEvent = e.Time
	return put(eventKey(s.ID, s.Events), e)
}

// event is one of the stack itself.
func (s *Stack) event(now time.Time, reason string) *Event {
	return &Event{V: schema, ID: newID(), LogicalID: s.Name, PhysicalID: s.ID, Type: Type, Status: s.Status, Reason: reason, Time: now, Token: s.Token}
}

// start runs the operation of a stack.
func (r *Runner) start(s *Stack) { r.register(s)() }

// register has Wait know of the operation of a stack, which runs when what it returns is called.
func (r *Runner) register(s *Stack) (start func()) {
	x := &run{r: r, id: s.ID, operation: s.Operation, done: make(chan struct{})}
	r.mu.Lock()
	before := r.runs[s.ID]
	r.runs[s.ID] = x
	r.mu.Unlock()
	return func() {
		r.wg.Go(func() {
			if before != nil {
				<-before.done
			}
			r.carryOut(x)
			r.mu.Lock()
			if r.runs[s.ID] == x {
				delete(r.runs, s.ID)
			}
			r.mu.Unlock()
			close(x.done)
		})
	}
}

// again is how long an operation rests that something other than its resources kept from going on.
const again = 5 * time.Second

// carryOut runs an operation to its end. What is no failure of a resource, such as a store that does not answer, is
// waited for.
func (r *Runner) carryOut(x *run) {
	for {
		err := x.drive(r.ctx)
		if err == nil || r.ctx.Err() != nil || errors.Is(err, errFenced) {
			return
		}
		r.o.Logger.Error("the operation of a stack does not go on; it is tried again", "stack", x.id, "err", err)
		t := time.NewTimer(again)
		select {
		case <-t.C:
		case <-r.ctx.Done():
			t.Stop()
			return
		}
	}
}

// Wait returns when no operation of the stack is under way.
func (r *Runner) Wait(ctx context.Context, id string) error {
	for {
		r.mu.Lock()
		x := r.runs[id]
		r.mu.Unlock()
		if x == nil {
			return nil
		}
		select {
		case <-x.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// CancelUpdate has the update, or the making of a stack, that is under way begin no more steps, and be rolled back. It
// reports whether one is.
func (r *Runner) CancelUpdate(id string) bool {
	r.mu.Lock()
	x := r.runs[id]
	r.mu.Unlock()
	if x == nil {
		return false
	}
	_, err := r.Modify(r.ctx, id, func(s *Stack) error {
		if s.Operation != x.operation || s.Status != UpdateInProgress && s.Status != CreateInProgress {
			return errFenced
		}
		s.Cancelled = true
		return nil
	})
	if err != nil {
		return false
	}
	x.cancelled.Store(true)
	return true
}
