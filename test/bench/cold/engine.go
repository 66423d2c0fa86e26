package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"furl/internal/environment"
	"furl/internal/sandbox"
	"furl/internal/state"
)

const (
	region  = "eu-central-1"
	account = "123456789012"
)

// event is that of a request to a function URL.
const event = `{"version":"2.0","routeKey":"$default","rawPath":"/","rawQueryString":"name=John","headers":{"host":"abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.localhost","user-agent":"bench/1","accept":"*/*","x-forwarded-for":"127.0.0.1","x-forwarded-port":"443","x-forwarded-proto":"https","x-amzn-trace-id":"Root=1-65f1b1c2-0123456789abcdef01234567"},"queryStringParameters":{"name":"John"},"requestContext":{"accountId":"anonymous","apiId":"abcdefghijklmnopqrstuvwxyz012345","domainName":"abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.localhost","domainPrefix":"abcdefghijklmnopqrstuvwxyz012345","http":{"method":"GET","path":"/","protocol":"HTTP/1.1","sourceIp":"127.0.0.1","userAgent":"bench/1"},"requestId":"3f0e1a52-6f3a-4c7d-8f43-6d2f0a8f1b11","routeKey":"$default","stage":"$default","time":"13/Mar/2024:14:01:06 +0000","timeEpoch":1710338466000},"isBase64Encoded":false}`

// engine is the part of a server that starts functions, in this process and without HTTP: a pool for one runtime.
type engine struct {
	pool    *environment.Pool
	driver  *watched
	runtime string
	stocks  bool // whether blanks wait for functions
	seq     atomic.Int64
	said    atomic.Pointer[string] // what a function printed last
}

// newEngine makes a pool whose stock is filled, unless empty is set: then every cold start has to make its blank.
func newEngine(ctx context.Context, d sandbox.Driver, runtime, interpreter string, empty bool, change func(*environment.Options)) (*engine, error) {
	e := &engine{runtime: runtime, stocks: !empty, driver: &watched{Driver: d, limited: empty}}
	o := environment.Options{
		Driver: e.driver, Region: region,
		CodeDir: func(_ context.Context, v *state.Version) (string, error) { return v.CodeBlob, nil },
		Output: func(_ *state.Target, _ string, events []environment.Event) {
			for _, one := range events {
				if one.Kind == environment.Line {
					e.said.Store(&one.Text)
				}
			}
		},
	}
	if interpreter != "" {
		o.Runtimes = map[string]string{runtime: interpreter}
	}
	if change != nil {
		change(&o)
	}
	var err error
	if e.pool, err = environment.NewPool(o); err != nil {
		return nil, err
	}
	if empty {
		return e, nil
	}
	e.pool.Warm(runtime, account)
	return e, e.settle(ctx)
}

func (e *engine) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return e.pool.Close(ctx)
}

// function is $LATEST of a function that no environment has run before: every call makes another one. code is the
// directory that holds its code.
func (e *engine) function(code, handler string) *state.Target {
	name := fmt.Sprint("f", e.seq.Add(1))
	f := &state.Function{Account: account, Region: region, Name: name}
	f.Latest = state.Version{Number: state.LatestVersion, Runtime: e.runtime, Handler: handler, Timeout: 10,
		MemorySize: 512, EphemeralStorage: 512, CodeBlob: code}
	return &state.Target{Function: f, Version: &f.Latest, ARN: "arn:aws:lambda:" + region + ":" + account + ":function:" + name,
		Key: account + "/" + region + "/" + name + "/$LATEST", Digest: "1"}
}

// start invokes a function that has no environment and returns the answer and how long it took. Anything but an answer
// with the status 200 after an Init phase is an error.
func (e *engine) start(ctx context.Context, t *state.Target) (payload string, took time.Duration, err error) {
	e.driver.allowed.Store(1)
	begin := time.Now()
	res, err := e.pool.Invoke(ctx, t, &environment.Invocation{
		RequestID: "3f0e1a52-6f3a-4c7d-8f43-6d2f0a8f1b11", InvokedARN: t.ARN, Event: []byte(event),
		TraceID: "Root=1-65f1b1c2-0123456789abcdef01234567", Buffer: make([]byte, 0, 4096),
	})
	took = time.Since(begin)
	payload = string(res.Payload)
	switch {
	case err != nil:
		return "", 0, fmt.Errorf("%s: %w", e.runtime, err)
	case res.FunctionError != "" || !strings.Contains(strings.ReplaceAll(payload, " ", ""), `"statusCode":200`):
		err := fmt.Errorf("%s: the function answered %s", e.runtime, payload)
		if said := e.said.Load(); said != nil {
			err = fmt.Errorf("%w, and printed last: %s", err, *said)
		}
		return "", 0, err
	case res.Init == 0:
		return "", 0, fmt.Errorf("%s: it was no cold start", e.runtime)
	}
	return payload, took, nil
}

// stocked counts the cold starts that found a blank waiting.
func (e *engine) stocked() uint64 { return e.pool.Stats().Runtimes[e.runtime].Stocked.Count }

// retire ends all environments, in the background.
func (e *engine) retire() { e.pool.Update(func(string) *state.Target { return nil }) }

// settleWait is how long the stock may take to fill.
const settleWait = 20 * time.Second

// settle waits until the stock is full and nothing is being started.
func (e *engine) settle(ctx context.Context) error {
	// Pool and driver prepare more a while after a blank was made, which only the clock tells.
	const quiet = 50 * time.Millisecond
	return settle(ctx, e.runtime, e.stocks, quiet, func() (blanks, others int, err error) {
		s := e.pool.Stats()
		return s.Blanks, s.Starting + s.Busy + int(e.driver.making.Load()), nil
	})
}

// settle polls counts until they have said for a while that there are blanks, if any are wanted, as many as before, and
// that nothing else goes on.
func settle(ctx context.Context, what string, wanted bool, quiet time.Duration, counts func() (blanks, others int, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	tick := time.NewTicker(quiet / 15)
	defer tick.Stop()
	last, since := -1, time.Now()
	for {
		blanks, others, err := counts()
		if err != nil {
			return err
		}
		now := time.Now()
		if blanks != last || others > 0 || wanted && blanks == 0 {
			last, since = blanks, now
		}
		if now.Sub(since) >= quiet {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%s: the stock did not fill: %d blanks, %d under way: %w", what, blanks, others, ctx.Err())
		}
	}
}

// errUnstocked keeps a pool from filling its stock.
var errUnstocked = errors.New("blanks are made on demand only")

// watched is a driver that knows how many blanks it is making. Limited, it makes as many as were allowed, and refuses the
// others: those that a pool wants to have ahead.
type watched struct {
	sandbox.Driver
	limited bool
	allowed atomic.Int64
	making  atomic.Int64
}

// Blank makes a blank.
func (w *watched) Blank(ctx context.Context, spec sandbox.Spec) (sandbox.Blank, error) {
	if w.limited && w.allowed.Add(-1) < 0 {
		w.allowed.Add(1)
		return nil, errUnstocked
	}
	w.making.Add(1)
	defer w.making.Add(-1)
	return w.Driver.Blank(ctx, spec)
}
