package stack_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"furl/internal/cfn/stack"
)

// node is the resource of a big stack.
type node struct {
	kind, parent, name string
	size               int
	after              []string
}

// big is a stack of 30 resources, each of which refers to one before it.
func big() map[string]node {
	nodes := map[string]node{}
	for i := range 30 {
		n := node{kind: "Test::Thing", size: i}
		if i > 0 {
			n.parent = fmt.Sprintf("R%02d", (i-1)/3)
		}
		if i%10 == 5 {
			n.kind = "Test::Fixed"
		}
		nodes[fmt.Sprintf("R%02d", i)] = n
	}
	return nodes
}

// other is big after an update that replaces, changes in place, adds and removes.
func other() map[string]node {
	nodes := big()
	change := func(id string, change func(*node)) {
		n := nodes[id]
		change(&n)
		nodes[id] = n
	}
	change("R01", func(n *node) { n.name = "renamed" })
	change("R05", func(n *node) { n.size = 100 })
	change("R02", func(n *node) { n.size = 100 })
	change("R20", func(n *node) { n.size = 100 })
	for _, id := range []string{"R27", "R28", "R29", "R09"} {
		delete(nodes, id)
	}
	nodes["N0"] = node{kind: "Test::Thing", parent: "R01"}
	nodes["N1"] = node{kind: "Test::Fixed", parent: "N0"}
	nodes["N2"] = node{kind: "Test::Thing", parent: "N1", after: []string{"R05", "R20", "R15"}}
	return nodes
}

// body is a template of nodes.
func body(nodes map[string]node) string {
	resources := map[string]any{}
	for id, n := range nodes {
		properties := map[string]any{"Size": n.size}
		if n.name != "" {
			properties["Name"] = n.name
		}
		if n.parent != "" {
			properties["Value"] = map[string]any{"Ref": n.parent}
		}
		resources[id] = map[string]any{"Type": n.kind, "Properties": properties, "DependsOn": n.after}
		if n.after == nil {
			delete(resources[id].(map[string]any), "DependsOn")
		}
	}
	return text(map[string]any{"Resources": resources})
}

// fault is an operation that a server ends in.
type fault struct {
	from, to string       // templates; empty: there is no stack
	status   stack.Status // what is begun
	want     stack.Status
	left     map[string]node
	ids      []string // what is left in the cloud, if that has names of its own
	fails    []string // calls, which make something nevertheless
}

func faults() map[string]fault {
	const (
		create, update = stack.CreateInProgress, stack.UpdateInProgress
		rolledBack     = stack.UpdateRollbackComplete
	)
	one, two := body(big()), body(other())
	within := strings.Replace(parent, `"P":"p"`, `"P":"q"`, 1)
	return map[string]fault{
		"create":              {to: one, status: create, want: stack.CreateComplete, left: big()},
		"failing create":      {to: one, status: create, want: stack.RollbackComplete, fails: []string{"create R25"}},
		"update":              {from: one, to: two, status: update, want: stack.UpdateComplete, left: other()},
		"failing update":      {from: one, to: two, status: update, want: rolledBack, left: big(), fails: []string{"create N2"}},
		"failing replacement": {from: one, to: two, status: update, want: rolledBack, left: big(), fails: []string{"create R05"}},
		"delete":              {from: one, status: stack.DeleteInProgress, want: stack.DeleteComplete},

		"nested create":         {to: parent, status: create, want: stack.CreateComplete, ids: []string{"a", "x"}},
		"nested failing create": {to: parent, status: create, want: stack.RollbackComplete, fails: []string{"create A"}},
		"nested update":         {from: parent, to: within, status: update, want: stack.UpdateComplete, ids: []string{"a", "x"}},
		"nested failing update": {from: parent, to: failing(within), status: update, want: rolledBack, ids: []string{"a", "x"}, fails: []string{"create B"}},
		"nested delete":         {from: parent, status: stack.DeleteInProgress, want: stack.DeleteComplete},
	}
}

// failing is a template with a resource more, after all others.
func failing(body string) string {
	return strings.Replace(body, `"A":{`, `"B":{"Type":"Test::Thing","DependsOn":"A","Properties":{"Name":"b"}},"A":{`, 1)
}

// inner is what the nested stack is made of.
const inner = `{"Parameters":{"P":{"Type":"String"}},"Resources":{"X":{"Type":"Test::Thing","Properties":{"Name":"x","Value":{"Ref":"P"}}}},
 "Outputs":{"O":{"Value":{"Fn::GetAtt":["X","Value"]}}}}`

// before is the world before the operation.
func (f *fault) before(t *testing.T) *world {
	w := newWorld(t)
	w.nested["one"] = inner
	if f.from != "" {
		w.is(w.create("s", f.from), stack.CreateComplete)
	}
	w.runner.Close()
	w.cloud.log()
	w.cloud.fail(f.fails...)
	for _, call := range f.fails {
		w.cloud.partial[call] = true
	}
	return w
}

