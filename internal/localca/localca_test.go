package localca_test

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"furl/internal/localca"
)

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func open(t *testing.T, dir string) *localca.Authority {
	t.Helper()
	a, err := localca.Open(dir, []string{"lambda-url.us-east-1.on.aws", "localhost"}, now)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// verify checks a leaf for a host against the authority's own file.
func verify(t *testing.T, a *localca.Authority, leaf tls.Certificate, host string) error {
	t.Helper()
	pem, err := os.ReadFile(a.CertFile())
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("the authority's file holds no certificate")
	}
	cert, err := x509.ParseCertificate(leaf.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	_, err = cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, CurrentTime: now})
	return err
}

func TestLeaf(t *testing.T) {
	a := open(t, filepath.Join(t.TempDir(), "ca"))
	leaf, err := a.Leaf([]string{"*.lambda-url.us-east-1.on.aws", "localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}, now)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]bool{
		"abc.lambda-url.us-east-1.on.aws": true,
		"localhost":                       true,
		"127.0.0.1":                       true,
		"lambda-url.us-east-1.on.aws":     false,
		"a.b.lambda-url.us-east-1.on.aws": false,
		"abc.lambda-url.eu-west-1.on.aws": false,
	} {
		if err := verify(t, a, leaf, host); (err == nil) != want {
			t.Errorf("%s: verified is %v, want %v (%v)", host, err == nil, want, err)
		}
	}
}

func TestAuthorityCannotSignForOthers(t *testing.T) {
	a := open(t, filepath.Join(t.TempDir(), "ca"))
	for _, name := range []string{"example.com", "s3.amazonaws.com", "on.aws", "us-east-1.on.aws"} {
		leaf, err := a.Leaf([]string{name}, nil, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := verify(t, a, leaf, name); err == nil {
			t.Errorf("a certificate for %s verifies", name)
		}
	}
	leaf, err := a.Leaf(nil, []net.IP{net.IPv4(192, 0, 2, 1)}, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(t, a, leaf, "192.0.2.1"); err == nil {
		t.Error("a certificate for an address beyond loopback verifies")
	}
}

func TestOpenAgainIsTheSameAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	first := open(t, dir)
	leaf, err := first.Leaf([]string{"localhost"}, nil, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(t, open(t, dir), leaf, "localhost"); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(filepath.Join(dir, "ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("the key's mode is %o, want 600", mode)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Run("damaged", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "ca")
		open(t, dir)
		if err := os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("nothing"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := localca.Open(dir, nil, now); err == nil {
			t.Error("a damaged authority opens")
		}
	})
	t.Run("expired", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "ca")
		open(t, dir)
		_, err := localca.Open(dir, nil, now.AddDate(11, 0, 0))
		if err == nil || !strings.Contains(err.Error(), "remove that directory") {
			t.Errorf("error %v, want one that says what to do", err)
		}
	})
}

func TestBundleHoldsTheAuthority(t *testing.T) {
	a := open(t, filepath.Join(t.TempDir(), "ca"))
	path, err := a.WriteBundle()
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	own, err := os.ReadFile(a.CertFile())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(string(bundle), string(own)) {
		t.Error("the bundle does not end in the authority's certificate")
	}
}
