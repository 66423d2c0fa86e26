package cli

import (
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Families of runtimes.
const (
	familyPython   = "python"
	familyNode     = "nodejs"
	familyProvided = "provided"
)

// maxModule is how much of a file is searched for a handler, in bytes.
const maxModule = 1 << 20

// pythonModules are where a handler is looked for, in this order, before the
// only other module.
func pythonModules() []string {
	return []string{"lambda_function", "handler", "index", "main", "app"}
}

// family tells the family of a runtime.
func family(runtime string) string {
	for _, f := range []string{familyPython, familyNode, familyProvided} {
		if strings.HasPrefix(runtime, f) {
			return f
		}
	}
	return ""
}

// guess is what a directory or file looks like.
type guess struct {
	family  string
	handler string
}

// guess finds out what kind of function the code is, and its handler. A family
// that the caller knows already narrows it down.
func (s *source) guess(known string) (guess, error) {
	files, closeFiles, err := s.files()
	if err != nil {
		return guess{}, err
	}
	defer closeFiles()
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return guess{}, fmt.Errorf("%s: %w", s.path, err)
	}
	looks := []func(fs.FS, []fs.DirEntry) (guess, bool){guessProvided, guessPython, guessNode}
	for _, look := range looks {
		if g, ok := look(files, entries); ok && (known == "" || g.family == known) {
			return g, nil
		}
	}
	if (known == familyProvided || known == "") && sleepingBootstrap(entries) {
		return guess{}, withHint(fmt.Errorf("bootstrap in %s is not executable", s.path),
			"a custom runtime is started by it: chmod +x bootstrap"+s.before())
	}
	if known == familyProvided {
		return guess{}, withHint(fmt.Errorf("there is no executable called bootstrap in %s", s.path),
			"a custom runtime is started by it: give it that name, and chmod +x bootstrap")
	}
	return guess{}, s.noHandler()
}

func (s *source) noHandler() error {
	return withHint(fmt.Errorf("no handler found in %s", s.path),
		"furl looks for a function lambda_handler or handler in "+strings.Join(pythonModules(), ".py, ")+".py or the only other .py file, for index.mjs and index.js, and for an executable called bootstrap",
		"name another one with --handler FILE.FUNCTION, without the file's ending")
}

// before says when something is to be done with the code.
func (s *source) before() string {
	if s.archive {
		return ", before it is packed"
	}
	return ""
}

// sleepingBootstrap reports whether there is a bootstrap that nothing can execute.
func sleepingBootstrap(entries []fs.DirEntry) bool {
	for _, e := range entries {
		info, err := e.Info()
		if e.Name() == "bootstrap" && err == nil && info.Mode().IsRegular() && info.Mode()&0o111 == 0 {
			return true
		}
	}
	return false
}

// guessProvided takes an executable called bootstrap for a custom runtime.
func guessProvided(_ fs.FS, entries []fs.DirEntry) (guess, bool) {
	for _, e := range entries {
		info, err := e.Info()
		if e.Name() == "bootstrap" && err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return guess{familyProvided, "bootstrap"}, true
		}
	}
	return guess{}, false
}

// guessPython takes the first module that has a handler.
func guessPython(files fs.FS, entries []fs.DirEntry) (guess, bool) {
	var others []string
	for _, e := range entries {
		if module, ok := strings.CutSuffix(e.Name(), ".py"); ok && !e.IsDir() && !slices.Contains(pythonModules(), module) {
			others = append(others, module)
		}
	}
	modules := pythonModules()
	if len(others) == 1 {
		modules = append(modules, others[0])
	}
	for _, module := range modules {
		if f, ok := pythonHandler(files, module+".py"); ok {
			return guess{familyPython, module + "." + f}, true
		}
	}
	return guess{}, false
}

// pythonHandler looks for a handler that a module defines or imports, or else
// for the one function that takes an event.
func pythonHandler(files fs.FS, name string) (function string, ok bool) {
	text, err := readSome(files, name)
	if err != nil {
		return "", false
	}
	for _, f := range []string{"lambda_handler", "handler"} {
		defined := regexp.MustCompile(`(?m)^(?:(?:async[ \t]+)?def[ \t]+` + f + `[ \t]*\(|` + f + `[ \t]*(?::[^=\n]+)?=[^=]|(?:from|import)\b.*\b` + f + `\b)`)
		if defined.Match(text) {
			return f, true
		}
	}
	takesEvent := regexp.MustCompile(`(?m)^def[ \t]+(\w+)[ \t]*\([ \t]*event\b`).FindAllSubmatch(text, 2)
	if len(takesEvent) == 1 {
		return string(takesEvent[0][1]), true
	}
	return "", false
}

// guessNode takes index.mjs, index.js or index.cjs, or else the only script.
func guessNode(_ fs.FS, entries []fs.DirEntry) (guess, bool) {
	var scripts []string
	for _, e := range entries {
		if ext := path.Ext(e.Name()); !e.IsDir() && slices.Contains([]string{".mjs", ".js", ".cjs"}, ext) {
			scripts = append(scripts, strings.TrimSuffix(e.Name(), ext))
		}
	}
	switch {
	case slices.Contains(scripts, "index"):
		return guess{familyNode, "index.handler"}, true
	case len(scripts) == 1:
		return guess{familyNode, scripts[0] + ".handler"}, true
	}
	return guess{}, false
}

func readSome(files fs.FS, name string) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxModule))
}
