package state_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"furl/internal/state"
	"furl/internal/store"
	"furl/internal/store/sqlite"
)

const (
	account = "000000000000"
	region  = "us-east-1"
)

var hello = state.FunctionID{Account: account, Region: region, Name: "hello"}

// opened is a state with the store below it, so that tests can reopen both.
type opened struct {
	*state.State
	store *sqlite.Store
	dir   string
	key   []byte
}

func open(t *testing.T) *opened {
	t.Helper()
	o := &opened{dir: t.TempDir(), key: state.NewSealKey()}
	o.start(t)
	t.Cleanup(func() { o.stop(t) })
	return o
}

func (o *opened) start(t *testing.T) {
	t.Helper()
	var err error
	if o.store, err = sqlite.Open(t.Context(), o.dir, sqlite.Options{}); err != nil {
		t.Fatal(err)
	}
	o.State, err = state.Open(t.Context(), o.store, state.Options{SealKey: o.key, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
}

func (o *opened) stop(t *testing.T) {
	t.Helper()
	if err := o.State.Close(); err != nil {
		t.Error(err)
	}
	if err := o.store.Close(); err != nil {
		t.Error(err)
	}
}

func newFunction(name string) *state.Function {
	return &state.Function{
		Account: account, Region: region, Name: name,
		Latest: state.Version{Number: state.LatestVersion, Runtime: "python3.11", State: state.StateActive},
	}
}

func newURL(name, id string) *state.URLConfig {
	return &state.URLConfig{Account: account, Region: region, Function: name, ID: id, AuthType: state.AuthNone}
}

func create(t *testing.T, o *opened, name, urlID string) {
	t.Helper()
	if err := o.CreateFunction(t.Context(), newFunction(name)); err != nil {
		t.Fatal(err)
	}
	if err := o.CreateURL(t.Context(), newURL(name, urlID)); err != nil {
		t.Fatal(err)
	}
}

const publicPolicy = `{"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"https","Effect":"Allow","Principal":"*",` +
	`"Action":"lambda:InvokeFunctionUrl","Resource":"arn:aws:lambda:us-east-1:000000000000:function:hello"}]}`

func allow(t *testing.T, o *opened) {
	t.Helper()
	err := o.UpdatePolicy(t.Context(), hello, "", func(*state.FunctionPolicy) (*state.FunctionPolicy, error) {
		return &state.FunctionPolicy{Document: publicPolicy, RevisionID: "r1"}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsWrittenIsSeenAtOnce(t *testing.T) {
	o := open(t)
	create(t, o, "hello", "id1")
	r := o.Snapshot().Route("id1")
	if r == nil || r.Target.Function.Name != "hello" || r.Policy != nil {
		t.Fatalf("route %+v, want one to hello without a policy", r)
	}
	allow(t, o)
	if o.Snapshot().Route("id1").Policy == nil {
		t.Error("the route does not have the policy")
	}
	if r.Policy != nil {
		t.Error("an older snapshot's route has changed")
	}
	before := r.Target.Digest
	if _, err := o.UpdateFunction(t.Context(), hello, func(f *state.Function) error {
		f.Latest.Timeout = 9
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	after := o.Snapshot().Route("id1").Target
	if after.Version.Timeout != 9 || after.Digest == before {
		t.Error("the route does not lead to the changed version")
	}
	if got := o.Snapshot().Target(after.Key); got != after {
		t.Errorf("Target(%q) = %v, want the route's", after.Key, got)
	}
}

func TestConflicts(t *testing.T) {
	o := open(t)
	ctx := t.Context()
	create(t, o, "hello", "id1")
	for _, c := range []struct {
		what string
		got  error
		want error
	}{
		{"a second function of that name", o.CreateFunction(ctx, newFunction("hello")), state.ErrExists},
		{"a second URL", o.CreateURL(ctx, newURL("hello", "id2")), state.ErrExists},
		{"a URL without a function", o.CreateURL(ctx, newURL("nobody", "id3")), state.ErrNotFound},
		{"a policy without a function", o.UpdatePolicy(ctx, state.FunctionID{Account: account, Region: region, Name: "nobody"}, "",
			func(*state.FunctionPolicy) (*state.FunctionPolicy, error) {
				return &state.FunctionPolicy{Document: publicPolicy}, nil
			}), state.ErrNotFound},
		{"deleting a URL that is not there", o.DeleteURL(ctx, hello, "alias"), state.ErrNotFound},
		{"deleting a function that is not there", o.DeleteFunction(ctx, state.FunctionID{Account: account, Region: region, Name: "x"}), state.ErrNotFound},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
	if err := o.CreateFunction(ctx, newFunction("other")); err != nil {
		t.Fatal(err)
	}
	if err := o.CreateURL(ctx, newURL("other", "id1")); !errors.Is(err, state.ErrTaken) {
		t.Errorf("a url-id that is taken: %v, want ErrTaken", err)
	}
}

func TestDeletingAFunctionTakesEverythingWithIt(t *testing.T) {
	o := open(t)
	create(t, o, "hello", "id1")
	allow(t, o)
	create(t, o, "hello2", "id2")
	if err := o.DeleteFunction(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		t.Helper()
		snap := o.Snapshot()
		if snap.Route("id1") != nil || snap.Function(hello) != nil {
			t.Errorf("%s: the function or its URL is still there", when)
		}
		if snap.Route("id2") == nil {
			t.Errorf("%s: the neighbour is gone", when)
		}
		if functions, urls := snap.Counts(); functions != 1 || urls != 1 {
			t.Errorf("%s: %d functions, %d URLs; want 1 and 1", when, functions, urls)
		}
	}
	check("at once")
	o.stop(t)
	o.start(t)
	check("after a restart")
	create(t, o, "hello", "id1") // the url-id is free again
	if o.Snapshot().Route("id1").Policy != nil {
		t.Error("the function made anew has the old one's policy")
	}
}

// TestNoURLOutlivesItsFunction races creating a URL against deleting its
// function: whoever wins, no url-id may stay taken.
func TestNoURLOutlivesItsFunction(t *testing.T) {
	o := open(t)
	for i := range 30 {
		name, id := fmt.Sprintf("f%d", i), fmt.Sprintf("id%d", i)
		if err := o.CreateFunction(t.Context(), newFunction(name)); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := o.CreateURL(t.Context(), newURL(name, id)); err != nil && !errors.Is(err, state.ErrNotFound) {
				t.Errorf("create the URL: %v", err)
			}
		})
		wg.Go(func() {
			if err := o.DeleteFunction(t.Context(), state.FunctionID{Account: account, Region: region, Name: name}); err != nil {
				t.Errorf("delete the function: %v", err)
			}
		})
		wg.Wait()
		if o.Snapshot().Route(id) != nil {
			t.Fatalf("%s answers without its function", id)
		}
	}
	left, err := o.store.List(t.Context(), "url/", "", 100)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("%d url-ids are still taken, the first is %s", len(left), left[0].Key)
	}
}

func newUser(t *testing.T, o *opened, name, id string) {
	t.Helper()
	if err := o.CreateUser(t.Context(), &state.User{Account: account, Name: name, Path: "/", ID: id}); err != nil {
		t.Fatal(err)
	}
}

func TestAccessKeys(t *testing.T) {
	o := open(t)
	ctx := t.Context()
	newUser(t, o, "alice", "AIDA1")
	key := &state.AccessKey{ID: "AKIA1", Account: account, User: "alice", Active: true, Created: time.Now()}
	free := func(*state.User) error { return nil }
	if err := o.CreateAccessKey(ctx, key, state.NewSecret("s3cr3t-of-alice"), free); err != nil {
		t.Fatal(err)
	}
	if got := o.Snapshot().AccessKey("AKIA1"); got == nil || got.Secret.Reveal() != "s3cr3t-of-alice" {
		t.Fatalf("the key is %v", got)
	}
	if err := o.CreateAccessKey(ctx, key, state.NewSecret("other"), free); !errors.Is(err, state.ErrExists) {
		t.Errorf("an id that is taken: %v, want ErrExists", err)
	}
	o.stop(t)
	o.start(t)
	if got := o.Snapshot().AccessKey("AKIA1"); got == nil || got.Secret.Reveal() != "s3cr3t-of-alice" {
		t.Errorf("after a restart the key is %v", got)
	}
	if err := o.DeleteAccessKey(ctx, account, "alice", "AKIA1"); err != nil {
		t.Fatal(err)
	}
	if o.Snapshot().AccessKey("AKIA1") != nil || len(o.Snapshot().User(account, "ALICE").User.Keys) != 0 {
		t.Error("the deleted key is still there")
	}
}

func TestSecretsAreSealedInTheStore(t *testing.T) {
	o := open(t)
	newUser(t, o, "alice", "AIDA1")
	const secret = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00"
	err := o.CreateAccessKey(t.Context(), &state.AccessKey{ID: "AKIA1", Account: account, User: "alice"},
		state.NewSecret(secret), func(*state.User) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	o.stop(t)
	err = filepath.WalkDir(o.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(secret)) {
			t.Errorf("%s holds the secret in the open", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	st, err := sqlite.Open(t.Context(), o.dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = state.Open(t.Context(), st, state.Options{SealKey: state.NewSealKey(), Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "ak/AKIA1") {
		t.Errorf("with another sealing key: %v, want an error that names the record", err)
	}
	st.Close()
	o.start(t)
}

func TestSecretNeverPrints(t *testing.T) {
	s := state.NewSecret("hidden")
	k := state.KeyEntry{Key: &state.AccessKey{ID: "AKIA1"}, Secret: s}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "key", k)
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, s), fmt.Sprintf("%v %+v %#v", k, k, k), log.String()} {
		if strings.Contains(text, "hidden") {
			t.Errorf("the secret prints: %s", text)
		}
	}
}

func TestPrincipalID(t *testing.T) {
	o := open(t)
	newUser(t, o, "Alice", "AIDA1")
	snap := o.Snapshot()
	for arn, want := range map[string]string{
		"arn:aws:iam::000000000000:user/Alice":   "AIDA1",
		"arn:aws:iam::000000000000:user/alice":   "", // names are found in any case, ARNs are not
		"arn:aws:iam::000000000000:user/x/Alice": "",
		"arn:aws:iam::000000000000:role/Alice":   "",
		"arn:aws:iam::111111111111:user/Alice":   "",
		"arn:aws:iam::000000000000:root":         "",
		"nonsense":                               "",
	} {
		if got, ok := snap.PrincipalID(arn); got != want || ok != (want != "") {
			t.Errorf("PrincipalID(%q) = %q, %v; want %q", arn, got, ok, want)
		}
	}
}

func TestConcurrentUpdatesLoseNothing(t *testing.T) {
	o := open(t)
	create(t, o, "hello", "id1")
	var wg sync.WaitGroup
	const n = 16
	for range n {
		wg.Go(func() {
			_, err := o.UpdateFunction(t.Context(), hello, func(f *state.Function) error {
				f.Latest.Timeout++
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := o.Snapshot().Function(hello).Function.Latest.Timeout; got != n {
		t.Errorf("%d updates counted, want %d", got, n)
	}
}

func TestSubscribersSeeEveryChangeInOrder(t *testing.T) {
	o := open(t)
	var mu sync.Mutex
	var chain []*state.Snapshot
	o.Subscribe(func(prev, next *state.Snapshot) {
		mu.Lock()
		defer mu.Unlock()
		if len(chain) > 0 && chain[len(chain)-1] != prev {
			t.Error("a snapshot was skipped")
		}
		chain = append(chain, next)
	})
	for i := range 10 {
		if err := o.CreateFunction(t.Context(), newFunction(fmt.Sprint("f", i))); err != nil {
			t.Fatal(err)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if last := chain[len(chain)-1]; last != o.Snapshot() || len(last.Functions(account, region)) != 10 {
		t.Errorf("the last snapshot shows %d functions, want 10", len(last.Functions(account, region)))
	}
}

// A record that is not understood changes nothing, whatever else its commit changed.
func TestDamagedLayerRecordChangesNothing(t *testing.T) {
	o, ctx := open(t), t.Context()
	v := &state.LayerVersion{Account: account, Region: region, Layer: "libs", CodeBlob: "00"}
	if err := o.PublishLayer(ctx, v); err != nil {
		t.Fatal(err)
	}
	const key = "ly/" + account + "/" + region + "/libs"
	before := o.Snapshot().Layer(v.ID()).Layer
	seen := make(chan *state.Snapshot, 1)
	o.Subscribe(func(_, next *state.Snapshot) { seen <- next })
	txn := txnPut(key, `{"v":99}`)
	txn.Do = append(txn.Do, txnPut("ly/"+account+"/"+region+"/orphan/ve/1", `{"v":1,"account":"`+account+`","region":"`+region+`","layer":"orphan","number":1}`).Do...)
	if _, err := o.store.Commit(ctx, txn); err != nil {
		t.Fatal(err)
	}
	snap := <-seen
	if layers := snap.Layers(account, region); len(layers) != 1 || layers[0].Layer != before || len(layers[0].Versions) != 1 {
		t.Errorf("%+v", layers)
	}
	if _, err := o.store.Commit(ctx, store.Txn{Do: []store.Op{txnPut(key, `{"v":1,"account":"`+account+`","region":"`+region+`","name":"libs","published":1}`).Do[0]}}); err != nil {
		t.Fatal(err)
	}
	<-seen
}

func TestUnknownRecordRefusesToOpen(t *testing.T) {
	o := open(t)
	create(t, o, "hello", "id1")
	o.stop(t)
	st, err := sqlite.Open(t.Context(), o.dir, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.Commit(context.Background(), txnPut("future/thing", `{"v":1}`)); err != nil {
		t.Fatal(err)
	}
	_, err = state.Open(t.Context(), st, state.Options{SealKey: o.key, Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "future/thing") {
		t.Errorf("%v, want an error that names the record", err)
	}
	if _, err := st.Commit(context.Background(), txnDelete("future/thing")); err != nil {
		t.Fatal(err)
	}
	st.Close()
	o.start(t)
}
