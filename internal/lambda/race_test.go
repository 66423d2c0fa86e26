package lambda_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"

	"furl/internal/authz/authztest"
	"furl/internal/awsapi"
	"furl/internal/lambda"
	"furl/internal/state"
)

// crowd is a number of calls made at once and how many of them must succeed;
// the others must all be refused with one code.
type crowd struct {
	name        string
	calls, wins int
	refusal     string
	do          func(i int) func(context.Context, *lambda.Client) error
}

// rush makes all calls of all crowds at once and checks what became of them.
func (h *house) rush(crowds []crowd) {
	h.t.Helper()
	outcomes := make([]map[string]int, len(crowds))
	c := h.as(h.Root)
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := make(chan struct{})
	for n, crowd := range crowds {
		outcomes[n] = map[string]int{}
		for i := range crowd.calls {
			do := crowd.do(i)
			wg.Go(func() {
				<-start
				code := patiently(h.t.Context(), c, do)
				mu.Lock()
				outcomes[n][code]++
				mu.Unlock()
			})
		}
	}
	close(start)
	wg.Wait()
	for n, crowd := range crowds {
		got := outcomes[n]
		if got[""] != crowd.wins || got[crowd.refusal] != crowd.calls-crowd.wins && crowd.calls > crowd.wins || len(got) > 2 {
			h.t.Errorf("%s: %v, want %d successes and %d %s", crowd.name, got, crowd.wins, crowd.calls-crowd.wins, crowd.refusal)
		}
	}
}

// patiently makes a call until it is not throttled, as AWS's clients do, and
// returns the code of its refusal.
func patiently(ctx context.Context, c *lambda.Client, do func(context.Context, *lambda.Client) error) string {
	for {
		err := do(ctx, c)
		if err == nil {
			return ""
		}
		e, ok := errors.AsType[*awsapi.Error](err)
		if !ok {
			return err.Error()
		}
		if e.Status != http.StatusTooManyRequests {
			return e.Code
		}
	}
}

// Of two thousand who want the same thing one gets it, and nobody's change is lost.
func TestConcurrentCalls(t *testing.T) {
	h := newHouse(t)
	h.create("hello", "other")
	c, ctx := h.as(h.Root), t.Context()
	must(c.AddPermission(ctx, permission("hello", "old")))(t)
	for i := range 20 {
		must(c.AddPermission(ctx, permission("hello", fmt.Sprint("old", i))))(t)
	}
	must(struct{}{}, makeURL("other", nil)(ctx, c))(t)

	const missing, conflict = "ResourceNotFoundException", "ResourceConflictException"
	h.rush([]crowd{
		{"create one function", 500, 1, conflict, func(int) func(context.Context, *lambda.Client) error { return creating("new") }},
		{"add one statement", 440, 1, conflict, func(int) func(context.Context, *lambda.Client) error { return add("hello", "same") }},
		{"add statements", 40, 40, "", func(i int) func(context.Context, *lambda.Client) error { return add("hello", fmt.Sprint("new", i)) }},
		{"remove one statement", 200, 1, missing, func(int) func(context.Context, *lambda.Client) error { return remove("hello", "old") }},
		{"remove statements", 20, 20, "", func(i int) func(context.Context, *lambda.Client) error { return remove("hello", fmt.Sprint("old", i)) }},
		{"create one URL", 400, 1, conflict, func(int) func(context.Context, *lambda.Client) error { return makeURL("hello", nil) }},
		{"delete one URL", 200, 1, missing, func(int) func(context.Context, *lambda.Client) error { return deleteURL("other", nil) }},
		{"make one alias", 150, 1, conflict, func(int) func(context.Context, *lambda.Client) error {
			return makeAlias("other", "live", "$LATEST", nil)
		}},
		{"publish layer versions", 50, 50, "", func(int) func(context.Context, *lambda.Client) error { return publishLayer("lib") }},
	})
	h.settle()

	var doc struct{ Statement []struct{ Sid string } }
	if err := json.Unmarshal([]byte(*must(c.GetPolicy(ctx, &lambda.GetPolicyRequest{FunctionName: "hello"}))(t).Policy), &doc); err != nil {
		t.Fatal(err)
	}
	want := []string{"same"}
	for i := range 40 {
		want = append(want, fmt.Sprint("new", i))
	}
	var got []string
	for _, s := range doc.Statement {
		got = append(got, s.Sid)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("statements %v, want %v", got, want)
	}
	listed := must(c.ListLayerVersions(ctx, &lambda.ListLayerVersionsRequest{LayerName: "lib"}))(t)
	if n := len(listed.LayerVersions); n != 50 || *listed.LayerVersions[0].Version != 50 {
		t.Errorf("%d layer versions, the newest %d; want 50", n, *listed.LayerVersions[0].Version)
	}
	if functions, urls := h.State.Snapshot().Counts(); functions != 3 || urls != 1 {
		t.Errorf("%d functions and %d URLs, want 3 and 1", functions, urls)
	}
}

