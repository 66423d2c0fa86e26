package environment

import (
	"encoding/base64"
	"io"
	"net/http"
)

// defaultStreamType is what a stream is whose runtime does not say.
const defaultStreamType = "application/octet-stream"

// streamed takes an answer as it comes, and its error from the trailers.
func (p *pending) streamed(w http.ResponseWriter, r *http.Request) {
	contentType := r.Header.Get("Content-Type")
	if contentType == "" {
		contentType = defaultStreamType
	}
	if !p.hand(p.begins, []byte(contentType)) {
		return
	}
	buffer := make([]byte, maxFrame)
	for {
		n, err := r.Body.Read(buffer)
		if n > 0 && !p.hand(p.parts, buffer[:n]) {
			return
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			p.truncated(w)
			return
		}
	}
	accepted(w)
	var a answer
	if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" {
		a.errorType = kind
		if text, err := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body")); err == nil {
			a.payload = text
		}
	}
	p.answer <- result{answer: a}
}

// hand gives the next piece of an answer to who awaits it, and waits until it is on
// its way. It reports whether it is.
func (p *pending) hand(to chan<- []byte, piece []byte) bool {
	select {
	case to <- piece:
	case <-p.over:
		return false
	}
	select {
	case <-p.taken:
		return true
	case <-p.over:
		return false
	}
}

// last is the end of an answer that may have been streamed.
func (d *delivery) last(r result) (answer, error) {
	if !d.begun || r.err != nil {
		return r.answer, r.err
	}
	return d.answered(r.answer), nil
}
