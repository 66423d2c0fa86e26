package http_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"

	"furl"
)

// Frame types, flags and error codes of RFC 9113.
const (
	frameData, frameHeaders, framePriority, frameReset, frameSettings      = 0, 1, 2, 3, 4
	framePushPromise, framePing, frameGoAway, frameWindow, frameContinuing = 5, 6, 7, 8, 9

	endStream, ack, endHeaders, padded = 1, 1, 4, 8

	protocolError, flowControlError, streamClosed, frameSizeError = 1, 3, 5, 6
	compressionError, calm                                        = 9, 11
)

// h2 is a client that sends what it is told, frame by frame.
type h2 struct {
	t    *testing.T
	conn net.Conn
	enc  *hpack.Encoder
	buf  bytes.Buffer
	dec  *hpack.Decoder
}

// http2 begins a connection by prior knowledge.
func (s *site) http2(t *testing.T) *h2 {
	t.Helper()
	c := &h2{t: t, conn: s.dial(t), dec: hpack.NewDecoder(4096, nil)}
	c.enc = hpack.NewEncoder(&c.buf)
	c.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	c.frame(frameSettings, 0, 0, "")
	return c
}

func (c *h2) write(s string) { io.WriteString(c.conn, s) } // the server may have had enough

func (c *h2) frame(kind, flags byte, stream uint32, payload string) {
	c.write(frame(kind, flags, stream, payload))
}

func frame(kind, flags byte, stream uint32, payload string) string {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	return string(binary.BigEndian.AppendUint32(append(head, flags), stream)) + payload
}

