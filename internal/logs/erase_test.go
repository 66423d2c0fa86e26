package logs_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"furl/internal/logs"
)

// deleted fills a log with two streams in several segments, some of it in memory, and deletes one of them.
func deleted(t *testing.T, l *logs.Log) (tokens []string) {
	t.Helper()
	for i := range 30 {
		l.Append(group, "keep", event(start().Add(time.Duration(2*i)), fmt.Sprint("k", i)))
		l.Append(group, "drop", event(start().Add(time.Duration(2*i+1)), fmt.Sprint("secret", i)))
		if i < 25 {
			flush(t, l)
		}
	}
	for _, e := range read(t, l, logs.Query{Group: group}).Entries {
		tokens = append(tokens, e.ID)
	}
	if err := l.DeleteStream(t.Context(), group, "drop"); err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestDeleteStream(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, logs.Options{SegmentBytes: 500})
	tokens := deleted(t, l)
	check := func(when string, l *logs.Log) {
		t.Helper()
		entries := read(t, l, logs.Query{Group: group}).Entries
		if len(entries) != 30 {
			t.Errorf("%s: %d entries", when, len(entries))
		}
		for i, e := range entries {
			if e.Stream != "keep" || e.Message != fmt.Sprint("k", i) || e.ID != tokens[2*i] {
				t.Fatalf("%s: entry %d is %+v", when, i, e)
			}
		}
		streams, err := l.Streams(t.Context(), group)
		if err != nil || len(streams) != 1 || streams[0].Name != "keep" {
			t.Errorf("%s: %+v, %v", when, streams, err)
		}
		if n := l.Stats().BadLines; n != 0 {
			t.Errorf("%s: %d bad lines", when, n)
		}
	}
	check("then", l)
	for _, path := range glob(t, dir, "*.jsonl") {
		if data, err := os.ReadFile(path); err != nil || bytes.Contains(data, []byte("secret")) {
			t.Errorf("%s still holds it, %v", path, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range glob(t, dir, "*.idx") {
		if err := os.Remove(path); err != nil { // they are made again from the segments
			t.Fatal(err)
		}
	}
	l = open(t, dir, logs.Options{})
	check("opened again", l)
	l.Append(group, "drop", event(start(), "new"))
	if got := messages(l.Read(t.Context(), logs.Query{Group: group, Streams: []string{"drop"}})); got != "new" {
		t.Errorf("%q in the stream made anew", got)
	}
	if err := l.DeleteStream(t.Context(), "/none", "s"); err != logs.ErrNoGroup {
		t.Errorf("%v", err)
	}
}

// A flood costs lines of its own group, said in their place, and nothing of others.
func TestFlood(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, dir, logs.Options{GroupRate: 1_000_000, GroupBurst: 2_000_000})
		line := strings.Repeat("x", 9_999)
		for range 300 {
			l.Append(group, "s", event(time.Now(), line+"\n"))
		}
		l.Append("/other", "s", event(time.Now(), "unharmed"))
		if got := l.Stats().DroppedLines; got != 100 {
			t.Errorf("%d lines dropped of 300", got)
		}
		if l.Offer(group, "s", event(time.Now(), line)) {
			t.Error("an offer was taken beyond the group's share")
		}
		after(time.Second)
		if !l.Offer(group, "s", event(time.Now(), line), event(time.Now(), line)) {
			t.Error("an offer was not taken a second later")
		}
		// What is written while they come may confess a part of them before the rest.
		said, kept := 0, 0
		for _, e := range pages(t, l, logs.Query{Group: group}) {
			var n int
			switch _, err := fmt.Sscanf(e.Message, "furl: %d log lines dropped: a log group takes 1 MB a second\n", &n); {
			case err == nil:
				said += n
			case strings.TrimSpace(e.Message) == line:
				kept++
			default:
				t.Errorf("%q", e.Message)
			}
		}
		if said != 100 || kept != 202 {
			t.Errorf("%d lines were said to be dropped, %d are there", said, kept)
		}
		if got := messages(l.Read(t.Context(), logs.Query{Group: "/other"})); got != "unharmed" {
			t.Errorf("other group: %q", got)
		}
	})
}

func TestAppeared(t *testing.T) {
	l := open(t, t.TempDir(), logs.Options{})
	for _, name := range []string{"/a", "/b", "/a"} {
		l.Append(name, "s", event(start(), "x"))
	}
	select {
	case <-l.Appeared():
	default:
		t.Error("no word of new groups")
	}
	select {
	case <-l.Appeared():
		t.Error("a second word of them")
	default:
	}
	if info, ok := l.Group("/a"); !ok || info.Bytes == 0 || info.First.IsZero() || l.Has("/c") {
		t.Errorf("%+v, %t", info, ok)
	}
	if has, err := l.HasStream(t.Context(), "/a", "s"); !has || err != nil {
		t.Errorf("%t, %v", has, err)
	}
}

func TestFollowFresh(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		l := open(t, dir, logs.Options{})
		l.Append(group, "s", event(time.Now(), "before"))
		lines := followed(t.Context(), l, logs.Query{Group: group, Fresh: true})
		synctest.Wait()
		l.Append(group, "s", event(time.Now().Add(-time.Hour), "late"))
		synctest.Wait()
		if got := drain(lines); got != "late" {
			t.Errorf("%q", got)
		}
	})
}
