package environment_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"furl/internal/environment"
	"furl/internal/state"
)

// customRuntime is a bootstrap whose handler is named in _HANDLER. It returns
// its exit status.
func customRuntime() int {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/"
	call := func(method, path, body string, header ...string) (*http.Response, string) {
		req, err := http.NewRequest(method, api+path, strings.NewReader(body))
		if err != nil {
			panic(err)
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return &http.Response{}, err.Error()
		}
		defer resp.Body.Close()
		text, _ := io.ReadAll(resp.Body)
		return resp, string(text)
	}
	handler := os.Getenv("_HANDLER")
	if code, done := customInit(handler, call); done {
		return code
	}
	for {
		resp, event := call("GET", "invocation/next", "")
		if resp.StatusCode != 200 {
			fmt.Println("next:", resp.StatusCode, event)
			return 2
		}
		id := resp.Header.Get("Lambda-Runtime-Aws-Request-Id")
		if code, done := customInvoke(handler, id, event, resp.Header, call); done {
			return code
		}
	}
}

type callFunc func(method, path, body string, header ...string) (*http.Response, string)

func customInit(handler string, call callFunc) (int, bool) {
	switch handler {
	case "initerror":
		resp, text := call("POST", "init/error", `{"errorMessage":"no way","errorType":"Startup"}`, "Lambda-Runtime-Function-Error-Type", "Runtime.NoWay")
		fmt.Println(resp.StatusCode, text)
		return 1, true
	case "initexit":
		fmt.Println("cannot")
		return 9, true
	case "inithang":
		time.Sleep(20 * time.Second)
	}
	return 0, false
}

func customInvoke(handler, id, event string, header http.Header, call callFunc) (int, bool) {
	respond := "invocation/" + id + "/response"
	show := func(resp *http.Response, text string) {
		fmt.Println(resp.StatusCode, resp.Header.Get("Content-Type"), strings.TrimSpace(text))
	}
	switch handler {
	case "echo":
		show(call("POST", respond, event))
	case "headers":
		out := map[string]string{}
		for _, name := range []string{"Lambda-Runtime-Invoked-Function-Arn", "Lambda-Runtime-Trace-Id", "Lambda-Runtime-Client-Context", "Lambda-Runtime-Cognito-Identity", "Content-Type"} {
			out[name] = header.Get(name)
		}
		var deadline int64
		fmt.Sscan(header.Get("Lambda-Runtime-Deadline-Ms"), &deadline)
		out["time"] = fmt.Sprint(time.Until(time.UnixMilli(deadline)).Round(time.Second))
		text, _ := json.Marshal(out)
		call("POST", respond, string(text))
	case "error":
		show(call("POST", "invocation/"+id+"/error", `{"errorMessage":"bad", "errorType":"Mine","stackTrace":[]}`, "Lambda-Runtime-Function-Error-Type", "Unhandled"))
	case "twice":
		call("POST", respond, `"first"`)
		show(call("POST", respond, `"second"`))
		show(call("POST", "invocation/"+id+"/error", `{}`))
		show(call("POST", "init/error", `{}`))
	case "wrong":
		show(call("POST", "invocation/other/response", `"x"`))
		show(call("POST", "invocation/other/error", `"x"`))
		show(call("GET", "invocation/next", ""))
		show(call("POST", "invocation/next", ""))
		show(call("GET", "nonsense", ""))
		show(elsewhere())
		call("POST", respond, `"right"`)
	case "mode":
		show(call("POST", respond, `"x"`, "Lambda-Runtime-Function-Response-Mode", "odd"))
	case "large":
		show(call("POST", respond, strings.Repeat("x", 6291557)))
	case "stream", "streamerror":
		stream(handler == "streamerror", id)
	case "parts":
		return streamParts(id, event)
	case "truncated":
		truncate(id)
	case "exit":
		return 7, true
	case "answerandexit":
		call("POST", respond, `"done"`)
		return 0, true
	case "sleep":
		time.Sleep(20 * time.Second)
	}
	return 0, false
}

