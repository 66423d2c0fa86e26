package storetest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"furl/internal/store"
)

// seedVariable names the environment variable that repeats one seed.
const seedVariable = "STORETEST_SEED"

func modelTests() []test {
	return []test{{"Random", random}}
}

// model is the naive store: what every backend must do, one call at a time.
type model struct {
	rev  store.Rev
	recs map[string]store.Rec // tombstones too
	jobs map[string]store.Job
	now  time.Time
}

func (m *model) live(key string) store.Rev {
	if r := m.recs[key]; r.Val != nil {
		return r.Rev
	}
	return store.Absent
}

func (m *model) commit(t store.Txn) (store.Rev, error) {
	for _, c := range t.If {
		have := m.live(c.Key)
		if have != c.Rev && (c.Rev != store.Exists || have == store.Absent) {
			return 0, &store.ConflictError{Key: c.Key, Want: c.Rev, Have: have}
		}
	}
	for _, id := range t.Finish {
		if _, ok := m.jobs[id]; !ok {
			return 0, &store.ConflictError{Job: id}
		}
	}
	rev, changed := m.rev+1, false
	for _, op := range t.Do {
		for _, key := range m.affected(op) {
			m.recs[key] = store.Rec{Key: key, Val: op.Val, Rev: rev}
			changed = true
		}
	}
	if changed {
		m.rev = rev
	}
	for _, id := range t.Finish {
		delete(m.jobs, id)
	}
	for _, j := range t.Enqueue {
		if _, ok := m.jobs[j.ID]; !ok {
			m.jobs[j.ID] = j
		}
	}
	return m.rev, nil
}

func (m *model) affected(op store.Op) []string {
	if op.Val != nil {
		return []string{op.Key}
	}
	var keys []string
	for key := range m.recs {
		if (key == op.Key || op.Prefix && strings.HasPrefix(key, op.Key)) && m.live(key) != store.Absent {
			keys = append(keys, key)
		}
	}
	return keys
}

// list returns the live records of a prefix after a key.
func (m *model) list(prefix, after string, n int) []store.Rec {
	var recs []store.Rec
	for _, key := range slices.Sorted(maps.Keys(m.recs)) {
		if strings.HasPrefix(key, prefix) && key > after && m.live(key) != store.Absent && len(recs) < n {
			recs = append(recs, m.recs[key])
		}
	}
	return recs
}

// claim returns all due jobs of a function, by ID.
func (m *model) claim(fn string, lease time.Duration) []store.Job {
	var due []store.Job
	for _, id := range slices.Sorted(maps.Keys(m.jobs)) {
		if j := m.jobs[id]; j.Fn == fn && !j.Due.After(m.now) {
			j.Attempt++
			j.Due = m.now.Add(lease)
			m.jobs[id] = j
			due = append(due, j)
		}
	}
	return due
}

