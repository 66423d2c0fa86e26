//go:build linux

package namespace

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"furl/internal/sandbox/seccomp"
)

func completionOf(t *testing.T, own bool) []syscallStep {
	t.Helper()
	filter, err := seccomp.Build(seccomp.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := &Driver{filter: filter}
	d.opts.complete()
	if own {
		d.users.count = 100
	}
	steps, err := d.completion(false)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// The order matters: each of these makes one before it impossible, or is the
// reason that one after it is safe.
func TestCompletion(t *testing.T) {
	for _, own := range []bool{true, false} {
		var names []string
		for _, s := range completionOf(t, own) {
			names = append(names, s.Name)
		}
		want := []string{"umask", "cgroup namespace", "session keyring", "host name", "mount /tmp", "umount /proc", "mount /proc",
			"mount /tmp", "mount /run", "create /run/passwd", "mount /run", "resource limit 7", "capability 0", "capability 40", "secure bits",
			"groups", "group", "user", "capabilities", "no_new_privs", "system call filter"}
		if !own {
			want = slices.DeleteFunc(want, func(name string) bool { return name == "groups" || name == "group" || name == "user" })
		}
		at := 0
		for _, name := range want {
			i := slices.Index(names[at:], name)
			if i < 0 {
				t.Fatalf("%q is not behind %q of %q", name, names[:at], names)
			}
			at += i + 1
		}
		if at != len(names) {
			t.Errorf("something follows the filter: %q", names[at:])
		}
		if !own && slices.Contains(names, "user") {
			t.Error("there is but one user, and it is left")
		}
	}
}

func TestTakeSteps(t *testing.T) {
	dir := t.TempDir()
	r := new(recipe)
	r.write(dir+"/{user}", "user {user}\n")
	r.add("again", unix.SYS_MKDIRAT, number(unix.AT_FDCWD), cstring(dir), number(0o700))
	r.accept(unix.ENOENT, unix.EEXIST)
	b, err := json.Marshal(r.steps) // as they are sent
	if err != nil {
		t.Fatal(err)
	}
	var steps []syscallStep
	if err := json.Unmarshal(b, &steps); err != nil {
		t.Fatal(err)
	}
	if err := take(steps, 1234); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(dir + "/1234"); err != nil || string(got) != "user 1234\n" {
		t.Errorf("it wrote %q, %v", got, err)
	}
	if err := take(steps, 1234); !errors.Is(err, unix.EEXIST) || !strings.Contains(err.Error(), "create "+dir) {
		t.Errorf("a step that fails: %v", err)
	}
	far := 7
	for name, s := range map[string]syscallStep{
		"arguments": {Args: make([]argument, 7)},
		"result":    {Args: []argument{{Result: &far}}},
	} {
		s.Number = unix.SYS_GETPID
		if err := take([]syscallStep{s}, 0); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	zero := "a\x00b"
	if err := take([]syscallStep{{Number: unix.SYS_GETPID, Args: []argument{{Text: &zero}}}}, 0); err == nil {
		t.Error("a text with a zero in it was taken")
	}
}

// What a sandbox's first process says comes from where tenants are.
func FuzzNews(f *testing.F) {
	f.Add([]byte(`{"Started":true}`))
	f.Add([]byte(`{"End":{"Status":9,"MaxRSS":1,"CPU":2}}`))
	f.Add([]byte{0})
	f.Add(make([]byte, endSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		var n news
		if len(b) == 0 || decode(b, &n) != nil {
			return
		}
		n.End.exit()
		n.err()
	})
}

func TestReapersNews(t *testing.T) {
	b := make([]byte, endSize)
	b[4] = 9           // killed
	b[8], b[24] = 1, 2 // seconds
	b[16], b[32] = 3, 4
	b[40] = 5
	var n news
	if err := decode(b, &n); err != nil || n.End == nil {
		t.Fatal(n, err)
	}
	if x := n.End.exit(); x.Signal != unix.SIGKILL || x.CPU != 3_000_007_000 || x.MaxRSS != 5<<10 {
		t.Errorf("it ended with %+v", x)
	}
	if err := decode([]byte{0}, &n); err != nil || !n.Started {
		t.Errorf("started: %+v, %v", n, err)
	}
	if err := decode(make([]byte, 3), &n); err == nil {
		t.Error("three zeros are news")
	}
}
