package cli_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMissingRuntime: what is advised exists, and a chosen interpreter that is
// of another version is told as that.
func TestMissingRuntime(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("NOT TESTED: what furl up says of functions that will fail; there is no python3 here")
	}
	environ := []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "FURL_DATA_DIR=" + filepath.Join(t.TempDir(), "data"),
		"FURL_LISTEN=127.0.0.1:0", "FURL_RUNTIMES=python3.8=" + python}
	up := start(t, environ, "up", write(t, map[string]string{"lambda_function.py": handlerText}), "--runtime", "python3.8")
	up.stdout.wait(t, `^http://`)
	up.stderr.wait(t, `^furl: its calls will fail: the interpreter for runtime python3\.8 does not work: .*is version 3\.\S+, not 3\.8; .* or name it where the server is started: furl serve --runtime python3\.8=/\S+, or FURL_RUNTIMES=python3\.8=/\S+$`)
	if code := up.end(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// TestSyntaxErrorIsTold: such a module is deployed, as on AWS, but it is said.
func TestSyntaxErrorIsTold(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("NOT TESTED: what furl up says of functions that will fail; there is no python3 here")
	}
	environ, _ := serve(t)
	const broken = "def lambda_handler(event, context):\n    return (\n"
	dir := write(t, map[string]string{"lambda_function.py": broken})
	const told = `^furl: its calls will fail: SyntaxError: .*\(lambda_function\.py, line \d\)$`
	furlWith(t, environ, "deploy", dir).matches(t, 0, ":function:app$", told)
	furlWith(t, environ, "deploy", zipped(t, dir), "--name", "packed").matches(t, 0, ":function:packed$", told)
	furlWith(t, environ, "deploy", write(t, map[string]string{"main.py": "import no_such_module\n" + handlerText})).matches(t, 0, ":function:app$", `\Afunction app updated [^\n]*\n\z`)

	up := start(t, environ, "up", dir, "--name", "watched", "--watch")
	up.stderr.wait(t, `^watching `)
	if err := os.WriteFile(filepath.Join(dir, "lambda_function.py"), []byte("\nreturn 1\n"+handlerText), 0o644); err != nil {
		t.Fatal(err)
	}
	up.stderr.wait(t, `^furl: its calls will fail: SyntaxError: 'return' outside function \(lambda_function\.py, line 2\)$`)
	up.end(t)
}