func random(t *testing.T, b Backend) {
	seed := rand.Uint64()
	if s := os.Getenv(seedVariable); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%s=%d", seedVariable, seed)
	d := &dice{
		Rand: rand.New(rand.NewPCG(seed, 0)), b: b, s: b.Store,
		m: &model{
			recs: map[string]store.Rec{}, jobs: map[string]store.Job{},
			// The backend's clock goes on by itself. It is moved by whole hours
			// and all that is due is so at half hours: the moments between do
			// not matter.
			now: time.Now(),
		},
		replica: map[string]store.Rec{},
	}
	d.groups = watch(t, d.s, 0)
	for i := range 600 {
		if err := d.step(t); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

// dice does the same random things to a store and to the model of it.
type dice struct {
	*rand.Rand
	b       Backend
	s       Store
	m       *model
	groups  <-chan group
	seen    store.Rev // by the watch
	replica map[string]store.Rec
}

func (d *dice) key() string {
	return strings.Repeat("a/", d.IntN(3)) + string(rune('a'+d.IntN(3)))
}

func (d *dice) fn() string { return fmt.Sprint("fn", d.IntN(2)) }

func (d *dice) job() string { return fmt.Sprint("job", d.IntN(12)) }

func (d *dice) due() time.Time {
	return d.m.now.Add(time.Duration(d.IntN(4)-2)*time.Hour + 30*time.Minute)
}

func (d *dice) step(t *testing.T) error {
	switch n := d.IntN(100); {
	case n < 60:
		return d.commit(t)
	case n < 70:
		return d.get(t)
	case n < 80:
		return d.list(t)
	case n < 90:
		return d.claim(t)
	case n < 95:
		return d.retry(t)
	case n < 98:
		d.b.Advance(time.Hour)
		d.m.now = d.m.now.Add(time.Hour)
		return nil
	}
	d.s = d.b.Reopen(t)
	d.groups = watch(t, d.s, d.seen)
	return d.load(t)
}

func (d *dice) txn() store.Txn {
	var txn store.Txn
	for range d.IntN(3) {
		key := d.key()
		rev := []store.Rev{store.Absent, store.Exists, d.m.live(key), d.m.recs[key].Rev, d.m.live(key)}[d.IntN(5)]
		txn.If = append(txn.If, store.Cond{Key: key, Rev: rev})
	}
	for range d.IntN(4) {
		switch n := d.IntN(10); {
		case n < 6:
			txn.Do = append(txn.Do, put(d.key(), fmt.Sprint(d.IntN(1000))))
		case n < 9:
			txn.Do = append(txn.Do, del(d.key()))
		default:
			txn.Do = append(txn.Do, below("a/"))
		}
	}
	for range d.IntN(2) {
		due := d.due()
		txn.Enqueue = append(txn.Enqueue, store.Job{ID: d.job(), Fn: d.fn(), Due: due, Body: []byte(fmt.Sprint(d.IntN(1000)))})
	}
	if d.IntN(5) == 0 {
		txn.Finish = append(txn.Finish, d.job())
	}
	return txn
}

func (d *dice) commit(t *testing.T) error {
	txn := d.txn()
	want, wantErr := d.m.commit(txn)
	got, err := d.s.Commit(t.Context(), txn)
	if fmt.Sprint(err) != fmt.Sprint(wantErr) || got != want || wantErr != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("commit %+v: %d, %v, want %d, %v", txn, got, err, want, wantErr)
	}
	return d.follow(t)
}

// follow applies what the watch is told, up to the model's revision.
func (d *dice) follow(t *testing.T) error {
	for d.seen < d.m.rev {
		g := receive(t, d.groups)
		for _, r := range g.recs {
			d.replica[r.Key] = r
		}
		d.seen = g.rev
	}
	if d.seen != d.m.rev || !maps.EqualFunc(d.replica, d.m.recs, sameRec) {
		return fmt.Errorf("the watch says %v at %d, want %v at %d", d.replica, d.seen, d.m.recs, d.m.rev)
	}
	return nil
}

func sameRec(a, b store.Rec) bool { return text(a) == text(b) }

func (d *dice) get(t *testing.T) error {
	key := d.key()
	recs, err := d.s.Get(t.Context(), key)
	want := store.Rec{Key: key}
	if d.m.live(key) != store.Absent {
		want = d.m.recs[key]
	}
	if err != nil || text(recs...) != text(want) {
		return fmt.Errorf("get %q: %s, %v, want %s", key, text(recs...), err, text(want))
	}
	return nil
}

func (d *dice) list(t *testing.T) error {
	prefix, after, n := strings.Repeat("a/", d.IntN(3)), "", 1+d.IntN(5)
	if d.IntN(2) == 0 {
		after = d.key()
	}
	recs, err := d.s.List(t.Context(), prefix, after, n)
	if want := d.m.list(prefix, after, n); err != nil || text(recs...) != text(want...) {
		return fmt.Errorf("list %q after %q: %s, %v, want %s", prefix, after, text(recs...), err, text(want...))
	}
	return nil
}

func (d *dice) load(t *testing.T) error {
	var recs []store.Rec
	rev, err := d.s.Load(t.Context(), "", func(r store.Rec) error {
		recs = append(recs, r)
		return nil
	})
	if want := d.m.list("", "", 1000); err != nil || rev != d.m.rev || text(recs...) != text(want...) {
		return fmt.Errorf("load: %s at %d, %v, want %s at %d", text(recs...), rev, err, text(want...), d.m.rev)
	}
	return nil
}

func (d *dice) claim(t *testing.T) error {
	fn := d.fn()
	const lease = 90 * time.Minute
	jobs, err := d.s.Claim(t.Context(), "node", func(f string) bool { return f == fn }, 100, lease)
	slices.SortFunc(jobs, func(a, b store.Job) int { return strings.Compare(a.ID, b.ID) })
	describe := func(jobs []store.Job) (s string) {
		for _, j := range jobs {
			s += fmt.Sprintf("%s %s %d %s; ", j.ID, j.Fn, j.Attempt, j.Body)
		}
		return s
	}
	if want := d.m.claim(fn, lease); err != nil || describe(jobs) != describe(want) {
		return fmt.Errorf("claim of %s: %s, %v, want %s", fn, describe(jobs), err, describe(want))
	}
	return nil
}

func (d *dice) retry(t *testing.T) error {
	id, due := d.job(), d.due()
	err := d.s.Retry(t.Context(), id, due)
	j, ok := d.m.jobs[id]
	if ok != (err == nil) || err != nil && !errors.Is(err, store.ErrConflict) {
		return fmt.Errorf("retry %q: %v; there is one: %v", id, err, ok)
	}
	if ok {
		j.Due = due
		d.m.jobs[id] = j
	}
	return nil
}
