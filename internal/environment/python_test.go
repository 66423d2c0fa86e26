package environment_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"furl/internal/environment"
	"furl/internal/state"
)

// handlers is one module with a function for each behaviour of the runtime.
const handlers = `
import collections, datetime, decimal, json, logging, math, os, sys, time

class CustomException(Exception):
    pass

def echo(event, context): return event
def nothing(event, context): pass
def separators(event, context): return {"a": [1, 2.5, None, True], "b": {"c": "d"}}
def unicode(event, context): return {"é": "\u2713 \U0001f600"}
def number(event, context): return {"d": decimal.Decimal("1.10"), "n": decimal.Decimal("NaN"), "f": math.inf}
def raw(event, context): return b"\x00\xffraw"
def inside(event, context): return {"b": b"bytes"}
def large(event, context): return "x" * event
def unserializable(event, context): return {"when": {1, 2}}
def circular(event, context):
    a = []
    a.append(a)
    return a
async def asynchronous(event, context): pass
def fails(event, context): raise CustomException("it is \u00e9 broken")
def deep(event, context):
    def inner():
        return {}["missing"]
    return inner()
def unprintable(event, context):
    class Odd(Exception):
        def __str__(self): raise ValueError()
    raise Odd()
def leaves(event, context): sys.exit(event)
def members(event, context):
    c = context
    return [c.aws_request_id, c.log_group_name, c.log_stream_name[:2], c.function_name, c.memory_limit_in_mb,
        c.function_version, c.invoked_function_arn, c.tenant_id, c.client_context, c.identity.cognito_identity_id,
        2000 < c.get_remaining_time_in_millis() <= 3000]
def client(event, context):
    c = context.client_context
    return [c.client.installation_id, c.client.app_title, c.custom, c.env, context.identity.cognito_identity_pool_id]
def prints(event, context):
    print("one\ntwo"); print("error", file=sys.stderr); print("tab\there\r"); print("unfinished", end="")
def logs(event, context):
    logging.warning("careful %s", 1); logging.info("not shown"); logging.getLogger("x").error("two\nlines")
    print("last")
def exceptional(event, context):
    try: 1 / 0
    except ZeroDivisionError: logging.exception("caught", extra={"key": "value"})
def logsall(event, context):
    logging.getLogger().setLevel("INFO"); logging.info("shown")
def notes(event, context): context.log("noted")
def variables(event, context): return dict(os.environ)
def trace(event, context): return os.environ.get("_X_AMZN_TRACE_ID")
def place(event, context):
    try:
        open("new", "w")
        writable = True
    except OSError:
        writable = False
    import tempfile
    return [os.getcwd() == os.environ["LAMBDA_TASK_ROOT"] == sys.path[0], tempfile.gettempdir() == os.environ["TMPDIR"],
        time.strftime("%Z"), sys.stdout.encoding, os.path.exists("__pycache__"), sys.argv]
def twice(event, context):
    from handlers_state import count
    count.append(1)
    return len(count)
`

func newPythonHouse(t testing.TB) *house {
	h := newHouse(t)
	h.write("handlers.py", handlers)
	h.write("handlers_state.py", "count = []\n")
	h.write("dir/sub/app.py", "def handler(event, context): return 'sub'\n")
	h.write("needy.py", "import no_such_module\n")
	h.write("syntax.py", "def handler(:\n")
	h.write("raises.py", "raise KeyError('at import')\n")
	h.write("exits.py", "import sys; print('bye'); sys.exit(4)\n")
	return h
}

