package furl_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The rules of the house that a program can see. ARCHITECTURE.md prints the
// ranks; this test reads them from there, so the two cannot differ.

const (
	maxFileLines     = 800
	maxFunctionLines = 100
)

// ranks reads the table of ARCHITECTURE.md: lines like "| 2 | state |".
func ranks(t *testing.T) map[string]int {
	t.Helper()
	f, err := os.Open("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	row := regexp.MustCompile(`^\| (\d) \| (.*?) \|`)
	name := regexp.MustCompile("`([a-z0-9/]+)`")
	out := map[string]int{}
	for sc := bufio.NewScanner(f); sc.Scan(); {
		m := row.FindStringSubmatch(sc.Text())
		if m == nil {
			continue
		}
		rank, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range name.FindAllStringSubmatch(m[2], -1) {
			out[n[1]] = rank
		}
	}
	if len(out) < 10 {
		t.Fatalf("ARCHITECTURE.md has a table of %d ranks; want one row a rank: | rank | `package` … |", len(out))
	}
	return out
}

// pkg is what go list says of a package.
type pkg struct {
	ImportPath string
	Dir        string
	Doc        string
	Name       string
	GoFiles    []string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,Doc,Name,GoFiles,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// house returns the name under which a package stands in the table: the part
// of its path that the table lists, "" for what is outside of it (tests).
func house(path string, table map[string]int) string {
	name, ok := strings.CutPrefix(path, "furl/internal/")
	if path == "furl" {
		name, ok = "furl", true
	}
	if !ok {
		return ""
	}
	for ; name != "." && name != ""; name = filepath.Dir(name) {
		if _, listed := table[name]; listed {
			return name
		}
	}
	return "?"
}

func TestImportsGoDown(t *testing.T) {
	table := ranks(t)
	seen := map[string]bool{}
	for _, p := range packages(t) {
		from := house(p.ImportPath, table)
		if from == "?" {
			t.Errorf("%s is not in the table of ARCHITECTURE.md", p.ImportPath)
		}
		seen[from] = true
		for _, imported := range p.Imports {
			to := house(imported, table)
			if from == "" || to == "" || to == from {
				continue
			}
			if table[to] >= table[from] {
				t.Errorf("%s (rank %d) imports %s (rank %d): imports go to lower ranks only", from, table[from], to, table[to])
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(table)) {
		if !seen[name] {
			t.Errorf("ARCHITECTURE.md lists %s, which is no package", name)
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	banned := []string{"util", "utils", "common", "helpers", "models", "types", "manager", "base", "core", "misc"}
	for _, p := range packages(t) {
		if p.Doc == "" && len(p.GoFiles) > 0 {
			t.Errorf("%s has no package documentation", p.ImportPath)
		}
		if slices.Contains(banned, p.Name) {
			t.Errorf("%s: a package called %s says nothing", p.ImportPath, p.Name)
		}
	}
}

func TestSourceFiles(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != "." {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasPrefix(d.Name(), "zz_") {
			return nil
		}
		checkSource(t, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkSource(t *testing.T, path string) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, nil, 0)
	if err != nil {
		t.Error(err)
		return
	}
	if lines := fset.File(file.FileStart).LineCount(); lines > maxFileLines {
		t.Errorf("%s has %d lines; a file holds one subject in at most %d", path, lines, maxFileLines)
	}
	isTest := strings.HasSuffix(path, "_test.go")
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if f.Recv == nil && f.Name.Name == "init" {
			t.Errorf("%s: %s: no init functions", path, fset.Position(f.Pos()))
		}
		if n := fset.Position(f.End()).Line - fset.Position(f.Pos()).Line + 1; n > maxFunctionLines && !isTest {
			t.Errorf("%s: %s has %d lines; at most %d can be seen whole", path, f.Name.Name, n, maxFunctionLines)
		}
	}
	if isTest || file.Name.Name == "main" {
		return
	}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := call.X.(*ast.Ident)
		if ok && (x.Name == "os" && call.Sel.Name == "Exit" || x.Name == "log" && strings.HasPrefix(call.Sel.Name, "Fatal")) {
			t.Errorf("%s: only main exits", fset.Position(call.Pos()))
		}
		return true
	})
}
