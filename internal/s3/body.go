package s3

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"furl/internal/s3/checksum"
	"furl/internal/s3/chunked"
	"furl/internal/sigv4"
)

// inMemory is how much of a body is kept in memory; the rest goes to a file.
const inMemory = 256 << 10

// newID is a random text of n bytes' randomness: letters, digits, - and _.
func newID(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// content is a body that came in, or the content of an object on its way to becoming a blob.
type content struct {
	size   int64
	sha256 [sha256.Size]byte
	md5    []byte
	sum    *checksum.Part // the checksum that was asked for

	mem  bytes.Buffer
	file *os.File // without a name; nil where mem holds it all
}

// reader reads it from the beginning.
func (c *content) reader() io.Reader {
	if c.file == nil {
		return bytes.NewReader(c.mem.Bytes())
	}
	return io.MultiReader(bytes.NewReader(c.mem.Bytes()), io.NewSectionReader(c.file, 0, c.size-int64(c.mem.Len())))
}

// close frees the file.
func (c *content) close() {
	if c.file != nil {
		c.file.Close() // it has no name and nothing to flush
	}
}

// spool writes a content. What exceeds the memory goes to a file that has no name, and so ends with the process.
type spool struct {
	*content
	dir string
}

func (s spool) Write(p []byte) (int, error) {
	if s.file == nil && s.mem.Len()+len(p) > inMemory {
		f, err := os.CreateTemp(s.dir, "body-*")
		if err != nil {
			return 0, err
		}
		s.file = f
		if err := os.Remove(f.Name()); err != nil {
			return 0, err
		}
	}
	if s.file == nil {
		return s.mem.Write(p)
	}
	return s.file.Write(p)
}

// receive reads r to its end and keeps it, with its digests. More than limit bytes are an error.
func (s *Service) receive(r io.Reader, limit int64, algorithm checksum.Algorithm) (*content, error) {
	c := &content{}
	sha, sum, check := sha256.New(), md5.New(), hash.Hash(nil)
	to := []io.Writer{spool{c, s.o.Dir}, sha, sum}
	if algorithm != "" && algorithm != checksum.SHA256 {
		check = algorithm.New()
		to = append(to, check)
	}
	n, err := io.Copy(io.MultiWriter(to...), io.LimitReader(r, limit+1))
	if err == nil && n > limit {
		err = entityTooLarge(-1, limit)
	}
	if err != nil {
		c.close()
		return nil, err
	}
	c.size, c.md5 = n, sum.Sum(nil)
	sha.Sum(c.sha256[:0])
	switch {
	case check != nil:
		c.sum = &checksum.Part{Sum: check.Sum(nil), Size: n}
	case algorithm != "":
		c.sum = &checksum.Part{Sum: c.sha256[:], Size: n}
	}
	return c, nil
}

// keep makes blobs of it.
func (s *Service) keep(ctx context.Context, c *content) ([]blob, error) {
	if c.size == 0 {
		return nil, nil
	}
	b := blob{c.sha256, c.size}
	if err := s.blobs.Put(ctx, b.name(), c.size, c.reader()); err != nil {
		return nil, fmt.Errorf("s3: keep a content: %w", err)
	}
	return []blob{b}, nil
}

// expected is what a request says of its body.
type expected struct {
	size      int64
	md5       []byte
	algorithm checksum.Algorithm
	sum       []byte // nil where it is in the trailer
	trailer   string // the field that it is in
}

// expect reads what the headers say of the body.
func (x *exchange) expect(most int64) (*expected, error) {
	e := &expected{size: x.r.ContentLength}
	if strings.HasPrefix(x.payload, "STREAMING-") {
		n, err := strconv.ParseInt(x.header("X-Amz-Decoded-Content-Length"), 10, 64)
		if err != nil || n < 0 {
			return nil, failure(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
		}
		e.size = n
	}
	if e.size < 0 {
		return nil, failure(411, "MissingContentLength", "You must provide the Content-Length HTTP header.")
	}
	if e.size > most {
		return nil, entityTooLarge(e.size, most)
	}
	if text := x.header("Content-Md5"); text != "" {
		sum, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(sum) != md5.Size {
			return nil, failure(400, "InvalidDigest", "The Content-MD5 you specified was invalid.").WithMember("Content-MD5", text)
		}
		e.md5 = sum
	}
	return e, x.expectSum(e)
}

// expectSum reads which checksum the body should have.
func (x *exchange) expectSum(e *expected) error {
	if x.objectSums {
		return nil
	}
	for _, a := range checksum.Algorithms() {
		sent := x.header(a.Header())
		trails := strings.EqualFold(x.header("X-Amz-Trailer"), a.Header())
		if sent == "" && !trails {
			continue
		}
		if e.algorithm != "" {
			return invalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		e.algorithm = a
		if trails {
			e.trailer = a.Header()
			continue
		}
		var ok bool
		if e.sum, ok = a.Decode(sent); !ok {
			return invalidRequest("Value for %s header is invalid.", a.Header())
		}
	}
	if name := x.header("X-Amz-Trailer"); name != "" && e.trailer == "" {
		return invalidRequest("The value specified in the x-amz-trailer header is not supported")
	}
	if named := x.header("X-Amz-Sdk-Checksum-Algorithm"); named != "" {
		a, ok := checksum.Parse(named)
		if !ok || e.algorithm != "" && e.algorithm != a {
			return invalidRequest("Value for x-amz-sdk-checksum-algorithm header is invalid.")
		}
	}
	return nil
}

// body reads the request's body and checks it against all that the request says of it. usual is the checksum to compute
// where the request names none; empty for none.
func (x *exchange) body(most int64, usual checksum.Algorithm) (*content, *expected, error) {
	e, err := x.expect(most)
	if err != nil {
		return nil, nil, err
	}
	algorithm := e.algorithm
	if algorithm == "" {
		algorithm = usual
	}
	from, chunks := x.decoded()
	c, err := x.s.receive(from, most, algorithm)
	if err != nil {
		return nil, nil, bodyError(err)
	}
	if err := x.checkBody(c, e, chunks); err != nil {
		c.close()
		return nil, nil, err
	}
	if e.algorithm == "" {
		e.algorithm = algorithm
	}
	return c, e, nil
}

// decoded is the body without its chunks; the Reader is nil for a body without any.
func (x *exchange) decoded() (io.Reader, *chunked.Reader) {
	var o chunked.Options
	switch x.payload {
	case sigv4.StreamingUnsignedTrailer:
		o.Trailer = true
	case sigv4.StreamingPayload:
		o.Signatures = x.claim.Chunks()
	case sigv4.StreamingPayloadTrailer:
		o.Signatures, o.Trailer = x.claim.Chunks(), true
	default:
		return x.r.Body, nil
	}
	r := chunked.NewReader(x.r.Body, o)
	return r, r
}

// bodyError words what went wrong as the body was read.
func bodyError(err error) error {
	switch {
	case errors.Is(err, chunked.ErrSignature):
		return signatureMismatch()
	case errors.Is(err, chunked.ErrMalformed):
		return failure(400, "InvalidRequest", "The body of the request is not in the form that x-amz-content-sha256 says.")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return incompleteBody()
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, http.ErrBodyReadAfterClose), errors.Is(err, context.Canceled):
		return failure(400, "RequestTimeout", "Your socket connection to the server was not read from or written to within the timeout period. "+
			"Idle connections will be closed.")
	}
	return err
}

func incompleteBody() error {
	return failure(400, "IncompleteBody", "The request body terminated unexpectedly")
}

// checkBody compares the body with what the request says of it.
func (x *exchange) checkBody(c *content, e *expected, chunks *chunked.Reader) error {
	if c.size != e.size {
		return incompleteBody()
	}
	if len(x.payload) == hex.EncodedLen(sha256.Size) && !strings.EqualFold(x.payload, hex.EncodeToString(c.sha256[:])) {
		return failure(400, "XAmzContentSHA256Mismatch", "The provided 'x-amz-content-sha256' header does not match what was computed.").
			WithMember("ClientComputedContentSHA256", x.payload).WithMember("S3ComputedContentSHA256", hex.EncodeToString(c.sha256[:]))
	}
	if e.md5 != nil && !bytes.Equal(e.md5, c.md5) {
		return badDigest("The Content-MD5 you specified did not match what we received.").
			WithMember("ExpectedDigest", hex.EncodeToString(e.md5)).WithMember("CalculatedDigest", base64.StdEncoding.EncodeToString(c.md5))
	}
	if e.trailer != "" {
		if chunks == nil {
			return invalidRequest("x-amz-trailer needs a body in the aws-chunked form")
		}
		var ok bool
		if e.sum, ok = e.algorithm.Decode(chunks.Trailer()[e.trailer]); !ok {
			return failure(400, "MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema.")
		}
	}
	if e.sum != nil && (c.sum == nil || !bytes.Equal(e.sum, c.sum.Sum)) {
		return badDigest("The %s you specified did not match the calculated checksum.", e.algorithm)
	}
	return nil
}
