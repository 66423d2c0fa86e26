package browser_test

import (
	"strings"
	"testing"

	"furl/internal/lambda"
)

// TestCORS has a page of another origin call function URLs. Every subtest has a function of its own, which counts its calls.
func TestCORS(t *testing.T) {
	w := open(t)
	for _, tt := range []struct {
		name string
		run  func(*testing.T, *world, string)
	}{
		{"allowed", allowed}, {"refused", refused}, {"preflight", preflight}, {"credentials", credentials}, {"wildcard", wildcard},
		{"exposed", exposed}, {"max-age", maxAge}, {"own-headers", ownHeaders}, {"no-configuration", noConfiguration}, {"signed", signed},
		{"errors", platformErrors},
	} {
		t.Run(tt.name, func(t *testing.T) { tt.run(t, w, tt.name) })
	}
}

// allows is a configuration that lets the page's origin in.
func (w *world) allows() *lambda.Cors { return &lambda.Cors{AllowOrigins: []string{w.origin}} }

func (f fetched) ok(t *testing.T, calls int) {
	t.Helper()
	if f.Refused != "" || f.Status != 200 || f.Got.Calls != calls {
		t.Errorf("%+v; want an answer to call %d", f, calls)
	}
}

func (f fetched) refused(t *testing.T) {
	t.Helper()
	if !strings.HasPrefix(f.Refused, "TypeError: Failed to fetch") {
		t.Errorf("%+v; want it refused by the browser", f)
	}
}

func allowed(t *testing.T, w *world, name string) {
	url := w.deploy(t, name, "NONE", w.allows())
	w.fetch(t, url, "").ok(t, 1)
	w.fetch(t, url, `{method: "POST", body: "text"}`).ok(t, 2)
	if n := w.log.count(name, "OPTIONS"); n != 0 {
		t.Errorf("%d preflights of simple requests", n)
	}
}

// A simple request of an origin that is not allowed runs the function; the page is not told what it answered.
func refused(t *testing.T, w *world, name string) {
	url := w.deploy(t, name, "NONE", &lambda.Cors{AllowOrigins: []string{"https://" + pageHost, w.origin + "0", "http://" + pageHost}})
	w.fetch(t, url, "").refused(t)
	if n := w.log.count(name, "GET"); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	w.fetch(t, url, `{method: "PUT"}`).refused(t)
	if n := w.log.count(name, "PUT"); n != 0 {
		t.Errorf("%d PUTs after a preflight that allows nothing", n)
	}
}

// The preflight is the platform's; what it does not allow is not sent.
func preflight(t *testing.T, w *world, name string) {
	cors := w.allows()
	cors.AllowMethods, cors.AllowHeaders = []string{"PUT", "POST"}, []string{"X-Token", "content-type"}
	url := w.deploy(t, name, "NONE", cors)
	f := w.fetch(t, url, `{method: "PUT", headers: {"x-token": "t0k", "Content-Type": "application/json"}, body: '{"ü": 1}'}`)
	f.ok(t, 1)
	if f.Got.Method != "PUT" || f.Got.Token != "t0k" || f.Got.Body != `{"ü": 1}` {
		t.Errorf("the function got %+v", f.Got)
	}
	if n := w.log.count(name, "OPTIONS"); n != 1 {
		t.Errorf("%d preflights, want 1", n)
	}
	w.fetch(t, url, `{method: "DELETE"}`).refused(t)
	w.fetch(t, url, `{method: "PUT", headers: {"X-Other": "1"}}`).refused(t)
	w.fetch(t, url, `{method: "POST", headers: {"X-Token": "again"}}`).ok(t, 2)
}

// Cookies of the function go both ways where the URL allows credentials.
func credentials(t *testing.T, w *world, name string) {
	yes := true
	cors := w.allows()
	cors.AllowCredentials, cors.AllowMethods, cors.AllowHeaders = &yes, []string{"PUT"}, []string{"x-token"}
	url := w.deploy(t, name, "NONE", cors)
	set := query(url, "cookies", []string{"session=s3cret; HttpOnly", "theme=dark"})
	w.fetch(t, set, `{credentials: "include"}`).ok(t, 1)
	f := w.fetch(t, url, `{method: "PUT", credentials: "include", headers: {"X-Token": "1"}}`)
	f.ok(t, 2)
	if got := strings.Join(f.Got.Cookies, " "); got != "session=s3cret theme=dark" {
		t.Errorf("the function got the cookies %q", got)
	}
	f = w.fetch(t, url, "")
	f.ok(t, 3)
	if len(f.Got.Cookies) != 0 {
		t.Errorf("without credentials the function got the cookies %q", f.Got.Cookies)
	}
	without := w.deploy(t, name+"-refused", "NONE", w.allows())
	w.fetch(t, without, `{credentials: "include"}`).refused(t)
	w.fetch(t, without, "").ok(t, 2)
}

