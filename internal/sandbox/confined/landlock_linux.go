package confined

import (
	"errors"
	"fmt"
	"os"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// What Landlock can do depends on the version of its interface, which the kernel
// tells. A domain of ours handles everything that the version can, except whom a
// program connects to: that goes by port only, and a function may use any.

// place is what a sandbox may do at one place of the file system.
type place struct {
	Path  string
	Write bool `json:",omitempty"`
	// Device is a device node, which is used rather than changed.
	Device bool `json:",omitempty"`
}

const (
	readFile  = ll.AccessFSExecute | ll.AccessFSReadFile
	readTree  = readFile | ll.AccessFSReadDir
	ofFiles   = readFile | ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSIoctlDev
	everyTree = readTree | ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSRemoveDir | ll.AccessFSRemoveFile |
		ll.AccessFSMakeDir | ll.AccessFSMakeReg | ll.AccessFSMakeSock | ll.AccessFSMakeFifo | ll.AccessFSMakeSym |
		ll.AccessFSRefer | ll.AccessFSResolveUnix
	device = ll.AccessFSReadFile | ll.AccessFSWriteFile | ll.AccessFSTruncate | ll.AccessFSIoctlDev
)

// landlockVersion is the version of the kernel's interface, at least 1.
func landlockVersion() (int, error) {
	v, err := ll.LandlockGetABIVersion()
	if err != nil {
		return 0, fmt.Errorf("confined: Landlock: %w", err)
	}
	return v, nil
}

// handled is what a domain restricts, given the version.
func handled(version int) ll.RulesetAttr {
	attr := ll.RulesetAttr{HandledAccessFS: ll.AccessFSMakeSym<<1 - 1}
	for _, since := range []struct {
		version int
		access  uint64
	}{{2, ll.AccessFSRefer}, {3, ll.AccessFSTruncate}, {5, ll.AccessFSIoctlDev}, {9, ll.AccessFSResolveUnix}} {
		if version >= since.version {
			attr.HandledAccessFS |= since.access
		}
	}
	if version >= 4 {
		attr.HandledAccessNet = ll.AccessNetBindTCP
	}
	if version >= 6 {
		attr.Scoped = ll.ScopeAbstractUnixSocket | ll.ScopeSignal
	}
	return attr
}

// newDomain makes a domain with these places. Those that do not exist are left out.
func newDomain(version int, places []place) (*os.File, error) {
	attr := handled(version)
	fd, err := ll.LandlockCreateRuleset(&attr, 0)
	if err != nil {
		return nil, fmt.Errorf("confined: Landlock: %w", err)
	}
	domain := os.NewFile(uintptr(fd), "domain")
	for _, p := range places {
		if err := p.allow(fd, attr.HandledAccessFS); err != nil {
			domain.Close()
			return nil, err
		}
	}
	if attr.HandledAccessNet != 0 { // the system chooses the port
		err := ll.LandlockAddNetPortRule(fd, &ll.NetPortAttr{AllowedAccess: ll.AccessNetBindTCP, Port: 0}, 0)
		// A kernel without TCP has no ports to bind to.
		if err != nil && !errors.Is(err, unix.EAFNOSUPPORT) {
			domain.Close()
			return nil, fmt.Errorf("confined: Landlock: TCP: %w", err)
		}
	}
	return domain, nil
}

// allow adds a place to a domain.
func (p place) allow(domain int, handled uint64) error {
	fd, err := unix.Open(p.Path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT || err == unix.EACCES {
		return nil // what is not there, or not for this user, cannot be allowed
	}
	if err != nil {
		return &os.PathError{Op: "open", Path: p.Path, Err: err}
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return &os.PathError{Op: "stat", Path: p.Path, Err: err}
	}
	access := uint64(readTree)
	switch {
	case p.Device:
		access = device
	case p.Write:
		access = everyTree
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		access &= ofFiles
	}
	err = ll.LandlockAddPathBeneathRule(domain, &ll.PathBeneathAttr{AllowedAccess: access & handled, ParentFd: fd}, 0)
	if err != nil {
		return fmt.Errorf("confined: Landlock: %s: %w", p.Path, err)
	}
	return nil
}

// enterDomain confines the calling thread and what it starts, for good. It must have
// given up new privileges.
func enterDomain(domain *os.File) error {
	if err := ll.LandlockRestrictSelf(int(domain.Fd()), 0); err != nil {
		return fmt.Errorf("confined: Landlock: %w", err)
	}
	return nil
}
