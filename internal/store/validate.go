package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"unicode/utf8"
)

// Validate reports what no backend accepts: keys that are empty, too long, not
// UTF-8 or contain NUL, values that are too long, and ill-formed operations.
// Backends call it first.
func (t Txn) Validate() error {
	for _, c := range t.If {
		if err := validKey(c.Key); err != nil {
			return fmt.Errorf("store: condition: %w", err)
		}
	}
	for _, op := range t.Do {
		if err := op.validate(); err != nil {
			return fmt.Errorf("store: operation on %q: %w", op.Key, err)
		}
	}
	for _, job := range t.Enqueue {
		if err := job.validate(); err != nil {
			return fmt.Errorf("store: job %q: %w", job.ID, err)
		}
	}
	for _, id := range t.Finish {
		if err := validKey(id); err != nil {
			return fmt.Errorf("store: finish: %w", err)
		}
	}
	return nil
}

func (op Op) validate() error {
	if err := validKey(op.Key); err != nil {
		return err
	}
	if len(op.Val) > MaxVal {
		return fmt.Errorf("a value of %d bytes, more than %d", len(op.Val), MaxVal)
	}
	if !op.Prefix {
		return nil
	}
	if op.Val != nil {
		return errors.New("a prefix cannot have a value")
	}
	if !strings.HasSuffix(op.Key, "/") {
		return errors.New(`a prefix must end in "/"`)
	}
	return nil
}

func (j Job) validate() error {
	if err := validKey(j.ID); err != nil {
		return err
	}
	if err := validKey(j.Fn); err != nil {
		return fmt.Errorf("function: %w", err)
	}
	if len(j.Body) > MaxBody {
		return fmt.Errorf("a body of %d bytes, more than %d", len(j.Body), MaxBody)
	}
	return nil
}

func validKey(key string) error {
	switch {
	case key == "":
		return errors.New("an empty key")
	case len(key) > MaxKey:
		return fmt.Errorf("a key of %d bytes, more than %d", len(key), MaxKey)
	case !utf8.ValidString(key):
		return fmt.Errorf("key %q is not UTF-8", key)
	case strings.IndexByte(key, 0) >= 0:
		return fmt.Errorf("key %q contains NUL", key)
	}
	return nil
}

// Checksum is the CRC-32C that every backend keeps with a record and checks
// when it reads it. A nil val, a tombstone, differs from an empty one.
func Checksum(key string, rev Rev, val []byte) uint32 {
	var fixed [9]byte
	binary.BigEndian.PutUint64(fixed[:8], uint64(rev))
	if val != nil {
		fixed[8] = 1
	}
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(0, table, []byte(key))
	sum = crc32.Update(sum, table, fixed[:])
	return crc32.Update(sum, table, val)
}
