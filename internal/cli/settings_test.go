package cli_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"furl/internal/cli"
)

// TestPrecedence: flag, then variable, then file, then default, and where each
// setting came from.
func TestPrecedence(t *testing.T) {
	dir := write(t, map[string]string{
		"config.toml": `region = "eu-west-1"
listen = ["127.0.0.1:1", "127.0.0.1:2"]
tls = true
max-environments = 3
`,
		"ports.toml": "egress-host-ports = [5432, \"6379\"]\n",
		"other.toml": "region = \"ap-south-1\"\ndata-dir = \"elsewhere\"\n",
		"python3*":   "#!/bin/sh\n",
	})
	python := filepath.Join(dir, "python3")
	tests := []struct {
		name    string
		environ []string
		args    []string
		want    []string
	}{
		{"defaults", nil, []string{"--data-dir", "nowhere"},
			[]string{`^data-dir = ".*/nowhere"  # --data-dir$`, `^# region: us-east-1$`, `^# listen: 127`, `^# tls: false$`, `^# isolation: best-effort, because no address to serve on is beyond loopback$`, `^# egress: development, because no`, `^# metrics: off$`}},
		{"file in the data directory", []string{"FURL_DATA_DIR=" + dir}, nil,
			[]string{`^region = "eu-west-1"  # .*/config.toml: region$`, `^listen = \["127.0.0.1:1", "127.0.0.1:2"\]  # `, `^tls = true  # `, `^max-environments = 3  # `}},
		{"variable above file", []string{"FURL_DATA_DIR=" + dir, "FURL_REGION=eu-central-1", "FURL_LISTEN=:3,:4", "FURL_TLS=0"}, nil,
			[]string{`^region = "eu-central-1"  # FURL_REGION$`, `^listen = \[":3", ":4"\]  # FURL_LISTEN$`, `^# isolation: required, because :3 is beyond loopback$`, `^# egress: production, because :3 is`, `^tls = false  # FURL_TLS$`}},
		{"flag above variable", []string{"FURL_DATA_DIR=" + dir, "FURL_REGION=eu-central-1"}, []string{"--region", "us-west-2", "--listen", ":5", "--listen=:6"},
			[]string{`^region = "us-west-2"  # --region$`, `^listen = \[":5", ":6"\]  # --listen$`}},
		{"an empty variable is not set", []string{"FURL_DATA_DIR=" + dir, "FURL_REGION="}, nil,
			[]string{`^region = "eu-west-1"  # `}},
		{"named file instead of the other", []string{"FURL_CONFIG=" + filepath.Join(dir, "other.toml")}, nil,
			[]string{`^region = "ap-south-1"`, `^data-dir = ".*/elsewhere"  # .*other.toml: data-dir$`, `^# max-environments: 64`}},
		{"named file by flag above variable", []string{"FURL_CONFIG=/no/such/file"}, []string{"--config", filepath.Join(dir, "other.toml")},
			[]string{`^region = "ap-south-1"`}},
		{"numbers in a file", nil, []string{"--config", filepath.Join(dir, "ports.toml")}, []string{`^egress-host-ports = \[5432, 6379\]  # `}},
		{"runtimes", []string{"FURL_RUNTIMES=python3.12=" + python + ",python3.11=" + python}, nil,
			[]string{`^runtimes = \["python3.11=` + python + `", "python3.12=` + python + `"\]  # FURL_RUNTIMES$`}},
		{"isolation and egress", []string{"FURL_EGRESS_ALLOW=10.0.5.0/24:5432,hello=db.example.com", "FURL_STRICT=1"}, []string{"--isolation", "confined", "--egress=none", "--egress-host-port", "5432", "--egress-host-port=6379", "--metrics", "127.0.0.1:9100"},
			[]string{`^isolation = "confined"  # --isolation$`, `^strict = true  # FURL_STRICT$`, `^egress = "none"`, `^egress-allow = \["10.0.5.0/24:5432", "hello=db.example.com"\]  # FURL_EGRESS_ALLOW$`,
				`^egress-host-ports = \[5432, 6379\]  # --egress-host-port$`, `^metrics = "127.0.0.1:9100"`}},
		{"a switch", nil, []string{"--tls", "--url-auth=dual", "--drain-timeout", "90s", "--log-format", "text"},
			[]string{`^tls = true  # --tls$`, `^url-auth = "dual"`, `^drain-timeout = "1m30s"`, `^log-format = "text"`}},
		{"state directory", []string{"XDG_STATE_HOME=/var/state"}, nil,
			[]string{`^data-dir = "/var/state/furl"  # default$`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			environ := append([]string{"HOME=" + t.TempDir()}, tt.environ...)
			out := furlWith(t, environ, append([]string{"serve", "--check"}, tt.args...)...).ok(t)
			for _, want := range tt.want {
				if !regexp.MustCompile("(?m)" + want).MatchString(out) {
					t.Errorf("no match of %s in\n%s", want, out)
				}
			}
		})
	}
}

