package environment_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"furl/internal/environment"
	"furl/internal/state"
)

// scripts is one CommonJS module with a function for each behaviour of the
// runtime.
const scripts = `
exports.echo = async (event) => event;
exports.nothing = async () => {};
exports.plain = (event) => event;
exports.callback = (event, context, callback) => { callback(null, event); };
exports.waits = (event, context, callback) => {
  setTimeout(() => console.log('later'), 20);
  callback(null, 'first');
};
exports.hurries = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false;
  setInterval(() => {}, 1000);
  callback(null, 'first');
};
exports.twice = (event, context, callback) => { callback(null, 1); callback(null, 2); callback(new Error('late')); };
exports.succeed = (event, context) => { context.succeed(event); };
exports.done = (event, context) => { setImmediate(() => context.done(null, event)); };
exports.thenable = () => ({ then: (resolve) => setTimeout(resolve, 1, 'then') });
exports.nested = { deep: { handler: async () => 'nested' } };
exports.unicode = async () => ({ 'é': '\u2713 \u{1f600}', lone: '\ud800' });
exports.undefinedMembers = async () => ({ a: undefined, f() {}, d: new Date(0), n: NaN });
exports.func = async () => () => 1;
exports.large = async (event) => 'x'.repeat(event);
exports.awaits = async () => { await new Promise((r) => setTimeout(r, 10)); return 'awaited'; };
exports.members = async (event, c) => [c.awsRequestId, c.logGroupName, c.logStreamName.slice(0, 2), c.functionName,
  c.memoryLimitInMB, c.functionVersion, c.invokedFunctionArn, c.clientContext === undefined, c.identity === undefined,
  c.tenantId === undefined, c.callbackWaitsForEmptyEventLoop, c.getRemainingTimeInMillis() > 2000 && c.getRemainingTimeInMillis() <= 3000,
  typeof c.done, typeof c.succeed, typeof c.fail];
exports.client = async (event, c) => [c.clientContext, c.identity.cognitoIdentityPoolId];
exports.place = async () => [process.cwd() === process.env.LAMBDA_TASK_ROOT, require('os').tmpdir() === process.env.TMPDIR,
  new Date(0).getTimezoneOffset(), process.argv.slice(1), require.main === undefined, Object.keys(require.cache).length,
  typeof globalThis.require, process.env.NODE_PATH.split(':').pop() === process.cwd()];
exports.descriptors = async () => require('child_process').execSync('ls /proc/self/fd | tr "\\n" " "').toString();
exports.trace = async () => process.env._X_AMZN_TRACE_ID ?? null;
exports.variables = async () => process.env;
let count = 0;
exports.counts = async () => ++count;
exports.byPath = async () => require('byPath');

class CustomError extends Error { constructor(m) { super(m); this.name = 'CustomError'; this.extra = 7; } }
exports.fails = async () => { throw new CustomError('it is é broken'); };
exports.failsAtOnce = () => { throw new TypeError('at once'); };
exports.failsByCallback = (event, context, callback) => { setInterval(() => {}, 1000); callback(new CustomError('called')); };
exports.failsByContext = (event, context) => { context.fail(event); };
exports.text = async () => { throw 'text'; };
exports.number = async () => { throw 42; };
exports.object = async () => { throw { a: 1 }; };
exports.none = async () => { throw undefined; };
exports.odd = async () => { throw Object.create(null); };
exports.circular = async () => { const a = {}; a.a = a; return a; };
exports.bigint = async () => 1n;
exports.circularByCallback = (event, context, callback) => { const a = {}; a.a = a; callback(null, a); };
exports.unsettled = async () => { await new Promise(() => {}); };
exports.forgets = () => {};
exports.uncaught = async () => { setTimeout(() => { throw new CustomError('from a timer'); }, 1); await new Promise((r) => setTimeout(r, 1000)); };
exports.unhandled = async () => { Promise.reject(new CustomError('nobody cares')); await new Promise((r) => setTimeout(r, 1000)); };
exports.unhandledText = async () => { Promise.reject('text'); await new Promise((r) => setTimeout(r, 1000)); };
exports.leaves = async (event) => { process.exit(event); };
exports.notFunction = 'text';

exports.prints = async () => {
  console.log('one\ntwo'); process.stdout.write('raw\nunfinished'); console.error('bad %s %j', 'x', { a: 1 });
  console.debug('d'); console.warn('w', new CustomError('logged').message); console.trace('t'); console.fatal('f'); console.info();
  process.stderr.write('to the error stream\n');
};
exports.logs = async () => { console.log({ a: 1 }); console.info('n %d', 5); console.error('failed', new CustomError('why')); console.warn(new CustomError('alone')); console.debug('d'); };

exports.streams = awslambda.streamifyResponse(async (event, stream, context) => {
  stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { a: 'b' } });
  stream.write('one '); stream.write({ two: 2 }); stream.end();
});
exports.streamsPlainly = awslambda.streamifyResponse(async (event, stream) => {
  stream.setContentType('text/plain');
  await require('util').promisify(require('stream').pipeline)(require('stream').Readable.from(['a', 'b']), stream);
});
exports.streamsMuch = awslambda.streamifyResponse(async (event, stream) => { stream.end(Buffer.alloc(event)); });
exports.streamFails = awslambda.streamifyResponse(async (event, stream) => { stream.write('x'); throw new CustomError('midway'); });
exports.streamStays = awslambda.streamifyResponse(async (event, stream) => { stream.write('x'); });
exports.streamTooLate = awslambda.streamifyResponse(async (event, stream) => { stream.write('x'); stream.setContentType('text/plain'); });
exports.streamNotAsync = awslambda.streamifyResponse((event, stream) => { stream.end('x'); });
`

