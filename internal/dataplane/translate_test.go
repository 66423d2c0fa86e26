package dataplane_test

import (
	"context"
	"strings"
	"testing"

	"furl/internal/environment"
	"furl/internal/payload"
	"furl/internal/state"
)

// What becomes of a result depends on the URL's mode and on how the function
// answered.
func TestInvokeModes(t *testing.T) {
	const (
		envelope = `{"statusCode": 201, "body": "hi"}`
		prelude  = `{"statusCode":201,"headers":{"X-A":"b","Content-Type":"text/html"},"cookies":["a=1","b=2"]}` + "\x00\x00\x00\x00\x00\x00\x00\x00"
		failed   = "502 Content-Type=application/json Content-Length=21 Internal Server Error"
	)
	for _, c := range []struct {
		name, mode string
		result     environment.Result
		want       string
		cookies    string
	}{
		{"buffered on BUFFERED", state.InvokeBuffered, environment.Result{Payload: []byte(envelope)}, "201 Content-Type=application/json Content-Length=2 hi", ""},
		{"buffered, mode never set", "", environment.Result{Payload: []byte(envelope)}, "201 Content-Type=application/json Content-Length=2 hi", ""},
		{"buffered on RESPONSE_STREAM", state.InvokeResponseStream, environment.Result{Payload: []byte(envelope)}, "200 Content-Type=application/octet-stream Content-Length=33 " + envelope, ""},
		{"streamed on RESPONSE_STREAM", state.InvokeResponseStream, environment.Result{Streamed: true, ContentType: "text/plain", Payload: []byte("bytes")},
			"200 Content-Type=application/octet-stream bytes", ""},
		{"streamed with a prelude", state.InvokeResponseStream, environment.Result{Streamed: true, ContentType: payload.PreludeType, Payload: []byte(prelude + "page")},
			"201 Content-Type=text/html page", "a=1 b=2"},
		{"streamed with a prelude on BUFFERED", state.InvokeBuffered, environment.Result{Streamed: true, ContentType: payload.PreludeType, Payload: []byte(prelude + "page")},
			"201 Content-Type=text/html Content-Length=4 page", "a=1 b=2"},
		{"streamed on BUFFERED", state.InvokeBuffered, environment.Result{Streamed: true, Payload: []byte(envelope)}, "200 Content-Type=application/octet-stream Content-Length=33 " + envelope, ""},
		{"prelude's type, buffered", state.InvokeBuffered, environment.Result{ContentType: payload.PreludeType, Payload: []byte(envelope)}, "201 Content-Type=application/json Content-Length=2 hi", ""},
		{"half a prelude", state.InvokeResponseStream, environment.Result{Streamed: true, ContentType: payload.PreludeType, Payload: []byte(`{"statusCode":201`)}, failed, ""},
		{"no prelude", state.InvokeResponseStream, environment.Result{Streamed: true, ContentType: payload.PreludeType, Payload: []byte(`page`)}, failed, ""},
		{"empty stream", state.InvokeResponseStream, environment.Result{Streamed: true}, "200 Content-Type=application/octet-stream Content-Length=0 ", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, setting{url: state.URLConfig{InvokeMode: c.mode}, policy: public,
				function: func(_ context.Context, _ *state.Target, inv *environment.Invocation) (environment.Result, error) {
					res := c.result
					if inv.Stream != nil && res.Streamed {
						if err := inv.Stream.Begin(res.ContentType); err == nil && len(res.Payload) > 0 {
							inv.Stream.Write(res.Payload) // the result says enough of it
						}
						res.Payload = nil
					}
					return res, nil
				}})
			a := s.do(s.request("GET", "/", ""))
			if got := a.show(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if got := strings.Join(a.Header["Set-Cookie"], " "); got != c.cookies {
				t.Errorf("cookies %q, want %q", got, c.cookies)
			}
		})
	}
}