// The platform names the origin where the configuration says *, so that even credentials are allowed.
func wildcard(t *testing.T, w *world, name string) {
	yes := true
	url := w.deploy(t, name, "NONE", &lambda.Cors{AllowOrigins: []string{"*"}, AllowMethods: []string{"*"}, AllowHeaders: []string{"*"}, AllowCredentials: &yes})
	w.fetch(t, url, `{credentials: "include"}`).ok(t, 1)
	w.fetch(t, url, `{method: "PATCH", headers: {"X-Token": "1"}}`).ok(t, 2)
}

func exposed(t *testing.T, w *world, name string) {
	cors := w.allows()
	cors.ExposeHeaders = []string{"x-total", "x-amzn-RequestId"}
	f := w.fetch(t, w.deploy(t, name, "NONE", cors), "")
	f.ok(t, 1)
	if f.Headers["x-total"] != "42" || f.Headers["x-amzn-requestid"] == "" || f.Headers["content-type"] != "application/json" {
		t.Errorf("the page reads %v", f.Headers)
	}
	if _, found := f.Headers["x-secret"]; found {
		t.Errorf("the page reads what is not exposed: %v", f.Headers)
	}
	f = w.fetch(t, w.deploy(t, name+"-none", "NONE", w.allows()), "")
	if _, found := f.Headers["x-total"]; found {
		t.Errorf("the page reads what is not exposed: %v", f.Headers)
	}
}

// A browser asks again for every request, or once within MaxAge.
func maxAge(t *testing.T, w *world, name string) {
	for _, tt := range []struct {
		name              string
		seconds, preflght int
	}{{name, 600, 1}, {name + "-0", 0, 3}} {
		cors := w.allows()
		cors.AllowMethods, cors.MaxAge = []string{"PUT"}, &tt.seconds
		url := w.deploy(t, tt.name, "NONE", cors)
		for i := range 3 {
			w.fetch(t, url, `{method: "PUT"}`).ok(t, i+1)
		}
		if n := w.log.count(tt.name, "OPTIONS"); n != tt.preflght {
			t.Errorf("MaxAge %d: %d preflights of 3 requests, want %d", tt.seconds, n, tt.preflght)
		}
	}
}

// Headers of the function's own stand beside the platform's, as on AWS: two origins are one too many for a browser, even
// two equal ones. A function behind a URL without a configuration allows what it wants.
func ownHeaders(t *testing.T, w *world, name string) {
	url := w.deploy(t, name, "NONE", w.allows())
	w.fetch(t, query(url, "headers", map[string]string{"Access-Control-Allow-Origin": w.origin}), "").refused(t)
	w.fetch(t, query(url, "headers", map[string]string{"Access-Control-Allow-Origin": "*"}), "").refused(t)
	// Lists merge: what both expose is exposed.
	cors := w.allows()
	cors.ExposeHeaders = []string{"X-Total"}
	f := w.fetch(t, query(w.deploy(t, name+"-exposed", "NONE", cors), "headers", map[string]string{"Access-Control-Expose-Headers": "X-Secret"}), "")
	f.ok(t, 1)
	if f.Headers["x-total"] != "42" || f.Headers["x-secret"] != "1" {
		t.Errorf("the page reads %v, want what platform and function expose", f.Headers)
	}
}

// Without a configuration the preflight is a request like any other: the function's to answer.
func noConfiguration(t *testing.T, w *world, name string) {
	url := w.deploy(t, name, "NONE", nil)
	w.fetch(t, url, "").refused(t)
	own := query(url, "headers", map[string]string{"Access-Control-Allow-Origin": w.origin, "Access-Control-Allow-Methods": "PUT"})
	w.fetch(t, own, "").ok(t, 2)
	w.fetch(t, own, `{method: "PUT"}`).ok(t, 4) // after the preflight, which was the third call
}

// No signature is needed for a preflight, and the page can read the refusal.
func signed(t *testing.T, w *world, name string) {
	cors := w.allows()
	cors.AllowMethods = []string{"PUT"}
	f := w.fetch(t, w.deploy(t, name, "AWS_IAM", cors), `{method: "PUT"}`)
	if f.Status != 403 || f.Got.Message == "" {
		t.Errorf("%+v; want the platform's 403", f)
	}
	if n := w.log.count(name, "OPTIONS"); n != 1 {
		t.Errorf("%d preflights, want 1", n)
	}
}

// The function's and the platform's errors are for the page to read too.
func platformErrors(t *testing.T, w *world, name string) {
	url := w.deploy(t, name, "NONE", w.allows())
	if f := w.fetch(t, url+"?status=404", ""); f.Status != 404 || f.Got.Calls != 1 {
		t.Errorf("%+v; want the function's 404", f)
	}
}
