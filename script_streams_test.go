package furl_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

const (
	// listenersBound is how long all listeners together may wait for their beginning.
	listenersBound = 2 * time.Minute
	// listenersWave is how many of them come at a time: a machine with much else to do must not let the last wait too long.
	listenersWave = 100
)

func cmdListeners(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "listeners")
	if len(args) != 2 {
		ts.Fatalf("usage: listeners N URL")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	u, err := url.Parse(args[1])
	ts.Check(err)
	ctx, leave := context.WithTimeout(context.Background(), listenersBound)
	defer leave()
	client := hostClient(runningServer(ts).address())
	defer client.CloseIdleConnections()

	began := time.Now()
	begun, ended := make(chan string, n), make(chan string, n)
	for at := 0; at < n; at += listenersWave {
		wave := min(listenersWave, n-at)
		for range wave {
			go listen(ctx, client, u, begun, ended)
		}
		for range wave {
			select {
			case line := <-begun:
				if line != "data: hello\n" {
					ts.Fatalf("a stream begins with %q", line)
				}
			case how := <-ended:
				ts.Fatalf("a stream ended while others began: %s", how)
			}
		}
	}
	if len(ended) > 0 {
		ts.Fatalf("%d streams ended by themselves, one with %s", len(ended), <-ended)
	}
	fmt.Fprintf(ts.Stdout(), "%d streams at once\n", n)
	fmt.Fprintf(ts.Stderr(), "%.1f s\n", time.Since(began).Seconds())
	leave()
	for range n {
		<-ended
	}
}

// listen tells a stream's first line, and then how it ended.
func listen(ctx context.Context, client *http.Client, u *url.URL, begun, ended chan<- string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		ended <- err.Error()
		return
	}
	resp, err := client.Do(r)
	if err != nil {
		ended <- err.Error()
		return
	}
	defer resp.Body.Close()
	in := bufio.NewReader(resp.Body)
	line, err := in.ReadString('\n')
	if err == nil && resp.StatusCode == http.StatusOK {
		begun <- line
		_, err = in.ReadByte() // the empty line
		for err == nil {
			_, err = in.ReadByte()
		}
	}
	ended <- fmt.Sprintf("status %d, %v", resp.StatusCode, err)
}
