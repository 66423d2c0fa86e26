package logs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"furl/internal/logs"
)

// after waits, on the bubble's clock, and until everything has come to rest.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestFlushedWithinASecond(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, dir, logs.Options{})
		l.Append(group, "s", event(start(), "line"))
		if found := glob(t, dir, "*.jsonl"); len(found) != 0 {
			t.Errorf("written at once: %q", found)
		}
		after(1001 * time.Millisecond)
		found := glob(t, dir, "*.jsonl")
		if len(found) != 1 || !strings.HasPrefix(filepath.Base(found[0]), "2000-01-01T00-0") {
			t.Fatalf("segments %q", found)
		}
		want := `{"t":1795428000000000000,"i":946684800000,"s":"s","m":"line"}` + "\n"
		if data, err := os.ReadFile(found[0]); err != nil || string(data) != want {
			t.Errorf("segment %q, %v; want %q", data, err, want)
		}
	})
}

func TestSegmentsByDay(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, dir, logs.Options{})
		for range 4 {
			l.Append(group, "s", event(start(), "line"))
			after(8 * time.Hour)
		}
		var names []string
		for _, path := range glob(t, dir, "*.jsonl") {
			names = append(names, filepath.Base(path))
		}
		if got := strings.Join(names, " "); got != "2000-01-01T00-0.jsonl 2000-01-02T00-0.jsonl" {
			t.Errorf("segments %s", got)
		}
		if got := len(glob(t, dir, "*.idx")); got != 1 {
			t.Errorf("%d indexes; want that of the first day", got)
		}
	})
}

func TestDiskCapRemovesOldest(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, dir, logs.Options{DiskCap: 10_000, SegmentBytes: 1000})
		line := strings.Repeat("x", 900)
		l.Append("/idle", "s", event(time.Now(), "old"))
		after(2 * time.Second)
		for i := range 30 {
			l.Append(group, "s", event(time.Now(), fmt.Sprint(i, line)))
			after(2 * time.Second)
		}
		stats := l.Stats()
		if stats.Bytes > 10_000 || stats.Bytes < 8_000 || stats.DroppedSegments < 10 || stats.DroppedBytes < 18*900 {
			t.Errorf("%+v", stats)
		}
		if got := messages(l.Read(t.Context(), logs.Query{Group: "/idle"})); got != "old" {
			t.Errorf("a group that has little lost it: %q", got)
		}
		entries := read(t, l, logs.Query{Group: group}).Entries
		if n := len(entries); n < 8 || !strings.HasPrefix(entries[n-1].Message, "29") || !strings.HasPrefix(entries[0].Message, fmt.Sprint(30-n)) {
			t.Errorf("%d entries left", len(entries))
		}
		l.Append("/idle", "s", event(time.Now(), "again"))
		after(2 * time.Second)
		if got := messages(l.Read(t.Context(), logs.Query{Group: "/idle"})); got != "old again" {
			t.Errorf("%q in the quiet group", got)
		}
	})
}

func TestRetention(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, dir, logs.Options{Retain: func(name string) time.Duration {
			if name == group {
				return 24 * time.Hour
			}
			return 0
		}})
		for day := range 4 {
			l.Append(group, "s", event(time.Now(), fmt.Sprint(day)))
			l.Append("/kept", "s", event(time.Now(), fmt.Sprint(day)))
			after(24*time.Hour + time.Minute)
		}
		if got := messages(l.Read(t.Context(), logs.Query{Group: group})); got != "3" {
			t.Errorf("%q; want what is younger than a day", got)
		}
		if got := messages(l.Read(t.Context(), logs.Query{Group: "/kept"})); got != "0 1 2 3" {
			t.Errorf("%q; want all", got)
		}
		after(time.Hour)
		if got := messages(l.Read(t.Context(), logs.Query{Group: group})); got != "" {
			t.Errorf("%q; want nothing", got)
		}
		if len(l.Groups()) != 2 || l.Stats().DroppedSegments != 0 {
			t.Errorf("%+v, %+v", l.Groups(), l.Stats())
		}
	})
}

