package measure

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// maxBody bounds the answers that a Client takes.
const maxBody = 64 << 10

// Target is where requests go: Address is host:port, Host the Host header.
type Target struct{ Address, Host string }

// Get is a GET request for the path, query included, as it goes over the wire.
func (t Target) Get(path string) []byte {
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + t.Host + "\r\nAccept: */*\r\nUser-Agent: bench/1\r\n\r\n")
}

// Client sends one request after the other, on a connection that it keeps for as long as the server does. It costs as
// little as it can: it shares the machine with what it measures.
type Client struct {
	Address string
	conn    net.Conn
	in      *bufio.Reader
	body    []byte
}

// Close closes the connection. The client can be used again.
func (c *Client) Close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// Call sends the request and reads the answer, which must have the status 200 and a length. The body is valid until the
// next call. A server that closes its connections makes the next call dial again, and the dialling counts: it is part of
// what such a server costs.
func (c *Client) Call(ctx context.Context, request []byte) (body []byte, took time.Duration, err error) {
	began := time.Now()
	if c.conn == nil {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", c.Address)
		if err != nil {
			return nil, 0, err
		}
		c.conn, c.in = conn, bufio.NewReader(conn)
	}
	if end, ok := ctx.Deadline(); ok {
		c.conn.SetDeadline(end)
	}
	if _, err := c.conn.Write(request); err != nil {
		return nil, 0, err
	}
	body, keep, err := readAnswer(c.in, c.body[:0])
	if err != nil {
		return nil, 0, err
	}
	c.body = body
	if !keep {
		c.Close()
	}
	return body, time.Since(began), nil
}

// readAnswer appends the body of one answer to buf. keep is whether the connection can be used again. It reads what the
// servers of the benchmarks send, no more: a status of 200 and a body with a length.
func readAnswer(in *bufio.Reader, buf []byte) (body []byte, keep bool, err error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return nil, false, err
	}
	refused := ""
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
		refused = string(bytes.TrimSpace(line))
	}
	keep = true
	length := -1
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return nil, false, err
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
				return nil, false, err
			}
		case bytes.EqualFold(name, []byte("connection")):
			keep = !bytes.EqualFold(value, []byte("close"))
		}
	}
	if length < 0 || length > maxBody {
		return nil, false, fmt.Errorf("an answer with a content-length of %d %s", length, refused)
	}
	if cap(buf) < length {
		buf = make([]byte, 0, max(length, 512))
	}
	body = buf[:length]
	if _, err := io.ReadFull(in, body); err != nil {
		return nil, false, err
	}
	if refused != "" {
		return nil, false, fmt.Errorf("answered %q: %s", refused, body)
	}
	return body, keep, nil
}
