// Package localca is a certificate authority of one's own, so that function
// URLs can be called over TLS and verified without asking anyone. Its key can
// sign for the names it was made for and no others: whoever trusts it trusts
// it for those names only.
package localca

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	authorityLife = 10 * 365 * 24 * time.Hour
	// leafLife is the longest that common clients accept; the leaf is made
	// anew at every start.
	leafLife = 397 * 24 * time.Hour
	// backdate forgives clients whose clock is behind.
	backdate = time.Hour

	certFile   = "ca.pem"
	keyFile    = "ca.key"
	bundleFile = "bundle.pem"
)

// Authority is a certificate authority with its key.
type Authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Open loads the authority in dir or makes a new one that can sign for the
// given domains and everything below them, and for loopback addresses.
func Open(dir string, domains []string, now time.Time) (*Authority, error) {
	a, err := load(dir)
	if errors.Is(err, fs.ErrNotExist) {
		a, err = create(dir, domains, now)
	}
	if err != nil {
		return nil, fmt.Errorf("localca: %w", err)
	}
	if now.After(a.cert.NotAfter) {
		return nil, fmt.Errorf("localca: the authority in %s expired on %s; remove that directory to have a new one made, then trust it anew",
			dir, a.cert.NotAfter.Format(time.DateOnly))
	}
	return a, nil
}

// CertFile is the path of the authority's certificate: what to trust.
func (a *Authority) CertFile() string { return filepath.Join(a.dir, certFile) }

// WriteBundle writes the system's trusted authorities together with this one
// and returns the file's path, for clients that take a whole bundle.
func (a *Authority) WriteBundle() (string, error) {
	own, err := os.ReadFile(a.CertFile())
	if err != nil {
		return "", fmt.Errorf("localca: bundle: %w", err)
	}
	path := filepath.Join(a.dir, bundleFile)
	bundle := append(systemRoots(), own...)
	if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, bundle) {
		return path, nil // also where the disk is full
	}
	if err := writeFile(path, bundle, 0o644); err != nil {
		return "", fmt.Errorf("localca: bundle: %w", err)
	}
	return path, nil
}

// systemRoots is the system's bundle where there is one in a usual place. The
// variable by which OpenSSL and Go find another one is honoured.
func systemRoots() []byte {
	for _, path := range []string{
		os.Getenv("SSL_CERT_FILE"),
		"/etc/ssl/certs/ca-certificates.crt",
		"/etc/pki/tls/certs/ca-bundle.crt",
		"/etc/ssl/ca-bundle.pem",
		"/etc/ssl/cert.pem",
	} {
		if path == "" {
			continue
		}
		if b, err := os.ReadFile(path); err == nil {
			return append(b, '\n')
		}
	}
	return nil
}

// Leaf makes a server certificate for names, which may hold wildcards, and
// for addresses.
func (a *Authority) Leaf(names []string, addrs []net.IP, now time.Time) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("localca: leaf: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: "furl", Organization: []string{"furl"}},
		NotBefore:    now.Add(-backdate),
		NotAfter:     earlier(now.Add(leafLife), a.cert.NotAfter),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     names,
		IPAddresses:  addrs,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("localca: leaf: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("localca: leaf: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der, a.cert.Raw}, PrivateKey: key, Leaf: cert}, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func load(dir string) (*Authority, error) {
	certPEM, err := os.ReadFile(filepath.Join(dir, certFile))
	if err != nil {
		return nil, err
	}
	keyPEM, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("the authority in %s: %w", dir, err)
	}
	key, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("the authority in %s has a key of an unknown kind", dir)
	}
	return &Authority{dir: dir, cert: pair.Leaf, key: key}, nil
}

func create(dir string, domains []string, now time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:                serial(),
		Subject:                     pkix.Name{CommonName: "furl local authority", Organization: []string{"furl"}},
		NotBefore:                   now.Add(-backdate),
		NotAfter:                    now.Add(authorityLife),
		IsCA:                        true,
		BasicConstraintsValid:       true,
		MaxPathLenZero:              true,
		KeyUsage:                    x509.KeyUsageCertSign,
		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         domains,
		PermittedIPRanges:           loopback(),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a := &Authority{dir: dir, cert: cert, key: key}
	return a, a.save(der)
}

// save writes the key before the certificate: a directory with a certificate
// is one that was finished.
func (a *Authority) save(der []byte) error {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return err
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	if err := writeFile(filepath.Join(a.dir, keyFile), keyPEM, 0o600); err != nil {
		return err
	}
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return writeFile(a.CertFile(), certPEM, 0o644)
}

// writeFile replaces a file in one step, durably: half an authority would be
// refused at the next start.
func writeFile(path string, data []byte, mode os.FileMode) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

func loopback() []*net.IPNet {
	return []*net.IPNet{
		{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)},
		{IP: net.IPv6loopback, Mask: net.CIDRMask(128, 128)},
	}
}

func serial() *big.Int {
	var b [16]byte
	rand.Read(b[:]) // never fails: crypto/rand ends the process instead
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b[:])
}
