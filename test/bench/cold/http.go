package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"furl"
	"furl/internal/admin"
	"furl/internal/awsapi"
	"furl/internal/iam"
	"furl/internal/lambda"
	"furl/internal/sigv4"
	"furl/test/bench/measure"
)

// remote is a server of the binary, in sandboxes, and the clients of its API.
type remote struct {
	*measure.Furl
	lambda *lambda.Client
	admin  *admin.Client
	iam    *iam.Client
	round  int
}

func (b *bench) startRemote(ctx context.Context, name string, flags ...string) (*remote, error) {
	f, err := measure.StartFurl(ctx, name, b.o.furl, filepath.Join(b.work, name), b.env(), flags)
	if f != nil {
		b.onClose(func() error { f.Stop(); return nil })
	}
	if err != nil {
		return nil, err
	}
	key, err := furl.ReadRootKey(f.Data)
	if err != nil {
		return nil, err
	}
	r := &remote{Furl: f}
	return r, r.connect(sigv4.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey.Reveal()})
}

func (r *remote) connect(key sigv4.Credentials) (err error) {
	config := awsapi.ClientConfig{Endpoint: r.Info.Endpoint, HTTP: http.DefaultClient,
		Sign: func(req *http.Request, service string, body []byte) error {
			sigv4.Sign(req, key, r.Info.Region, service, time.Now(), body)
			return nil
		}}
	if r.lambda, err = lambda.NewClient(config); err != nil {
		return err
	}
	if r.admin, err = admin.NewClient(config); err != nil {
		return err
	}
	r.iam, err = iam.NewClient(config)
	return err
}

// caller makes a user who may call function URLs and returns the user's access key.
func (r *remote) caller(ctx context.Context) (sigv4.Credentials, error) {
	const name = "caller"
	const policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["lambda:InvokeFunctionUrl","lambda:InvokeFunction"],"Resource":"*"}]}`
	if _, err := r.iam.CreateUser(ctx, &iam.CreateUserRequest{UserName: name}); err != nil {
		return sigv4.Credentials{}, err
	}
	if err := r.iam.PutUserPolicy(ctx, &iam.PutUserPolicyRequest{UserName: name, PolicyName: "call", PolicyDocument: policy}); err != nil {
		return sigv4.Credentials{}, err
	}
	made, err := r.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyRequest{UserName: new(name)})
	if err != nil {
		return sigv4.Credentials{}, err
	}
	return sigv4.Credentials{AccessKeyID: made.AccessKey.AccessKeyId, SecretAccessKey: made.AccessKey.SecretAccessKey}, nil
}

// renew changes the function's configuration, which retires its environments, and waits for the stock to be full.
func (r *remote) renew(ctx context.Context, function string) error {
	r.round++
	_, err := r.lambda.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationRequest{
		FunctionName: function,
		Environment:  &lambda.Environment{Variables: map[string]string{"ROUND": strconv.Itoa(r.round)}},
	})
	if err != nil {
		return err
	}
	return r.settle(ctx)
}

// settle waits until no environment is left and the stock is full.
func (r *remote) settle(ctx context.Context) error {
	// The status does not tell whether a blank is being made, so its making must fit in.
	const quiet = 60 * time.Millisecond
	return settle(ctx, r.Name, true, quiet, func() (blanks, others int, err error) {
		s, err := r.admin.GetStatus(ctx, &admin.GetStatusRequest{})
		if err != nil {
			return 0, 0, err
		}
		c := s.Environments
		return c.Parked, c.Idle + c.Busy + c.Starting + c.Waiting, nil
	})
}

// httpLatencies are requests over HTTP to the real binary, on a connection that is open already.
func (b *bench) httpLatencies(ctx context.Context) ([]*latency, error) {
	r, err := b.startRemote(ctx, "sandboxes", "--isolation", "namespace", "--runtime", b.python+"="+b.o.interpreter)
	if err != nil {
		return nil, err
	}
	key, err := r.caller(ctx)
	if err != nil {
		return nil, err
	}
	var all []*latency
	for _, one := range []struct{ function, auth string }{{"open", "NONE"}, {"signed", "AWS_IAM"}} {
		t, err := r.Up(ctx, b.code.Plain, "--name", one.function, "--handler", "app.handler", "--runtime", b.python, "--auth-type", one.auth)
		if err != nil {
			return nil, err
		}
		client := &measure.Client{Address: t.Address}
		b.onClose(func() error { client.Close(); return nil })
		request := func() ([]byte, error) { return t.Get("/?name=John"), nil }
		if one.auth == "AWS_IAM" {
			request = func() ([]byte, error) { return signed(t, r.Info.Region, key) }
		}
		once := func(ctx context.Context) (time.Duration, error) {
			return r.coldCall(ctx, client, one.function, request)
		}
		if _, err := once(ctx); err != nil { // a server fills its stock from the first call on
			return nil, err
		}
		all = append(all, &latency{name: "Python, pool hit, over HTTP, AuthType " + one.auth, by: barePass, must: 0.35, goal: 0.2, once: once})
	}
	return all, nil
}

// coldCall is a request to a function that has no environment. It leaves the function without one.
func (r *remote) coldCall(ctx context.Context, c *measure.Client, function string, request func() ([]byte, error)) (time.Duration, error) {
	text, err := request()
	if err != nil {
		return 0, err
	}
	bounded, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	body, took, err := c.Call(bounded, text)
	if err != nil {
		return 0, err
	}
	if !strings.Contains(string(body), `"count": 1}`) {
		return 0, fmt.Errorf("no cold start: %s", body)
	}
	return took, r.renew(ctx, function)
}

// signed is a signed request as it goes over the wire.
func signed(t measure.Target, region string, key sigv4.Credentials) ([]byte, error) {
	r, err := http.NewRequest(http.MethodGet, "http://"+t.Host+"/?name=John", nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "*/*")
	sigv4.Sign(r, key, region, "lambda", time.Now(), nil)
	var b bytes.Buffer
	err = r.Write(&b)
	return b.Bytes(), err
}
