package store_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"furl/internal/store"
)

func TestConflictError(t *testing.T) {
	for _, tt := range []struct {
		err  *store.ConflictError
		want string
	}{
		{&store.ConflictError{Key: "fn/a", Want: store.Absent, Have: 7}, `store: conflict: key "fn/a": want no record, have revision 7`},
		{&store.ConflictError{Key: "fn/a", Want: store.Exists}, `store: conflict: key "fn/a": want a record, have no record`},
		{&store.ConflictError{Job: "j"}, `store: conflict: job "j" has left the queue`},
	} {
		wrapped := fmt.Errorf("more: %w", tt.err)
		if tt.err.Error() != tt.want || !errors.Is(wrapped, store.ErrConflict) || errors.Is(wrapped, store.ErrUnknown) {
			t.Errorf("got %q, want %q", tt.err, tt.want)
		}
	}
}

// TestHints: what an operator can do something about says what.
func TestHints(t *testing.T) {
	for _, err := range []error{
		&store.DamagedError{What: `record "a"`},
		&store.LockedError{Dir: "/data", PID: 7},
		&store.LockedError{Dir: "/data"},
		&store.RefusedError{Path: "/data", Why: "not a directory", Fix: "name another", Err: io.EOF},
	} {
		var hint interface{ Hint() string }
		if !errors.As(fmt.Errorf("start: %w", err), &hint) || hint.Hint() == "" || !strings.HasPrefix(err.Error(), "store: ") {
			t.Errorf("%v: no hint", err)
		}
	}
	refused := &store.RefusedError{Path: "/data", Why: "cannot be used", Err: io.EOF}
	if !errors.Is(refused, io.EOF) || refused.Error() != "store: /data: cannot be used: EOF" {
		t.Errorf("got %q", refused)
	}
}

func TestValidate(t *testing.T) {
	long := strings.Repeat("k", store.MaxKey+1)
	for name, tt := range map[string]struct {
		txn  store.Txn
		want string // part of the error; none if empty
	}{
		"empty":              {store.Txn{}, ""},
		"put":                {store.Txn{Do: []store.Op{{Key: "ü/a b", Val: []byte{}}}}, ""},
		"prefix":             {store.Txn{Do: []store.Op{{Key: "a/", Prefix: true}}}, ""},
		"prefix no slash":    {store.Txn{Do: []store.Op{{Key: "a", Prefix: true}}}, `must end in "/"`},
		"prefix with value":  {store.Txn{Do: []store.Op{{Key: "a/", Val: []byte{}, Prefix: true}}}, "cannot have a value"},
		"everything":         {store.Txn{Do: []store.Op{{Prefix: true}}}, "an empty key"},
		"long key":           {store.Txn{Do: []store.Op{{Key: long}}}, "more than 1024"},
		"large value":        {store.Txn{Do: []store.Op{{Key: "a", Val: make([]byte, store.MaxVal+1)}}}, "a value of 1048577 bytes"},
		"condition":          {store.Txn{If: []store.Cond{{Key: "a\x00"}}}, "contains NUL"},
		"not UTF-8":          {store.Txn{If: []store.Cond{{Key: "a\xff"}}}, "not UTF-8"},
		"job":                {store.Txn{Enqueue: []store.Job{{ID: "j", Fn: "f"}}}, ""},
		"job without id":     {store.Txn{Enqueue: []store.Job{{Fn: "f"}}}, "an empty key"},
		"job without fn":     {store.Txn{Enqueue: []store.Job{{ID: "j"}}}, "function: an empty key"},
		"job with much body": {store.Txn{Enqueue: []store.Job{{ID: "j", Fn: "f", Body: make([]byte, store.MaxBody+1)}}}, "a body of"},
		"finish":             {store.Txn{Finish: []string{long}}, "finish"},
	} {
		err := tt.txn.Validate()
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}

// TestChecksum: the sums are in data directories; they must never change.
func TestChecksum(t *testing.T) {
	for _, tt := range []struct {
		key  string
		rev  store.Rev
		val  []byte
		want uint32
	}{
		{"fn/a", 7, []byte("value"), 0x9b7c0f0a},
		{"fn/a", 7, []byte{}, 0xf6d19979},
		{"fn/a", 7, nil, 0x04ba1a7a},
		{"fn/a", 8, nil, 0xe3c31087},
	} {
		if got := store.Checksum(tt.key, tt.rev, tt.val); got != tt.want {
			t.Errorf("%q at %d, %q: %#08x, want %#08x", tt.key, tt.rev, tt.val, got, tt.want)
		}
	}
}