// stream answers in streaming mode, as the clients of AWS's runtimes do.
func stream(fail bool, id string) {
	body, w := io.Pipe()
	req, _ := http.NewRequest("POST", "http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2018-06-01/runtime/invocation/"+id+"/response", body)
	req.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
	req.Header.Set("Content-Type", "application/vnd.awslambda.http-integration-response")
	req.Trailer = http.Header{"Lambda-Runtime-Function-Error-Type": nil, "Lambda-Runtime-Function-Error-Body": nil}
	go func() {
		io.WriteString(w, "one ")
		io.WriteString(w, "two")
		if fail {
			req.Trailer.Set("Lambda-Runtime-Function-Error-Type", "Function.Broken")
			req.Trailer.Set("Lambda-Runtime-Function-Error-Body", base64.StdEncoding.EncodeToString([]byte(`{"errorType":"Function.Broken","errorMessage":"midway"}`)))
		}
		w.Close()
	}()
	resp, err := http.DefaultClient.Do(req)
	if err == nil {
		resp.Body.Close()
	}
}

// streamParts answers "one", waits for the gate that the event names, and does what
// the event says.
func streamParts(id, event string) (int, bool) {
	var what struct{ Do, Gate string }
	if err := json.Unmarshal([]byte(event), &what); err != nil {
		panic(err)
	}
	body, w := io.Pipe()
	req, _ := http.NewRequest("POST", "http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2018-06-01/runtime/invocation/"+id+"/response", body)
	req.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
	go func() {
		io.WriteString(w, "one")
		os.ReadFile(what.Gate)
		switch what.Do {
		case "exits":
			os.Exit(3)
		case "breaks":
			w.CloseWithError(io.ErrUnexpectedEOF)
		case "stays":
			select {}
		case "endless":
			for err := error(nil); err == nil; {
				_, err = w.Write(make([]byte, 1<<20))
			}
		default:
			w.Write(make([]byte, 1<<20))
			w.Close()
		}
	}()
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
	}
	return 0, false
}

// elsewhere asks for an event as a page does whose host name was made to mean the
// runtime's address.
func elsewhere() (*http.Response, string) {
	req, err := http.NewRequest("GET", "http://"+os.Getenv("AWS_LAMBDA_RUNTIME_API")+"/2018-06-01/runtime/invocation/next", nil)
	if err != nil {
		panic(err)
	}
	req.Host = "rebound.example.com"
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return &http.Response{}, err.Error()
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp, string(text)
}

