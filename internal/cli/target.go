package cli

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"furl"
	"furl/internal/admin"
	"furl/internal/awsapi"
	"furl/internal/cfn"
	"furl/internal/iam"
	"furl/internal/lambda"
	"furl/internal/sigv4"
	"furl/internal/sts"
)

const defaultRegion = "us-east-1"

// addTargetFlags gives a command the flags that say which server it talks to.
func addTargetFlags(cmd *cobra.Command, names ...string) given {
	if len(names) == 0 {
		names = []string{"data-dir", "endpoint"}
	}
	return addSettingFlags(cmd, names...)
}

// clients are the services of one server.
type clients struct {
	info   furl.ServerInfo
	lambda *lambda.Client
	iam    *iam.Client
	sts    *sts.Client
	cfn    *cfn.Client
	s3     *bucketClient
	furl   *admin.Client
}

// connect makes clients of the server that the flags or the environment name,
// or that runs on the data directory. It sends nothing.
func (a *app) connect(flags given) (*clients, error) {
	vars, err := a.variables()
	if err != nil {
		return nil, err
	}
	endpoints := slices.Concat(vars["endpoint"], flags["endpoint"])
	dir, dirErr := a.clientDataDir(flags)
	if len(endpoints) > 0 {
		return a.connectTo(endpoints[len(endpoints)-1], dir)
	}
	if dirErr != nil {
		return nil, dirErr
	}
	info, err := readServer(dir, ", or a server's address with --endpoint")
	if err != nil {
		return nil, err
	}
	return a.newClients(info, dir)
}

// connectTo makes clients of an endpoint that the user named. What the data
// directory knows of it is used when it is the one that serves there.
func (a *app) connectTo(endpoint, dir string) (*clients, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, usagef("endpoint %q: want a URL, for example http://127.0.0.1:4566", endpoint)
	}
	if dir != "" {
		if info, err := furl.ReadServerInfo(dir); err == nil && sameServer(endpoint, info.Endpoint) {
			info.Endpoint = endpoint
			return a.newClients(info, dir)
		}
	}
	return a.newClients(furl.ServerInfo{
		Endpoint: endpoint,
		Region:   cmp.Or(a.env["AWS_REGION"], a.env["AWS_DEFAULT_REGION"], defaultRegion),
		CABundle: a.env["AWS_CA_BUNDLE"],
	}, dir)
}

func (a *app) newClients(info furl.ServerInfo, dir string) (*clients, error) {
	creds, err := a.credentials(info, dir)
	if err != nil {
		return nil, err
	}
	return a.newClientsAs(info, creds)
}

// newClientsAs makes clients that sign with the credentials.
func (a *app) newClientsAs(info furl.ServerInfo, creds sigv4.Credentials) (*clients, error) {
	h, err := newHTTPClient(info.CABundle)
	if err != nil {
		return nil, err
	}
	config := awsapi.ClientConfig{
		Endpoint: info.Endpoint,
		HTTP:     h,
		Sign: func(r *http.Request, service string, body []byte) error {
			sigv4.Sign(r, creds, info.Region, service, time.Now(), body)
			return nil
		},
	}
	c := &clients{info: info, s3: &bucketClient{config}}
	if c.lambda, err = lambda.NewClient(config); err != nil {
		return nil, err
	}
	if c.iam, err = iam.NewClient(config); err != nil {
		return nil, err
	}
	if c.sts, err = sts.NewClient(config); err != nil {
		return nil, err
	}
	if c.cfn, err = cfn.NewClient(config); err != nil {
		return nil, err
	}
	if c.furl, err = admin.NewClient(config); err != nil {
		return nil, err
	}
	return c, nil
}

// credentials are what requests are signed with: those in the AWS variables
// where these are about this server, else the root's. Variables that were set
// for the real AWS must not get in the way, so they count only beside an
// endpoint: one that the user named, or an AWS_ENDPOINT_URL that leads here.
func (a *app) credentials(info furl.ServerInfo, dir string) (sigv4.Credentials, error) {
	own := sigv4.Credentials{
		AccessKeyID:     a.env["AWS_ACCESS_KEY_ID"],
		SecretAccessKey: a.env["AWS_SECRET_ACCESS_KEY"],
		SessionToken:    a.env["AWS_SESSION_TOKEN"],
	}
	if own.AccessKeyID != "" && own.SecretAccessKey != "" && (info.PID == 0 || sameServer(a.env["AWS_ENDPOINT_URL"], info.Endpoint)) {
		return own, nil
	}
	if id, secret := a.env["FURL_ROOT_ACCESS_KEY_ID"], a.env["FURL_ROOT_SECRET_ACCESS_KEY"]; id != "" && secret != "" {
		return sigv4.Credentials{AccessKeyID: id, SecretAccessKey: secret}, nil
	}
	var key furl.RootKey
	err := fs.ErrNotExist
	if info.PID != 0 { // the data directory's key is for the server that runs on it
		key, err = furl.ReadRootKey(dir)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return own, withHint(fmt.Errorf("there is no access key for %s", info.Endpoint),
			"set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_ENDPOINT_URL="+info.Endpoint+" so that they are known to be for this server")
	}
	if err != nil {
		return own, err
	}
	return rootCredentials(key), nil
}

func rootCredentials(key furl.RootKey) sigv4.Credentials {
	return sigv4.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey.Reveal()}
}

// sameServer reports whether two endpoints are the same, whatever name of this
// machine they use.
func sameServer(a, b string) bool {
	ua, errA := url.Parse(a)
	ub, errB := url.Parse(b)
	if errA != nil || errB != nil || a == "" {
		return false
	}
	return ua.Port() == ub.Port() && (strings.EqualFold(ua.Hostname(), ub.Hostname()) || isLoopback(ua.Hostname()) && isLoopback(ub.Hostname()))
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// newHTTPClient makes a client that trusts a bundle of authorities.
func newHTTPClient(bundle string) (*http.Client, error) {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = (&net.Dialer{Timeout: 10 * time.Second}).DialContext
	if bundle != "" {
		pem, err := os.ReadFile(bundle)
		if err != nil {
			return nil, fmt.Errorf("certificate authorities: %w", err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return &http.Client{Transport: t}, nil
}

// readServer finds the server that runs on a data directory. The command may
// have further flags that name another one, told as more of a sentence.
func readServer(dir, flags string) (furl.ServerInfo, error) {
	info, err := furl.ReadServerInfo(dir)
	if errors.Is(err, furl.ErrNoServer) {
		return info, withHint(fmt.Errorf("%s: %w", dir, err),
			"start one with furl serve, or serve a function at once with furl up DIR",
			"name another data directory with --data-dir"+flags)
	}
	return info, err
}

// clientDataDir is the data directory of the server to talk to.
func (a *app) clientDataDir(flags given) (string, error) {
	vars, err := a.variables()
	if err != nil {
		return "", err
	}
	if vars["data-dir"] == nil && flags["data-dir"] == nil && vars["config"] != nil {
		file, path, err := a.settingsFile(flags, vars, "")
		if err != nil {
			return "", err
		}
		if v := file["data-dir"]; len(v) == 1 {
			return filepath.Abs(v[0])
		} else if len(v) > 1 {
			return "", usagef("%s: data-dir: want one value, have %d", path, len(v))
		}
	}
	dir, err := a.dataDir(flags, vars)
	if err != nil {
		return "", err
	}
	return filepath.Abs(dir)
}
