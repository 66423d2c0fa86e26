package furl

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// unknownBody stands for the length of a body that does not say its own.
const unknownBody = 8 << 20

// timedBody is a request body that must arrive in time.
type timedBody struct {
	io.ReadCloser
	conn *http.ResponseController
	// waits, if not nil, counts the bodies that the connection waits for.
	waits *atomic.Int32
}

// timeBody begins the time that the client has for its body.
func timeBody(w http.ResponseWriter, r *http.Request) io.ReadCloser {
	size := r.ContentLength
	if size < 0 {
		size = unknownBody
	}
	b := &timedBody{ReadCloser: r.Body, conn: http.NewResponseController(w)}
	if conn := connectionOf(r); conn != nil {
		b.waits = &conn.guarded.bodies
	}
	b.conn.SetReadDeadline(time.Now().Add(transferTime(size))) // where it cannot be set there is none to exceed
	return b
}

// Read ends the time with the body: what follows is the function's time. After
// any other error it stays, so that nothing waits for the rest.
func (b *timedBody) Read(p []byte) (int, error) {
	if b.waits != nil {
		b.waits.Add(1)
		defer b.waits.Add(-1)
	}
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.conn.SetReadDeadline(time.Time{})
	}
	return n, err
}

// patientWriter gives a client over HTTP/2 as long for every write as one over
// HTTP/1 has. There the connection sees to it; here a client can leave single
// answers without room while it keeps the connection alive.
type patientWriter struct {
	http.ResponseWriter
	conn *http.ResponseController
}

// Unwrap is for http.ResponseController.
func (w *patientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Write waits for no longer than p may take.
func (w *patientWriter) Write(p []byte) (int, error) {
	// A deadline that cannot be set is that of an answer that has ended.
	w.conn.SetWriteDeadline(time.Now().Add(transferTime(int64(len(p)))))
	defer w.conn.SetWriteDeadline(time.Time{})
	return w.ResponseWriter.Write(p)
}

// finish gives what is left in buffers its time.
func (w *patientWriter) finish() { w.conn.SetWriteDeadline(time.Now().Add(transferTime(0))) }
