package cdk_test

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

// installed is where `make cdk` puts the packages, guide what the test runs.
const (
	installed = "../../.venv/cdk"
	clients   = "../../.venv/clients/bin"
	guide     = "../../docs/howto/cdk.md"
)

// TestGuideRunsAsWritten runs the guide's blocks in one shell: bootstrap, deploy, deploy again, change, deploy in the
// bootstrapped roles, destroy. Only the packages are those that were installed before, and the runtime is the one of the
// Node.js that is here.
func TestGuideRunsAsWritten(t *testing.T) {
	if _, err := os.Stat(filepath.Join(installed, "node_modules")); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("NOTHING OF CDK IS TESTED: it is not installed, run `make cdk`")
	}
	dir := t.TempDir()
	got := run(t, dir, script(t))
	for _, want := range []string{
		"Environment aws://000000000000/us-east-1 bootstrapped",
		"Hello from version 1\n",
		"Hello (no changes)",
		"Goodbye from version 2\n",
		"Welcome from version 3\n",
		"Hello: destroyed",
		"403\n", // the URL is gone
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the output lacks %q", want)
		}
	}
	if strings.Contains(got, "could not be used to assume") {
		t.Error("the bootstrapped roles could not be assumed")
	}
	if t.Failed() {
		t.Log(got)
	}
}

// script is the guide's blocks, with what is installed already.
func script(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	modules, err := filepath.Abs(filepath.Join(installed, "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	script.WriteString("set -eu -o pipefail\ntrap 'kill %1; wait' EXIT\n") // the server goes whatever fails
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllSubmatch(text, -1) {
		script.Write(block[1])
	}
	out := script.String()
	out = regexp.MustCompile(`(?m)^npm install .*$`).ReplaceAllString(out, "ln -s '"+modules+"' node_modules")
	version, err := exec.CommandContext(t.Context(), "node", "-p", "process.versions.node.split('.')[0]").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(out, "NODEJS_22_X", "NODEJS_"+strings.TrimSpace(string(version))+"_X")
}

// run runs a script in a directory with a home and a server's data of its own, and returns what it printed.
func run(t *testing.T, dir, script string) string {
	t.Helper()
	bin := filepath.Join(dir, "bin")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(bin, "furl"), "furl/cmd/furl")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	aws, err := filepath.Abs(clients)
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(dir, "home")
	settings := []byte(`{"notices": false}`) // they come from the internet
	if err := os.Mkdir(home, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, ".cdk.json"), settings, 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "bash", "-m", "-c", script)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + strings.Join([]string{bin, aws, os.Getenv("PATH")}, string(os.PathListSeparator)),
		"HOME=" + home,
		"FURL_DATA_DIR=" + filepath.Join(dir, "data"),
		"FURL_LISTEN=127.0.0.1:0",
		"FURL_ISOLATION=process",
		"CDK_DISABLE_CLI_TELEMETRY=true",
		"CI=true", // progress line by line
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "server.log"))
		t.Fatalf("%v\n%s\n%s", err, out.Bytes(), log)
	}
	return out.String()
}
