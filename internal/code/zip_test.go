package code_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io/fs"
	"strings"
	"testing"
	"time"
)

// entry is one entry of an archive made for a test.
type entry struct {
	name string
	body string
	mode fs.FileMode // 0: 0644
	edit func(*zip.FileHeader)
}

// archive returns a zip archive with the given entries, whatever they are.
func archive(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		h := &zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: time.Date(2025, 6, 7, 8, 9, 10, 0, time.UTC)}
		if e.mode == 0 {
			e.mode = 0o644
		}
		h.SetMode(e.mode)
		if e.edit != nil {
			e.edit(h)
		}
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(e.body)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// central returns the offset of the record about an entry in the table at the archive's end.
func central(t testing.TB, data []byte, name string) int {
	t.Helper()
	for at := 0; ; at += 4 {
		i := bytes.Index(data[at:], []byte("PK\x01\x02"))
		if i < 0 {
			t.Fatalf("no record of %q", name)
		}
		at += i
		if strings.HasPrefix(string(data[at+46:]), name) {
			return at
		}
	}
}

// Offsets of fields in that record.
const (
	atFlags        = 8
	atMethod       = 10
	atCRC          = 16
	atCompressed   = 20
	atUncompressed = 24
	atOffset       = 42
)

func put16(data []byte, at int, v uint16) []byte {
	binary.LittleEndian.PutUint16(data[at:], v)
	return data
}

func put32(data []byte, at int, v uint32) []byte {
	binary.LittleEndian.PutUint32(data[at:], v)
	return data
}

func get32(data []byte, at int) uint32 { return binary.LittleEndian.Uint32(data[at:]) }

// digest returns the name of an archive in a cache.
func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
