package environment

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// FuzzRuntimeAPI makes calls in any order and compares the API's state and
// status codes with a model of what AWS allows.
func FuzzRuntimeAPI(f *testing.F) {
	f.Add([]byte("nerner"))
	f.Add([]byte("ni"))
	f.Add([]byte("in"))
	f.Add([]byte("newrfxnnerr"))
	f.Add([]byte("rfxi"))
	f.Fuzz(func(t *testing.T, calls []byte) {
		if len(calls) > 100 {
			return
		}
		exited := make(chan struct{})
		defer close(exited)
		m := &apiModel{t: t, api: newRuntimeAPI(exited, slog.New(slog.DiscardHandler)), state: stateStarted}
		for _, c := range calls {
			m.step(c)
			if m.api.state != m.state {
				t.Fatalf("after %q: state %s, want %s", calls, m.api.state, m.state)
			}
		}
	})
}

type apiModel struct {
	t       *testing.T
	api     *runtimeAPI
	state   apiState
	known   bool // an id was given out
	answers chan error
}

func (m *apiModel) step(c byte) {
	switch c {
	case 'n': // asks, and goes away without an event
		want := http.StatusOK // nothing is written
		if m.state == stateRunning || m.state == stateInitFail {
			want = http.StatusForbidden
		} else {
			m.state = stateReady
		}
		m.call("GET", "invocation/next", want, true)
	case 'e': // asks and gets an event
		if m.state == stateRunning || m.state == stateInitFail {
			m.call("GET", "invocation/next", http.StatusForbidden, false)
			return
		}
		answers := make(chan error, 1)
		go func() {
			_, err := m.api.invoke(context.Background(), &Invocation{RequestID: "1"}, time.Now().Add(time.Minute), new(delivery))
			answers <- err
		}()
		m.call("GET", "invocation/next", http.StatusOK, false)
		m.state, m.known, m.answers = stateRunning, true, answers
	case 'r':
		m.finish("invocation/1/response")
	case 'f':
		m.finish("invocation/1/error")
	case 'w':
		m.call("POST", "invocation/2/response", http.StatusBadRequest, false)
	case 'i':
		want := http.StatusForbidden
		if m.state == stateStarted {
			want, m.state = http.StatusAccepted, stateInitFail
		}
		m.call("POST", "init/error", want, false)
	default:
		m.call("PUT", string(rune('a'+c%26)), http.StatusNotFound, false)
	}
}

func (m *apiModel) finish(path string) {
	switch {
	case !m.known:
		m.call("POST", path, http.StatusBadRequest, false)
	case m.state != stateRunning:
		m.call("POST", path, http.StatusForbidden, false)
	default:
		m.call("POST", path, http.StatusAccepted, false)
		m.state = stateSent
		if err := <-m.answers; err != nil {
			m.t.Errorf("invoke: %v", err)
		}
	}
}

func (m *apiModel) call(method, path string, want int, leave bool) {
	m.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if leave {
		cancel()
	}
	w := httptest.NewRecorder()
	m.api.ServeHTTP(w, httptest.NewRequestWithContext(ctx, method, apiRoot+path, strings.NewReader("{}")))
	if w.Code != want {
		m.t.Fatalf("%s %s in state %s: status %d, want %d", method, path, m.state, w.Code, want)
	}
}

func TestRuntimeAPIInit(t *testing.T) {
	exited := make(chan struct{})
	a := newRuntimeAPI(exited, slog.New(slog.DiscardHandler))
	w := httptest.NewRecorder()
	a.ServeHTTP(w, httptest.NewRequest("GET", "/2018-06-01/ping", nil))
	if w.Body.String() != "pong" {
		t.Errorf("ping: %s", w.Body)
	}
	close(exited)
	if err := a.init(time.Now().Add(time.Minute)); err != errGone {
		t.Errorf("init of one that left: %v", err)
	}
	if _, err := a.invoke(context.Background(), new(Invocation), time.Now().Add(time.Minute), new(delivery)); err != errNotRun {
		t.Errorf("invocation of one that left: %v", err)
	}
}
