//go:build linux

package namespace_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"furl/internal/sandbox"
)

// relay is a Network that leads everything to one server.
type relay struct {
	world
	to string
}

func (r *relay) Connect(ctx context.Context, conn *net.TCPConn, _ netip.AddrPort) {
	defer conn.Close()
	var d net.Dialer
	out, err := d.DialContext(ctx, "tcp", r.to)
	if err != nil {
		return
	}
	defer out.Close()
	stop := context.AfterFunc(ctx, func() { out.Close() })
	defer stop()
	go func() {
		io.Copy(out, conn)
		out.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(conn, out)
}

const payload = 256 << 20 // bytes of a download

// download serves a line, and to who answers it a download.
func download(b *testing.B) (host string, port int) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { ln.Close() })
	chunk := make([]byte, 1<<20)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.WriteString(c, "!")
				if n, _ := c.Read(make([]byte, 1)); n == 0 {
					return
				}
				for sent := 0; sent < payload; sent += len(chunk) {
					if _, err := c.Write(chunk); err != nil {
						return
					}
				}
			}()
		}
	}()
	a := ln.Addr().(*net.TCPAddr)
	return a.IP.String(), a.Port
}

// measure is a program that says how long it takes to connect and read a byte, at
// least and in the middle in µs, and how many MB/s it downloads.
const measure = `
import socket, time
times = []
for _ in range(300):
    begin = time.perf_counter()
    with socket.create_connection((%q, %d)) as s:
        s.recv(1)
    times.append((time.perf_counter() - begin) * 1e6)
times.sort()
with socket.create_connection((%[1]q, %[2]d)) as s:
    s.recv(1)
    begin, got, buffer = time.perf_counter(), 0, memoryview(bytearray(1 << 20))
    s.sendall(b"!")
    while n := s.recv_into(buffer):
        got += n
    rate = got / (time.perf_counter() - begin) / 1e6
result = "%%f %%f %%f" %% (times[0], times[150], rate)
`

// BenchmarkEgress compares a sandbox's way out with none.
func BenchmarkEgress(b *testing.B) {
	host, port := download(b)
	say := func(b *testing.B, text string) {
		var least, middle, rate float64
		if _, err := fmt.Sscan(text, &least, &middle, &rate); err != nil {
			b.Fatal(text, err)
		}
		b.ReportMetric(least, "connect-min-µs")
		b.ReportMetric(middle, "connect-median-µs")
		b.ReportMetric(rate, "MB/s")
	}
	b.Run("direct", func(b *testing.B) {
		for b.Loop() {
			out, err := exec.Command(python(b), "-c", fmt.Sprintf(measure, host, port)+"print(result)").CombinedOutput()
			if err != nil {
				b.Fatal(err, string(out))
			}
			say(b, string(out))
		}
	})
	b.Run("sandbox", func(b *testing.B) {
		e := outside(b, newDriver(b), &relay{to: fmt.Sprintf("%s:%d", host, port)})
		for b.Loop() {
			say(b, strings.TrimSpace(run(b, e, fmt.Sprintf(measure, "192.0.2.1", port))))
		}
	})
}

// BenchmarkAssignEgress is what a way out adds to Assign.
func BenchmarkAssignEgress(b *testing.B) {
	d := newDriver(b)
	code := b.TempDir()
	for _, n := range []sandbox.Network{&world{}, nil} {
		b.Run(fmt.Sprintf("network=%t", n != nil), func(b *testing.B) {
			var times []time.Duration
			for b.Loop() {
				blank, err := d.Blank(context.Background(), sandbox.Spec{Name: "empty", Path: python(b), Args: spec(b).Args})
				if err != nil {
					b.Fatal(err)
				}
				begin := time.Now()
				e, err := blank.Assign(context.Background(), sandbox.Assignment{Code: code, Network: n})
				if err != nil {
					b.Fatal(err)
				}
				times = append(times, time.Since(begin))
				e.Retire(0)
			}
			report(b, times)
		})
	}
}
