//go:build linux

package cgroup

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestBirth(t *testing.T) {
	c, err := Open("")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("SKIPPED, there are no cgroups here: ", err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	const user = 12345
	if os.Geteuid() == 0 {
		if err := c.Admit(user); err != nil {
			t.Fatal(err)
		}
	}
	g, err := c.Take()
	if err != nil {
		t.Fatal(err)
	}
	b, err := g.Birth()
	if err != nil {
		t.Fatal(err)
	}
	script := "cat /proc/self/cgroup"
	for i := range b.Tasks {
		script = fmt.Sprintf("echo 0 >&%d; ", 3+i) + script
	}
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.ExtraFiles = b.Tasks
	if b.Group != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(b.Group.Fd())}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	place := "/" + filepath.Join("furl", filepath.Base(filepath.Dir(g.dirs[0])), filepath.Base(g.dirs[0])) + "\n"
	if n := strings.Count(string(out), place); n != len(g.dirs) {
		t.Errorf("it is in %d of %d groups that end with %s%s", n, len(g.dirs), place, out)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if g.unified != "" && os.Geteuid() == 0 {
		for _, dir := range []string{g.unified, filepath.Dir(g.unified)} {
			info, err := os.Stat(filepath.Join(dir, "cgroup.procs"))
			if err != nil || info.Sys().(*syscall.Stat_t).Uid != user {
				t.Errorf("%s is not for user %d: %v", dir, user, err)
			}
		}
	}
	if err := c.Give(g); err != nil {
		t.Error(err)
	}
}
