package namespace

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A user may own a range of ids that is nobody else's, named in /etc/subuid and
// /etc/subgid. The programs newuidmap and newgidmap, which are root's, map it into
// a user namespace that already exists. So the process that is to live there
// starts without any id, waits, and executes itself again once it has some: only
// with that does the kernel give it the privileges of user 0 back.

// idsVar names the descriptor on which a process waits for its ids, or says with
// idsThere that it has them.
const (
	idsVar   = "FURL_SANDBOX_IDS"
	idsThere = "there"
)

// subordinate is a user's range of ids, and what maps it.
type subordinate struct {
	firstUser, firstGroup int
	newuidmap, newgidmap  string
}

// findSubordinate is the range of the user who runs the server, and how many ids
// it has. The error says why there is none.
func findSubordinate() (*subordinate, int, error) {
	s := &subordinate{}
	id := strconv.Itoa(os.Geteuid())
	name := id
	if u, err := user.LookupId(id); err == nil {
		name = u.Username
	}
	var users, groups int
	var err error
	if s.firstUser, users, err = subordinateRange("/etc/subuid", name, id); err != nil {
		return nil, 0, err
	}
	if s.firstGroup, groups, err = subordinateRange("/etc/subgid", name, id); err != nil {
		return nil, 0, err
	}
	for program, path := range map[string]*string{"newuidmap": &s.newuidmap, "newgidmap": &s.newgidmap} {
		if *path, err = exec.LookPath(program); err != nil {
			return nil, 0, fmt.Errorf("%s is not installed (package uidmap or shadow-utils)", program)
		}
	}
	return s, min(users, groups), nil
}

func subordinateRange(file, name, id string) (first, count int, err error) {
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, 0, err
	}
	if first, count = parseSubordinate(string(text), name, id); count == 0 {
		return 0, 0, fmt.Errorf("%s gives the user %s no ids", file, name)
	}
	return first, count, nil
}

// parseSubordinate finds the longest range of a user, who is named by name or id,
// in lines of the form name:first:count. Lines of another form are nobody's.
func parseSubordinate(text, name, id string) (first, count int) {
	const most = 1<<32 - 1 // the last id is not one
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) != 3 || f[0] != name && f[0] != id {
			continue
		}
		begin, err := strconv.ParseUint(f[1], 10, 32)
		if err != nil || begin == 0 {
			continue
		}
		size, err := strconv.ParseUint(f[2], 10, 32)
		if err == nil && begin+size <= most && int(size) > count {
			first, count = int(begin), int(size)
		}
	}
	return first, count
}

// give maps the ids into the user namespace of a process: the server's user
// becomes 0, the range begins at 1.
func (s *subordinate) give(pid, count int) error {
	for _, m := range [...]struct {
		program    string
		own, first int
	}{{s.newuidmap, os.Geteuid(), s.firstUser}, {s.newgidmap, os.Getegid(), s.firstGroup}} {
		ctx, cancel := context.WithTimeout(context.Background(), callWait)
		defer cancel()
		cmd := exec.CommandContext(ctx, m.program, strconv.Itoa(pid),
			"0", strconv.Itoa(m.own), "1", "1", strconv.Itoa(m.first), strconv.Itoa(count))
		cmd.Env = []string{}
		cmd.WaitDelay = time.Second
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", m.program, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// start starts a process of the driver's own in a user namespace, and in the
// given other ones.
func (u users) start(cmd *exec.Cmd, namespaces uintptr) error {
	cmd.SysProcAttr = u.attributes(namespaces)
	if u.sub == nil {
		return cmd.Start()
	}
	wait, given, err := os.Pipe()
	if err != nil {
		return err
	}
	defer wait.Close()
	defer given.Close()
	cmd.Env = append(cmd.Env, idsVar+"="+strconv.Itoa(3+len(cmd.ExtraFiles)))
	cmd.ExtraFiles = append(cmd.ExtraFiles, wait)
	if err := cmd.Start(); err != nil {
		return err
	}
	err = u.sub.give(cmd.Process.Pid, u.count)
	if err == nil {
		_, err = given.Write([]byte{1})
	}
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait() // how it ended says less than err
	}
	return err
}

// try reports whether the ids can be had.
func (u users) try(command []string) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = []string{roleVar + "=" + roleNothing}
	if err := u.start(cmd, 0); err != nil {
		return err
	}
	return cmd.Wait()
}

// awaitIDs waits for the ids of a process that starts without, and executes the
// program again. It returns nil where there is nothing to wait for.
func awaitIDs() error {
	switch v := os.Getenv(idsVar); v {
	case "":
		return nil
	case idsThere:
		return syscall.Setgroups(nil) // those of the server's user
	default:
		fd, err := strconv.Atoi(v)
		if err != nil {
			return fmt.Errorf("namespace: %s=%s: %w", idsVar, v, err)
		}
		wait := os.NewFile(uintptr(fd), "ids")
		if _, err := io.ReadFull(wait, make([]byte, 1)); err != nil {
			return fmt.Errorf("namespace: the process got no ids: %w", err)
		}
		unix.CloseOnExec(fd)
		env := append(os.Environ(), idsVar+"="+idsThere)
		return fmt.Errorf("namespace: start again: %w", syscall.Exec("/proc/self/exe", os.Args, withoutFirst(env, idsVar)))
	}
}

// withoutFirst drops the first setting of a variable.
func withoutFirst(env []string, name string) []string {
	for i, v := range env {
		if strings.HasPrefix(v, name+"=") {
			return append(env[:i:i], env[i+1:]...)
		}
	}
	return env
}
