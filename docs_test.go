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
	got := runTutorial(t, strings.ReplaceAll(blocksOf(t, "docs/tutorials/first-url.md"), "python3.11", runtimeOf(t)))
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

// blocksOf is a script of the blocks of a document that are marked sh.
func blocksOf(t *testing.T, document string) string {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	script.WriteString("set -eu -o pipefail\ntrap 'kill %1; wait' EXIT\n") // the server goes whatever fails
	blocks := regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllSubmatch(text, -1)
	if len(blocks) < 3 {
		t.Fatalf("%s has %d blocks marked sh", document, len(blocks))
	}
	for _, b := range blocks {
		script.Write(b[1])
	}
	return script.String()
}

// TestRolesRunAsWritten does the same for the guide to roles.
func TestRolesRunAsWritten(t *testing.T) {
	if _, err := furlBinary(); err != nil {
		t.Fatal(err)
	}
	requireTools(t)
	function := "mkdir hello\nprintf 'def lambda_handler(event, context):\\n    return {\"message\": \"Hello!\"}\\n' > hello/lambda_function.py\n"
	got := runTutorial(t, function+blocksOf(t, "docs/howto/roles.md"))
	for _, want := range []string{
		`"Arn": "arn:aws:sts::000000000000:assumed-role/caller/tuesday"`,
		`{"message":"Hello!"}`, // what the session got
		`{"message":"The security token included in the request is invalid"}`, // after it was revoked
		`"Arn": "arn:aws:iam::444455556666:root"`,
		`444455556666  staging`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the guide's output lacks %s", want)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}

// TestLogsRunAsWritten does the same for the guide to logs.
func TestLogsRunAsWritten(t *testing.T) {
	if _, err := furlBinary(); err != nil {
		t.Fatal(err)
	}
	requireTools(t)
	got := runTutorial(t, blocksOf(t, "docs/howto/logs.md"))
	for _, want := range []string{
		`TimeoutError`,                 // furl logs --errors
		`"logStreamName": "20`,         // describe-log-streams
		`"message": "{\"user\": \"bob`, // filter-log-events
		`REPORT RequestId: `,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the guide's output lacks %s", want)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}

// TestTemplatesRunAsWritten does the same for the guide to templates.
func TestTemplatesRunAsWritten(t *testing.T) {
	if _, err := furlBinary(); err != nil {
		t.Fatal(err)
	}
	requireTools(t)
	got := runTutorial(t, strings.ReplaceAll(blocksOf(t, "docs/howto/templates.md"), "python3.12", runtimeOf(t)))
	for _, want := range []string{
		"Hello from shop\n",
		"  change    AWS::Lambda::Function         Shop [Environment]\n",
		"Welcome from shop\n",
		"stack shop unchanged\n",
		`"UPDATE_COMPLETE"`,
		"stack shop removed\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the guide's output lacks %s", want)
		}
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

// TestStreamingRunsAsWritten does the same for the guide to streaming.
func TestStreamingRunsAsWritten(t *testing.T) {
	if _, err := furlBinary(); err != nil {
		t.Fatal(err)
	}
	requireTools(t)
	got := runTutorial(t, blocksOf(t, "docs/howto/streaming.md"))
	if n := strings.Count(got, "data: tick 0\n\ndata: tick 1\n\ndata: tick 2\n\n"); n != 1 {
		t.Errorf("the whole stream is there %d times", n)
	}
	if n := strings.Count(got, "data: tick 2"); n != 2 {
		t.Errorf("the last event is there %d times", n)
	}
	if t.Failed() {
		t.Log(got)
	}
}
