package async_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"furl/internal/async"
	"furl/internal/authz/authztest"
	"furl/internal/environment"
	"furl/internal/state"
	"furl/internal/store"
)

const prefix = "arn:aws:lambda:us-east-1:111122223333:function:"

// call is one event that a function was given.
type call struct {
	at       time.Duration // since the stage was set
	function string        // with its version
	*environment.Invocation
}

func (c call) String() string { return fmt.Sprintf("%s %s", c.at, c.function) }

// stage is a state with a queue and a runner, in a bubble with a clock of its own.
type stage struct {
	*authztest.House
	t      *testing.T
	start  time.Time
	runner *async.Runner
	queue  store.Queue // the store's, unless a test puts another before it

	mu    sync.Mutex
	calls []call
	// answer is what functions answer; nil is null.
	answer func(ctx context.Context, c call) (environment.Result, error)
	denied map[string]bool // roles that may not invoke
	counts map[string]int
}

// onStage runs a test in a bubble, on a stage with a runner.
func onStage(t *testing.T, f func(s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{House: authztest.New(t, false), t: t, start: time.Now(), denied: map[string]bool{}, counts: map[string]int{}}
		s.queue = s.Store
		s.run("local")
		f(s)
		s.close(context.Background())
	})
}

func (s *stage) run(node string) {
	s.t.Helper()
	runner, err := async.New(s.t.Context(), async.Options{
		State: s.State, Queue: s.queue, Node: node, Invoke: s.invoke, Concurrency: 4, PerFunction: 2, Counter: s,
		MayInvoke: func(role string, _ *state.FunctionEntry, _ string) bool { return !s.denied[role] },
		Access:    slog.New(slog.DiscardHandler), Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.runner = runner
}

func (s *stage) close(ctx context.Context) {
	s.t.Helper()
	if err := s.runner.Close(ctx); err != nil {
		s.t.Error(err)
	}
}

func (s *stage) invoke(ctx context.Context, t *state.Target, inv *environment.Invocation) (environment.Result, error) {
	c := call{time.Since(s.start), t.Function.Name + ":" + t.Version.Number, inv}
	s.mu.Lock()
	s.calls = append(s.calls, c)
	answer := s.answer
	s.mu.Unlock()
	res, err := environment.Result{Payload: []byte("null")}, error(nil)
	if answer != nil {
		res, err = answer(ctx, c)
	}
	res.Version = t.Version.Number
	return res, err
}

func (s *stage) count(what ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[strings.Join(what, " ")]++
}

func (s *stage) EventReceived(f string)                 { s.count("received", f) }
func (s *stage) EventStarted(f string, _ time.Duration) { s.count("started", f) }
func (s *stage) EventDropped(f, reason string)          { s.count("dropped", f, reason) }
func (s *stage) DeliveryFailed(f string)                { s.count("undelivered", f) }

func id(name string) state.FunctionID {
	return state.FunctionID{Account: authztest.Account, Region: authztest.Region, Name: name}
}

// function makes a function.
func (s *stage) function(name string, change ...func(*state.Function)) {
	s.t.Helper()
	f := &state.Function{Account: authztest.Account, Region: authztest.Region, Name: name, Created: time.Now(),
		Latest: state.Version{Number: state.LatestVersion, Role: "role-of-" + name, Timeout: 3, State: state.StateActive}}
	for _, c := range change {
		c(f)
	}
	s.must(s.State.CreateFunction(s.t.Context(), f))
}

func (s *stage) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func reserved(n int) func(*state.Function) {
	return func(f *state.Function) { f.ReservedConcurrency = &n }
}

// configure sets how a function's events are handled.
func (s *stage) configure(name, qualifier string, c state.EventConfig) {
	s.t.Helper()
	s.must(s.State.UpdateEventConfig(s.t.Context(), id(name), qualifier, func(*state.EventConfig) (*state.EventConfig, error) { return &c, nil }))
}

// send queues an event and tells the runner.
func (s *stage) send(name, qualifier, requestID, payload string) {
	s.t.Helper()
	f := s.State.Snapshot().Function(id(name))
	e := &state.Event{RequestID: requestID, Account: authztest.Account, Region: authztest.Region, Function: name, Qualifier: qualifier,
		Created: f.Function.Created, Enqueued: time.Now(), TraceID: "Root=1", Payload: []byte(payload)}
	s.must(s.State.Enqueue(s.t.Context(), e, time.Now().Add(f.Events[state.EventQualifier(qualifier)].Age())))
	s.runner.Enqueued(id(name))
}

// after waits and returns what functions were given so far.
func (s *stage) after(d time.Duration) []call {
	time.Sleep(d)
	synctest.Wait()
	time.Sleep(100 * time.Millisecond) // the store may wait for a moment
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// expect checks the calls so far: "0s f:$LATEST".
func (s *stage) expect(d time.Duration, want ...string) []call {
	s.t.Helper()
	calls := s.after(d)
	var got []string
	for _, c := range calls {
		got = append(got, fmt.Sprintf("%s %s", c.at.Round(time.Second), c.function))
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("called %q, want %q", got, want)
	}
	return calls
}

// counted checks a count.
func (s *stage) counted(what string, want int) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if got := s.counts[what]; got != want {
		s.t.Errorf("%s: %d, want %d", what, got, want)
	}
}

// queued checks how many events are in the queue.
func (s *stage) queued(want int) {
	s.t.Helper()
	if n, err := s.Store.Jobs(s.t.Context()); n != want || err != nil {
		s.t.Errorf("%d events in the queue, %v; want %d", n, err, want)
	}
}

// failing makes one function fail.
func failing(name string) func(context.Context, call) (environment.Result, error) {
	return func(_ context.Context, c call) (environment.Result, error) {
		if strings.HasPrefix(c.function, name+":") {
			return environment.Result{Payload: []byte(`{"errorMessage": "<no>"}`), FunctionError: "Unhandled", ErrorType: "E"}, nil
		}
		return environment.Result{Payload: []byte(`"ok"`)}, nil
	}
}

// timeless is a record without its time, whose form is checked.
func timeless(t *testing.T, c call) string {
	t.Helper()
	stamp := regexp.MustCompile(`"timestamp":"2000-01-01T\d\d:\d\d:\d\d\.\d{3}Z"`)
	if !stamp.Match(c.Event) {
		t.Errorf("no time of AWS's form in %s", c.Event)
	}
	return string(stamp.ReplaceAll(c.Event, []byte(`"timestamp":"T"`)))
}

func TestSuccess(t *testing.T) {
	onStage(t, func(s *stage) {
		s.function("f")
		s.send("f", "", "r1", `{"a":  1.0}`)
		calls := s.expect(0, "0s f:$LATEST")
		if c := calls[0]; c.RequestID != "r1" || c.InvokedARN != prefix+"f" || string(c.Event) != `{"a":  1.0}` || c.TraceID != "Root=1" {
			t.Errorf("got %+v", c.Invocation)
		}
		s.queued(0)
		s.expect(time.Hour, "0s f:$LATEST")
		s.counted("received f", 1)
		s.counted("started f", 1)
	})
}

func TestRetries(t *testing.T) {
	for _, c := range []struct {
		name   string
		config *state.EventConfig
		want   string
		reason string
	}{
		{"default", nil, "0s 1m0s 3m0s", async.RetriesExhausted},
		{"two", &state.EventConfig{MaxRetries: new(2)}, "0s 1m0s 3m0s", async.RetriesExhausted},
		{"one", &state.EventConfig{MaxRetries: new(1)}, "0s 1m0s", async.RetriesExhausted},
		{"none", &state.EventConfig{MaxRetries: new(0)}, "0s", async.RetriesExhausted},
		{"too old for a retry", &state.EventConfig{MaxAge: new(60)}, "0s", async.EventAgeExceeded},
		{"too old for the second", &state.EventConfig{MaxAge: new(100)}, "0s 1m0s", async.EventAgeExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				s.function("f")
				if c.config != nil {
					s.configure("f", "", *c.config)
				}
				s.answer = failing("f")
				s.send("f", "", "r1", `{}`)
				var got []string
				for _, call := range s.after(6 * time.Hour) {
					got = append(got, call.at.Round(2*time.Second).String())
					if call.RequestID != "r1" {
						t.Errorf("request id %s", call.RequestID)
					}
				}
				if strings.Join(got, " ") != c.want {
					t.Errorf("called at %v, want %s", got, c.want)
				}
				s.counted("dropped f "+c.reason, 1)
				s.queued(0)
			})
		})
	}
}

