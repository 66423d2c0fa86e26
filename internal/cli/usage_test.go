package cli_test

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"furl/internal/cli"
)

// TestHelp: every command says what it does and shows how, by help and by flag.
func TestHelp(t *testing.T) {
	environ := []string{"HOME=" + t.TempDir()}
	for _, c := range cli.Commands() {
		if c.Short == "" || c.Long == "" || !strings.Contains(c.Example, "furl "+c.Name()) {
			t.Errorf("%s lacks a description or an example of itself", c.Name())
		}
		for _, args := range [][]string{{c.Name(), "--help"}, {"help", c.Name()}} {
			out := furlWith(t, environ, args...)
			out.matches(t, 0, `^Examples:\n  \S`, "")
			if !strings.Contains(out.stdout, "furl "+c.Name()) {
				t.Errorf("furl %s: %s", strings.Join(args, " "), out.stdout)
			}
		}
	}
	furlWith(t, environ).matches(t, 0, `^Commands:`, "")
	furlWith(t, environ, "--version").matches(t, 0, `^furl \S+$`, "")
}

func TestWrongUsage(t *testing.T) {
	app := write(t, map[string]string{"lambda_function.py": "def lambda_handler(event, context):\n  pass\n"})
	tests := []struct {
		args   string
		code   int
		stderr string
	}{
		{"frobnicate", 2, `^furl: unknown command "frobnicate"\nhint: furl --help`},
		{"sreve", 2, `^hint: did you mean furl serve\?$`},
		{"help sreve", 2, `^hint: did you mean furl serve\?$`},
		{"serve --regoin x", 2, `^furl: unknown flag: --regoin\nhint: did you mean --region\?$`},
		{"up -name x APP", 2, `^hint: did you mean --name\?\nhint: furl up --help`},
		{"up -n x APP", 2, `^furl: unknown shorthand flag: 'n' in -n\nhint: furl up --help`},
		{"up -memroy=3 APP", 2, `^hint: did you mean --memory\?$`},
		{"env", 1, `^hint: name another data directory with --data-dir$`},
		{"list", 1, `^hint: name another data directory with --data-dir, or a server's address with --endpoint$`},
		{"serve now", 2, `takes no argument, but got "now"`},
		{"up", 2, `^furl: furl up needs a directory or file\nhint: usage: furl up DIR\|FILE`},
		{"up a b", 2, `but got "b" as well`},
		{"up --auth-type OPEN APP", 2, `--auth-type "OPEN": want NONE or AWS_IAM`},
		{"up --env COLOUR APP", 2, `--env "COLOUR": want NAME=VALUE`},
		{"up --memory -1 APP", 2, `must be more than 0`},
		{"up --memory 0 APP", 2, `must be more than 0`},
		{"deploy --timeout 0 APP", 2, `must be more than 0`},
		{"up --auth-type= APP", 2, `--auth-type "": want NONE or AWS_IAM`},
		{"up --memory much APP", 2, `invalid argument "much"`},
		{"deploy --url OPEN APP", 2, `--url "OPEN"`},
		{"up /no/such/place", 1, `^furl: there is no file or directory /no/such/place$`},
		{"deploy APP", 1, `^furl: .*: no server is running on this data directory\nhint: start one with furl serve`},
		{"rm", 2, `needs the name of a function`},
		{"logs f --since -1m", 2, `want a time that has passed`},
		{"explain f --source-ip here", 2, `is not an IP address`},
		{"explain f --as anonymous --as-key AKIAIOSFODNN7EXAMPLE", 2, `--as anonymous and --as-key exclude each other`},
		{"env --shell tcsh", 2, `want sh, fish or powershell`},
		{"completion tcsh", 2, `unknown shell "tcsh"`},
		{"list --endpoint localhost", 2, `endpoint "localhost": want a URL`},
		{"list --endpoint http://127.0.0.1:1", 1, `(?s)there is no access key for http://127.0.0.1:1.*hint: set AWS_ACCESS_KEY_ID`},
	}
	for _, tt := range tests {
		args := strings.Fields(strings.ReplaceAll(tt.args, "APP", app))
		environ := []string{"HOME=" + t.TempDir()}
		if strings.HasPrefix(tt.args, "explain") {
			environ = append(environ, "FURL_ENDPOINT=http://127.0.0.1:1", "AWS_ACCESS_KEY_ID=k", "AWS_SECRET_ACCESS_KEY=s")
		}
		t.Run(tt.args, func(t *testing.T) { furlWith(t, environ, args...).matches(t, tt.code, "", tt.stderr) })
	}
}

func TestNobodyThere(t *testing.T) {
	environ := []string{"HOME=" + t.TempDir(), "AWS_ACCESS_KEY_ID=k", "AWS_SECRET_ACCESS_KEY=s"}
	furlWith(t, environ, "list", "--endpoint", "http://127.0.0.1:1").matches(t, 1, "", `(?s)connection refused.*^hint: no server answers there`)
}

func TestReport(t *testing.T) {
	tests := []struct {
		message string
		usage   bool
		hints   []string
		code    int
		want    string
	}{
		{"it broke", false, nil, 1, "furl: it broke\n"},
		{"furl: it broke", true, []string{"mend it", "or not"}, 2, "furl: it broke\nhint: mend it\nhint: or not\n"},
		{"one\ntwo", false, nil, 1, "furl: one\nfurl: two\n"},
	}
	for _, tt := range tests {
		var b bytes.Buffer
		if code := cli.Report(&b, tt.message, tt.usage, tt.hints...); code != tt.code || b.String() != tt.want {
			t.Errorf("%q: code %d, %q; want %d, %q", tt.message, code, b.String(), tt.code, tt.want)
		}
	}
}

func TestNearest(t *testing.T) {
	candidates := []string{"serve", "logs", "deploy", "FURL_URL_AUTH", "region"}
	for name, want := range map[string]string{
		"sreve": "serve", "log": "logs", "depoy": "deploy", "FURL_URLAUTH": "FURL_URL_AUTH", "regions": "region",
		"frobnicate": "", "x": "", "": "",
	} {
		if got := cli.Nearest(name, candidates); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

func TestVersion(t *testing.T) {
	furlWith(t, nil, "version").matches(t, 0, `^furl \S+ \(\S+, go\S+\)$`, "")
	var v struct{ Version, Go, Platform string }
	if err := json.Unmarshal([]byte(furlWith(t, nil, "version", "--json").ok(t)), &v); err != nil || v.Version == "" || v.Go == "" || v.Platform == "" {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		out := furlWith(t, nil, "completion", shell).ok(t)
		if !strings.Contains(out, "furl") {
			t.Errorf("%s: %q", shell, out)
		}
		path, err := exec.LookPath(shell)
		if err != nil || shell == "powershell" {
			continue
		}
		check := exec.Command(path, "-n")
		check.Stdin = strings.NewReader(out)
		if said, err := check.CombinedOutput(); err != nil {
			t.Errorf("%s does not accept its script: %v\n%s", shell, err, said)
		}
	}
	furlWith(t, nil, "__complete", "up", "--auth-type", "").matches(t, 0, `^AWS_IAM$`, "directive")
}
