//go:build linux

package namespace_test

import (
	"testing"
	"time"
	"os"
	"fmt"
	"furl/internal/sandbox"
)

func TestZZ(t *testing.T) {
	d := newDriver(t)
	w := &world{}
	for i := 0; i < 4; i++ {
		e := outside(t, d, w)
		t.Log(run(t, e, "result = [first('192.0.2.%d' % i, 80) for i in range(3)]"))
		e.Retire(0)
		time.Sleep(1200*time.Millisecond)
	}
	e := outside(t, d, w)
	t.Log(run(t, e, "result = open('/proc/net/tcp').read()"))
	t.Log(run(t, e, `
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
n = 0
for a in range(60):
    for b in range(1, 250):
        try: s.sendto(b"x", ("127.5.%d.%d" % (a, b), 53)); n += 1
        except OSError: pass
result = n, open("/proc/sys/net/netfilter/nf_conntrack_count").read()
`))
	t.Log(run(t, e, `
n = 0
for b in range(1, 5000):
    with socket.socket() as s:
        try: s.connect(("169.254.100.6", b + 1024))
        except OSError: n += 1
result = n, open("/proc/sys/net/netfilter/nf_conntrack_count").read()
`))
	t.Log(run(t, e, `
import ctypes
libc = ctypes.CDLL(None)
fds = []
while True:
    f = libc.inotify_init1(0)
    if f < 0: break
    fds.append(f)
result = len(fds)
for f in fds: os.close(f)
import resource
result = result, resource.getrlimit(resource.RLIMIT_SIGPENDING), resource.getrlimit(resource.RLIMIT_MSGQUEUE)
`))
	b, _ := os.ReadFile("/proc/self/limits")
	_ = b
	s := forked(t, d)
	z := zygotes(t)[0]
	c := count(t, fmt.Sprintf("/proc/%d/fd", z))
	for range 5 { forkedEnv(t, d, s).Retire(0) }
	t.Log("zygote fds", c, count(t, fmt.Sprintf("/proc/%d/fd", z)))
	_ = sandbox.Limits{}
}
