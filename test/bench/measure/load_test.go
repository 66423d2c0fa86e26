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

func TestReadAnswer(t *testing.T) {
	tests := []struct {
		name, answer string
		keep, ok     bool
	}{
		{"kept", "HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n" + Greeting, true, true},
		{"closed", "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 27\r\n\r\n" + Greeting, false, true},
		{"refused", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", false, false},
		{"longer than it says", "HTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\n" + Greeting, false, false},
		{"too long", "HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n" + strings.Repeat("x", 70000), false, false},
		{"no length", "HTTP/1.1 200 OK\r\n\r\n" + Greeting, false, false},
		{"cut short", "HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n{", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body, keep, err := readAnswer(bufio.NewReader(strings.NewReader(tt.answer)), nil)
			if (err == nil) != tt.ok || keep != tt.keep || tt.ok && string(body) != Greeting {
				t.Errorf("%q, keep %v, error %v; want keep %v, success %v", body, keep, err, tt.keep, tt.ok)
			}
		})
	}
}

func TestLoadWantsTheGreeting(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(strings.ToUpper(Greeting)))
	}))
	defer srv.Close()
	address := strings.TrimPrefix(srv.URL, "http://")
	if _, err := Load(context.Background(), Target{address, address}, Step{1, 1, time.Second}); err == nil {
		t.Error("another body passes for the greeting")
	}
}

func TestLoadIsBounded(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(Greeting))
	}))
	defer srv.Close()
	address := strings.TrimPrefix(srv.URL, "http://")
	took, err := Load(context.Background(), Target{address, address}, Step{4, 100, 10 * time.Second})
	if err != nil || len(took) != 100 {
		t.Errorf("%d answers, %v; want 100", len(took), err)
	}
	began := time.Now()
	if _, err := Load(context.Background(), Target{address, address}, Step{4, 1 << 40, 50 * time.Millisecond}); err != nil {
		t.Error(err)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("a step of 50 ms took %v", d)
	}
}
