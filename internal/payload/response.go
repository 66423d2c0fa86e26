package payload

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
)

const (
	jsonType  = "application/json"
	bytesType = "application/octet-stream"
)

// Response is what a function's result means on HTTP.
type Response struct {
	// Status is the HTTP status, 200 to 599.
	Status int
	// Header holds the function's headers in its order, renamed or left out where AWS does so, and always one Content-Type.
	Header []HeaderField
	// Cookies are the values of Set-Cookie headers.
	Cookies []string
	// Body may share memory with the result it was parsed from.
	Body []byte
}

// ParseResponse turns the result of a buffered invocation into an HTTP response. A JSON object with a statusCode is a
// response in full; anything else is the body of a 200 of type application/json: an object, array, number or bool compactly,
// a string without its quotes, and bytes that are not JSON as they are.
//
// The response's Body may point into result, which must stay as it is until the body is written. An error means that the
// function's answer cannot be an HTTP response (502 for the client); its text says what was wrong, for the function's owner.
func ParseResponse(result []byte) (Response, error) {
	i := skipSpace(result, 0)
	if i == len(result) {
		return implicit(result), nil
	}
	if result[i] == '{' {
		env, end, ok := scanEnvelope(result, i)
		switch {
		case !ok || skipSpace(result, end) != len(result):
			return implicit(result), nil
		case env.statusCode != nil:
			return env.response()
		}
		return implicit(compact(result[i:end])), nil
	}
	end, ok := scanValue(result, i, 0)
	switch {
	case !ok || skipSpace(result, end) != len(result):
		return implicit(result), nil
	case result[i] == '"':
		return implicit(unescape(result[i+1 : end-1])), nil
	}
	return implicit(compact(result[i:end])), nil
}

// implicit is the response of a function that returned no response, only a value.
func implicit(body []byte) Response {
	return Response{Status: http.StatusOK, Header: []HeaderField{{"Content-Type", jsonType}}, Body: body}
}

// envelope holds the raw JSON values of a response's members, nil where missing.
type envelope struct {
	statusCode, headers, cookies, body, isBase64 []byte
}

// scanEnvelope scans the JSON object at b[i:] and returns the index after it; ok is false if it is no valid JSON.
func scanEnvelope(b []byte, i int) (env envelope, end int, ok bool) {
	m := members{b: b, at: i + 1, depth: 1}
	for m.next() {
		value := m.value.of(b)
		switch string(unescape(m.key.of(b))) {
		case "statusCode":
			env.statusCode = value
		case "headers":
			env.headers = value
		case "cookies":
			env.cookies = value
		case "body":
			env.body = value
		case "isBase64Encoded":
			env.isBase64 = value
		}
	}
	return env, m.at, !m.bad
}

// response is the HTTP response of an envelope with a statusCode.
func (e *envelope) response() (Response, error) {
	status, err := parseStatus(e.statusCode)
	if err != nil {
		return Response{}, err
	}
	header, err := parseHeader(e.headers, jsonType)
	if err != nil {
		return Response{}, err
	}
	cookies, err := parseCookies(e.cookies)
	if err != nil {
		return Response{}, err
	}
	body, err := e.decodeBody()
	if err != nil {
		return Response{}, err
	}
	return Response{Status: status, Header: header, Cookies: cookies, Body: body}, nil
}

// parseStatus reads a statusCode: a JSON number, or a string of digits.
func parseStatus(raw []byte) (int, error) {
	status := 0
	if raw[0] == '"' {
		text := unescape(raw[1 : len(raw)-1])
		if end, ok := scanDigits(text, 0); ok && end == len(text) {
			status, _ = strconv.Atoi(string(text))
		}
	} else if f, err := strconv.ParseFloat(string(raw), 64); err == nil && f >= 200 && f <= 599 && f == float64(int(f)) {
		status = int(f)
	}
	if status < 200 || status > 599 {
		return 0, fmt.Errorf("payload: statusCode is %s, not a whole number from 200 to 599", excerpt(raw))
	}
	return status, nil
}

// decodeBody returns the bytes to send.
func (e *envelope) decodeBody() ([]byte, error) {
	encoded, err := parseBase64Flag(e.isBase64)
	if err != nil {
		return nil, err
	}
	isString := len(e.body) > 0 && e.body[0] == '"'
	switch {
	case e.body == nil || string(e.body) == "null":
		return nil, nil
	case encoded && !isString:
		return nil, fmt.Errorf("payload: isBase64Encoded is true but body is %s, not a string", excerpt(e.body))
	case !isString:
		return compact(e.body), nil
	}
	text := unescape(e.body[1 : len(e.body)-1])
	if !encoded {
		return text, nil
	}
	decoded, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return nil, fmt.Errorf("payload: isBase64Encoded is true but body is not base64: %w", err)
	}
	return decoded, nil
}

// parseBase64Flag reads isBase64Encoded, which may be missing.
func parseBase64Flag(raw []byte) (bool, error) {
	switch string(raw) {
	case `true`, `"true"`:
		return true, nil
	case ``, `false`, `null`, `"false"`:
		return false, nil
	}
	return false, fmt.Errorf("payload: isBase64Encoded is %s, not true or false", excerpt(raw))
}

// excerpt is the beginning of a JSON value, for messages.
func excerpt(raw []byte) string {
	const limit = 80
	text := compact(raw)
	if len(text) > limit {
		return fmt.Sprintf("%.*s…", limit, text)
	}
	return string(text)
}

// Write sends the response. Headers that w already holds stay, also beside equal ones of the function, except Content-Type
// and Content-Length. There is no body if head is set (the request's method was HEAD) or the status is 204 or 304. The error
// is the connection's.
func (r *Response) Write(w http.ResponseWriter, head bool) error {
	h := w.Header()
	addFields(h, r.Header, r.Cookies)
	bodyless := r.Status == http.StatusNoContent || r.Status == http.StatusNotModified
	if bodyless {
		delete(h, "Content-Length")
	} else {
		h["Content-Length"] = []string{strconv.Itoa(len(r.Body))}
	}
	w.WriteHeader(r.Status)
	if head || bodyless || len(r.Body) == 0 {
		return nil
	}
	if _, err := w.Write(r.Body); err != nil {
		return fmt.Errorf("payload: write response body: %w", err)
	}
	return nil
}
