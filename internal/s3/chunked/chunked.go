// Package chunked reads bodies in S3's own chunked form, aws-chunked: chunks that may be signed one by one, and trailing
// header fields. It checks their signatures; what the fields say of the content is for others to compare.
package chunked

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"strconv"
	"strings"
)

// Limits of what surrounds the content. S3 clients send chunks of 64 KiB and up; the last one may be of any size.
const (
	maxLine   = 1024    // bytes of a chunk's first line, or of a trailing field
	maxFields = 8       // trailing fields
	maxChunk  = 1 << 40 // bytes of a chunk
)

// What goes wrong.
var (
	// ErrMalformed says that the body is not in this form.
	ErrMalformed = errors.New("chunked: the body is not in the aws-chunked form")
	// ErrSignature says that a chunk, or the trailing fields, do not have the signature that they should.
	ErrSignature = errors.New("chunked: a signature does not match")
)

// Signatures checks the signatures of a body, in order. *sigv4.Chunks does.
type Signatures interface {
	Chunk(signature string, content [sha256.Size]byte) bool
	Trailer(signature string, fields [sha256.Size]byte) bool
}

// Options say which of the forms a body has.
type Options struct {
	// Signatures is nil for chunks that are not signed.
	Signatures Signatures
	// Trailer has trailing fields follow the last chunk.
	Trailer bool
}

// Reader reads the content. A chunk's signature is checked when all of the chunk was read: content must not be used
// before Read has answered io.EOF.
type Reader struct {
	in   *bufio.Reader
	opts Options

	left      int64 // of the chunk
	signature string
	sum       hash.Hash
	begun     bool
	err       error
	trailer   map[string]string
}

// NewReader reads the content of a body.
func NewReader(r io.Reader, o Options) *Reader {
	return &Reader{in: bufio.NewReaderSize(r, 32<<10), opts: o, sum: sha256.New()}
}

// Trailer are the trailing fields by their names in lower case; nil until the content was read.
func (r *Reader) Trailer() map[string]string { return r.trailer }

// Read reads content. Its errors are io.EOF, ErrMalformed, ErrSignature, and those of the body; a body that ends too
// early is io.ErrUnexpectedEOF.
func (r *Reader) Read(p []byte) (int, error) {
	for r.err == nil && r.left == 0 {
		r.err = r.next()
	}
	if r.err != nil {
		return 0, r.err
	}
	n, err := r.in.Read(p[:min(int64(len(p)), r.left)])
	if r.opts.Signatures != nil {
		r.sum.Write(p[:n])
	}
	r.left -= int64(n)
	if err != nil {
		r.err = early(err)
	}
	return n, r.err
}

// next goes on to the next chunk. After the last one it reads what follows and answers io.EOF.
func (r *Reader) next() error {
	if r.begun {
		if err := r.endChunk(true); err != nil {
			return err
		}
	}
	line, err := r.line()
	if err != nil {
		return err
	}
	size, extension, _ := strings.Cut(line, ";")
	r.left, err = strconv.ParseInt(size, 16, 64)
	if err != nil || r.left < 0 || r.left > maxChunk || strings.ContainsAny(size, "+-_") {
		return ErrMalformed
	}
	if r.opts.Signatures != nil {
		name, value, ok := strings.Cut(extension, "=")
		if !ok || name != "chunk-signature" {
			return ErrMalformed
		}
		r.signature = value
	}
	r.begun = true
	if r.left > 0 {
		return nil
	}
	if err := r.finish(); err != nil {
		return err
	}
	return io.EOF
}

// endChunk checks the chunk that was read, after whose content there may be a line end.
func (r *Reader) endChunk(line bool) error {
	if line {
		if rest, err := r.line(); err != nil || rest != "" {
			return malformed(err)
		}
	}
	if r.opts.Signatures == nil {
		return nil
	}
	var sum [sha256.Size]byte
	r.sum.Sum(sum[:0])
	r.sum.Reset()
	if !r.opts.Signatures.Chunk(r.signature, sum) {
		return ErrSignature
	}
	return nil
}

// finish reads what follows the last chunk's first line: trailing fields and an empty line. Clients differ in whether
// they send the empty line.
func (r *Reader) finish() error {
	if err := r.endChunk(false); err != nil {
		return err
	}
	r.trailer = map[string]string{}
	var signed bytes.Buffer
	var signature string
	for empty := 0; ; {
		line, err := r.line()
		if errors.Is(err, io.ErrUnexpectedEOF) && line == "" {
			break
		}
		if err != nil {
			return err
		}
		if line == "" {
			// An empty line ends it, but for clients that send one before their fields or the signature of these.
			if empty++; empty <= 2 && signature == "" && r.opts.Trailer && r.more() {
				continue
			}
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !r.opts.Trailer || len(r.trailer) >= maxFields {
			return ErrMalformed
		}
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if name == "x-amz-trailer-signature" {
			signature = value
			continue
		}
		if _, twice := r.trailer[name]; twice {
			return ErrMalformed
		}
		r.trailer[name] = value
		signed.WriteString(name + ":" + value + "\n")
	}
	if r.more() {
		return ErrMalformed
	}
	if r.opts.Trailer && r.opts.Signatures != nil && !r.opts.Signatures.Trailer(signature, sha256.Sum256(signed.Bytes())) {
		return ErrSignature
	}
	return nil
}

// more reports whether anything follows.
func (r *Reader) more() bool {
	_, err := r.in.Peek(1)
	return err == nil
}

// line reads a line without its end. At the end of the body it is io.ErrUnexpectedEOF.
func (r *Reader) line() (string, error) {
	var line []byte
	for {
		b, err := r.in.ReadByte()
		if err != nil {
			return string(line), early(err)
		}
		if b == '\n' {
			break
		}
		if line = append(line, b); len(line) > maxLine {
			return "", ErrMalformed
		}
	}
	text, ok := strings.CutSuffix(string(line), "\r")
	if !ok && len(line) > 0 || strings.ContainsRune(text, '\r') {
		// A bare LF ends no line but a trailing field's, which some clients end so before CRLF.
		return strings.TrimSuffix(text, "\r"), malformedUnlessField(text)
	}
	return text, nil
}

func malformedUnlessField(line string) error {
	if strings.Contains(line, ":") && !strings.ContainsRune(line, '\r') {
		return nil
	}
	return ErrMalformed
}

func malformed(err error) error {
	if err != nil {
		return err
	}
	return ErrMalformed
}

func early(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
