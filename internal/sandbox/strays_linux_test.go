package sandbox

import (
	"net"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A program's end is told when what it left does not end, but with a warning: its
// user and its cgroups are still in use.
func TestStraysAreTold(t *testing.T) {
	const mark = 1<<60 | 7
	for name, test := range map[string]struct {
		left bool
		ago  time.Duration
	}{
		"nothing left": {false, 0},
		"for too long": {true, 2 * giveUp},
	} {
		t.Run(name, func(t *testing.T) {
			ours, theirs, err := socketPair()
			if err != nil {
				t.Fatal(err)
			}
			defer ours.Close()
			defer theirs.Close()
			conn, err := net.FileConn(theirs)
			if err != nil {
				t.Fatal(err)
			}
			server, err := net.FileConn(ours)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			defer server.Close()
			if test.left {
				child := exec.Command("/bin/sleep", "1000")
				if err := child.Start(); err != nil {
					t.Fatal(err)
				}
				defer child.Wait() // finish kills it
				if err := unix.Prlimit(child.Process.Pid, unix.RLIMIT_RTTIME, &unix.Rlimit{Cur: mark, Max: mark}, nil); err != nil {
					t.Fatal(err)
				}
			}
			s := &supervisor{conn: conn.(*net.UnixConn), marks: mark >> MarkBits,
				endings: []*ending{{program: &program{seq: 1, mark: mark}, since: time.Now().Add(-test.ago)}}}
			s.finish()
			if len(s.endings) > 0 {
				t.Fatal("the end is not told")
			}
			var n notice
			if _, err := receive(server.(*net.UnixConn), &n); err != nil {
				t.Fatal(err)
			}
			if n.Seq != 1 || n.Exit == nil || n.Exit.Strays != test.left {
				t.Errorf("told %+v", n)
			}
		})
	}
}
