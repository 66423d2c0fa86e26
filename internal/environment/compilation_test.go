package environment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"furl/internal/sandbox"
)

// compiledFile is one file of an answer.
func compiledFile(name, content string) string {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(name)))
	return string(binary.LittleEndian.AppendUint32(b, uint32(len(content)))) + name + content
}

// pyc is a compiled file with the given flags.
func pyc(flags byte) string { return "magi" + string(flags) + strings.Repeat("\x00", 11) + "code" }

// newCompilation is one of a package with app.py, lib/mod.py and a link to the latter.
func newCompilation(t testing.TB) *compilation {
	t.Helper()
	dir := t.TempDir()
	err := os.Mkdir(filepath.Join(dir, "lib"), 0o755)
	for _, name := range []string{"app.py", "lib/mod.py"} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), nil, 0o644))
	}
	err = errors.Join(err, os.Symlink("lib/mod.py", filepath.Join(dir, "link.py")))
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	return &compilation{root: root, suffix: ".cpython-312.pyc", add: func(string, []byte) error { return nil }}
}

func TestCompilationBelievesNothing(t *testing.T) {
	const good = "__pycache__/app.cpython-312.pyc"
	long := compiledFile(good, pyc(1))
	for name, answer := range map[string]string{
		"no name":              compiledFile("", pyc(1)),
		"source":               compiledFile("app.py", pyc(1)),
		"other version":        compiledFile("__pycache__/app.cpython-311.pyc", pyc(1)),
		"optimized":            compiledFile("__pycache__/app.cpython-312.opt-1.pyc", pyc(1)),
		"no such source":       compiledFile("__pycache__/lib.cpython-312.pyc", pyc(1)),
		"source is a link":     compiledFile("__pycache__/link.cpython-312.pyc", pyc(1)),
		"no stem":              compiledFile("__pycache__/.cpython-312.pyc", pyc(1)),
		"other directory":      compiledFile("lib/mod.cpython-312.pyc", pyc(1)),
		"beside the tree":      compiledFile("../"+good, pyc(1)),
		"back into the tree":   compiledFile("lib/../"+good, pyc(1)),
		"absolute":             compiledFile("/"+good, pyc(1)),
		"slash in the stem":    compiledFile("__pycache__/x/../app.cpython-312.pyc", pyc(1)),
		"not clean":            compiledFile("./"+good, pyc(1)),
		"NUL":                  compiledFile("__pycache__/app\x00.cpython-312.pyc", pyc(1)),
		"checked by time":      compiledFile(good, pyc(0)),
		"checked by hash":      compiledFile(good, pyc(3)),
		"no code":              compiledFile(good, pyc(1)[:15]),
		"cut short":            long[:len(long)-1],
		"cut in the lengths":   long[:7],
		"lengths that wrap":    strings.Repeat("\xff", 8) + long,
		"good, then something": long + "x",
	} {
		c := newCompilation(t)
		added := 0
		c.add = func(string, []byte) error { added++; return nil }
		if err := c.take([]byte(answer)); !errors.Is(err, sandbox.ErrProtocol) || added != strings.Count(name, "good") {
			t.Errorf("%s: %v, %d added", name, err, added)
		}
	}
	c := newCompilation(t)
	var added []string
	c.add = func(name string, content []byte) error {
		added = append(added, fmt.Sprint(name, " ", len(content)))
		return nil
	}
	if err := c.take([]byte(long + compiledFile("lib/__pycache__/mod.cpython-312.pyc", pyc(1)+"more"))); err != nil {
		t.Error(err)
	}
	if got := strings.Join(added, ", "); got != good+" 20, lib/__pycache__/mod.cpython-312.pyc 24" || c.done != (Compiled{Files: 2, Bytes: 44}) {
		t.Errorf("added %s, counted %+v", got, c.done)
	}
}

// What exceeds a limit is left out, and is no error.
func TestCompilationLimits(t *testing.T) {
	file := compiledFile("__pycache__/app.cpython-312.pyc", pyc(1))
	for _, before := range []Compiled{{Files: maxCompiledFiles - 1}, {Bytes: maxCompiledBytes - 20}} {
		c := newCompilation(t)
		c.done = before
		added := 0
		c.add = func(string, []byte) error { added++; return nil }
		if err := c.take([]byte(file + file + file)); err != nil || added != 1 || !c.done.Partial {
			t.Errorf("%+v: %v, %d added, %+v", before, err, added, c.done)
		}
	}
}

func FuzzCompiledFiles(f *testing.F) {
	f.Add([]byte(compiledFile("__pycache__/app.cpython-312.pyc", pyc(1))))
	f.Add([]byte(compiledFile("lib/__pycache__/mod.cpython-312.pyc", pyc(1)) + compiledFile("../app.py", "x")))
	f.Add([]byte(compiledFile("__pycache__/../__pycache__/link.cpython-312.pyc", pyc(1))))
	c := newCompilation(f)
	f.Fuzz(func(t *testing.T, answer []byte) {
		c.done = Compiled{}
		c.add = func(name string, content []byte) error {
			stem, ok := strings.CutSuffix(path.Base(name), ".cpython-312.pyc")
			dir := path.Dir(name)
			if !ok || path.Clean(name) != name || path.Base(dir) != "__pycache__" || len(content) < 16 || content[4] != 1 {
				t.Fatalf("added %q with %d bytes", name, len(content))
			}
			source, err := fs.Stat(c.root.FS(), path.Join(path.Dir(dir), stem+".py"))
			if err != nil || !source.Mode().IsRegular() {
				t.Fatalf("added %q: %v", name, err)
			}
			return nil
		}
		if err := c.take(answer); err != nil && !errors.Is(err, sandbox.ErrProtocol) {
			t.Fatal(err)
		}
	})
}
