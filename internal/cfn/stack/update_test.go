package stack_test

import (
	"slices"
	"strings"
	"testing"

	"furl/internal/cfn/stack"
)

// changed is chain after a change of what A is.
func changed(from, to string) string { return strings.Replace(chain, from, to, 1) }

func TestUpdate(t *testing.T) {
	for _, c := range []struct {
		name, body string
		calls      []string
		left       []string
	}{
		{"in place", changed(`"Value":"one"`, `"Value":"two"`), []string{"update A", "update C"}, []string{"a", "b", "c"}},
		{"replaced", changed(`"Name":"a"`, `"Name":"a2"`), []string{"create A", "update B", "delete A"}, []string{"a2", "b", "c"}},
		{"another type", changed(`"A":{"Type":"Test::Thing","Properties":{"Name":"a"`, `"A":{"Type":"Test::Fixed","Properties":{"Name":"a2"`),
			[]string{"create A", "update B", "delete A"}, []string{"a2", "b", "c"}},
		{"removed", changed(`"Outputs":{"Out":{"Value":{"Fn::GetAtt":["C","Arn"]}}}`, `"Conditions":{"No":{"Fn::Equals":["1","2"]}}`),
			nil, []string{"a", "b", "c"}},
		{"without C", `{"Resources":{"A":{"Type":"Test::Thing","Properties":{"Name":"a","Value":"one"}},"B":{"Type":"Test::Thing","Properties":{"Name":"b","Value":{"Ref":"A"}}}}}`,
			[]string{"delete C"}, []string{"a", "b"}},
		{"only A", `{"Resources":{"A":{"Type":"Test::Thing","Properties":{"Name":"a","Value":"one"}}}}`,
			[]string{"delete C", "delete B"}, []string{"a"}},
		{"with D", changed(`"Resources":{`, `"Resources":{"D":{"Type":"Test::Fixed","DependsOn":"C","Properties":{"Name":"d"}},`), []string{"create D"}, []string{"a", "b", "c", "d"}},
		{"retained when replaced", changed(`"A":{"Type":"Test::Thing","Properties":{"Name":"a"`, `"A":{"Type":"Test::Thing","UpdateReplacePolicy":"Retain","Properties":{"Name":"a2"`),
			[]string{"create A", "update B"}, []string{"a", "a2", "b", "c"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			s := w.create("s", chain)
			w.cloud.log()
			s = w.update(s.ID, c.body)
			retained := strings.HasPrefix(c.name, "retained")
			if !retained {
				w.is(s, stack.UpdateComplete)
			}
			w.same("calls", w.cloud.log(), c.calls)
			w.same("there", w.cloud.ids(), c.left)
			if s.Next != nil {
				t.Error("the stack has still something to become")
			}
			s = w.update(s.ID, c.body)
			w.same("calls of an update that changes nothing", w.cloud.log(), nil)
			if !retained {
				w.is(s, stack.UpdateComplete)
				w.is(w.delete(s.ID), stack.DeleteComplete)
			}
		})
	}
}

func TestUpdateEvents(t *testing.T) {
	w := newWorld(t)
	s := w.create("s", chain)
	before := len(w.events(s.ID))
	w.update(s.ID, changed(`"Name":"a"`, `"Name":"a2"`))
	w.same("events", w.events(s.ID)[before:], []string{
		"s UPDATE_IN_PROGRESS", "A UPDATE_IN_PROGRESS", "A UPDATE_IN_PROGRESS", "A UPDATE_COMPLETE", "B UPDATE_IN_PROGRESS", "B UPDATE_COMPLETE",
		"s UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "A DELETE_IN_PROGRESS", "A DELETE_COMPLETE", "s UPDATE_COMPLETE",
	})
}

// all is an update that changes A in place, replaces B, removes C, adds D, and has D fail in the end.
const all = `{"Resources":{
  "A":{"Type":"Test::Thing","Properties":{"Name":"a","Value":"two"}},
  "B":{"Type":"Test::Thing","Properties":{"Name":"b2","Value":{"Ref":"A"}}},
  "D":{"Type":"Test::Thing","DependsOn":["A","B"],"Properties":{"Name":"d"}},
  "E":{"Type":"Test::Thing","DependsOn":["D"],"Properties":{"Name":"e"}}}}`