// block encodes header fields: name, value, name, value, …
func (c *h2) block(fields ...string) string {
	c.buf.Reset()
	for i := 0; i < len(fields); i += 2 {
		c.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return c.buf.String()
}

// get are the fields of a request, with more behind them.
func (s *site) fields(method, path string, more ...string) []string {
	return append([]string{":method", method, ":scheme", "http", ":path", path, ":authority", s.host}, more...)
}

// outcome is how a stream, or the connection, ended: "200", with the body, or
// "reset 1", "goaway 1", "closed".
func (c *h2) outcome(stream uint32) (what, body string) {
	status := ""
	for {
		kind, flags, id, payload, err := c.read()
		switch {
		case errors.Is(err, io.EOF) || err != nil && !isTimeout(err):
			return "closed", body
		case err != nil:
			c.t.Fatal(err)
		case kind == frameGoAway:
			if code := binary.BigEndian.Uint32(payload[4:]); code != 0 {
				return fmt.Sprint("goaway ", code), body
			}
		case kind == frameReset && id == stream:
			return fmt.Sprint("reset ", binary.BigEndian.Uint32(payload)), body
		case kind == frameHeaders:
			fields, err := c.dec.DecodeFull(payload)
			if err != nil {
				c.t.Fatal(err)
			}
			if id == stream && len(fields) > 0 && fields[0].Name == ":status" && fields[0].Value != "100" {
				status = fields[0].Value
			}
		case kind == frameData && id == stream:
			body += string(payload)
		}
		if id == stream && status != "" && flags&endStream != 0 && (kind == frameData || kind == frameHeaders) {
			return status, body
		}
	}
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}

func (c *h2) read() (kind, flags byte, stream uint32, payload []byte, err error) {
	var head [9]byte
	if _, err = io.ReadFull(c.conn, head[:]); err != nil {
		return
	}
	payload = make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	_, err = io.ReadFull(c.conn, payload)
	return head[3], head[4], binary.BigEndian.Uint32(head[5:]) & (1<<31 - 1), payload, err
}

func TestHTTP2(t *testing.T) {
	s := serve(t, furl.Config{})
	t.Run("requests", s.testStreams)
	t.Run("malformed", s.testMalformedStreams)
	t.Run("frames", s.testFrames)
	t.Run("floods", s.testFloods)
}

func (s *site) testStreams(t *testing.T) {
	for _, target := range []string{"/", "//", "/a/../b", "/%2F", "/?", "/?a=1&a=2&b=+&d=&%zz=%", "/ä", "/a;b", "/?a=ä"} {
		c := s.http2(t)
		c.frame(frameHeaders, endHeaders|endStream, 1, c.block(s.fields("GET", target)...))
		status, body := c.outcome(1)
		e := answer{status: must(strconv.Atoi(status)), body: body}.event(t)
		if path, query, _ := strings.Cut(target, "?"); e.RawPath != path || e.RawQueryString != query {
			t.Errorf("%q: %q and %q", target, e.RawPath, e.RawQueryString)
		}
	}
	// many on one connection; a body, padding, trailers, cookies in crumbs
	c := s.http2(t)
	for id := uint32(1); id < 40; id += 2 {
		c.frame(frameHeaders, endHeaders, id, c.block(s.fields("POST", "/"+fmt.Sprint(id), "content-type", "text/plain", "cookie", "a=1", "cookie", "b=2", "te", "trailers")...))
		c.frame(frameData, padded, id, "\x03hello\x00\x00\x00")
		c.frame(frameHeaders, endHeaders|endStream, id, c.block("x-trailer", "secret"))
		status, body := c.outcome(id)
		e := answer{status: must(strconv.Atoi(status)), body: body}.event(t)
		if e.RawPath != "/"+fmt.Sprint(id) || e.Body != "hello" || e.Headers["cookie"] != "a=1; b=2" || e.Headers["x-trailer"] != "" || e.Headers["host"] != s.host {
			t.Errorf("stream %d: %+v", id, e)
		}
	}
	// the header in pieces
	c = s.http2(t)
	block := c.block(s.fields("GET", "/pieces")...)
	c.frame(frameHeaders, endStream, 1, block[:3])
	c.frame(frameContinuing, 0, 1, block[3:9])
	c.frame(frameContinuing, endHeaders, 1, block[9:])
	if what, _ := c.outcome(1); what != "200" {
		t.Errorf("a header in pieces: %s", what)
	}
}

func must[T any](v T, _ error) T { return v }

// Requests that are malformed get a refusal or lose their stream, and never
// reach the function; the connection goes on.
func (s *site) testMalformedStreams(t *testing.T) {
	type fields = []string
	get := func(more ...string) fields { return s.fields("GET", "/", more...) }
	reset := fmt.Sprint("reset ", protocolError)
	for _, c := range []struct {
		name   string
		fields fields
		body   string
		want   string
	}{
		{"no method", fields{":scheme", "http", ":path", "/", ":authority", s.host}, "", reset},
		{"no path", fields{":method", "GET", ":scheme", "http", ":authority", s.host}, "", reset},
		{"empty path", s.fields("GET", ""), "", reset},
		{"no scheme", fields{":method", "GET", ":path", "/", ":authority", s.host}, "", reset},
		{"two methods", get(":method", "POST"), "", reset},
		{"pseudo field late", fields{":method", "GET", ":scheme", "http", "x", "y", ":path", "/", ":authority", s.host}, "", reset},
		{"unknown pseudo field", get(":status", "200"), "", reset},
		{"upper case", get("X-Upper", "y"), "", reset},
		{"LF in a value", get("x", "a\nb: c"), "", reset},
		{"CR LF in a value", get("x", "a\r\nTransfer-Encoding: chunked"), "", reset},
		{"NUL in a value", get("x", "a\x00"), "", reset},
		{"blank in a name", get("x y", "a"), "", reset},
		{"colon in a name", get("x:y", "a"), "", reset},
		{"LF in the path", s.fields("GET", "/\nx"), "", reset},
		{"user in the authority", fields{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "x@" + s.host}, "", reset},
		{"invalid escape in the path", s.fields("GET", "/%zz"), "", reset},
		{"method that is a request line", s.fields("GET / HTTP/1.1", "/"), "", "400"},
		{"blank in the path", s.fields("GET", "/ HTTP/1.1"), "", "400"},
		{"absolute path", s.fields("GET", "http://localhost/"), "", "400"},
		{"* for GET", s.fields("GET", "*"), "", "400"},
		{"another Host", get("host", "localhost"), "", "400"},
		{"two Hosts", get("host", s.host, "host", s.host), "", "400"},
		{"connection", get("connection", "close"), "", "400"},
		{"transfer-encoding", get("transfer-encoding", "chunked"), "", "400"},
		{"keep-alive", get("keep-alive", "1"), "", "400"},
		{"upgrade", get("upgrade", "h2c"), "", "400"},
		{"proxy-connection", get("proxy-connection", "x"), "", "400"},
		{"te", get("te", "gzip"), "", "400"},
		{"value that begins with a blank", get("x", " y"), "", "400"},
		{"expectation", get("expect", "more"), "", "417"},
		{"length without a body", get("content-length", "5"), "", "400"},
		{"length that is none", s.fields("POST", "/", "content-length", "x"), "hello", "400"},
		{"two lengths", s.fields("POST", "/", "content-length", "5", "content-length", "6"), "hello", "400"},
		{"signed length", s.fields("POST", "/", "content-length", "+5"), "hello", "400"},
		{"length beyond the body", s.fields("POST", "/", "content-length", "9"), "hello", reset},
		{"length below the body", s.fields("POST", "/", "content-length", "2"), "hello", reset},
		{"long path", s.fields("GET", "/"+strings.Repeat("x", 16<<10)), "", "414"},
		{"long header", get("x", strings.Repeat("x", 16<<10)), "", "431"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := count(s.get(t, "/count").body)
			h := s.http2(t)
			block, flags := h.block(c.fields...), byte(endHeaders)
			if c.body == "" {
				flags |= endStream
			}
			if len(block) > 16<<10 {
				h.frame(frameHeaders, flags&^endHeaders, 1, block[:16<<10])
				h.frame(frameContinuing, endHeaders, 1, block[16<<10:])
			} else {
				h.frame(frameHeaders, flags, 1, block)
			}
			if c.body != "" {
				h.frame(frameData, endStream, 1, c.body)
			}
			if what, body := h.outcome(1); what != c.want && !((c.want == "400" || c.want == reset) && (what == reset || what == "400")) {
				t.Errorf("%s %s, want %s", what, body, c.want)
			}
			h.frame(frameHeaders, endHeaders|endStream, 3, h.block(s.fields("GET", "/count")...))
			if what, body := h.outcome(3); what != "200" || count(body) != before+1 {
				t.Errorf("then %s %s; before %d", what, body, before)
			}
		})
	}
}

