package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"furl/internal/store"
)

// crashWriters is how many write at once until the crash.
const crashWriters = 16

// payload fills a record to the size of a function's configuration.
const payload = 1000

// WriteUntilCrash has several writers write transactions, jobs and blobs, and
// prints a line to out for each that is acknowledged, after it is. When a write
// fails it returns the errors of all writers. name distinguishes it from
// other runs on the same store.
func WriteUntilCrash(ctx context.Context, s Store, name string, out io.Writer) error {
	failed := make(chan struct{})
	errs := make([]error, crashWriters)
	var writers sync.WaitGroup
	var once sync.Once
	var mu sync.Mutex // so that lines stay whole
	for w := range crashWriters {
		writers.Go(func() {
			defer once.Do(func() { close(failed) })
			for n := 0; !isClosed(failed); n++ {
				ack, err := crashWrite(ctx, s, fmt.Sprintf("%s-%d-%d", name, w, n), w, n)
				if err == nil {
					mu.Lock()
					_, err = io.WriteString(out, ack+"\n")
					mu.Unlock()
				}
				if err != nil {
					errs[w] = err
					return
				}
			}
		})
	}
	writers.Wait()
	return errors.Join(errs...)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// crashWrite makes one write and returns the line that acknowledges it.
func crashWrite(ctx context.Context, s Store, id string, writer, n int) (string, error) {
	val := []byte(id + strings.Repeat(".", payload))
	switch {
	case writer == 0 && n%20 == 10:
		return "blob " + sum(val), s.Put(ctx, sum(val), int64(len(val)), strings.NewReader(string(val)))
	case writer == 1:
		txn := store.Txn{Do: []store.Op{{Key: "job/" + id, Val: val}}, Enqueue: []store.Job{{ID: id, Fn: "f", Body: val}}}
		rev, err := s.Commit(ctx, txn)
		return fmt.Sprintf("job %s %d", id, rev), err
	case writer%2 == 0:
		txn := store.Txn{Do: []store.Op{put("three/"+id+"/b", string(val)), put("three/"+id+"/a", string(val)), put("three/"+id+"/c", string(val))}}
		if n > 0 { // the one before goes, and only its tombstones tell of it
			txn.Do = append(txn.Do, below("three/"+strings.TrimSuffix(id, fmt.Sprint(n))+fmt.Sprint(n-1)+"/"))
		}
		rev, err := s.Commit(ctx, txn)
		return fmt.Sprintf("three %s %d", id, rev), err
	}
	rev, err := s.Commit(ctx, store.Txn{
		If: []store.Cond{{Key: "one/" + id, Rev: store.Absent}},
		Do: []store.Op{{Key: "one/" + id, Val: val}},
	})
	return fmt.Sprintf("one %s %d", id, rev), err
}

// Damage is what a crash did to a store.
type Damage struct {
	Acked int      // writes that were acknowledged
	Lost  []string // of these, what is not there
	Torn  []string // transactions of which only a part is there
}

// Inspect compares a store after a crash with what WriteUntilCrash printed,
// over all runs. It claims the jobs.
func Inspect(ctx context.Context, s Store, printed io.Reader) (*Damage, error) {
	have := &remains{recs: map[string]store.Rev{}, jobs: map[string]bool{}, s: s}
	if err := have.read(ctx); err != nil {
		return nil, err
	}
	d := &Damage{Torn: have.torn()}
	lines := bufio.NewScanner(printed)
	for lines.Scan() {
		d.Acked++
		there, err := have.acknowledged(ctx, lines.Text())
		if err != nil {
			return nil, err
		}
		if !there {
			d.Lost = append(d.Lost, lines.Text())
		}
	}
	return d, lines.Err()
}

// remains are what is left after a crash.
type remains struct {
	recs map[string]store.Rev // with the tombstones
	head store.Rev
	jobs map[string]bool
	s    Store
}

func (r *remains) read(ctx context.Context) error {
	err := r.readRecords(ctx)
	if err != nil {
		return err
	}
	// The lease is so short that the next inspection finds the jobs again.
	jobs, err := r.s.Claim(ctx, "after the crash", nil, 1<<20, time.Millisecond)
	for _, j := range jobs {
		r.jobs[j.ID] = true
	}
	return err
}

func (r *remains) readRecords(ctx context.Context) error {
	head, err := r.s.Load(ctx, "", func(store.Rec) error { return nil })
	if head == 0 || err != nil {
		return err // nothing to watch
	}
	stop := errors.New("stop")
	err = r.s.Watch(ctx, 0, func(head store.Rev, recs []store.Rec) error {
		r.head = head
		for _, rec := range recs {
			r.recs[rec.Key] = rec.Rev
		}
		return stop
	})
	if !errors.Is(err, stop) {
		return err
	}
	return nil
}

// torn returns the triples that are not whole, and the records without job.
func (r *remains) torn() []string {
	var torn []string
	for key, rev := range r.recs {
		kind, rest, _ := strings.Cut(key, "/")
		id, _, _ := strings.Cut(rest, "/")
		switch kind {
		case "three":
			for _, part := range []string{"/a", "/b", "/c"} {
				if r.recs["three/"+id+part] != rev {
					torn = append(torn, key)
				}
			}
		case "job":
			if !r.jobs[id] {
				torn = append(torn, key)
			}
		}
	}
	return torn
}

// acknowledged tells whether what a line acknowledges is there.
func (r *remains) acknowledged(ctx context.Context, line string) (bool, error) {
	var kind, id string
	var rev store.Rev
	if strings.HasPrefix(line, "blob ") {
		sha := line[len("blob "):]
		b, err := readBlob(ctx, r.s, sha)
		return err == nil && sum(b) == sha, nil
	}
	if _, err := fmt.Sscanf(line, "%s %s %d", &kind, &id, &rev); err != nil {
		return false, fmt.Errorf("storetest: the line %q: %w", line, err)
	}
	if r.head < rev {
		return false, nil
	}
	if kind == "three" { // deleted by the next one of the same writer
		return r.recs["three/"+id+"/a"] >= rev, nil
	}
	return r.recs[kind+"/"+id] == rev && (kind != "job" || r.jobs[id]), nil
}

// Moment returns after how many acknowledged writes the crash is to come.
func Moment(chance *rand.Rand) int {
	return 1 + chance.IntN(8<<chance.IntN(8))
}
