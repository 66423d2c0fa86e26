package environment_test

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"testing"

	"furl/internal/environment"
	"furl/internal/sandbox"
	"furl/internal/state"
)

// oneRule is a network of a single function, and knows which.
type oneRule struct{ function string }

func (oneRule) Connect(_ context.Context, conn *net.TCPConn, _ netip.AddrPort) { conn.Close() }
func (oneRule) Resolve(context.Context, []byte) []byte                         { return nil }

// watched is a driver that tells what it is asked for.
type watched struct {
	sandbox.Driver
	specs    chan sandbox.Spec
	networks chan sandbox.Network
}

type watchedBlank struct {
	sandbox.Blank
	of watched
}

func (w watched) Blank(ctx context.Context, spec sandbox.Spec) (sandbox.Blank, error) {
	w.specs <- spec
	b, err := w.Driver.Blank(ctx, spec)
	return watchedBlank{b, w}, err
}

func (b watchedBlank) Assign(ctx context.Context, a sandbox.Assignment) (sandbox.Env, error) {
	b.of.networks <- a.Network
	return b.Blank.Assign(ctx, a)
}

// watch makes a pool's driver a watched one.
func watch(o *environment.Options) watched {
	w := watched{o.Driver, make(chan sandbox.Spec, 100), make(chan sandbox.Network, 100)}
	o.Driver = w
	return w
}

// Functions get the network that is theirs, and blanks of their account unless
// nobody may share.
func TestWhatDriversAreAskedFor(t *testing.T) {
	t.Run("forked", func(t *testing.T) { testAskedFor(t, false) })
	t.Run("strict", func(t *testing.T) { testAskedFor(t, true) })
}

func testAskedFor(t *testing.T, strict bool) {
	var w watched
	h := newCustomHouse(t, func(o *environment.Options) {
		w = watch(o)
		o.Strict = strict
		o.Network = func(t *state.Target) sandbox.Network { return oneRule{t.Function.Name} }
	})
	h.write("app.py", "def handler(event, context): return event\n")
	h.invoke(h.target("mine", anyPython(t), "app.handler"), "1", `1`)
	spec := <-w.specs
	if strict != (len(spec.Zygote) == 0) || strict != (spec.Owner == "") || !strict && spec.Owner != "123456789012" {
		t.Errorf("owner %q, zygote %q", spec.Owner, spec.Zygote)
	}
	if got := <-w.networks; got != (oneRule{"mine"}) {
		t.Errorf("the network is %v", got)
	}
	if res := h.invoke(h.custom("echo"), "1", `1`); string(res.Payload) != `1` {
		t.Errorf("got %s", res.Payload)
	}
	if got := <-w.networks; got != (oneRule{"echo"}) {
		t.Errorf("the custom runtime's network is %v", got)
	}
	// Sandboxes for custom runtimes wait, too: without a program.
	await(t, func() bool { return h.pool.Stats().Runtimes["provided.al2023"].Blanks > 0 }, func() any { return h.pool.Stats() })
	h.invoke(h.custom("headers"), "1", `1`)
	if s := h.pool.Stats().Runtimes["provided.al2023"]; s.Stocked.Count != 1 || s.Unstocked.Count != 1 {
		t.Errorf("cold starts of the custom runtime: %+v", s)
	}
}

// A function that needs more memory than it has is told so in AWS's words.
func TestOutOfMemory(t *testing.T) {
	h := newIsolated(t)
	h.write("app.py", `
def handler(event, context):
    if event == "much": return len(bytearray(b"x" * (400 << 20)))
    return event
`)
	target := h.target("f", anyPython(t), "app.handler", func(t *state.Target) { t.Version.Timeout = 30 })
	res := h.invoke(target, "id", `"much"`)
	const want = `{"errorType":"Runtime.OutOfMemory","errorMessage":"RequestId: id Error: Runtime exited with error: signal: killed"}`
	if string(res.Payload) != want {
		t.Errorf("got %s", res.Payload)
	}
	const reason = "RequestId: id Error: Runtime exited with error: signal: killed"
	if got := h.lines("id"); !slices.Contains(got, reason) {
		t.Errorf("the log is %q, without %q", got, reason)
	}
	if got := h.report(t).MaxMemoryMB; got != target.Version.MemorySize {
		t.Errorf("%d MB were used of %d", got, target.Version.MemorySize)
	}
	if s := h.pool.Stats(); s.Deaths.OutOfMemory != 1 {
		t.Errorf("deaths: %+v", s.Deaths)
	}
	if res := h.invoke(target, "id", `"little"`); string(res.Payload) != `"little"` {
		t.Errorf("afterwards: %s", res.Payload)
	}
}