// A disk that does not take lines costs lines, said in their place, but never waiting.
func TestDropsWhereTheDiskDoesNotKeepUp(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "+aws+lambda+^hello")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var logged strings.Builder
		l := open(t, dir, logs.Options{BufferBytes: 8000, Logger: slog.New(slog.NewTextHandler(&logged, nil))})
		line := strings.Repeat("x", 90)
		for i := range 30 {
			l.Append(group, "s", event(time.Now(), fmt.Sprint(i, " ", line)))
			after(2 * time.Second)
		}
		stats := l.Stats()
		if stats.DroppedLines < 20 || stats.DroppedLines > 25 || stats.WriteErrors != 60 {
			t.Errorf("%+v", stats)
		}
		if n := strings.Count(logged.String(), "\n"); n != 1 || !strings.Contains(logged.String(), "level=ERROR") {
			t.Errorf("%d lines logged:\n%s", n, &logged)
		}
		if err := l.Sync(t.Context()); err == nil {
			t.Error("Sync says that all is on disk")
		}
		l.Append("/other", "s", event(time.Now(), "unharmed"))
		if err := os.Remove(blocked); err != nil {
			t.Fatal(err)
		}
		after(2 * time.Second)
		l.Append(group, "s", event(time.Now(), "at last"))
		after(2 * time.Second)
		entries := read(t, l, logs.Query{Group: group}).Entries
		kept := 30 - int(stats.DroppedLines)
		if len(entries) != kept+2 {
			t.Fatalf("%d entries, %d kept", len(entries), kept)
		}
		want := fmt.Sprintf("furl: %d log lines dropped: the disk does not keep up\n", stats.DroppedLines)
		if got := entries[kept].Message; got != want || entries[kept].Stream != "s" {
			t.Errorf("%+v; want %q", entries[kept], want)
		}
		if n := strings.Count(logged.String(), "\n"); n != 2 || !strings.Contains(logged.String(), "level=INFO") {
			t.Errorf("%d lines logged:\n%s", n, &logged)
		}
		if got := messages(l.Read(t.Context(), logs.Query{Group: "/other"})); got != "unharmed" {
			t.Errorf("other group: %q", got)
		}
		if err := l.Sync(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// followed collects what Follow yields, with a mark at the end.
func followed(ctx context.Context, l *logs.Log, q logs.Query) <-chan string {
	out := make(chan string, 1000)
	go func() {
		defer close(out)
		for e, err := range l.Follow(ctx, q) {
			if err != nil {
				out <- err.Error()
				continue
			}
			out <- e.Message
		}
	}()
	return out
}

// drain returns what is in a channel at present.
func drain(c <-chan string) string {
	var out []string
	for {
		select {
		case s, ok := <-c:
			if !ok {
				return strings.Join(append(out, "end"), " ")
			}
			out = append(out, s)
		default:
			return strings.Join(out, " ")
		}
	}
}

func TestFollow(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, dir, logs.Options{SegmentBytes: 150})
		ctx, cancel := context.WithCancel(t.Context())
		all := followed(ctx, l, logs.Query{Group: group})
		some := followed(ctx, l, logs.Query{Group: group, StreamPrefix: "b", Start: time.Now()})
		check := func(step, wantAll, wantSome string) {
			t.Helper()
			if got := drain(all); got != wantAll {
				t.Errorf("%s: all %q, want %q", step, got, wantAll)
			}
			if got := drain(some); got != wantSome {
				t.Errorf("%s: some %q, want %q", step, got, wantSome)
			}
		}
		after(time.Minute)
		check("no group", "", "")
		l.Append(group, "a", event(time.Now(), "1"), event(time.Now(), "2"))
		after(time.Second)
		check("group appears", "1 2", "")
		l.Append(group, "b", event(time.Now(), "3"), event(time.Now().Add(-time.Hour), "4"))
		synctest.Wait()
		check("at once, late ones too", "3 4", "3")
		for i := range 20 {
			l.Append(group, "b", event(time.Now(), fmt.Sprint("r", i)))
			after(100 * time.Millisecond)
		}
		const rotated = "r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 r13 r14 r15 r16 r17 r18 r19"
		check("across segments", rotated, rotated)
		if err := l.DeleteGroup(ctx, group); err != nil {
			t.Error(err)
		}
		l.Append(group, "b", event(time.Now(), "new"))
		after(time.Second)
		check("group is made anew", "new", "new")
		cancel()
		synctest.Wait()
		check("context ends", "end", "end")
	})
}

