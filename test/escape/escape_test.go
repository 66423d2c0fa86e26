//go:build linux

package escape_test

import (
	"crypto/rand"
	"errors"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"furl/internal/sandbox"
)

// targets are what the test puts up to be attacked, as the attack's arguments.
func targets(t *testing.T, driver string, e, victim sandbox.Env, victimCode string) map[string]any {
	t.Helper()
	secret := rand.Text()
	t.Setenv(secretVar, secret)
	dir := t.TempDir()
	file := filepath.Join(dir, "secret")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	// A process of the host, with the secret in its environment.
	host := exec.Command("/bin/sleep", "300")
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { host.Process.Kill(); host.Wait() })
	port6 := 0
	if ln, err := net.Listen("tcp", "[::1]:0"); err == nil {
		port6 = accept(t, ln)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	abstract := "furl-escape-" + secret[:8]
	for _, name := range []string{"@" + abstract, filepath.Join(dir, "s")} {
		ln, err := net.Listen("unix", name)
		if err != nil {
			t.Fatal(err)
		}
		accept(t, ln)
	}
	datagrams, err := net.ListenPacket("unixgram", filepath.Join(dir, "d"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { datagrams.Close() })
	victimPid, err := strconv.Atoi(run(t, victim, "import os; result = os.getpid()"))
	if err != nil {
		t.Fatal(err)
	}
	if driver == "namespace" {
		victimPid += 100_000 // whatever it is there, it is not the victim's here
	}
	return map[string]any{
		"driver": driver, "secret": secret, "secret_file": file, "victim_code": victimCode, "victim_pid": victimPid,
		"host_pid": host.Process.Pid, "port": accept(t, ln), "port6": port6, "abstract": abstract, "unix": filepath.Join(dir, "s"), "unix_datagram": filepath.Join(dir, "d"), "empty_file": file,
		"token": secret[:8], "code": e.Layout().Code, "shm_key": sharedMemory(t),
	}
}

// accept takes and closes connections until the test ends.
func accept(t *testing.T, ln net.Listener) (port int) {
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	if a, ok := ln.Addr().(*net.TCPAddr); ok {
		port = a.Port
	}
	return port
}

// sharedMemory makes a segment of System V shared memory and returns its key.
func sharedMemory(t *testing.T) int {
	t.Helper()
	const create, remove = 0o1000 | 0o2000 | 0o666, 0
	for key := uintptr(0x6675726c); ; key++ {
		id, _, errno := syscall.Syscall(syscall.SYS_SHMGET, key, 4096, create)
		if errno == syscall.EEXIST {
			continue
		}
		if errno != 0 {
			t.Fatal(errno)
		}
		t.Cleanup(func() { syscall.Syscall(syscall.SYS_SHMCTL, id, remove, 0) })
		return int(key)
	}
}

// attackOn runs the whole suite on a driver.
func attackOn(t *testing.T, d sandbox.Driver) map[string]string {
	t.Helper()
	victimCode := codeDir(t, map[string]string{"secret.txt": "the victim's own"})
	victim := function(t, d, victimCode, sandbox.Limits{})
	code := codeDir(t, map[string]string{"attack.py": read(t, "testdata/code/attack.py"), "attacker": read(t, os.Getenv(attackerVar))})
	e := function(t, d, code, sandbox.Limits{})
	results := assault(t, e, targets(t, d.Name(), e, victim, victimCode))
	if got := run(t, victim, "result = open('secret.txt').read() if False else 6 * 7"); got != "42" {
		t.Errorf("the victim answers %q", got)
	}
	return results
}

func open(results map[string]string) []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(results)) {
		if strings.HasPrefix(results[name], "OPEN") {
			names = append(names, name)
		}
	}
	return names
}

func closed(results map[string]string) int {
	n := 0
	for _, what := range results {
		if strings.HasPrefix(what, "closed") {
			n++
		}
	}
	return n
}

const atLeast = 90 // attacks

func TestNamespaceHolds(t *testing.T) {
	if os.Geteuid() != 0 {
		needed(t, errors.New("it needs root; TestNamespaceHoldsRootless does not"))
	}
	eachWay(t, namespaceHolds)
}

func namespaceHolds(t *testing.T, made way) {
	results := attackOn(t, made(namespaceDriver(t)))
	for _, name := range open(results) {
		t.Errorf("%s: %s", name, results[name])
	}
	if n := closed(results); n < atLeast {
		t.Errorf("%d attacks were tried and failed, want %d", n, atLeast)
	}
	for _, name := range slices.Sorted(maps.Keys(results)) {
		t.Log(name, results[name])
	}
}

// The driver that stops little must be seen to stop little.
func TestProcessIsOpen(t *testing.T) {
	results := attackOn(t, processDriver(t))
	found := open(results)
	if os.Geteuid() == 0 && len(found) < 50 || len(found) < 20 {
		t.Errorf("only %d attacks got through; does the suite still attack? %v", len(found), results)
	}
	t.Logf("%d of %d attacks got through", len(found), len(results))
}

// rootlessOpen are attacks that are none where sandboxes run as the only user
// there is, which is number 0 of its user namespace, without a capability.
var rootlessOpen = []string{"be_root", "become_root"}

func TestNamespaceHoldsRootless(t *testing.T) {
	if os.Geteuid() == 0 {
		asNobody(t)
		return
	}
	eachWay(t, namespaceHoldsRootless)
}

func namespaceHoldsRootless(t *testing.T, made way) {
	results := attackOn(t, made(namespaceDriver(t)))
	for _, name := range open(results) {
		if !slices.Contains(rootlessOpen, name) {
			t.Errorf("%s: %s", name, results[name])
		}
	}
	if n := closed(results); n < atLeast-len(rootlessOpen) {
		t.Errorf("%d attacks were tried and failed, want %d", n, atLeast-len(rootlessOpen))
	}
}

// asNobody runs this very test as a user without rights.
func asNobody(t *testing.T) {
	t.Helper()
	temp := t.TempDir()
	if err := os.Chmod(temp, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "TMPDIR=/tmp", "HOME=/nonexistent")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 12345, Gid: 12345}}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(out), "--- SKIP") {
		needed(t, errors.New("it was skipped as another user"))
	}
}