func newNodeHouse(t testing.TB, change ...func(*environment.Options)) *house {
	h := newHouse(t, change...)
	for name, text := range map[string]string{
		"app.js":                       scripts,
		"esm.mjs":                      "import { a } from './lib.mjs';\nconst b = await Promise.resolve('b');\nexport const handler = async () => a + b + typeof require;\nexport default { other: async () => 'default' };\n",
		"lib.mjs":                      "export const a = 'a';\n",
		"typed/package.json":           `{"type": "module"}`,
		"typed/index.js":               "export const handler = async () => import.meta.url.endsWith('/typed/index.js');\n",
		"typed/old.cjs":                "exports.handler = async () => typeof require;\n",
		"dir/sub/index.js":             "exports.handler = async () => 'sub';\n",
		"package/index.js":             "exports.handler = async () => 'package';\n",
		"node_modules/byPath/index.js": "module.exports = 'by path';\n",
		"node_modules/whole/index.js":  "exports.handler = async () => 'whole';\n",
		"needy.js":                     "require('no-such-module');\n",
		"needy.mjs":                    "import 'no-such-module';\n",
		"needyesm.mjs":                 "import 'no-such-module';\n",
		"syntax.js":                    "exports.handler = async ( => 1;\n",
		"syntaxesm.mjs":                "export const handler = async ( => 1;\n",
		"raises.js":                    "throw new RangeError('at load');\n",
		"raisesesm.mjs":                "await 1; throw new RangeError('at load');\n",
		"rejects.js":                   "Promise.reject(new RangeError('at load')); exports.handler = async () => 1; require('timers/promises').setTimeout(50);\n",
		"exits.js":                     "console.log('bye'); process.exit(4);\n",
		"hangs.mjs":                    "await new Promise(() => {});\n",
	} {
		h.write(name, text)
	}
	return h
}

// nodeTarget is a function of its own environment.
func (h *house) nodeTarget(runtime, handler string) *state.Target {
	return h.target("f", runtime, handler, func(t *state.Target) { t.Digest = runtime + handler })
}

// isModern is whether a runtime has neither callbacks nor what came with them.
func isModern(runtime string) bool { return runtime >= "nodejs24" }

