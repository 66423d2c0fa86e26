package cli

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"furl/internal/code"
)

// maxName is the longest function name.
const maxName = 64

// source is a function's code on this machine: a directory, a file, or a
// deployment package (.zip).
type source struct {
	// path is absolute.
	path string
	// single is the base name of the one file; empty for directories and packages.
	single string
	// archive is set for packages.
	archive bool
}

// openSource looks at what is at a path.
func openSource(name string) (*source, error) {
	full, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(full)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no file or directory %s", full)
	case err != nil:
		return nil, err
	case info.IsDir():
		return &source{path: full}, nil
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is neither a file nor a directory", full)
	case strings.EqualFold(filepath.Ext(full), ".zip"):
		return &source{path: full, archive: true}, nil
	}
	return &source{path: full, single: filepath.Base(full)}, nil
}

// functionName is the name of the directory or file with everything replaced
// that a function's name cannot have.
func (s *source) functionName() (string, error) {
	base := filepath.Base(s.path)
	if s.single != "" || s.archive {
		base = strings.TrimSuffix(base, filepath.Ext(base))
	}
	name := regexp.MustCompile(`[^A-Za-z0-9_-]+`).ReplaceAllString(base, "-")
	name = strings.Trim(name, "-")
	if len(name) > maxName {
		name = strings.TrimRight(name[:maxName], "-")
	}
	if name == "" {
		return "", withHint(fmt.Errorf("%s gives no function name", s.path), "give one with --name")
	}
	return name, nil
}

// pack makes the deployment package.
func (s *source) pack() ([]byte, error) {
	var data []byte
	var err error
	if s.archive {
		data, err = os.ReadFile(s.path)
	} else {
		var b bytes.Buffer
		err = code.Pack(s.path, &b)
		data = b.Bytes()
	}
	if err != nil {
		return nil, err
	}
	if limit := code.DefaultLimits().Zipped; int64(len(data)) > limit {
		return nil, withHint(fmt.Errorf("the deployment package of %s has %s, more than %s", s.path, size(len(data)), size(int(limit))),
			"keep what the function does not need at run time out of the directory")
	}
	return data, nil
}

// files gives access to the code by name; close it after use.
func (s *source) files() (fs.FS, func() error, error) {
	switch {
	case s.archive:
		r, err := zip.OpenReader(s.path)
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", s.path, err)
		}
		return r, r.Close, nil
	case s.single != "":
		return onlyFS{os.DirFS(filepath.Dir(s.path)), s.single}, func() error { return nil }, nil
	}
	return os.DirFS(s.path), func() error { return nil }, nil
}

// onlyFS shows one file of a directory.
type onlyFS struct {
	fs.FS
	name string
}

func (o onlyFS) Open(name string) (fs.File, error) {
	if name != o.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return o.FS.Open(name)
}

// ReadDir lists the one file.
func (o onlyFS) ReadDir(name string) ([]fs.DirEntry, error) {
	if name != "." {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: fs.ErrNotExist}
	}
	info, err := fs.Stat(o.FS, o.name)
	if err != nil {
		return nil, err
	}
	return []fs.DirEntry{fs.FileInfoToDirEntry(info)}, nil
}

// has reports whether the code holds the file that a handler is in.
func (s *source) has(family, handler string) bool {
	if family == familyProvided {
		return true // its bootstrap decides what a handler means
	}
	files, closeFiles, err := s.files()
	if err != nil {
		return false
	}
	defer closeFiles()
	module, _, ok := cutLast(handler, ".")
	if !ok {
		return false
	}
	var names []string
	if family == familyPython {
		module = strings.ReplaceAll(module, ".", "/")
		names = []string{module + ".py", module + "/__init__.py"}
	} else {
		names = []string{module + ".mjs", module + ".js", module + ".cjs"}
	}
	for _, name := range names {
		if info, err := fs.Stat(files, path.Clean(name)); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// size words a number of bytes.
func size(n int) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 1000*1000:
		return fmt.Sprintf("%.1f kB", float64(n)/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/(1000*1000))
}
