package lambda_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"
	"time"

	"furl/internal/lambda"
)

// prepared is what is asked of a function's code before it is ready.
type prepared struct{ runtime, sha string }

// newPreparing is a house whose code is compiled by the given function.
func newPreparing(t *testing.T, compile func(ctx context.Context, p prepared)) *house {
	t.Helper()
	return newHouse(t, func(o *lambda.Options) {
		o.Compile = func(ctx context.Context, runtime, sha string) { compile(ctx, prepared{runtime, sha}) }
	})
}

// Code is compiled for its runtime before its function is ready, after each
// change.
func TestCompiledBeforeReady(t *testing.T) {
	asked := make(chan prepared, 10)
	release := make(chan struct{})
	h := newPreparing(t, func(ctx context.Context, p prepared) {
		asked <- p
		select {
		case <-release:
		case <-ctx.Done():
		}
	})
	c, ctx := h.as(h.Root), t.Context()
	must(c.CreateFunction(ctx, creation("hello")))(t)
	first := <-asked
	blob := h.State.Snapshot().AllFunctions()[0].Function.Latest.CodeBlob
	if first != (prepared{"python3.12", blob}) {
		t.Errorf("asked for %+v", first)
	}
	if got := must(c.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationRequest{FunctionName: "hello"}))(t); *got.State != "Pending" {
		t.Errorf("state %s", *got.State)
	}
	release <- struct{}{}
	h.settle()
	must(c.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationRequest{
		FunctionName: "hello", Runtime: new(lambda.RuntimePython311),
	}))(t)
	if got := <-asked; got != (prepared{"python3.11", blob}) {
		t.Errorf("after a change of runtime: asked for %+v", got)
	}
	got := must(c.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationRequest{FunctionName: "hello"}))(t)
	if *got.State != "Active" || *got.LastUpdateStatus != "InProgress" {
		t.Errorf("state %s, update %s", *got.State, *got.LastUpdateStatus)
	}
	release <- struct{}{}
	h.settle()
}

// A package that takes long does not hold up others.
func TestReadyBesideSlowOnes(t *testing.T) {
	started, release := make(chan struct{}, 10), make(chan struct{})
	h := newPreparing(t, func(ctx context.Context, p prepared) {
		if p.runtime == "python3.11" {
			started <- struct{}{}
			<-release
		}
	})
	c, ctx := h.as(h.Root), t.Context()
	for i := range 3 {
		must(c.CreateFunction(ctx, creation(fmt.Sprint("slow", i), withRuntime("python3.11"))))(t)
		<-started
	}
	must(c.CreateFunction(ctx, creation("quick")))(t)
	quick := func() string {
		return string(*must(c.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationRequest{FunctionName: "quick"}))(t).State)
	}
	timeout := time.After(10 * time.Second)
	for quick() != "Active" {
		select {
		case <-h.changed:
		case <-timeout:
			t.Fatal("a function waits for others'")
		}
	}
	close(release)
	h.settle()
}

// Code that cannot be unpacked is not compiled.
func TestNotCompiledUnlessUnpacked(t *testing.T) {
	h := newPreparing(t, func(context.Context, prepared) { t.Error("compiled") })
	h.hold()(errors.New("no room"))
	h.create("hello")
}

// What was made ready for a function that is gone says nothing of one that was
// made anew under its name.
func TestReadyForAFunctionThatIsGone(t *testing.T) {
	h := newHouse(t)
	old := hello()
	oldSum := sha256.Sum256(old)
	oldReady, newReady := make(chan struct{}), make(chan struct{})
	began := make(chan struct{}, 10)
	h.unpack = func(ctx context.Context, sha string) error {
		ready := newReady
		if sha == hex.EncodeToString(oldSum[:]) {
			ready = oldReady
		}
		began <- struct{}{}
		select {
		case <-ready:
		case <-ctx.Done():
		}
		return nil
	}
	c, ctx := h.as(h.Root), t.Context()
	publish := func(in *lambda.CreateFunctionRequest) { in.Publish = new(true) }
	must(c.CreateFunction(ctx, creation("hello", publish)))(t)
	<-began
	must(c.DeleteFunction(ctx, &lambda.DeleteFunctionRequest{FunctionName: "hello"}))(t)
	must(c.CreateFunction(ctx, creation("hello", publish, func(in *lambda.CreateFunctionRequest) {
		in.Code.ZipFile = pack(map[string]string{"lambda_function.py": "# another\n"})
	})))(t)
	<-began
	before := h.State.Snapshot().Rev()
	close(oldReady)
	timeout := time.After(10 * time.Second)
	for h.State.Snapshot().Rev() < before+2 { // once for $LATEST, once for the version
		select {
		case <-h.changed:
		case <-timeout:
			t.Fatal("the first package is not done")
		}
	}
	for _, name := range []string{"hello", "hello:1"} {
		if got := h.configured(name); *got.State != "Pending" {
			t.Errorf("%s is %s before its code is ready", name, *got.State)
		}
	}
	close(newReady)
	h.settle()
}