// A function that is throttled, or that the node cannot run, is tried again after
// one second, two, four … five minutes, and no such attempt counts.
func TestThrottled(t *testing.T) {
	for name, refusal := range map[string]error{
		"throttled": &environment.ThrottledError{Reason: environment.ReasonConcurrency},
		"failure":   errors.New("no interpreter"),
	} {
		t.Run(name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				s.function("f")
				s.answer = func(context.Context, call) (environment.Result, error) { return environment.Result{}, refusal }
				s.send("f", "", "r1", `{}`)
				calls := s.after(time.Hour)
				want := []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300}
				for i, gap := range want {
					if got := calls[i+1].at - calls[i].at; got < gap*time.Second || got > gap*time.Second+2*time.Second {
						t.Errorf("gap %d: %s, want %s", i, got, gap*time.Second)
					}
				}
				s.mu.Lock()
				s.answer = failing("f")
				s.calls = nil
				s.mu.Unlock()
				if calls := s.after(time.Hour); len(calls) != 3 {
					t.Errorf("%d attempts after the throttles, want 3: %v", len(calls), calls)
				}
				s.counted("dropped f "+async.RetriesExhausted, 1)
			})
		})
	}
}

func TestThrottledTooLong(t *testing.T) {
	onStage(t, func(s *stage) {
		s.function("f")
		s.function("sink")
		s.configure("f", "", state.EventConfig{MaxAge: new(600), OnFailure: prefix + "sink"})
		s.answer = func(_ context.Context, c call) (environment.Result, error) {
			if c.function == "sink:$LATEST" {
				return environment.Result{}, nil
			}
			return environment.Result{}, &environment.ThrottledError{}
		}
		s.send("f", "", "r1", `{"n":1}`)
		calls := s.after(time.Hour)
		last := calls[len(calls)-1]
		want := `{"version":"1.0","timestamp":"T","requestContext":{"requestId":"r1",` +
			`"functionArn":"` + prefix + `f:$LATEST","condition":"EventAgeExceeded","approximateInvokeCount":0},"requestPayload":{"n":1}}`
		if last.function != "sink:$LATEST" || timeless(t, last) != want {
			t.Errorf("%s got\n%s, want\n%s", last.function, last.Event, want)
		}
		if last.at > 10*time.Minute {
			t.Errorf("an event of ten minutes at most ended after %s", last.at)
		}
	})
}

