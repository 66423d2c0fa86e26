package confined

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// share is how many ids one server takes of the range: no two servers may use the
// same, for a sandbox's processes are found and ended by them.
const share = 1024

// users are the ids that sandboxes run as. Without any they run as the server's
// user.
type users struct {
	first int
	// claim is an abstract socket whose name says that the ids are taken. The kernel
	// gives it back when the server ends, however it does.
	claim net.Listener

	mu   sync.Mutex
	next int
	used map[int]bool
}

// newUsers takes a share of the range, if this process can have ids.
func newUsers(o *Options) (*users, error) {
	first, count, err := userRange(o)
	if err != nil || count < share {
		return nil, err
	}
	for n := first; n+share <= first+count; n += share {
		claim, err := net.Listen("unix", fmt.Sprintf("@furl-confined-users-%d", n))
		switch {
		case err == nil:
			return &users{first: n, claim: claim, used: make(map[int]bool)}, nil
		case !errors.Is(err, unix.EADDRINUSE):
			return nil, fmt.Errorf("confined: users: %w", err)
		}
	}
	return nil, fmt.Errorf("confined: users: %w: from %d to %d", errTaken, first, first+count-1)
}

// errTaken: other servers have all ids, or somebody says so. Any user can, who must
// not bring the server to do without.
var errTaken = errors.New("all ids are taken by other servers")

// userRange is the range of the options, or the middle of what there is where root
// itself is confined to a range. It is empty when there is only one user.
func userRange(o *Options) (first, count int, err error) {
	first, count = o.FirstUser, o.Users
	if os.Geteuid() != 0 || o.OneUser {
		return 0, 0, nil
	}
	for _, name := range [...]string{"/proc/self/uid_map", "/proc/self/gid_map"} {
		begin, size, err := largestRange(name)
		if err != nil {
			return 0, 0, err
		}
		if first >= begin && first+count <= begin+size {
			continue
		}
		count = min(count, size/4)
		first = begin + size/4
	}
	return first, count, nil
}

// largestRange reads a table of ids and returns its longest range, in ids of this
// user namespace.
func largestRange(name string) (begin, size int, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, 0, fmt.Errorf("confined: %w", err)
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var inside, outside, n int
		if _, err := fmt.Sscan(sc.Text(), &inside, &outside, &n); err != nil {
			return 0, 0, fmt.Errorf("confined: %s: %w", name, err)
		}
		if n > size {
			begin, size = inside, n
		}
	}
	return begin, size, nil
}

// take is an id that no living sandbox has; zero when there are none to be had.
func (u *users) take() (int, error) {
	if u == nil {
		return 0, nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	for range share {
		id := u.first + u.next
		u.next = (u.next + 1) % share
		if !u.used[id] {
			u.used[id] = true
			return id, nil
		}
	}
	return 0, fmt.Errorf("confined: there are %d sandboxes already", share)
}

// give takes an id back of which no process is left.
func (u *users) give(id int) {
	if u == nil {
		return
	}
	u.mu.Lock()
	delete(u.used, id)
	u.mu.Unlock()
}

func (u *users) close() error {
	if u == nil {
		return nil
	}
	return u.claim.Close()
}
