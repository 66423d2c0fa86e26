package furl_test

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"furl"
	"furl/internal/admin"
	"furl/internal/awsapi"
	"furl/internal/iam"
	"furl/internal/sigv4"
	"furl/internal/sts"
)

// lockedBuffer is a buffer for several writers.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// TestSecretsStaySecret makes one of each kind of secret, uses it, well and
// badly, and looks for it wherever it must not be.
func TestSecretsStaySecret(t *testing.T) {
	var log lockedBuffer
	logger := slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	dir := t.TempDir()
	s := serve(t, furl.Config{DataDir: dir, Logger: logger})
	config := awsapi.ClientConfig{Endpoint: s.info.Endpoint, Sign: s.sign}
	operator, err := admin.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	security, err := sts.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}]}`
	created, err := s.iam.CreateRole(t.Context(), &iam.CreateRoleRequest{RoleName: "visitor", AssumeRolePolicyDocument: trust})
	if err != nil {
		t.Fatal(err)
	}
	session, err := security.AssumeRole(t.Context(), &sts.AssumeRoleRequest{RoleArn: created.Role.Arn, RoleSessionName: "s1"})
	if err != nil {
		t.Fatal(err)
	}
	account, err := operator.CreateAccount(t.Context(), &admin.CreateAccountRequest{})
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]sigv4.Credentials{
		"root's":            {AccessKeyID: s.key.AccessKeyID, SecretAccessKey: s.key.SecretAccessKey.Reveal()},
		"a user's":          s.user(t, "bob"),
		"another account's": {AccessKeyID: account.AccessKeyId, SecretAccessKey: account.SecretAccessKey},
		"a session's": {
			AccessKeyID: session.Credentials.AccessKeyId, SecretAccessKey: session.Credentials.SecretAccessKey, SessionToken: session.Credentials.SessionToken,
		},
	}
	for whose, key := range keys {
		if got := send(t, apiCall{service: "sts", key: key}.make(t, s.info.Endpoint)); got != (apiRefusal{}) {
			t.Errorf("%s key: %+v", whose, got)
		}
		send(t, apiCall{service: "iam", scope: "lambda", key: key}.make(t, s.info.Endpoint))
		key.SecretAccessKey += "x"
		send(t, apiCall{service: "lambda", key: key}.make(t, s.info.Endpoint))
	}
	stacks := make([]byte, 8<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	s.close()
	for whose, key := range keys {
		secrets := [][]byte{[]byte(key.SecretAccessKey)}
		if key.SessionToken != "" {
			secrets = append(secrets, []byte(key.SessionToken))
		}
		for _, secret := range secrets {
			if bytes.Contains(log.b.Bytes(), secret) {
				t.Errorf("%s secret is in the log", whose)
			}
			if bytes.Contains(stacks, secret) {
				t.Errorf("%s secret is in the stacks of the goroutines", whose)
			}
			for _, name := range holding(t, dir, secret) {
				if name != "root-access-key" || whose != "root's" {
					t.Errorf("%s secret is in the file %s", whose, name)
				}
			}
		}
	}
	if got := holding(t, dir, []byte(keys["root's"].SecretAccessKey)); len(got) != 1 {
		t.Errorf("the root's secret is in %q, want it found in its own file", got)
	}
}

// holding are the files below a directory that hold a text.
func holding(t *testing.T, dir string, text []byte) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, text) {
			name, _ := filepath.Rel(dir, path)
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
