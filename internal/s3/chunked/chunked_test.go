package chunked_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"
	"testing/iotest"

	"furl/internal/s3/chunked"
)

// plainHash takes for a signature the hash of what it covers.
type plainHash struct{}

func (plainHash) Chunk(signature string, content [32]byte) bool {
	return signature == hex.EncodeToString(content[:])
}

func (plainHash) Trailer(signature string, fields [32]byte) bool {
	return signature == hex.EncodeToString(fields[:])
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func TestReader(t *testing.T) {
	signed, trailing := chunked.Options{Signatures: plainHash{}}, chunked.Options{Trailer: true}
	both := chunked.Options{Signatures: plainHash{}, Trailer: true}
	tests := map[string]struct {
		body    string
		opts    chunked.Options
		want    string
		trailer map[string]string
		err     error
	}{
		"unsigned with a trailer":  {"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:AA==\r\n\r\n", trailing, "abc", map[string]string{"x-amz-checksum-crc32": "AA=="}, nil},
		"empty":                    {"0\r\nX-Amz-Checksum-Crc32: AA==\r\n\r\n", trailing, "", map[string]string{"x-amz-checksum-crc32": "AA=="}, nil},
		"no empty line at the end": {"1\r\na\r\n0\r\nx:y\r\n", trailing, "a", map[string]string{"x": "y"}, nil},
		"signed": {"3;chunk-signature=" + hash("abc") + "\r\nabc\r\n2;chunk-signature=" + hash("de") + "\r\nde\r\n0;chunk-signature=" + hash("") + "\r\n\r\n",
			signed, "abcde", map[string]string{}, nil},
		"signed with a trailer": {"1;chunk-signature=" + hash("a") + "\r\na\r\n0;chunk-signature=" + hash("") + "\r\nx:y\r\nx-amz-trailer-signature:" + hash("x:y\n") + "\r\n\r\n",
			both, "a", map[string]string{"x": "y"}, nil},
		"as the reference writes a trailer": {"1;chunk-signature=" + hash("a") + "\r\na\r\n0;chunk-signature=" + hash("") + "\r\nx:y\n\r\nx-amz-trailer-signature:" + hash("x:y\n") + "\r\n\r\n",
			both, "a", map[string]string{"x": "y"}, nil},

		"wrong signature":           {"3;chunk-signature=" + hash("abd") + "\r\nabc\r\n0;chunk-signature=" + hash("") + "\r\n\r\n", signed, "abc", nil, chunked.ErrSignature},
		"wrong last signature":      {"0;chunk-signature=" + hash("x") + "\r\n\r\n", signed, "", nil, chunked.ErrSignature},
		"wrong trailer signature":   {"0;chunk-signature=" + hash("") + "\r\nx:z\r\nx-amz-trailer-signature:" + hash("x:y\n") + "\r\n\r\n", both, "", nil, chunked.ErrSignature},
		"missing trailer signature": {"0;chunk-signature=" + hash("") + "\r\nx:y\r\n\r\n", both, "", nil, chunked.ErrSignature},
		"no signature":              {"3\r\nabc\r\n0\r\n\r\n", signed, "", nil, chunked.ErrMalformed},
		"trailer not announced":     {"0;chunk-signature=" + hash("") + "\r\nx:y\r\n\r\n", signed, "", nil, chunked.ErrMalformed},
		"size":                      {"-1\r\n", trailing, "", nil, chunked.ErrMalformed},
		"size with a plus":          {"+1\r\na\r\n0\r\n\r\n", trailing, "", nil, chunked.ErrMalformed},
		"size too large":            {"ffffffffffff\r\n", trailing, "", nil, chunked.ErrMalformed},
		"longer than its size":      {"1\r\nab\r\n0\r\n\r\n", trailing, "a", nil, chunked.ErrMalformed},
		"cut off":                   {"5\r\nab", trailing, "ab", nil, io.ErrUnexpectedEOF},
		"cut off between chunks":    {"1\r\na\r\n", trailing, "a", nil, io.ErrUnexpectedEOF},
		"long line":                 {strings.Repeat("0", 2000), trailing, "", nil, chunked.ErrMalformed},
		"field twice":               {"0\r\nx:1\r\nx:2\r\n\r\n", trailing, "", nil, chunked.ErrMalformed},
		"something after it":        {"0\r\nx:1\r\n\r\n\r\n\r\nmore", trailing, "", nil, chunked.ErrMalformed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			for kind, body := range map[string]io.Reader{"at once": strings.NewReader(tt.body), "by bytes": iotest.OneByteReader(strings.NewReader(tt.body))} {
				r := chunked.NewReader(body, tt.opts)
				got, err := io.ReadAll(r)
				if string(got) != tt.want || !errors.Is(err, tt.err) {
					t.Errorf("%s: %q, %v; want %q, %v", kind, got, err, tt.want, tt.err)
				}
				if tt.err == nil && !maps.Equal(r.Trailer(), tt.trailer) {
					t.Errorf("%s: trailer %v, want %v", kind, r.Trailer(), tt.trailer)
				}
			}
		})
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte("3\r\nabc\r\n0\r\nx:y\r\n\r\n"), false, true)
	f.Add([]byte("1;chunk-signature="+hash("a")+"\r\na\r\n0;chunk-signature="+hash("")+"\r\nx:y\n\r\nx-amz-trailer-signature:"+hash("x:y\n")+"\r\n\r\n"), true, true)
	f.Fuzz(func(t *testing.T, body []byte, signed, trailer bool) {
		o := chunked.Options{Trailer: trailer}
		if signed {
			o.Signatures = plainHash{}
		}
		got, err := io.ReadAll(chunked.NewReader(bytes.NewReader(body), o))
		if len(got) > len(body) {
			t.Fatalf("%d bytes out of %d", len(got), len(body))
		}
		again, err2 := io.ReadAll(chunked.NewReader(iotest.HalfReader(bytes.NewReader(body)), o))
		if !bytes.Equal(got, again) || (err == nil) != (err2 == nil) {
			t.Fatalf("%q, %v; in pieces %q, %v", got, err, again, err2)
		}
	})
}
