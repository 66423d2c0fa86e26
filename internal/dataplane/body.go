package dataplane

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
)

// Limits of a buffered invocation: 6 MB of event, into which a binary body
// goes in base64.
const (
	maxEvent = 6 << 20
	maxBody  = 6 << 20
	// firstRead is the memory that a body gets before any of it has arrived:
	// announcing much must cost the server little.
	firstRead = 64 << 10
	// maxDrain is how much of the body of a refused request is taken, so that
	// the client gets to read why.
	maxDrain = 8 << 20
	// keptBuffer is the largest buffer that is kept for the next request.
	keptBuffer = 64 << 10
)

// readBody reads the whole body, nil if there is none.
func readBody(r *http.Request) ([]byte, *refusal) {
	size := r.ContentLength
	if size == 0 || r.Body == http.NoBody {
		return nil, nil
	}
	if size > maxBody {
		return nil, refuseTooLarge()
	}
	var body bytes.Buffer
	body.Grow(int(min(max(size, 0), firstRead)) + bytes.MinRead) // ReadFrom wants room for one more read to see the end
	_, err := body.ReadFrom(io.LimitReader(r.Body, maxBody+1))
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refuseSlow()
	case err != nil:
		return nil, refuseMalformed("the body cannot be read: " + err.Error())
	case body.Len() > maxBody:
		return nil, refuseTooLarge()
	}
	return body.Bytes(), nil
}

// drain takes the rest of a refused request's body. Many clients read no answer
// before they have sent everything, and to close the connection on one that is
// still sending can destroy the answer. A client that waits to be told to send
// gets its answer at once; one with more than is taken loses the connection.
func drain(r *http.Request) {
	if r.ContentLength != 0 && r.Header["Expect"] == nil {
		_, _ = io.CopyN(io.Discard, r.Body, maxDrain)
	}
}

// buffer is a pooled byte slice; the pool holds pointers so that putting one
// back allocates nothing.
type buffer struct{ b []byte }

type bufferPool struct{ pool sync.Pool }

func (p *bufferPool) get() *buffer {
	if b, ok := p.pool.Get().(*buffer); ok {
		return b
	}
	return &buffer{make([]byte, 0, 4<<10)}
}

func (p *bufferPool) put(b *buffer) {
	if cap(b.b) <= keptBuffer {
		p.pool.Put(b)
	}
}
