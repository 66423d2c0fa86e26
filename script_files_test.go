package furl_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdMkzip writes an archive whose member names are taken as they are given, so that a script can make those that no
// zip program writes: ../x, /x, links.
func cmdMkzip(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "mkzip")
	if len(args) < 2 {
		ts.Fatalf("usage: mkzip ZIP NAME=FILE… | NAME->TARGET")
	}
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	for _, arg := range args[1:] {
		ts.Check(addMember(ts, z, arg))
	}
	ts.Check(z.Close())
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), buf.Bytes(), 0o600))
}

func addMember(ts *testscript.TestScript, z *zip.Writer, arg string) error {
	if name, target, ok := strings.Cut(arg, "->"); ok {
		h := &zip.FileHeader{Name: name}
		h.SetMode(fs.ModeSymlink | 0o777)
		w, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		_, err = w.Write([]byte(target))
		return err
	}
	name, file, ok := strings.Cut(arg, "=")
	if !ok {
		return fmt.Errorf("%q is neither NAME=FILE nor NAME->TARGET", arg)
	}
	h := &zip.FileHeader{Name: name, Method: zip.Deflate}
	h.SetMode(0o644)
	var data []byte
	if file != "" {
		info, err := os.Stat(ts.MkAbs(file))
		if err != nil {
			return err
		}
		h.SetMode(info.Mode())
		if data, err = os.ReadFile(ts.MkAbs(file)); err != nil {
			return err
		}
	}
	w, err := z.CreateHeader(h)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

func cmdFill(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "fill")
	if len(args) != 2 {
		ts.Fatalf("usage: fill FILE BYTES")
	}
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	defer f.Close()
	ts.Check(f.Truncate(size))
}

// cmdTree lists what a directory holds, so that two listings are equal exactly when nothing was touched. Of LOCK it tells
// only that it is there: who tried to open the directory may have left a word in it.
func cmdTree(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "tree")
	if len(args) != 1 {
		ts.Fatalf("usage: tree DIR")
	}
	dir := ts.MkAbs(args[0])
	ts.Check(filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || !info.Mode().IsRegular() || name == "LOCK" {
			fmt.Fprintln(ts.Stdout(), info.Mode(), name)
			return err
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(ts.Stdout(), "%v %s %d %x\n", info.Mode(), name, len(data), sha256.Sum256(data))
		return err
	}))
}

// cmdCorrupt plays a disk that forgets a bit. A file that does not hold the text is a failure of the script: it would
// prove nothing.
func cmdCorrupt(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "corrupt")
	if len(args) != 2 {
		ts.Fatalf("usage: corrupt FILE TEXT")
	}
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	text := []byte(args[1])
	if !bytes.Contains(data, text) {
		ts.Fatalf("%s holds no %q", args[0], text)
	}
	flipped := bytes.Clone(text)
	flipped[len(flipped)/2] ^= 1
	ts.Check(os.WriteFile(path, bytes.ReplaceAll(data, text, flipped), 0o600))
}