// TestPythonAnswers compares answers with AWS's, byte for byte, on every
// Python here.
func TestPythonAnswers(t *testing.T) {
	tests := []struct {
		handler, event string
		want           string
	}{
		{"handlers.echo", `{"b": [1, 2.0, "é"], "a": {"x": null}}`, `{"b": [1, 2.0, "é"], "a": {"x": null}}`},
		{"handlers.echo", ` "text" `, `"text"`},
		{"handlers.echo", "", `{}`},
		{"handlers.echo", `"` + strings.Repeat("y", 300_000) + `"`, `"` + strings.Repeat("y", 300_000) + `"`},
		{"handlers.nothing", `1`, `null`},
		{"handlers.separators", `{}`, `{"a": [1, 2.5, null, true], "b": {"c": "d"}}`},
		{"handlers.unicode", `{}`, `{"é": "✓ 😀"}`},
		{"handlers.number", `{}`, `{"d": 1.10, "n": NaN, "f": Infinity}`},
		{"handlers.raw", `{}`, "\x00\xffraw"},
		{"handlers.inside", `{}`, `{"b": "bytes"}`},
		{"handlers.members", `{}`, `["id", "/aws/lambda/f", "20", "f", "128", "$LATEST", "arn:aws:lambda:eu-central-1:123456789012:function:f", null, null, null, true]`},
		{"handlers.place", `{}`, `[true, true, "UTC", "utf-8", false, [""]]`},
		{"handlers.trace", `{}`, `null`},
		{"handlers.twice", `{}`, `1`},
		{"dir/sub/app.handler", `{}`, `"sub"`},
		{"dir.sub.app.handler", `{}`, `"sub"`},
		{"handlers.large", `6291554`, `"` + strings.Repeat("x", 6291554) + `"`},
	}
	h := newPythonHouse(t)
	for _, python := range pythons(t) {
		for i, tt := range tests {
			t.Run(fmt.Sprint(python, "/", tt.handler, i), func(t *testing.T) {
				target := h.target("f", python, tt.handler)
				target.Digest = fmt.Sprint(python, tt.handler)
				res := h.invoke(target, "id", tt.event)
				want := tt.want
				if slices.Contains([]string{"python3.8", "python3.9", "python3.10", "python3.11"}, python) && !strings.HasPrefix(want, "\x00") {
					want = ascii(want)
				}
				if string(res.Payload) != want || res.FunctionError != "" {
					t.Errorf("got %.300q %s, want %.300q", res.Payload, res.FunctionError, want)
				}
			})
		}
		h.pool.Update(func(string) *state.Target { return nil })
	}
}

// ascii escapes as JSON does.
func ascii(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+(r>>10), 0xdc00+(r&0x3ff))
		}
	}
	return b.String()
}