// copied is the world as it was before, of its own.
func (w *world) copied(t *testing.T) *world {
	m := w.store.(*memory)
	c := newCloud()
	for id, one := range w.cloud.things {
		c.things[id] = &thing{one.owner, maps.Clone(one.properties), one.tags}
	}
	c.fails, c.partial = maps.Clone(w.cloud.fails), maps.Clone(w.cloud.partial)
	return &world{t: t, store: &memory{rev: m.rev, recs: maps.Clone(m.recs)}, cloud: c, nested: w.nested, now: w.now}
}

// begin has the server begin the operation, unless one did before.
func (f *fault) begin(w *world) error {
	s, err := w.runner.Stack(w.t.Context(), account, region, stackID("s"))
	if f.from == "" {
		if err == nil {
			return nil
		}
		return w.runner.Create(w.t.Context(), &stack.Stack{ID: stackID("s"), Name: "s", Account: account, Region: region,
			Status: f.status, Created: w.now(), Now: definition(f.to)})
	}
	if err != nil || s.Operation > 1 {
		return err
	}
	_, err = w.runner.Begin(w.t.Context(), stackID("s"), func(s *stack.Stack) error {
		s.Status = f.status
		if f.to != "" {
			next(f.to)(s)
		}
		return nil
	})
	return err
}

// run begins the operation on a server that ends at a step, and again until one lives to the end of it. It reports how
// many steps the last one took.
func (f *fault) run(w *world, ends ...int) int {
	for i := 0; ; i++ {
		at := 0
		if i < len(ends) {
			at = ends[i]
		}
		blow := newFuse(at)
		w.open(blow)
		err := f.begin(w)
		if err == nil {
			ended, runner := make(chan error), w.runner
			go func() { ended <- runner.Wait(w.t.Context(), stackID("s")) }()
			select {
			case err = <-ended:
			case <-blow.blown:
				runner.Close()
				err = <-ended
			}
			if err != nil {
				w.t.Fatal(err)
			}
		} else if !errors.Is(err, errEnded) {
			w.t.Fatal(err)
		}
		w.runner.Close()
		if at == 0 {
			return blow.count()
		}
	}
}

// check checks what came of it.
func (f *fault) check(w *world) {
	w.t.Helper()
	s := w.stack(stackID("s"))
	w.is(s, f.want)
	ids := map[string]string{}
	for _, r := range w.resources(s.ID) {
		if r.Now.PhysicalID != "" {
			ids[r.LogicalID] = r.Now.PhysicalID
		}
		if len(r.Doomed) > 0 {
			w.t.Errorf("%s has %v to be deleted", r.LogicalID, r.Doomed)
		}
	}
	if f.ids != nil {
		w.same("there", w.cloud.ids(), f.ids)
		want := "p"
		if f.want == stack.UpdateComplete {
			want = "q"
		}
		if got := w.cloud.value("a", "Value"); got != want {
			w.t.Errorf("A has %v of the nested stack, want %s", got, want)
		}
		return
	}
	w.same("resources", slices.Sorted(maps.Keys(ids)), slices.Sorted(maps.Keys(f.left)))
	for id, n := range f.left {
		got := w.cloud.value(ids[id], "Value")
		if n.parent != "" && got != ids[n.parent] {
			w.t.Errorf("%s refers to %v, and %s is %s", id, got, n.parent, ids[n.parent])
		}
		if got := w.cloud.value(ids[id], "Size"); got != int64(n.size) {
			w.t.Errorf("%s has the size %v, want %d", id, got, n.size)
		}
	}
	events := w.events(s.ID)
	if len(events) != s.Events {
		w.t.Errorf("%d events are counted, there are %d", s.Events, len(events))
	}
	seen, begun := map[string]bool{}, ""
	for _, e := range events {
		if strings.HasPrefix(e, "s ") {
			begun = e
		}
		if strings.HasSuffix(e, "_COMPLETE") && seen[begun+e] {
			w.t.Errorf("%s is told twice", e)
		}
		seen[begun+e] = true
	}
}

// TestEnds has servers end before and after every write and every call that a stack's operations make, and another go on.
func TestEnds(t *testing.T) {
	for name, f := range faults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := f.before(t)
			w := start.copied(t)
			steps := f.run(w)
			f.check(w)
			for at := 1; at <= steps && !t.Failed(); at++ { // the first all, then befores and afters in turn
				if at > 10 && at%11 != 0 {
					continue
				}
				w := start.copied(t)
				f.run(w, at)
				if f.check(w); t.Failed() {
					t.Errorf("a server ended at step %d of %d", at, steps)
				}
			}
		})
	}
}

// TestEndsAgain has one server after another end in the same operation.
func TestEndsAgain(t *testing.T) {
	for name, f := range faults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := f.before(t)
			for each := 5; each < 60 && !t.Failed(); each += 9 {
				w := start.copied(t)
				var ends []int
				for i := range 12 {
					ends = append(ends, each+i%7)
				}
				f.run(w, ends...)
				if f.check(w); t.Failed() {
					t.Errorf("servers ended at steps %v", ends)
				}
			}
		})
	}
}
