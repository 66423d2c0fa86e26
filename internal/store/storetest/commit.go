package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"furl/internal/store"
)

func commitTests() []test {
	return []test{
		{"Revisions", revisions},
		{"OrderOfOperations", orderOfOperations},
		{"Conditions", conditions},
		{"ConflictLeavesNothing", conflictLeavesNothing},
		{"Cascade", cascade},
		{"Invalid", invalid},
		{"CancelledBefore", cancelledBefore},
		{"Persistent", persistent},
	}
}

// revisions are consecutive, one for each commit that changes a record.
func revisions(t *testing.T, b Backend) {
	s := b.Store
	for _, step := range []struct {
		name string
		txn  store.Txn
		want store.Rev
	}{
		{"nothing at all", store.Txn{}, 0},
		{"first", store.Txn{Do: []store.Op{put("a", "1"), put("b", "1")}}, 1},
		{"same value again", store.Txn{Do: []store.Op{put("a", "1")}}, 2},
		{"delete what is not there", store.Txn{Do: []store.Op{del("x"), below("x/")}}, 2},
		{"only a condition", store.Txn{If: []store.Cond{{Key: "a", Rev: store.Exists}}}, 2},
		{"only a job", store.Txn{Enqueue: []store.Job{{ID: "j", Fn: "f"}}}, 2},
		{"only the end of a job", store.Txn{Finish: []string{"j"}}, 2},
		{"delete", store.Txn{Do: []store.Op{del("a")}}, 3},
		{"delete again", store.Txn{Do: []store.Op{del("a")}}, 3},
		{"write after delete", store.Txn{Do: []store.Op{put("a", "2")}}, 4},
	} {
		if got := commit(t, s, step.txn); got != step.want {
			t.Fatalf("%s: revision %d, want %d", step.name, got, step.want)
		}
	}
	if got, want := text(get(t, s, "a"), get(t, s, "b")), `a@4="2" b@1="1" `; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func orderOfOperations(t *testing.T, b Backend) {
	s := b.Store
	do(t, s, put("d/old", "1"), put("d/kept", "1"))
	rev := do(t, s, below("d/"), put("d/kept", "2"), put("e", "1"), put("e", "2"), put("f", "1"), del("f"))
	recs, _ := load(t, s, "")
	if len(recs) != 2 || text(recs["d/kept"], recs["e"]) != `d/kept@2="2" e@2="2" ` || rev != 2 {
		t.Errorf("at %d: %v", rev, recs)
	}
}

// conditions may name any key, whether the transaction writes it or not.
func conditions(t *testing.T, b Backend) {
	s := b.Store
	live := do(t, s, put("live", "1"))
	do(t, s, put("dead", "1"))
	dead := do(t, s, del("dead"))
	for _, tt := range []struct {
		name string
		cond store.Cond
		ok   bool
		have store.Rev
	}{
		{"live absent", store.Cond{Key: "live", Rev: store.Absent}, false, live},
		{"live exists", store.Cond{Key: "live", Rev: store.Exists}, true, 0},
		{"live at its revision", store.Cond{Key: "live", Rev: live}, true, 0},
		{"live at another", store.Cond{Key: "live", Rev: live + 1}, false, live},
		{"dead absent", store.Cond{Key: "dead", Rev: store.Absent}, true, 0},
		{"dead exists", store.Cond{Key: "dead", Rev: store.Exists}, false, store.Absent},
		{"dead at its deletion", store.Cond{Key: "dead", Rev: dead}, false, store.Absent},
		{"never absent", store.Cond{Key: "never", Rev: store.Absent}, true, 0},
		{"never exists", store.Cond{Key: "never", Rev: store.Exists}, false, store.Absent},
		{"never at a revision", store.Cond{Key: "never", Rev: 1}, false, store.Absent},
		{"never at a revision to come", store.Cond{Key: "never", Rev: 1 << 62}, false, store.Absent},
	} {
		txn := store.Txn{If: []store.Cond{tt.cond}, Do: []store.Op{put("out/"+tt.name, "1")}}
		if tt.ok {
			commit(t, s, txn)
			continue
		}
		got := refused(t, s, txn)
		if got.Key != tt.cond.Key || got.Want != tt.cond.Rev || got.Have != tt.have || got.Job != "" {
			t.Errorf("%s: got %+v", tt.name, got)
		}
		if get(t, s, "out/"+tt.name).Val != nil {
			t.Errorf("%s: was written", tt.name)
		}
	}
	got := refused(t, s, store.Txn{If: []store.Cond{
		{Key: "live", Rev: live}, {Key: "dead", Rev: store.Exists}, {Key: "never", Rev: store.Exists},
	}})
	if got.Key != "dead" {
		t.Errorf("the first condition that fails is named: got %+v", got)
	}
}

func conflictLeavesNothing(t *testing.T, b Backend) {
	s := b.Store
	before := commit(t, s, store.Txn{
		Do:      []store.Op{put("a", "1"), put("d/1", "1")},
		Enqueue: []store.Job{{ID: "old", Fn: "f"}},
	})
	refused(t, s, store.Txn{
		If:      []store.Cond{{Key: "a", Rev: store.Absent}},
		Do:      []store.Op{put("a", "2"), put("b", "2"), below("d/")},
		Enqueue: []store.Job{{ID: "new", Fn: "f"}},
		Finish:  []string{"old"},
	})
	if got := refused(t, s, store.Txn{Do: []store.Op{put("b", "3")}, Finish: []string{"old", "none"}}); got.Job != "none" {
		t.Errorf("got %+v", got)
	}
	recs, rev := load(t, s, "")
	if rev != before || len(recs) != 2 || text(recs["a"], recs["d/1"]) != `a@1="1" d/1@1="1" ` {
		t.Errorf("at %d: %v", rev, recs)
	}
	if got := ids(claim(t, s, 10)); got != "old" {
		t.Errorf("jobs: %s", got)
	}
}

func cascade(t *testing.T, b Backend) {
	s := b.Store
	do(t, s, put("fn/a", "1"), put("fn/a/v/1", "1"), put("fn/a/v/2", "1"), put("fn/ab", "1"), put("fn/a-b", "1"), put("fn/b/v/1", "1"))
	do(t, s, del("fn/a/v/1"))
	rev := do(t, s, del("fn/a"), below("fn/a/"))
	recs, at := load(t, s, "fn/")
	if len(recs) != 3 || recs["fn/ab"].Val == nil || recs["fn/a-b"].Val == nil || recs["fn/b/v/1"].Val == nil {
		t.Errorf("left: %v", recs)
	}
	if at != rev {
		t.Errorf("loaded at %d, want %d", at, rev)
	}
	got := receive(t, watch(t, s, rev-1))
	if want := "fn/a@3=- fn/a/v/2@3=- "; got.rev != rev || text(got.recs...) != want {
		t.Errorf("at %d: %s, want %s", got.rev, text(got.recs...), want)
	}
	refused(t, s, store.Txn{
		If: []store.Cond{{Key: "fn/a", Rev: store.Exists}},
		Do: []store.Op{put("fn/a/v/3", "orphan")},
	})
}

func invalid(t *testing.T, b Backend) {
	s := b.Store
	for _, txn := range []store.Txn{
		{If: []store.Cond{{Key: ""}}},
		{Do: []store.Op{put("", "1")}},
		{Do: []store.Op{put("a\x00b", "1")}},
		{Do: []store.Op{put("a\xff", "1")}},
		{Do: []store.Op{put(strings.Repeat("a", store.MaxKey+1), "1")}},
		{Do: []store.Op{{Key: "a", Val: make([]byte, store.MaxVal+1)}}},
		{Do: []store.Op{{Key: "a/", Val: []byte{}, Prefix: true}}},
		{Do: []store.Op{below("a")}},
		{Enqueue: []store.Job{{ID: "", Fn: "f"}}},
		{Enqueue: []store.Job{{ID: "j", Fn: ""}}},
		{Enqueue: []store.Job{{ID: "j", Fn: "f", Body: make([]byte, store.MaxBody+1)}}},
		{Finish: []string{""}},
	} {
		rev, err := s.Commit(t.Context(), txn)
		if err == nil || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrUnknown) {
			t.Errorf("got %d, %v", rev, err)
		}
	}
	largest := store.Txn{
		Do:      []store.Op{{Key: strings.Repeat("k", store.MaxKey), Val: make([]byte, store.MaxVal)}},
		Enqueue: []store.Job{{ID: "j", Fn: "f", Body: make([]byte, store.MaxBody)}},
	}
	if rev := commit(t, s, largest); rev != 1 {
		t.Errorf("the largest: revision %d", rev)
	}
}

