package dataplane_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"furl/internal/environment"
	"furl/internal/state"
)

// The platform's part of cross-origin requests, as the reference has it.
func TestCORS(t *testing.T) {
	full := &state.CORS{
		AllowCredentials: new(true),
		AllowHeaders:     []string{"X-Custom", "Content-Type"},
		AllowMethods:     []string{"GET", "POST"},
		AllowOrigins:     []string{"https://example.com", "http://localhost:3000"},
		ExposeHeaders:    []string{"X-Seen", "Date"},
		MaxAge:           new(300),
	}
	anybody := &state.CORS{AllowOrigins: []string{"*"}, AllowMethods: []string{"*"}}
	const asks = "Access-Control-Request-Method"
	for _, c := range []struct {
		name    string
		cors    *state.CORS
		method  string
		header  []string
		invoked bool
		want    string // the CORS headers of the answer
	}{
		{"preflight", full, "OPTIONS", []string{"Origin", "https://example.com", asks, "GET"}, false,
			"Access-Control-Allow-Credentials: true\nAccess-Control-Allow-Headers: X-Custom,Content-Type\nAccess-Control-Allow-Methods: GET,POST\n" +
				"Access-Control-Allow-Origin: https://example.com\nAccess-Control-Max-Age: 300\nVary: Origin"},
		{"preflight of the other origin", full, "OPTIONS", []string{"Origin", "http://localhost:3000", asks, "PUT"}, false,
			"Access-Control-Allow-Credentials: true\nAccess-Control-Allow-Headers: X-Custom,Content-Type\nAccess-Control-Allow-Methods: GET,POST\n" +
				"Access-Control-Allow-Origin: http://localhost:3000\nAccess-Control-Max-Age: 300\nVary: Origin"},
		{"preflight of a foreign origin", full, "OPTIONS", []string{"Origin", "https://evil.example", asks, "GET"}, false, ""},
		{"preflight of a longer origin", full, "OPTIONS", []string{"Origin", "https://example.com.evil.example", asks, "GET"}, false, ""},
		{"preflight, any origin", anybody, "OPTIONS", []string{"Origin", "https://a.example", asks, "DELETE"}, false,
			"Access-Control-Allow-Methods: *\nAccess-Control-Allow-Origin: https://a.example\nVary: Origin"},
		{"preflight without an origin", full, "OPTIONS", []string{asks, "GET"}, true, ""},
		{"OPTIONS that is no preflight", full, "OPTIONS", []string{"Origin", "https://example.com"}, true,
			"Access-Control-Allow-Credentials: true\nAccess-Control-Allow-Origin: https://example.com\nAccess-Control-Expose-Headers: X-Seen,Date\nVary: Origin"},
		{"actual request", full, "POST", []string{"Origin", "https://example.com"}, true,
			"Access-Control-Allow-Credentials: true\nAccess-Control-Allow-Origin: https://example.com\nAccess-Control-Expose-Headers: X-Seen,Date\nVary: Origin"},
		{"actual request in other case", full, "GET", []string{"Origin", "https://EXAMPLE.com"}, true,
			"Access-Control-Allow-Credentials: true\nAccess-Control-Allow-Origin: https://EXAMPLE.com\nAccess-Control-Expose-Headers: X-Seen,Date\nVary: Origin"},
		{"actual request of a foreign origin", full, "GET", []string{"Origin", "https://evil.example"}, true, ""},
		{"actual request without an origin", full, "GET", nil, true, ""},
		{"no configuration", nil, "GET", []string{"Origin", "https://example.com"}, true, ""},
		{"no configuration, preflight", nil, "OPTIONS", []string{"Origin", "https://example.com", asks, "GET"}, true, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			invoked := false
			s := newSite(t, setting{url: state.URLConfig{CORS: c.cors}, policy: public,
				function: func(_ context.Context, _ *state.Target, inv *environment.Invocation) (environment.Result, error) {
					invoked = true
					return environment.Result{Payload: append(inv.Buffer, `{}`...)}, nil
				}})
			a := s.do(s.request(c.method, "/", "", c.header...))
			if a.StatusCode != 200 || a.record["status"] != int64(200) {
				t.Errorf("status %d, recorded %v", a.StatusCode, a.record["status"])
			}
			if invoked != c.invoked {
				t.Errorf("invoked is %v, want %v", invoked, c.invoked)
			}
			if got := corsHeaders(a); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
			if !c.invoked && (a.body != "" || a.Header.Get("Content-Length") != "0") {
				t.Errorf("a preflight was answered with %s", a.show())
			}
		})
	}
}

func corsHeaders(a answer) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(a.Header)) {
		if name == "Vary" || strings.HasPrefix(name, "Access-Control-") {
			for _, value := range a.Header[name] {
				lines = append(lines, name+": "+value)
			}
		}
	}
	return strings.Join(lines, "\n")
}

// A preflight needs no signature and no permission; the request after it does,
// and its refusal can be read by the page that sent it.
func TestCORSAndAuthorization(t *testing.T) {
	s := newSite(t, setting{url: state.URLConfig{AuthType: state.AuthIAM, CORS: &state.CORS{AllowOrigins: []string{"*"}}}})
	a := s.do(s.request("OPTIONS", "/", "", "Origin", "https://a.example", "Access-Control-Request-Method", "GET"))
	if a.StatusCode != 200 {
		t.Errorf("preflight: %s", a.show())
	}
	a = s.do(s.request("GET", "/", "", "Origin", "https://a.example"))
	if a.StatusCode != 403 || a.Header.Get("Access-Control-Allow-Origin") != "https://a.example" {
		t.Errorf("request: %s %s", a.show(), corsHeaders(a))
	}
}

// The function's own CORS headers are sent beside the platform's, as on AWS,
// where browsers then refuse the answer.
func TestCORSOfTheFunctionItself(t *testing.T) {
	s := newSite(t, setting{url: state.URLConfig{CORS: &state.CORS{AllowOrigins: []string{"*"}}}, policy: public,
		function: returns(`{"statusCode":200,"headers":{"Access-Control-Allow-Origin":"*","Vary":"Accept"}}`)})
	a := s.do(s.request("GET", "/", "", "Origin", "https://a.example"))
	want := "Access-Control-Allow-Origin: https://a.example\nAccess-Control-Allow-Origin: *\nVary: Origin\nVary: Accept"
	if got := corsHeaders(a); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
