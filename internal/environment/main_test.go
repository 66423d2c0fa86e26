package environment_test

import (
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
		os.Exit(m.Run())
	}
}
