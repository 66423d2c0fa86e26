package furl_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"furl"
	"furl/internal/environment"
	"furl/internal/lambda"
)

// whereFrom answers with the directory that it runs from, and whether it was
// compiled when it was imported.
const whereFrom = `import os
def lambda_handler(event, context):
    return {"tree": os.path.dirname(__file__), "compiled": os.path.exists(__cached__)}
`

// ready waits until a function is neither being made nor changed.
func (s *inProcess) ready(t *testing.T, name string) {
	t.Helper()
	until(t, name+" is ready", func() bool {
		f, err := s.lambda.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationRequest{FunctionName: name})
		if err != nil {
			t.Fatal(err)
		}
		return *f.State == lambda.StateActive && (f.LastUpdateStatus == nil || *f.LastUpdateStatus == lambda.LastUpdateStatusSuccessful)
	})
}

// from calls a function of whereFrom: it returns the name of its tree, and
// whether that was compiled.
func (s *inProcess) from(t *testing.T, url string) (tree string, compiled bool) {
	t.Helper()
	status, body := s.get(t, url)
	var answer struct {
		Tree     string
		Compiled bool
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != 200 {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	return filepath.Base(answer.Tree), answer.Compiled
}

// trees are the names of unpacked packages in a data directory, and of what was
// made of them.
func trees(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, "code"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names
}

// A function starts from compiled code once it is deployed. All functions of a
// package and a runtime share it; it is made again behind the back of requests
// when it is lost, and goes with the package.
func TestCompiledCode(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, furl.Config{DataDir: dir})
	first := s.deploy(t, "first", whereFrom)
	second := s.deploy(t, "second", whereFrom)
	s.ready(t, "first")
	s.ready(t, "second")
	tree, compiled := s.from(t, first)
	sha, form, derived := strings.Cut(tree, ".")
	if !derived || !compiled || !strings.HasPrefix(form, "cpython-3") {
		t.Fatalf("the first call runs from %s, compiled: %t", tree, compiled)
	}
	if other, _ := s.from(t, second); other != tree {
		t.Errorf("the second function runs from %s", other)
	}
	if got := trees(t, dir); !slices.Equal(got, []string{sha, tree}) {
		t.Errorf("there are %q", got)
	}
	s.close()

	// An upgraded interpreter wants another form, and the old one goes away.
	code := filepath.Join(dir, "code")
	const old = ".cpython-30-3.0.1"
	for _, end := range []string{"", ".seal"} {
		if err := os.Rename(filepath.Join(code, tree+end), filepath.Join(code, sha+old+end)); err != nil {
			t.Fatal(err)
		}
	}
	s = serve(t, furl.Config{DataDir: dir, Listen: []string{strings.TrimPrefix(s.info.Endpoint, "http://")}})
	if got, compiled := s.from(t, first); got != sha || compiled {
		t.Errorf("a call that must not wait runs from %s, compiled: %t", got, compiled)
	}
	until(t, "only the new form", func() bool { return slices.Equal(trees(t, dir), []string{sha, tree}) })
	if got, compiled := s.from(t, second); got != tree || !compiled {
		t.Errorf("a later start runs from %s, compiled: %t", got, compiled)
	}

	for _, name := range []string{"first", "second"} {
		if _, err := s.lambda.DeleteFunction(t.Context(), &lambda.DeleteFunctionRequest{FunctionName: name}); err != nil {
			t.Fatal(err)
		}
	}
	s.close()
	serve(t, furl.Config{DataDir: dir})
	until(t, "nothing", func() bool { return len(trees(t, dir)) == 0 })
}

// Another runtime wants another form, which is there when the update is over.
func TestCompiledForAnotherRuntime(t *testing.T) {
	var runtimes []string
	for _, i := range environment.NewInterpreters(nil).List(context.Background()) {
		if i.Err == nil && strings.HasPrefix(i.Runtime, "python") {
			runtimes = append(runtimes, i.Runtime)
		}
	}
	if len(runtimes) == 0 {
		t.Skip("NOT TESTED: a change of runtime; no Python here")
	}
	runtimes = runtimes[:min(len(runtimes), 2)] // with one only, nothing changes
	s := serve(t, furl.Config{})
	forms := map[string]bool{}
	url := s.deployOn(t, lambda.Runtime(runtimes[0]), "changing", whereFrom)
	s.ready(t, "changing")
	for _, runtime := range runtimes {
		_, err := s.lambda.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationRequest{
			FunctionName: "changing", Runtime: new(lambda.Runtime(runtime)),
		})
		if err != nil {
			t.Fatal(err)
		}
		s.ready(t, "changing")
		tree, compiled := s.from(t, url)
		if !compiled {
			t.Errorf("%s runs from %s, which is not compiled", runtime, tree)
		}
		forms[tree] = true
	}
	if len(forms) != len(runtimes) {
		t.Errorf("%v run from %v", runtimes, forms)
	}
}

// Code that does not compile is deployed like any other; its function says what
// is wrong.
func TestCodeThatDoesNotCompile(t *testing.T) {
	s := serve(t, furl.Config{})
	url := s.deploy(t, "broken", "def lambda_handler(:\n")
	s.ready(t, "broken")
	if status, body := s.get(t, url); status != 502 {
		t.Errorf("%d %s", status, body)
	}
}
