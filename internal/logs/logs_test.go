package logs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"furl/internal/logs"
)

const group = "/aws/lambda/Hello"

// start is a time at which tests begin.
func start() time.Time { return time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC) }

// open opens a log that is closed with the test.
func open(t testing.TB, dir string, opts logs.Options) *logs.Log {
	t.Helper()
	l, err := logs.Open(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func event(at time.Time, message string) logs.Event { return logs.Event{Time: at, Message: message} }

// messages returns the messages of a page, or of whatever Read returned instead.
func messages(p logs.Page, err error) string {
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, e := range p.Entries {
		out = append(out, e.Message)
	}
	return strings.Join(out, " ")
}

func read(t testing.TB, l *logs.Log, q logs.Query) logs.Page {
	t.Helper()
	p, err := l.Read(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func flush(t testing.TB, l *logs.Log) {
	t.Helper()
	if err := l.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestRead(t *testing.T) {
	at := func(s int) time.Time { return start().Add(time.Duration(s) * time.Second) }
	dir := t.TempDir()
	l := open(t, dir, logs.Options{Now: start})
	l.Append(group, "a", event(at(1), "one"), event(at(3), "three"))
	flush(t, l)
	l.Append(group, "b/1", event(at(2), "two"), event(at(3), "drei"))
	l.Append(group, "b/2", event(at(-1000), "early"))
	l.Append("/aws/lambda/other", "a", event(at(2), "other"))
	tests := map[string]struct {
		query logs.Query
		want  string
	}{
		"all":              {logs.Query{}, "early one two three drei"},
		"limit":            {logs.Query{Limit: 2}, "early one"},
		"backward":         {logs.Query{Limit: 2, Backward: true}, "three drei"},
		"start":            {logs.Query{Start: at(2)}, "two three drei"},
		"end":              {logs.Query{End: at(2)}, "early one"},
		"start and end":    {logs.Query{Start: at(1), End: at(3)}, "one two"},
		"nothing between":  {logs.Query{Start: at(4), End: at(5)}, ""},
		"end beyond years": {logs.Query{End: time.UnixMilli(math.MaxInt32 * 10000)}, "early one two three drei"},
		"start before any": {logs.Query{Start: time.Time{}.Add(1)}, "early one two three drei"},
		"streams":          {logs.Query{Streams: []string{"b/2", "a", "c"}}, "early one three"},
		"stream prefix":    {logs.Query{StreamPrefix: "b/"}, "early two drei"},
		"match":            {logs.Query{Match: func(e *logs.Entry) bool { return strings.Contains(e.Message, "r") }}, "early three drei"},
		"match and limit":  {logs.Query{Limit: 1, Match: func(e *logs.Entry) bool { return e.Stream == "a" }}, "one"},
		"other group":      {logs.Query{Group: "/aws/lambda/other"}, "other"},
		"no group":         {logs.Query{Group: "/aws/lambda/none"}, logs.ErrNoGroup.Error()},
		"bad token":        {logs.Query{Token: "1"}, `logs: invalid token "1"`},
	}
	check := func(t *testing.T, l *logs.Log) {
		for name, test := range tests {
			if test.query.Group == "" {
				test.query.Group = group
			}
			if got := messages(l.Read(t.Context(), test.query)); got != test.want {
				t.Errorf("%s: %q, want %q", name, got, test.want)
			}
		}
	}
	t.Run("partly in memory", func(t *testing.T) { check(t, l) })
	flush(t, l)
	t.Run("on disk", func(t *testing.T) { check(t, l) })
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	t.Run("another run", func(t *testing.T) { check(t, open(t, dir, logs.Options{Now: start})) })
	removeIndexes(t, dir)
	t.Run("after a crash", func(t *testing.T) { check(t, open(t, dir, logs.Options{Now: start})) })
}

// removeIndexes leaves a directory as if the process had been killed.
func removeIndexes(t *testing.T, dir string) {
	t.Helper()
	found := glob(t, dir, "*.idx")
	if len(found) == 0 {
		t.Error("there is no index")
	}
	for _, name := range found {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
}

func glob(t testing.TB, dir, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", pattern))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestEntryIsWhatWasAppended(t *testing.T) {
	now := start().Add(1234567 * time.Nanosecond)
	l := open(t, t.TempDir(), logs.Options{Now: func() time.Time { return now }})
	want := []logs.Event{
		{Time: start().Add(time.Nanosecond), Message: "two\nlines\tand \"quotes\\\" \x00\x1f\x7f \u2028 \U0001f525\n", RequestID: "5b8b\"dd"},
		{Time: start().Add(2), Message: "", RequestID: ""},
		{Message: "no time"},
	}
	given := slices.Clone(want)
	l.Append(group, "2026/11/23/[$LATEST]0f", given...)
	if !slices.Equal(given, want) {
		t.Error("Append changes the events of its caller")
	}
	want[2].Time = now
	got := read(t, l, logs.Query{Group: group}).Entries
	if len(got) != len(want) {
		t.Fatalf("%d entries", len(got))
	}
	for i, e := range got {
		if e.Event != want[i] || e.Stream != "2026/11/23/[$LATEST]0f" || !e.Ingested.Equal(now.Truncate(time.Millisecond)) {
			t.Errorf("entry %+v, want %+v", e, want[i])
		}
	}
}

func TestMessagesAreCut(t *testing.T) {
	l := open(t, t.TempDir(), logs.Options{Now: start})
	l.Append(group, "s", event(start(), strings.Repeat("x", logs.MaxMessage-1)+"é and more"), event(start(), "bad \xff\xfe byte"))
	got := read(t, l, logs.Query{Group: group, Limit: 1}).Entries[0].Message
	if len(got) != logs.MaxMessage-1 || strings.Trim(got, "x") != "" {
		t.Errorf("%d bytes, ending in %q", len(got), got[len(got)-3:])
	}
	if got := messages(l.Read(t.Context(), logs.Query{Group: group, Backward: true, Limit: 1})); got != "bad \ufffd\ufffd byte" {
		t.Errorf("%q", got)
	}
}

// A page has at most 1 MiB of messages, and always at least one.
func TestPagesAreBounded(t *testing.T) {
	l := open(t, t.TempDir(), logs.Options{Now: start})
	for i := range 5 {
		l.Append(group, "s", event(start().Add(time.Duration(i)), strings.Repeat(fmt.Sprint(i), 600<<10)))
	}
	for _, backward := range []bool{false, true} {
		q := logs.Query{Group: group, Backward: backward}
		var order string
		for {
			p := read(t, l, q)
			if len(p.Entries) != 1 {
				t.Fatalf("page of %d entries", len(p.Entries))
			}
			order += p.Entries[0].Message[:1]
			if p.Next == "" {
				break
			}
			q.Token = p.Next
		}
		if want := map[bool]string{false: "01234", true: "43210"}[backward]; order != want {
			t.Errorf("backward %t: pages in order %s", backward, order)
		}
	}
}

func TestStreamsAndGroups(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, logs.Options{Now: start, SegmentBytes: 200})
	if _, err := l.Streams(t.Context(), group); !errors.Is(err, logs.ErrNoGroup) {
		t.Errorf("Streams of no group: %v", err)
	}
	for i := range 10 {
		l.Append(group, []string{"b", "a"}[i%2], event(start().Add(time.Duration(i-5)*time.Hour), "message"))
	}
	l.Append("/aws/lambda/another", "s", event(start(), "x"))
	check := func(l *logs.Log) {
		streams, err := l.Streams(t.Context(), group)
		if err != nil || len(streams) != 2 {
			t.Fatalf("Streams = %+v, %v", streams, err)
		}
		a := streams[0]
		if a.Name != "a" || !a.First.Equal(start().Add(-4*time.Hour)) || !a.Last.Equal(start().Add(4*time.Hour)) ||
			!a.Ingested.Equal(start()) || a.Bytes != streams[1].Bytes {
			t.Errorf("stream %+v", a)
		}
		groups := l.Groups()
		if len(groups) != 2 || groups[0].Name != group || groups[1].Name != "/aws/lambda/another" ||
			groups[0].Bytes != 2*a.Bytes || !groups[0].Created.Equal(start()) {
			t.Errorf("Groups = %+v", groups)
		}
	}
	check(l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if n := len(glob(t, dir, "*.jsonl")); n < 3 {
		t.Errorf("%d segments; want several", n)
	}
	check(open(t, dir, logs.Options{Now: start}))
	removeIndexes(t, dir)
	l = open(t, dir, logs.Options{Now: start})
	check(l)
	if streams, err := l.Streams(t.Context(), "/aws/lambda/another"); err != nil || len(streams) != 1 {
		t.Errorf("Streams = %+v, %v", streams, err)
	}
	l.Close()
	if segments, indexes := len(glob(t, dir, "*.jsonl")), len(glob(t, dir, "*.idx")); segments != indexes {
		t.Errorf("%d segments, %d indexes after reading them", segments, indexes)
	}
}

func TestDeleteGroup(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, logs.Options{Now: start})
	l.Append(group, "s", event(start(), "on disk"))
	flush(t, l)
	l.Append(group, "s", event(start(), "in memory"))
	if err := l.DeleteGroup(t.Context(), group); err != nil {
		t.Fatal(err)
	}
	if err := l.DeleteGroup(t.Context(), group); !errors.Is(err, logs.ErrNoGroup) {
		t.Errorf("again: %v", err)
	}
	if _, err := l.Read(t.Context(), logs.Query{Group: group}); !errors.Is(err, logs.ErrNoGroup) {
		t.Errorf("read: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 || l.Stats().Bytes != 0 {
		t.Errorf("left: %v, %+v", left, l.Stats())
	}
	l.Append(group, "s", event(start(), "new"))
	flush(t, l)
	if got := messages(l.Read(t.Context(), logs.Query{Group: group})); got != "new" {
		t.Errorf("after: %q", got)
	}
}

func TestClose(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, logs.Options{Now: start})
	l.Append(group, "s", event(start(), "before"))
	for range 2 {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	l.Append(group, "s", event(start(), "after"))
	if err := l.Sync(t.Context()); !errors.Is(err, logs.ErrClosed) {
		t.Errorf("Sync: %v", err)
	}
	if got := messages(open(t, dir, logs.Options{}).Read(t.Context(), logs.Query{Group: group})); got != "before" {
		t.Errorf("%q", got)
	}
}

func TestOpenUnusable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := logs.Open(file, logs.Options{})
	if err == nil || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "choose another data directory") {
		t.Errorf("Open: %v; want the directory and a hint", err)
	}
}

// Names of groups come from outside; none may reach another directory, or another group's.
func TestGroupNames(t *testing.T) {
	names := []string{
		group, "/aws/lambda/hello", "/aws/lambda/hello/", "..", ".", "", "/", "../../etc/passwd", "~", "a+b", "a/b", "a%2fb", "^h", "H",
		"/aws/lambda/ünïcode", "\x00", strings.Repeat("x", 512), strings.Repeat("x", 511) + "y", strings.Repeat("/", 512), "name",
	}
	outer := t.TempDir()
	dir := filepath.Join(outer, "logs")
	l := open(t, dir, logs.Options{Now: start})
	for _, name := range names {
		l.Append(name, "s", event(start(), "of "+name))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	lower := map[string]bool{}
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		lower[strings.ToLower(e.Name())] = true
	}
	if err != nil || len(lower) != len(names) {
		t.Errorf("%d directories for %d groups, %v", len(lower), len(names), err)
	}
	if left, _ := os.ReadDir(outer); len(left) != 1 {
		t.Errorf("written beside the log: %v", left)
	}
	l = open(t, dir, logs.Options{Now: start})
	if got := len(l.Groups()); got != len(names) {
		t.Errorf("%d groups found again of %d", got, len(names))
	}
	for _, name := range names {
		want := "of " + string([]rune(name))
		if got := messages(l.Read(t.Context(), logs.Query{Group: name})); got != want {
			t.Errorf("group %q: %q", name, got)
		}
	}
}

// TestAgainstModel compares random reading and writing with the plainest thing that does the same: a sorted list.
func TestAgainstModel(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			m := &model{t: t, dir: t.TempDir(), rnd: rand.New(rand.NewPCG(seed, 1))}
			m.reopen()
			for range 100 {
				m.step()
			}
			m.log.Close()
		})
	}
}

type model struct {
	t      *testing.T
	dir    string
	rnd    *rand.Rand
	clock  atomic.Int64 // seconds after start
	log    *logs.Log
	events []logs.Event
	stream []string
}

func (m *model) now() time.Time { return start().Add(time.Duration(m.clock.Load()) * time.Second) }

func (m *model) reopen() {
	if m.log != nil {
		if err := m.log.Close(); err != nil {
			m.t.Fatal(err)
		}
	}
	if m.rnd.IntN(2) == 0 { // a crash
		for _, name := range glob(m.t, m.dir, "*.idx") {
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				m.t.Fatal(err)
			}
		}
	}
	m.log = open(m.t, m.dir, logs.Options{
		Now:          m.now,
		SegmentBytes: 1 << (12 + m.rnd.IntN(8)),
	})
}

