package dataplane_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"furl/internal/authz/authztest"
	"furl/internal/dataplane"
	"furl/internal/environment"
	"furl/internal/state"
)

const (
	domain = "localhost"
	host   = id + ".lambda-url.us-east-1.localhost"
	ticket = "arn:aws:lambda:us-east-1:" + authztest.Account + ":function:hello"
)

// Policies of the function.
const (
	public      = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunctionUrl","Resource":"` + ticket + `"}]}`
	publicToday = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":["lambda:InvokeFunctionUrl","lambda:InvokeFunction"],"Resource":"` + ticket + `"}]}`
	mayCall     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lambda:InvokeFunctionUrl","Resource":"` + ticket + `"}]}`
)

// function stands in for the pool.
type function func(context.Context, *state.Target, *environment.Invocation) (environment.Result, error)

// returns is a function that succeeds with a JSON text.
func returns(result string) function {
	return func(_ context.Context, _ *state.Target, inv *environment.Invocation) (environment.Result, error) {
		return environment.Result{Payload: append(inv.Buffer, result...)}, nil
	}
}

// echo returns its event.
func echo(_ context.Context, _ *state.Target, inv *environment.Invocation) (environment.Result, error) {
	return environment.Result{Payload: append(inv.Buffer, inv.Event...)}, nil
}

// setting is how a site is set up.
type setting struct {
	url      state.URLConfig
	policy   string // of the function; none if empty
	dual     bool
	function function
}

// site is a function URL on a real port with a function of the test's making.
type site struct {
	*authztest.House
	t       testing.TB
	server  *dataplane.Server
	address string
	records *records
}

func newSite(t testing.TB, s setting) *site {
	t.Helper()
	house := authztest.New(t, s.dual)
	site := &site{House: house, t: t, records: &records{}}
	f := &state.Function{
		Account: authztest.Account, Region: authztest.Region, Name: "hello",
		Latest: state.Version{Number: state.LatestVersion, Runtime: "python3.11", State: state.StateActive},
	}
	must(t, house.State.CreateFunction(t.Context(), f))
	if s.url.AuthType == "" {
		s.url.AuthType = state.AuthNone
	}
	s.url.Account, s.url.Region, s.url.Function, s.url.ID = f.Account, f.Region, f.Name, id
	must(t, house.State.CreateURL(t.Context(), &s.url))
	if s.policy != "" {
		must(t, house.State.UpdatePolicy(t.Context(), f.ID(), "", func(*state.FunctionPolicy) (*state.FunctionPolicy, error) {
			return &state.FunctionPolicy{Document: s.policy, RevisionID: "1"}, nil
		}))
	}
	if s.function == nil {
		s.function = echo
	}
	site.server = dataplane.New(dataplane.Options{
		Snapshot: house.State.Snapshot,
		Authz:    house.Judge,
		Invoke:   s.function,
		Region:   authztest.Region,
		Domain:   domain,
		Access:   slog.New(site.records),
		Logger:   slog.New(slog.DiscardHandler),
		Now:      house.Clock.Now,
	})
	web := httptest.NewServer(site.server)
	t.Cleanup(web.Close)
	site.address = strings.TrimPrefix(web.URL, "http://")
	return site
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// request makes a request to the site's URL.
func (s *site) request(method, target, body string, header ...string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, "http://"+s.address+target, strings.NewReader(body))
	must(s.t, err)
	r.Host = host
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r
}

// answer is a response read to its end, with its record.
type answer struct {
	*http.Response
	body   string
	record map[string]any
}

func (s *site) do(r *http.Request) answer {
	s.t.Helper()
	res, err := http.DefaultTransport.RoundTrip(r)
	must(s.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(s.t, err)
	return answer{res, string(body), s.records.of(s.t, res.Header.Get("X-Amzn-Requestid"))}
}

// raw sends bytes and returns the first answer, and whether the server closed
// the connection after it.
func (s *site) raw(request string) (a answer, closed bool) {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.address)
	must(s.t, err)
	defer conn.Close()
	must(s.t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.WriteString(conn, strings.ReplaceAll(request, "HOST", host)) // the server may refuse to read it all
	}()
	in := bufio.NewReader(conn)
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(in, &http.Request{Method: method})
	must(s.t, err)
	body, err := io.ReadAll(res.Body)
	must(s.t, err)
	a = answer{res, string(body), nil}
	if res.StatusCode != http.StatusContinue {
		a.record = s.records.of(s.t, res.Header.Get("X-Amzn-Requestid"))
	}
	<-sent
	if _, err := io.WriteString(conn, strings.ReplaceAll("GET /again HTTP/1.1\r\nHost: HOST\r\n\r\n", "HOST", host)); err != nil {
		return a, true
	}
	_, err = http.ReadResponse(in, nil)
	return a, err != nil
}

// records collects access records.
type records struct {
	mu  sync.Mutex
	all []map[string]any
	// written is closed and replaced with every record.
	written chan struct{}
}

func (*records) Enabled(context.Context, slog.Level) bool { return true }
func (h *records) WithAttrs([]slog.Attr) slog.Handler     { return h }
func (h *records) WithGroup(string) slog.Handler          { return h }

func (h *records) Handle(_ context.Context, r slog.Record) error {
	one := map[string]any{"msg": r.Message}
	r.Attrs(func(a slog.Attr) bool {
		one[a.Key] = a.Value.Any()
		return true
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, one)
	if h.written != nil {
		close(h.written)
		h.written = nil
	}
	return nil
}

// of waits for the record of a request, which comes after the answer.
func (h *records) of(t testing.TB, id string) map[string]any {
	t.Helper()
	return h.wait(t, func(one map[string]any) bool { return one["request_id"] == id })
}

func (h *records) wait(t testing.TB, is func(map[string]any) bool) map[string]any {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		h.mu.Lock()
		for _, one := range h.all {
			if is(one) {
				h.mu.Unlock()
				return one
			}
		}
		if h.written == nil {
			h.written = make(chan struct{})
		}
		written := h.written
		h.mu.Unlock()
		select {
		case <-written:
		case <-deadline:
			t.Fatal("the access record does not come")
		}
	}
}

// count is how many records there are.
func (h *records) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.all)
}

// event decodes the event that echo returned.
func (a answer) event(t testing.TB) map[string]any {
	t.Helper()
	var event map[string]any
	if err := json.Unmarshal([]byte(a.body), &event); err != nil {
		t.Fatalf("%v in %s", err, a.body)
	}
	return event
}

// show prints what of an answer a table compares: the status, the headers that
// the platform sets, and the body.
func (a answer) show() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%d", a.StatusCode)
	for _, name := range []string{"Content-Type", "Content-Length", "X-Amzn-Errortype"} {
		if v, ok := a.Header[name]; ok {
			fmt.Fprintf(&b, " %s=%s", name, strings.Join(v, ","))
		}
	}
	return b.String() + " " + a.body
}
