package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"furl/internal/store"
)

// A database is checked at every start as far as that is not felt. Up to
// checkMax bytes that is all of it. Beyond, reading the records shows whether
// they and their index are sound, but nothing shows a job that its index has
// lost: as long as there are no more than checkJobs, these are checked.
const (
	checkMax  = 16 << 20
	checkJobs = 1000
)

// fixDamaged is the advice for a database that furl cannot trust.
const fixDamaged = "check the disk, then restore the data directory from a backup; furl does not repair it"

// inspect refuses a database that is not furl's, damaged, or newer than this
// furl. It only reads.
func inspect(ctx context.Context, path string) error {
	h, err := readHeader(path)
	if err != nil {
		return err
	}
	if err := h.refuse(path); err != nil {
		return err
	}
	params := url.Values{"mode": {"ro"}}
	switch pending, err := checkLog(path + "-wal"); {
	case err != nil:
		return err
	case !pending:
		params.Set("immutable", "1") // do not even create the files beside it
	}
	if err := probe(ctx, dataSource(path, params), h); err != nil {
		return damaged(path, err)
	}
	return nil
}

func damaged(path string, err error) error {
	return &store.RefusedError{Path: path, Why: "the database is damaged", Fix: fixDamaged, Err: err}
}

// header is what the first bytes of a SQLite file say.
// https://www.sqlite.org/fileformat.html#the_database_header
type header struct {
	size        int64 // of the file
	application uint32
	version     uint32 // of the schema
}

const headerSize = 100

func readHeader(path string) (header, error) {
	f, err := os.Open(path)
	if err != nil {
		return header{}, cannotUse(path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return header{}, cannotUse(path, err)
	}
	b := make([]byte, headerSize)
	n, err := io.ReadFull(f, b)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return header{}, cannotUse(path, err)
	}
	h, err := parseHeader(b[:n])
	if err != nil {
		return header{}, &store.RefusedError{Path: path, Why: err.Error(), Fix: fixDamaged}
	}
	h.size = info.Size()
	return h, nil
}

func parseHeader(b []byte) (header, error) {
	switch {
	case len(b) == 0:
		return header{}, errors.New("the database is empty: it has lost its content")
	case len(b) < headerSize || !bytes.HasPrefix(b, []byte("SQLite format 3\x00")):
		return header{}, errors.New("not a SQLite database")
	}
	return header{
		version:     binary.BigEndian.Uint32(b[60:]),
		application: binary.BigEndian.Uint32(b[68:]),
	}, nil
}

func (h header) refuse(path string) error {
	switch {
	case h.application != applicationID || h.version == 0:
		return &store.RefusedError{
			Path: path, Why: "a SQLite database, but not one of furl's",
			Fix: "name another data directory, or restore this one from a backup",
		}
	case h.version > schemaVersion:
		return &store.RefusedError{
			Path: path,
			Why:  fmt.Sprintf("written by a newer furl (schema %d; this one knows %d)", h.version, schemaVersion),
			Fix:  "use the newer furl, or restore a backup that this one has made",
		}
	}
	return nil
}

// probe looks into the database: is its structure sound, and is the head
// row what was written?
func probe(ctx context.Context, source string, h header) (err error) {
	db, err := sql.Open("sqlite", source)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if err := checkSchema(ctx, db); err != nil {
		return err
	}
	if err := checkStructure(ctx, db, h.size); err != nil {
		return err
	}
	hd, err := scanHead(db.QueryRowContext(ctx, headQuery))
	if err != nil {
		return err
	}
	var newest store.Rev
	if err := db.QueryRowContext(ctx, "SELECT coalesce(max(rev), 0) FROM kv").Scan(&newest); err != nil {
		return err
	}
	if newest > hd.rev || hd.compacted > hd.rev {
		return fmt.Errorf("it has revision %d, but its head says %d", max(newest, hd.compacted), hd.rev)
	}
	return nil
}

// checkStructure has SQLite check tables against indexes.
func checkStructure(ctx context.Context, db *sql.DB, size int64) error {
	query := "PRAGMA integrity_check(1)"
	if size > checkMax {
		var jobs int
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM job").Scan(&jobs); err != nil {
			return err
		}
		if jobs > checkJobs {
			return nil
		}
		query = "PRAGMA integrity_check(job)"
	}
	var verdict string
	if err := db.QueryRowContext(ctx, query).Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return errors.New(verdict)
	}
	return nil
}

// checkSchema looks for the tables and indexes that this furl would create.
func checkSchema(ctx context.Context, db *sql.DB) error {
	for _, want := range schemaStatements() {
		var n int
		err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE sql = ?", want).Scan(&n)
		if err != nil {
			return err
		}
		if n == 0 {
			name, _, _ := strings.Cut(want, "(")
			return fmt.Errorf("what %q made is missing", strings.TrimSpace(name))
		}
	}
	return nil
}

const headQuery = `SELECT rev, compacted, crc, cluster FROM head WHERE id = 1`

func scanHead(row *sql.Row) (head, error) {
	var h head
	var crc uint32
	if err := row.Scan(&h.rev, &h.compacted, &crc, &h.cluster); err != nil {
		return head{}, fmt.Errorf("read the head: %w", err)
	}
	if crc != h.checksum() {
		return head{}, &store.DamagedError{What: "the head"}
	}
	return h, nil
}
