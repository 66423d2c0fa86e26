package environment_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"furl/internal/environment"
	"furl/internal/state"
)

// walkthrough is the handler that the project's first example deploys.
const walkthrough = `import json

def handler(event, context):
    name = (event.get("queryStringParameters") or {}).get("name", "world")
    return {
        "statusCode": 200,
        "headers": {"content-type": "application/json"},
        "body": json.dumps({"message": "hello " + name}),
    }
`

const urlEvent = `{"version":"2.0","routeKey":"$default","rawPath":"/","rawQueryString":"name=furl","headers":{"host":"abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.localhost","user-agent":"curl/8.5.0","accept":"*/*","x-forwarded-for":"127.0.0.1","x-forwarded-port":"443","x-forwarded-proto":"https","x-amzn-trace-id":"Root=1-65f1b1c2-0123456789abcdef01234567"},"queryStringParameters":{"name":"furl"},"requestContext":{"accountId":"anonymous","apiId":"abcdefghijklmnopqrstuvwxyz012345","domainName":"abcdefghijklmnopqrstuvwxyz012345.lambda-url.eu-central-1.localhost","domainPrefix":"abcdefghijklmnopqrstuvwxyz012345","http":{"method":"GET","path":"/","protocol":"HTTP/1.1","sourceIp":"127.0.0.1","userAgent":"curl/8.5.0"},"requestId":"3f0e1a52-6f3a-4c7d-8f43-6d2f0a8f1b11","routeKey":"$default","stage":"$default","time":"13/Mar/2024:14:01:06 +0000","timeEpoch":1710338466000},"isBase64Encoded":false}`

func cpuSelf() time.Duration {
	var ru syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &ru)
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

// cpuOf is the CPU time of a process's first thread, to the nanosecond.
func cpuOf(pid string) time.Duration {
	b, _ := os.ReadFile("/proc/" + pid + "/schedstat")
	field, _, _ := strings.Cut(string(b), " ")
	ns, _ := strconv.ParseInt(field, 10, 64)
	return time.Duration(ns)
}

// walkthroughNode is the same for Node.js.
const walkthroughNode = `exports.handler = async (event) => {
  const name = (event.queryStringParameters ?? {}).name ?? 'world';
  return {
    statusCode: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ message: 'hello ' + name }),
  };
};
`

// benchRuntimes runs a benchmark with each family's newest runtime.
func benchRuntimes(b *testing.B, run func(b *testing.B, h *house, name string)) {
	for _, family := range []string{"python", "nodejs"} {
		b.Run(family, func(b *testing.B) {
			names := have(family)
			if len(names) == 0 {
				b.Skip("not here")
			}
			h := newHouse(b)
			h.quiet = true
			h.write("app.py", walkthrough)
			h.write("app.js", walkthroughNode)
			// The same environment answers with its process id: it is found by asking.
			h.write("ask.py", "import os, app\ndef handler(event, context):\n    return os.getpid() if event == 'pid' else app.handler(event, context)\n")
			h.write("ask.js", "const app = require('./app.js');\nexports.handler = async (event) => (event === 'pid' ? process.pid : app.handler(event));\n")
			run(b, h, names[len(names)-1])
		})
	}
}

func BenchmarkWarmInvoke(b *testing.B) {
	benchRuntimes(b, func(b *testing.B, h *house, name string) {
		target := h.target("hello", name, "ask.handler")
		pid := string(h.invoke(target, "0", `"pid"`).Payload)
		inv := &environment.Invocation{RequestID: "3f0e1a52-6f3a-4c7d-8f43-6d2f0a8f1b11", InvokedARN: target.ARN,
			TraceID: "Root=1-65f1b1c2-0123456789abcdef01234567", Event: []byte(urlEvent), Buffer: make([]byte, 0, 4096)}
		for range 100 {
			h.invoke(target, "warm-up", urlEvent)
		}
		own, theirs := cpuSelf(), cpuOf(pid)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := h.pool.Invoke(b.Context(), target, inv); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(cpuSelf()-own)/float64(b.N)/1e3, "us-server/op")
		b.ReportMetric(float64(cpuOf(pid)-theirs)/float64(b.N)/1e3, "us-runtime/op")
	})
}

func BenchmarkColdStart(b *testing.B) {
	benchRuntimes(b, func(b *testing.B, h *house, name string) {
		h.pool.Warm(name, "123456789012")
		// What is made ahead must not compete with what is measured.
		calm := func() {
			tick := time.NewTicker(50 * time.Millisecond)
			defer tick.Stop()
			for before := 0; before == 0 || h.pool.Stats().Blanks != before; <-tick.C {
				before = h.pool.Stats().Blanks
				<-tick.C
			}
		}
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			calm()
			target := h.target(fmt.Sprint("hello", i), name, "app.handler")
			b.StartTimer()
			h.invoke(target, "1", urlEvent)
			b.StopTimer()
			h.pool.Update(func(string) *state.Target { return nil })
			b.StartTimer()
		}
	})
}