func TestUpdateFails(t *testing.T) {
	for _, partial := range []bool{false, true} {
		w := newWorld(t)
		s := w.create("s", chain)
		w.cloud.log()
		w.cloud.fail("create E")
		w.cloud.partial["create E"] = partial
		s = w.update(s.ID, all)
		w.is(s, stack.UpdateRollbackComplete)
		w.same("there", w.cloud.ids(), []string{"a", "b", "c"})
		calls := w.cloud.log()
		if calls[len(calls)-1] != "delete B" && !slices.Contains(calls, "update A") {
			t.Errorf("calls %v", calls)
		}
		if got := w.cloud.value("a", "Value"); got != "one" {
			t.Errorf("A has %v", got)
		}
		if len(s.Outputs) != 1 || s.Next != nil {
			t.Errorf("%+v", s)
		}
		w.cloud.fail()
		w.is(w.update(s.ID, all), stack.UpdateComplete)
		w.same("there", w.cloud.ids(), []string{"a", "b2", "d", "e"})
		w.is(w.delete(s.ID), stack.DeleteComplete)
		w.same("there", w.cloud.ids(), nil)
	}
}

func TestRollbackFails(t *testing.T) {
	for _, skip := range []bool{false, true} {
		w := newWorld(t)
		s := w.create("s", chain)
		w.cloud.hold = func(call string) {
			if call == "create E" {
				w.cloud.fail("create E", "update A")
			}
		}
		s = w.update(s.ID, all)
		w.is(s, stack.UpdateRollbackFailed)
		w.cloud.mu.Lock()
		w.cloud.hold = nil
		w.cloud.mu.Unlock()
		again := func(s *stack.Stack) {}
		if skip {
			again = func(s *stack.Stack) { s.Retain = []string{"A"} }
		} else {
			w.cloud.fail()
		}
		s = w.do(s.ID, stack.UpdateRollbackInProgress, again)
		if skip {
			if s.Status != stack.UpdateRollbackComplete {
				t.Errorf("status %s", s.Status)
			}
			w.cloud.fail()
			w.is(w.update(s.ID, changed(`"Value":"one"`, `"Value":"three"`)), stack.UpdateComplete)
		} else {
			w.is(s, stack.UpdateRollbackComplete)
		}
		w.same("there", w.cloud.ids(), []string{"a", "b", "c"})
	}
}

func TestDisableRollback(t *testing.T) {
	w := newWorld(t)
	s := w.create("s", chain)
	w.cloud.fail("create E")
	s = w.update(s.ID, all, func(s *stack.Stack) { s.DisableRollback = true })
	w.is(s, stack.UpdateFailed)
	w.same("there", w.cloud.ids(), []string{"a", "b", "b2", "c", "d"})

	w.cloud.fail()
	w.cloud.log()
	other := strings.Replace(all, `"b2"`, `"b3"`, 1)
	w.is(w.update(s.ID, other), stack.UpdateComplete)
	w.same("there", w.cloud.ids(), []string{"a", "b3", "d", "e"})
	w.is(w.delete(s.ID), stack.DeleteComplete)
	w.same("there", w.cloud.ids(), nil)
}

func TestUpdateFailedRolledBack(t *testing.T) {
	w := newWorld(t)
	s := w.create("s", chain)
	w.cloud.fail("create E")
	s = w.update(s.ID, all, func(s *stack.Stack) { s.DisableRollback = true })
	w.is(s, stack.UpdateFailed)
	w.is(w.do(s.ID, stack.UpdateRollbackInProgress), stack.UpdateRollbackComplete)
	w.same("there", w.cloud.ids(), []string{"a", "b", "c"})
	if got := w.cloud.value("a", "Value"); got != "one" {
		t.Errorf("A has %v", got)
	}
}

