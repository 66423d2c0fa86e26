package strict_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"furl/internal/strict"
)

// stream is the reading side of a connection whose bytes are there already, in
// parts.
type stream struct {
	net.Conn
	parts []string
}

func (s *stream) Read(p []byte) (int, error) {
	if len(s.parts) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.parts[0])
	if s.parts[0] = s.parts[0][n:]; s.parts[0] == "" {
		s.parts = s.parts[1:]
	}
	return n, nil
}

func (*stream) SetReadDeadline(time.Time) error { return nil }

var options = strict.Options{MaxTarget: 200, MaxHeader: 400, HTTP2: true}

// read passes parts through a Conn, size bytes at a time.
func read(size int, parts ...string) (out string, notes []string, err error) {
	c := strict.New(&stream{parts: slices.Clone(parts)}, options)
	var all bytes.Buffer
	p := make([]byte, size)
	for err == nil {
		var n int
		n, err = c.Read(p)
		all.Write(p[:n])
	}
	for i := range 1000 {
		if n := c.Take(); n != nil {
			notes = append(notes, fmt.Sprint(i, ":", n.Target, n.Fault))
		}
	}
	return all.String(), notes, err
}

func split(s string) []string {
	var parts []string
	for i := range len(s) {
		parts = append(parts, s[i:i+1])
	}
	return parts
}

const start = "POST / HTTP/1.1\r\nHost: a\r\n"

func TestLetsThrough(t *testing.T) {
	for name, s := range map[string]string{
		"no body":          "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		"body":             start + "Content-Length: 5\r\n\r\nhello",
		"empty body":       start + "Content-Length: 0\r\n\r\n",
		"chunks":           start + "transfer-encoding: Chunked\r\n\r\n5\r\nhello\r\n00a\r\n0123456789\r\n0\r\n\r\n",
		"extension":        start + "Transfer-Encoding: chunked\r\n\r\n5;a=\"b c\"\r\nhello\r\n0\r\n\r\n",
		"trailer":          start + "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\nC: d\r\n\r\n",
		"HTTP/1.0":         "GET / HTTP/1.0\r\n\r\n",
		"absolute":         "GET HTTP://A/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
		"OPTIONS *":        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
		"CONNECT":          "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
		"odd query":        "GET /?%zz&a=%&\xff HTTP/1.1\r\nHost: a\r\n\r\n",
		"bytes":            "GET //\xff/%2F/../\xc3\xa4?a=b#c HTTP/1.1\r\nHost: a\r\n\r\n",
		"values":           "GET / HTTP/1.1\r\nHost:a:80\r\nA:\t\xe4 b\t \r\nB:\r\n\r\n",
		"expectation":      start + "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
		"HTTP/2":           "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00anything\n\n",
		"longest target":   "GET /" + strings.Repeat("x", 199) + " HTTP/1.1\r\nHost: a\r\n\r\n",
		"longest header":   "GET / HTTP/1.1\r\nHost: a\r\nA: " + strings.Repeat("x", 400-len("Host: a\r\nA: \r\n\r\n")) + "\r\n\r\n",
		"unfinished body":  start + "Content-Length: 9\r\n\r\nhel",
		"unfinished chunk": start + "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
	} {
		t.Run(name, func(t *testing.T) {
			if s[0] != 'P' || s[1] != 'R' && !strings.HasPrefix(name, "unfinished") {
				s += s
			}
			for _, parts := range [][]string{{s}, split(s)} {
				for _, size := range []int{1, 7, 4096} {
					out, notes, err := read(size, parts...)
					if out != s || err != io.EOF || notes != nil {
						t.Fatalf("let through %q, %v, %q; sent %q", out, err, notes, s)
					}
				}
			}
		})
	}
}