func TestDestinations(t *testing.T) {
	onStage(t, func(s *stage) {
		s.function("f")
		s.function("good")
		s.function("bad")
		s.configure("f", "", state.EventConfig{MaxRetries: new(0), OnSuccess: prefix + "good", OnFailure: prefix + "bad"})
		s.answer = func(_ context.Context, c call) (environment.Result, error) {
			if string(c.Event) == `{"fail": true}` {
				return failing("f")(nil, c)
			}
			return environment.Result{Payload: []byte("plain <text>")}, nil
		}
		s.send("f", "", "r1", `{"s": "<&>"}`)
		good := s.expect(0, "0s f:$LATEST", "0s good:$LATEST")[1]
		check := func(c call, want string) {
			t.Helper()
			if got := timeless(t, c); got != want {
				t.Errorf("got\n%s, want\n%s", got, want)
			}
			if c.RequestID == "r1" || c.RequestID == "r2" || len(c.RequestID) != 36 || c.TraceID != "Root=1" {
				t.Errorf("request id %s, trace %s", c.RequestID, c.TraceID)
			}
			if !json.Valid(c.Event) {
				t.Error("no JSON")
			}
		}
		check(good, `{"version":"1.0","timestamp":"T","requestContext":{"requestId":"r1","functionArn":"`+prefix+`f:$LATEST","condition":"Success",`+
			`"approximateInvokeCount":1},"requestPayload":{"s":"<&>"},"responseContext":{"statusCode":200,"executedVersion":"$LATEST"},`+
			`"responsePayload":"plain \u003ctext\u003e"}`)
		s.send("f", "", "r2", `{"fail": true}`)
		bad := s.expect(0, "0s f:$LATEST", "0s good:$LATEST", "0s f:$LATEST", "0s bad:$LATEST")[3]
		check(bad, `{"version":"1.0","timestamp":"T","requestContext":{"requestId":"r2","functionArn":"`+prefix+`f:$LATEST","condition":"RetriesExhausted",`+
			`"approximateInvokeCount":1},"requestPayload":{"fail":true},"responseContext":{"statusCode":200,"executedVersion":"$LATEST","functionError":"Unhandled"},`+
			`"responsePayload":{"errorMessage":"<no>"}}`)
		s.counted("received bad", 1)
		s.queued(0)
	})
}

