package operations_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"furl"
	"furl/internal/awsapi"
	"furl/internal/cfn"
	"furl/internal/cwlogs"
	"furl/internal/environment"
	"furl/internal/iam"
	"furl/internal/lambda"
	"furl/internal/oidc/oidctest"
	"furl/internal/ssm"
	"furl/internal/sts"
)

var update = flag.Bool("update", false, "write docs/reference/operations.md")

const (
	// python is where `make clients` puts the interpreter that has boto3.
	python = "../../.venv/clients/bin/python"
	// document is what the suite says of the operations.
	document = "../../docs/reference/operations.md"
)

// TestOperations runs the suite and compares what it found with the document.
func TestOperations(t *testing.T) {
	issuer := oidctest.New(t)
	claims := func(expires time.Duration) map[string]any {
		return map[string]any{"iss": issuer.URL, "sub": "me", "aud": "furl", "iat": time.Now().Add(-2 * time.Hour).Unix(), "exp": time.Now().Add(expires).Unix()}
	}
	s := serve(t, furl.Config{OIDCIssuers: []string{issuer.URL + "=furl"}})
	got := s.run(t, []string{"suite.py", s.endpoint, served(t)},
		"OIDC_ISSUER="+issuer.URL, "OIDC_TOKEN="+issuer.Token("RS256", claims(time.Hour)), "OIDC_EXPIRED="+issuer.Token("RS256", claims(-time.Hour)))
	if *update {
		if err := os.WriteFile(document, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the suite found: go test ./test/operations -run TestOperations -update", document)
	}
}

// TestSequences does with boto3 what infrastructure tools do.
func TestSequences(t *testing.T) {
	s := serve(t, furl.Config{})
	t.Logf("%s", s.run(t, []string{"sequences.py", s.endpoint}))
}

// served has the names of the operations by botocore's name of their service.
func served(t *testing.T) string {
	t.Helper()
	names := map[string][]string{}
	for _, s := range []awsapi.Service{lambda.Operations(nil), iam.Operations(nil), sts.Operations(nil), cwlogs.Operations(nil), ssm.Operations(nil), cfn.Operations(nil)} {
		for _, o := range s.Operations {
			names[s.Name] = append(names[s.Name], o.Name)
		}
	}
	b, err := json.Marshal(names)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// site is a server.
type site struct {
	endpoint, accessKey, secretKey, runtime string
}

func serve(t *testing.T, c furl.Config) *site {
	t.Helper()
	if _, err := os.Stat(python); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("NOTHING OF THE OPERATIONS IS TESTED: no clients, run `make clients`")
	}
	c.DataDir = t.TempDir()
	c.Listen = []string{"127.0.0.1:0"}
	ctx, stop := context.WithCancel(context.Background())
	node, err := furl.New(ctx, c)
	if err != nil {
		stop()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- node.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := node.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	key, _ := node.RootKey()
	s := &site{endpoint: node.Info().Endpoint, accessKey: key.AccessKeyID, secretKey: key.SecretAccessKey.Reveal()}
	for _, i := range environment.NewInterpreters(nil).List(t.Context()) {
		if i.Err == nil && strings.HasPrefix(i.Runtime, "python") {
			s.runtime = i.Runtime
		}
	}
	if s.runtime == "" {
		t.Fatal("no Python here that functions could run with")
	}
	return s
}

// run runs one of the programs here as the root of the account and returns what it printed.
func (s *site) run(t *testing.T, program []string, env ...string) []byte {
	t.Helper()
	exe, err := filepath.Abs(python)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, program...)
	cmd.Env = slices.Concat([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1",
		"AWS_ACCESS_KEY_ID=" + s.accessKey, "AWS_SECRET_ACCESS_KEY=" + s.secretKey, "AWS_DEFAULT_REGION=us-east-1",
		"AWS_DISABLE_HOST_PREFIX_INJECTION=true", "AWS_EC2_METADATA_DISABLED=true", "RUNTIME=" + s.runtime,
	}, env)
	var out, failures bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failures
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", program[0], err, failures.Bytes())
	}
	t.Logf("%s", failures.Bytes())
	return out.Bytes()
}
