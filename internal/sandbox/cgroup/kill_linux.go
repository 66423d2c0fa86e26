package cgroup

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// killWait bounds the end of processes that were killed.
const killWait = 5 * time.Second

// Kill ends all processes of the group with these directories at once: none can
// get away by forking. It returns when they have ended.
func Kill(dirs []string) error {
	if len(dirs) == 0 {
		return nil
	}
	for _, dir := range dirs {
		err := write(dir, "cgroup.kill", "1") // version 2, since Linux 5.14
		if err == nil {
			return awaitEmpty(dir, func() error { return nil })
		}
		if !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	// Who is frozen does not fork while the others are looked up.
	freezer := ""
	for _, dir := range dirs {
		if err := write(dir, "freezer.state", "FROZEN"); err == nil {
			freezer = dir
		}
	}
	return awaitEmpty(dirs[0], func() error {
		pids, err := members(dirs[0])
		if err != nil {
			return err
		}
		for _, pid := range pids {
			if err := unix.Kill(pid, unix.SIGKILL); err != nil && err != unix.ESRCH {
				return fmt.Errorf("cgroup: kill: %w", err)
			}
		}
		if freezer == "" {
			return nil
		}
		return thawDir(freezer, false)
	})
}

// awaitEmpty does something until the group is empty.
func awaitEmpty(dir string, do func() error) error {
	for deadline := time.Now().Add(killWait); ; pause() {
		if err := do(); err != nil {
			return err
		}
		pids, err := members(dir)
		switch {
		case err != nil:
			return err
		case len(pids) == 0:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("cgroup: %s: processes %v do not end", dir, pids)
		}
	}
}

// members are the processes in a group. The number zero is one that this process
// namespace does not know.
func members(dir string) ([]int, error) {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil, fmt.Errorf("cgroup: %w", err)
	}
	var pids []int
	for word := range bytes.FieldsSeq(b) {
		if pid, err := strconv.Atoi(string(word)); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
