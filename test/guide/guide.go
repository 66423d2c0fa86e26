// Package guide runs the blocks of a document as a reader would, in one shell, against a server with data of its own.
package guide

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

// clients is where `make clients` puts the AWS CLI, as seen from a test's directory.
const clients = "../../.venv/clients/bin"

// Script are the shell blocks of a document as one script. What it starts in the background ends with it.
func Script(t testing.TB, document string) string {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	script.WriteString("set -eu -o pipefail\ntrap 'kill %1; wait' EXIT\n") // the server goes whatever fails
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllSubmatch(text, -1) {
		script.Write(block[1])
	}
	return script.String()
}

// Needs skips the test when what it needs is not installed, loudly; in CI it fails.
func Needs(t testing.TB, path, remedy string) {
	t.Helper()
	if _, err := os.Stat(path); err == nil {
		return
	} else if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip("NOTHING IS TESTED: " + remedy)
}

// Run runs a script in dir with a furl that is built from this tree, the AWS CLI and programs in more directories on its
// PATH, a home of its own with files in it, and more variables. It returns what the script printed.
func Run(t testing.TB, dir, script string, path []string, files map[string]string, env ...string) string {
	t.Helper()
	bin := filepath.Join(dir, "bin")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "furl"), "furl/cmd/furl")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	home := filepath.Join(dir, "home")
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	paths := []string{bin}
	for _, one := range append([]string{clients}, path...) {
		abs, err := filepath.Abs(one)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, abs)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-m", "-c", script)
	cmd.Dir = dir
	cmd.Env = append([]string{
		"PATH=" + strings.Join(append(paths, os.Getenv("PATH")), string(os.PathListSeparator)),
		"HOME=" + home,
		"FURL_DATA_DIR=" + filepath.Join(dir, "data"),
		"FURL_LISTEN=127.0.0.1:0",
		"FURL_ISOLATION=process",
		"CI=true", // progress line by line
	}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "server.log"))
		t.Fatalf("%v\n%s\n%s", err, out.Bytes(), log)
	}
	return out.String()
}

// Wants reports what the output lacks.
func Wants(t testing.TB, output string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(output, want) {
			t.Errorf("the output lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(output)
	}
}
