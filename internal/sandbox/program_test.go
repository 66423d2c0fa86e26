package sandbox_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"furl/internal/sandbox"
	"furl/internal/sandbox/sandboxtest"
)

// The test binary is also the supervisor, and the program that sandboxes run.
func TestMain(m *testing.M) {
	if sandbox.Supervise() {
		return
	}
	if os.Getenv("SANDBOX_TEST_SERVER") != "" {
		serveUntilKilled()
	}
	code, ok := sandboxtest.Program()
	if !ok {
		code = m.Run()
	}
	os.Exit(code)
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
		b, err := driver.Blank(background, sandbox.Spec{Path: exe, Env: []string{sandboxtest.ProgramVar + "=1"}})
		fail(err)
		env, err := b.Assign(background, sandbox.Assignment{Code: dir})
		fail(err)
		if supervisor != nil {
			_, err = env.Channel().Exchange(sandboxtest.AskShell, 0, nil, []byte(sandboxtest.Daemons(1)), time.Now().Add(10*time.Second), 1<<20, nil)
			fail(err)
		}
	}
	fmt.Println("ready")
	select {}
}

// processesOf are the living processes of all sandboxes below dir.
func processesOf(t testing.TB, dir string) []string {
	t.Helper()
	return sandboxtest.Processes(t, "TMPDIR="+dir+"/")
}