func TestNodeAnswers(t *testing.T) {
	tests := []struct {
		handler, event string
		want           string
	}{
		{"app.echo", `{"b": [1, 2.0, "é"], "a": {"x": null}}`, `{"b":[1,2,"é"],"a":{"x":null}}`},
		{"app.echo", ` "text" `, `"text"`},
		{"app.echo", "", `{}`},
		{"app.echo", `"` + strings.Repeat("é", 150_000) + `"`, `"` + strings.Repeat("é", 150_000) + `"`},
		{"app.nothing", `1`, `null`},
		{"app.thenable", `1`, `"then"`},
		{"app.nested.deep.handler", `1`, `"nested"`},
		{"app.unicode", `1`, `{"é":"✓ 😀","lone":"\ud800"}`},
		{"app.undefinedMembers", `1`, `{"d":"1970-01-01T00:00:00.000Z","n":null}`},
		{"app.func", `1`, `null`},
		{"app.awaits", `1`, `"awaited"`},
		{"app.place", `1`, `[true,true,0,["/var/runtime/index.mjs"],true,1,"undefined",true]`},
		{"app.trace", `1`, `null`},
		{"app.counts", `1`, `1`},
		{"app.counts", `1`, `2`},
		{"app.byPath", `1`, `"by path"`},
		{"esm.handler", `1`, `"abundefined"`},
		{"typed/index.handler", `1`, `true`},
		{"typed/old.handler", `1`, `"function"`},
		{"dir/sub/index.handler", `1`, `"sub"`},
		{"./dir/sub/index.handler", `1`, `"sub"`},
		{"whole.handler", `1`, `"whole"`},
		{"app.large", `6291554`, `"` + strings.Repeat("x", 6291554) + `"`},
		{"app.descriptors", `1`, `"0 1 2 3 "`}, // 3 is the directory that ls reads
	}
	h := newNodeHouse(t)
	for _, node := range nodes(t) {
		for i, tt := range tests {
			t.Run(fmt.Sprint(node, "/", tt.handler, i), func(t *testing.T) {
				res := h.invoke(h.nodeTarget(node, tt.handler), "id", tt.event)
				if string(res.Payload) != tt.want || res.FunctionError != "" {
					t.Errorf("got %.300q %s, want %.300q", res.Payload, res.FunctionError, tt.want)
				}
			})
		}
		h.pool.Update(func(string) *state.Target { return nil })
	}
}

// TestNodeLegacyAnswers has what Node.js 24 has no more.
func TestNodeLegacyAnswers(t *testing.T) {
	const members = `["id","/aws/lambda/f","20","f","128","$LATEST","arn:aws:lambda:eu-central-1:123456789012:function:f",true,true,true`
	tests := []struct{ handler, event, want, modern string }{
		{"app.plain", `5`, `null`, `5`},
		{"app.forgets", `5`, `null`, `null`},
		{"app.callback", `{"a":1}`, `{"a":1}`, ""},
		{"app.waits", `1`, `"first"`, ""},
		{"app.hurries", `1`, `"first"`, ""},
		{"app.twice", `1`, `1`, ""},
		{"app.succeed", `7`, `7`, ""},
		{"app.done", `8`, `8`, `null`},
		{"package.handler", `1`, `"package"`, `"package"`},
		{"app.members", `1`, members + `,true,true,"function","function","function"]`, members + `,null,true,"undefined","undefined","undefined"]`},
	}
	h := newNodeHouse(t)
	for _, node := range nodes(t) {
		for _, tt := range tests {
			t.Run(node+"/"+tt.handler, func(t *testing.T) {
				res := h.invoke(h.nodeTarget(node, tt.handler), "id", tt.event)
				switch {
				case !isModern(node) && string(res.Payload) != tt.want:
					t.Errorf("got %s, want %s", res.Payload, tt.want)
				case isModern(node) && tt.modern != "" && string(res.Payload) != tt.modern:
					t.Errorf("got %s, want %s", res.Payload, tt.modern)
				case isModern(node) && tt.modern == "" && !slices.Contains([]string{"Runtime.CallbackHandlerDeprecated", "TypeError"}, res.ErrorType):
					t.Errorf("got %s", res.Payload)
				case tt.handler == "app.waits" && !isModern(node) && !strings.Contains(fmt.Sprint(h.lines("id")), "later"):
					t.Errorf("it did not wait: %q", h.lines("id"))
				}
			})
		}
	}
}