func TestCancelUpdate(t *testing.T) {
	w := newWorld(t)
	s := w.create("s", chain)
	reached, release := make(chan struct{}), make(chan struct{})
	w.cloud.hold = func(call string) {
		if call == "create D" {
			close(reached)
			<-release
		}
	}
	w.start(s.ID, stack.UpdateInProgress, next(all))
	<-reached
	if !w.runner.CancelUpdate(s.ID) {
		t.Error("no update is under way")
	}
	close(release)
	s = w.wait(s.ID)
	w.is(s, stack.UpdateRollbackComplete)
	w.same("there", w.cloud.ids(), []string{"a", "b", "c"})
}

// TestCancelIsKept has a server end after an update was cancelled: the next one does not go on with the update.
func TestCancelIsKept(t *testing.T) {
	w := newWorld(t)
	s := w.create("s", chain)
	w.runner.Close()
	ends := newFuse(0)
	w.open(ends)
	w.cloud.hold = func(call string) {
		if call == "create D" {
			w.runner.CancelUpdate(s.ID)
			ends.mu.Lock()
			ends.at = ends.steps + 2
			ends.mu.Unlock()
		}
	}
	w.start(s.ID, stack.UpdateInProgress, next(all))
	<-ends.blown
	w.runner.Close()
	w.cloud.hold = nil
	w.cloud.log()
	w.open(newFuse(0))
	w.is(w.wait(s.ID), stack.UpdateRollbackComplete)
	w.same("there", w.cloud.ids(), []string{"a", "b", "c"})
	if calls := w.cloud.log(); slices.Contains(calls, "create E") {
		t.Errorf("calls %v", calls)
	}
}

// TestCleanUpFails has what an update replaced not be deleted, until a later operation succeeds.
func TestCleanUpFails(t *testing.T) {
	w := newWorld(t)
	s := w.create("s", chain)
	w.cloud.fail("delete A")
	body := changed(`"Name":"a"`, `"Name":"a2"`)
	w.is(w.update(s.ID, body), stack.UpdateComplete)
	w.same("there", w.cloud.ids(), []string{"a", "a2", "b", "c"})
	if got := w.resource(s.ID, "A").Status; got != stack.UpdateComplete {
		t.Errorf("A is %s", got)
	}
	w.is(w.delete(s.ID), stack.DeleteFailed)
	w.same("there", w.cloud.ids(), []string{"a", "a2"})
	w.cloud.fail()
	w.is(w.delete(s.ID), stack.DeleteComplete)
	w.same("there", w.cloud.ids(), nil)
}

func TestDelete(t *testing.T) {
	w := newWorld(t)
	s := w.create("s", chain)
	w.cloud.log()
	w.is(w.delete(s.ID), stack.DeleteComplete)
	w.same("calls", w.cloud.log(), []string{"delete C", "delete B", "delete A"})
	if _, err := w.runner.Stack(t.Context(), account, region, "s"); err == nil {
		t.Error("the name is still there")
	}
}

func TestDeleteRetains(t *testing.T) {
	w := newWorld(t)
	s := w.create("s", changed(`"B":{`, `"B":{"DeletionPolicy":"Retain",`))
	s = w.delete(s.ID)
	if s.Status != stack.DeleteComplete || w.resource(s.ID, "B").Status != stack.DeleteSkipped {
		t.Errorf("the stack is %s, B %s", s.Status, w.resource(s.ID, "B").Status)
	}
	w.same("there", w.cloud.ids(), []string{"b"})
}

func TestDeleteFails(t *testing.T) {
	w := newWorld(t)
	s := w.create("s", chain)
	w.cloud.fail("delete B")
	s = w.delete(s.ID)
	w.is(s, stack.DeleteFailed)
	w.same("there", w.cloud.ids(), []string{"a", "b"})
	if want := "The following resource(s) failed to delete: [B]. "; s.Reason != want {
		t.Errorf("reason %q, want %q", s.Reason, want)
	}
	s = w.delete(s.ID, func(s *stack.Stack) { s.Retain = []string{"B"} })
	if s.Status != stack.DeleteComplete {
		t.Errorf("the stack is %s", s.Status)
	}
	w.same("there", w.cloud.ids(), []string{"b"})
}
