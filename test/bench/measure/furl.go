package measure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"time"

	"furl"
	"furl/internal/awsapi"
	"furl/internal/lambda"
	"furl/internal/sigv4"
)

// Furl is a server of the binary that is measured, on a data directory of its own.
type Furl struct {
	*Server
	Info   furl.ServerInfo
	Binary string
	Data   string
	env    []string
}

// StartFurl starts a server on a fresh data directory. A server that it returns must be stopped, also after an error.
func StartFurl(ctx context.Context, name, binary, data string, env, flags []string) (*Furl, error) {
	env = append(append([]string(nil), env...), "FURL_DATA_DIR="+data)
	s, err := Launch(name, env, append([]string{binary, "serve", "--listen", "127.0.0.1:0"}, flags...))
	if err != nil {
		return nil, err
	}
	f := &Furl{Server: s, Binary: binary, Data: data, env: env}
	err = s.Until(ctx, func() bool {
		var err error
		f.Info, err = furl.ReadServerInfo(data)
		return err == nil
	})
	return f, err
}

// Up deploys with `furl up` and the given arguments, and returns where the function answers.
func (f *Furl) Up(ctx context.Context, args ...string) (Target, error) {
	up := exec.CommandContext(ctx, f.Binary, append([]string{"up"}, args...)...)
	up.Env = f.env
	out, err := up.Output()
	if err != nil {
		var failed *exec.ExitError
		if errors.As(err, &failed) {
			err = fmt.Errorf("%w: %s", err, failed.Stderr)
		}
		return Target{}, fmt.Errorf("furl up: %w\n%s", err, f.log)
	}
	public, err := url.Parse(strings.TrimSpace(string(out)))
	if err != nil {
		return Target{}, err
	}
	endpoint, err := url.Parse(f.Info.Endpoint)
	if err != nil {
		return Target{}, err
	}
	return Target{Address: endpoint.Host, Host: public.Host}, nil
}

// Stream gives the function's URL the InvokeMode RESPONSE_STREAM.
func (f *Furl) Stream(ctx context.Context, function string) error {
	key, err := furl.ReadRootKey(f.Data)
	if err != nil {
		return err
	}
	credentials := sigv4.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey.Reveal()}
	client, err := lambda.NewClient(awsapi.ClientConfig{Endpoint: f.Info.Endpoint, HTTP: http.DefaultClient,
		Sign: func(req *http.Request, service string, body []byte) error {
			sigv4.Sign(req, credentials, f.Info.Region, service, time.Now(), body)
			return nil
		}})
	if err != nil {
		return err
	}
	mode := lambda.InvokeMode("RESPONSE_STREAM")
	_, err = client.UpdateFunctionUrlConfig(ctx, &lambda.UpdateFunctionUrlConfigRequest{FunctionName: function, InvokeMode: &mode})
	return err
}
