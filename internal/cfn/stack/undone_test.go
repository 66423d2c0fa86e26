package stack_test

import (
	"strings"
	"testing"

	"furl/internal/cfn/stack"
)

// TestUndoneUpdateLeavesNothing has what an update says beside properties not outlive it when it is rolled back.
func TestUndoneUpdateLeavesNothing(t *testing.T) {
	const last = `"Resources":{"Z":{"Type":"Test::Thing","DependsOn":"C","Properties":{"Name":"z"}},`
	for name, c := range map[string]struct{ from, to string }{
		"a policy of deletion":    {`"A":{`, `"A":{"DeletionPolicy":"Retain",`},
		"a policy of replacement": {`"A":{"Type":"Test::Thing","Properties":{"Name":"a"`, `"A":{"Type":"Test::Thing","UpdateReplacePolicy":"Retain","Properties":{"Name":"a2"`},
		"what it needs":           {`{"Ref":"A"}`, `"alone"`},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			s := w.create("s", chain)
			w.cloud.fail("create Z")
			w.is(w.update(s.ID, strings.Replace(strings.Replace(chain, c.from, c.to, 1), `"Resources":{`, last, 1)), stack.UpdateRollbackComplete)
			w.cloud.fail()
			if got := w.resource(s.ID, "A").DeletionPolicy; got != "" {
				t.Errorf("A has the policy %s", got)
			}
			w.same("B needs", w.resource(s.ID, "B").Needs, []string{"A"})
			w.is(w.update(s.ID, changed(`"Name":"a"`, `"Name":"a3"`)), stack.UpdateComplete)
			w.same("there", w.cloud.ids(), []string{"a3", "b", "c"})
			w.is(w.delete(s.ID), stack.DeleteComplete)
			w.same("there", w.cloud.ids(), nil)
		})
	}
}

// TestNestedRollbackFails has a nested stack not be rolled back, and its parent neither, until both are.
func TestNestedRollbackFails(t *testing.T) {
	w := newWorld(t)
	w.nested["one"] = inner
	w.nested["two"] = strings.Replace(inner, `"Resources":{`, `"Resources":{"Z":{"Type":"Test::Thing","DependsOn":"X","Properties":{"Name":"z"}},`, 1)
	s := w.create("s", parent)
	w.cloud.hold = func(call string) {
		if call == "create Z" {
			w.cloud.fail("create Z", "update X")
		}
	}
	w.is(w.update(s.ID, strings.Replace(strings.Replace(parent, `"one"`, `"two"`, 1), `"P":"p"`, `"P":"q"`, 1)), stack.UpdateRollbackFailed)
	child := w.resource(s.ID, "N").Now.PhysicalID
	w.is(w.stack(child), stack.UpdateRollbackFailed)
	w.cloud.fail()
	w.is(w.do(s.ID, stack.UpdateRollbackInProgress), stack.UpdateRollbackComplete)
	w.is(w.stack(child), stack.UpdateRollbackComplete)
	if got := w.cloud.value("x", "Value"); got != "p" {
		t.Errorf("X has %v", got)
	}
	w.is(w.delete(s.ID), stack.DeleteComplete)
}

// TestDeleteFailsAlone has what does not need a resource that cannot be deleted, and is not needed by it, be deleted.
func TestDeleteFailsAlone(t *testing.T) {
	w := newWorld(t)
	var many []string
	for _, name := range strings.Fields("b c d e f g h i j k l") {
		many = append(many, `"`+strings.ToUpper(name)+`":{"Type":"Test::Thing","Properties":{"Name":"`+name+`"}}`)
	}
	s := w.create("s", `{"Resources":{"A":{"Type":"Test::Thing","Properties":{"Name":"a"}},"Z":{"Type":"Test::Thing","Properties":{"Name":"z","Value":{"Ref":"A"}}},`+strings.Join(many, ",")+`}}`)
	w.cloud.fail("delete Z", "delete B")
	reached := make(chan struct{})
	w.cloud.hold = func(call string) {
		switch call { // those that are under way when B fails end after it
		case "delete B":
			close(reached)
		default:
			<-reached
		}
	}
	s = w.delete(s.ID)
	w.is(s, stack.DeleteFailed)
	w.same("there", w.cloud.ids(), []string{"a", "b", "z"})
	w.cloud.hold = nil
	w.cloud.fail()
	w.is(w.delete(s.ID), stack.DeleteComplete)
}