// Functions that come and go under everybody's hands never leave half of
// themselves behind: what a server sees afterwards is what one that starts anew
// sees, and no URL outlives its function.
func TestConcurrentLives(t *testing.T) {
	h := newHouse(t)
	c := h.as(h.Root)
	all := func(name string) []func(context.Context, *lambda.Client) error {
		return []func(context.Context, *lambda.Client) error{
			creating(name), makeURL(name, nil), deleteURL(name, nil), updateURL(name, nil), add(name, "s"), remove(name, "s"), reserve(name, 1), unreserve(name),
			configure(name, func(*lambda.UpdateFunctionConfigurationRequest) {}),
			func(ctx context.Context, c *lambda.Client) error {
				return only(c.DeleteFunction(ctx, &lambda.DeleteFunctionRequest{FunctionName: name}))
			},
		}
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		random := rand.New(rand.NewPCG(uint64(worker), 7))
		wg.Go(func() {
			for range 25 {
				calls := all([]string{"a", "b"}[random.IntN(2)])
				if err := calls[random.IntN(len(calls))](t.Context(), c); err != nil {
					if _, ok := errors.AsType[*awsapi.Error](err); !ok {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
	h.settle()

	again, err := state.Open(t.Context(), h.Store, state.Options{SealKey: make([]byte, len(state.NewSealKey())), Logger: h.logger()})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	mine, theirs := picture(h.State.Snapshot()), picture(again.Snapshot())
	if mine != theirs {
		t.Errorf("this server sees\n%s\none that starts anew\n%s", mine, theirs)
	}
	for _, name := range []string{"a", "b"} {
		if err := all(name)[9](t.Context(), c); err != nil {
			authztest.Refused(t, err, "ResourceNotFoundException", "Function not found: "+prefix+name)
		}
	}
	if functions, urls := h.State.Snapshot().Counts(); functions != 0 || urls != 0 {
		t.Errorf("%d functions and %d URLs are left", functions, urls)
	}
}

// What is provisioned at the same time is never more together than is reserved, and
// no version has it both by itself and by an alias.
func TestConcurrentProvisions(t *testing.T) {
	h, c := published(t)
	ctx := t.Context()
	must(struct{}{}, makeAlias("hello", "live", "1", nil)(ctx, c))(t)
	must(struct{}{}, reserve("hello", 5)(ctx, c))(t)
	for range 20 {
		h.rush([]crowd{
			{"one of two versions", 2, 1, "InvalidParameterValueException", func(i int) func(context.Context, *lambda.Client) error {
				return provision("hello", fmt.Sprint(i+1), 3)
			}},
		})
		for _, q := range []string{"1", "2"} {
			must(struct{}{}, unprovision("hello", q)(ctx, c))(t)
		}
		h.rush([]crowd{
			{"a version or its alias", 2, 1, "ResourceConflictException", func(i int) func(context.Context, *lambda.Client) error {
				return provision("hello", []string{"1", "live"}[i], 1)
			}},
		})
		for _, q := range []string{"1", "live"} {
			must(struct{}{}, unprovision("hello", q)(ctx, c))(t)
		}
	}
}

func unprovision(function, qualifier string) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		return c.DeleteProvisionedConcurrencyConfig(ctx, &lambda.DeleteProvisionedConcurrencyConfigRequest{FunctionName: function, Qualifier: qualifier})
	}
}

// picture is all that a snapshot shows of functions, as text.
func picture(s *state.Snapshot) string {
	text := ""
	for _, f := range s.Functions(authztest.Account, authztest.Region) {
		b, err := json.Marshal(f.Function)
		text += fmt.Sprintln(string(b), err)
		for q, p := range f.Policies {
			text += fmt.Sprintf("policy %q %s\n", q, p.Record.Document)
		}
		for q, u := range f.URLs {
			text += fmt.Sprintf("URL %q %s %v\n", q, u.ID, s.Route(u.ID) != nil)
		}
	}
	return text
}
