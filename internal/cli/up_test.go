package cli_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"furl"
	"furl/internal/cli"
)

// running is a command that runs until it is stopped.
type running struct {
	stdout, stderr *output
	stop           context.CancelFunc
	ended          chan int
}

func start(t *testing.T, environ []string, args ...string) *running {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r := &running{newOutput(), newOutput(), stop, make(chan int, 1)}
	environ = append(slices.Clip(environ), "FURL_ISOLATION=process") // a test program is no static one
	go func() { r.ended <- cli.Run(ctx, environ, args, strings.NewReader(""), r.stdout, r.stderr) }()
	t.Cleanup(stop)
	return r
}

// end stops the command and returns its exit code.
func (r *running) end(t *testing.T) int {
	t.Helper()
	r.stop()
	select {
	case code := <-r.ended:
		return code
	case <-deadline(t):
		t.Fatal("it does not end")
		return 0
	}
}

// TestUpStartsAServer: where none runs, up serves by itself and stays; what it
// prints on stdout is the URL alone.
func TestUpStartsAServer(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	// Keys of the real AWS must not get in the way.
	environ := []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "FURL_DATA_DIR=" + data, "FURL_LISTEN=127.0.0.1:0",
		"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI"}
	dir := write(t, map[string]string{"lambda_function.py": handlerText})
	up := start(t, environ, "up", dir, "--runtime", "python3.12")
	url := up.stdout.wait(t, `^http://.*/$`)
	furlWith(t, environ, "explain", url).matches(t, 0, `^allowed: `, "")
	furlWith(t, environ, "up", dir, "--name", "second").matches(t, 0, `^http://.*/$`, "created")
	furlWith(t, environ, "serve").matches(t, 1, "", `in use by another furl.*\nhint: `)
	if code := up.end(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if text, _ := up.stderr.now(); strings.Contains(text, `"msg":"api"`) {
		t.Errorf("its own API calls are on stderr: %s", text)
	}
	if text, _ := up.stdout.now(); text != url+"\n" {
		t.Errorf("stdout is %q, want the URL alone", text)
	}
	if _, err := furl.ReadServerInfo(data); err == nil {
		t.Error("the server still runs")
	}
	up = start(t, environ, "up", dir)
	if again := up.stdout.wait(t, `^http://.*/$`); strings.Split(again, ".")[0] != strings.Split(url, ".")[0] {
		t.Errorf("the URL was %s and is %s", url, again)
	}
	up.end(t)
}

// TestUpFails: a deployment that is not possible ends the server that was
// started for it.
func TestUpFails(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	environ := []string{"HOME=" + t.TempDir(), "FURL_DATA_DIR=" + data, "FURL_LISTEN=127.0.0.1:0"}
	furlWith(t, environ, "up", write(t, map[string]string{"readme.txt": ""})).matches(t, 1, "", `no handler found`)
	if _, err := furl.ReadServerInfo(data); err == nil {
		t.Error("the server still runs")
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	furlWith(t, append(environ, "FURL_LISTEN="+busy.Addr().String()), "up", write(t, map[string]string{"lambda_function.py": handlerText})).
		matches(t, 1, "", `address already in use.*choose another address with FURL_LISTEN=ADDRESS$`)
	furlWith(t, append(environ, "FURL_REGION=nowhere"), "up", write(t, map[string]string{"lambda_function.py": handlerText})).matches(t, 2, "", `FURL_REGION: "nowhere"`)
}

// TestUpWatch deploys again on changes and outlives mistakes.
func TestUpWatch(t *testing.T) {
	environ, _ := serve(t)
	dir := write(t, map[string]string{"lambda_function.py": handlerText})
	up := start(t, environ, "up", dir, "--runtime", "python3.12", "--watch")
	up.stdout.wait(t, `^http://.*/$`)
	up.stderr.wait(t, `^watching `)
	change := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	change("lambda_function.py", handlerText+"# more\n")
	up.stderr.wait(t, `^app updated: .* in \d+ ms$`)
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	up.stderr.wait(t, `^furl: .*link`)
	if err := os.Remove(filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	change("data.txt", "x")
	up.stderr.wait(t, `(?s)updated:.*link.*updated:`)
	if code := up.end(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if text, _ := up.stdout.now(); strings.Count(text, "\n") != 1 {
		t.Errorf("stdout is %q, want the URL alone", text)
	}
}

func TestServe(t *testing.T) {
	data := filepath.Join(t.TempDir(), "it's data")
	environ := []string{"HOME=" + t.TempDir(), "FURL_LISTEN=127.0.0.1:0"}
	serve := start(t, environ, "serve", "--data-dir", data)
	block := serve.stdout.wait(t, `(?s)\Afurl serves on http://127.0.0.1:\d+\n.*root access key:.*\n`)
	if !strings.Contains(block, `eval "$(furl env --data-dir '`+strings.ReplaceAll(data, "'", `'\''`)+`')"`) {
		t.Errorf("%s", block)
	}
	key, err := furl.ReadRootKey(data)
	if err != nil || strings.Contains(block, key.SecretAccessKey.Reveal()) {
		t.Errorf("the secret is shown to what is no terminal: %s, %v", block, err)
	}
	serve.stderr.wait(t, `"msg":"serving"`)
	if code := serve.end(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
