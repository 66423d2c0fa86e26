package async_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"furl/internal/environment"
	"furl/internal/store"
)

// gate is an answer that waits until it is told to go on.
func gate(release <-chan struct{}) func(context.Context, call) (environment.Result, error) {
	return func(_ context.Context, c call) (environment.Result, error) {
		<-release
		return environment.Result{Payload: []byte("1")}, nil
	}
}

// A function's events leave room for others', and it never has more of them under
// way than it has reserved.
func TestConcurrency(t *testing.T) {
	onStage(t, func(s *stage) {
		s.function("busy")
		s.function("one", reserved(1))
		s.function("other")
		release := make(chan struct{})
		s.answer = gate(release)
		for i := range 10 {
			s.send("busy", "", fmt.Sprint("b", i), `{}`)
			s.send("one", "", fmt.Sprint("o", i), `{}`)
		}
		begun := map[string]int{} // in whatever order
		for _, c := range s.after(time.Minute) {
			begun[c.function]++
		}
		if want := map[string]int{"busy:$LATEST": 2, "one:$LATEST": 1}; !maps.Equal(begun, want) {
			t.Errorf("%v have begun, want %v", begun, want)
		}
		if n := s.runner.Running(); n != 3 {
			t.Errorf("%d are running", n)
		}
		s.send("other", "", "x", `{}`)
		if calls := s.after(0); len(calls) != 4 || calls[3].function != "other:$LATEST" {
			t.Errorf("the other's event waits: %v", calls)
		}
		s.queued(21)
		close(release)
		if calls := s.after(0); len(calls) != 21 {
			t.Errorf("%d calls", len(calls))
		}
		s.queued(0)
	})
}

// lateQueue is a queue into which an event comes right after it was found empty.
type lateQueue struct {
	store.Queue
	late func()
}

func (q *lateQueue) Claim(ctx context.Context, node string, allow func(string) bool, n int, lease time.Duration) ([]store.Job, error) {
	jobs, err := q.Queue.Claim(ctx, node, allow, n, lease)
	if late := q.late; err == nil && len(jobs) == 0 && late != nil {
		q.late = nil
		late()
	}
	return jobs, err
}

// An event that comes while the queue is looked at does not wait for the next look.
func TestEventDuringALook(t *testing.T) {
	onStage(t, func(s *stage) {
		s.close(context.Background())
		s.function("f")
		looked := make(chan struct{})
		go func() {
			<-looked
			s.send("f", "", "r1", `{}`)
			looked <- struct{}{}
		}()
		s.queue = &lateQueue{Queue: s.Store, late: func() {
			looked <- struct{}{}
			<-looked
		}}
		s.run("local")
		s.expect(0, "0s f:$LATEST")
	})
}

// Whoever runs an event keeps it; whoever is cut off leaves it to others, and what it
// still says is not heard.
func TestLease(t *testing.T) {
	onStage(t, func(s *stage) {
		s.function("f")
		release := make(chan struct{})
		s.answer = gate(release)
		s.send("f", "", "r1", `{}`)
		s.expect(0, "0s f:$LATEST")
		first := s.runner
		s.run("other")
		s.expect(5*time.Minute, "0s f:$LATEST")
		over, cancel := context.WithCancel(context.Background())
		cancel()
		if err := first.Close(over); err != nil { // gives up on it
			t.Error(err)
		}
		if err := first.Close(over); err != nil {
			t.Error(err)
		}
		s.queued(1)
		if calls := s.after(15 * time.Second); len(calls) != 2 { // when the lease would have run out
			t.Errorf("the other did not get the event: %v", calls)
		}
		close(release)
		s.after(0)
		s.queued(0)
		if calls := s.after(time.Hour); len(calls) != 2 {
			t.Errorf("it ran again: %v", calls)
		}
	})
}

// A clean stop waits for what runs, gives back at once what waits for an
// environment, and takes nothing new.
func TestStop(t *testing.T) {
	onStage(t, func(s *stage) {
		s.function("runs")
		s.function("waits")
		release := make(chan struct{})
		s.answer = func(ctx context.Context, c call) (environment.Result, error) {
			if c.function == "waits:$LATEST" {
				<-ctx.Done()
				return environment.Result{}, ctx.Err()
			}
			return gate(release)(ctx, c)
		}
		s.send("runs", "", "r1", `{}`)
		s.send("waits", "", "r2", `{}`)
		s.after(0)
		s.runner.Stop()
		s.send("runs", "", "r3", `{}`)
		go func() {
			time.Sleep(3 * time.Second)
			close(release)
		}()
		began := time.Now()
		s.close(context.Background())
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("the end took %s", took)
		}
		s.queued(2)
		s.mu.Lock()
		s.calls, s.answer = nil, nil
		s.mu.Unlock()
		s.run("local")
		if calls := s.after(0); len(calls) != 2 {
			t.Errorf("after the restart: %v", calls)
		}
		s.queued(0)
	})
}

// A server that was killed finds what it was doing at once when it starts again.
func TestKilled(t *testing.T) {
	onStage(t, func(s *stage) {
		s.function("f")
		release := make(chan struct{})
		s.answer = gate(release)
		s.send("f", "", "r1", `{}`)
		s.after(0)
		killed := s.runner
		s.mu.Lock()
		s.answer = nil
		s.mu.Unlock()
		s.run("local") // nothing told it of the other
		if calls := s.after(0); len(calls) != 2 || calls[1].RequestID != "r1" {
			t.Errorf("got %v", calls)
		}
		s.queued(0)
		close(release)
		if err := killed.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
