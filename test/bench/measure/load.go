package measure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Greeting is what the hello function, and every server beside it, answers to GET /?name=John.
const Greeting = `{"message": "Hello, John!"}`

// Step is one load.
type Step struct {
	Connections, Requests int
	// Bound ends the step early on a slow server; what was answered until then counts.
	Bound time.Duration
}

// Load sends a step's requests over as many connections as it has, each sending its next request when the last one was
// answered, and returns how long each took. Every answer must be the greeting. It is bounded in count and time.
func Load(ctx context.Context, t Target, st Step) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, st.Bound+10*time.Second)
	defer cancel()
	request := t.Get("/?name=John")
	deadline := time.Now().Add(st.Bound)
	var left atomic.Int64
	left.Store(int64(st.Requests))
	results := make([][]time.Duration, st.Connections)
	errs := make([]error, st.Connections)
	var wg sync.WaitGroup
	for i := range st.Connections {
		wg.Go(func() {
			c := Client{Address: t.Address}
			defer c.Close()
			for left.Add(-1) >= 0 && time.Now().Before(deadline) && ctx.Err() == nil {
				took, err := greet(ctx, &c, request)
				if err != nil {
					errs[i] = err
					return
				}
				results[i] = append(results[i], took)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	all := slices.Concat(results...)
	if len(all) == 0 {
		return nil, fmt.Errorf("no answer within %v", st.Bound)
	}
	return all, ctx.Err()
}

func greet(ctx context.Context, c *Client, request []byte) (time.Duration, error) {
	body, took, err := c.Call(ctx, request)
	if err == nil && string(body) != Greeting {
		err = fmt.Errorf("answered %q", body)
	}
	return took, err
}
