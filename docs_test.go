package furl_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// TestTutorialRunsAsWritten runs the blocks of the tutorial marked sh, in
// order, in one shell, and looks for what the text around them promises.
func TestTutorialRunsAsWritten(t *testing.T) {
	if _, err := furlBinary(); err != nil {
		t.Fatal(err)
	}
	requireTools(t)
	text, err := os.ReadFile("docs/tutorials/first-url.md")
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	script.WriteString("set -eu -o pipefail\ntrap 'kill %1; wait' EXIT\n") // the server goes whatever fails
	blocks := regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllSubmatch(text, -1)
	if len(blocks) < 5 {
		t.Fatalf("the tutorial has %d blocks marked sh", len(blocks))
	}
	for _, b := range blocks {
		script.Write(b[1])
	}
	got := runTutorial(t, strings.ReplaceAll(script.String(), "python3.11", runtimeOf(t)))
	for _, want := range []string{
		`{"Message":"Forbidden"}`,      // the URL before it was opened
		`{"message": "Hello, John!"}`,  // after, and to the signed caller
		`"Sid":"https"`,                // what add-permission answers, or its escaped form
		`arn:aws:lambda:us-east-1:000`, // explain names the function
	} {
		if !strings.Contains(strings.ReplaceAll(got, `\"`, `"`), want) {
			t.Errorf("the tutorial's output lacks %s", want)
		}
	}
	if n := strings.Count(got, `{"message": "Hello, John!"}`); n != 2 {
		t.Errorf("%d greetings, want the open URL's and the signed one's", n)
	}
	if t.Failed() {
		t.Log(got)
	}
}

// runtimeOf is the runtime identifier of the python3 on PATH.
func runtimeOf(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "python3", "-c", `import sys; print("python%d.%d" % sys.version_info[:2])`).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// runTutorial runs a script in an empty directory with a home of its own and
// returns what it printed. Job control gives the server in the background a
// name, %1.
func runTutorial(t *testing.T, script string) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "bash", "-m", "-c", script)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + bins + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + filepath.Join(dir, "home"),
		"FURL_DATA_DIR=" + filepath.Join(dir, "data"),
		"FURL_LISTEN=127.0.0.1:0",
		"FURL_ISOLATION=process", // under -race the server is no static program
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out.Bytes())
	}
	return out.String()
}
