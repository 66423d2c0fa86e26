package environment_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"furl/internal/environment"
	"furl/internal/state"
)

// pythonStreams are handlers that stream. Event "gate" is the name of a FIFO.
const pythonStreams = `import asyncio, json, os, threading

count = 0

def handler(event, context):
    global count
    count += 1
    return count

def plain(event, context):
    yield b"one "
    yield "zwölf "
    yield bytearray(b"three ")
    yield memoryview(b"four")

def full(event, context):
    yield {"statusCode": 201, "headers": {"a": "b"}, "cookies": ["c=d"]}
    yield ""
    yield "page"

async def later(event, context):
    yield {"statusCode": 202}
    await asyncio.sleep(0)
    yield "asynchronous"

def returned(event, context):
    return (str(i) for i in range(3))

def nothing(event, context):
    return
    yield

def two(event, context):
    yield "one"
    open(event["gate"]).read()
    yield "two"

async def two_later(event, context):
    yield "one"
    await asyncio.get_running_loop().run_in_executor(None, lambda: open(event["gate"]).read())
    yield "two"

def fails_early(event, context):
    raise ValueError("before")
    yield

def fails(event, context):
    yield "part"
    raise ValueError("midway")

async def fails_later(event, context):
    yield "part"
    await asyncio.sleep(0)
    raise ValueError("midway")

def odd(event, context):
    yield "part"
    yield {"statusCode": 200}

def no_chunk(event, context):
    yield 5

def leaves(event, context):
    yield "part"
    os._exit(3)

def stays(event, context):
    yield "part"
    threading.Event().wait()

def closed(event, context):
    try:
        while True:
            yield "x"
    finally:
        print("closed")

async def closed_later(event, context):
    try:
        while True:
            yield "x"
    finally:
        await asyncio.sleep(0)
        print("closed")

async def cancelled(event, context):
    try:
        yield "x"
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        print("closed")

def children(event, context):
    yield "one "
    if os.fork() == 0:
        yield "of the child"
    os.wait()
    yield "two"

def much(event, context):
    chunk = bytes(1 << 20)
    for _ in range(event["mega"]):
        yield chunk

async def much_later(event, context):
    for _ in range(event["mega"]):
        yield bytes(1 << 20)

def handlers(event, context):
    return globals()[event["do"]](event, context)
`

// nodeStreams do the same, where Node.js can.
const nodeStreams = `
const fs = require('fs');
const { pipeline } = require('stream/promises');
const { Readable } = require('stream');
const never = () => new Promise(() => setInterval(() => {}, 1000));

const ways = {
  plain(event, stream) { stream.write('one '); stream.write(Buffer.from('zwölf ')); stream.end('three four'); },
  full(event, stream) {
    stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { a: 'b' }, cookies: ['c=d'] });
    stream.write('');
    stream.end('page');
  },
  async later(event, stream) {
    stream = awslambda.HttpResponseStream.from(stream, { statusCode: 202 });
    await pipeline(Readable.from(['asyn', 'chronous']), stream);
  },
  nothing(event, stream) { stream.end(); },
  async two(event, stream) { stream.write('one'); await fs.promises.readFile(event.gate); stream.end('two'); },
  fails_early() { throw new TypeError('before'); },
  fails(event, stream) { stream.write('part'); throw new TypeError('midway'); },
  async fails_later(event, stream) {
    await pipeline(async function* () { yield 'part'; await new Promise(setImmediate); throw new TypeError('midway'); }, stream);
  },
  unfinished(event, stream) { stream.write('part'); },
  type_too_late(event, stream) { stream.write('part'); stream.setContentType('text/plain'); },
  after_end(event, stream) { stream.end('part'); stream.write('more'); },
  async uncaught(event, stream) { stream.write('part'); setImmediate(() => { throw new TypeError('loose'); }); await never(); },
  leaves(event, stream) { stream.write('part'); process.exit(3); },
  async stays(event, stream) { stream.write('part'); await never(); },
  async closed(event, stream) {
    for (let i = 0; i < 100; i++) if (!stream.write('x'.repeat(20000))) await new Promise((resolve) => stream.once('drain', resolve));
    stream.end();
    console.log('closed');
  },
  async much(event, stream) {
    const chunk = Buffer.alloc(1 << 20);
    await pipeline(async function* () { for (let i = 0; i < event.mega; i++) yield chunk; }, stream);
  },
  async pressed(event, stream) {
    let writes = 1;
    while (stream.write(Buffer.alloc(1000))) writes++;
    fs.writeFileSync(event.gate, String(writes)); // waits for its reader
    await new Promise((resolve) => stream.once('drain', resolve));
    stream.end();
  },
};
exports.handlers = awslambda.streamifyResponse(async (event, stream) => ways[event.do](event, stream));
exports.small = awslambda.streamifyResponse(async (event, stream) => ways[event.do](event, stream), { highWaterMark: 10000 });
let count = 0;
exports.handler = async () => ++count;
`

