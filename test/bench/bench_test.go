package main

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestReadGreeting(t *testing.T) {
	tests := []struct {
		name, answer string
		keep, ok     bool
	}{
		{"kept", "HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n" + greeting, true, true},
		{"closed", "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 27\r\n\r\n" + greeting, false, true},
		{"refused", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", false, false},
		{"another body", "HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n" + strings.ToUpper(greeting), false, false},
		{"another length", "HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n" + greeting, false, false},
		{"no length", "HTTP/1.1 200 OK\r\n\r\n" + greeting, false, false},
		{"cut short", "HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n{", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			keep, err := readGreeting(bufio.NewReader(strings.NewReader(tt.answer)))
			if (err == nil) != tt.ok || keep != tt.keep {
				t.Errorf("keep %v, error %v; want keep %v, success %v", keep, err, tt.keep, tt.ok)
			}
		})
	}
}

func TestLoadIsBounded(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(greeting))
	}))
	defer srv.Close()
	address := strings.TrimPrefix(srv.URL, "http://")
	took, err := load(context.Background(), target{address, address}, step{4, 100, 10 * time.Second})
	if err != nil || len(took) != 100 {
		t.Errorf("%d answers, %v; want 100", len(took), err)
	}
	began := time.Now()
	if _, err := load(context.Background(), target{address, address}, step{4, 1 << 40, 50 * time.Millisecond}); err != nil {
		t.Error(err)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("a step of 50 ms took %v", d)
	}
}

func TestTable(t *testing.T) {
	sampleOf := func(round int, name string, cpu time.Duration, rate float64) sample {
		return sample{round, name, 8, measurement{rate, time.Millisecond, 2 * time.Millisecond, cpu}}
	}
	var all []sample
	for round := range 3 {
		slow := time.Duration(round + 1) // the machine gets slower: the ratio does not
		all = append(all, sampleOf(round, "furl", slow*100*time.Microsecond, 500), sampleOf(round, "uvicorn-1", slow*50*time.Microsecond, 1000))
	}
	var out strings.Builder
	if err := table(&out, []string{"furl", "uvicorn-1"}, []step{{8, 1, time.Second}}, all); err != nil {
		t.Fatal(err)
	}
	row := strings.Fields(strings.Split(out.String(), "\n")[1])
	want := []string{"8", "furl", "500", "1000", "2000", "200.0", "100.0", "300.0", "2.00", "-", "-", "-"}
	if strings.Join(row, " ") != strings.Join(want, " ") {
		t.Errorf("row %q, want %q", row, want)
	}
}
