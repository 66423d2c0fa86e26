package state_test

import (
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"

	"furl/internal/state"
)

func publish(t *testing.T, o *opened) string {
	t.Helper()
	_, v, err := o.Publish(t.Context(), hello, func(f *state.Function) error {
		f.Latest.Timeout++
		return nil
	}, func(*state.Function, *state.Version) {})
	if err != nil {
		t.Fatal(err)
	}
	return v.Number
}

func alias(name, version, other string) *state.Alias {
	return &state.Alias{Account: account, Region: region, Function: "hello", Name: name, Version: version, Other: other, Weight: 0.5}
}

// Versions and aliases are there again after the state is loaded anew, and the
// versions belong to the function as it is then.
func TestVersionsOfAFunction(t *testing.T) {
	o := open(t)
	create(t, o, "hello", "id1")
	for want := 1; want <= 3; want++ {
		if got := publish(t, o); got != strconv.Itoa(want) {
			t.Errorf("version %s, want %d", got, want)
		}
	}
	if err := o.CreateAlias(t.Context(), alias("live", "2", "3")); err != nil {
		t.Fatal(err)
	}
	if _, err := o.UpdateFunction(t.Context(), hello, func(f *state.Function) error {
		f.Tags = map[string]string{"a": "b"}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	f := o.Snapshot().Function(hello)
	for i, v := range f.Published() {
		if v.Version.Timeout != i+1 || v.Function != f.Function || o.Snapshot().Target(v.Key) != v {
			t.Errorf("version %s: timeout %d, key %s", v.Version.Number, v.Version.Timeout, v.Key)
		}
	}
	r, ok := f.Routing("live")
	if !ok || r.Target != f.Versions["2"] || r.Other != f.Versions["3"] {
		t.Errorf("the alias leads to %+v", r)
	}
	for _, q := range []string{"4", "none", "$latest"} {
		if _, ok := f.Routing(q); ok {
			t.Errorf("%s leads somewhere", q)
		}
	}
}

// An alias never leads to a version that is gone, whoever comes first.
func TestAliasAgainstDeletion(t *testing.T) {
	o := open(t)
	create(t, o, "hello", "id1")
	for range 20 {
		number := publish(t, o)
		var made, deleted error
		var wg sync.WaitGroup
		wg.Go(func() { made = o.CreateAlias(t.Context(), alias("a"+number, number, "")) })
		wg.Go(func() { deleted = o.DeleteVersion(t.Context(), hello, number) })
		wg.Wait()
		var missing *state.MissingError
		var used *state.InUseError
		switch f := o.Snapshot().Function(hello); {
		case made == nil && errors.As(deleted, &used) && f.Versions[number] != nil && slices.Equal(used.By, []string{"a" + number}):
		case deleted == nil && errors.As(made, &missing) && f.Aliases["a"+number] == nil:
		default:
			t.Fatalf("alias: %v, deletion: %v", made, deleted)
		}
	}
}

// What belongs to an alias goes with it, and nothing is made for one that is gone.
func TestAliasOwnsItsChildren(t *testing.T) {
	o := open(t)
	create(t, o, "hello", "id1")
	publish(t, o)
	of := newURL("hello", "id2")
	of.Qualifier = "live"
	grant := func() error {
		return o.UpdatePolicy(t.Context(), hello, "live", func(*state.FunctionPolicy) (*state.FunctionPolicy, error) {
			return &state.FunctionPolicy{Document: publicPolicy}, nil
		})
	}
	if err := o.CreateURL(t.Context(), of); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("a URL of no alias: %v", err)
	}
	if err := grant(); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("a policy of no alias: %v", err)
	}
	for range 2 { // the second time all is free again
		if err := errors.Join(o.CreateAlias(t.Context(), alias("live", "1", "")), o.CreateURL(t.Context(), of), grant()); err != nil {
			t.Fatal(err)
		}
		if r := o.Snapshot().Route("id2"); r == nil || r.Policy == nil || r.Target.Version.Number != "1" {
			t.Fatalf("route %+v", r)
		}
		if err := o.DeleteAlias(t.Context(), hello, "live"); err != nil {
			t.Fatal(err)
		}
		if f := o.Snapshot().Function(hello); o.Snapshot().Route("id2") != nil || len(f.Policies)+len(f.Aliases) != 0 || len(f.URLs) != 1 {
			t.Errorf("left: %+v", f)
		}
	}
}

// An alias named like the key of no qualifier has children of its own.
func TestAliasNamedDash(t *testing.T) {
	o := open(t)
	create(t, o, "hello", "id1")
	publish(t, o)
	of := newURL("hello", "id2")
	of.Qualifier = "-"
	grant := func(qualifier string) error {
		return o.UpdatePolicy(t.Context(), hello, qualifier, func(old *state.FunctionPolicy) (*state.FunctionPolicy, error) {
			if old != nil {
				t.Errorf("%q has the policy of %q", qualifier, old.Qualifier)
			}
			return &state.FunctionPolicy{Document: publicPolicy}, nil
		})
	}
	if err := errors.Join(grant(""), o.CreateAlias(t.Context(), alias("-", "1", "")), grant("-"), o.CreateURL(t.Context(), of)); err != nil {
		t.Fatal(err)
	}
	if f := o.Snapshot().Function(hello); len(f.Policies) != 2 || len(f.URLs) != 2 || o.Snapshot().Route("id2").Target.Version.Number != "1" {
		t.Errorf("the function has %+v", f)
	}
	if err := o.DeleteAlias(t.Context(), hello, "-"); err != nil {
		t.Fatal(err)
	}
	f := o.Snapshot().Function(hello)
	if len(f.Aliases) != 0 || f.Policies[""] == nil || len(f.Policies) != 1 || o.Snapshot().Route("id1") == nil || o.Snapshot().Route("id2") != nil {
		t.Errorf("after the alias is deleted: %+v", f)
	}
}