// Frames that break the rules end the connection, with the code for it.
func (s *site) testFrames(t *testing.T) {
	goAway := func(code int) string { return fmt.Sprint("goaway ", code) }
	for _, c := range []struct {
		name string
		send func(h *h2)
		want string
	}{
		{"DATA on stream 0", func(h *h2) { h.frame(frameData, 0, 0, "x") }, goAway(protocolError)},
		{"DATA on an idle stream", func(h *h2) { h.frame(frameData, 0, 1, "x") }, goAway(protocolError)},
		{"HEADERS on stream 0", func(h *h2) { h.frame(frameHeaders, 5, 0, h.block(s.fields("GET", "/")...)) }, goAway(protocolError)},
		{"HEADERS on an even stream", func(h *h2) { h.frame(frameHeaders, 5, 2, h.block(s.fields("GET", "/")...)) }, goAway(protocolError)},
		{"streams going back", func(h *h2) {
			h.frame(frameHeaders, 5, 5, h.block(s.fields("GET", "/")...))
			h.frame(frameHeaders, 5, 3, h.block(s.fields("GET", "/")...))
		}, goAway(protocolError)},
		{"no compression that can be read", func(h *h2) { h.frame(frameHeaders, 5, 1, "\xff\xff\xff\xff\xff\xff\xff\xff\xff") }, goAway(compressionError)},
		{"CONTINUATION without HEADERS", func(h *h2) { h.frame(frameContinuing, 4, 1, "") }, goAway(protocolError)},
		{"another frame between", func(h *h2) {
			h.frame(frameHeaders, 0, 1, h.block(s.fields("GET", "/")...))
			h.frame(framePing, 0, 0, "12345678")
		}, goAway(protocolError)},
		{"PUSH_PROMISE", func(h *h2) { h.frame(framePushPromise, 4, 1, "\x00\x00\x00\x02") }, goAway(protocolError)},
		{"PING of 7 bytes", func(h *h2) { h.frame(framePing, 0, 0, "1234567") }, goAway(frameSizeError)},
		{"PING on a stream", func(h *h2) { h.frame(framePing, 0, 1, "12345678") }, goAway(protocolError)},
		{"SETTINGS of 5 bytes", func(h *h2) { h.frame(frameSettings, 0, 0, "12345") }, goAway(frameSizeError)},
		{"SETTINGS on a stream", func(h *h2) { h.frame(frameSettings, 0, 1, "") }, goAway(protocolError)},
		{"SETTINGS, window too large", func(h *h2) { h.frame(frameSettings, 0, 0, "\x00\x04\xff\xff\xff\xff") }, goAway(flowControlError)},
		{"WINDOW_UPDATE of 0", func(h *h2) { h.frame(frameWindow, 0, 0, "\x00\x00\x00\x00") }, goAway(protocolError)},
		{"WINDOW_UPDATE beyond", func(h *h2) { h.frame(frameWindow, 0, 0, "\x7f\xff\xff\xff") }, goAway(flowControlError)},
		{"RST_STREAM on an idle stream", func(h *h2) { h.frame(frameReset, 0, 1, "\x00\x00\x00\x08") }, goAway(protocolError)},
		{"frame too large", func(h *h2) { h.write("\xff\xff\xff\x00\x00\x00\x00\x00\x01") }, goAway(frameSizeError)},
		{"padding beyond the frame", func(h *h2) {
			h.frame(frameHeaders, endHeaders, 1, h.block(s.fields("POST", "/")...))
			h.frame(frameData, padded, 1, "\xff")
		}, goAway(protocolError)},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := s.http2(t)
			c.send(h)
			if what, _ := h.outcome(99); what != c.want && what != "closed" {
				t.Errorf("%s, want %s", what, c.want)
			}
		})
	}
	for name, preface := range map[string]string{
		"no SETTINGS":   "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(framePing, 0, 0, "12345678"),
		"wrong preface": "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
	} {
		conn := s.dial(t)
		io.WriteString(conn, preface)
		if _, err := io.ReadAll(conn); isTimeout(err) {
			t.Errorf("%s: the connection stays", name)
		}
	}
}