// TestNodeErrors has the errors that the runtime and functions make, with AWS's
// types, texts and order of members.
func TestNodeErrors(t *testing.T) {
	const never = `The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise that was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes`
	tests := []struct {
		handler, event string
		want           string // regular expression for the whole payload
		log            string // and for a line of the log, after its time
	}{
		{"app.fails", `{}`, `{"errorType":"CustomError","errorMessage":"it is é broken","trace":\["CustomError: it is é broken",("    at [^"]*CODE/app.js:\d+:\d+\)?",?)+.*\]}`,
			`id\tERROR\tInvoke Error \t{"errorType":"CustomError","errorMessage":"it is é broken","name":"CustomError","extra":7,"stack":\["CustomError: it is é broken",.*\]}`},
		{"app.failsAtOnce", `{}`, `{"errorType":"TypeError","errorMessage":"at once","trace":\["TypeError: at once","    at exports.failsAtOnce \(CODE/app.js:.*file:///var/runtime/index.mjs:.*\]}`, `id\tERROR\tInvoke Error \t{"errorType":"TypeError"`},
		{"app.text", `{}`, `{"errorType":"string","errorMessage":"text","trace":\[\]}`, `id\tERROR\tInvoke Error \t{"errorType":"Error","errorMessage":"text","stack":`},
		{"app.number", `{}`, `{"errorType":"number","errorMessage":"42","trace":\[\]}`, `Invoke Error`},
		{"app.object", `{}`, `{"errorType":"object","errorMessage":"\[object Object\]","trace":\[\]}`, `Invoke Error`},
		{"app.none", `{}`, `{"errorType":"string","errorMessage":"handled","trace":\[\]}`, `Invoke Error`},
		{"app.odd", `{}`, `{"errorType":"handled","errorMessage":"callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack"}`, ``},
		{"app.circular", `{}`, `{"errorType":"Error","errorMessage":"Unable to stringify response body","trace":\[.*\]}`, `Invoke Error \t{"errorType":"[^"]+","errorMessage":"Unable to stringify`},
		{"app.bigint", `{}`, `{"errorType":"Error","errorMessage":"Unable to stringify response body","trace":\[.*\]}`, `Invoke Error`},
		{"app.echo", `{"a"`, `{"errorType":"SyntaxError","errorMessage":".* JSON .*","trace":\[.*\]}`, `Invoke Error`},
		{"app.unsettled", `{}`, `{"errorType":"Runtime.NodeJsExit","errorMessage":"` + never + `","trace":\["Runtime.NodeJsExit: ` + never + `",.*\]}`, `id\tERROR\tInvoke Error \t{"errorType":"Runtime.NodeJsExit"`},
		{"app.uncaught", `{}`, `{"errorType":"CustomError","errorMessage":"from a timer","trace":\[.*\]}`, `id\tERROR\tUncaught Exception \t{"errorType":"CustomError"`},
		{"app.unhandled", `{}`, `{"errorType":"Runtime.UnhandledPromiseRejection","errorMessage":"CustomError: nobody cares","trace":\["Runtime.UnhandledPromiseRejection: CustomError: nobody cares",.*\]}`,
			`id\tERROR\tUnhandled Promise Rejection \t{"errorType":"Runtime.UnhandledPromiseRejection","errorMessage":"CustomError: nobody cares","reason":{"errorType":"CustomError","errorMessage":"nobody cares",.*},"promise":{},"stack":\[.*\]}`},
		{"app.unhandledText", `{}`, `{"errorType":"Runtime.UnhandledPromiseRejection","errorMessage":"text",.*`, `"reason":"text"`},
		{"app.large", `6291555`, `{"errorMessage":"Response payload size exceeded maximum allowed payload size \(6291556 bytes\).","errorType":"Function.ResponseSizeTooLarge"}`, ``},
		{"app.leaves", `3`, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id Error: Runtime exited with error: exit status 3"}`, ``},
		{"app.leaves", `0`, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id Error: Runtime exited without providing a reason"}`, ``},
		{"app.missing", `{}`, `{"errorType":"Runtime.HandlerNotFound","errorMessage":"app.missing is undefined or not exported","trace":\["Runtime.HandlerNotFound: app.missing is undefined or not exported",.*\]}`,
			`undefined\tERROR\tUncaught Exception \t{"errorType":"Runtime.HandlerNotFound","errorMessage":"app.missing is undefined or not exported","stack":\[.*\]}`},
		{"app.nested.missing.handler", `{}`, `{"errorType":"Runtime.HandlerNotFound",.*`, ``},
		{"app.notFunction", `{}`, `{"errorType":"Runtime.HandlerNotFound","errorMessage":"app.notFunction is not a function",.*`, ``},
		{"nodot", `{}`, `{"errorType":"Runtime.MalformedHandlerName","errorMessage":"Bad handler",.*`, ``},
		{"../app.echo", `{}`, `{"errorType":"Runtime.MalformedHandlerName","errorMessage":"'../app.echo' is not a valid handler name. Use absolute paths when specifying root directories in handler names.",.*`, ``},
		{"nowhere.handler", `{}`, `{"errorType":"Runtime.ImportModuleError","errorMessage":"Error: Cannot find module 'nowhere'\\nRequire stack:\\n- /var/runtime/index.mjs","trace":\["Runtime.ImportModuleError: Error: Cannot find module 'nowhere'","Require stack:","- /var/runtime/index.mjs",.*`, `undefined\tERROR\tUncaught Exception`},
		{"syntax.handler", `{}`, `{"errorType":"Runtime.UserCodeSyntaxError","errorMessage":"SyntaxError: Unexpected token '=>'","trace":\["CODE/syntax.js:1",.*`, ``},
		{"syntaxesm.handler", `{}`, `{"errorType":"Runtime.UserCodeSyntaxError","errorMessage":"SyntaxError: Unexpected token '=>'",.*`, ``},
		{"needyesm.handler", `{}`, `{"errorType":"Error","errorMessage":"Cannot find package 'no-such-module' imported from CODE/needyesm.mjs",.*`, `"code":"ERR_MODULE_NOT_FOUND"`},
		{"raises.handler", `{}`, `{"errorType":"RangeError","errorMessage":"at load","trace":\["RangeError: at load","    at Object.<anonymous> \(CODE/raises.js:1:7\)",.*`, `undefined\tERROR\tUncaught Exception \t{"errorType":"RangeError"`},
		{"raisesesm.handler", `{}`, `{"errorType":"RangeError","errorMessage":"at load",.*`, ``},
		{"exits.handler", `{}`, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id Error: Runtime exited with error: exit status 4"}`, `bye`},
		{"hangs.handler", `{}`, `{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id Error: Runtime exited with error: exit status 13"}`, ``},
		{"app.streamFails", `{}`, `{"errorType":"CustomError","errorMessage":"midway",.*`, `Invoke Error`},
		{"app.streamStays", `{}`, `{"errorType":"Error","errorMessage":"Response stream is not finished.",.*`, ``},
		{"app.streamTooLate", `{}`, `{"errorType":"Runtime.InvalidStreamingOperation","errorMessage":"Cannot set content-type, too late.",.*`, ``},
		{"app.streamNotAsync", `{}`, `{"errorType":"Error","errorMessage":"Streaming does not support non-async handlers.",.*`, ``},
		{"app.streamsMuch", `6291557`, `{"errorMessage":"Response payload size exceeded .*`, ``},
	}
	legacy := []struct{ handler, event, want, log string }{
		{"needy.handler", `{}`, `{"errorType":"Runtime.ImportModuleError","errorMessage":"Error: Cannot find module 'no-such-module'\\nRequire stack:\\n- CODE/needy.js\\n- /var/runtime/index.mjs",.*`, ``},
		{"app.failsByCallback", `{}`, `{"errorType":"CustomError","errorMessage":"called",.*`, `Invoke Error`},
		{"app.failsByContext", `"why"`, `{"errorType":"string","errorMessage":"why","trace":\[\]}`, `Invoke Error`},
		{"app.circularByCallback", `{}`, `{"errorType":"Error","errorMessage":"Unable to stringify response body",.*`, `Uncaught Exception`},
	}
	h := newNodeHouse(t)
	names := nodes(t)
	for _, node := range slices.Compact([]string{names[0], names[len(names)-1]}) {
		all := tests
		if !isModern(node) {
			all = slices.Concat(tests, legacy)
		}
		for i, tt := range all {
			t.Run(fmt.Sprint(node, "/", tt.handler, i), func(t *testing.T) {
				h.forget()
				want := tt.want
				if isModern(node) {
					want = strings.Replace(want, `"errorType":"Error","errorMessage":"Unable to stringify`, `"errorType":"Runtime.JSONStringifyError","errorMessage":"Unable to stringify`, 1)
				}
				res := h.invoke(h.nodeTarget(node, tt.handler), "id", tt.event)
				if res.FunctionError != "Unhandled" {
					t.Errorf("function error is %q", res.FunctionError)
				}
				match(t, h, "payload", "^"+want+"$", string(res.Payload))
				if kind := errorOf(t, res.Payload).ErrorType; res.ErrorType != kind {
					t.Errorf("type is %q, in the payload %q", res.ErrorType, kind)
				}
				pattern := regexp.MustCompile(strings.ReplaceAll(tt.log, "CODE", regexp.QuoteMeta(h.code)))
				if lines := h.lines("id"); tt.log != "" && !slices.ContainsFunc(lines, pattern.MatchString) {
					t.Errorf("log is\n%s\nand has no line that matches\n%s", strings.Join(lines, "\n"), pattern)
				}
			})
		}
	}
}

// Streams are collected and arrive as the streaming answers that they are.
func TestNodeStreams(t *testing.T) {
	h := newNodeHouse(t)
	node := anyNode(t)
	for _, tt := range []struct{ handler, event, want, contentType string }{
		{"app.streams", `{}`, `{"statusCode":201,"headers":{"a":"b"}}` + strings.Repeat("\x00", 8) + `one {"two":2}`, "application/vnd.awslambda.http-integration-response"},
		{"app.streamsPlainly", `{}`, `ab`, "text/plain"},
		{"app.streamsMuch", `6291556`, strings.Repeat("\x00", 6291556), "application/octet-stream"},
	} {
		res := h.invoke(h.nodeTarget(node, tt.handler), "id", tt.event)
		if string(res.Payload) != tt.want || !res.Streamed || res.ContentType != tt.contentType {
			t.Errorf("%s: %.200q as %s, streamed %v", tt.handler, res.Payload, res.ContentType, res.Streamed)
		}
	}
	target := h.target("f", node, "none.handler", func(t *state.Target) {
		t.Version.Environment = map[string]string{"AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA": "1"}
	})
	h.write("none.js", "exports.handler = async () => typeof awslambda;\n")
	if res := h.invoke(target, "id", `1`); string(res.Payload) != `"undefined"` {
		t.Errorf("the global is %s", res.Payload)
	}
}

func TestNodeLogs(t *testing.T) {
	const stamp = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`
	tests := []struct {
		handler, format, level string
		want                   []string
	}{
		{"app.prints", "", "", []string{
			stamp + `\tid\tINFO\tone\ntwo`, "raw", "unfinished", stamp + `\tid\tERROR\tbad x {"a":1}`, stamp + `\tid\tDEBUG\td`,
			stamp + `\tid\tWARN\tw logged`, stamp + `\tid\tTRACE\tt`, stamp + `\tid\tFATAL\tf`, stamp + `\tid\tINFO\tundefined`, "to the error stream"}},
		{"app.logs", "JSON", "", []string{
			`{"timestamp":"` + stamp + `","level":"INFO","requestId":"id","message":{"a":1}}`,
			`{"timestamp":"` + stamp + `","level":"INFO","requestId":"id","message":"n 5"}`,
			`{"timestamp":"` + stamp + `","level":"ERROR","requestId":"id","message":"failed CustomError: why\\n.*","errorType":"CustomError","errorMessage":"why","stackTrace":\["CustomError: why",.*\]}`,
			`{"timestamp":"` + stamp + `","level":"WARN","requestId":"id","message":{"errorType":"CustomError","errorMessage":"alone","stackTrace":\[.*\],"name":"CustomError","extra":7}}`,
			`{"timestamp":"` + stamp + `","level":"DEBUG","requestId":"id","message":"d"}`}},
		{"app.logs", "JSON", "ERROR", []string{`.*"level":"ERROR".*`}},
		{"app.fails", "JSON", "", []string{
			`{"timestamp":"` + stamp + `","level":"ERROR","requestId":"id","message":{"errorType":"CustomError","errorMessage":"it is é broken","stackTrace":\[.*\],"name":"CustomError","extra":7}}`}},
	}
	h := newNodeHouse(t)
	for _, node := range nodes(t) {
		for _, tt := range tests {
			t.Run(fmt.Sprint(node, "/", tt.handler, tt.format, tt.level), func(t *testing.T) {
				h.forget()
				target := h.nodeTarget(node, tt.handler)
				target.Digest += tt.format + tt.level
				target.Version.Logging = state.Logging{Format: tt.format, ApplicationLevel: tt.level}
				h.invoke(target, "id", `{}`)
				got := h.lines("id")
				if len(got) != len(tt.want) {
					t.Fatalf("got %q, want %q", got, tt.want)
				}
				for i, want := range tt.want {
					match(t, h, "line", "(?s)^"+want+"$", got[i])
				}
			})
		}
	}
}

func TestNodeContext(t *testing.T) {
	h := newNodeHouse(t)
	node := anyNode(t)
	target := h.nodeTarget(node, "app.client")
	res, err := h.pool.Invoke(t.Context(), target, &environment.Invocation{RequestID: "id", Event: []byte(`{}`),
		ClientContext: []byte("{\"client\": {\"installation_id\": \"i\"},\n \"custom\": {\"a\": 1}}"),
		Identity:      []byte(`{"cognitoIdentityId":"a","cognitoIdentityPoolId":"b"}`)})
	if want := `[{"client":{"installation_id":"i"},"custom":{"a":1}},"b"]`; err != nil || string(res.Payload) != want {
		t.Errorf("got %s, %v; want %s", res.Payload, err, want)
	}
	res, err = h.pool.Invoke(t.Context(), target, &environment.Invocation{RequestID: "id", Event: []byte(`{}`), ClientContext: []byte("{")})
	if err != nil || !strings.HasPrefix(errorOf(t, res.Payload).ErrorMessage, "Cannot parse ClientContext as json: SyntaxError: ") {
		t.Errorf("got %s, %v", res.Payload, err)
	}
	for _, trace := range []string{"Root=1-2-3", "", "Root=4-5-6"} {
		res, err := h.pool.Invoke(t.Context(), h.nodeTarget(node, "app.trace"), &environment.Invocation{RequestID: "id", TraceID: trace})
		want, _ := json.Marshal(trace)
		if trace == "" {
			want = []byte("null")
		}
		if err != nil || string(res.Payload) != string(want) {
			t.Errorf("trace is %s, %v; want %s", res.Payload, err, want)
		}
	}
}

func TestNodeVariables(t *testing.T) {
	t.Setenv("SECRET_OF_THE_SERVER", "1")
	h := newNodeHouse(t, func(o *environment.Options) { o.Credentials = credentials })
	node := anyNode(t)
	res := h.invoke(h.target("f", node, "app.variables", func(t *state.Target) {
		t.Version.Environment = map[string]string{"MINE": "é", "TZ": "Europe/Berlin", "AWS_REGION": "elsewhere"}
	}), "id", `{}`)
	var got map[string]string
	if err := json.Unmarshal(res.Payload, &got); err != nil {
		t.Fatal(err)
	}
	version := strings.TrimSuffix(strings.TrimPrefix(node, "nodejs"), ".x")
	for name, want := range map[string]string{
		"MINE": "é", "TZ": "Europe/Berlin", "AWS_REGION": "eu-central-1", "_HANDLER": "app.variables",
		"AWS_EXECUTION_ENV": "AWS_Lambda_" + node, "LAMBDA_TASK_ROOT": h.code, "LC_CTYPE": "", "AWS_ACCESS_KEY_ID": "ASIA1",
		"NODE_PATH": "/opt/nodejs/node" + version + "/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:" + h.code,
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	for name := range got {
		if strings.HasPrefix(name, "SECRET") || strings.HasPrefix(name, "FURL") {
			t.Errorf("%s is the server's", name)
		}
	}
}

// Variables that the interpreter reads when it starts count, too.
func TestNodeStartVariables(t *testing.T) {
	h := newNodeHouse(t)
	h.write("options.js", "exports.handler = async () => [process.env.NODE_OPTIONS, require('v8').getHeapStatistics().heap_size_limit < 600e6];\n")
	target := func(options string) *state.Target {
		return h.target("f", anyNode(t), "options.handler", func(t *state.Target) {
			t.Digest = options
			t.Version.Environment = map[string]string{"NODE_OPTIONS": options}
		})
	}
	if res := h.invoke(target("--max-old-space-size=100"), "id", `1`); string(res.Payload) != `["--max-old-space-size=100",true]` {
		t.Errorf("got %s", res.Payload)
	}
	res := h.invoke(target("--no-such-option"), "id", `1`)
	e := errorOf(t, res.Payload)
	if e.ErrorType != "Runtime.ExitError" || !regexp.MustCompile(`^RequestId: id Error: Runtime did not start with the function's NODE_OPTIONS: .*exit status 9`).MatchString(e.ErrorMessage) {
		t.Errorf("got %s", res.Payload)
	}
}
