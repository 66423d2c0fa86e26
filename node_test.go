package furl_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"furl"
	"furl/internal/awsapi"
	"furl/internal/environment"
	"furl/internal/iam"
	"furl/internal/lambda"
	"furl/internal/sigv4"
)

// inProcess is a node that serves within the test.
type inProcess struct {
	info   furl.ServerInfo
	lambda *lambda.Client
	iam    *iam.Client
	key    furl.RootKey
	// stop asks it to stop; ended is closed when Run has returned err.
	stop  context.CancelFunc
	ended chan struct{}
	err   error
	// wantErr is what err must say; nothing if empty.
	wantErr string
	// close stops the node and checks how it ends. It may be called again.
	close func()
}

// anyRuntime is a runtime that this machine has an interpreter for.
var anyRuntime = sync.OnceValue(func() lambda.Runtime {
	var found string
	for _, i := range environment.NewInterpreters(nil).List(context.Background()) {
		if i.Err == nil {
			found = i.Runtime
		}
	}
	return lambda.Runtime(found)
})

// serve runs a node until the test ends.
func serve(t testing.TB, c furl.Config) *inProcess {
	t.Helper()
	if c.DataDir == "" {
		c.DataDir = t.TempDir()
	}
	if c.Listen == nil {
		c.Listen = []string{"127.0.0.1:0"}
	}
	ctx, stop := context.WithCancel(context.Background())
	node, err := furl.New(ctx, c)
	if err != nil {
		stop()
		t.Fatal(err)
	}
	s := &inProcess{info: node.Info(), stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		s.err = node.Run(ctx)
	}()
	s.close = sync.OnceFunc(func() {
		stop()
		<-s.ended
		if got := fmt.Sprint(s.err); s.err != nil && got != s.wantErr || s.err == nil && s.wantErr != "" {
			t.Errorf("Run: %v, want %s", s.err, s.wantErr)
		}
		if err := node.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	t.Cleanup(s.close)
	s.key, _ = node.RootKey()
	config := awsapi.ClientConfig{Endpoint: s.info.Endpoint, Sign: s.sign}
	if s.lambda, err = lambda.NewClient(config); err != nil {
		t.Fatal(err)
	}
	if s.iam, err = iam.NewClient(config); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *inProcess) sign(r *http.Request, service string, body []byte) error {
	sigv4.Sign(r, sigv4.Credentials{
		AccessKeyID:     s.key.AccessKeyID,
		SecretAccessKey: s.key.SecretAccessKey.Reveal(),
	}, s.info.Region, service, time.Now(), body)
	return nil
}

// hello makes the function of examples/hello with an open URL and returns it.
func (s *inProcess) hello(t testing.TB) string {
	t.Helper()
	source, err := os.ReadFile("examples/hello/lambda_function.py")
	if err != nil {
		t.Fatal(err)
	}
	return s.deploy(t, "my_public_hello_world", string(source))
}

// deploy makes a function of a Python module with an open URL and returns it.
func (s *inProcess) deploy(t testing.TB, name, source string) string {
	t.Helper()
	if anyRuntime() == "" {
		t.Skip("NOT TESTED: a node with a function; no Python here")
	}
	return s.deployOn(t, anyRuntime(), name, source)
}

func (s *inProcess) deployOn(t testing.TB, runtime lambda.Runtime, name, source string) string {
	t.Helper()
	ctx := t.Context()
	role, err := s.iam.CreateRole(ctx, &iam.CreateRoleRequest{RoleName: name, AssumeRolePolicyDocument: lambda.TrustPolicy})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.lambda.CreateFunction(ctx, &lambda.CreateFunctionRequest{
		FunctionName: name,
		Role:         role.Role.Arn,
		Runtime:      &runtime,
		Handler:      new("lambda_function.lambda_handler"),
		Code:         lambda.FunctionCode{ZipFile: archive(t, "lambda_function.py", source)},
		Timeout:      new(30),
	})
	if err != nil {
		t.Fatal(err)
	}
	url, err := s.lambda.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigRequest{FunctionName: name, AuthType: "NONE"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.lambda.AddPermission(ctx, &lambda.AddPermissionRequest{
		FunctionName:        name,
		StatementId:         "https",
		Action:              "lambda:InvokeFunctionUrl",
		Principal:           "*",
		FunctionUrlAuthType: new(lambda.FunctionUrlAuthType("NONE")),
	})
	if err != nil {
		t.Fatal(err)
	}
	return url.FunctionUrl
}

// archive is a zip file with one member.
func archive(t testing.TB, name, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, content); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// get calls a function URL. Names below localhost lead to this machine only
// where the resolver knows that, so the server is dialed by its address.
func (s *inProcess) get(t testing.TB, url string) (int, string) {
	t.Helper()
	host, path, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.info.Endpoint+"/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = host
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestNodeServesAFunctionURL(t *testing.T) {
	s := serve(t, furl.Config{})
	url := s.hello(t)
	for query, want := range map[string]string{
		"?name=John":     `{"message": "Hello, John!"}`,
		"?name=Zo%C3%AB": `{"message": "Hello, Zo\u00eb!"}`,
	} {
		if status, body := s.get(t, url+query); status != 200 || body != want {
			t.Errorf("%s: %d %s, want 200 %s", query, status, body, want)
		}
	}
	if status, body := s.get(t, url); status != 400 || !strings.HasPrefix(body, "{") {
		t.Errorf("without a name: %d %s, want 400 and an object", status, body)
	}
}

// Where an interpreter is missing, the client hears that the function failed
// and the operator's record says what to do.
func TestInterpreterMissing(t *testing.T) {
	log := &accessLog{}
	s := serve(t, furl.Config{Access: slog.New(log), Runtimes: map[string]string{"python3.12": "/nowhere/python3.12"}})
	url := s.deployOn(t, "python3.12", "newer", "def lambda_handler(event, context):\n    return 1\n")
	if status, body := s.get(t, url); status != 502 || body != "Internal Server Error" {
		t.Errorf("%d %s", status, body)
	}
	s.close()
	records := strings.Join(log.lines, "\n")
	if !strings.Contains(records, "reason=the function failed: Runtime.InvalidRuntime: ") || !strings.Contains(records, "/nowhere/python3.12") {
		t.Errorf("recorded %s", records)
	}
}

// BenchmarkWarmURL calls an open URL on kept connections: client, server and
// function share the machine.
func BenchmarkWarmURL(b *testing.B) {
	s := serve(b, furl.Config{})
	url := s.hello(b) + "?name=John"
	s.get(b, url)
	b.ReportAllocs()
	for b.Loop() {
		if status, _ := s.get(b, url); status != 200 {
			b.Fatal(status)
		}
	}
}
