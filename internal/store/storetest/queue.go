package storetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"furl/internal/store"
)

func queueTests() []test {
	return []test{
		{"Claim", claimJobs},
		{"Lease", lease},
		{"Retry", retry},
		{"Extend", extend},
		{"Release", release},
		{"Backlog", backlog},
		{"Finish", finish},
		{"EnqueueTwice", enqueueTwice},
		{"Replace", replaceJob},
		{"OneClaimer", oneClaimer},
	}
}

const leaseTime = time.Minute

// claim claims up to n jobs of any function.
func claim(t *testing.T, s store.Queue, n int) []store.Job {
	t.Helper()
	jobs, err := s.Claim(t.Context(), "node", nil, n, leaseTime)
	if err != nil {
		t.Fatalf("claim: %v", err)
	}
	return jobs
}

func ids(jobs []store.Job) string {
	var all []string
	for _, j := range jobs {
		all = append(all, j.ID)
	}
	return strings.Join(all, " ")
}

func claimJobs(t *testing.T, b Backend) {
	s := b.Store
	now := time.Now()
	expires := now.Add(6 * time.Hour).Truncate(time.Millisecond)
	commit(t, s, store.Txn{Enqueue: []store.Job{
		{ID: "soon", Fn: "f", Due: now.Add(30 * time.Minute)},
		{ID: "late", Fn: "f", Due: now.Add(-time.Minute)},
		{ID: "later", Fn: "g", Due: now.Add(-2 * time.Minute), Expires: expires, Attempt: 3, Body: []byte("\x00body")},
		{ID: "past", Fn: "g", Due: now.Add(-30 * time.Second), Expires: now.Add(-time.Second)},
		{ID: "atonce", Fn: "h"},
	}})
	only := func(names string) func(string) bool {
		return func(fn string) bool { return strings.Contains(names, fn) }
	}
	none, err := s.Claim(t.Context(), "node", only("x"), 10, leaseTime)
	if len(none) != 0 || err != nil {
		t.Errorf("for another function: %v, %v", none, err)
	}
	if got := ids(claim(t, s, 0)); got != "" {
		t.Errorf("none: %s", got)
	}
	first, err := s.Claim(t.Context(), "node", only("gh"), 2, leaseTime)
	if err != nil || ids(first) != "atonce later" {
		t.Fatalf("longest due first: %s, %v", ids(first), err)
	}
	j := first[1]
	if j.Fn != "g" || !j.Expires.Equal(expires) || j.Attempt != 4 || string(j.Body) != "\x00body" {
		t.Errorf("got %+v", j)
	}
	if until := j.Due.Sub(now); until < leaseTime-time.Second || until > leaseTime+patience {
		t.Errorf("the lease ends in %v", until)
	}
	if j := first[0]; !j.Expires.IsZero() || j.Attempt != 1 || len(j.Body) != 0 {
		t.Errorf("got %+v", j)
	}
	if got := ids(claim(t, s, 10)); got != "late past" {
		t.Errorf("the rest: %s", got)
	}
	if got := ids(claim(t, s, 10)); got != "" {
		t.Errorf("claimed twice: %s", got)
	}
	b.Advance(31 * time.Minute)
	if got := claim(t, s, 1); ids(got) == "" {
		t.Error("nothing is due")
	}
}

func lease(t *testing.T, b Backend) {
	s := b.Store
	commit(t, s, store.Txn{Enqueue: []store.Job{{ID: "j", Fn: "f"}}})
	claim(t, s, 1)
	b.Advance(leaseTime - 10*time.Second)
	if got := claim(t, s, 1); len(got) != 0 {
		t.Fatalf("claimed before the lease ran out: %v", got)
	}
	b.Advance(20 * time.Second)
	if got := claim(t, s, 1); len(got) != 1 || got[0].Attempt != 2 {
		t.Errorf("after the lease: %v", got)
	}
}

