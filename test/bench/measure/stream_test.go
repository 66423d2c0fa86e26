package measure

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestReadStream(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	tests := []struct {
		name, answer string
		size         int64
		ok           bool
	}{
		{"two chunks", head + "6\r\nfirst\n\r\nA\r\n0123456789\r\n0\r\n\r\n", 16, true},
		{"lower case", "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 1, true},
		{"empty", head + "0\r\n\r\n", 0, true},
		{"not chunked", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", 0, false},
		{"refused", "HTTP/1.1 502 Bad Gateway\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0, false},
		{"cut in a chunk", head + "6\r\nfir", 0, false},
		{"cut between chunks", head + "1\r\nx\r\n", 0, false},
		{"longer than its size", head + "1\r\nxy\r\n0\r\n\r\n", 0, false},
		{"no size", head + "x\r\n", 0, false},
		{"huge", head + "fffffffff\r\n", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := bufio.NewReader(strings.NewReader(tt.answer))
			first, size, err := readStream(in)
			if (err == nil) != tt.ok || tt.ok && size != tt.size || size > 0 && tt.ok == first.IsZero() {
				t.Errorf("%d bytes, first at %v, error %v; want %d, success %v", size, first, err, tt.size, tt.ok)
			}
			if tt.ok && in.Buffered() > 0 {
				t.Errorf("%d bytes are left", in.Buffered())
			}
		})
	}
}

// The first byte is timed, not the last one; and a stream of another length is an error.
func TestLoadStreams(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte("first\n"))
		w.(http.Flusher).Flush()
		select {
		case <-time.After(100 * time.Millisecond):
		case <-r.Context().Done():
		}
		w.Write([]byte("last\n"))
	}))
	defer srv.Close()
	address := strings.TrimPrefix(srv.URL, "http://")
	began := time.Now()
	first, err := loadStreams(context.Background(), Target{address, address}, StreamStep{Path: "/", Connections: 1, Requests: 2, Size: 11})
	if err != nil || len(first) != 2 {
		t.Fatal(first, err)
	}
	if all := time.Since(began); first[0]+first[1] > all-200*time.Millisecond {
		t.Errorf("first bytes after %v of %v", first, all)
	}
	if _, err := loadStreams(context.Background(), Target{address, address}, StreamStep{Path: "/", Connections: 2, Requests: 2, Size: 12}); err == nil {
		t.Error("a stream of another length passes")
	}
}
