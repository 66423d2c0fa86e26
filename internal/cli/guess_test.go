package cli_test

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"furl/internal/cli"
)

const handlerText = "import json\n\ndef lambda_handler(event, context):\n    return 1\n"

func TestGuess(t *testing.T) {
	tests := []struct {
		name            string
		files           map[string]string
		known           string
		family, handler string
		err             string
	}{
		{"lambda_function", map[string]string{"lambda_function.py": handlerText, "app.py": handlerText}, "", "python", "lambda_function.lambda_handler", ""},
		{"handler", map[string]string{"handler.py": "def handler(event, context): pass"}, "", "python", "handler.handler", ""},
		{"index", map[string]string{"index.py": "handler = wrap(f)"}, "", "python", "index.handler", ""},
		{"async and typed", map[string]string{"main.py": "async def handler (e, c) -> dict:\n  pass"}, "", "python", "main.handler", ""},
		{"annotated variable", map[string]string{"app.py": "handler: Handler = Mangum(app)"}, "", "python", "app.handler", ""},
		{"imported", map[string]string{"app.py": "from inner import handler\n"}, "", "python", "app.handler", ""},
		{"the only module", map[string]string{"greet.py": handlerText}, "", "python", "greet.lambda_handler", ""},
		{"the only function with an event", map[string]string{"greet.py": "def helper(x): pass\ndef greet(event, context): pass\n"}, "", "python", "greet.greet", ""},
		{"a module without a handler first", map[string]string{"index.py": "x = 1\n", "app.py": handlerText}, "", "python", "app.lambda_handler", ""},
		{"comparison is no definition", map[string]string{"greet.py": "handler == 1\n"}, "", "", "", "no handler found"},
		{"nested is no definition", map[string]string{"greet.py": "class A:\n    def handler(self): pass\n"}, "", "", "", "no handler found"},
		{"two modules", map[string]string{"a.py": handlerText, "b.py": handlerText}, "", "", "", "no handler found"},
		{"bootstrap", map[string]string{"bootstrap*": "#!/bin/sh\n", "lambda_function.py": handlerText}, "", "provided", "bootstrap", ""},
		{"bootstrap with another runtime", map[string]string{"bootstrap*": "#!/bin/sh\n", "lambda_function.py": handlerText}, "python", "python", "lambda_function.lambda_handler", ""},
		{"bootstrap that cannot run", map[string]string{"bootstrap": "#!/bin/sh\n"}, "", "", "", "bootstrap in "},
		{"custom runtime whose program cannot run", map[string]string{"bootstrap": ""}, "provided", "", "", "is not executable"},
		{"custom runtime without its program", map[string]string{"x": ""}, "provided", "", "", "no executable called bootstrap"},
		{"bootstrap that cannot run beside a handler", map[string]string{"bootstrap": "", "lambda_function.py": handlerText}, "", "python", "lambda_function.lambda_handler", ""},
		{"script", map[string]string{"index.mjs": "export const handler = 1"}, "", "nodejs", "index.handler", ""},
		{"index among other scripts", map[string]string{"index.js": "", "lib.mjs": "", "package.json": "{}"}, "", "nodejs", "index.handler", ""},
		{"script of CommonJS", map[string]string{"index.cjs": ""}, "", "nodejs", "index.handler", ""},
		{"script beside a module", map[string]string{"index.mjs": "", "app.py": handlerText}, "nodejs", "nodejs", "index.handler", ""},
		{"two scripts", map[string]string{"a.mjs": "", "b.js": ""}, "", "", "", "no handler found"},
		{"the only script", map[string]string{"app.js": ""}, "", "nodejs", "app.handler", ""},
		{"nothing", map[string]string{"readme.txt": "No function."}, "", "", "", "no handler found"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := write(t, tt.files)
			family, handler, name, err := cli.Guess(dir, tt.known)
			check := func(what string) {
				t.Helper()
				switch {
				case tt.err == "" && err != nil, tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
					t.Errorf("%s: error %v, want %q", what, err, tt.err)
				case family != tt.family || handler != tt.handler:
					t.Errorf("%s: %s %s, want %s %s", what, family, handler, tt.family, tt.handler)
				}
			}
			check("directory")
			if err == nil && name != "app" {
				t.Errorf("name %s", name)
			}
			family, handler, _, err = cli.Guess(zipped(t, dir), tt.known)
			check("package")
		})
	}
}

// zipped makes a deployment package of a directory's files.
func zipped(t *testing.T, dir string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if err := w.AddFS(os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "app.zip")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestGuessFile(t *testing.T) {
	dir := write(t, map[string]string{"greet me.py": handlerText, "lambda_function.py": handlerText, "other.txt": "", "bootstrap*": ""})
	family, handler, name, err := cli.Guess(filepath.Join(dir, "greet me.py"), "")
	if err != nil || family != "python" || handler != "greet me.lambda_handler" || name != "greet-me" {
		t.Errorf("%s %s %s, %v", family, handler, name, err)
	}
	if _, handler, _, err = cli.Guess(filepath.Join(dir, "bootstrap"), ""); err != nil || handler != "bootstrap" {
		t.Errorf("%s, %v", handler, err)
	}
	if _, _, _, err = cli.Guess(filepath.Join(dir, "other.txt"), ""); err == nil {
		t.Error("a text is taken for a function")
	}
}

func TestFunctionName(t *testing.T) {
	base := t.TempDir()
	for dir, want := range map[string]string{
		"hello": "hello", "my_public-1": "my_public-1", "Hello World!": "Hello-World", "a.b": "a-b", "späti": "sp-ti",
		strings.Repeat("x", 80): strings.Repeat("x", 64), "…": "",
	} {
		path := filepath.Join(base, dir)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		if got, err := cli.FunctionName(path); got != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q, %v; want %q", dir, got, err, want)
		}
	}
}

func TestHas(t *testing.T) {
	dir := write(t, map[string]string{"a.py": "", "pkg/b.py": "", "pkg/__init__.py": "", "c.mjs": ""})
	tests := []struct {
		family, handler string
		want            bool
	}{
		{"python", "a.f", true}, {"python", "pkg/b.f", true}, {"python", "pkg.b.f", true}, {"python", "pkg.f", true},
		{"python", "b.f", false}, {"python", "a", false}, {"python", "../a.f", false}, {"python", "c.f", false},
		{"nodejs", "c.handler", true}, {"nodejs", "a.handler", false}, {"provided", "whatever", true},
	}
	for _, tt := range tests {
		if got := cli.Has(dir, tt.family, tt.handler); got != tt.want {
			t.Errorf("%s %s: %v, want %v", tt.family, tt.handler, got, tt.want)
		}
	}
}
