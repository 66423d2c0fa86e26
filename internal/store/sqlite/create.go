package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite" // the SQL driver

	"furl/internal/store"
)

// schemaVersion is the newest layout of the tables that this package knows.
const schemaVersion = 1

// applicationID marks a SQLite file as furl's: "furl" in ASCII.
const applicationID = 0x6675726c

// schemaStatements returns the layout of the tables. SQLite keeps these texts
// and inspect compares them: a change, be it of a space, is a new version.
//
// A row of kv with gone, the time of deletion in Unix milliseconds, is a
// tombstone. Tables have rowids on purpose: without, SQLite stores values of a
// kilobyte on pages of their own.
func schemaStatements() []string {
	return []string{
		`CREATE TABLE kv(
	id   INTEGER PRIMARY KEY,
	key  TEXT NOT NULL UNIQUE,
	rev  INTEGER NOT NULL,
	crc  INTEGER NOT NULL,
	gone INTEGER,
	val  BLOB
) STRICT`,
		`CREATE INDEX kv_rev ON kv(rev)`,
		`CREATE INDEX kv_gone ON kv(gone) WHERE gone IS NOT NULL`,
		`CREATE TABLE head(
	id        INTEGER PRIMARY KEY CHECK (id = 1),
	rev       INTEGER NOT NULL,
	compacted INTEGER NOT NULL,
	crc       INTEGER NOT NULL,
	cluster   TEXT NOT NULL
) STRICT`,
		`CREATE TABLE job(
	id      TEXT PRIMARY KEY,
	fn      TEXT NOT NULL,
	due     INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	attempt INTEGER NOT NULL,
	owner   TEXT NOT NULL,
	crc     INTEGER NOT NULL,
	body    BLOB
) STRICT`,
		`CREATE INDEX job_due ON job(due, id, fn)`,
	}
}

// head is the one row of the table head.
type head struct {
	rev       store.Rev // newest
	compacted store.Rev // newest of the tombstones that were removed
	cluster   string    // tells this store's history from any other
}

func (h head) checksum() uint32 {
	return store.Checksum(fmt.Sprintf("head %s %d", h.cluster, h.compacted), h.rev, nil)
}

// lockWait is how long SQLite waits for another program, such as the sqlite3
// shell, that has locked the database.
const lockWait = 5 * time.Second

func busyTimeout(wait time.Duration) string {
	return fmt.Sprintf("busy_timeout(%d)", wait.Milliseconds())
}

// dataSource returns the driver's name for the database at path.
func dataSource(path string, params url.Values) string {
	params.Set("_defensive", "1")
	params.Set("_dqs", "0")
	params.Set("_error_rc", "1")
	params.Add("_pragma", busyTimeout(lockWait))
	params.Add("_pragma", "mmap_size(0)") // a failing disk must be an error, not a signal
	params.Add("_pragma", "trusted_schema(0)")
	return (&url.URL{Scheme: "file", Path: path, RawQuery: params.Encode()}).String()
}

// prepareDB leaves a sound database of this version in dir, or refuses.
func prepareDB(ctx context.Context, dir string) error {
	path := filepath.Join(dir, dbName)
	_, err := os.Stat(path)
	switch {
	case err == nil:
		return inspect(ctx, path)
	case !errors.Is(err, os.ErrNotExist):
		return cannotUse(path, err)
	}
	if err := refuseRemains(dir); err != nil {
		return err
	}
	return create(ctx, dir)
}

// refuseRemains refuses to begin anew where a database has been: creating an
// empty one would hide the loss.
func refuseRemains(dir string) error {
	remains := ""
	if info, err := os.Stat(filepath.Join(dir, dbName+"-wal")); err == nil && info.Size() > 0 {
		remains = dbName + "-wal"
	} else if found, err := anyBlob(filepath.Join(dir, blobName)); err != nil {
		return err
	} else if found {
		remains = blobName
	}
	if remains == "" {
		return nil
	}
	return &store.RefusedError{
		Path: filepath.Join(dir, dbName),
		Why:  fmt.Sprintf("the database is missing, but %s is still there", remains),
		Fix:  fmt.Sprintf("restore %s from a backup; to begin anew, move %s away", dbName, remains),
	}
}

// create makes an empty database. It gets its name only when its content is on
// disk, so that a furl.db is never half made.
func create(ctx context.Context, dir string) error {
	if err := removeUnfinished(dir); err != nil {
		return err
	}
	path := filepath.Join(dir, newName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return cannotUse(path, err)
	}
	// Closed only after SQLite has closed the file too: closing any descriptor
	// of a file drops all locks that the process has on it.
	err = fill(ctx, path)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(path, filepath.Join(dir, dbName))
	}
	if err != nil {
		return fmt.Errorf("sqlite: create the database in %s: %w", dir, err)
	}
	return nil // open makes the name durable
}

// removeUnfinished removes what a creation that was cut short left behind.
func removeUnfinished(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return cannotUse(dir, err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), newName) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return cannotUse(dir, err)
		}
	}
	return nil
}

func fill(ctx context.Context, path string) (err error) {
	db, err := sql.Open("sqlite", dataSource(path, url.Values{"mode": {"rw"}}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	id := make([]byte, 16)
	rand.Read(id) // never fails
	h := head{cluster: hex.EncodeToString(id)}
	layout := append(schemaStatements(),
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", schemaVersion))
	for _, statement := range append([]string{"BEGIN"}, layout...) {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if _, err := db.ExecContext(ctx, "INSERT INTO head(id, rev, compacted, crc, cluster) VALUES(1, ?, ?, ?, ?)",
		h.rev, h.compacted, h.checksum(), h.cluster); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "COMMIT; PRAGMA journal_mode = WAL")
	return err
}