func (m *model) step() {
	switch m.rnd.IntN(12) {
	case 0:
		m.reopen()
	case 1:
		flush(m.t, m.log)
	case 2:
		m.clock.Add(int64(m.rnd.IntN(30)-2) * 3600)
	case 3, 4:
		m.query()
	default:
		m.append()
	}
}

func (m *model) append() {
	stream := string(rune('a' + m.rnd.IntN(3)))
	for range m.rnd.IntN(40) {
		e := logs.Event{
			Time:    m.now().Add(time.Duration(m.rnd.IntN(100)-50) * time.Second),
			Message: fmt.Sprintf("%d %s", len(m.events), strings.Repeat("é\n", m.rnd.IntN(300))),
		}
		m.events, m.stream = append(m.events, e), append(m.stream, stream)
		m.log.Append(group, stream, e)
	}
}

// query reads all pages of a random query and compares them with the model's.
func (m *model) query() {
	if len(m.events) == 0 {
		return
	}
	q := logs.Query{Group: group, Limit: 1 + m.rnd.IntN(500), Backward: m.rnd.IntN(2) == 0}
	if m.rnd.IntN(2) == 0 {
		q.StreamPrefix = string(rune('a' + m.rnd.IntN(4)))
	}
	if m.rnd.IntN(2) == 0 {
		q.Start = m.events[m.rnd.IntN(len(m.events))].Time
		q.End = q.Start.Add(time.Duration(m.rnd.IntN(int(48 * time.Hour))))
	}
	var want []string
	for _, i := range m.sorted() {
		e := m.events[i]
		if strings.HasPrefix(m.stream[i], q.StreamPrefix) && !e.Time.Before(q.Start) && (q.End.IsZero() || e.Time.Before(q.End)) {
			want = append(want, e.Message)
		}
	}
	var got []string
	for {
		p := read(m.t, m.log, q)
		var page []string
		for _, e := range p.Entries {
			page = append(page, e.Message)
		}
		if q.Backward {
			got = append(page, got...)
		} else {
			got = append(got, page...)
		}
		if p.Next == "" {
			break
		}
		if len(page) > q.Limit || len(page) == 0 {
			m.t.Fatalf("page of %d with limit %d", len(page), q.Limit)
		}
		q.Token = p.Next
	}
	if !slices.Equal(got, want) {
		m.t.Fatalf("%+v: %d entries, want %d", q, len(got), len(want))
	}
}

// sorted returns the indexes of events in the order of their time.
func (m *model) sorted() []int {
	order := make([]int, len(m.events))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return m.events[a].Time.Compare(m.events[b].Time) })
	return order
}
