package code_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"furl/internal/code"
)

// project writes a directory to pack: a name ending in "/" is a directory, a body "-> x" a link.
func project(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, body := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		target, isLink := strings.CutPrefix(body, "-> ")
		switch {
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(path, 0o755)
		case isLink:
			err = os.Symlink(target, path)
		default:
			err = os.WriteFile(path, []byte(body), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func pack(t *testing.T, path string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := code.Pack(path, &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPackDirectory(t *testing.T) {
	dir := project(t, map[string]string{
		"app.py":                      "x = 1\n",
		"bootstrap":                   "#!/bin/sh\n",
		"node_modules/a/index.js":     "1",
		"node_modules/.bin/a":         "-> ../a/index.js",
		".git/HEAD":                   "ref",
		".gitignore":                  "*.pyc\n",
		"lib/.git":                    "gitdir: ../.git",
		"lib/mod.py":                  "y = 2\n",
		"lib/__pycache__/mod.3.12.py": "compiled",
		".venv/bin/python":            "-> /usr/bin/python3",
		"empty/":                      "",
	})
	if err := os.Chmod(filepath.Join(dir, "bootstrap"), 0o764); err != nil {
		t.Fatal(err)
	}
	data := pack(t, dir)
	want := `dr-xr-xr-x .
-r--r--r-- .gitignore "*.pyc\n" 1980-01-01 00:00:00
-r--r--r-- app.py "x = 1\n" 1980-01-01 00:00:00
-r-xr-xr-x bootstrap "#!/bin/sh\n" 1980-01-01 00:00:00
dr-xr-xr-x empty
dr-xr-xr-x lib
-r--r--r-- lib/mod.py "y = 2\n" 1980-01-01 00:00:00
dr-xr-xr-x node_modules
dr-xr-xr-x node_modules/.bin
Lrwxrwxrwx node_modules/.bin/a -> ../a/index.js
dr-xr-xr-x node_modules/a
-r--r--r-- node_modules/a/index.js "1" 1980-01-01 00:00:00
`
	if got := listing(t, ensure(t, open(t, tempDir(t)), data)); got != want {
		t.Errorf("packed and unpacked:\n%swant:\n%s", got, want)
	}
}

func TestPackIsDeterministic(t *testing.T) {
	files := map[string]string{"b": "2", "a/x": "1", "a-b": "3", "l": "-> b"}
	dir := project(t, files)
	want := pack(t, dir)
	later := time.Now().Add(time.Hour)
	for name := range files {
		if name != "l" {
			if err := os.Chtimes(filepath.Join(dir, name), later, later); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.Chmod(filepath.Join(dir, "b"), 0o600); err != nil { // another umask
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "__pycache__"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := pack(t, dir); !bytes.Equal(got, want) {
		t.Error("an unchanged directory packs to other bytes")
	}
	if got := pack(t, project(t, files)); !bytes.Equal(got, want) {
		t.Error("a copy of the directory packs to other bytes")
	}
	if err := os.Chmod(filepath.Join(dir, "b"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := pack(t, dir); bytes.Equal(got, want) {
		t.Error("the executable bit is lost")
	}
}

func TestPackFile(t *testing.T) {
	dir := project(t, map[string]string{"src/app.py": "x = 1\n", "src/other.py": "", "elsewhere/link.py": "-> ../src/app.py"})
	for name, want := range map[string]string{
		"src/app.py":        "dr-xr-xr-x .\n-r--r--r-- app.py \"x = 1\\n\" 1980-01-01 00:00:00\n",
		"elsewhere/link.py": "dr-xr-xr-x .\n-r--r--r-- link.py \"x = 1\\n\" 1980-01-01 00:00:00\n",
	} {
		data := pack(t, filepath.Join(dir, name))
		if got := listing(t, ensure(t, open(t, tempDir(t)), data)); got != want {
			t.Errorf("%s: %s want %s", name, got, want)
		}
	}
	t.Chdir(filepath.Join(dir, "src"))
	if !bytes.Equal(pack(t, "app.py"), pack(t, filepath.Join(dir, "src", "app.py"))) {
		t.Error("a file packs to other bytes by another path")
	}
}

func TestPackRefuses(t *testing.T) {
	pipe := project(t, map[string]string{"f": "1"})
	if err := syscall.Mkfifo(filepath.Join(pipe, "pipe"), 0o600); err != nil {
		t.Skip("NOT TESTED: ", err)
	}
	tests := map[string]struct{ path, want string }{
		"nothing there":      {filepath.Join(t.TempDir(), "gone"), "no such file"},
		"empty":              {t.TempDir(), "no file in it"},
		"only tools' files":  {project(t, map[string]string{".git/HEAD": "1", "d/": ""}), "no file in it"},
		"link out":           {project(t, map[string]string{"f": "1", "d/l": "-> ../../etc"}), "d/l: its target"},
		"link out by a link": {project(t, map[string]string{"f": "1", "d/e/": "", "l": "-> d/e", "m": "-> l/../../.."}), "m: its target"},
		"absolute link":      {project(t, map[string]string{"f": "1", "l": "-> /etc/passwd"}), "l: its target"},
		"pipe":               {pipe, "pipe: it is a named pipe"},
		"pipe alone":         {filepath.Join(pipe, "pipe"), "it is a named pipe"},
		"backslash":          {project(t, map[string]string{`a\b`: "1"}), "backslash"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := code.Pack(test.path, &bytes.Buffer{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Pack: %v; want %q in it", err, test.want)
			}
		})
	}
}

// Whatever Pack makes, Check accepts.
func TestPackPassesCheck(t *testing.T) {
	dir := project(t, map[string]string{"zeros": strings.Repeat("\x00", 1<<20), "empty": "", "caf\xe9": "1", "l": "-> zeros"})
	data := pack(t, dir)
	info, err := check(data)
	if err != nil || info.Files != 3 || info.Entries != 4 {
		t.Errorf("Check = %+v, %v", info, err)
	}
	if !bytes.Contains(data, []byte("caf\xe9")) {
		t.Error("a name that is not UTF-8 is lost")
	}
}
