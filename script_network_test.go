package furl_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/template"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// proxy is the name service of the scripts: clients that cannot resolve a function URL's host (every *.on.aws, and
// *.localhost for those that ask the C library) are given it as HTTP proxy, and it leads every host to the server. TLS
// goes through it untouched, so that the clients verify the server's certificate for the name they asked for.
type proxy struct {
	target   func() string
	listener net.Listener
	conns    sync.WaitGroup
}

func newProxy(target func() string) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{target: target, listener: l}
	p.conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.conns.Go(func() { p.serve(c) })
		}
	})
	return p, nil
}

func (p *proxy) url() string { return "http://" + p.listener.Addr().String() }

// close ends the proxy; connections end with their clients, which have ended with the script's commands.
func (p *proxy) close() {
	p.listener.Close()
	p.conns.Wait()
}

// serve answers CONNECT by joining both sides, and any other request by sending it on with a path in place of the URL.
func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	in := bufio.NewReader(client)
	head := textproto.NewReader(in)
	line, err := head.ReadLine()
	if err != nil {
		return
	}
	method, rest, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(rest, " ")
	fields, err := readFields(head)
	if err != nil {
		return
	}
	upstream, err := net.Dial("tcp", p.target())
	if err != nil {
		fmt.Fprintf(client, "HTTP/1.1 502 Bad Gateway\r\n\r\n%v", err)
		return
	}
	defer upstream.Close()
	if method == http.MethodConnect {
		io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n")
	} else {
		// One request per connection: the next one might be for another host.
		path := strings.TrimPrefix(target, "http://")
		path = path[max(0, strings.IndexAny(path+"/", "/?")):]
		if !strings.HasPrefix(path, "/") {
			path = "/" + path
		}
		fmt.Fprintf(upstream, "%s %s %s\r\n%sConnection: close\r\n\r\n", method, path, version, fields)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(upstream, in)
		if c, ok := upstream.(*net.TCPConn); ok && method == http.MethodConnect {
			c.CloseWrite()
		}
	}()
	io.Copy(client, upstream)
	client.Close()
	<-done
}

// readFields returns the header fields as they came, but for those that concern the proxy.
func readFields(r *textproto.Reader) (string, error) {
	var kept strings.Builder
	for {
		line, err := r.ReadLine()
		if err != nil || line == "" {
			return kept.String(), err
		}
		name, _, _ := strings.Cut(strings.ToLower(line), ":")
		if name != "connection" && !strings.HasPrefix(name, "proxy-") {
			kept.WriteString(line + "\r\n")
		}
	}
}

func cmdConnectProxy(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "connectproxy")
	s := sessionOf(ts)
	if s.server != nil {
		s.address.Store(s.server.address())
	}
	p, err := newProxy(func() string { address, _ := s.address.Load().(string); return address })
	ts.Check(err)
	s.closes = append(s.closes, p.close)
	ts.Setenv("PROXY", p.url())
	ts.Setenv("no_proxy", "127.0.0.1")
}

// cmdRawHTTP sends bytes that no HTTP client sends. The file is a template: {{env "NAME"}}, {{repeat "x" 100000}},
// {{"\x00"}}; its line ends are sent as CR LF. stdout gets the status line, the header and the body of each answer, then
// "closed" if the server closed the connection.
func cmdRawHTTP(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "rawhttp")
	if len(args) != 1 {
		ts.Fatalf("usage: rawhttp FILE")
	}
	text, err := template.New(args[0]).Funcs(template.FuncMap{
		"env": ts.Getenv, "repeat": strings.Repeat, "upper": strings.ToUpper,
	}).Parse(strings.ReplaceAll(ts.ReadFile(args[0]), "\n", "\r\n"))
	ts.Check(err)
	var request bytes.Buffer
	ts.Check(text.Execute(&request, nil))
	conn, err := net.Dial("tcp", runningServer(ts).address())
	ts.Check(err)
	defer conn.Close()
	ts.Check(conn.SetDeadline(time.Now().Add(30 * time.Second)))
	// A server may refuse before it has read everything: then writing fails and the answer still counts.
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		conn.Write(request.Bytes())
	}()
	ts.Check(copyAnswers(ts.Stdout(), conn))
	conn.Close()
	<-wrote
}

// copyAnswers writes what a server answers: interim answers, the final one, and whether it closed the connection then.
func copyAnswers(w io.Writer, conn net.Conn) error {
	in := bufio.NewReader(conn)
	for {
		r, err := http.ReadResponse(in, nil)
		if err != nil {
			// A reset before any answer is the harshest of refusals, an answer cut short is none.
			fmt.Fprintln(w, "closed")
			return nil
		}
		fmt.Fprintf(w, "%s %s\n", r.Proto, r.Status)
		for _, name := range slices.Sorted(maps.Keys(r.Header)) {
			fmt.Fprintf(w, "%s: %s\n", name, strings.Join(r.Header[name], ","))
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return fmt.Errorf("the body of the answer: %w", err)
		}
		fmt.Fprintf(w, "\n%s\n", body)
		if r.StatusCode >= 200 {
			if r.Close {
				fmt.Fprintln(w, "closed")
			}
			return nil
		}
	}
}

// floodBound is how long a flood may take: longer than a function's longest run in it, and not forever.
const floodBound = 5 * time.Minute

// cmdFlood sends N requests at the same moment, each on a connection of its own, and accepts two answers: the function's
// and 429. Anything else, a hanging request above all, fails the script.
func cmdFlood(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "flood")
	if len(args) != 2 {
		ts.Fatalf("usage: flood N URL")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	u, err := url.Parse(args[1])
	ts.Check(err)
	srv := runningServer(ts)
	ctx, cancel := context.WithTimeout(context.Background(), floodBound)
	defer cancel()

	began := time.Now()
	answers := make(chan string, n)
	start := make(chan struct{})
	for range n {
		go func() {
			<-start
			answers <- oneRequest(ctx, u, srv.address())
		}()
	}
	close(start)
	count := map[string]int{}
	for range n {
		count[<-answers]++
	}
	for _, what := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(ts.Stdout(), "%s: %d\n", what, count[what])
	}
	fmt.Fprintf(ts.Stderr(), "%.1f s\n", time.Since(began).Seconds())
	if count["200"]+count["429"] != n {
		ts.Fatalf("of %d requests %d were answered neither 200 nor 429", n, n-count["200"]-count["429"])
	}
	if count["200"] == 0 {
		ts.Fatalf("not one request was answered 200")
	}
}

// oneRequest returns the status of one GET on a fresh connection to address, or the error.
func oneRequest(ctx context.Context, u *url.URL, address string) string {
	client := hostClient(address)
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return err.Error()
	}
	resp, err := client.Do(r)
	if err != nil {
		var inner *url.Error
		if errors.As(err, &inner) {
			err = inner.Err
		}
		return err.Error()
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err.Error()
	}
	return strconv.Itoa(resp.StatusCode)
}

// hostClient is an HTTP client for which every host is at address. It follows no redirects, sends nothing of its own
// accord and verifies no certificate: curl and the clients do.
func hostClient(address string) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, address)
			},
			DisableCompression: true,
			TLSClientConfig:    &tls.Config{InsecureSkipVerify: true},
		},
	}
}