// What no destination can be given is counted, and the event ends.
func TestUndelivered(t *testing.T) {
	for _, c := range []struct {
		name string
		set  func(s *stage)
	}{
		{"not allowed", func(s *stage) { s.denied["role-of-f"] = true }},
		{"gone", func(s *stage) { s.must(s.State.DeleteFunction(s.t.Context(), id("sink"))) }},
		{"too large", func(s *stage) {
			s.answer = func(context.Context, call) (environment.Result, error) {
				return environment.Result{Payload: []byte(`"` + strings.Repeat("a", state.MaxEvent) + `"`)}, nil
			}
		}},
		{"no function", func(s *stage) {
			s.configure("f", "", state.EventConfig{OnSuccess: "arn:aws:sqs:us-east-1:111122223333:q"})
		}},
		{"alias gone", func(s *stage) { s.configure("f", "", state.EventConfig{OnSuccess: prefix + "sink:live"}) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				s.function("f")
				s.function("sink")
				s.configure("f", "", state.EventConfig{OnSuccess: prefix + "sink"})
				c.set(s)
				s.send("f", "", "r1", `{}`)
				s.expect(time.Minute, "0s f:$LATEST")
				s.counted("undelivered f", 1)
				s.queued(0)
			})
		})
	}
}

func TestDeadLetter(t *testing.T) {
	onStage(t, func(s *stage) {
		s.function("f", func(f *state.Function) { f.Latest.DeadLetter = "arn:aws:sqs:us-east-1:111122223333:q" })
		s.answer = failing("f")
		s.send("f", "", "r1", `{}`)
		s.after(time.Hour)
		s.counted("undelivered f", 1)
	})
}

func TestZeroReservedConcurrency(t *testing.T) {
	onStage(t, func(s *stage) {
		s.function("f", reserved(0))
		s.function("sink")
		s.configure("f", "", state.EventConfig{OnFailure: prefix + "sink"})
		s.send("f", "", "r1", `{}`)
		got := s.expect(time.Minute, "0s sink:$LATEST")
		if !strings.Contains(string(got[0].Event), `"condition":"ZeroReservedConcurrency","approximateInvokeCount":0},"requestPayload":{}}`) {
			t.Errorf("got %s", got[0].Event)
		}
	})
}