// truncate sends less than it announced.
func truncate(id string) {
	conn, err := net.Dial("tcp", os.Getenv("AWS_LAMBDA_RUNTIME_API"))
	if err != nil {
		return
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nHost: %s\r\nContent-Length: 100\r\n\r\nshort", id, os.Getenv("AWS_LAMBDA_RUNTIME_API"))
	conn.(*net.TCPConn).CloseWrite()
	io.Copy(io.Discard, conn)
}

// newCustomHouse has the test binary as bootstrap.
func newCustomHouse(t *testing.T, change ...func(*environment.Options)) *house {
	h := newHouse(t, change...)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h.write("bootstrap", "#!/bin/sh\nexec "+exe+"\n")
	return h
}

func (h *house) custom(handler string) *state.Target {
	return h.target(handler, "provided.al2023", handler, func(t *state.Target) {
		t.Version.Environment = map[string]string{"ENVIRONMENT_TEST_BOOTSTRAP": "1"}
		t.Version.Timeout = 10
	})
}

func TestCustomRuntime(t *testing.T) {
	const refused = `403 application/json {"errorMessage":"State transition from %s to %s failed for runtime. Error: State transition is not allowed","errorType":"InvalidStateTransition"}`
	accepted := `202 application/json {"status":"OK"}`
	tests := []struct {
		handler, event string
		want           string
		kind           string
		log            []string
	}{
		{"echo", `{"a": [1.0]}`, `{"a": [1.0]}`, "", []string{accepted}},
		{"echo", ``, `{}`, "", []string{accepted}},
		{"headers", `{}`, `{"Content-Type":"application/json","Lambda-Runtime-Client-Context":"{\"custom\":  1}","Lambda-Runtime-Cognito-Identity":"","Lambda-Runtime-Invoked-Function-Arn":"arn:aws:lambda:eu-central-1:123456789012:function:headers","Lambda-Runtime-Trace-Id":"Root=1-2-3","time":"10s"}`, "", nil},
		{"error", `{}`, `{"errorMessage":"bad", "errorType":"Mine","stackTrace":[]}`, "Mine", []string{accepted}},
		{"twice", `{}`, `"first"`, "", []string{fmt.Sprintf(refused, "ResponseSent", "InvocationResponse"),
			fmt.Sprintf(refused, "ResponseSent", "InvocationErrorResponse"), fmt.Sprintf(refused, "ResponseSent", "InitError")}},
		{"wrong", `{}`, `"right"`, "", []string{
			`400 application/json {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`,
			`400 application/json {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}`,
			fmt.Sprintf(refused, "Running", "Ready"), `405 text/plain; charset=utf-8 Method Not Allowed`, `404 text/plain; charset=utf-8 404 page not found`,
			`403 text/plain; charset=utf-8 not for browsers`}},
		{"mode", `{}`, `{"errorType":"Runtime.InvalidResponseModeHeader","errorMessage":"RequestId: id Error: Invalid function response mode"}`, "Runtime.InvalidResponseModeHeader", nil},
		{"large", `{}`, `{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).","errorType":"Function.ResponseSizeTooLarge"}`, "Function.ResponseSizeTooLarge", nil},
		{"stream", `{}`, `one two`, "", nil},
		{"streamerror", `{}`, `{"errorType":"Function.Broken","errorMessage":"midway"}`, "Function.Broken", nil},
		{"truncated", `{}`, `{"errorType":"Runtime.TruncatedResponse","errorMessage":"RequestId: id Error: Response was truncated"}`, "Runtime.TruncatedResponse", nil},
		{"exit", `{}`, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id Error: Runtime exited with error: exit status 7"}`, "Runtime.ExitError", nil},
		{"answerandexit", `{}`, `"done"`, "", nil},
		{"initerror", `{}`, `{"errorMessage":"no way","errorType":"Startup"}`, "Runtime.NoWay", []string{`202 {"status":"OK"}`}},
		{"initexit", `{}`, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id Error: Runtime exited with error: exit status 9"}`, "Runtime.ExitError", []string{"cannot"}},
	}
	h := newCustomHouse(t)
	for i, tt := range tests {
		t.Run(fmt.Sprint(tt.handler, i), func(t *testing.T) {
			h.forget()
			target := h.custom(tt.handler)
			for range 2 { // the environment stays usable, or is replaced
				res, err := h.pool.Invoke(t.Context(), target, &environment.Invocation{RequestID: "id", Event: []byte(tt.event),
					InvokedARN: target.ARN, TraceID: "Root=1-2-3", ClientContext: []byte("{\"custom\": \n1}")})
				if err != nil || string(res.Payload) != tt.want || res.ErrorType != tt.kind || (res.FunctionError != "") != (tt.kind != "") {
					t.Errorf("got %.300s %s, %v; want %s %s", res.Payload, res.ErrorType, err, tt.want, tt.kind)
				}
				if strings.HasPrefix(tt.handler, "stream") && !res.Streamed || tt.handler == "stream" && res.ContentType != "application/vnd.awslambda.http-integration-response" {
					t.Errorf("streamed %v as %s", res.Streamed, res.ContentType)
				}
			}
			lines := func() any { return append(h.lines("id"), h.lines("")...) }
			await(t, func() bool { return len(lines().([]string)) >= len(tt.log) }, lines)
			got := strings.Join(lines().([]string), "\n")
			for _, want := range tt.log {
				if !strings.Contains(got, want) {
					t.Errorf("log is\n%s\nwithout\n%s", got, want)
				}
			}
		})
	}
}

func TestCustomRuntimeTimesOut(t *testing.T) {
	h := newCustomHouse(t)
	target := h.custom("sleep")
	target.Version.Timeout = 1
	res := h.invoke(target, "id", `{}`)
	if res.ErrorType != "Sandbox.Timedout" {
		t.Errorf("got %s", res.Payload)
	}
}

// An Init phase that takes too long is repeated by the invocation, within the
// function's timeout.
func TestInitTimesOut(t *testing.T) {
	h := newCustomHouse(t, func(o *environment.Options) { o.InitTimeout = 200 * time.Millisecond })
	target := h.custom("inithang")
	target.Version.Timeout = 1
	res := h.invoke(target, "id", `{}`)
	if res.ErrorType != "Sandbox.Timedout" || res.Duration != time.Second {
		t.Errorf("got %s after %v", res.Payload, res.Duration)
	}
	if first := h.events[1]; first.Kind != environment.InitReport || first.Figures.Status != "timeout" {
		t.Errorf("the log has %+v", first)
	}
}

func TestNoBootstrap(t *testing.T) {
	h := newHouse(t)
	target := h.target("f", "provided.al2023", "x")
	res := h.invoke(target, "id", `{}`)
	if want := `{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: id Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"}`; string(res.Payload) != want {
		t.Errorf("got %s", res.Payload)
	}
	h.write("bootstrap", "\x01\x02")
	target.Digest = "2"
	res = h.invoke(target, "id", `{}`)
	if want := `{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"RequestId: id Error: fork/exec /var/task/bootstrap: exec format error"}`; string(res.Payload) != want {
		t.Errorf("got %s", res.Payload)
	}
}

// What a bootstrap streams arrives piece by piece, however it ends.
func TestCustomStream(t *testing.T) {
	h := newCustomHouse(t, func(o *environment.Options) { o.MaxStream = 8 << 20 })
	for _, tt := range []struct {
		do        string
		size      int
		errorType string
	}{
		{"well", 3 + 1<<20, ""},
		{"breaks", 3, "Runtime.TruncatedResponse"},
		{"well", 3 + 1<<20, ""},
		{"exits", 3, "Runtime.ExitError"},
		{"stays", 3, "Sandbox.Timedout"},
		{"endless", 0, "Function.ResponseSizeTooLarge"},
		{"well", 3 + 1<<20, ""},
	} {
		path := gate(t)
		s := new(taker)
		s.onWrite = func() error {
			if s.size == 3 {
				return os.WriteFile(path, nil, 0)
			}
			return nil
		}
		target := h.custom("parts")
		target.Version.Timeout = 2
		res := h.stream(t.Context(), target, "id", `{"do": "`+tt.do+`", "gate": "`+path+`"}`, s)
		// Of what was on its way when it ended, some may have come.
		if res.ErrorType != tt.errorType || s.begun != 1 || s.contentType != "application/octet-stream" ||
			s.size < tt.size || res.ErrorType == "" && s.size != tt.size {
			t.Errorf("%s: %d bytes, %s, begun %d times as %s", tt.do, s.size, res.ErrorType, s.begun, s.contentType)
		}
	}
	// A client that leaves does not stop the bootstrap.
	s := &taker{onWrite: func() error { return io.ErrClosedPipe }}
	if res := h.stream(t.Context(), h.custom("parts"), "id", `{"gate": "/dev/null"}`, s); res.FunctionError != "" || s.size >= 1<<20 || !res.Streamed {
		t.Errorf("%d bytes, %+v", s.size, res)
	}
}

// stuck is a client that takes nothing until it is cut off.
type stuck struct {
	taker
	off chan struct{}
}

func (s *stuck) Write([]byte) (int, error) {
	<-s.off
	return 0, io.ErrClosedPipe
}

func (s *stuck) Cut() { close(s.off) }

// A client that takes nothing does not keep an environment beyond the function's time.
func TestStuckClient(t *testing.T) {
	h := newCustomHouse(t, func(o *environment.Options) { o.MaxStream = 8 << 20 })
	target := h.custom("parts")
	target.Version.Timeout = 1
	s := &stuck{off: make(chan struct{})}
	if res := h.stream(t.Context(), target, "id", `{"do": "stays", "gate": "/dev/null"}`, s); res.ErrorType != "Sandbox.Timedout" || s.begun != 1 {
		t.Errorf("%+v", res)
	}
}
