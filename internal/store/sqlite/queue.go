package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"furl/internal/store"
)

// candidate is a due job that Claim's filter accepts.
type candidate struct{ id, fn string }

// enqueue adds a job unless it is there.
func (b *batch) enqueue(j store.Job) error {
	_, err := b.exec(b.stmt.addJob, j.ID, j.Fn, millis(j.Due), millis(j.Expires), j.Attempt, jobChecksum(j), j.Body)
	return err
}

// jobChecksum covers what does not change while the job is in the queue.
func jobChecksum(j store.Job) uint32 {
	body := j.Body
	if body == nil {
		body = []byte{}
	}
	return store.Checksum(j.ID+"\x00"+j.Fn, store.Rev(millis(j.Expires)), body)
}

const (
	// spares are candidates beyond those that are wanted, for when others
	// take some first.
	spares = 32
	// claimRounds bounds how often others can have taken all candidates.
	// Somebody got them each time: so many rounds only happen if the index
	// knows jobs that the table does not.
	claimRounds = 100
)

// aside is the owner of jobs that are damaged, and never is when they are due: they
// stay for whoever repairs them, and nobody claims them again. No node has this name.
const aside = "(damaged)"

var never = time.UnixMilli(1<<53 - 1)

// Claim implements store.Queue. Looking for jobs is left to the readers; the
// writer then takes those that nobody else has taken meanwhile. What it finds
// damaged it sets aside, and says so in the log: the jobs behind it are sound.
func (s *Store) Claim(ctx context.Context, node string, fn func(string) bool, n int, lease time.Duration) ([]store.Job, error) {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var jobs []store.Job
	for range claimRounds {
		if len(jobs) >= n {
			return jobs, nil
		}
		found, err := s.due(ctx, fn, n-len(jobs)+spares)
		var got []store.Job
		if err == nil {
			got, err = s.take(ctx, found, n-len(jobs), node, lease)
		}
		if err != nil && len(jobs) > 0 {
			return jobs, nil // what failed will fail again
		}
		if err != nil {
			return nil, ended(ctx, err)
		}
		jobs = append(jobs, got...)
		if len(got) == len(found) {
			return jobs, nil // there are no more
		}
	}
	if len(jobs) == 0 {
		return nil, &store.DamagedError{What: "the index of the queue"}
	}
	return jobs, nil
}

// due returns up to n jobs that can be claimed.
func (s *Store) due(ctx context.Context, fn func(string) bool, n int) ([]candidate, error) {
	var found []candidate
	accepts := map[string]bool{}
	err := s.read.snapshot(ctx, func(v *view) error {
		rows, err := v.tx.StmtContext(ctx, v.stmt.due).QueryContext(ctx, millis(s.now()))
		if err != nil {
			return fmt.Errorf("sqlite: read jobs: %w", err)
		}
		defer rows.Close()
		for len(found) < n && rows.Next() {
			var c candidate
			if err := rows.Scan(&c.id, &c.fn); err != nil {
				return fmt.Errorf("sqlite: read jobs: %w", err)
			}
			accept, asked := accepts[c.fn]
			if !asked {
				accept = fn == nil || fn(c.fn)
				accepts[c.fn] = accept
			}
			if accept {
				found = append(found, c)
			}
		}
		return rows.Err()
	})
	return found, err
}