// TestPythonErrors has the errors that the runtime and functions make, with
// AWS's types, texts and order of members.
func TestPythonErrors(t *testing.T) {
	tests := []struct {
		handler, event string
		want           string // regular expression for the whole payload
		log            string // and for the error in the log
	}{
		{"handlers.fails", `{}`,
			`{"errorMessage": "it is (é|\\u00e9) broken", "errorType": "CustomException", "requestId": "id", "stackTrace": \["  File \\"CODE/handlers.py\\", line 21, in fails\\n    def fails\(event, context\): raise CustomException\(\\"it is \\\\u00e9 broken\\"\)\\n"\]}`,
			"(?s)^\\[ERROR\\] CustomException: it is é broken\nTraceback \\(most recent call last\\):\n\u00a0\u00a0File \"CODE/handlers.py\", line 21, in fails\n\u00a0\u00a0\u00a0\u00a0def fails.*\\)$"},
		{"handlers.deep", `{}`,
			`{"errorMessage": "'missing'", "errorType": "KeyError", "requestId": "id", "stackTrace": \["  File [^,]*, line 25, in deep\\n    return inner\(\)\\n", "  File [^,]*, line 24, in inner\\n    return {}\[\\"missing\\"\]\\n"\]}`,
			`^\[ERROR\] KeyError: 'missing'`},
		{"handlers.unprintable", `{}`, `{"errorMessage": "", "errorType": "Odd", .*`, `^\[ERROR\] Odd\nTraceback`},
		{"handlers.unserializable", `{}`,
			`{"errorMessage": "Unable to marshal response: Object of type set is not JSON serializable", "errorType": "Runtime.MarshalError", "requestId": "id", "stackTrace": \[\]}`,
			`^\[ERROR\] Runtime.MarshalError: Unable to marshal response: Object of type set is not JSON serializable\nTraceback \(most recent call last\):$`},
		{"handlers.circular", `{}`, `{"errorMessage": "Unable to marshal response: Circular reference detected", .*`, "Circular"},
		{"handlers.asynchronous", `{}`, `{"errorMessage": "Unable to marshal response: Object of type coroutine is not JSON serializable", .*`, "coroutine"},
		{"handlers.echo", `{"a"`, `{"errorMessage": "Unable to unmarshal input: Expecting ':' delimiter: line 1 column 5 \(char 4\)", "errorType": "Runtime.UnmarshalError", .*`, "Unmarshal"},
		{"handlers.large", `6291555`,
			`{"errorMessage":"Response payload size exceeded maximum allowed payload size \(6291556 bytes\).","errorType":"Function.ResponseSizeTooLarge"}`, ""},
		{"handlers.leaves", `3`, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id Error: Runtime exited with error: exit status 3"}`, ""},
		{"handlers.leaves", `0`, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id Error: Runtime exited without providing a reason"}`, ""},
		{"handlers.missing", `{}`,
			`{"errorMessage": "Handler 'missing' missing on module 'handlers'", "errorType": "Runtime.HandlerNotFound", "requestId": "", "stackTrace": \[\]}`,
			`^\[ERROR\] Runtime.HandlerNotFound: Handler 'missing' missing on module 'handlers'\nTraceback \(most recent call last\):$`},
		{"nowhere.handler", `{}`,
			`{"errorMessage": "Unable to import module 'nowhere': No module named 'nowhere'", "errorType": "Runtime.ImportModuleError", "requestId": "", "stackTrace": \[\]}`, "ImportModuleError"},
		{"needy.handler", `{}`, `{"errorMessage": "Unable to import module 'needy': No module named 'no_such_module'", "errorType": "Runtime.ImportModuleError", .*`, "no_such_module"},
		{"nodot", `{}`, `{"errorMessage": "Bad handler 'nodot': not enough values to unpack \(expected 2, got 1\)", "errorType": "Runtime.MalformedHandlerName", .*`, "nodot"},
		{"sys.exit", `{}`, `{"errorMessage": "Cannot use built-in module sys as a handler module", "errorType": "Runtime.BuiltInModuleConflict", .*`, "built-in"},
		{"syntax.handler", `{}`, `{"errorMessage": "Syntax error in module 'syntax': invalid syntax \(syntax.py, line 1\)", "errorType": "Runtime.UserCodeSyntaxError", "requestId": "", "stackTrace": \["  File \\"CODE/syntax.py\\" Line 1\\n    def handler\(:\\n"\]}`, "UserCodeSyntaxError"},
		{"raises.handler", `{}`, `{"errorMessage": "'at import'", "errorType": "KeyError", "requestId": "", "stackTrace": \[.*raises.py.*line 1, in <module>.*\]}`, "KeyError"},
		{"exits.handler", `{}`, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id Error: Runtime exited with error: exit status 4"}`, "bye"},
	}
	h := newPythonHouse(t)
	names := pythons(t)
	for _, python := range slices.Compact([]string{names[0], names[len(names)-1]}) {
		for i, tt := range tests {
			t.Run(fmt.Sprint(python, "/", tt.handler, i), func(t *testing.T) {
				h.forget()
				target := h.target("f", python, tt.handler)
				target.Digest = fmt.Sprint(python, tt.handler)
				res := h.invoke(target, "id", tt.event)
				if res.FunctionError != "Unhandled" {
					t.Errorf("function error is %q", res.FunctionError)
				}
				match(t, h, "payload", tt.want+"$", string(res.Payload))
				if kind := errorOf(t, res.Payload).ErrorType; res.ErrorType != kind {
					t.Errorf("type is %q, in the payload %q", res.ErrorType, kind)
				}
				if tt.log == "" {
					return
				}
				pattern := regexp.MustCompile(strings.ReplaceAll(tt.log, "CODE", regexp.QuoteMeta(h.code)))
				if lines := h.lines("id"); !slices.ContainsFunc(lines, pattern.MatchString) {
					t.Errorf("log is\n%s\nand has no line that matches\n%s", strings.Join(lines, "\n"), pattern)
				}
			})
		}
	}
}

func match(t *testing.T, h *house, what, pattern, text string) {
	t.Helper()
	pattern = strings.ReplaceAll(pattern, "CODE", regexp.QuoteMeta(h.code))
	if !regexp.MustCompile(pattern).MatchString(text) {
		t.Errorf("%s is\n%s\nand does not match\n%s", what, text, pattern)
	}
}

// TestPythonInitRetries: a failed Init phase is repeated by the invocation.
func TestPythonInitRetries(t *testing.T) {
	h := newPythonHouse(t)
	h.write("second.py", `
import os
marker = os.path.join(os.environ["LAMBDA_TASK_ROOT"], "tried")
if not os.path.exists(marker):
    open(marker, "w").close()
    raise RuntimeError("first time")
def handler(event, context): return "second time"
`)
	res := h.invoke(h.target("f", anyPython(t), "second.handler"), "id", `{}`)
	if string(res.Payload) != `"second time"` || res.Init != 0 {
		t.Errorf("got %s with init %v", res.Payload, res.Init)
	}
	var kinds []environment.EventKind
	for _, e := range h.events {
		if e.Kind != environment.Line {
			kinds = append(kinds, e.Kind)
		}
	}
	want := []environment.EventKind{environment.InitStart, environment.InitReport, environment.Start, environment.End, environment.Report}
	if !slices.Equal(kinds, want) {
		t.Errorf("records %v, want %v", kinds, want)
	}
}

func TestPythonLogs(t *testing.T) {
	stamp := `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`
	tests := []struct {
		handler string
		json    bool
		want    []string
	}{
		{"handlers.prints", false, []string{"one", "two", "error", "tab\there\r", "unfinished"}},
		{"handlers.logs", false, []string{`\[WARNING\]\t` + stamp + `\tid\tcareful 1`, `\[ERROR\]\t` + stamp + `\tid\ttwo\nlines`, "last"}},
		{"handlers.logsall", false, []string{`\[INFO\]\t` + stamp + `\tid\tshown`}},
		{"handlers.notes", false, []string{"noted"}},
		{"handlers.exceptional", false, []string{`(?s)\[ERROR\]\t` + stamp + `\tid\tcaught\nTraceback.*ZeroDivisionError: division by zero`}},
		{"handlers.logs", true, []string{
			`{"timestamp": "` + stamp + `", "level": "WARNING", "message": "careful 1", "logger": "root", "requestId": "id"}`,
			`{"timestamp": "` + stamp + `", "level": "ERROR", "message": "two\\nlines", "logger": "x", "requestId": "id"}`, "last"}},
		{"handlers.exceptional", true, []string{
			`{"timestamp": "` + stamp + `", "level": "ERROR", "message": "caught", "logger": "root", "stackTrace": \[".*"\], "errorType": "ZeroDivisionError", "errorMessage": "division by zero", "requestId": "id", "location": ".*handlers.py:exceptional:\d+", "key": "value"}`}},
		{"handlers.unserializable", true, []string{
			`{"timestamp": "\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", "level": "ERROR", "errorMessage": "Unable .*", "errorType": "Runtime.MarshalError", "requestId": "id", "stackTrace": \[\]}`}},
	}
	h := newPythonHouse(t)
	names := pythons(t)
	for _, python := range slices.Compact([]string{names[0], names[len(names)-1]}) {
		for _, tt := range tests {
			t.Run(fmt.Sprint(python, "/", tt.handler, tt.json), func(t *testing.T) {
				h.forget()
				target := h.target("f", python, tt.handler, func(t *state.Target) {
					t.Digest = fmt.Sprint(python, tt.handler, tt.json)
					if tt.json {
						t.Version.Logging.Format = "JSON"
					}
				})
				h.invoke(target, "id", `{}`)
				got := h.lines("id")
				if len(got) != len(tt.want) {
					t.Fatalf("got %q, want %q", got, tt.want)
				}
				for i, want := range tt.want {
					match(t, h, "line", "^"+want+"$", got[i])
				}
			})
		}
	}
}

func TestPythonLogLevel(t *testing.T) {
	h := newPythonHouse(t)
	target := h.target("f", anyPython(t), "handlers.logs", func(t *state.Target) {
		t.Version.Logging = state.Logging{Format: "JSON", ApplicationLevel: "ERROR"}
	})
	h.invoke(target, "id", `{}`)
	if got := h.lines("id"); len(got) != 2 {
		t.Errorf("got %q, want the error and the print", got)
	}
}

func TestPythonContext(t *testing.T) {
	h := newPythonHouse(t)
	target := h.target("f", anyPython(t), "handlers.client")
	res, err := h.pool.Invoke(t.Context(), target, &environment.Invocation{RequestID: "id", Event: []byte(`{}`),
		ClientContext: []byte("{\"client\": {\"installation_id\": \"i\",\n \"app_title\": \"t\"}, \"custom\": {\"a\": 1}, \"env\": {}}"),
		Identity:      []byte(`{"cognitoIdentityId":"a","cognitoIdentityPoolId":"b"}`)})
	if want := `["i", "t", {"a": 1}, {}, "b"]`; err != nil || string(res.Payload) != want {
		t.Errorf("got %s, %v; want %s", res.Payload, err, want)
	}
	res, err = h.pool.Invoke(t.Context(), target, &environment.Invocation{RequestID: "id", Event: []byte(`{}`), ClientContext: []byte("{")})
	if err != nil || res.ErrorType != "Runtime.LambdaContextUnmarshalError" {
		t.Errorf("got %s, %v", res.Payload, err)
	}
	target = h.target("f", anyPython(t), "handlers.trace", func(t *state.Target) { t.Digest = "trace" })
	for _, trace := range []string{"Root=1-2-3", "", "Root=4-5-6"} {
		res, err := h.pool.Invoke(t.Context(), target, &environment.Invocation{RequestID: "id", TraceID: trace})
		want, _ := json.Marshal(trace)
		if trace == "" {
			want = []byte("null")
		}
		if err != nil || string(res.Payload) != string(want) {
			t.Errorf("trace is %s, %v; want %s", res.Payload, err, want)
		}
	}
}

func TestPythonVariables(t *testing.T) {
	t.Setenv("SECRET_OF_THE_SERVER", "1")
	h := newHouse(t, func(o *environment.Options) {
		o.Credentials = credentials
	})
	h.write("handlers.py", handlers)
	python := anyPython(t)
	res := h.invoke(h.target("f", python, "handlers.variables", func(t *state.Target) {
		t.Version.Environment = map[string]string{"MINE": "é", "TZ": "Europe/Berlin", "AWS_REGION": "elsewhere"}
	}), "id", `{}`)
	var got map[string]string
	if err := json.Unmarshal(res.Payload, &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"MINE": "é", "TZ": "Europe/Berlin", "AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1",
		"_HANDLER": "handlers.variables", "AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
		"AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f", "AWS_EXECUTION_ENV": "AWS_Lambda_" + python,
		"LAMBDA_TASK_ROOT": h.code, "PWD": h.code, "LANG": "en_US.UTF-8", "AWS_ACCESS_KEY_ID": "ASIA1",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	if !regexp.MustCompile(`^\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}$`).MatchString(got["AWS_LAMBDA_LOG_STREAM_NAME"]) {
		t.Errorf("log stream is %q", got["AWS_LAMBDA_LOG_STREAM_NAME"])
	}
	for name := range got {
		if strings.HasPrefix(name, "SECRET") || strings.HasPrefix(name, "FURL") {
			t.Errorf("%s is the server's", name)
		}
	}
}

func TestInterpreterIsMissing(t *testing.T) {
	h := newHouse(t, func(o *environment.Options) {
		o.Runtimes = map[string]string{"python3.9": "/does/not/exist/python3.9"}
	})
	for _, tt := range []struct{ runtime, want string }{
		{"python3.9", `RequestId: id Error: the interpreter for runtime python3.9 does not work.*--runtime python3.9=/path/to/python3.9`},
		{"python3.99", `no interpreter for runtime python3.99 found on this machine; install it`},
		{"ruby3.3", `runtime ruby3.3 is not supported`},
	} {
		h.forget()
		target := h.target("f", tt.runtime, "app.handler")
		target.Digest = tt.runtime
		res := h.invoke(target, "id", `{}`)
		e := errorOf(t, res.Payload)
		if res.FunctionError != "Unhandled" || e.ErrorType != "Runtime.InvalidRuntime" {
			t.Errorf("got %s", res.Payload)
		}
		match(t, h, "message", tt.want, e.ErrorMessage)
		if lines := h.lines("id"); len(lines) != 1 || !strings.Contains(e.ErrorMessage, lines[0]) {
			t.Errorf("log is %q", lines)
		}
	}
}

// A shim that picks an interpreter anew at each start is passed over for what
// it picks.
func TestInterpreterBehindShim(t *testing.T) {
	var real environment.Interpreter
	for _, i := range installed() {
		if i.Err == nil && strings.HasPrefix(i.Runtime, "python") {
			real = i
		}
	}
	if real.Path == "" {
		t.Skip("NOTHING OF THE PYTHON RUNTIME IS TESTED: no Python here")
	}
	write := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	shim := write("shim", "#!/bin/sh\nexec "+real.Path+" \"$@\"\n")
	other := write("other", "#!/bin/sh\necho /bin/python; echo 2.7.18\n")
	broken := write("broken", "#!/bin/sh\necho cannot >&2; exit 1\n")
	for path, want := range map[string]string{shim: "", other: "is version 2.7.18", broken: "cannot"} {
		i, err := environment.NewInterpreters(map[string]string{real.Runtime: path}).Find(t.Context(), real.Runtime)
		switch {
		case want == "" && (err != nil || i.Path != real.Path || i.Version != real.Version):
			t.Errorf("%s: %+v, %v; want %+v", path, i, err, real)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %+v, %v; want %s", path, i, err, want)
		}
	}
}

// The runtime's files serve the next server, unless they were changed.
func TestRuntimeFilesAreKept(t *testing.T) {
	dir := t.TempDir()
	for _, run := range []string{"first", "second"} {
		t.Run(run, func(t *testing.T) {
			h := newHouse(t, func(o *environment.Options) { o.Dir = dir })
			h.write("handlers.py", handlers)
			if res := h.invoke(h.target("f", anyPython(t), "handlers.echo"), "id", `1`); string(res.Payload) != "1" {
				t.Errorf("got %s", res.Payload)
			}
			if err := h.pool.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			files, err := filepath.Glob(dir + "/python-*/_furl_bootstrap.py")
			compiled, _ := filepath.Glob(dir + "/python-*/__pycache__/_furl_bootstrap.*.pyc")
			if len(files) != 1 || len(compiled) != 1 || err != nil {
				t.Fatalf("files %q and %q, %v", files, compiled, err)
			}
			if err := os.WriteFile(files[0], []byte("raise SystemExit('spoilt')"), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}
