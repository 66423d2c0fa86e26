package s3_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"furl/internal/authz"
	"furl/internal/authz/authztest"
	"furl/internal/s3"
	"furl/internal/store"
)

// place is a server of buckets with the callers of a House.
type place struct {
	t     *testing.T
	house *authztest.House
	s3    *s3.Service
	web   *httptest.Server
	dir   string
	flaky *flaky
	log   *bytes.Buffer
}

// flaky is a store that says of commits, when it is told to, that their outcome is not known. They are carried out.
type flaky struct {
	store.State
	fails atomic.Bool
}

func (f *flaky) fail(fails bool) { f.fails.Store(fails) }

func (f *flaky) Commit(ctx context.Context, t store.Txn) (store.Rev, error) {
	rev, err := f.State.Commit(ctx, t)
	if err == nil && f.fails.Load() {
		return 0, store.ErrUnknown
	}
	return rev, err
}

func newPlace(t *testing.T) *place {
	p := &place{t: t, house: authztest.New(t, false), dir: filepath.Join(t.TempDir(), "bodies"), log: &bytes.Buffer{}}
	p.flaky = &flaky{State: p.house.Store}
	p.open()
	p.web = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.s3.Handles(r) {
			http.Error(w, "not for S3", http.StatusTeapot)
			return
		}
		p.s3.ServeHTTP(w, r)
	}))
	t.Cleanup(p.web.Close)
	return p
}

// open opens the buckets, as a start does.
func (p *place) open() {
	p.t.Helper()
	var err error
	p.s3, err = s3.New(p.t.Context(), s3.Options{
		Store: p.flaky, Blobs: p.house.Store, State: p.house.State, Authz: p.house.Judge, Dir: p.dir, Region: authztest.Region, Domain: "localhost",
		MaxObject: 1 << 20, Now: p.house.Clock.Now, Access: slog.New(slog.NewTextHandler(p.log, nil)), Logger: slog.New(slog.DiscardHandler),
		RequestID: func() string { return "the-request-id" },
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

// as is a context of a caller in this process.
func (p *place) as(who authztest.Who) context.Context {
	caller := authz.RootCaller(who.ID, who.KeyID)
	if who.Name != "" {
		caller = authz.UserCaller(p.house.State.Snapshot().User(authztest.Account, who.Name), who.KeyID)
	}
	return authz.WithCaller(p.t.Context(), caller, authz.Env{Time: p.house.Clock.Now()})
}

// call is a request. The header fields come in pairs.
type call struct {
	method, target string
	body           string
	headers        []string
	host           string
	payload        string // x-amz-content-sha256, else the body's hash
	edit           func(*http.Request)
}

// answer is what came of it.
type answer struct {
	status int
	header http.Header
	body   string
}

// send signs a request as aws-sdk-go-v2 does for S3, for a caller; without a key it is not signed.
func (p *place) send(who authztest.Who, c call) answer {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), c.method, p.web.URL+c.target, strings.NewReader(c.body))
	if err != nil {
		p.t.Fatal(err)
	}
	if c.host != "" {
		r.Host = c.host
	}
	for i := 0; i < len(c.headers); i += 2 {
		r.Header.Set(c.headers[i], c.headers[i+1])
	}
	payload := c.payload
	if payload == "" {
		sum := sha256.Sum256([]byte(c.body))
		payload = hex.EncodeToString(sum[:])
	}
	if who.KeyID != "" {
		r.Header.Set("X-Amz-Content-Sha256", payload)
		signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
		keys := aws.Credentials{AccessKeyID: who.KeyID, SecretAccessKey: who.Secret, SessionToken: who.Token}
		if err := signer.SignHTTP(r.Context(), keys, r, payload, "s3", authztest.Region, p.house.Clock.Now()); err != nil {
			p.t.Fatal(err)
		}
	}
	if c.edit != nil {
		c.edit(r)
	}
	return p.do(r)
}

func (p *place) do(r *http.Request) answer {
	p.t.Helper()
	resp, err := p.web.Client().Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// want sends a request and checks its status and a part of its answer.
func (p *place) want(who authztest.Who, c call, status int, part string) answer {
	p.t.Helper()
	a := p.send(who, c)
	if a.status != status || !strings.Contains(a.body, part) {
		p.t.Errorf("%s %s: %d, want %d with %q\n%s", c.method, c.target, a.status, status, part, a.body)
	}
	return a
}
