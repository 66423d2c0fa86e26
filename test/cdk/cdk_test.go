package cdk_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"furl/test/guide"
)

// installed is where `make cdk` puts the packages.
const installed = "../../.venv/cdk/node_modules"

// TestGuideRunsAsWritten runs the guide's blocks in one shell: bootstrap, deploy, deploy again, change, deploy in the
// bootstrapped roles, destroy. Only the packages are those that were installed before, and the runtime is the one of the
// Node.js that is here.
func TestGuideRunsAsWritten(t *testing.T) {
	guide.Needs(t, installed, "AWS CDK is not installed, run `make cdk`")
	notices := map[string]string{".cdk.json": `{"notices": false}`} // they come from the internet
	got := guide.Run(t, t.TempDir(), script(t), nil, notices, "CDK_DISABLE_CLI_TELEMETRY=true")
	if strings.Contains(got, "could not be used to assume") {
		t.Error("the bootstrapped roles could not be assumed")
	}
	guide.Wants(t, got,
		"Environment aws://000000000000/us-east-1 bootstrapped",
		"Hello from version 1\n",
		"Hello (no changes)",
		"Goodbye from version 2\n",
		"Welcome from version 3\n",
		"Hello: destroyed",
		"403\n", // the URL is gone
	)
}

// script is the guide's, with what is installed already.
func script(t *testing.T) string {
	t.Helper()
	modules, err := filepath.Abs(installed)
	if err != nil {
		t.Fatal(err)
	}
	out := guide.Script(t, "../../docs/howto/cdk.md")
	out = regexp.MustCompile(`(?m)^npm install .*$`).ReplaceAllString(out, "ln -s '"+modules+"' node_modules")
	version, err := exec.CommandContext(t.Context(), "node", "-p", "process.versions.node.split('.')[0]").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(out, "NODEJS_22_X", "NODEJS_"+strings.TrimSpace(string(version))+"_X")
}