func TestNoHome(t *testing.T) {
	furlWith(t, nil, "serve", "--check").matches(t, 1, "", `HOME is not set\nhint: name a directory with --data-dir`)
	file := filepath.Join(write(t, map[string]string{"furl.toml": `data-dir = "/srv/furl"`}), "furl.toml")
	furlWith(t, nil, "serve", "--check", "--config", file).matches(t, 0, `data-dir = "/srv/furl"`, "")
}

func TestBadSettings(t *testing.T) {
	dir := write(t, map[string]string{
		"unknown.toml":    "regoin = \"eu-west-1\"\n",
		"broken.toml":     "region = \n",
		"type.toml":       "region = 1979-05-27\n",
		"nested.toml":     "listen = [1.5]\n",
		"table.toml":      "[runtimes]\npython3.12 = \"/x\"\n",
		"secret.toml":     "root-access-key-id = \"AKIA\"\n",
		"bad.toml":        "region = \"nowhere\"\n",
		"list.toml":       "region = [\"a\", \"b\"]\n",
		"own/config.toml": "data-dir = \"/x\"\n",
	})
	tests := []struct {
		environ, args, want string
	}{
		{"FURL_REGOIN=x", "", `unknown variable FURL_REGOIN in the environment\nhint: did you mean FURL_REGION\?`},
		{"FURL_SOMETHING_ELSE=x", "", `unknown variable FURL_SOMETHING_ELSE`},
		{"", "--config DIR/unknown.toml", `unknown.toml: unknown key "regoin"\nhint: did you mean region\?`},
		{"", "--config DIR/broken.toml", `broken.toml: toml: line 1`},
		{"", "--config DIR/type.toml", `region: want a text`},
		{"", "--config DIR/nested.toml", `listen: want a list of texts or numbers`},
		{"", "--config DIR/table.toml", `runtimes: python3: want a text`},
		{"", "--config DIR/secret.toml", `unknown key "root-access-key-id"`},
		{"", "--config DIR/list.toml", `region: want one value, have 2`},
		{"", "--data-dir DIR/own", `data-dir: a file in the data directory cannot say where that is`},
		{"", "--region nowhere", `--region: "nowhere"`},
		{"", "--account 12", `--account: "12": want 12 digits`},
		{"", "--domain a_b", `--domain: "a_b"`},
		{"", "--url-auth modern", `--url-auth: "modern"`},
		{"", "--listen nonsense", `--listen: "nonsense"`},
		{"FURL_TLS=maybe", "", `FURL_TLS: "maybe": want true or false`},
		{"", "--max-environments 0", `--max-environments: "0": want a number from 1 on`},
		{"", "--stream-rate fast", `--stream-rate: "fast": want a number of bytes per second`},
		{"", "--stream-rate 10", `--stream-rate: "10": want a number of bytes per second from 1024 on`},
		{"", "--drain-timeout soon", `--drain-timeout: "soon": want a time`},
		{"", "--isolation strong", `--isolation: "strong": want one of required, best-effort, namespace, confined, process`},
		{"", "--egress all", `--egress: "all": want development, production or none`},
		{"", "--oidc-issuer http://issuer.example.com", `--oidc-issuer: "http://issuer.example.com": want an https URL; http will do on loopback only`},
		{"", "--egress-allow 127.0.0.1:80", `--egress-allow: "127.0.0.1:80": .*loopback`},
		{"", "--egress-allow =10.0.0.1:80", `--egress-allow: "=10.0.0.1:80": want RULE or FUNCTION=RULE`},
		{"", "--egress-allow hello=10.0.0.1:http", `--egress-allow: "hello=10.0.0.1:http": "http" is not a port`},
		{"", "--egress-allow http://example.com/?a=b", `--egress-allow: "http://example.com/\?a=b": a rule has no scheme: example.com:80\n`},
		{"FURL_METRICS=127.0.0.1:http", "", `FURL_METRICS: "127.0.0.1:http": want host:port, for example 127.0.0.1:9100`},
		{"", "--config DIR/bad.toml", `bad.toml: region: "nowhere": want an AWS region`},
		{"", "--egress-host-port x", `--egress-host-port: "x": want a port`},
		{"", "--egress-host-port 65536", `--egress-host-port: "65536": want a port`},
		{"FURL_STRICT=perhaps", "", `FURL_STRICT: "perhaps": want true or false`},
		{"", "--metrics 9100", `--metrics: "9100": want host:port`},
		{"", "--log-format xml", `--log-format: "xml": want text or json`},
		{"", "--runtime python3.12", `--runtime: "python3.12": want RUNTIME=PATH`},
		{"", "--runtime python3.12=/no/such/python", `--runtime: runtime python3.12: .*/no/such/python`},
		{"", "--runtime python3.12=DIR", `is not a program`},
		{"FURL_ROOT_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "", `needs both an id and a secret`},
	}
	for _, tt := range tests {
		t.Run(tt.environ+tt.args, func(t *testing.T) {
			args := append([]string{"serve", "--check"}, strings.Fields(strings.ReplaceAll(tt.args, "DIR", dir))...)
			furlWith(t, []string{"HOME=" + t.TempDir(), tt.environ}, args...).matches(t, 2, "", tt.want)
		})
	}
	furlWith(t, []string{"HOME=" + t.TempDir()}, "serve", "--config", "/no/such/file").matches(t, 1, "", `/no/such/file`)
}

// TestSecretsAreNotShown: --check prints what a file may hold.
func TestSecretsAreNotShown(t *testing.T) {
	environ := []string{"HOME=" + t.TempDir(), "FURL_ROOT_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "FURL_ROOT_SECRET_ACCESS_KEY=wJalrXUtnFEMI"}
	if out := furlWith(t, environ, "serve", "--check").ok(t); strings.Contains(out, "wJalr") || strings.Contains(out, "AKIA") {
		t.Errorf("%s", out)
	}
}

// FuzzConfig: a settings file is refused, or what is made of it is a settings
// file of the same effect.
func FuzzConfig(f *testing.F) {
	for _, s := range []string{
		"", "region = \"eu-west-1\"", "listen = [\"127.0.0.1:0\", \":1\"]\ntls = true\n", "max-environments = 12\ndrain-timeout = \"1s\"\n",
		"[runtimes]\n\"python3.12\" = \"/bin/sh\"\n", "runtimes = [\"python3.12=/bin/sh\"]\n", "domain = '''a\nb'''", "url-auth = \"\\u0000\"", "a.b = 1", "region = 1e9", "data-dir = \"x\"\nlog-format = \"json\"",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		var once, twice bytes.Buffer
		if cli.CheckSettings(file, &once) != nil {
			return
		}
		if err := cli.CheckSettings(once.Bytes(), &twice); err != nil {
			t.Fatalf("%q became\n%swhich is refused: %v", file, once.String(), err)
		}
		if strings.ReplaceAll(once.String(), "  # default", "  # file") != strings.ReplaceAll(twice.String(), "  # default", "  # file") {
			t.Fatalf("%q became\n%sthen\n%s", file, once.String(), twice.String())
		}
	})
}

// TestCheckOutputIsAFile: what --check prints has the same effect as a file.
func TestCheckOutputIsAFile(t *testing.T) {
	home := t.TempDir()
	environ := []string{"HOME=" + home}
	first := furlWith(t, environ, "serve", "--check", "--region", "eu-west-1", "--listen", ":1,:2", "--tls", "--data-dir", "it's here").ok(t)
	file := filepath.Join(home, "furl.toml")
	if err := os.WriteFile(file, []byte(first), 0o600); err != nil {
		t.Fatal(err)
	}
	second := furlWith(t, environ, "serve", "--check", "--config", file).ok(t)
	sources := regexp.MustCompile(`(?m)  # .*$`)
	if sources.ReplaceAllString(first, "") != sources.ReplaceAllString(second, "") {
		t.Errorf("%s became %s", first, second)
	}
}