// A chain of destinations ends, unless the function says that it may go on.
func TestRecursion(t *testing.T) {
	for loop, want := range map[string]int{"": 16, "Terminate": 16, "Allow": 40} {
		t.Run(loop, func(t *testing.T) {
			onStage(t, func(s *stage) {
				for _, name := range []string{"a", "b"} {
					s.function(name, func(f *state.Function) { f.RecursiveLoop = loop })
				}
				s.configure("a", "", state.EventConfig{OnSuccess: prefix + "b"})
				s.configure("b", "", state.EventConfig{OnSuccess: prefix + "a"})
				s.answer = func(context.Context, call) (environment.Result, error) {
					s.mu.Lock()
					defer s.mu.Unlock()
					if len(s.calls) >= 40 {
						return environment.Result{FunctionError: "Unhandled", Payload: []byte("{}")}, nil
					}
					return environment.Result{Payload: []byte("1")}, nil
				}
				s.send("a", "", "r1", `{}`)
				if calls := s.after(30 * time.Second); len(calls) != want {
					t.Errorf("%d calls, want %d", len(calls), want)
				}
			})
		})
	}
}

// The qualifier is followed when the event runs, and has a configuration of its own.
func TestQualifiers(t *testing.T) {
	onStage(t, func(s *stage) {
		s.function("f")
		publish := func() {
			_, _, err := s.State.Publish(s.t.Context(), id("f"), func(f *state.Function) error {
				f.Latest.Description += "."
				return nil
			}, func(*state.Function, *state.Version) {})
			s.must(err)
		}
		publish()
		publish()
		s.must(s.State.CreateAlias(s.t.Context(), &state.Alias{Account: authztest.Account, Region: authztest.Region, Function: "f", Name: "live", Version: "1"}))
		s.configure("f", "live", state.EventConfig{MaxRetries: new(1)})
		s.answer = failing("f")
		s.send("f", "live", "r1", `{}`)
		got := s.expect(30*time.Second, "0s f:1")
		if got[0].InvokedARN != prefix+"f:live" {
			t.Errorf("invoked as %s", got[0].InvokedARN)
		}
		_, err := s.State.UpdateAlias(s.t.Context(), id("f"), "live", func(a *state.Alias) error { a.Version = "2"; return nil })
		s.must(err)
		if got := s.after(time.Hour); len(got) != 2 || got[1].function != "f:2" {
			t.Errorf("got %v", got)
		}
	})
}

// Events of what is gone are dropped: they are not for what is made anew in its place.
func TestDeleted(t *testing.T) {
	onStage(t, func(s *stage) {
		s.function("f")
		s.must(s.State.CreateAlias(s.t.Context(), &state.Alias{Account: authztest.Account, Region: authztest.Region, Function: "f", Name: "live", Version: "$LATEST"}))
		s.answer = failing("f")
		s.send("f", "", "r1", `{}`)
		s.send("f", "live", "r2", `{}`)
		s.expect(time.Second, "0s f:$LATEST", "0s f:$LATEST")
		s.must(s.State.DeleteAlias(s.t.Context(), id("f"), "live"))
		s.after(90 * time.Second)
		s.counted("dropped f Deleted", 1)
		s.must(s.State.DeleteFunction(s.t.Context(), id("f")))
		s.function("f")
		if calls := s.after(time.Hour); len(calls) != 3 {
			t.Errorf("got %v", calls)
		}
		s.counted("dropped f Deleted", 2)
		s.queued(0)
		if err := s.State.Enqueue(s.t.Context(), &state.Event{RequestID: "r3", Account: authztest.Account, Region: authztest.Region, Function: "g"}, time.Now()); !errors.Is(err, state.ErrNotFound) {
			t.Errorf("an event for no function: %v", err)
		}
	})
}
