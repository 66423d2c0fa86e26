package cli_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"furl/internal/cli"
)

// writes counts the writes that reach it.
type writes struct {
	mu   sync.Mutex
	list []string
}

func (w *writes) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, string(p))
	return len(p), nil
}

func (w *writes) all() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string{}, w.list...)
}

func TestLogWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &writes{}
		l := cli.NewLogWriter(w, 200*time.Millisecond)
		gather := l.Gather()
		print := func(to io.Writer, s string) {
			t.Helper()
			if n, err := io.WriteString(to, s); n != len(s) || err != nil {
				t.Fatal(n, err)
			}
		}
		want := func(list ...string) {
			t.Helper()
			if got := w.all(); strings.Join(got, "|") != strings.Join(list, "|") {
				t.Fatalf("written %q, want %q", got, list)
			}
		}
		print(gather, "a\n")
		time.Sleep(100 * time.Millisecond)
		print(gather, "b\n")
		time.Sleep(99 * time.Millisecond)
		want()
		time.Sleep(2 * time.Millisecond)
		want("a\nb\n")
		time.Sleep(time.Hour)
		want("a\nb\n")

		print(gather, "c\n")
		print(l, "now\n") // takes along what came before it
		want("a\nb\n", "c\nnow\n")

		big := strings.Repeat("x", 100<<10) + "\n"
		print(gather, big) // does not fit
		want("a\nb\n", "c\nnow\n", big)

		print(gather, "d\n")
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		want("a\nb\n", "c\nnow\n", big, "d\n")
		print(gather, "e\n") // after the end at once
		want("a\nb\n", "c\nnow\n", big, "d\n", "e\n")
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestLogWriterTellsErrors(t *testing.T) {
	l := cli.NewLogWriter(brokenWriter{}, time.Hour)
	if _, err := l.Write([]byte("x\n")); err == nil {
		t.Error("a failed write is not told")
	}
	if _, err := l.Gather().Write([]byte("x\n")); err != nil {
		t.Error(err)
	}
	if l.Close() == nil {
		t.Error("a failed write at the end is not told")
	}
}

// TestLogWriterKeepsRecordsWhole under many writers; run it with -race.
func TestLogWriterKeepsRecordsWhole(t *testing.T) {
	var b bytes.Buffer
	l := cli.NewLogWriter(&b, time.Microsecond)
	record := strings.Repeat("r", 100) + "\n"
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			to := io.Writer(l)
			if i%2 == 0 {
				to = l.Gather()
			}
			for range 200 {
				io.WriteString(to, record)
			}
		})
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if b.String() != strings.Repeat(record, 8*200) {
		t.Error("records were lost or mixed")
	}
}

// TestOutputThatIsLost: a full disk makes a command fail.
func TestOutputThatIsLost(t *testing.T) {
	var stderr bytes.Buffer
	if code := cli.Run(t.Context(), nil, []string{"version"}, strings.NewReader(""), brokenWriter{}, &stderr); code != 1 || !strings.Contains(stderr.String(), "disk full") {
		t.Errorf("code %d, %s", code, stderr.String())
	}
}