// Floods end with the connection, and the server answers others meanwhile.
func (s *site) testFloods(t *testing.T) {
	for _, c := range []struct {
		name string
		send func(h *h2) string
	}{
		{"rapid reset", func(h *h2) string {
			id := uint32(1)
			var b strings.Builder
			for range 2000 {
				b.WriteString(frame(frameHeaders, 5, id, h.block(s.fields("GET", "/flood")...)))
				b.WriteString(frame(frameReset, 0, id, "\x00\x00\x00\x08"))
				id += 2
			}
			return b.String()
		}},
		{"CONTINUATION", func(h *h2) string {
			return frame(frameHeaders, endStream, 1, h.block(s.fields("GET", "/")...)) + strings.Repeat(frame(frameContinuing, 0, 1, h.block("x", strings.Repeat("y", 8000))), 200)
		}},
		{"empty CONTINUATION", func(h *h2) string {
			return frame(frameHeaders, endStream, 1, h.block(s.fields("GET", "/")...)) + strings.Repeat(frame(frameContinuing, 0, 1, ""), 20000) + frame(framePing, 0, 0, "x")
		}},
		{"SETTINGS", func(h *h2) string { return strings.Repeat(frame(frameSettings, 0, 0, ""), 200000) }},
		{"PING", func(h *h2) string { return strings.Repeat(frame(framePing, 0, 0, "12345678"), 200000) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := s.http2(t)
			flood := c.send(h)
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				h.write(flood)
				h.frame(frameData, 0, 0, "the last frame is one that nobody takes")
			}()
			if got := s.get(t, "/"); got.status != 200 {
				t.Errorf("meanwhile: %+v", got)
			}
			what := ""
			if c.name == "SETTINGS" || c.name == "PING" {
				<-sent // without reading: the server must not keep all the answers
			}
			if what, _ = h.outcome(1 << 30); what != "closed" && !strings.HasPrefix(what, "goaway") {
				t.Errorf("the connection ends with %s", what)
			}
			h.conn.Close()
			<-sent
			t.Log(what)
		})
	}
}