// taker is a Stream that notes what it gets.
type taker struct {
	contentType string
	begun       int
	data        bytes.Buffer
	size        int
	// onWrite, if any, is called with every write.
	onWrite func() error
}

func (s *taker) Begin(contentType string) error {
	s.contentType = contentType
	s.begun++
	return nil
}

func (s *taker) Write(p []byte) (int, error) {
	if s.size += len(p); s.data.Len() < 1<<10 {
		s.data.Write(p)
	}
	if s.onWrite != nil {
		if err := s.onWrite(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// streamers are a function of each managed family that streams.
func streamers(t *testing.T, h *house) map[string]*state.Target {
	h.write("app.py", pythonStreams)
	h.write("app.js", nodeStreams)
	return map[string]*state.Target{
		"python": h.target("python", anyPython(t), "app.handlers"),
		"node":   h.target("node", anyNode(t), "app.handlers"),
	}
}

// stream invokes with a Stream.
func (h *house) stream(ctx context.Context, t *state.Target, id, event string, s environment.Stream) environment.Result {
	h.t.Helper()
	res, err := h.pool.Invoke(ctx, t, &environment.Invocation{RequestID: id, InvokedARN: t.ARN, Event: []byte(event), Stream: s})
	if err != nil {
		h.t.Errorf("invoke: %v", err)
	}
	return res
}

const preludeType = "application/vnd.awslambda.http-integration-response"

func TestStreams(t *testing.T) {
	h := newHouse(t)
	targets := streamers(t, h)
	nul := strings.Repeat("\x00", 8)
	for _, tt := range []struct {
		do, contentType, data string
		errorType, errorText  string // patterns, of the whole
		only                  string
	}{
		{do: "plain", data: "one zwölf three four"},
		{do: "full", contentType: preludeType, data: `\{"statusCode": ?201, ?"headers": ?\{"a": ?"b"\}, ?"cookies": ?\["c=d"\]\}` + nul + "page"},
		{do: "later", contentType: preludeType, data: `\{"statusCode": ?202\}` + nul + "asynchronous"},
		{do: "nothing"},
		{do: "returned", data: "012", only: "python"},
		{do: "children", data: "one two", only: "python"},
		{do: "fails", data: "part", errorType: "(ValueError|TypeError)", errorText: "midway"},
		{do: "fails_later", data: "part", errorType: "(ValueError|TypeError)", errorText: "midway"},
		{do: "odd", data: "part", errorType: `Runtime\.InvalidStreamingOperation`, errorText: "Cannot stream a dict: .*", only: "python"},
		{do: "unfinished", data: "part", errorType: "Error", errorText: `Response stream is not finished\.`, only: "node"},
		{do: "type_too_late", data: "part", errorType: `Runtime\.InvalidStreamingOperation`, errorText: "Cannot set content-type, too late.", only: "node"},
		{do: "after_end", data: "part", errorType: "Error", errorText: "write after end", only: "node"},
		{do: "uncaught", data: "part", errorType: "TypeError", errorText: "loose", only: "node"},
		{do: "leaves", data: "part", errorType: `Runtime\.ExitError`, errorText: "RequestId: leaves Error: Runtime exited with error: exit status 3"},
		{do: "stays", data: "part", errorType: `Sandbox\.Timedout`, errorText: `RequestId: stays Error: Task timed out after 1\.00 seconds`},
	} {
		for family, target := range targets {
			if tt.only != "" && tt.only != family {
				continue
			}
			t.Run(family+"/"+tt.do, func(t *testing.T) {
				once := *target.Version
				once.Timeout = 3
				if tt.do == "stays" {
					once.Timeout = 1
				}
				target := &state.Target{Function: target.Function, Version: &once, ARN: target.ARN, Key: target.Key, Digest: fmt.Sprint(once.Timeout)}
				var s taker
				res := h.stream(t.Context(), target, tt.do, `{"do": "`+tt.do+`"}`, &s)
				want := tt.contentType
				if want == "" {
					want = "application/octet-stream"
				}
				if s.begun != 1 || s.contentType != want || !res.Streamed || res.ContentType != want {
					t.Errorf("begun %d times as %q; result %q, streamed %v", s.begun, s.contentType, res.ContentType, res.Streamed)
				}
				if !regexp.MustCompile("^" + tt.data + "$").MatchString(s.data.String()) {
					t.Errorf("got %q, want %s", s.data.String(), tt.data)
				}
				if tt.errorType == "" {
					if res.FunctionError != "" || len(res.Payload) > 0 {
						t.Errorf("failed with %s, payload %s", res.ErrorType, res.Payload)
					}
					return
				}
				if !regexp.MustCompile("^"+tt.errorType+"$").MatchString(res.ErrorType) || res.FunctionError != "Unhandled" {
					t.Errorf("%s %s", res.FunctionError, res.ErrorType)
				}
				if e := errorOf(t, res.Payload); !regexp.MustCompile("^" + tt.errorText + "$").MatchString(e.ErrorMessage) {
					t.Errorf("payload %s", res.Payload)
				} else if tt.do == "fails_later" && family == "python" && (len(e.StackTrace) != 1 || !strings.Contains(e.StackTrace[0], "app.py")) {
					t.Errorf("trace %q shows more than the function", e.StackTrace)
				}
			})
		}
	}
}

// An error before the first byte is no stream, and a handler that does not stream
// answers as ever.
func TestStreamNotBegun(t *testing.T) {
	h := newHouse(t)
	for family, target := range streamers(t, h) {
		var s taker
		res := h.stream(t.Context(), target, "id", `{"do": "fails_early"}`, &s)
		if s.begun != 0 || res.Streamed || res.FunctionError == "" || errorOf(t, res.Payload).ErrorMessage != "before" {
			t.Errorf("%s: begun %d times, %+v, %s", family, s.begun, res, res.Payload)
		}
		buffered := h.target("buffered "+family, target.Version.Runtime, "app.handler")
		for _, want := range []string{"1", "2"} {
			if res := h.stream(t.Context(), buffered, "id", `{}`, &s); s.begun != 0 || string(res.Payload) != want {
				t.Errorf("%s: begun %d times, %s", family, s.begun, res.Payload)
			}
		}
	}
}

// gate makes a FIFO: who opens it waits for the other end.
func gate(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "gate")
	if err := syscall.Mkfifo(path, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

// The first bytes arrive before the function makes the second: it waits for whom
// they went to.
func TestStreamAtOnce(t *testing.T) {
	h := newHouse(t)
	for family, target := range streamers(t, h) {
		for _, do := range []string{"two", "two_later"} {
			if family == "node" && do == "two_later" {
				continue
			}
			path := gate(t)
			var s taker
			var opened error
			s.onWrite = func() error {
				if s.data.String() == "one" {
					opened = os.WriteFile(path, nil, 0) // lets the function go on, or waits for ever
				}
				return opened
			}
			h.stream(t.Context(), target, "id", `{"do": "`+do+`", "gate": "`+path+`"}`, &s)
			if opened != nil || s.data.String() != "onetwo" {
				t.Errorf("%s %s: %q, %v", family, do, s.data.String(), opened)
			}
		}
	}
}

// When the client has left, the function is told where that is possible, ends, and
// its environment serves on.
func TestStreamClientLeft(t *testing.T) {
	h := newHouse(t)
	for family, target := range streamers(t, h) {
		for _, do := range []string{"closed", "closed_later", "cancelled"} {
			if family == "node" && do != "closed" {
				continue
			}
			h.forget()
			ctx, leave := context.WithCancel(t.Context())
			s := taker{onWrite: func() error {
				if do == "cancelled" {
					leave()
					return nil
				}
				return errors.New("left")
			}}
			res := h.stream(ctx, target, do, `{"do": "`+do+`"}`, &s)
			if res.FunctionError != "" || !res.Streamed {
				t.Errorf("%s %s: %+v, %s", family, do, res, res.Payload)
			}
			if lines := strings.Join(h.lines(do), "\n"); !strings.HasSuffix(lines, "closed") {
				t.Errorf("%s %s printed %q", family, do, lines)
			}
			leave()
			var again taker
			if res := h.stream(t.Context(), target, "again", `{"do": "plain"}`, &again); res.Init != 0 || again.data.String() != "one zwölf three four" {
				t.Errorf("%s after %s: %q, %+v", family, do, again.data.String(), res)
			}
		}
	}
}

// While nobody takes what it wrote, Node.js tells the function to wait, at the high
// water mark that it chose.
func TestStreamBackPressure(t *testing.T) {
	h := newHouse(t)
	target := streamers(t, h)["node"]
	for handler, want := range map[string]func(int) bool{
		"app.handlers": func(n int) bool { return n == 17 || n == 66 }, // Node.js 20, and 22
		"app.small":    func(n int) bool { return n == 10 },
	} {
		path := gate(t)
		var writes []byte
		s := taker{}
		s.onWrite = func() (err error) {
			if writes == nil {
				writes, err = os.ReadFile(path)
			}
			return err
		}
		res := h.stream(t.Context(), h.target(handler, target.Version.Runtime, handler), "id", `{"do": "pressed", "gate": "`+path+`"}`, &s)
		var n int
		fmt.Sscan(string(writes), &n)
		if res.FunctionError != "" || !want(n) || s.size != n*1000 {
			t.Errorf("%s: %d writes, %d bytes, %s", handler, n, s.size, res.Payload)
		}
	}
}

// A stream has a limit of its own, beyond which the function is ended.
func TestStreamTooLong(t *testing.T) {
	h := newHouse(t, func(o *environment.Options) { o.MaxStream = 8 << 20 })
	for family, target := range streamers(t, h) {
		var s taker
		if res := h.stream(t.Context(), target, "id", `{"do": "much", "mega": 8}`, &s); res.FunctionError != "" || s.size != 8<<20 {
			t.Errorf("%s: %d bytes, %s", family, s.size, res.Payload)
		}
		res := h.stream(t.Context(), target, "id", `{"do": "much", "mega": 1000000}`, &s)
		if want := `{"errorMessage":"Response payload size exceeded maximum allowed payload size (8388608 bytes).","errorType":"Function.ResponseSizeTooLarge"}`; string(res.Payload) != want || !res.Streamed {
			t.Errorf("%s: %s", family, res.Payload)
		}
		// Collected, it has the limit of other answers, and the function ends by itself.
		res = h.invoke(target, "id", `{"do": "much", "mega": 7}`)
		if res.ErrorType != "Function.ResponseSizeTooLarge" || !strings.Contains(string(res.Payload), "(6291556 bytes)") {
			t.Errorf("%s: %.200s", family, res.Payload)
		}
		if res = h.invoke(target, "id", `{"do": "full"}`); res.Init != 0 || !strings.HasSuffix(string(res.Payload), strings.Repeat("\x00", 8)+"page") || res.ContentType != preludeType {
			t.Errorf("%s: %.200q as %s, init %s", family, res.Payload, res.ContentType, res.Init)
		}
	}
}

// 200 MB pass through with no more memory than one frame needs.
func TestStreamMuch(t *testing.T) {
	h := newHouse(t, func(o *environment.Options) { o.MaxStream = 256 << 20 })
	for family, target := range streamers(t, h) {
		for _, do := range []string{"much", "much_later"} {
			if family == "node" && do == "much_later" {
				continue
			}
			var s taker
			begin := time.Now()
			target.Version.Timeout = 60
			res := h.stream(t.Context(), target, "id", `{"do": "`+do+`", "mega": 200}`, &s)
			if res.FunctionError != "" || s.size != 200<<20 {
				t.Errorf("%s: %d bytes, %s", family, s.size, res.Payload)
			}
			if res.MaxMemoryMB > 100 {
				t.Errorf("%s: the function had %d MB", family, res.MaxMemoryMB)
			}
			t.Logf("%s %s: 200 MB in %s, %d MB of memory", family, do, time.Since(begin).Round(time.Millisecond), res.MaxMemoryMB)
		}
	}
}