func retry(t *testing.T, b Backend) {
	s := b.Store
	commit(t, s, store.Txn{Enqueue: []store.Job{{ID: "j", Fn: "f", Body: []byte("b")}}})
	j := claim(t, s, 1)[0]
	if err := s.Retry(t.Context(), "j", j.Due.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	b.Advance(leaseTime + 30*time.Second)
	if got := claim(t, s, 1); len(got) != 0 {
		t.Fatalf("claimed before it was due: %v", got)
	}
	b.Advance(time.Minute)
	if got := claim(t, s, 1); len(got) != 1 || got[0].Attempt != 2 || string(got[0].Body) != "b" {
		t.Errorf("got %v", got)
	}
	var conflict *store.ConflictError
	if err := s.Retry(t.Context(), "none", time.Now()); !errors.As(err, &conflict) || conflict.Job != "none" {
		t.Errorf("a job that is not there: %v", err)
	}
}

// extend: only who has a job can keep it longer.
func extend(t *testing.T, b Backend) {
	s := b.Store
	commit(t, s, store.Txn{Enqueue: []store.Job{{ID: "j", Fn: "f"}}})
	notMine := func(node, id string) {
		t.Helper()
		var conflict *store.ConflictError
		if err := s.Extend(t.Context(), node, id, leaseTime); !errors.As(err, &conflict) || conflict.Job != id {
			t.Errorf("job %s of %s: %v", id, node, err)
		}
	}
	notMine("node", "j")
	claim(t, s, 1)
	for range 3 {
		b.Advance(leaseTime - 10*time.Second)
		if err := s.Extend(t.Context(), "node", "j", leaseTime); err != nil {
			t.Fatal(err)
		}
	}
	if got := claim(t, s, 1); len(got) != 0 {
		t.Fatalf("claimed although the lease was extended: %v", got)
	}
	notMine("other", "j")
	notMine("node", "none")
	b.Advance(leaseTime + 10*time.Second)
	if jobs, err := s.Claim(t.Context(), "other", nil, 1, leaseTime); err != nil || len(jobs) != 1 {
		t.Fatalf("after the lease: %v, %v", jobs, err)
	}
	notMine("node", "j")
}

// release: what a node has claimed can be claimed again, and nothing else.
func release(t *testing.T, b Backend) {
	s := b.Store
	commit(t, s, store.Txn{Enqueue: []store.Job{{ID: "a", Fn: "f"}, {ID: "b", Fn: "g"}, {ID: "later", Fn: "f", Due: time.Now().Add(time.Hour)}}})
	claim(t, s, 1)
	if _, err := s.Claim(t.Context(), "other", nil, 1, leaseTime); err != nil {
		t.Fatal(err)
	}
	if err := s.Release(t.Context(), "node"); err != nil {
		t.Fatal(err)
	}
	if got := claim(t, s, 10); ids(got) != "a" || got[0].Attempt != 2 {
		t.Errorf("after the release: %v", got)
	}
}

// backlog: how many jobs there are and when there is something to do.
func backlog(t *testing.T, b Backend) {
	s := b.Store
	expect := func(jobs int, want time.Time) {
		t.Helper()
		n, err := s.Jobs(t.Context())
		if err != nil || n != jobs {
			t.Errorf("%d jobs, %v; want %d", n, err, jobs)
		}
		next, err := s.Next(t.Context())
		if err != nil || next.IsZero() != want.IsZero() || next.Sub(want).Abs() > patience {
			t.Errorf("the first is due at %v, %v; want %v", next, err, want)
		}
	}
	expect(0, time.Time{})
	now := time.Now()
	commit(t, s, store.Txn{Enqueue: []store.Job{{ID: "soon", Fn: "f", Due: now.Add(10 * time.Hour)}}})
	expect(1, now.Add(10*time.Hour))
	commit(t, s, store.Txn{Enqueue: []store.Job{{ID: "late", Fn: "f", Due: now.Add(-time.Hour)}}})
	expect(2, now.Add(-time.Hour))
	if _, err := s.Claim(t.Context(), "node", nil, 1, 2*time.Hour); err != nil {
		t.Fatal(err)
	}
	expect(2, now.Add(2*time.Hour))
	commit(t, s, store.Txn{Enqueue: []store.Job{{ID: "at once", Fn: "f"}}})
	expect(3, now)
	commit(t, s, store.Txn{Finish: []string{"late", "soon", "at once"}})
	expect(0, time.Time{})
}

// finish: the end of a job and what follows from it are one commit, and only
// one of those who ran it makes it.
func finish(t *testing.T, b Backend) {
	s := b.Store
	commit(t, s, store.Txn{Enqueue: []store.Job{{ID: "j", Fn: "f"}}})
	claim(t, s, 1)
	end := store.Txn{
		Finish:  []string{"j"},
		Enqueue: []store.Job{{ID: "destination", Fn: "d"}},
		Do:      []store.Op{put("result", "1")},
	}
	commit(t, s, end)
	if got := refused(t, s, end); got.Job != "j" || got.Key != "" {
		t.Errorf("got %+v", got)
	}
	b.Advance(2 * leaseTime)
	if got := ids(claim(t, s, 10)); got != "destination" {
		t.Errorf("left: %s", got)
	}
	if got := get(t, s, "result"); got.Rev != 1 {
		t.Errorf("the record: %s", text(got))
	}
}

func enqueueTwice(t *testing.T, b Backend) {
	s := b.Store
	commit(t, s, store.Txn{Enqueue: []store.Job{{ID: "j", Fn: "f", Body: []byte("1")}}})
	claim(t, s, 1)
	commit(t, s, store.Txn{Enqueue: []store.Job{{ID: "j", Fn: "f", Body: []byte("2")}, {ID: "k", Fn: "f"}, {ID: "k", Fn: "g"}}})
	if got := claim(t, s, 10); ids(got) != "k" || got[0].Fn != "f" {
		t.Errorf("got %v", got)
	}
}

func replaceJob(t *testing.T, b Backend) {
	s := b.Store
	commit(t, s, store.Txn{Enqueue: []store.Job{{ID: "j", Fn: "f", Body: []byte("1")}}})
	claim(t, s, 1)
	commit(t, s, store.Txn{Finish: []string{"j"}, Enqueue: []store.Job{{ID: "j", Fn: "f", Attempt: 0, Body: []byte("2")}}})
	if got := claim(t, s, 1); len(got) != 1 || got[0].Attempt != 1 || string(got[0].Body) != "2" {
		t.Errorf("got %v", got)
	}
}

// oneClaimer: of those who claim at once only one gets a job.
func oneClaimer(t *testing.T, b Backend) {
	s := b.Store
	const jobs = 200
	var all []store.Job
	for i := range jobs {
		all = append(all, store.Job{ID: fmt.Sprint(i), Fn: fmt.Sprint("fn", i%5)})
	}
	commit(t, s, store.Txn{Enqueue: all})
	claimed := make(chan string, 10*jobs)
	parallel(t, racers, func(i int) error {
		for {
			got, err := s.Claim(t.Context(), fmt.Sprint("node", i), nil, 7, time.Hour)
			if err != nil || len(got) == 0 {
				return err
			}
			for _, j := range got {
				claimed <- j.ID
			}
		}
	})
	seen := map[string]bool{}
	for len(claimed) > 0 {
		id := <-claimed
		if seen[id] {
			t.Errorf("job %s was claimed twice", id)
		}
		seen[id] = true
	}
	if len(seen) != jobs {
		t.Errorf("%d of %d jobs were claimed", len(seen), jobs)
	}
}
