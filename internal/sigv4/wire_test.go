package sigv4_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"furl/internal/sigv4"
)

// TestOverTheWire signs requests of every shape of body and sends them with net/http, over HTTP/1.1 and HTTP/2: what
// either side does to the headers must not matter.
func TestOverTheWire(t *testing.T) {
	v := sigv4.NewVerifier(clock(noon))
	for _, http2 := range []bool{false, true} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err == nil {
				err = check(v, r, body, scope)
			}
			if err != nil {
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprintf(w, "%s %s %v: %v", r.Method, r.RequestURI, r.Header, err)
				return
			}
			fmt.Fprint(w, r.Proto)
		}))
		server.EnableHTTP2 = http2
		server.StartTLS()
		defer server.Close()
		proto := map[bool]string{false: "HTTP/1.1", true: "HTTP/2.0"}[http2]

		body := bytes.Repeat([]byte("furl"), 5000)
		for _, tt := range []struct {
			name string
			body []byte
			sdk  bool
			with func(*http.Request)
		}{
			{"no body", nil, false, nil},
			{"body", body, false, nil},
			{"body of unknown length", body, false, func(r *http.Request) { r.ContentLength = -1 }},
			{"expecting a 100", body, false, func(r *http.Request) { r.Header.Set("Expect", "100-continue") }},
			{"trailer", body, false, func(r *http.Request) {
				r.ContentLength = -1
				r.Trailer = http.Header{"X-Sum": nil}
			}},
			{"signed content-length", body, true, nil},
			{"cookie", nil, true, func(r *http.Request) { r.Header.Set("Cookie", "a=1; b=2") }},
			{"pragma", nil, true, func(r *http.Request) { r.Header.Set("Pragma", "no-cache") }},
			{"accept-encoding", nil, true, func(r *http.Request) { r.Header.Set("Accept-Encoding", "br") }},
		} {
			r, err := http.NewRequest("POST", server.URL+"/a%20b//c?x=y+z&q=%2f", bytes.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if tt.with != nil {
				tt.with(r)
			}
			if tt.sdk {
				sdkSign(t, r, tt.body)
			} else {
				sigv4.Sign(r, credentials, region, service, noon, tt.body)
			}
			if status, text := do(t, server.Client(), r); status != http.StatusOK || text != proto {
				t.Errorf("%s over %s: %d %s", tt.name, proto, status, text)
			}
		}
	}
}

func do(t *testing.T, client *http.Client, r *http.Request) (status int, text string) {
	t.Helper()
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var b strings.Builder
	if _, err := io.Copy(&b, response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, b.String()
}
