package stack_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"furl/internal/cfn/stack"
	"furl/internal/store/sqlite"
)

const exporter = `{"Resources":{"X":{"Type":"Test::Thing","Properties":{"Name":"x","Value":"v"}}},
 "Outputs":{"O":{"Value":{"Fn::GetAtt":["X","Value"]},"Export":{"Name":"the:export"}}}}`

const importer = `{"Resources":{"Y":{"Type":"Test::Thing","Properties":{"Name":"y","Value":{"Fn::ImportValue":"the:export"}}}}}`

func TestExports(t *testing.T) {
	w := newWorld(t)
	w.is(w.create("early", importer), stack.RollbackComplete)
	from := w.create("from", exporter)
	w.is(from, stack.CreateComplete)
	to := w.create("to", importer)
	w.is(to, stack.CreateComplete)
	if got := w.cloud.value("y", "Value"); got != "v" {
		t.Errorf("imported %v", got)
	}
	imports, err := w.runner.Imports(t.Context(), account, region, "the:export")
	if err != nil {
		t.Fatal(err)
	}
	w.same("imports", imports, []string{"to"})
	w.is(w.create("twin", strings.Replace(exporter, `"x"`, `"x2"`, 1)), stack.RollbackComplete)

	for _, change := range []struct{ from, to, reason string }{
		{`"v"`, `"v2"`, "Cannot update export the:export as it is in use by to."},
		{`,"Export":{"Name":"the:export"}`, ``, "Cannot delete export the:export as it is in use by to."},
	} {
		w.is(w.update(from.ID, strings.Replace(exporter, change.from, change.to, 1)), stack.UpdateRollbackComplete)
		if events, _ := w.runner.Events(t.Context(), from.ID); !strings.Contains(text(events), change.reason) {
			t.Errorf("no event tells %q", change.reason)
		}
	}
	s := w.delete(from.ID)
	w.is(s, stack.DeleteFailed)
	if want := "Export the:export cannot be deleted as it is in use by to"; s.Reason != want {
		t.Errorf("reason %q, want %q", s.Reason, want)
	}
	w.is(w.update(to.ID, strings.Replace(importer, `{"Fn::ImportValue":"the:export"}`, `"own"`, 1)), stack.UpdateComplete)
	w.is(w.delete(from.ID), stack.DeleteComplete)
	if exports, err := w.runner.Exports(t.Context(), account, region); err != nil || len(exports) != 0 {
		t.Errorf("exports %v, %v", exports, err)
	}
}

const parent = `{"Resources":{
  "N":{"Type":"AWS::CloudFormation::Stack","Properties":{"TemplateURL":"one","Parameters":{"P":"p"}}},
  "A":{"Type":"Test::Thing","Properties":{"Name":"a","Value":{"Fn::GetAtt":["N","Outputs.O"]}}}}}`

func TestNested(t *testing.T) {
	w := newWorld(t)
	w.nested["one"] = inner
	w.nested["two"] = strings.Replace(w.nested["one"], `"x"`, `"x2"`, 1)
	s := w.create("s", parent)
	w.is(s, stack.CreateComplete)
	if got := w.cloud.value("a", "Value"); got != "p" {
		t.Errorf("A has %v", got)
	}
	w.is(w.update(s.ID, strings.Replace(parent, `"P":"p"`, `"P":"q"`, 1)), stack.UpdateComplete)
	if got := w.cloud.value("a", "Value"); got != "q" {
		t.Errorf("A has %v", got)
	}
	w.is(w.update(s.ID, strings.Replace(parent, `"one"`, `"two"`, 1)), stack.UpdateComplete)
	w.same("there", w.cloud.ids(), []string{"a", "x2"})
	if got := w.cloud.value("a", "Value"); got != "p" {
		t.Errorf("A has %v", got)
	}

	w.cloud.fail("update A")
	w.is(w.update(s.ID, strings.Replace(parent, `"P":"p"`, `"P":"r"`, 1)), stack.UpdateRollbackFailed)
	w.cloud.fail()
	w.is(w.do(s.ID, stack.UpdateRollbackInProgress), stack.UpdateRollbackComplete)
	w.same("there", w.cloud.ids(), []string{"a", "x2"})
	if got := w.cloud.value("x2", "Value"); got != "p" {
		t.Errorf("X has %v", got)
	}
	w.is(w.delete(s.ID), stack.DeleteComplete)
	w.same("there", w.cloud.ids(), nil)
}

