package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// target is where the requests go.
type target struct{ address, host string }

// load sends a step's requests over as many connections as it has, each sending its next request when the last one was
// answered, and returns how long each took. Every answer must be the greeting. It is bounded in count and time.
func load(ctx context.Context, t target, st step) ([]time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, st.bound+10*time.Second)
	defer cancel()
	request := []byte("GET /?name=John HTTP/1.1\r\nHost: " + t.host + "\r\nAccept: */*\r\nUser-Agent: bench/1\r\n\r\n")
	deadline := time.Now().Add(st.bound)
	var left atomic.Int64
	left.Store(int64(st.requests))
	results := make([][]time.Duration, st.connections)
	errs := make([]error, st.connections)
	var wg sync.WaitGroup
	for i := range st.connections {
		wg.Go(func() {
			c := client{target: t, request: request}
			defer c.close()
			for left.Add(-1) >= 0 && time.Now().Before(deadline) && ctx.Err() == nil {
				took, err := c.call(ctx)
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
		return nil, fmt.Errorf("no answer within %v", st.bound)
	}
	return all, ctx.Err()
}

// client sends one request after the other, on a connection that it keeps for as long as the server does.
type client struct {
	target
	request []byte
	conn    net.Conn
	in      *bufio.Reader
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// call sends the request and reads the answer. A server that closes its connections makes the next call dial again, and
// the dialling counts: it is part of what such a server costs.
func (c *client) call(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	if c.conn == nil {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.address)
		if err != nil {
			return 0, err
		}
		c.conn, c.in = conn, bufio.NewReader(conn)
	}
	if end, ok := ctx.Deadline(); ok {
		c.conn.SetDeadline(end)
	}
	if _, err := c.conn.Write(c.request); err != nil {
		return 0, err
	}
	keep, err := readGreeting(c.in)
	if err != nil {
		return 0, err
	}
	if !keep {
		c.close()
	}
	return time.Since(began), nil
}

// readGreeting reads one answer and checks it. keep is whether the connection can be used again. It reads what the
// servers of this benchmark send, no more: a status of 200 and a body with a length.
func readGreeting(in *bufio.Reader) (keep bool, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return false, err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
		return false, fmt.Errorf("answered %q", bytes.TrimSpace(line))
	}
	keep = true
	length := -1
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return false, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return false, err
			}
		case bytes.EqualFold(name, []byte("connection")):
			keep = !bytes.EqualFold(value, []byte("close"))
		}
	}
	if length != len(greeting) {
		return false, fmt.Errorf("content-length %d, want %d", length, len(greeting))
	}
	var body [len(greeting)]byte
	if _, err := io.ReadFull(in, body[:]); err != nil {
		return false, err
	}
	if string(body[:]) != greeting {
		return false, fmt.Errorf("body %q", body)
	}
	return keep, nil
}

// percentile returns the p-th percentile of the values, which it sorts.
func percentile[T int64 | float64 | time.Duration](values []T, p int) T {
	slices.Sort(values)
	return values[min(len(values)*p/100, len(values)-1)]
}
