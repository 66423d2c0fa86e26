package environment_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// compile has the house's code compiled and adds the results to it. It returns
// their names.
func (h *house) compile(ctx context.Context, runtime string) (names []string, partial bool, err error) {
	h.t.Helper()
	files := make(map[string][]byte)
	made, err := h.pool.Compile(ctx, runtime, h.code, func(name string, content []byte) error {
		files[name] = slices.Clone(content)
		return nil
	})
	size := 0
	for name, content := range files {
		h.write(name, string(content))
		size += len(content)
	}
	if err == nil && (made.Files != len(files) || made.Bytes != int64(size)) {
		h.t.Errorf("compiled %+v, got %d files of %d bytes", made, len(files), size)
	}
	return slices.Sorted(maps.Keys(files)), made.Partial, err
}

// cacheTag is what ends the names of a runtime's compiled files: "cpython-312".
func cacheTag(runtime string) string {
	return "cpython-" + strings.ReplaceAll(strings.TrimPrefix(runtime, "python"), ".", "")
}

// Code is compiled without being run, and what is compiled is what the
// interpreter takes, whatever the time of the source.
func TestCompile(t *testing.T) {
	for _, runtime := range pythons(t) {
		t.Run(runtime, func(t *testing.T) {
			h := newHouse(t)
			marker := filepath.Join(t.TempDir(), "ran")
			runs := fmt.Sprintf("open(%q, 'a').write(__name__)\n", marker)
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
    return [len(compiled), module.value, module.__cached__.rpartition("/")[2]]
`)
			h.write("plain.py", runs+"value = 1\n")
			h.write("pkg/__init__.py", runs)
			h.write("pkg/deep/mod.py", "# -*- coding: latin-1 -*-\nvalue = ord('\xe9')\n")
			h.write("noisy.py", "value = len('\\d')\n") // a warning of the compiler
			h.write("pkg/broken.py", "def (:\n")
			h.write("pkg/nul.py", "value = 1\x00\n")
			h.write("notes.txt", "value = 1\n")
			// A name that a package may have, and no longer one.
			h.write(strings.Repeat(strings.Repeat("d", 240)+"/", 4)+strings.Repeat("f", 50)+".py", "value = 1\n")
			if err := os.Symlink("plain.py", filepath.Join(h.code, "linked.py")); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(".", filepath.Join(h.code, "pkg", "loop")); err != nil {
				t.Fatal(err)
			}
			invoked := func(module string) string {
				return string(h.invoke(h.target(fmt.Sprint("f", time.Now().UnixNano()), runtime, "app.handler"), "1", `"`+module+`"`).Payload)
			}
			tag := cacheTag(runtime)
			if got, want := invoked("plain"), `[1, 1, "plain.`+tag+`.pyc"]`; got != want {
				t.Fatalf("before: %s, want %s", got, want)
			}
			if err := os.Remove(marker); err != nil {
				t.Fatal(err)
			}

			got, partial, err := h.compile(t.Context(), runtime)
			if err != nil || partial {
				t.Fatalf("partial: %t, %v", partial, err)
			}
			want := []string{"__pycache__/app." + tag + ".pyc", "__pycache__/noisy." + tag + ".pyc", "__pycache__/plain." + tag + ".pyc",
				"pkg/__pycache__/__init__." + tag + ".pyc", "pkg/deep/__pycache__/mod." + tag + ".pyc"}
			if !slices.Equal(got, want) {
				t.Errorf("compiled %q, want %q", got, want)
			}
			if _, err := os.Stat(marker); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the code was run: %v", err)
			}
			for module, value := range map[string]string{"plain": "1", "pkg.deep.mod": "233", "noisy": "2"} {
				path := filepath.Join(h.code, strings.ReplaceAll(module, ".", "/")+".py")
				if err := os.Chtimes(path, time.Now(), time.Now().Add(time.Hour)); err != nil {
					t.Fatal(err)
				}
				name := module[strings.LastIndexByte(module, '.')+1:]
				if got, want := invoked(module), fmt.Sprintf(`[0, %s, "%s.%s.pyc"]`, value, name, tag); got != want {
					t.Errorf("%s: %s, want %s", module, got, want)
				}
			}
			if form := h.pool.CompiledForm(t.Context(), runtime); !strings.HasPrefix(form, tag+"-"+strings.TrimPrefix(runtime, "python")+".") {
				t.Errorf("form %q", form)
			}
			if again, _, err := h.compile(t.Context(), runtime); err != nil || len(again) != 0 {
				t.Errorf("compiled once more: %q, %v", again, err)
			}
		})
	}
}

// A package's own compiled files are kept where the interpreter takes them, and
// replaced where it does not.
func TestCompileOverCompiled(t *testing.T) {
	runtime := anyPython(t)
	tag := cacheTag(runtime)
	h := newHouse(t)
	modules := []string{"cut", "foreign", "older", "checked", "changed", "current", "unchecked"}
	for _, m := range modules {
		h.write(m+".py", "value = 1\n")
	}
	if _, _, err := h.compile(t.Context(), runtime); err != nil {
		t.Fatal(err)
	}
	put := func(module string, edit func(pyc []byte) []byte) {
		name := "__pycache__/" + module + "." + tag + ".pyc"
		content, err := os.ReadFile(filepath.Join(h.code, name))
		if err != nil {
			t.Fatal(err)
		}
		h.write(name, string(edit(content)))
	}
	stamp := func(seconds int64) func([]byte) []byte {
		return func(pyc []byte) []byte {
			binary.LittleEndian.PutUint32(pyc[4:], 0)
			binary.LittleEndian.PutUint32(pyc[8:], uint32(seconds))
			binary.LittleEndian.PutUint32(pyc[12:], uint32(len("value = 1\n")))
			return pyc
		}
	}
	when := time.Date(2025, 6, 7, 8, 9, 10, 0, time.UTC)
	for _, m := range []string{"older", "current"} {
		if err := os.Chtimes(filepath.Join(h.code, m+".py"), when, when); err != nil {
			t.Fatal(err)
		}
	}
	put("cut", func(pyc []byte) []byte { return pyc[:9] })
	put("foreign", func(pyc []byte) []byte { pyc[0]++; return pyc })
	put("older", stamp(when.Unix()-2))
	put("current", stamp(when.Unix()))
	checked := func(pyc []byte) []byte { pyc[4] = 3; return pyc }
	put("checked", checked)
	put("changed", checked)
	h.write("changed.py", "value = 2\n")
	// Names that cannot be.
	h.write("sub/x.py", "")
	h.write("sub/__pycache__", "a file")
	h.write("dir.py", "")
	h.write("__pycache__/dir."+tag+".pyc/f", "")
	h.write(strings.Repeat("l", 250)+".py", "")
	got, _, err := h.compile(t.Context(), runtime)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, m := range []string{"changed", "cut", "foreign", "older"} {
		want = append(want, "__pycache__/"+m+"."+tag+".pyc")
	}
	if !slices.Equal(got, want) {
		t.Errorf("compiled %q, want %q", got, want)
	}
}

// A compilation that takes too long keeps what it has; one that nobody wants any
// more ends at once.
func TestCompileEnds(t *testing.T) {
	runtime := anyPython(t)
	h := newHouse(t)
	for i := range 60 { // more than an answer holds
		h.write(fmt.Sprintf("m%02d.py", i), strings.Repeat("def f(a, b):\n    return [a + b * 2 for c in a]\n", 200))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	var first string
	made, err := h.pool.Compile(ctx, runtime, h.code, func(name string, _ []byte) error {
		if first == "" {
			first = name
			<-ctx.Done()
		}
		return nil
	})
	if err != nil || !made.Partial || made.Files == 0 || made.Files == 60 || !strings.Contains(first, "/m00.") {
		t.Errorf("%+v, %s first, %v", made, first, err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	_, err = h.pool.Compile(ctx, runtime, h.code, func(string, []byte) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
	full := errors.New("no space left")
	if _, err := h.pool.Compile(t.Context(), runtime, h.code, func(string, []byte) error { return full }); !errors.Is(err, full) {
		t.Errorf("add fails: %v", err)
	}
}

func TestCompileWithoutForm(t *testing.T) {
	h := newHouse(t)
	for _, runtime := range []string{"nodejs20.x", "provided.al2023", "java21"} {
		if form := h.pool.CompiledForm(t.Context(), runtime); form != "" {
			t.Errorf("%s: form %q", runtime, form)
		}
		if _, err := h.pool.Compile(t.Context(), runtime, h.code, nil); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", runtime, err)
		}
	}
}
