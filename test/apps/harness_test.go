package apps_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"furl"
	"furl/internal/awsapi"
	"furl/internal/iam"
	"furl/internal/lambda"
	"furl/internal/sigv4"
)

const (
	// installed is where `make apps` puts the applications' packages.
	installed = "../../.venv/apps"
	// startBound is how long a server may take to answer.
	startBound = 60 * time.Second
)

// node is the server under test, one for all applications.
var node *server

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run starts one furl, built as users build it, and stops it at the end.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "furl-apps-test-")
	if err == nil {
		defer os.RemoveAll(dir)
		if err = prepare(dir); err == nil {
			code := m.Run()
			if err = node.stop(); err == nil {
				return code
			}
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// server is a running furl and clients of its API.
type server struct {
	dir    string
	info   furl.ServerInfo
	key    furl.RootKey
	lambda *lambda.Client
	iam    *iam.Client
	cmd    *exec.Cmd
	exited chan error
}

// prepare builds furl into dir, starts it there and sets node.
func prepare(dir string) error {
	if err := os.Chmod(dir, 0o755); err != nil { // sandboxes start the program as other users
		return err
	}
	binary := filepath.Join(dir, "furl")
	if err := build(binary, "furl/cmd/furl"); err != nil {
		return err
	}
	s := &server{dir: dir, cmd: exec.Command(binary, "serve", "--listen", "127.0.0.1:0"), exited: make(chan error, 1)}
	data := filepath.Join(dir, "data")
	s.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LANG=C.UTF-8", "FURL_DATA_DIR=" + data}
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	go func() { s.exited <- s.cmd.Wait() }()
	node = s
	if err := until(func() bool { s.info, err = furl.ReadServerInfo(data); return err == nil }); err != nil {
		return errors.Join(fmt.Errorf("furl: %w\n%s", err, s.log()), s.stop())
	}
	return s.connect(data)
}

// connect makes the clients, which sign with the root key.
func (s *server) connect(data string) (err error) {
	if s.key, err = furl.ReadRootKey(data); err != nil {
		return err
	}
	config := awsapi.ClientConfig{Endpoint: s.info.Endpoint, Sign: func(r *http.Request, service string, body []byte) error {
		key := sigv4.Credentials{AccessKeyID: s.key.AccessKeyID, SecretAccessKey: s.key.SecretAccessKey.Reveal()}
		sigv4.Sign(r, key, s.info.Region, service, time.Now(), body)
		return nil
	}}
	if s.lambda, err = lambda.NewClient(config); err != nil {
		return err
	}
	s.iam, err = iam.NewClient(config)
	return err
}

func (s *server) log() string {
	b, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// stop ends the server, which must exit by itself.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-s.exited:
		return err
	case <-time.After(startBound):
		return errors.Join(errors.New("furl outlived SIGTERM"), syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL))
	}
}

// build compiles a static program.
func build(path, pkg string) error {
	cmd := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// until polls done for startBound.
func until(done func() bool) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(startBound)
	for !done() {
		select {
		case <-tick.C:
		case <-late:
			return fmt.Errorf("not ready after %v", startBound)
		}
	}
	return nil
}

// function is what deploy makes a function and its open URL of.
type function struct {
	name    string
	runtime string
	handler string
	// dirs are packed into one archive; of files of one name the first counts.
	dirs []string
	// stream makes the URL one of InvokeMode RESPONSE_STREAM.
	stream bool
	cors   *lambda.Cors
}

