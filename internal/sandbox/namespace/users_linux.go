package namespace

import (
	"bufio"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// users are the ids that sandboxes run as. In the user namespace of the
// supervisor they are 1 to count; with a count of zero there is but one user, 0,
// which is the server's.
type users struct {
	first, count int // on the host
}

// newUsers chooses the ids. As root it is the range of the options, or the end of
// what there is where root itself is confined to a range.
func newUsers(o *Options) (users, error) {
	if os.Geteuid() != 0 {
		return users{first: os.Geteuid()}, nil
	}
	u := users{first: o.FirstUser, count: o.Users - 1}
	for _, name := range [...]string{"/proc/self/uid_map", "/proc/self/gid_map"} {
		begin, size, err := largestRange(name)
		if err != nil {
			return users{}, err
		}
		if u.first >= begin && u.first+u.count < begin+size {
			continue
		}
		u.count = min(u.count, size/2)
		u.first = begin + size - u.count - 1
	}
	if u.count < 1 { // root of nothing but itself
		return users{}, nil
	}
	return u, nil
}

// largestRange reads a table of ids and returns its longest range, in ids of this
// user namespace.
func largestRange(name string) (begin, size int, err error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, 0, fmt.Errorf("namespace: %w", err)
	}
	defer f.Close()
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var inside, outside, n int
		if _, err := fmt.Sscan(sc.Text(), &inside, &outside, &n); err != nil {
			return 0, 0, fmt.Errorf("namespace: %s: %w", name, err)
		}
		if n > size {
			begin, size = inside, n
		}
	}
	return begin, size, nil
}

// attributes start the supervisor: in its namespaces, as their user 0.
func (u users) attributes() *syscall.SysProcAttr {
	ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: u.first, Size: u.count + 1}}
	a := &syscall.SysProcAttr{
		Setsid: true, Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID,
		UidMappings: ids, GidMappings: ids,
	}
	if u.count > 0 {
		a.GidMappingsEnableSetgroups = true
		a.Credential = &syscall.Credential{Groups: []uint32{}}
		return a
	}
	a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	return a
}

// user is the id for the n-th sandbox.
func (u users) user(n uint64) int {
	if u.count == 0 {
		return 0
	}
	return 1 + int(n%uint64(u.count))
}
