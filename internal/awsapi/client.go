package awsapi

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
)

// maxReply is how much of an answer a client reads, in bytes.
const maxReply = 64 << 20

// ClientConfig says where a client's endpoint is and how it signs.
type ClientConfig struct {
	// Endpoint is the server's URL without a path, "http://localhost:4566" for one.
	Endpoint string
	// HTTP sends the requests; nil means http.DefaultClient.
	HTTP *http.Client
	// Sign adds a signature for the service (its signing name) to the request; nil sends it unsigned.
	Sign func(r *http.Request, service string, body []byte) error
}

// Client calls the operations of one service on an endpoint, once each: it does not repeat a call that fails. It is safe
// for concurrent use. Services' packages generate one with a method for every operation around it.
type Client struct {
	config     ClientConfig
	service    *Service
	codec      codec
	operations map[string]*Operation
}

// NewClient makes a client of the service, whose operations need no implementation. A structure or route that the
// protocol cannot carry is an error.
func NewClient(service Service, config ClientConfig) (*Client, error) {
	s, err := service.compile(false)
	if err != nil {
		return nil, err
	}
	c := &Client{config: config, service: s, operations: map[string]*Operation{}}
	if c.codec, err = codecOf(s.Protocol); err != nil {
		return nil, err
	}
	c.config.Endpoint = strings.TrimSuffix(config.Endpoint, "/")
	c.config.HTTP = cmp.Or(config.HTTP, http.DefaultClient)
	for i := range s.Operations {
		c.operations[s.Operations[i].Name] = &s.Operations[i]
	}
	return c, nil
}

// Call calls the operation of that name. An error that the server answers is an *Error.
func Call[In, Out any](ctx context.Context, c *Client, operation string, in *In) (*Out, error) {
	op, rp, err := c.call(ctx, operation, in)
	if err != nil {
		return nil, err
	}
	if op.out != reflect.TypeFor[Out]() {
		return nil, fmt.Errorf("awsapi: %s does not answer a %s", operation, reflect.TypeFor[Out]())
	}
	out, err := c.codec.decodeReply(op, rp)
	if err != nil {
		// Not wrapped: a decoder's *Error is not the server's.
		return nil, fmt.Errorf("awsapi: decode the answer to %s: %v", operation, err)
	}
	return out.Interface().(*Out), nil
}

// CallVoid is Call for an operation that answers nothing but success.
func CallVoid[In any](ctx context.Context, c *Client, operation string, in *In) error {
	_, _, err := c.call(ctx, operation, in)
	return err
}

// call sends a request and returns a successful answer.
func (c *Client) call(ctx context.Context, operation string, in any) (*Operation, *reply, error) {
	op, resp, err := c.open(ctx, operation, in)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	rp, err := readReply(resp)
	if err != nil {
		return nil, nil, fmt.Errorf("awsapi: call %s: %w", operation, err)
	}
	return op, rp, nil
}

// open sends a request and returns a successful answer whose body is still to be read.
func (c *Client) open(ctx context.Context, operation string, in any) (*Operation, *http.Response, error) {
	op, v := c.operations[operation], reflect.ValueOf(in)
	if op == nil || v.Type().Elem() != op.in || v.IsNil() {
		return nil, nil, fmt.Errorf("awsapi: %s has no operation %s of a %T", c.service.Name, operation, in)
	}
	r, body, err := c.request(ctx, c.codec.encodeRequest(op, v.Elem()))
	if err != nil {
		return nil, nil, fmt.Errorf("awsapi: make the request for %s: %w", operation, err)
	}
	if c.config.Sign != nil {
		if err := c.config.Sign(r, c.service.SigningName, body); err != nil {
			return nil, nil, fmt.Errorf("awsapi: sign the request for %s: %w", operation, err)
		}
	}
	resp, err := c.config.HTTP.Do(r)
	if err != nil {
		return nil, nil, fmt.Errorf("awsapi: call %s: %w", operation, err)
	}
	if resp.StatusCode < 300 {
		return op, resp, nil
	}
	defer resp.Body.Close()
	rp, err := readReply(resp)
	if err != nil {
		return nil, nil, fmt.Errorf("awsapi: call %s: %w", operation, err)
	}
	e, err := c.codec.decodeError(rp)
	if e.Code == "" {
		return nil, nil, errors.Join(fmt.Errorf("awsapi: %s answered status %d without an AWS error", operation, rp.status), err)
	}
	return nil, nil, e
}

// request makes the HTTP request.
func (c *Client) request(ctx context.Context, rq *request) (*http.Request, []byte, error) {
	target := c.config.Endpoint + rq.path
	if len(rq.query) > 0 {
		target += "?" + rq.query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, rq.method, target, bytes.NewReader(rq.body))
	if err != nil {
		return nil, nil, err
	}
	r.Header = rq.header
	return r, rq.body, nil
}

// readReply reads an answer.
func readReply(resp *http.Response) (*reply, error) {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the answer: %w", err)
	case len(body) > maxReply:
		return nil, fmt.Errorf("the answer is larger than %d bytes", maxReply)
	}
	return &reply{status: resp.StatusCode, header: resp.Header, body: body}, nil
}
