package logs_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"furl/internal/logs"
)

// FuzzSegment reads whatever may stand in a segment and in its index.
func FuzzSegment(f *testing.F) {
	good := `{"t":1795428000000000000,"i":1795428000000,"s":"s","r":"id","m":"good\n\u0000\""}` + "\n"
	f.Add([]byte(good+good), []byte(`{"size":168,"blocks":[[0,1,1795428000000000000]],"streams":{"s":[1,2,3,4]}}`+"\n00000000\n"))
	f.Add([]byte(good+good[:40]), []byte(nil))
	f.Add([]byte(`{"t":-9223372036854775808,"i":-1,"s":"","m":""}`+"\n\n"), []byte("{}"))
	f.Add([]byte("\x00\n\xff\n{\"t\":1,\n"), []byte(`{"size":14,"blocks":[[1,0,9],[2,0,9],[13,0,9]]}`))
	f.Fuzz(func(t *testing.T, contents, index []byte) {
		dir := t.TempDir()
		path := segment(t, dir, string(contents))
		if err := os.WriteFile(path+".idx", index, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := logs.Open(dir, logs.Options{Now: start, FlushEvery: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		l.Append(group, "s", event(start(), "last"))
		all := pages(t, l, logs.Query{Group: group, Limit: 3})
		back := pages(t, l, logs.Query{Group: group, Limit: 3, Backward: true})
		if len(all) != len(back) {
			t.Fatalf("%d entries forward, %d backward", len(all), len(back))
		}
		found := false
		for i, e := range all {
			if i > 0 && e.Time.Before(all[i-1].Time) {
				t.Fatal("not in the order of time")
			}
			found = found || e.Message == "last"
		}
		if !found {
			t.Fatal("a line written after the damaged segment is lost")
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		n := 0
		for e := range l.Follow(ctx, logs.Query{Group: group}) {
			n++
			if e.Message == "last" && n >= len(all) {
				cancel()
			}
		}
		if n != len(all) {
			t.Fatalf("%d entries followed, %d read", n, len(all))
		}
		if _, err := l.Streams(t.Context(), group); err != nil {
			t.Fatal(err)
		}
	})
}

// pages reads all pages of a query.
func pages(t *testing.T, l *logs.Log, q logs.Query) []logs.Entry {
	var out []logs.Entry
	seen := map[string]bool{}
	for {
		p := read(t, l, q)
		for _, e := range p.Entries {
			if seen[e.ID] {
				t.Fatalf("%+v is read twice", e)
			}
			seen[e.ID] = true
		}
		out = append(out, p.Entries...)
		if p.Next == "" {
			return out
		}
		q.Token = p.Next
	}
}

// FuzzMessage appends anything; it is read as it was, but for bytes that are no UTF-8.
func FuzzMessage(f *testing.F) {
	f.Add("/aws/lambda/f", "2026/11/23/[$LATEST]00", "id", "message\n")
	f.Add("../..", "\x00", "\"\\", "\xff\u2028\x1b[0m\r\n\t</script>")
	f.Add("", "", "", "")
	f.Fuzz(func(t *testing.T, name, stream, request, message string) {
		dir := t.TempDir()
		l, err := logs.Open(dir, logs.Options{Now: start, FlushEvery: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		valid := func(s string) string { return string([]rune(s)) }
		l.Append(name, stream, logs.Event{Time: start(), Message: message, RequestID: request})
		want := logs.Event{Time: start(), Message: valid(message), RequestID: valid(request)}
		for range 2 { // from memory, then from the file
			got := read(t, l, logs.Query{Group: name}).Entries
			if len(got) != 1 || got[0].Event != want || got[0].Stream != valid(stream) {
				t.Fatalf("%+v, want %+v", got, want)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if l, err = logs.Open(dir, logs.Options{Now: start}); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzToken reads with any token, which is refused or leads to a page.
func FuzzToken(f *testing.F) {
	l, err := logs.Open(f.TempDir(), logs.Options{Now: start})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { l.Close() })
	for i := range 10 {
		l.Append(group, "s", event(start().Add(time.Duration(i)), "x"))
	}
	p, err := l.Read(context.Background(), logs.Query{Group: group})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p.Entries[3].ID)
	f.Add("")
	f.Add("zz")
	f.Fuzz(func(t *testing.T, token string) {
		for _, backward := range []bool{false, true} {
			p, err := l.Read(t.Context(), logs.Query{Group: group, Token: token, Backward: backward})
			if err != nil && (token == "" || !errors.Is(err, logs.ErrToken)) {
				t.Errorf("token %q: %v", token, err)
			}
			if len(p.Entries) > 10 {
				t.Errorf("%d entries", len(p.Entries))
			}
		}
	})
}
