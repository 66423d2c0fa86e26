package environment_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Code is compiled in a sandbox in which it is as it will be, and taken from where
// functions find it.
func TestCompileIsolated(t *testing.T) {
	runtime := anyPython(t)
	h := newIsolated(t)
	h.write("app.py", `import importlib.machinery
compiled = []
loader = importlib.machinery.SourceFileLoader
original = loader.source_to_code
def counted(self, data, path, **more):
    compiled.append(path)
    return original(self, data, path, **more)
loader.source_to_code = counted
def handler(event, context):
    module = importlib.import_module(event)
    return [len(compiled), module.__cached__, module.f.__code__.co_filename]
`)
	h.write("pkg/mod.py", "def f():\n    pass\n")
	got, partial, err := h.compile(t.Context(), runtime)
	tag := cacheTag(runtime)
	want := []string{"__pycache__/app." + tag + ".pyc", "pkg/__pycache__/mod." + tag + ".pyc"}
	if err != nil || partial || !slices.Equal(got, want) {
		t.Fatalf("compiled %q, want %q; partial: %t, %v", got, want, partial, err)
	}
	res := h.invoke(h.target("f", runtime, "app.handler"), "1", `"pkg.mod"`)
	if want := `[0, "/var/task/pkg/__pycache__/mod.` + tag + `.pyc", "/var/task/pkg/mod.py"]`; string(res.Payload) != want {
		t.Errorf("%s, want %s", res.Payload, want)
	}
	// What is in the file is the path that the function sees, not that of the tree.
	content, err := os.ReadFile(filepath.Join(h.code, want[1]))
	if err != nil || !bytes.Contains(content, []byte("/var/task/pkg/mod.py")) {
		t.Errorf("%v, %q", err, content)
	}
}

// An interpreter that dies, as one does that needs too much memory, is an error
// that says so.
func TestCompilingInterpreterDies(t *testing.T) {
	h := newHouse(t)
	for i := range 60 {
		h.write(fmt.Sprintf("m%03d.py", i), strings.Repeat("def f(a, b):\n    return [a + b * 2 for c in a]\n", 200))
	}
	killed := 0
	_, err := h.pool.Compile(t.Context(), anyPython(t), h.code, func(string, []byte) error {
		for _, pid := range descendants(os.Getpid()) {
			cmd, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)) // gone meanwhile
			if strings.Contains(string(cmd), "_furl_bootstrap") && syscall.Kill(pid, syscall.SIGKILL) == nil {
				killed++
			}
		}
		return nil
	})
	if killed == 0 || err == nil || !strings.Contains(err.Error(), "interpreter ended: signal: killed") {
		t.Errorf("%d killed: %v", killed, err)
	}
}
