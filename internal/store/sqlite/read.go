package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"

	"furl/internal/store"
)

// reader owns the connections that read. They never wait for the writer, nor
// it for them.
type reader struct {
	db   *sql.DB
	stmt readStatements
}

type readStatements struct {
	head, get, live, since, due, next, jobs *sql.Stmt
}

// readers is how many may read at once; more wait for one of them.
const readers = 8

func openReader(ctx context.Context, path string) (*reader, error) {
	params := url.Values{"mode": {"rw"}, "_query_only": {"1"}}
	db, err := sql.Open("sqlite", dataSource(path, params))
	if err != nil {
		return nil, fmt.Errorf("sqlite: open %s: %w", path, err)
	}
	db.SetMaxOpenConns(readers)
	db.SetMaxIdleConns(readers)
	r := &reader{db: db}
	for _, p := range []struct {
		to    **sql.Stmt
		query string
	}{
		{&r.stmt.head, headQuery},
		{&r.stmt.get, `SELECT key, rev, crc, gone IS NULL, val FROM kv WHERE key = ?`},
		{&r.stmt.live, `SELECT key, rev, crc, 1, val FROM kv
			WHERE key >= ? AND key < ? AND gone IS NULL ORDER BY key LIMIT ?`},
		{&r.stmt.since, `SELECT key, rev, crc, gone IS NULL, val FROM kv WHERE rev > ? ORDER BY rev, key`},
		{&r.stmt.due, `SELECT id, fn FROM job WHERE due <= ? ORDER BY due, id`},
		{&r.stmt.next, `SELECT coalesce(min(due), -1) FROM job`},
		{&r.stmt.jobs, `SELECT count(*) FROM job`},
	} {
		if *p.to, err = db.PrepareContext(ctx, p.query); err != nil {
			return nil, errors.Join(fmt.Errorf("sqlite: open %s: %w", path, err), db.Close())
		}
	}
	return r, nil
}

func (r *reader) close() error {
	if err := r.db.Close(); err != nil {
		return fmt.Errorf("sqlite: close: %w", err)
	}
	return nil
}

// view is a snapshot of the database: all that it returns is from one moment.
type view struct {
	ctx  context.Context
	tx   *sql.Tx
	stmt *readStatements
}

// snapshot calls f with a view of what is committed now.
func (r *reader) snapshot(ctx context.Context, f func(*view) error) error {
	tx, err := r.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("sqlite: read: %w", err)
	}
	err = f(&view{ctx: ctx, tx: tx, stmt: &r.stmt})
	if end := tx.Rollback(); err == nil && end != nil && !errors.Is(end, sql.ErrTxDone) {
		return fmt.Errorf("sqlite: read: %w", end)
	}
	return err
}

func (v *view) head() (head, error) {
	h, err := scanHead(v.tx.StmtContext(v.ctx, v.stmt.head).QueryRowContext(v.ctx))
	if err != nil {
		return head{}, fmt.Errorf("sqlite: %w", err)
	}
	return h, nil
}

func (v *view) get(key string) (store.Rec, error) {
	recs, err := v.records(v.stmt.get, key)
	if err != nil {
		return store.Rec{}, fmt.Errorf("sqlite: read %q: %w", key, err)
	}
	if len(recs) == 0 || recs[0].Val == nil {
		return store.Rec{Key: key}, nil
	}
	return recs[0], nil
}

func (v *view) since(rev store.Rev) ([]store.Rec, error) {
	recs, err := v.records(v.stmt.since, rev)
	if err != nil {
		return nil, fmt.Errorf("sqlite: read changes: %w", err)
	}
	return recs, nil
}

// live calls each for up to n records (all if n is negative), in order.
func (v *view) live(prefix, after string, n int, each func(store.Rec) error) error {
	first := max(prefix, after+"\x00") // no key contains NUL: the least that is greater than after
	rows, err := v.tx.StmtContext(v.ctx, v.stmt.live).QueryContext(v.ctx, first, beyond(prefix), n)
	if err != nil {
		return fmt.Errorf("sqlite: read below %q: %w", prefix, err)
	}
	defer rows.Close()
	for rows.Next() {
		rec, err := scanRec(rows)
		if err != nil {
			return fmt.Errorf("sqlite: read below %q: %w", prefix, err)
		}
		if err := each(rec); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("sqlite: read below %q: %w", prefix, err)
	}
	return nil
}

func (v *view) records(stmt *sql.Stmt, arg any) ([]store.Rec, error) {
	rows, err := v.tx.StmtContext(v.ctx, stmt).QueryContext(v.ctx, arg)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var recs []store.Rec
	for rows.Next() {
		rec, err := scanRec(rows)
		if err != nil {
			return nil, err
		}
		recs = append(recs, rec)
	}
	return recs, rows.Err()
}

// scanRec reads a record and checks that it is what was written.
func scanRec(rows *sql.Rows) (store.Rec, error) {
	var rec store.Rec
	var crc uint32
	var live bool
	if err := rows.Scan(&rec.Key, &rec.Rev, &crc, &live, &rec.Val); err != nil {
		return store.Rec{}, err
	}
	switch {
	case !live:
		rec.Val = nil
	case rec.Val == nil: // how the driver returns an empty value
		rec.Val = []byte{}
	}
	if crc != store.Checksum(rec.Key, rec.Rev, rec.Val) {
		return store.Rec{}, &store.DamagedError{What: fmt.Sprintf("record %q", rec.Key)}
	}
	return rec, nil
}
