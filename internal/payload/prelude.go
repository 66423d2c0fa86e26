package payload

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
)

// PreludeType is the content type by which a runtime says that its stream begins with a prelude.
const PreludeType = "application/vnd.awslambda.http-integration-response"

// MaxPrelude is how many bytes may come before a prelude's delimiter.
const MaxPrelude = 64 << 10

// delimiter stands between the prelude and the body. JSON text holds no NUL, so the first one begins it.
const delimiter = "\x00\x00\x00\x00\x00\x00\x00\x00"

// Prelude is the beginning of a streamed response: all but the body.
type Prelude struct {
	Status  int           // 200 to 599, 200 if the function did not say
	Header  []HeaderField // as in Response
	Cookies []string
}

// ParsePrelude reads the prelude from data, all bytes of the stream so far: a JSON object with statusCode, headers and
// cookies, then eight NUL bytes. As long as complete is false and err nil, call it again when there is more; then rest, a
// part of data, is the beginning of the body. An error means that the stream cannot be an HTTP response.
func ParsePrelude(data []byte) (p Prelude, rest []byte, complete bool, err error) {
	start := skipSpace(data, 0)
	if start < len(data) && start <= MaxPrelude && data[start] != '{' {
		return Prelude{}, nil, false, fmt.Errorf("payload: stream begins with %q, not with a JSON object", data[start])
	}
	nul := bytes.IndexByte(data, 0)
	if nul < 0 {
		nul = len(data)
	}
	if nul > MaxPrelude {
		return Prelude{}, nil, false, fmt.Errorf("payload: no prelude within the first %d bytes of the stream", MaxPrelude)
	}
	tail := data[nul:min(len(data), nul+len(delimiter))]
	if string(tail) != delimiter[:len(tail)] {
		return Prelude{}, nil, false, fmt.Errorf("payload: prelude is followed by fewer than %d NUL bytes", len(delimiter))
	}
	if len(tail) < len(delimiter) {
		return Prelude{}, nil, false, nil
	}
	p, err = parsePreludeObject(data[start:nul])
	if err != nil {
		return Prelude{}, nil, false, err
	}
	return p, data[nul+len(delimiter):], true, nil
}

// parsePreludeObject reads the JSON before the delimiter.
func parsePreludeObject(b []byte) (p Prelude, err error) {
	env, end, ok := scanEnvelope(b, 0)
	if !ok || skipSpace(b, end) != len(b) {
		return Prelude{}, errors.New("payload: prelude is not a JSON object")
	}
	p.Status = http.StatusOK
	if env.statusCode != nil && string(env.statusCode) != "null" {
		if p.Status, err = parseStatus(env.statusCode); err != nil {
			return Prelude{}, err
		}
	}
	if p.Header, err = parseHeader(env.headers, bytesType); err != nil {
		return Prelude{}, err
	}
	if p.Cookies, err = parseCookies(env.cookies); err != nil {
		return Prelude{}, err
	}
	return p, nil
}

// WriteHeader sends the status line and the headers, with no Content-Length: the body is a stream. Headers that w already
// holds stay, as in Response.Write.
func (p *Prelude) WriteHeader(w http.ResponseWriter) {
	addFields(w.Header(), p.Header, p.Cookies)
	w.WriteHeader(p.Status)
}
