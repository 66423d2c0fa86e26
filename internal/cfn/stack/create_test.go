package stack_test

import (
	"slices"
	"testing"

	"furl/internal/cfn/stack"
)

// chain is three resources, each of which needs the one before.
const chain = `{"Resources":{
  "A":{"Type":"Test::Thing","Properties":{"Name":"a","Value":"one"}},
  "B":{"Type":"Test::Thing","Properties":{"Name":"b","Value":{"Ref":"A"}}},
  "C":{"Type":"Test::Thing","Properties":{"Name":"c","Value":{"Fn::Sub":"${B.Arn}/${A.Value}"}}}},
 "Outputs":{"Out":{"Value":{"Fn::GetAtt":["C","Arn"]}}}}`

func TestCreate(t *testing.T) {
	w := newWorld(t)
	s := w.create("s", chain)
	w.is(s, stack.CreateComplete)
	w.same("calls", w.cloud.log(), []string{"create A", "create B", "create C"})
	if got := w.cloud.value("c", "Value"); got != "arn:b/one" {
		t.Errorf("C has %v", got)
	}
	if len(s.Outputs) != 1 || s.Outputs[0].Value != "arn:c" {
		t.Errorf("outputs %+v", s.Outputs)
	}
	var want []string
	for _, id := range []string{"A", "B", "C"} {
		want = append(want, id+" CREATE_IN_PROGRESS", id+" CREATE_IN_PROGRESS", id+" CREATE_COMPLETE")
	}
	w.same("events", w.events(s.ID), slices.Concat([]string{"s CREATE_IN_PROGRESS"}, want, []string{"s CREATE_COMPLETE"}))
}

func TestCreateFails(t *testing.T) {
	for _, c := range []struct {
		onFailure string
		partial   bool
		want      stack.Status
		left      []string
	}{
		{"ROLLBACK", false, stack.RollbackComplete, nil},
		{"ROLLBACK", true, stack.RollbackComplete, nil},
		{"DELETE", true, stack.DeleteComplete, nil},
		{"DO_NOTHING", false, stack.CreateFailed, []string{"a"}},
		{"DO_NOTHING", true, stack.CreateFailed, []string{"a", "b"}},
	} {
		w := newWorld(t)
		w.cloud.fail("create B")
		w.cloud.partial["create B"] = c.partial
		s := w.create("s", chain, func(s *stack.Stack) { s.OnFailure = c.onFailure })
		w.is(s, c.want)
		w.same("left", w.cloud.ids(), c.left)
		if c.want == stack.RollbackComplete && !c.partial {
			w.same("events", w.events(s.ID), []string{
				"s CREATE_IN_PROGRESS", "A CREATE_IN_PROGRESS", "A CREATE_IN_PROGRESS", "A CREATE_COMPLETE",
				"B CREATE_IN_PROGRESS", "B CREATE_FAILED", "s ROLLBACK_IN_PROGRESS", "A DELETE_IN_PROGRESS", "A DELETE_COMPLETE",
				"s ROLLBACK_COMPLETE",
			})
		}
		w.cloud.fail()
		w.is(w.delete(s.ID), stack.DeleteComplete)
		w.same("left", w.cloud.ids(), nil)
	}
}
