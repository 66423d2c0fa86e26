package namespace

import (
	"bufio"
	"errors"
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
	// sub is set when the ids are subordinate ones, of the user who runs the
	// server. first is then that user.
	sub *subordinate
	// why says of a count of zero why there are no more.
	why error
}

// newUsers chooses the ids. As root it is the range of the options, or the end of
// what there is where root itself is confined to a range; as another user the
// range that is subordinate to that user, if there is one.
func newUsers(o *Options, command []string) (users, error) {
	if os.Geteuid() != 0 {
		return subordinateUsers(command), nil
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
		return users{why: errors.New("the server is root of a user namespace with a single user")}, nil
	}
	return u, nil
}

// subordinateUsers are the ids for a server that is not root.
func subordinateUsers(command []string) users {
	u := users{first: os.Geteuid()}
	sub, count, err := findSubordinate()
	if err != nil {
		u.why = err
		return u
	}
	more := users{first: u.first, count: min(count, manyUsers-1), sub: sub}
	if u.why = more.try(command); u.why != nil {
		return u
	}
	return more
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

// attributes start a process in a user namespace and others, as its user 0.
func (u users) attributes(namespaces uintptr) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setsid: true, Cloneflags: unix.CLONE_NEWUSER | namespaces}
	switch {
	case u.sub != nil: // they come when it runs
	case u.count > 0:
		ids := []syscall.SysProcIDMap{{ContainerID: 0, HostID: u.first, Size: u.count + 1}}
		a.UidMappings, a.GidMappings = ids, ids
		a.GidMappingsEnableSetgroups = true
		a.Credential = &syscall.Credential{Groups: []uint32{}}
	default:
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: u.first, Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return a
}

// user is the id for the n-th sandbox.
func (u users) user(n uint64) int {
	if u.count == 0 {
		return 0
	}
	return 1 + int(n%uint64(u.count))
}
