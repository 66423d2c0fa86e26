//go:build linux

package cgroup

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// Every way to end all processes of a group ends them, frozen or not.
func TestKill(t *testing.T) {
	c, err := Open("")
	if err != nil {
		if os.Getenv("CI") == "true" && os.Geteuid() == 0 {
			t.Fatal(err)
		}
		t.Skip("SKIPPED, cgroups are not tested here: ", err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	g, err := c.Take()
	if err != nil {
		t.Fatal(err)
	}
	can := func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, "cgroup.kill"))
		return err == nil
	}
	freezes := func(dir string) bool {
		_, err := os.Stat(filepath.Join(dir, "freezer.state"))
		return err == nil
	}
	ways := map[string][]string{
		"all":            g.Dirs(),
		"version 1":      slices.DeleteFunc(slices.Clone(g.Dirs()), can),
		"without freeze": slices.DeleteFunc(slices.Clone(g.Dirs()), func(dir string) bool { return can(dir) || freezes(dir) }),
	}
	for name, dirs := range ways {
		if len(dirs) == 0 {
			continue // the system has no such group
		}
		for _, frozen := range []bool{false, true} {
			// It starts the others when it is in the group.
			cmd := exec.Command("/bin/sh", "-c", "read go; (sleep 1000 & sleep 1000) & echo ready; sleep 1000")
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := g.Add(cmd.Process.Pid); err != nil {
				t.Fatal(err)
			}
			if _, err := in.Write([]byte("go\n")); err != nil {
				t.Fatal(err)
			}
			if _, err := out.Read(make([]byte, 10)); err != nil {
				t.Fatal(err)
			}
			if frozen && g.freezer2 == slices.ContainsFunc(dirs, can) { // by what will thaw it
				if err := g.Freeze(); err != nil {
					t.Fatal(err)
				}
			}
			if err := Kill(dirs); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if exit, ok := errors.AsType[*exec.ExitError](cmd.Wait()); !ok || exit.ExitCode() != -1 {
				t.Errorf("%s: it was not killed: %v", name, exit)
			}
			for _, dir := range g.Dirs() {
				if left, err := members(dir); err != nil || len(left) > 0 {
					t.Errorf("%s: %s holds %v, %v", name, dir, left, err)
				}
			}
			if err := c.Give(g); err != nil {
				t.Fatal(err)
			}
			if g, err = c.Take(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
