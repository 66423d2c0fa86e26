package samcli_test

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"furl/test/guide"
)

// installed is where `make samcli` puts the SAM CLI.
const installed = "../../.venv/samcli/bin"

// TestGuideRunsAsWritten runs the guide's blocks in one shell: build, deploy, deploy again, change, read the logs, delete.
// Only the runtime is the one of the Python that the SAM CLI runs in, which builds for no other.
func TestGuideRunsAsWritten(t *testing.T) {
	guide.Needs(t, installed+"/sam", "the SAM CLI is not installed, run `make samcli`")
	version, err := exec.CommandContext(t.Context(), installed+"/python", "-c", "import sys; print('python%d.%d' % sys.version_info[:2])").Output()
	if err != nil {
		t.Fatal(err)
	}
	script := strings.ReplaceAll(guide.Script(t, "../../docs/howto/sam.md"), "python3.13", strings.TrimSpace(string(version)))
	script = regexp.MustCompile(`(?m)^pip install .*$`).ReplaceAllString(script, "")
	got := guide.Run(t, t.TempDir(), script, []string{installed}, nil, "SAM_CLI_TELEMETRY=0")
	guide.Wants(t, got,
		"Successfully created/updated stack - hello",
		"Hello from version 1\n",
		"No changes to deploy. Stack hello is up to date",
		"Goodbye from version 2\n",
		"somebody came by", // sam logs
		"Deleted successfully",
		"403\n", // the URL is gone
	)
}
