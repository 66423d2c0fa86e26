package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"furl/internal/store"
)

// statements are prepared once, on the connection that writes. database/sql
// leaves closing them to us.
type statements struct {
	all []*sql.Stmt

	revision, below, put, remove, save, reap                                        *sql.Stmt
	hasJob, addJob, finishJob, claimJob, asideJob, retryJob, extendJob, releaseJobs *sql.Stmt
}

// prepare prepares all; after an error too, close is needed.
func (s *statements) prepare(ctx context.Context, conn *sql.Conn) error {
	for _, p := range []struct {
		to    **sql.Stmt
		query string
	}{
		{&s.revision, `SELECT rev FROM kv WHERE key = ? AND gone IS NULL`},
		{&s.below, `SELECT key FROM kv WHERE key >= ? AND key < ? AND gone IS NULL`},
		{&s.put, `INSERT INTO kv(key, rev, crc, val) VALUES(?, ?, ?, ?) ON CONFLICT(key) DO UPDATE
			SET rev = excluded.rev, crc = excluded.crc, gone = NULL, val = excluded.val`},
		{&s.remove, `UPDATE kv SET rev = ?, crc = ?, gone = ?, val = NULL WHERE key = ? AND gone IS NULL`},
		{&s.save, `UPDATE head SET rev = ?, compacted = ?, crc = ? WHERE id = 1`},
		{&s.reap, `DELETE FROM kv WHERE id IN (
			SELECT id FROM kv WHERE gone <= ? AND rev <= ? ORDER BY gone LIMIT ?) RETURNING rev`},
		{&s.hasJob, `SELECT count(*) FROM job WHERE id = ?`},
		{&s.addJob, `INSERT INTO job(id, fn, due, expires, attempt, owner, crc, body)
			VALUES(?, ?, ?, ?, ?, '', ?, ?) ON CONFLICT(id) DO NOTHING`},
		{&s.finishJob, `DELETE FROM job WHERE id = ?`},
		{&s.claimJob, `UPDATE job SET due = ?, owner = ?, attempt = attempt + 1 WHERE id = ? AND due <= ?
			RETURNING fn, expires, attempt, crc, body`},
		{&s.asideJob, `UPDATE job SET due = ?, owner = ? WHERE id = ?`},
		{&s.retryJob, `UPDATE job SET due = ?, owner = '' WHERE id = ?`},
		{&s.extendJob, `UPDATE job SET due = ? WHERE id = ? AND owner = ?`},
		{&s.releaseJobs, `UPDATE job SET due = ?, owner = '' WHERE owner = ?`},
	} {
		stmt, err := conn.PrepareContext(ctx, p.query)
		if err != nil {
			return err
		}
		*p.to, s.all = stmt, append(s.all, stmt)
	}
	return nil
}

func (s *statements) close() error {
	var err error
	for _, stmt := range s.all {
		err = errors.Join(err, stmt.Close())
	}
	return err
}

// batch is the SQLite transaction under way: what several requests write.
type batch struct {
	stmt  *statements
	head  head // as of the requests so far
	wrote bool
}

// exec runs a statement that writes and returns how many rows it changed.
func (b *batch) exec(s *sql.Stmt, args ...any) (int64, error) {
	res, err := s.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	b.wrote = b.wrote || n > 0
	return n, err
}

// saveHead writes the head row if it is not the old one any more.
func (b *batch) saveHead(old head) error {
	if b.head == old {
		return nil
	}
	_, err := b.exec(b.stmt.save, b.head.rev, b.head.compacted, b.head.checksum())
	return err
}

// commit applies a transaction of the store, which is valid.
func (b *batch) commit(t store.Txn, now time.Time) (store.Rev, error) {
	if err := b.check(t); err != nil {
		return 0, err
	}
	rev := b.head.rev + 1
	changed := false
	for _, op := range t.Do {
		did, err := b.do(op, rev, now)
		if err != nil {
			return 0, fmt.Errorf("write %q: %w", op.Key, err)
		}
		changed = changed || did
	}
	if changed {
		b.head.rev = rev
	}
	for _, id := range t.Finish {
		if _, err := b.exec(b.stmt.finishJob, id); err != nil {
			return 0, fmt.Errorf("finish job %q: %w", id, err)
		}
	}
	for _, job := range t.Enqueue {
		if err := b.enqueue(job); err != nil {
			return 0, fmt.Errorf("enqueue job %q: %w", job.ID, err)
		}
	}
	return b.head.rev, nil
}

// check returns a *store.ConflictError for the first condition that fails.
func (b *batch) check(t store.Txn) error {
	for _, c := range t.If {
		have, err := b.revision(c.Key)
		if err != nil {
			return fmt.Errorf("read %q: %w", c.Key, err)
		}
		if c.Rev == have || c.Rev == store.Exists && have != store.Absent {
			continue
		}
		return &store.ConflictError{Key: c.Key, Want: c.Rev, Have: have}
	}
	for _, id := range t.Finish {
		var n int
		if err := b.stmt.hasJob.QueryRow(id).Scan(&n); err != nil {
			return fmt.Errorf("read job %q: %w", id, err)
		}
		if n == 0 {
			return &store.ConflictError{Job: id}
		}
	}
	return nil
}

func (b *batch) revision(key string) (store.Rev, error) {
	var rev store.Rev
	err := b.stmt.revision.QueryRow(key).Scan(&rev)
	if errors.Is(err, sql.ErrNoRows) {
		return store.Absent, nil
	}
	return rev, err
}

// do applies one operation and reports whether it changed a record.
func (b *batch) do(op store.Op, rev store.Rev, now time.Time) (bool, error) {
	switch {
	case op.Prefix:
		return b.removeBelow(op.Key, rev, now)
	case op.Val == nil:
		return b.remove(op.Key, rev, now)
	}
	n, err := b.exec(b.stmt.put, op.Key, rev, store.Checksum(op.Key, rev, op.Val), op.Val)
	return n > 0, err
}

func (b *batch) remove(key string, rev store.Rev, now time.Time) (bool, error) {
	n, err := b.exec(b.stmt.remove, rev, store.Checksum(key, rev, nil), now.UnixMilli(), key)
	return n > 0, err
}

func (b *batch) removeBelow(prefix string, rev store.Rev, now time.Time) (bool, error) {
	keys, err := column[string](b.stmt.below.Query(prefix, beyond(prefix)))
	if err != nil {
		return false, err
	}
	for _, key := range keys {
		if _, err := b.remove(key, rev, now); err != nil {
			return false, err
		}
	}
	return len(keys) > 0, nil
}

// reap removes up to n tombstones that are as old as before and not newer
// than upTo.
func (b *batch) reap(before time.Time, upTo store.Rev, n int) (int, error) {
	revs, err := column[store.Rev](b.stmt.reap.Query(before.UnixMilli(), upTo, n))
	if err != nil {
		return 0, fmt.Errorf("remove tombstones: %w", err)
	}
	for _, rev := range revs {
		b.wrote = true
		b.head.compacted = max(b.head.compacted, rev)
	}
	return len(revs), nil
}

// beyond returns a string that is greater than all keys that begin with prefix
// and not greater than any other that is greater than prefix.
func beyond(prefix string) string {
	if prefix == "" {
		return "\xff" // in no UTF-8
	}
	last := len(prefix) - 1
	return prefix[:last] + string([]byte{prefix[last] + 1}) // the last byte of UTF-8 is not 0xff
}

// column collects the one column of a query.
func column[T any](rows *sql.Rows, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		var v T
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}
