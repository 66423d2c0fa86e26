package dataplane

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"furl/internal/environment"
	"furl/internal/payload"
)

// stallTime is how long a client over HTTP/2 may leave a write without taking any
// of it. That of HTTP/1 is the connection's.
const stallTime = time.Minute

var (
	errClientLeft = errors.New("dataplane: the client went away")
	errMalformed  = errors.New("dataplane: the stream has no proper prelude")
)

// stream passes on to the client what the function streams, each piece at once.
// The status and the headers go out with the first byte, or with the prelude that
// says them: until then an error can still be answered with its own status.
type stream struct {
	w    http.ResponseWriter
	conn *http.ResponseController
	ctx  context.Context
	head bool
	// stall ends a write that does not get on; stalled has a value after it did.
	stall     *time.Timer
	stallTime time.Duration
	stalled   chan struct{}

	// prelude holds what has come of one, while it is not complete.
	expects bool
	prelude []byte

	status   int // sent, 0 before
	bodyless bool
	bytes    int64 // of the body, that the client was sent
	left     bool
	cut      bool // the function's time was up while the client took nothing
	// refused is why the client got a refusal in place of the stream.
	refused *refusal
}

func newStream(w http.ResponseWriter, r *http.Request, stallTime time.Duration) *stream {
	s := &stream{w: w, conn: http.NewResponseController(w), ctx: r.Context(), head: r.Method == http.MethodHead, stallTime: stallTime}
	if r.ProtoMajor >= 2 {
		s.stalled = make(chan struct{}, 1)
		s.stall = time.AfterFunc(stallTime, func() {
			s.conn.SetWriteDeadline(time.Unix(1, 0)) // where it cannot be set the connection has one
			s.stalled <- struct{}{}
		})
		s.stall.Stop()
	}
	return s
}

// Begin implements environment.Stream.
func (s *stream) Begin(contentType string) error {
	s.expects = contentType == payload.PreludeType
	s.left = s.ctx.Err() != nil // there will be no Write to find that out
	return s.ctx.Err()
}

// Write implements environment.Stream.
func (s *stream) Write(p []byte) (int, error) {
	if s.ctx.Err() != nil {
		s.left = true
		return 0, errClientLeft
	}
	body, opened := p, false
	if s.status == 0 {
		var err error
		if body, opened, err = s.start(p); err != nil || !opened {
			return len(p), err
		}
	}
	if opened || len(body) > 0 && !s.bodyless {
		if err := s.send(body); err != nil {
			s.left = true
			return 0, errClientLeft
		}
	}
	return len(p), nil
}

// Cut implements environment.Cutter.
func (s *stream) Cut() {
	s.cut = true
	s.conn.SetWriteDeadline(time.Unix(1, 0)) // where it cannot be set the connection has one
}

// start sends the status and the headers as soon as they are known, and returns what
// of p belongs to the body.
func (s *stream) start(p []byte) (body []byte, opened bool, err error) {
	if !s.expects {
		if len(p) > 0 {
			s.open(&payload.Prelude{Status: http.StatusOK, Header: plainHeader()})
		}
		return p, len(p) > 0, nil
	}
	s.prelude = append(s.prelude, p...)
	prelude, body, complete, err := payload.ParsePrelude(s.prelude)
	if err != nil {
		// At once: the function may go on for long, and nothing of it is of use.
		s.refused = refuseFunction(err.Error())
		s.refused.write(s.w, s.head)
		s.conn.Flush() // a client that has gone cannot be told
		return nil, false, errMalformed
	}
	if complete {
		s.prelude = nil
		s.open(&prelude)
	}
	return body, complete, nil
}

// plainHeader is the header of a stream that says nothing about itself.
func plainHeader() []payload.HeaderField {
	return []payload.HeaderField{{Name: "Content-Type", Value: "application/octet-stream"}}
}

func (s *stream) open(p *payload.Prelude) {
	s.status = p.Status
	s.bodyless = s.head || p.Status == http.StatusNoContent || p.Status == http.StatusNotModified
	p.WriteHeader(s.w)
}

// send writes a part of the body and sees it on its way.
func (s *stream) send(p []byte) error {
	if s.stall != nil {
		s.stall.Reset(s.stallTime)
		defer func() {
			if !s.stall.Stop() {
				<-s.stalled // what it calls is no longer there after the request
			}
		}()
	}
	if len(p) > 0 && !s.bodyless {
		n, err := s.w.Write(p)
		s.bytes += int64(n)
		if err != nil {
			return err
		}
	}
	return s.conn.Flush()
}

// finish completes the answer when the function has ended. An error after the first
// byte ends it as AWS does: like any other, with what there is.
func (s *stream) finish(c *call, res *environment.Result) (int, *refusal) {
	switch {
	case s.refused != nil:
		c.note = s.refused.reason
		return s.refused.status, nil
	case s.status == 0 && (s.left || s.expects && res.FunctionError == "" && s.ctx.Err() != nil): // or it was told within the prelude
		c.note = "the client went away before the function answered"
		return statusGone, nil
	case s.cut:
		c.note = "the function timed out while its client took nothing, after " + strconv.FormatInt(s.bytes, 10) + " bytes"
	case s.left:
		c.note = "the client went away after " + strconv.FormatInt(s.bytes, 10) + " bytes"
	case res.FunctionError != "" && s.status == 0:
		return 0, refuseFunction(failure(res))
	case res.FunctionError != "":
		c.note = failure(res)
	case s.status == 0 && s.expects:
		return 0, refuseFunction("the streamed response ended within its prelude")
	case s.status == 0:
		s.open(&payload.Prelude{Status: http.StatusOK, Header: plainHeader()})
	}
	return s.status, nil
}
