package store

import (
	"errors"
	"fmt"
)

// What callers branch on.
var (
	// ErrConflict says that a condition of a transaction failed.
	ErrConflict = errors.New("store: conflict")
	// ErrCompacted says that the changes after a revision are no longer known.
	ErrCompacted = errors.New("store: the changes after that revision are no longer known")
	// ErrUnknown says that a transaction may or may not have been committed.
	ErrUnknown = errors.New("store: the outcome of the transaction is not known")
	// ErrBusy says that too many writes are waiting; try again later.
	ErrBusy = errors.New("store: too many writes are waiting")
	// ErrClosed says that the store is closed.
	ErrClosed = errors.New("store: closed")
	// ErrMismatch says that a blob's content does not have the announced size
	// or hash.
	ErrMismatch = errors.New("store: the content does not match its size or hash")
)

// ConflictError says which condition of a transaction failed. It matches
// ErrConflict.
type ConflictError struct {
	// Key is the condition's key; empty if Job is set.
	Key string
	// Want is the condition's revision, Have the record's: Absent if there is
	// none.
	Want, Have Rev
	// Job is the ID of a job that has left the queue.
	Job string
}

func (e *ConflictError) Error() string {
	if e.Job != "" {
		return fmt.Sprintf("%v: job %q has left the queue", ErrConflict, e.Job)
	}
	return fmt.Sprintf("%v: key %q: want %s, have %s", ErrConflict, e.Key, describe(e.Want), describe(e.Have))
}

// Is reports whether target is ErrConflict.
func (e *ConflictError) Is(target error) bool { return target == ErrConflict }

func describe(r Rev) string {
	switch r {
	case Absent:
		return "no record"
	case Exists:
		return "a record"
	}
	return fmt.Sprintf("revision %d", r)
}

// DamagedError says that something in the store is not what was written.
// Nothing of it was served.
type DamagedError struct {
	What string // e.g. `record "fn/…"`
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("store: %s is damaged: its checksum does not match its content", e.What)
}

// Hint tells the operator what to do.
func (e *DamagedError) Hint() string {
	return "check the disk, then restore the data directory from a backup"
}

// RefusedError says that a store was not opened, and was left as it is,
// because of what was found there.
type RefusedError struct {
	Path string // the file or directory
	Why  string
	// Fix tells the operator what to do.
	Fix string
	// Err is the cause, nil if Why says it all.
	Err error
}

func (e *RefusedError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("store: %s: %s: %v", e.Path, e.Why, e.Err)
	}
	return fmt.Sprintf("store: %s: %s", e.Path, e.Why)
}

// Unwrap returns the cause.
func (e *RefusedError) Unwrap() error { return e.Err }

// Hint tells the operator what to do.
func (e *RefusedError) Hint() string { return e.Fix }

// LockedError says that another furl process uses the data directory.
type LockedError struct {
	Dir string
	PID int // of the process that holds it; 0 if not known
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("store: %s is in use by another furl", e.Dir)
	}
	return fmt.Sprintf("store: %s is in use by another furl (process %d)", e.Dir, e.PID)
}

// Hint tells the operator what to do.
func (e *LockedError) Hint() string {
	return "stop the other furl, or give this one a data directory of its own"
}
