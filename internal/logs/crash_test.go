package logs_test

import (
	"bufio"
	"context"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"furl/internal/logs"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("FURL_TEST_APPENDING"); dir != "" {
		appendForEver(dir)
	}
	os.Exit(m.Run())
}

// appendForEver is the child of TestKilled: it says a number when all lines up to it are on disk.
func appendForEver(dir string) {
	l, err := logs.Open(dir, logs.Options{SegmentBytes: 100 << 10, FlushEvery: 5 * time.Millisecond})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for i := 0; ; i++ {
		l.Append(group, "s", event(start().Add(time.Duration(i)), strconv.Itoa(i)+" "+strings.Repeat("x", i%500)))
		if i%1000 == 999 {
			if err := l.Sync(context.Background()); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			fmt.Println(i)
		}
	}
}

func TestKilled(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "FURL_TEST_APPENDING="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := -1
	said := bufio.NewScanner(out)
	for said.Scan() {
		if acknowledged, err = strconv.Atoi(said.Text()); err != nil {
			t.Errorf("child: %s", said.Text())
		}
		if acknowledged == 9999 || err != nil {
			if err := child.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	_ = child.Wait() // killed
	if acknowledged < 9999 {
		t.Fatalf("the child ended after %d", acknowledged)
	}
	l := open(t, dir, logs.Options{})
	q := logs.Query{Group: group}
	n := 0
	for {
		p := read(t, l, q)
		for _, e := range p.Entries {
			if number, _, _ := strings.Cut(e.Message, " "); number != strconv.Itoa(n) {
				t.Fatalf("line %d is %q", n, e.Message)
			}
			n++
		}
		if p.Next == "" {
			break
		}
		q.Token = p.Next
	}
	if n <= acknowledged || l.Stats().BadLines != 0 {
		t.Errorf("%d lines survive, %d were on disk; %+v", n, acknowledged+1, l.Stats())
	}
}

// Half a line, which a crash may leave at the end, is no line; it is cut off and does not spoil what comes after.
func TestHalfALine(t *testing.T) {
	whole := `{"t":1795428000000000000,"i":1795428000000,"s":"s","m":"whole"}` + "\n"
	tests := map[string]struct{ file, want string }{
		"none":            {whole + whole, "whole whole new"},
		"half":            {whole + whole[:40], "whole new"},
		"without newline": {whole + whole[:len(whole)-1], "whole new"},
		"only half":       {whole[:40], "new"},
		"empty":           {"", "new"},
		"long half":       {whole + `{"t":1795428000000000000,"i":1795428000000,"s":"s","m":"` + strings.Repeat("x", 1<<20), "whole new"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			segment(t, dir, test.file)
			l := open(t, dir, logs.Options{Now: start})
			l.Append(group, "s", event(start(), "new"))
			check := func() {
				if got := messages(l.Read(t.Context(), logs.Query{Group: group})); got != test.want {
					t.Errorf("%q, want %q", got, test.want)
				}
			}
			check()
			flush(t, l)
			check()
			if stats := l.Stats(); stats.BadLines != 0 {
				t.Errorf("%+v", stats)
			}
		})
	}
}

// segment writes a segment of the tests' group, of an earlier hour.
func segment(t testing.TB, dir, contents string) (path string) {
	t.Helper()
	path = dir + "/+aws+lambda+^hello/2026-11-23T09-0"
	if err := os.MkdirAll(dir+"/+aws+lambda+^hello", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".jsonl", []byte(contents), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What is damaged is left out and counted; the rest is read.
func TestDamagedLines(t *testing.T) {
	good := `{"t":1795428000000000000,"i":1795428000000,"s":"s","r":"id","m":"good"}` + "\n"
	bad := []string{
		"", "\x00\x00\x00", "{}", "null", `{"t":1}`, strings.Replace(good[:len(good)-1], "good", "go\xffod", 1),
		strings.Replace(good[:len(good)-1], "good", `go\xod`, 1), strings.Replace(good[:len(good)-1], "good", "go\x01od", 1),
		strings.Replace(good[:len(good)-1], `"s":`, `"S":`, 1), good[:len(good)-1] + "}", good[:len(good)-2], "x" + good[:len(good)-1],
		strings.Replace(good[:len(good)-1], "1795428000000000000", "99999999999999999999", 1),
	}
	dir := t.TempDir()
	segment(t, dir, good+strings.Join(bad, "\n")+"\n"+good)
	l := open(t, dir, logs.Options{Now: start})
	if got := messages(l.Read(t.Context(), logs.Query{Group: group})); got != "good good" {
		t.Errorf("%q", got)
	}
	if got := l.Stats().BadLines; got != int64(len(bad)) {
		t.Errorf("%d lines counted as damaged of %d", got, len(bad))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for range l.Follow(ctx, logs.Query{Group: group}) {
		if n++; n == 2 {
			cancel()
		}
	}
}

// Strange files are left alone, and what belongs to nothing is cleared away.
func TestOpenTidies(t *testing.T) {
	dir := t.TempDir()
	path := segment(t, dir, `{"t":1,"i":1,"s":"s","m":"x"}`+"\n")
	files := map[string]bool{ // name: whether it stays
		path + ".idx":                                       true,
		dir + "/+aws+lambda+^hello/notes.txt":               true,
		dir + "/+aws+lambda+^hello/9999.jsonl":              true,
		dir + "/file":                                       true,
		dir + "/+aws+lambda+^hello/2026-11-23T08-0.idx":     false,
		dir + "/+aws+lambda+^hello/2026-11-23T09-0.idx.new": false,
	}
	for name := range files {
		if err := os.WriteFile(name, []byte("?"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"UPPER", "~abc", "%zz", "%", "^"} {
		if err := os.Mkdir(dir+"/"+name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	l := open(t, dir, logs.Options{Now: start})
	if got := messages(l.Read(t.Context(), logs.Query{Group: group})); got != "x" || len(l.Groups()) != 1 {
		t.Errorf("%q, %+v", got, l.Groups())
	}
	for name, want := range files {
		if _, err := os.Stat(name); (err == nil) != want {
			t.Errorf("%s: %v; want it to stay: %t", name, err, want)
		}
	}
}

// An index that does not fit is made anew.
func TestDamagedIndex(t *testing.T) {
	contents := strings.Repeat(`{"t":1795428000000000000,"i":1,"s":"s","m":"x"}`+"\n", 2000)
	sealed := func(index string) string {
		return index + fmt.Sprintf("\n%08x\n", crc32.ChecksumIEEE([]byte(index)))
	}
	size := len(contents)
	good := sealed(fmt.Sprintf(`{"size":%d,"blocks":[[0,1795428000000000000,1795428000000000000],`+
		`[65568,1795428000000000000,1795428000000000000]],"streams":{"s":[1795428000000000000,1795428000000000000,1,%d]}}`, size, size))
	for _, index := range []string{
		"", "\n", "{}", good[:len(good)-1], good[:len(good)/2], strings.Replace(good, "[0,1", "[0,2", 1), sealed("{}"), sealed("{"),
		sealed(`{"size":1,"blocks":[[0,1,2]],"streams":{}}`),
		sealed(fmt.Sprintf(`{"size":%d,"blocks":[[-1,1,2]],"streams":{}}`, size)),
		sealed(fmt.Sprintf(`{"size":%d,"blocks":[[5,1,2],[4,1,2]],"streams":{}}`, size)),
		sealed(fmt.Sprintf(`{"size":%d,"blocks":[[%d,1,2]],"streams":{}}`, size, size)),
	} {
		dir := t.TempDir()
		path := segment(t, dir, contents)
		if err := os.WriteFile(path+".idx", []byte(index), 0o600); err != nil {
			t.Fatal(err)
		}
		l := open(t, dir, logs.Options{Now: start})
		if got := len(read(t, l, logs.Query{Group: group}).Entries); got != 2000 {
			t.Errorf("index %q: %d entries", index, got)
		}
		l.Close()
		if data, err := os.ReadFile(path + ".idx"); err != nil || string(data) != good {
			t.Errorf("index %q, %v; want %q", data, err, good)
		}
	}
}