func TestFollowFromTokenToClose(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, dir, logs.Options{})
		l.Append(group, "s", event(time.Now(), "1"), event(time.Now(), "2"), event(time.Now(), "3"))
		token := read(t, l, logs.Query{Group: group}).Entries[1].ID
		lines := followed(t.Context(), l, logs.Query{Group: group, Token: token})
		last := followed(t.Context(), l, logs.Query{Group: group, Token: read(t, l, logs.Query{Group: group}).Entries[2].ID})
		bad := followed(t.Context(), l, logs.Query{Group: group, Token: "x"})
		synctest.Wait()
		if got := drain(lines); got != "3" {
			t.Errorf("after the token: %q", got)
		}
		if got := drain(last); got != "" {
			t.Errorf("after the last: %q", got)
		}
		if got := drain(bad); got != `logs: invalid token "x" end` {
			t.Errorf("bad token: %q", got)
		}
		l.Append(group, "s", event(time.Now(), "4"))
		synctest.Wait()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if a, b := drain(lines), drain(last); a != "4 end" || b != "4 end" {
			t.Errorf("then %q and %q", a, b)
		}
	})
}

func TestFollowCanBeLeft(t *testing.T) {
	l := open(t, t.TempDir(), logs.Options{})
	l.Append(group, "s", event(start(), "1"), event(start(), "2"))
	for e, err := range l.Follow(t.Context(), logs.Query{Group: group}) {
		if err != nil || e.Message != "1" {
			t.Errorf("%+v, %v", e, err)
		}
		break
	}
}

func TestReadStopsWithItsContext(t *testing.T) {
	l := open(t, t.TempDir(), logs.Options{})
	l.Append(group, "s", event(start(), "1"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Read(ctx, logs.Query{Group: group}); !errors.Is(err, context.Canceled) {
		t.Errorf("Read: %v", err)
	}
}

// TestConcurrently has everything happen at once. Each writer's lines arrive at each follower complete and in order.
func TestConcurrently(t *testing.T) {
	const writers, lines = 4, 500
	l := open(t, t.TempDir(), logs.Options{SegmentBytes: 4 << 10, FlushEvery: time.Millisecond})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var wg, noise sync.WaitGroup
	stop := make(chan struct{})
	for _, work := range []func() error{
		func() error { return l.Sync(ctx) },
		func() error { _, err := l.Read(ctx, logs.Query{Group: group, Limit: 10, Backward: true}); return err },
		func() error { _, err := l.Streams(ctx, group); return err },
		func() error { l.Append("/noise", "s", event(start(), "x")); return l.DeleteGroup(ctx, "/noise") },
		func() error { l.Groups(); l.Stats(); return nil },
	} {
		noise.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := work(); err != nil && !errors.Is(err, logs.ErrNoGroup) {
					t.Error(err)
					return
				}
			}
		})
	}
	for w := range writers {
		stream := fmt.Sprint(w)
		wg.Go(func() {
			for i := range lines {
				l.Append(group, stream, event(time.Now(), fmt.Sprint(i)))
			}
		})
		wg.Go(func() {
			want := 0
			for e, err := range l.Follow(ctx, logs.Query{Group: group, Streams: []string{stream}}) {
				if err != nil || e.Message != fmt.Sprint(want) {
					t.Errorf("stream %s: %+v, %v; want %d", stream, e, err, want)
					return
				}
				if want++; want == lines {
					return
				}
			}
			t.Errorf("stream %s: ended after %d lines", stream, want)
		})
	}
	wg.Wait()
	close(stop)
	noise.Wait()
	if n := len(pages(t, l, logs.Query{Group: group, Limit: 300})); n != writers*lines {
		t.Errorf("%d lines", n)
	}
}
