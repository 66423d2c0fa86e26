package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"furl/internal/cli"
)

// TestAuthTypeStays: a URL becomes more open only when that is asked for.
func TestAuthTypeStays(t *testing.T) {
	environ, _ := serve(t)
	dir := write(t, map[string]string{"lambda_function.py": handlerText})
	up := func(args ...string) (d deployed, stderr string) {
		t.Helper()
		out := furlWith(t, environ, append([]string{"up", dir, "--json"}, args...)...)
		if err := json.Unmarshal([]byte(out.ok(t)), &d); err != nil {
			t.Fatal(err)
		}
		return d, out.stderr
	}
	open := func(want int) {
		t.Helper()
		if got := furlWith(t, environ, "explain", "app", "--json"); got.code != want {
			t.Errorf("explain for everyone: exit code %d, want %d\n%s", got.code, want, got.stdout)
		}
	}
	steps := []struct {
		args, auth, action, stderr string
		anonymous                  int
	}{
		{"--auth-type AWS_IAM", "AWS_IAM", "created", "", 1},
		{"", "AWS_IAM", "unchanged", "", 1},
		{"--auth-type NONE", "NONE", "updated", "URL: AWS_IAM -> NONE, open to everyone\n", 0},
		{"", "NONE", "unchanged", "", 0},
		{"--auth-type AWS_IAM", "AWS_IAM", "updated", "URL: NONE -> AWS_IAM, for signed calls only\n", 1},
		{"--auth-type AWS_IAM", "AWS_IAM", "unchanged", "", 1},
	}
	for i, step := range steps {
		d, stderr := up(strings.Fields(step.args)...)
		if d.AuthType != step.auth || d.Action != step.action || strings.Contains(stderr, "URL: ") != (step.stderr != "") || !strings.Contains(stderr, step.stderr) {
			t.Errorf("step %d: %+v\n%s", i, d, stderr)
		}
		open(step.anonymous)
	}
	// Nothing of what opened the URL is left for the next time that it has NONE.
	verdict := furlWith(t, environ, "explain", "app", "--as", "root", "--json")
	if strings.Contains(verdict.stdout, "AllowPublicAccess") {
		t.Errorf("public statements are left: %s", verdict.stdout)
	}
}

// TestWatchAfterRemoval: a function that was removed comes again with the next
// change, at a new URL that is told and no more open than the last.
func TestWatchAfterRemoval(t *testing.T) {
	environ, _ := serve(t)
	dir := write(t, map[string]string{"lambda_function.py": handlerText})
	deploy(t, environ, dir, "--url", "AWS_IAM")
	up := start(t, environ, "up", dir, "--watch")
	up.stdout.wait(t, `^http://.*/$`)
	up.stderr.wait(t, `^watching `)
	furlWith(t, environ, "rm", "app").ok(t)
	if err := os.WriteFile(filepath.Join(dir, "data.txt"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	up.stdout.wait(t, `(?s)\Ahttp://[^\n]*/\nhttp://[^\n]*/\n\z`)
	up.end(t)
	lines := strings.Fields(func() string { text, _ := up.stdout.now(); return text }())
	if len(lines) != 2 || lines[0] == lines[1] {
		t.Errorf("stdout is %q, want two addresses", lines)
	}
	furlWith(t, environ, "explain", lines[1]).matches(t, 1, `^refused: the URL's AuthType is AWS_IAM`, "")
}

// TestPublicStatements: only what furl up wrote is taken away.
func TestPublicStatements(t *testing.T) {
	const url, invoke = "FunctionURLAllowPublicAccess", "FunctionURLInvokeAllowPublicAccess"
	statement := func(sid, principal, auth string) string {
		return `{"Sid":"` + sid + `","Effect":"Allow","Principal":` + principal + `,"Action":"a","Resource":"r","Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":"` + auth + `"}}}`
	}
	tests := []struct {
		name, statement, want string
	}{
		{"furl's", statement(url, `"*"`, "NONE"), url},
		{"furl's for dual mode", `{"Sid":"` + invoke + `","Effect":"Allow","Principal":"*","Action":"a","Resource":"r","Condition":{"Bool":{"lambda:InvokedViaFunctionUrl":"true"}}}`, invoke},
		{"for signed calls", statement(url, `"*"`, "AWS_IAM"), ""},
		{"for one principal", statement(url, `{"AWS":"arn:aws:iam::000000000000:user/alice"}`, "NONE"), ""},
		{"of another id", statement("Mine", `"*"`, "NONE"), ""},
	}
	for _, tt := range tests {
		sids, err := cli.PublicStatements(`{"Version":"2012-10-17","Id":"default","Statement":[` + tt.statement + `]}`)
		if err != nil || strings.Join(sids, " ") != tt.want {
			t.Errorf("%s: %q, %v; want %q", tt.name, sids, err, tt.want)
		}
	}
	if _, err := cli.PublicStatements("{"); err == nil {
		t.Error("a policy that is not JSON is taken")
	}
}