// take claims up to n of the jobs, of those that are still there and due.
func (s *Store) take(ctx context.Context, found []candidate, n int, node string, lease time.Duration) ([]store.Job, error) {
	if len(found) == 0 {
		return nil, nil
	}
	now := s.now()
	var jobs []store.Job
	var damaged []string
	err := s.write.submit(ctx, func(b *batch) error {
		jobs, damaged = nil, nil // of an earlier try
		for _, c := range found {
			if len(jobs) == n {
				return nil
			}
			job, ok, err := b.claim(c.id, node, now, now.Add(lease))
			if _, is := errors.AsType[*store.DamagedError](err); is {
				damaged = append(damaged, c.id)
				_, err = b.exec(b.stmt.asideJob, millis(never), aside, c.id)
			}
			if err != nil {
				return fmt.Errorf("claim job %q: %w", c.id, err)
			}
			if ok {
				jobs = append(jobs, job)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, id := range damaged {
		err := &store.DamagedError{What: fmt.Sprintf("job %q", id)}
		s.logger.Error("a damaged job was set aside; it stays in the queue and does not run", "err", err)
	}
	return jobs, nil
}

// claim takes one job until a time, if it is due.
func (b *batch) claim(id, node string, now, until time.Time) (store.Job, bool, error) {
	rows, err := b.stmt.claimJob.Query(millis(until), node, id, millis(now))
	if err != nil {
		return store.Job{}, false, err
	}
	defer rows.Close()
	if !rows.Next() {
		return store.Job{}, false, rows.Err()
	}
	b.wrote = true
	j := store.Job{ID: id, Due: fromMillis(millis(until))}
	var expires int64
	var crc uint32
	if err := rows.Scan(&j.Fn, &expires, &j.Attempt, &crc, &j.Body); err != nil {
		return store.Job{}, false, err
	}
	j.Expires = fromMillis(expires)
	if err := rows.Close(); err != nil {
		return store.Job{}, false, err
	}
	if crc != jobChecksum(j) {
		return store.Job{}, false, &store.DamagedError{What: fmt.Sprintf("job %q", id)}
	}
	return j, true, nil
}

// Retry implements store.Queue.
func (s *Store) Retry(ctx context.Context, id string, due time.Time) error {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return s.write.submit(ctx, func(b *batch) error {
		n, err := b.exec(b.stmt.retryJob, millis(due), id)
		if err != nil {
			return fmt.Errorf("retry job %q: %w", id, err)
		}
		if n == 0 {
			return &store.ConflictError{Job: id}
		}
		return nil
	})
}

// Extend implements store.Queue.
func (s *Store) Extend(ctx context.Context, node, id string, lease time.Duration) error {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return s.write.submit(ctx, func(b *batch) error {
		n, err := b.exec(b.stmt.extendJob, millis(s.now().Add(lease)), id, node)
		if err != nil {
			return fmt.Errorf("extend the lease of job %q: %w", id, err)
		}
		if n == 0 {
			return &store.ConflictError{Job: id}
		}
		return nil
	})
}

// Release implements store.Queue.
func (s *Store) Release(ctx context.Context, node string) error {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return s.write.submit(ctx, func(b *batch) error {
		if _, err := b.exec(b.stmt.releaseJobs, millis(s.now()), node); err != nil {
			return fmt.Errorf("release the jobs of %s: %w", node, err)
		}
		return nil
	})
}

// Next implements store.Queue.
func (s *Store) Next(ctx context.Context) (time.Time, error) {
	// A job that is due at once has no time of its own.
	due, err := s.queueFigure(ctx, func(r *readStatements) *sql.Stmt { return r.next })
	switch {
	case err != nil || due < 0:
		return time.Time{}, err
	case due == 0:
		return s.now(), nil
	}
	return fromMillis(due), nil
}

// Jobs implements store.Queue.
func (s *Store) Jobs(ctx context.Context) (int, error) {
	n, err := s.queueFigure(ctx, func(r *readStatements) *sql.Stmt { return r.jobs })
	return int(n), err
}

// queueFigure reads one number about the queue.
func (s *Store) queueFigure(ctx context.Context, query func(*readStatements) *sql.Stmt) (n int64, err error) {
	ctx, leave, err := s.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	err = s.read.snapshot(ctx, func(v *view) error {
		if err := v.tx.StmtContext(ctx, query(v.stmt)).QueryRowContext(ctx).Scan(&n); err != nil {
			return fmt.Errorf("sqlite: read about jobs: %w", err)
		}
		return nil
	})
	return n, ended(ctx, err)
}

// millis returns t in Unix milliseconds, 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