func cancelledBefore(t *testing.T, b Backend) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.Store.Commit(ctx, store.Txn{Do: []store.Op{put("a", "1")}})
	if !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnknown) {
		t.Errorf("got %v", err)
	}
	if _, rev := load(t, b.Store, ""); rev != 0 {
		t.Errorf("revision %d", rev)
	}
}

// persistent: everything is there after the store is opened again.
func persistent(t *testing.T, b Backend) {
	s := b.Store
	due := time.Now().Add(-time.Hour)
	do(t, s, put("a", "1"), put("b", ""), put("ü/☃", "\x00\xff"), put("gone", "1"))
	rev := commit(t, s, store.Txn{
		Do:      []store.Op{del("gone"), put("a", "2")},
		Enqueue: []store.Job{{ID: "j", Fn: "f", Due: due, Body: []byte("body")}},
	})
	s = b.Reopen(t)
	recs, at := load(t, s, "")
	want := `a@2="2" b@1="" ü/☃@1="\x00\xff" `
	if got := text(recs["a"], recs["b"], recs["ü/☃"]); got != want || len(recs) != 3 || at != rev {
		t.Errorf("at %d: %s of %d, want %s", at, got, len(recs), want)
	}
	if got := receive(t, watch(t, s, 1)); text(got.recs...) != `a@2="2" gone@2=- ` {
		t.Errorf("changes: %s", text(got.recs...))
	}
	if jobs := claim(t, s, 10); len(jobs) != 1 || string(jobs[0].Body) != "body" {
		t.Errorf("jobs: %v", jobs)
	}
	if next := do(t, s, put("a", "3")); next != rev+1 {
		t.Errorf("the next revision is %d, want %d", next, rev+1)
	}
}
