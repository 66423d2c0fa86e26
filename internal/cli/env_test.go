package cli_test

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// awkward is a path that tests quoting.
const awkward = `/tmp/it's "a" $(dir) \n with ` + "`ticks`" + ` & more;#!*?é`

// pretend makes a data directory that a server seems to run on: this process.
func pretend(t *testing.T, bundle string, key bool) (environ []string, endpoint string) {
	t.Helper()
	dir := t.TempDir()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	endpoint = "http://" + l.Addr().String()
	info, err := json.Marshal(map[string]any{
		"pid": os.Getpid(), "endpoint": endpoint, "account": "000000000000", "region": "eu-west-1", "domain": "localhost", "caBundle": bundle, "caCert": bundle,
	})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"server.json": string(info)}
	if key {
		files["root-access-key"] = `{"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "SecretAccessKey": "wJalrXUtnFEMI/K7+DENG"}`
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"HOME=" + t.TempDir(), "FURL_DATA_DIR=" + dir}, endpoint
}

func expected(endpoint, bundle string) map[string]string {
	return map[string]string{
		"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7+DENG",
		"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
		"AWS_CA_BUNDLE": bundle, "REQUESTS_CA_BUNDLE": bundle, "CURL_CA_BUNDLE": bundle,
		"AWS_ENDPOINT_URL_S3": strings.Replace(endpoint, "http:", "https:", 1), "NODE_EXTRA_CA_CERTS": bundle,
	}
}

// TestEnvInShells has real shells evaluate what is printed for them.
func TestEnvInShells(t *testing.T) {
	environ, endpoint := pretend(t, awkward, true)
	environ = append(environ, "AWS_SESSION_TOKEN=old")
	shells := map[string][]string{
		"sh":         {"sh", "-c", `eval "$PRINTED"; env`},
		"fish":       {"fish", "-c", `echo $PRINTED | source; env`},
		"powershell": {"pwsh", "-NoProfile", "-Command", `Invoke-Expression $Env:PRINTED; /usr/bin/env`},
	}
	for shell, command := range shells {
		path, err := exec.LookPath(command[0])
		if err != nil && shell != "sh" {
			t.Logf("there is no %s here; its form is checked as text by another test", command[0])
			continue
		}
		t.Run(shell, func(t *testing.T) {
			printed := furlWith(t, environ, "env", "--shell", shell).ok(t)
			cmd := exec.Command(path, command[1:]...)
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "PRINTED=" + printed, "AWS_SESSION_TOKEN=old"}
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			got := map[string]string{}
			for line := range strings.Lines(string(out)) {
				name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
				got[name] = value
			}
			for name, want := range expected(endpoint, awkward) {
				if got[name] != want {
					t.Errorf("%s is %q, want %q", name, got[name], want)
				}
			}
			if token, set := got["AWS_SESSION_TOKEN"]; set {
				t.Errorf("AWS_SESSION_TOKEN is still %q", token)
			}
		})
	}
}

// TestEnvForms pins the forms for shells that tests may lack.
func TestEnvForms(t *testing.T) {
	environ, _ := pretend(t, `C:\it's`, true)
	environ = append(environ, "AWS_SESSION_TOKEN=old")
	for shell, want := range map[string][]string{
		"sh":         {`export AWS_CA_BUNDLE='C:\it'\''s'`, `export AWS_REGION=eu-west-1`, `unset AWS_SESSION_TOKEN`},
		"fish":       {`set -gx AWS_CA_BUNDLE 'C:\\it\'s'`, `set -gx AWS_REGION 'eu-west-1'`, `set -e AWS_SESSION_TOKEN`},
		"powershell": {`$Env:AWS_CA_BUNDLE = 'C:\it''s'`, `$Env:AWS_REGION = 'eu-west-1'`, `Remove-Item Env:AWS_SESSION_TOKEN -ErrorAction SilentlyContinue`},
	} {
		out := furlWith(t, environ, "env", "--shell", shell).ok(t)
		for _, line := range want {
			if !strings.Contains(out, line+"\n") {
				t.Errorf("%s: no line %s in\n%s", shell, line, out)
			}
		}
	}
	if out := furlWith(t, environ[:2], "env").ok(t); strings.Contains(out, "TOKEN") {
		t.Errorf("a token that is not set is unset: %s", out)
	}
}

func TestEnvJSON(t *testing.T) {
	environ, endpoint := pretend(t, awkward, true)
	var got map[string]string
	if err := json.Unmarshal([]byte(furlWith(t, environ, "env", "--json").ok(t)), &got); err != nil {
		t.Fatal(err)
	}
	want := expected(endpoint, awkward)
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s is %q, want %q", name, got[name], want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d variables, want %d", len(got), len(want))
	}
}

// TestEnvWithoutKey: a root key that was given to the server from outside is
// the user's to set, and no error.
func TestEnvWithoutKey(t *testing.T) {
	environ, _ := pretend(t, "/x", false)
	out := furlWith(t, environ, "env")
	out.matches(t, 0, `^export AWS_ENDPOINT_URL=`, `root key is not in`)
	if strings.Contains(out.stdout, "KEY") {
		t.Errorf("%s", out.stdout)
	}
}

// TestDeadServer: what a killed server left behind is no server.
func TestDeadServer(t *testing.T) {
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	info, err := json.Marshal(map[string]any{"pid": cmd.Process.Pid, "endpoint": "http://127.0.0.1:4566"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "server.json"), info, 0o600); err != nil {
		t.Fatal(err)
	}
	furlWith(t, []string{"HOME=" + dir, "FURL_DATA_DIR=" + dir}, "env").matches(t, 1, "", `no server is running`)
}
