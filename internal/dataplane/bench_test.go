package dataplane_test

import (
	"bufio"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"furl/internal/dataplane"
)

// BenchmarkServeHTTP is a warm call of an open URL without the wire and the
// function: routing, authorization, event, answer, record.
func BenchmarkServeHTTP(b *testing.B) {
	s := newSite(b, setting{policy: public})
	server := dataplane.New(dataplane.Options{
		Snapshot: s.State.Snapshot, Authz: s.Judge, Region: "us-east-1", Domain: domain,
		Access: slog.New(slog.NewJSONHandler(io.Discard, nil)), Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Invoke: returns(`{"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": "{\"message\": \"Hello, John!\"}"}`),
	})
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(
		"GET /?name=John HTTP/1.1\r\nHost: " + host + ":4566\r\nAccept: */*\r\nUser-Agent: bench/1\r\n\r\n")))
	must(b, err)
	r.RemoteAddr = "127.0.0.1:40000"
	w := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		server.ServeHTTP(w, r)
	}
	if w.status != 200 {
		b.Fatal(w.status)
	}
}

// discard is an answer that nobody reads.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
