package environment

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"furl/internal/sandbox"
)

// growWithin: an empty shelf that is asked again this soon gets larger.
const growWithin = 10 * time.Second

// stock keeps started interpreters that wait for a function. It knows a runtime
// from the first time one of its interpreters is taken.
type stock struct {
	driver sandbox.Driver
	spec   func(ctx context.Context, runtime string) (sandbox.Spec, error)
	max    int
	log    *slog.Logger
	wg     *sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	shelves map[string]*shelf
}

type shelf struct {
	blanks  []sandbox.Blank
	filling bool
	wanted  int
	taken   time.Time
}

// take is a blank for the runtime: one from the stock, or a new one.
func (s *stock) take(ctx context.Context, runtime string) (sandbox.Blank, error) {
	if isCustom(runtime) {
		b, err := s.driver.Blank(ctx, sandbox.Spec{Name: runtime})
		if err != nil {
			return nil, fmt.Errorf("environment: %w", err)
		}
		return b, nil
	}
	if b := s.pop(runtime); b != nil {
		return b, nil
	}
	return s.make(ctx, runtime)
}

func (s *stock) make(ctx context.Context, runtime string) (sandbox.Blank, error) {
	spec, err := s.spec(ctx, runtime)
	if err != nil {
		return nil, err
	}
	b, err := s.driver.Blank(ctx, spec)
	if err != nil {
		return nil, fmt.Errorf("environment: %w", err)
	}
	return b, nil
}

// pop takes a living blank off the shelf.
func (s *stock) pop(runtime string) sandbox.Blank {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shelf(runtime)
	defer func() { sh.taken = now }()
	for n := len(sh.blanks) - 1; n >= 0; n-- {
		b := sh.blanks[n]
		sh.blanks = sh.blanks[:n]
		select {
		case <-b.Exited():
			s.wg.Go(b.Discard)
		default:
			return b
		}
	}
	if now.Sub(sh.taken) < growWithin {
		sh.wanted = min(sh.wanted+1, s.max)
	}
	return nil
}

func (s *stock) shelf(runtime string) *shelf {
	sh := s.shelves[runtime]
	if sh == nil {
		sh = &shelf{wanted: 1}
		s.shelves[runtime] = sh
	}
	return sh
}

// fill brings a runtime's shelf to its size, in the background and one at a
// time: making interpreters must not compete with the requests that use them.
func (s *stock) fill(runtime string) {
	if isCustom(runtime) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.shelf(runtime)
	if s.closed || sh.filling || len(sh.blanks) >= sh.wanted {
		return
	}
	sh.filling = true
	s.wg.Go(func() {
		for s.fillOne(runtime, sh) {
		}
	})
}

// fillOne adds one blank and reports whether another one is wanted.
func (s *stock) fillOne(runtime string, sh *shelf) bool {
	ctx, cancel := context.WithTimeout(context.Background(), blankWait)
	defer cancel()
	b, err := s.make(ctx, runtime)
	if err != nil {
		s.log.Warn("no interpreter could be started ahead", "runtime", runtime, "err", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sh.filling = false
	switch {
	case err != nil:
		return false
	case s.closed:
		s.wg.Go(b.Discard)
		return false
	}
	sh.blanks = append(sh.blanks, b)
	sh.filling = len(sh.blanks) < sh.wanted
	return sh.filling
}

// reap discards blanks that died, and those of runtimes that were not asked for
// since the given time.
func (s *stock) reap(before time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sh := range s.shelves {
		kept := sh.blanks[:0]
		for _, b := range sh.blanks {
			select {
			case <-b.Exited():
				s.wg.Go(b.Discard)
				continue
			default:
			}
			if sh.taken.Before(before) {
				s.wg.Go(b.Discard)
				continue
			}
			kept = append(kept, b)
		}
		clear(sh.blanks[len(kept):])
		sh.blanks = kept
		if sh.taken.Before(before) {
			sh.wanted = 1
		}
	}
}

func (s *stock) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, sh := range s.shelves {
		n += len(sh.blanks)
	}
	return n
}

// close discards everything; what is being made then is discarded when it is
// done.
func (s *stock) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, sh := range s.shelves {
		for _, b := range sh.blanks {
			s.wg.Go(b.Discard)
		}
		sh.blanks = nil
	}
}
