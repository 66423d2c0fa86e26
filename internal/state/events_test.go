package state_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"furl/internal/state"
	"furl/internal/store"
)

func TestEventRoundTrip(t *testing.T) {
	at := time.Date(2026, 11, 23, 1, 2, 3, 456_000_000, time.UTC)
	for _, payload := range []string{"{}", "{\"a\":\n  1.0}\n", "", "\n"} {
		e := &state.Event{RequestID: "r", Account: "1", Region: "us-east-1", Function: "f", Qualifier: "live", Created: at, Enqueued: at,
			TraceID: "Root=1", Runs: 2, Hops: 3, Payload: []byte(payload)}
		j, err := e.Job(at.Add(time.Minute), at.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		if j.ID != "r" || !j.Due.Equal(at.Add(time.Minute)) || !j.Expires.Equal(at.Add(time.Hour)) || j.Fn != e.ID().QueueKey() {
			t.Errorf("got %+v", j)
		}
		got, err := state.DecodeEvent(j)
		if err != nil {
			t.Fatal(err)
		}
		if string(got.Payload) != payload {
			t.Errorf("payload %q, want %q", got.Payload, payload)
		}
		got.Payload, e.Payload = nil, nil
		if *equalEvent(got) != *equalEvent(e) {
			t.Errorf("got %+v, want %+v", got, e)
		}
	}
}

// equalEvent is what of an event can be compared with ==.
func equalEvent(e *state.Event) *[9]any {
	return &[9]any{e.V, e.RequestID, e.ID(), e.Qualifier, e.Created.UnixNano(), e.Enqueued.UnixNano(), e.TraceID, e.Runs, e.Hops}
}

func TestDecodeEventRefuses(t *testing.T) {
	for body, want := range map[string]string{
		"":                    "is no event",
		"{}":                  "is no event",
		"{\n{}":               "decode",
		"{\"v\": 99}\nwhat":   "newer furl",
		"{\"runs\": \"1\"}\n": "decode",
	} {
		if _, err := state.DecodeEvent(store.Job{ID: "j", Body: []byte(body)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", body, err, want)
		}
	}
}

func TestEventConfigDefaults(t *testing.T) {
	var none *state.EventConfig
	if none.Retries() != 2 || none.Age() != 6*time.Hour {
		t.Errorf("nothing configured: %d, %s", none.Retries(), none.Age())
	}
	c := &state.EventConfig{MaxRetries: new(0), MaxAge: new(60)}
	if c.Retries() != 0 || c.Age() != time.Minute {
		t.Errorf("configured: %d, %s", c.Retries(), c.Age())
	}
}

// A configuration belongs to what it is for: it cannot be made without it, goes with it, and is there after a restart.
func TestUpdateEventConfig(t *testing.T) {
	s := open(t)
	put := func(qualifier string) error {
		return s.UpdateEventConfig(t.Context(), hello, qualifier, func(*state.EventConfig) (*state.EventConfig, error) {
			return &state.EventConfig{MaxRetries: new(1)}, nil
		})
	}
	if err := put(""); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("without a function: %v", err)
	}
	f := &state.Function{Account: account, Region: region, Name: "hello", Latest: state.Version{Number: state.LatestVersion}}
	if err := s.CreateFunction(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if err := put("live"); !errors.Is(err, state.ErrNotFound) {
		t.Errorf("without an alias: %v", err)
	}
	if err := put(""); err != nil {
		t.Fatal(err)
	}
	s.stop(t)
	s.start(t)
	if c := s.Snapshot().Function(hello).Events[state.LatestVersion]; c == nil || c.Retries() != 1 || c.Qualifier != state.LatestVersion {
		t.Errorf("after a restart: %+v", c)
	}
	if err := s.DeleteFunction(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateFunction(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if n := len(s.Snapshot().Function(hello).Events); n != 0 {
		t.Errorf("a function made anew has %d of its predecessor's configurations", n)
	}
	remove := func(c *state.EventConfig) (*state.EventConfig, error) { return nil, nil }
	if err := s.UpdateEventConfig(t.Context(), hello, "", remove); err != nil {
		t.Errorf("to remove what is not there: %v", err)
	}
	if err := put("$LATEST"); err != nil {
		t.Fatal(err)
	}
	if err := s.UpdateEventConfig(t.Context(), hello, "", remove); err != nil || len(s.Snapshot().Function(hello).Events) != 0 {
		t.Errorf("removed: %v, %v", err, s.Snapshot().Function(hello).Events)
	}
}

func FuzzDecodeEvent(f *testing.F) {
	f.Add([]byte("{\"v\":1,\"requestId\":\"r\"}\n{}"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := state.DecodeEvent(store.Job{ID: "j", Body: body})
		if err != nil {
			return
		}
		j, err := e.Job(time.Time{}, time.Time{})
		if err != nil {
			return // a time that has no JSON form
		}
		again, err := state.DecodeEvent(j)
		if err != nil || string(again.Payload) != string(e.Payload) {
			t.Errorf("%q became %q, %v", body, j.Body, err)
		}
	})
}
