package browser_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"furl"
	"furl/internal/awsapi"
	"furl/internal/iam"
	"furl/internal/lambda"
	"furl/internal/sigv4"
)

// pageHost is the name of the page's server: another origin than any function URL, but of one site with them, for browsers
// keep no cookies of other sites any more.
const pageHost = "shop.us-east-1.localhost"

// world is a furl, a server with a page, and a browser on that page.
type world struct {
	info    furl.ServerInfo
	runtime lambda.Runtime
	lambda  *lambda.Client
	iam     *iam.Client
	log     *accessLog
	// origin is the page's.
	origin string
	tab    context.Context
}

// open makes the world for one test.
func open(t *testing.T) *world {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &world{log: &accessLog{}, runtime: pythonRuntime(t)}
	node, err := furl.New(ctx, furl.Config{DataDir: t.TempDir(), Listen: []string{"127.0.0.1:0"}, Isolation: furl.IsolationProcess, Access: slog.New(w.log)})
	if err != nil {
		t.Fatal(err)
	}
	w.info = node.Info()
	ended := make(chan error, 1)
	go func() { ended <- node.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	key, _ := node.RootKey()
	config := awsapi.ClientConfig{Endpoint: w.info.Endpoint, Sign: func(r *http.Request, service string, body []byte) error {
		c := sigv4.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey.Reveal()}
		sigv4.Sign(r, c, w.info.Region, service, time.Now(), body)
		return nil
	}}
	if w.lambda, err = lambda.NewClient(config); err != nil {
		t.Fatal(err)
	}
	if w.iam, err = iam.NewClient(config); err != nil {
		t.Fatal(err)
	}
	w.browse(t)
	return w
}

// browse starts the browser on the page. Every name leads to this machine.
func (w *world) browse(t *testing.T) {
	t.Helper()
	page := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		fmt.Fprint(rw, "<!doctype html><title>shop</title>")
	}))
	t.Cleanup(page.Close)
	w.origin = "http://" + pageHost + page.URL[strings.LastIndexByte(page.URL, ':'):]
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(chromium(t)), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP * 127.0.0.1"), chromedp.WSURLReadTimeout(60*time.Second))
	alloc, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	tab, closeTab := chromedp.NewContext(alloc, chromedp.WithErrorf(t.Logf))
	t.Cleanup(closeTab)
	w.tab = tab
	if err := chromedp.Do(w.tab, chromedp.Navigate(w.origin)); err != nil {
		t.Fatalf("Chromium: %v", err)
	}
}

// chromium is the browser's path.
func chromium(t *testing.T) string {
	t.Helper()
	name := os.Getenv("CHROMIUM")
	if name == "" {
		name = "chromium"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("there is no Chromium, run `make browser` or set CHROMIUM: %v", err)
	}
	return path
}

func pythonRuntime(t *testing.T) lambda.Runtime {
	t.Helper()
	out, err := exec.Command("python3", "-c", "import sys; print('python3.%d' % sys.version_info[1])").Output()
	if err != nil {
		t.Fatal(err)
	}
	return lambda.Runtime(strings.TrimSpace(string(out)))
}

// deploy makes a function with a URL of the CORS configuration and returns the URL.
func (w *world) deploy(t *testing.T, name string, auth lambda.FunctionUrlAuthType, cors *lambda.Cors) string {
	t.Helper()
	ctx := t.Context()
	role, err := w.iam.CreateRole(ctx, &iam.CreateRoleRequest{RoleName: name, AssumeRolePolicyDocument: lambda.TrustPolicy})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.lambda.CreateFunction(ctx, &lambda.CreateFunctionRequest{
		FunctionName: name, Role: role.Role.Arn, Runtime: &w.runtime, Handler: new("lambda_function.lambda_handler"),
		Code: lambda.FunctionCode{ZipFile: archive(t)}, Timeout: new(30),
	})
	if err != nil {
		t.Fatal(err)
	}
	made, err := w.lambda.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigRequest{FunctionName: name, AuthType: auth, Cors: cors})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.lambda.AddPermission(ctx, &lambda.AddPermissionRequest{
		FunctionName: name, StatementId: "https", Action: "lambda:InvokeFunctionUrl", Principal: "*", FunctionUrlAuthType: &auth,
	})
	if err != nil {
		t.Fatal(err)
	}
	return made.FunctionUrl
}

func archive(t *testing.T) []byte {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("testdata", "lambda_function.py"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create("lambda_function.py")
	if err == nil {
		_, err = f.Write(source)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// fetched is what a page's script gets of a fetch.
type fetched struct {
	// Refused is the exception's text where the browser refuses the answer, and nothing else is known then.
	Refused string
	Status  int
	// Headers are those that the script may read.
	Headers map[string]string
	// Got is the function's answer.
	Got struct {
		Calls   int
		Method  string
		Cookies []string
		Token   string
		Body    string
		Message string // the platform's
	}
}

// fetch has the page's script do one; init is the JavaScript of its options.
func (w *world) fetch(t *testing.T, url, init string) fetched {
	t.Helper()
	if init == "" {
		init = "{}"
	}
	script := fmt.Sprintf(`(async () => {
		try {
			const r = await fetch(%q, %s);
			return {Status: r.status, Headers: Object.fromEntries(r.headers), Got: await r.json()};
		} catch (e) {
			return {Refused: String(e)};
		}
	})()`, url, init)
	ctx, cancel := context.WithTimeout(w.tab, 30*time.Second)
	defer cancel()
	f, err := chromedp.Run(ctx, chromedp.Evaluate[fetched](script, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("fetch %s: %v", url, err)
	}
	return f
}

// accessLog counts the requests to function URLs by function and method.
type accessLog struct {
	mu   sync.Mutex
	seen map[string]int
}

func (l *accessLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *accessLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *accessLog) WithGroup(string) slog.Handler            { return l }

func (l *accessLog) Handle(_ context.Context, r slog.Record) error {
	var function, method string
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "function":
			function = a.Value.String()
		case "method":
			method = a.Value.String()
		}
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil {
		l.seen = map[string]int{}
	}
	l.seen[function+" "+method]++
	return nil
}

// count is how many requests of a method a function's URL has answered.
func (l *accessLog) count(function, method string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen[function+" "+method]
}

// query is a URL with a parameter whose value is JSON.
func query(url, name string, value any) string {
	b, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	q := r.URL.Query()
	q.Set(name, string(b))
	r.URL.RawQuery = q.Encode()
	return r.URL.String()
}