// deploy creates the function over the API and returns its URL.
func deploy(t *testing.T, f function) *url.URL {
	t.Helper()
	ctx := t.Context()
	role, err := node.iam.CreateRole(ctx, &iam.CreateRoleRequest{RoleName: f.name, AssumeRolePolicyDocument: lambda.TrustPolicy})
	if err != nil {
		t.Fatal(err)
	}
	mode := lambda.InvokeMode("BUFFERED")
	if f.stream {
		mode = "RESPONSE_STREAM"
	}
	_, err = node.lambda.CreateFunction(ctx, &lambda.CreateFunctionRequest{
		FunctionName: f.name, Role: role.Role.Arn, Runtime: new(lambda.Runtime(f.runtime)), Handler: &f.handler,
		Code: lambda.FunctionCode{ZipFile: pack(t, f.dirs)}, Timeout: new(60), MemorySize: new(512),
	})
	if err != nil {
		t.Fatal(err)
	}
	made, err := node.lambda.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigRequest{
		FunctionName: f.name, AuthType: "NONE", InvokeMode: &mode, Cors: f.cors,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = node.lambda.AddPermission(ctx, &lambda.AddPermissionRequest{
		FunctionName: f.name, StatementId: "https", Action: "lambda:InvokeFunctionUrl", Principal: "*",
		FunctionUrlAuthType: new(lambda.FunctionUrlAuthType("NONE")),
	})
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(made.FunctionUrl)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// pack makes a deployment package of directories, without what only their installation leaves.
func pack(t *testing.T, dirs []string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	packed := map[string]bool{}
	for _, dir := range dirs {
		err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "__pycache__" || path == "bin" || strings.HasSuffix(path, ".bin")):
				return fs.SkipDir
			case d.IsDir() || !d.Type().IsRegular() || d.Name() == ".installed" || packed[path]:
				return nil
			}
			packed[path] = true
			return packFile(z, dir, path)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func packFile(z *zip.Writer, dir, path string) error {
	name := filepath.Join(dir, path)
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	h := &zip.FileHeader{Name: path, Method: zip.Deflate}
	h.SetMode(info.Mode().Perm() | 0o444)
	w, err := z.CreateHeader(h)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return err
}

// pythonRuntime is the runtime of the python3 that the applications were installed with.
func pythonRuntime(t *testing.T) string {
	return version(t, "python3", "-c", "import sys; print('python3.%d' % sys.version_info[1])")
}

func nodeRuntime(t *testing.T) string {
	return version(t, "node", "-p", "'nodejs' + process.versions.node.split('.')[0] + '.x'")
}

func version(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// pythonApp packs an application of this directory with its packages; serve is the command of its native server, where
// PORT stands for the port.
func pythonApp(t *testing.T, name string, serve ...string) (function, *native) {
	t.Helper()
	need(t, name, "servers")
	f := function{name: name, runtime: pythonRuntime(t), handler: "lambda_function.lambda_handler", dirs: []string{filepath.Join(installed, name), name}}
	n := startNative(t, name, append([]string{"python3", "-m"}, serve...),
		"PYTHONPATH="+absolute(t, filepath.Join(installed, name))+":"+absolute(t, filepath.Join(installed, "servers")), "PYTHONDONTWRITEBYTECODE=1")
	return f, n
}

// nodeApp is the same for Node.js; handler is the function's.
func nodeApp(t *testing.T, name, handler string) (function, *native) {
	t.Helper()
	need(t, name)
	f := function{name: name, runtime: nodeRuntime(t), handler: handler, dirs: []string{filepath.Join(installed, name), name}}
	return f, startNative(t, modules(t, name), []string{"node", "--preserve-symlinks", "--preserve-symlinks-main", "native.mjs"})
}

// modules makes a directory of an application and its packages: an ES module finds packages beside itself only.
func modules(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	for _, from := range []string{name, filepath.Join(installed, name)} {
		entries, err := os.ReadDir(from)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			err := os.Symlink(filepath.Join(absolute(t, from), e.Name()), filepath.Join(dir, e.Name()))
			if err != nil && !errors.Is(err, fs.ErrExist) {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// need fails where an application has not been installed.
func need(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(installed, name, ".installed")); err != nil {
			t.Fatalf("the applications are not installed, run `make apps`: %v", err)
		}
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// native is an application's own server.
type native struct{ address string }

// startNative runs a server in dir until the test ends. Arguments that are PORT become the port, which is in the
// environment as well.
func startNative(t *testing.T, dir string, args []string, env ...string) *native {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &native{address: l.Addr().String()}
	_, port, _ := net.SplitHostPort(n.address)
	l.Close()
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "PORT", port)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LANG=C.UTF-8", "TZ=:UTC", "PORT=" + port}, env...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("%s said:\n%s", args, log.String())
		}
	})
	err = until(func() bool {
		c, err := net.Dial("tcp", n.address)
		if err == nil {
			c.Close()
		}
		return err == nil || len(ended) > 0
	})
	if err != nil || len(ended) > 0 {
		t.Fatalf("%s does not serve: %v", args, err)
	}
	return n
}
