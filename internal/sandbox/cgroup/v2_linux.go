package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// enable finds out which controllers a version 2 group can give to its children.
// Having none is no error: freezing needs none.
func (h *hierarchy) enable(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return err
	}
	available := strings.Fields(string(b))
	for _, name := range controllers {
		if slices.Contains(available, name) {
			h.has = append(h.has, name)
		}
	}
	if len(h.has) == 0 {
		return nil
	}
	err = h.delegate(dir)
	if errors.Is(err, unix.EBUSY) { // it has processes in it
		if err = stepAside(dir); err == nil {
			err = h.delegate(dir)
		}
	}
	return err
}

// delegate turns the controllers on for a group's children.
func (h *hierarchy) delegate(dir string) error {
	return os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+strings.Join(h.has, " +")), 0)
}

// serverGroup is where the server is when its group has limited children.
const serverGroup = "furl-server"

// stepAside moves this process from its group into a child of it. It does so only
// if it is alone there: others' processes are not ours to move.
func stepAside(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return err
	}
	if pids := strings.Fields(string(b)); len(pids) != 1 || pids[0] != strconv.Itoa(os.Getpid()) {
		return fmt.Errorf("%s: other processes share the server's cgroup", dir)
	}
	child := filepath.Join(dir, serverGroup)
	if err := os.Mkdir(child, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return os.WriteFile(filepath.Join(child, "cgroup.procs"), []byte("0"), 0)
}

// pause waits for the kernel to finish with a process that was reaped.
func pause() { time.Sleep(5 * time.Millisecond) }
