package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"furl/internal/store"
)

func blobTests() []test {
	return []test{
		{"PutAndOpen", putAndOpen},
		{"Mismatch", mismatch},
		{"BadName", badName},
		{"FailingReader", failingReader},
		{"PutTwice", putTwice},
		{"PutAtOnce", putAtOnce},
		{"Sweep", sweep},
	}
}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

func putBlob(t *testing.T, s store.Blobs, content string) string {
	t.Helper()
	sha := sum([]byte(content))
	if err := s.Put(t.Context(), sha, int64(len(content)), strings.NewReader(content)); err != nil {
		t.Fatalf("put: %v", err)
	}
	return sha
}

func readBlob(ctx context.Context, s store.Blobs, sha string) ([]byte, error) {
	r, err := s.Open(ctx, sha)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(r)
	return b, errors.Join(err, r.Close())
}

func hasBlob(t *testing.T, s store.Blobs, sha string) bool {
	t.Helper()
	b, err := readBlob(t.Context(), s, sha)
	if errors.Is(err, fs.ErrNotExist) {
		return false
	}
	if err != nil || sum(b) != sha {
		t.Fatalf("blob %s: %d bytes, %v", sha, len(b), err)
	}
	return true
}

func putAndOpen(t *testing.T, b Backend) {
	s := b.Store
	large := strings.Repeat("0123456789abcdef", 200_000)
	shas := []string{putBlob(t, s, ""), putBlob(t, s, "small"), putBlob(t, s, large)}
	s = b.Reopen(t)
	for _, sha := range shas {
		if !hasBlob(t, s, sha) {
			t.Errorf("blob %s is not there", sha)
		}
	}
	if hasBlob(t, s, sum([]byte("never"))) {
		t.Error("a blob that was never put")
	}
}

func mismatch(t *testing.T, b Backend) {
	content := []byte("content")
	sha := sum(content)
	for name, put := range map[string]struct {
		size    int64
		content string
	}{
		"other content": {7, "c0ntent"},
		"too short":     {7, "conten"},
		"too long":      {7, "content!"},
		"wrong size":    {8, "content"},
		"negative size": {-1, "content"},
		"empty":         {0, ""},
	} {
		err := b.Store.Put(t.Context(), sha, put.size, strings.NewReader(put.content))
		if !errors.Is(err, store.ErrMismatch) {
			t.Errorf("%s: %v", name, err)
		}
		if hasBlob(t, b.Store, sha) {
			t.Fatalf("%s: it is there", name)
		}
	}
}

func badName(t *testing.T, b Backend) {
	for _, sha := range []string{"", "abc", "../" + strings.Repeat("a", 61), strings.Repeat("A", 64), strings.Repeat("g", 64)} {
		if err := b.Store.Put(t.Context(), sha, 0, strings.NewReader("")); err == nil || errors.Is(err, store.ErrMismatch) {
			t.Errorf("put %q: %v", sha, err)
		}
		if _, err := b.Store.Open(t.Context(), sha); err == nil || errors.Is(err, fs.ErrNotExist) {
			t.Errorf("open %q: %v", sha, err)
		}
	}
}

func failingReader(t *testing.T, b Backend) {
	mine := errors.New("mine")
	content := []byte("content")
	r := io.MultiReader(bytes.NewReader(content[:3]), iotest.ErrReader(mine))
	if err := b.Store.Put(t.Context(), sum(content), 7, r); !errors.Is(err, mine) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Store.Put(ctx, sum(content), 7, bytes.NewReader(content)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if hasBlob(t, b.Store, sum(content)) {
		t.Error("it is there")
	}
	putBlob(t, b.Store, string(content))
}

func putTwice(t *testing.T, b Backend) {
	sha := putBlob(t, b.Store, "content")
	if err := b.Store.Put(t.Context(), sha, 7, iotest.ErrReader(errors.New("read"))); err != nil {
		t.Errorf("put again: %v", err)
	}
	if !hasBlob(t, b.Store, sha) {
		t.Error("it is gone")
	}
}

func putAtOnce(t *testing.T, b Backend) {
	parallel(t, racers, func(i int) error {
		for k := range 5 {
			content := bytes.Repeat([]byte(fmt.Sprint("shared", k)), 5000)
			if err := b.Store.Put(t.Context(), sum(content), int64(len(content)), bytes.NewReader(content)); err != nil {
				return err
			}
			got, err := readBlob(t.Context(), b.Store, sum(content))
			if err != nil || !bytes.Equal(got, content) {
				return fmt.Errorf("racer %d: %d bytes, %v", i, len(got), err)
			}
		}
		return nil
	})
}

func sweep(t *testing.T, b Backend) {
	s := b.Store
	kept, old, renewed := putBlob(t, s, "kept"), putBlob(t, s, "old"), putBlob(t, s, "renewed")
	b.Advance(2 * time.Hour)
	fresh := putBlob(t, s, "fresh")
	putBlob(t, s, "renewed")
	keep := func(sha string) bool { return sha == kept }
	if err := s.Sweep(t.Context(), keep, 3*time.Hour); err != nil || !hasBlob(t, s, old) {
		t.Errorf("nothing is that old: %v", err)
	}
	if err := s.Sweep(t.Context(), keep, time.Hour); err != nil {
		t.Fatal(err)
	}
	for sha, want := range map[string]bool{kept: true, old: false, renewed: true, fresh: true} {
		if hasBlob(t, s, sha) != want {
			t.Errorf("blob %s: there is %v, want %v", sha, !want, want)
		}
	}
	putBlob(t, s, "old")
}
