package stack_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"furl/internal/authz"
	"furl/internal/cfn/stack"
	"furl/internal/state"
	"furl/internal/store"
)

const (
	account = "000000000000"
	region  = "eu-central-1"
)

// world is a runner with its store and its cloud.
type world struct {
	t      *testing.T
	store  store.State
	cloud  *cloud
	runner *stack.Runner
	nested map[string]string // templates by their URLs
	now    func() time.Time
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, store: newMemory(), cloud: newCloud(), nested: map[string]string{}, now: time.Now}
	w.open(newFuse(0))
	t.Cleanup(func() { w.runner.Close() })
	return w
}

// open starts a server that ends where the fuse says.
func (w *world) open(f *fuse) {
	w.t.Helper()
	box, err := state.NewBox(bytes.Repeat([]byte{7}, state.SealKeySize), "stacks")
	if err != nil {
		w.t.Fatal(err)
	}
	w.cloud.mu.Lock()
	w.cloud.fuse = f
	w.cloud.mu.Unlock()
	w.runner, err = stack.New(w.t.Context(), stack.Options{
		Store: fused{w.store, f}, Box: box, Types: w.cloud.types, Define: w.define, Now: w.now,
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) define(_ context.Context, _ authz.Identity, n stack.Nested) (*stack.Definition, error) {
	body, ok := w.nested[n.TemplateURL]
	if !ok {
		return nil, fmt.Errorf("S3 error: no template at %s", n.TemplateURL)
	}
	d := definition(body)
	for key, value := range n.Parameters {
		d.Parameters = append(d.Parameters, stack.Parameter{Key: key, Value: value})
	}
	return &d, nil
}

func definition(body string) stack.Definition {
	var d stack.Definition
	d.SetBody(body)
	return d
}

func stackID(name string) string {
	return "arn:aws:cloudformation:" + region + ":" + account + ":stack/" + name + "/00000000-0000-0000-0000-" + fmt.Sprintf("%012x", []byte(name))
}

// begin begins to make a stack.
func (w *world) begin(name, body string, change ...func(*stack.Stack)) string {
	w.t.Helper()
	s := &stack.Stack{
		ID: stackID(name), Name: name, Account: account, Region: region, Status: stack.CreateInProgress, Created: w.now(), Now: definition(body),
	}
	for _, one := range change {
		one(s)
	}
	if err := w.runner.Create(w.t.Context(), s); err != nil {
		w.t.Fatal(err)
	}
	return s.ID
}

// create makes a stack.
func (w *world) create(name, body string, change ...func(*stack.Stack)) *stack.Stack {
	w.t.Helper()
	return w.wait(w.begin(name, body, change...))
}

func (w *world) wait(id string) *stack.Stack {
	w.t.Helper()
	if err := w.runner.Wait(w.t.Context(), id); err != nil {
		w.t.Fatal(err)
	}
	return w.stack(id)
}

func (w *world) stack(id string) *stack.Stack {
	w.t.Helper()
	s, err := w.runner.Stack(w.t.Context(), account, region, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// do begins an operation and waits for its end.
func (w *world) do(id string, status stack.Status, change ...func(*stack.Stack)) *stack.Stack {
	w.t.Helper()
	w.start(id, status, change...)
	return w.wait(id)
}

func (w *world) start(id string, status stack.Status, change ...func(*stack.Stack)) {
	w.t.Helper()
	_, err := w.runner.Begin(w.t.Context(), id, func(s *stack.Stack) error {
		s.Status = status
		for _, one := range change {
			one(s)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// next is what an update brings.
func next(body string) func(*stack.Stack) {
	return func(s *stack.Stack) {
		d := definition(body)
		s.Next = &d
	}
}

func (w *world) update(id, body string, change ...func(*stack.Stack)) *stack.Stack {
	w.t.Helper()
	return w.do(id, stack.UpdateInProgress, append([]func(*stack.Stack){next(body)}, change...)...)
}

func (w *world) delete(id string, change ...func(*stack.Stack)) *stack.Stack {
	w.t.Helper()
	return w.do(id, stack.DeleteInProgress, change...)
}

// events are those of a stack, oldest first, as "A CREATE_COMPLETE".
func (w *world) events(id string) []string {
	w.t.Helper()
	events, err := w.runner.Events(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	var all []string
	for _, e := range slices.Backward(events) {
		all = append(all, e.LogicalID+" "+string(e.Status))
	}
	return all
}

// resources are the records of a stack's.
func (w *world) resources(id string) []*stack.Resource {
	w.t.Helper()
	all, err := w.runner.Resources(w.t.Context(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// resource is the record of one, nil for none.
func (w *world) resource(id, logical string) *stack.Resource {
	w.t.Helper()
	for _, r := range w.resources(id) {
		if r.LogicalID == logical {
			return r
		}
	}
	return nil
}

// is checks a stack's status, and that the cloud has exactly what the records of all stacks say.
func (w *world) is(s *stack.Stack, want stack.Status) {
	w.t.Helper()
	if s.Status != want {
		w.t.Errorf("stack %s is %s (%s), want %s\n%s", s.Name, s.Status, s.Reason, want, strings.Join(w.events(s.ID), "\n"))
	}
	w.consistent()
}

// consistent checks that the cloud has exactly what the records say, as they say it.
func (w *world) consistent() {
	w.t.Helper()
	stacks, err := w.runner.Stacks(w.t.Context(), account, region)
	if err != nil {
		w.t.Fatal(err)
	}
	known := map[string]bool{}
	for _, s := range stacks {
		for _, r := range w.resources(s.ID) {
			if r.Type == stack.Type {
				continue
			}
			w.known(s, r, known)
		}
	}
	for _, id := range w.cloud.ids() {
		if !known[id] {
			w.t.Errorf("%s is there and no record tells of it", id)
		}
	}
}

func (w *world) known(s *stack.Stack, r *stack.Resource, known map[string]bool) {
	w.t.Helper()
	generations := append([]stack.Generation{r.Now}, r.Doomed...)
	for _, g := range []*stack.Generation{r.Target, r.Before} {
		if g != nil {
			generations = append(generations, *g)
		}
	}
	for _, g := range generations {
		known[g.PhysicalID] = true
	}
	switch s.Status {
	case stack.CreateComplete, stack.UpdateComplete, stack.UpdateRollbackComplete, stack.RollbackComplete, stack.DeleteComplete:
	default:
		return
	}
	if r.Target != nil || r.Before != nil || r.New || r.Replaced {
		w.t.Errorf("%s of a stack that is %s: target %v, before %v, new %v, replaced %v", r.LogicalID, s.Status, r.Target, r.Before, r.New, r.Replaced)
	}
	if r.Now.PhysicalID == "" {
		return
	}
	w.cloud.mu.Lock()
	defer w.cloud.mu.Unlock()
	there := w.cloud.things[r.Now.PhysicalID]
	if there == nil {
		w.t.Errorf("%s is recorded as %s, which is not there", r.LogicalID, r.Now.PhysicalID)
	} else if a, b := text(there.properties), text(r.Now.Properties); a != b {
		w.t.Errorf("%s is %s and recorded as %s", r.LogicalID, a, b)
	}
}

func text(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// same compares lists of texts.
func (w *world) same(what string, got, want []string) {
	w.t.Helper()
	if !slices.Equal(got, want) {
		w.t.Errorf("%s:\n got %s\nwant %s", what, strings.Join(got, ", "), strings.Join(want, ", "))
	}
}
