package lambda_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"furl/internal/authz/authztest"
	"furl/internal/code"
	"furl/internal/environment"
	"furl/internal/lambda"
	"furl/internal/state"
)

const (
	prefix   = "arn:aws:lambda:us-east-1:111122223333:function:"
	role     = "arn:aws:iam::111122223333:role/runner"
	allowAll = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
)

// house is Lambda's API with one role, "runner", and nobody but root.
type house struct {
	*authztest.House
	t       *testing.T
	address string
	service *lambda.Service
	pool    *environment.Pool

	mu sync.Mutex
	// unpack takes the place of unpacking; nil succeeds at once.
	unpack  func(ctx context.Context, sha string) error
	changed chan struct{}
	// enqueued are the functions that events were put into the queue for, forbidden
	// the roles that may invoke nothing.
	enqueued  []state.FunctionID
	forbidden map[string]bool
}

func newHouse(t *testing.T, change ...func(*lambda.Options)) *house {
	t.Helper()
	h := &house{House: authztest.New(t, false), t: t, changed: make(chan struct{}, 1)}
	h.State.Subscribe(func(_, _ *state.Snapshot) {
		select {
		case h.changed <- struct{}{}:
		default:
		}
	})
	h.role("runner", lambda.TrustPolicy)
	h.pool = newPool(t)
	options := lambda.Options{
		State: h.State, Blobs: h.Store, Pool: h.pool, Region: authztest.Region,
		Unpack:      h.unpacked,
		FunctionURL: func(id string) string { return "https://" + id + ".lambda-url.us-east-1.on.aws/" },
		CodeURL:     func(sha string) string { return "https://code.example/" + sha },
		Enqueued:    func(id state.FunctionID) { h.enqueued = append(h.enqueued, id) },
		MayInvoke:   func(role string, _ *state.FunctionEntry, _ string) bool { return !h.forbidden[role] },
		Limits:      code.Limits{Zipped: 4096, Unzipped: 8192},
		Logger:      h.logger(),
		Now:         h.Clock.Now,
	}
	for _, c := range change {
		c(&options)
	}
	h.service = lambda.New(options)
	t.Cleanup(func() {
		if err := h.service.Close(); err != nil {
			t.Error(err)
		}
	})
	h.address = h.Serve(authztest.Served{Service: lambda.Operations(h.service), Access: h.service.Access})
	return h
}

// role makes a role.
func (h *house) role(name, trust string) {
	h.t.Helper()
	err := h.State.CreateRole(h.t.Context(), &state.Role{
		Account: authztest.Account, Name: name, Path: "/", ID: "AROA" + strings.ToUpper(name) + "XXXXXXXX", Trust: trust,
		Tags: map[string]string{"team": "a"},
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) logger() *slog.Logger { return slog.New(slog.DiscardHandler) }

// downloads serves deployment packages and returns the address.
func (h *house) downloads() (string, *lambda.Downloads) {
	var d *lambda.Downloads
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !d.Handles(r) {
			h.t.Errorf("%s is not for downloads", r.URL)
		}
		d.ServeHTTP(w, r)
	}))
	h.t.Cleanup(web.Close)
	d = lambda.NewDownloads(h.Store, web.URL, h.Clock.Now)
	return web.URL, d
}

func get(t *testing.T, url string) (int, []byte) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, body
}

func (h *house) unpacked(ctx context.Context, v *state.Version) error {
	h.mu.Lock()
	unpack := h.unpack
	h.mu.Unlock()
	if unpack == nil {
		return nil
	}
	return unpack(ctx, v.CodeBlob)
}

// hold keeps code from becoming ready until release is called with what
// unpacking comes to from then on.
func (h *house) hold() (release func(error)) {
	var result error
	released := make(chan struct{})
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unpack = func(ctx context.Context, _ string) error {
		select {
		case <-released:
			return result
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return func(err error) {
		result = err
		close(released)
	}
}

// settle waits until no function is being made ready.
func (h *house) settle() {
	h.t.Helper()
	timeout := time.After(10 * time.Second)
	for slices.ContainsFunc(h.State.Snapshot().AllFunctions(), func(f *state.FunctionEntry) bool {
		unfinished := func(v *state.Version) bool {
			return v.State == state.StatePending || v.UpdateStatus == state.UpdateInProgress
		}
		return unfinished(&f.Function.Latest) || slices.ContainsFunc(f.Published(), func(t *state.Target) bool { return unfinished(t.Version) })
	}) {
		select {
		case <-h.changed:
		case <-timeout:
			h.t.Fatal("a function does not become ready")
		}
	}
}

// as is the API as a caller reaches it.
func (h *house) as(w authztest.Who) *lambda.Client {
	h.t.Helper()
	c, err := lambda.NewClient(h.Client(h.address, w))
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// call is a call of an operation and the refusal that it must get, if any.
type call struct {
	name          string
	do            func(ctx context.Context, c *lambda.Client) error
	code, message string
}

// expect makes calls in order as one caller.
func (h *house) expect(who authztest.Who, calls ...call) {
	h.t.Helper()
	c := h.as(who)
	for _, call := range calls {
		h.t.Run(call.name, func(t *testing.T) {
			err := call.do(t.Context(), c)
			if call.code != "" {
				authztest.Refused(t, err, call.code, call.message)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// only drops an operation's answer.
func only[T any](_ T, err error) error { return err }

// must ends the test unless an operation succeeds: must(c.GetFunction(ctx, in))(t).
func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// pack makes a deployment package of names and contents.
func pack(files map[string]string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write([]byte(files[name]))
		}
		if err != nil {
			panic(err) // into memory nothing fails
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func hello() []byte {
	return pack(map[string]string{"lambda_function.py": "def handler(e, c): return e\n"})
}

func sum(zip []byte) string {
	s := sha256.Sum256(zip)
	return base64.StdEncoding.EncodeToString(s[:])
}

// creation is the request for a plain function, changed.
func creation(name string, change ...func(*lambda.CreateFunctionRequest)) *lambda.CreateFunctionRequest {
	in := &lambda.CreateFunctionRequest{
		FunctionName: name, Runtime: new(lambda.RuntimePython312), Handler: new("lambda_function.handler"), Role: role,
		Code: lambda.FunctionCode{ZipFile: hello()},
	}
	for _, c := range change {
		c(in)
	}
	return in
}

// create makes plain functions and waits until they are active.
func (h *house) create(names ...string) {
	h.t.Helper()
	for _, name := range names {
		must(h.as(h.Root).CreateFunction(h.t.Context(), creation(name)))(h.t)
	}
	h.settle()
}

func creating(name string, change ...func(*lambda.CreateFunctionRequest)) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		return only(c.CreateFunction(ctx, creation(name, change...)))
	}
}

func document(statements ...string) string {
	doc := `{"Version":"2012-10-17","Statement":[`
	for i, s := range statements {
		if i > 0 {
			doc += ","
		}
		doc += s
	}
	return doc + "]}"
}

func statement(effect, action, resource string) string {
	return fmt.Sprintf(`{"Effect":%q,"Action":%q,"Resource":%q}`, effect, action, resource)
}