func TestNestedFails(t *testing.T) {
	w := newWorld(t)
	w.nested["one"] = chain
	w.cloud.fail("create C")
	s := w.create("s", strings.Replace(parent, "Outputs.O", "Outputs.Out", 1))
	w.is(s, stack.RollbackComplete)
	w.same("there", w.cloud.ids(), nil)
	w.is(w.create("none", strings.Replace(parent, `"one"`, `"missing"`, 1)), stack.RollbackComplete)
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.cloud.hold = func(call string) {
			if call == "create B" {
				time.Sleep(time.Hour)
			}
		}
		s := w.create("s", chain, func(s *stack.Stack) { s.Timeout = 30 })
		w.is(s, stack.RollbackComplete)
		w.same("calls", w.cloud.log(), []string{"create A", "create B", "delete B", "delete A"})
	})
}

func TestForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		gone, stays := w.create("gone", `{"Resources":{"X":{"Type":"Test::Thing","Properties":{"Name":"x"}}}}`), w.create("stays", chain)
		w.is(w.update(stays.ID, chain[:strings.Index(chain, `,
  "C"`)]+"}}"), stack.UpdateComplete)
		w.is(w.delete(gone.ID), stack.DeleteComplete)
		time.Sleep(89 * 24 * time.Hour)
		if w.resource(stays.ID, "C") == nil || len(w.events(stays.ID)) == 0 || w.stack(gone.ID) == nil {
			t.Error("something is forgotten too early")
		}
		w.is(w.update(stays.ID, chain), stack.UpdateComplete)
		young := len(w.events(stays.ID))
		time.Sleep(3 * 24 * time.Hour)
		if _, err := w.runner.Stack(t.Context(), account, region, gone.ID); !errors.Is(err, stack.ErrNoStack) {
			t.Errorf("the deleted stack: %v", err)
		}
		if n := len(w.events(stays.ID)); n == 0 || n >= young {
			t.Errorf("%d events of %d are left", n, young)
		}
		w.is(w.delete(stays.ID), stack.DeleteComplete)
		w.same("there", w.cloud.ids(), nil)
	})
}

func TestConditions(t *testing.T) {
	w := newWorld(t)
	const body = `{"Conditions":{"Yes":{"Fn::Equals":["1","1"]},"No":{"Fn::Not":[{"Condition":"Yes"}]}},"Resources":{
	  "A":{"Type":"Test::Thing","Condition":"Yes","Properties":{"Name":"a","Value":{"Fn::If":["No",{"Ref":"B"},"none"]}}},
	  "B":{"Type":"Test::Thing","Condition":"No","Properties":{"Name":"b"}}},
	 "Outputs":{"A":{"Value":{"Ref":"A"}},"B":{"Condition":"No","Value":{"Ref":"B"}}}}`
	s := w.create("s", body)
	w.is(s, stack.CreateComplete)
	w.same("there", w.cloud.ids(), []string{"a"})
	w.is(w.update(s.ID, strings.Replace(body, `["1","1"]`, `["1","2"]`, 1)), stack.UpdateComplete)
	w.same("there", w.cloud.ids(), []string{"b"})
}

func TestSecretsAreSealed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	kept, err := sqlite.Open(t.Context(), dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: kept, cloud: newCloud(), now: time.Now}
	w.open(newFuse(0))
	s := w.create("s", `{"Parameters":{"P":{"Type":"String","NoEcho":true}},"Resources":{"A":{"Type":"Test::Thing","Properties":{"Name":"a","Value":{"Ref":"P"}}}}}`,
		func(s *stack.Stack) {
			s.Now.Parameters = []stack.Parameter{{Key: "P", Value: "not-for-everybody", Secret: true}}
		})
	w.is(s, stack.CreateComplete)
	if got := w.cloud.value("a", "Value"); got != "not-for-everybody" {
		t.Errorf("A has %v", got)
	}
	w.runner.Close()
	if err := kept.Close(); err != nil {
		t.Fatal(err)
	}
	seen := false
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			continue // a directory
		}
		seen = seen || bytes.Contains(body, []byte("Test::Thing"))
		if bytes.Contains(body, []byte("not-for-everybody")) {
			t.Errorf("%s has the secret", filepath.Base(name))
		}
	}
	if !seen {
		t.Error("no file has the stack")
	}
}