// What cannot be read in one way only is refused whole: net/http sees a request
// that stands for it, and nothing after it.
func TestRefusesHeads(t *testing.T) {
	const good = "GET /first HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, c := range []struct {
		name, sent string
		status     int
	}{
		{"bare LF, all", "GET / HTTP/1.1\nHost: a\n\n", 400},
		{"bare LF, request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
		{"bare LF, field", "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400},
		{"bare LF, end", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
		{"bare CR", "GET / HTTP/1.1\r\nHost: a\r\nA: b\rC: d\r\n\r\n", 400},
		{"CR CR LF", "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400},
		{"folded", "GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n c\r\n\r\n", 400},
		{"folded first", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
		{"folded blank", "GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n", 400},
		{"blank before the colon", start + "Content-Length : 5\r\n\r\nhello", 400},
		{"tab before the colon", start + "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", 400},
		{"no name", "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", 400},
		{"no colon", "GET / HTTP/1.1\r\nHost: a\r\nA b\r\n\r\n", 400},
		{"NUL in a name", "GET / HTTP/1.1\r\nHost: a\r\nA\x00: b\r\n\r\n", 400},
		{"NUL in a value", "GET / HTTP/1.1\r\nHost: a\r\nA: \x00\r\n\r\n", 400},
		{"control character in a value", "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n", 400},
		{"beyond ASCII in a name", "GET / HTTP/1.1\r\nHost: a\r\nTran\xc5\xbffer-Encoding: chunked\r\n\r\n", 400},
		{"both lengths", start + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		{"both lengths, the other order", start + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400},
		{"two lengths", start + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400},
		{"the same length twice", start + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400},
		{"list of lengths", start + "Content-Length: 5, 5\r\n\r\nhello", 400},
		{"signed length", start + "Content-Length: +5\r\n\r\nhello", 400},
		{"negative length", start + "Content-Length: -5\r\n\r\nhello", 400},
		{"hexadecimal length", start + "Content-Length: 0x5\r\n\r\nhello", 400},
		{"no length", start + "Content-Length:\r\n\r\n", 400},
		{"endless length", start + "Content-Length: 99999999999999999999\r\n\r\n", 400},
		{"two codings", start + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
		{"two coding fields", start + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400},
		{"unknown coding", start + "Transfer-Encoding: xchunked\r\n\r\n", 501},
		{"chunked twice", start + "Transfer-Encoding: chunked, chunked\r\n\r\n", 501},
		{"quoted coding", start + "Transfer-Encoding: \"chunked\"\r\n\r\n", 501},
		{"empty coding", start + "Transfer-Encoding:\r\n\r\n", 501},
		{"coding in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		{"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
		{"two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
		{"malformed Host", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
		{"list of Hosts", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
		{"another host in the target", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"user in the target", "GET http://x@a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"another scheme", "GET file:///etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"no path", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"GET *", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"CONNECT to another", "CONNECT b:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 400},
		{"blank in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"tab in the target", "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"NUL in the target", "GET /a\x00b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"two blanks", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"blank first", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"method that is none", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"HTTP/0.9", "GET /\r\n\r\n", 400},
		{"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
		{"HTTP/2.0 without its preface", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
		{"http/1.1", "GET / http/1.1\r\nHost: a\r\n\r\n", 400},
		{"version with more digits", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", 400},
		{"empty lines", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
		{"HTTP/2 too late", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
		{"garbage", "\x01\x02\x03\r\n", 400},
		{"unknown expectation", start + "Expect: much\r\n\r\n", 417},
		{"long target", "GET /" + strings.Repeat("x", 200) + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
		{"endless target", "GET /" + strings.Repeat("x", 9000), 414},
		{"endless method", strings.Repeat("M", 9000), 400},
		{"long header", "HEAD / HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("A: b\r\n", 90), 431},
		{"endless header", "HEAD / HTTP/1.1\r\nHost: a\r\nA: " + strings.Repeat("b", 9000), 431},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := good + c.sent
			method := "GET"
			if strings.HasPrefix(c.sent, "HEAD") {
				method = "HEAD"
			}
			want := good + method + " / HTTP/1.1\r\nHost: refused\r\nConnection: close\r\n\r\n"
			first := ""
			for _, parts := range [][]string{{s + good}, {s}, split(s)} {
				out, notes, err := read(100, parts...)
				if out != want || err != io.EOF || len(notes) != 1 || !strings.HasPrefix(notes[0], "1:") {
					t.Fatalf("let through %q, %v, notes %q", out, err, notes)
				}
				if first == "" {
					first = notes[0]
				}
				if notes[0] != first {
					t.Errorf("depends on how it arrives: %s or %s", first, notes[0])
				}
			}
			conn := strict.New(&stream{parts: []string{c.sent}}, strict.Options{MaxTarget: 200, MaxHeader: 400})
			if _, err := conn.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			if n := conn.Take(); n == nil || n.Fault == nil || n.Fault.Status != c.status {
				t.Errorf("note %+v, want status %d", n, c.status)
			}
		})
	}
}

// A body that is malformed ends with an error where the fault is.
func TestRefusesBodies(t *testing.T) {
	const head = start + "Transfer-Encoding: chunked\r\n\r\n"
	for _, c := range []struct{ name, good, bad string }{
		{"no size", "", "\r\n"},
		{"no digit", "1\r\nx\r\n", "g\r\n"},
		{"blank after the size", "", "5 \r\nhello\r\n"},
		{"sign", "", "+5\r\nhello\r\n"},
		{"prefix", "", "0x5\r\nhello\r\n"},
		{"oversized", "", "ffffffffffffffff\r\nhello"},
		{"overflow", "", "10000000000000005\r\nhello\r\n"},
		{"bare LF after the size", "", "5\nhello\r\n"},
		{"bare LF in an extension", "", "5;a\nhello\r\n"},
		{"CR in an extension", "", "5;a\rb\r\nhello\r\n"},
		{"long extension", "", "5;" + strings.Repeat("x", 300) + "\r\nhello\r\n"},
		{"data beyond its size", "5\r\nhello", "!\r\n0\r\n\r\n"},
		{"bare LF after the data", "5\r\nhello", "\n0\r\n\r\n"},
		{"bare LF in the trailer", "0\r\n", "A: b\n\r\n"},
		{"bare LF ends the trailer", "0\r\n", "\nGET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"folded trailer", "0\r\n", " A: b\r\n\r\n"},
		{"trailer without a colon", "0\r\n", "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"long trailer", "0\r\n", "A: " + strings.Repeat("x", 4000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := head + c.good + c.bad
			for _, parts := range [][]string{{s}, split(s)} {
				out, _, err := read(100, parts...)
				var fault *strict.Fault
				if !errors.As(err, &fault) || !strings.HasPrefix(head+c.good, out) || len(out) < len(head) {
					t.Errorf("let through %q, %v", out, err)
				}
			}
		})
	}
}

func TestBlankLineBeforeARequestIsDropped(t *testing.T) {
	s := "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"
	for _, parts := range [][]string{{"\r\n" + s + "\r\n" + s}, {"\r\n", s, "\r\n", s}, split("\r\n" + s + "\r\n" + s)} {
		if out, notes, err := read(50, parts...); out != s+s || err != io.EOF || notes != nil {
			t.Errorf("let through %q, %v, %q", out, err, notes)
		}
	}
}

// net/http refuses percent signs that begin no escape, AWS does not.
func TestTargets(t *testing.T) {
	s := "GET /%/%41%zz%f?%zz HTTP/1.1\r\nHost: a\r\n\r\n"
	want := "GET /%25/%41%25zz%25f?%zz HTTP/1.1\r\nHost: a\r\n\r\n"
	good := "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
	for _, parts := range [][]string{{good + s + good + s}, split(good + s + good + s)} {
		out, notes, err := read(10, parts...)
		if out != good+want+good+want || err != io.EOF || fmt.Sprint(notes) != "[1:/%/%41%zz%f?%zz<nil> 3:/%/%41%zz%f?%zz<nil>]" {
			t.Errorf("let through %q, %v, %q", out, err, notes)
		}
	}
}

// A head has its own time, whatever deadline the owner sets, and the owner's
// is in force before and after.
func TestHeadTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		c := strict.New(server, strict.Options{MaxTarget: 100, MaxHeader: 100, HeadTime: time.Second})
		p := make([]byte, 1000)
		c.SetReadDeadline(time.Now().Add(time.Hour))
		began := time.Now()
		go func() {
			time.Sleep(30 * time.Minute)
			io.WriteString(client, "GET / HT")
		}()
		if _, err := c.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 30*time.Minute+time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		c.SetReadDeadline(time.Time{}) // what has begun is not forgotten
		if _, err := c.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		defer client.Close()
		c := strict.New(server, strict.Options{MaxTarget: 100, MaxHeader: 100, HeadTime: time.Second})
		go func() {
			io.WriteString(client, "POST / HTTP/1.1\r\nHo")
			time.Sleep(time.Second / 2)
			io.WriteString(client, "st: a\r\nContent-Length: 5\r\n\r\n")
			time.Sleep(time.Hour)
			io.WriteString(client, "hello")
		}()
		if _, err := io.ReadFull(c, make([]byte, len(start)+len("Content-Length: 5\r\n\r\nhello"))); err != nil {
			t.Errorf("a slow body: %v", err)
		}
	})
}

// Whatever arrives and however it is cut: the same comes out, and net/http
// finds in it exactly the requests that were let through.
func FuzzConn(f *testing.F) {
	for _, s := range []string{
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		start + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\nGET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
		start + "Content-Length: 5\r\n\r\nhelloGET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, s string, size int) {
		size = 1 + max(size, -size)%100
		out, notes, err := read(4096, s)
		if size > 0 {
			out2, notes2, err2 := read(size, split(s)...)
			if out2 != out && !strings.HasPrefix(out2, out) && !strings.HasPrefix(out, out2) || fmt.Sprint(err) != fmt.Sprint(err2) || fmt.Sprint(notes) != fmt.Sprint(notes2) {
				t.Fatalf("it depends on how it arrives: %q %v %v, %q %v %v", out, err, notes, out2, err2, notes2)
			}
		}
		if strings.HasPrefix(out, "PRI ") {
			return
		}
		in := bufio.NewReader(strings.NewReader(out))
		for {
			req, err := http.ReadRequest(in)
			if err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) {
				return
			}
			if err != nil {
				if strings.Contains(err.Error(), "parse \"http") || strings.Contains(err.Error(), "CONNECT") || strings.Contains(err.Error(), "invalid") && strings.Contains(err.Error(), "parse") {
					return // a port or an IPv6 address that is none
				}
				t.Fatalf("net/http refuses what was let through: %v in %q", err, out)
			}
			if req.Header.Get("Transfer-Encoding") != "" || len(req.Header["Content-Length"]) > 1 || req.Method == "" {
				t.Fatalf("ambiguous: %v", req.Header)
			}
			if _, err := io.Copy(io.Discard, req.Body); err != nil && !strings.Contains(err.Error(), "unexpected EOF") {
				t.Fatalf("net/http refuses the body of what was let through: %v in %q", err, out)
			}
		}
	})
}

func BenchmarkConn(b *testing.B) {
	s := "GET /some/path?a=b HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.lambda-url.us-east-1.localhost:4566\r\nUser-Agent: bench\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n"
	c := strict.New(&endless{s: s}, strict.Options{MaxTarget: 16 << 10, MaxHeader: 16 << 10, HTTP2: true})
	p := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Read(p); err != nil {
			b.Fatal(err)
		}
		c.Take()
	}
}

type endless struct {
	net.Conn
	s string
}

func (e *endless) Read(p []byte) (int, error) { return copy(p, e.s), nil }
