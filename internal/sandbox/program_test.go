package sandbox_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"furl/internal/sandbox"
)

// The test binary is also the supervisor, and the program that sandboxes run.
func TestMain(m *testing.M) {
	switch {
	case sandbox.Supervise():
		return
	case os.Getenv("SANDBOX_TEST_SERVER") != "":
		serveUntilKilled()
	case os.Getenv("SANDBOX_TEST_PROGRAM") != "":
		program(os.Getenv("SANDBOX_TEST_PROGRAM"))
	default:
		os.Exit(m.Run())
	}
}

// Kinds of the test program's frames: each asks for something.
const (
	askEcho = 10 + iota
	askEnv
	askFiles
	askDir
	askShell
	askExit
	askLimits
	askSilence
	askGarbage
	askOther
)

// program answers the questions on descriptor 3 on descriptor 4.
func program(mode string) {
	questions, server := os.NewFile(3, "questions"), os.NewFile(4, "answers")
	if mode == "broken" {
		fmt.Println("cannot start today")
		os.Exit(3)
	}
	if mode == "mute" {
		io.Copy(io.Discard, questions)
		return
	}
	server.Write(sandbox.AppendHeader(nil, sandbox.Header{Kind: sandbox.KindHello}))
	for {
		head := make([]byte, sandbox.HeaderSize)
		if _, err := io.ReadFull(questions, head); err != nil {
			return
		}
		h, err := sandbox.ParseHeader(head, 1<<30)
		if err != nil {
			return
		}
		body := make([]byte, h.Length)
		if _, err := io.ReadFull(questions, body); err != nil {
			return
		}
		id := h.ID
		switch h.Kind {
		case askGarbage:
			server.Write(slices.Repeat([]byte("garbage"), 100))
			continue
		case askSilence:
			continue
		case askOther:
			id[15]++
		}
		text := perform(h.Kind, string(body))
		server.Write(append(sandbox.AppendHeader(nil, sandbox.Header{Length: len(text), Kind: h.Kind, ID: id, Aux: h.Aux + 1}), text...))
	}
}

func perform(kind byte, text string) string {
	switch kind {
	case askEnv:
		return strings.Join(os.Environ(), "\n")
	case askFiles:
		entries, _ := os.ReadDir("/proc/self/fd")
		var names []string
		for _, e := range entries {
			if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && !strings.Contains(target, "anon_inode") {
				if strings.HasPrefix(target, "/proc/") || strings.HasPrefix(target, "/sys/fs/cgroup/") {
					continue // the directory that is being read, and what Go's runtime watches
				}
				names = append(names, e.Name())
			}
		}
		return strings.Join(names, " ")
	case askDir:
		dir, _ := os.Getwd()
		info, _ := os.Stat(dir)
		return fmt.Sprint(dir, " ", info.Mode().Perm())
	case askShell:
		out, err := exec.Command("/bin/sh", "-c", text).CombinedOutput()
		if err != nil {
			return err.Error()
		}
		return string(out)
	case askLimits:
		var files, core syscall.Rlimit
		syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files)
		syscall.Getrlimit(syscall.RLIMIT_CORE, &core)
		return fmt.Sprint(files.Max, " ", core.Max)
	case askExit:
		fmt.Print("last words")
		if text == "kill" {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		os.Exit(len(text))
	}
	return text
}

func spec(t testing.TB, mode string) sandbox.Spec {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return sandbox.Spec{Name: "test program", Path: exe, Env: []string{"SANDBOX_TEST_PROGRAM=" + mode}}
}

// serveUntilKilled is a server that has sandboxes and can only be killed.
func serveUntilKilled() {
	dir := os.Getenv("SANDBOX_TEST_SERVER")
	fail := func(err error) {
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	var supervisor []string
	if os.Getenv("SANDBOX_TEST_SUPERVISED") != "" {
		var err error
		supervisor, err = sandbox.SelfSupervisor()
		fail(err)
	}
	driver, err := sandbox.NewProcess(sandbox.ProcessOptions{Dir: dir, Supervisor: supervisor})
	fail(err)
	exe, err := os.Executable()
	fail(err)
	for range 2 {
		b, err := driver.Blank(background, sandbox.Spec{Path: exe, Env: []string{"SANDBOX_TEST_PROGRAM=1"}})
		fail(err)
		env, err := b.Assign(background, sandbox.Assignment{Code: dir})
		fail(err)
		if supervisor != nil {
			_, err = env.Channel().Exchange(askShell, 0, nil, []byte(daemons), time.Now().Add(10*time.Second), 1<<20, nil)
			fail(err)
		}
	}
	fmt.Println("ready")
	select {}
}

// daemons starts a background process in the group, and one that left it.
const daemons = `sleep 1000 >/dev/null 2>&1 & (setsid sh -c 'sleep 1000 & sleep 1000' >/dev/null 2>&1 &) ; echo started`

// processesOf are the living processes of all sandboxes below dir.
func processesOf(t testing.TB, dir string) []string {
	t.Helper()
	return processesMentioning(t, "TMPDIR="+dir+"/")
}

// processesIn are the living processes of one sandbox.
func processesIn(t testing.TB, temp string) []string {
	t.Helper()
	return processesMentioning(t, "TMPDIR="+temp+"\x00")
}

func processesMentioning(t testing.TB, text string) []string {
	t.Helper()
	var found []string
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range environs {
		env, err := os.ReadFile(name)
		if err != nil || !strings.Contains(string(env), text) {
			continue
		}
		stat, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "stat"))
		if strings.Contains(string(stat), ") Z ") {
			continue
		}
		cmd, _ := os.ReadFile(filepath.Join(filepath.Dir(name), "cmdline"))
		found = append(found, fmt.Sprintf("%s %q", name, cmd))
	}
	return found
}

// eventually waits for a condition that the kernel brings about.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within ten seconds: %s", what)
		}
	}
}
