package furl_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"furl"
)

// gated is a function that says when it has begun and waits to be let go, both
// by files in the directory that the query names.
const gated = `
import os, time
def lambda_handler(event, context):
    gate = event["queryStringParameters"]["gate"]
    open(gate + "/begun", "w").close()
    while not os.path.exists(gate + "/go"):
        time.sleep(0.01)
    return "done"
`

// gatedCall sends a request to the gated function and returns once it runs.
func gatedCall(t *testing.T, s *inProcess, url string) (gate string, conn net.Conn) {
	t.Helper()
	gate = t.TempDir()
	conn = sendGET(t, s, url, "?gate="+gate)
	until(t, "the function runs", func() bool {
		_, err := os.Stat(filepath.Join(gate, "begun"))
		return err == nil
	})
	return gate, conn
}

// sendGET sends a GET and does not wait for the answer.
func sendGET(t *testing.T, s *inProcess, url, query string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.info.Endpoint, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(60 * time.Second)); err != nil {
		t.Fatal(err)
	}
	host := strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/")
	if _, err := fmt.Fprintf(conn, "GET /%s HTTP/1.1\r\nHost: %s\r\n\r\n", query, host); err != nil {
		t.Fatal(err)
	}
	return conn
}

// until waits for what another process does.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(60 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// A stop refuses what is new, closes what is idle, and lets what runs finish.
func TestDrain(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, furl.Config{DataDir: dir})
	url := s.deploy(t, "gated", gated)
	gate, running := gatedCall(t, s, url)
	idle := sendGET(t, s, "http://"+urlName+"/", "")
	idleIn := bufio.NewReader(idle)
	if res, err := http.ReadResponse(idleIn, nil); err != nil || res.StatusCode != 403 {
		t.Fatal(res, err)
	} else if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}

	s.stop()
	if _, err := idleIn.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("idle connection: %v, want EOF", err)
	}
	until(t, "new connections are refused", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.info.Endpoint, "http://"))
		if err == nil {
			conn.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	select {
	case <-s.ended:
		t.Fatal("the server did not wait for the request")
	default:
	}
	if err := os.WriteFile(filepath.Join(gate, "go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(running), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 || string(body) != "done" || !res.Close {
		t.Errorf("answered %d %s, close %v, %v", res.StatusCode, body, res.Close, err)
	}
	s.close()
	if _, err := os.Stat(filepath.Join(dir, "server.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("server.json: %v, want none", err)
	}
	checkNoTrace(t, dir)
}

// What does not finish in time is cut off, the function included.
func TestDrainEnds(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, furl.Config{DataDir: dir, DrainTimeout: 100 * time.Millisecond})
	url := s.deploy(t, "gated", gated)
	_, running := gatedCall(t, s, url)
	s.wantErr = "furl: requests were still running after 100ms and were cut off"
	began := time.Now()
	s.close()
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the stop took %v", took)
	}
	if answer, _ := io.ReadAll(running); strings.HasPrefix(string(answer), "HTTP/1.1 200") {
		t.Errorf("answered %q", answer)
	}
	checkNoTrace(t, dir)
}
