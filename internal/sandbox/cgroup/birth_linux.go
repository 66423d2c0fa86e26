package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// To move a process into a group, the kernel stops every fork and exit of the
// machine for some milliseconds. There are two ways that it does not: with version 2
// a process can be born in a group, and with version 1 a thread can move itself.

// Birth is what a process takes to be in a group from its beginning.
type Birth struct {
	// Group is where clone3 makes it, with CLONE_INTO_CGROUP; nil without version 2.
	Group *os.File
	// Tasks are files of version 1, to which it writes "0" when it has one thread.
	Tasks []*os.File
}

// Birth opens the group for one process.
func (g *Group) Birth() (*Birth, error) {
	b := &Birth{}
	for _, dir := range g.dirs {
		var f *os.File
		var err error
		if dir == g.unified {
			f, err = os.Open(dir)
			b.Group = f
		} else {
			f, err = os.OpenFile(filepath.Join(dir, "tasks"), os.O_WRONLY, 0)
			b.Tasks = append(b.Tasks, f)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("cgroup: %w", err), b.Close())
		}
	}
	return b, nil
}

// Close lets go of the group.
func (b *Birth) Close() error {
	var errs []error
	if b.Group != nil {
		errs = append(errs, b.Group.Close())
	}
	for _, f := range b.Tasks {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// AddUnborn adds a process that moved itself to the groups of version 1 to that
// of version 2, in which it was not born.
func (g *Group) AddUnborn(pid int) error {
	if g.unified == "" {
		return nil
	}
	return write(g.unified, "cgroup.procs", strconv.Itoa(pid))
}

// admit lets the parents of processes that are born in a group, which have to be
// in a group of ours themselves, run as a user. Not being allowed to is no error:
// nothing can be born there then.
func (h *hierarchy) admit(dir string) error {
	if !h.unified || h.parent <= 0 {
		return nil
	}
	err := os.Chown(filepath.Join(dir, "cgroup.procs"), h.parent, -1)
	if err != nil && !errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("cgroup: %w", err)
	}
	return nil
}

// Admit lets processes of a user start others in the groups that are made from now on.
func (c *Groups) Admit(user int) error {
	for _, h := range c.hierarchies {
		h.parent = user
		if err := h.admit(h.dir); err != nil {
			return err
		}
	}
	return nil
}
