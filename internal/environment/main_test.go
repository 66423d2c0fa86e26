package environment_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"furl/internal/sandbox"
)

// The test binary is also the supervisor of sandboxes, and a custom runtime.
func TestMain(m *testing.M) {
	switch {
	case sandbox.Supervise():
		return
	case os.Getenv("ENVIRONMENT_TEST_BOOTSTRAP") != "":
		os.Exit(customRuntime())
	default:
		os.Exit(run(m))
	}
}

// dirVar names a directory for the tests' files that every user may read.
const dirVar = "ENVIRONMENT_TEST_DIR"

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "furl-environment-test-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = errors.Join(os.Chmod(dir, 0o755), os.Setenv(dirVar, dir))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
