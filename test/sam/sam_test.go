package sam_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"furl/internal/sam/samtest"
)

const (
	python   = "../../.venv/sam/bin/python"
	testdata = "../../internal/sam/testdata"
)

// run runs a script with the translator at hand and returns what it prints.
func run(t *testing.T, script string, arguments ...string) []byte {
	t.Helper()
	if _, err := os.Stat(python); err != nil {
		t.Fatalf("the translator is not installed; make sam does it: %v", err)
	}
	command := exec.Command(python, append([]string{script}, arguments...)...)
	command.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	var problems strings.Builder
	command.Stderr = &problems
	answer, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, problems.String())
	}
	return answer
}

// TestTranslator expands every template with both, and expects the translator's answers to be the recorded ones.
// FURL_RECORD=1 records them.
func TestTranslator(t *testing.T) {
	templates := samtest.Templates(t, testdata)
	answer := run(t, "translate.py", templates...)
	recorded := filepath.Join(testdata, "expected.json")
	if os.Getenv("FURL_RECORD") != "" {
		if err := os.WriteFile(recorded, answer, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	before, err := os.ReadFile(recorded)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, answer) {
		t.Error("expected.json is not what the translator answers; FURL_RECORD=1 make sam records it")
	}
	results, err := samtest.Read(bytes.NewReader(answer))
	if err != nil {
		t.Fatal(err)
	}
	samtest.Compare(t, templates, results)
}

// TestRandomTemplates expands templates made by chance with both. FURL_SEED makes other ones, FURL_COUNT more of them.
func TestRandomTemplates(t *testing.T) {
	seed, count := "1", "300"
	for name, v := range map[string]*string{"FURL_SEED": &seed, "FURL_COUNT": &count} {
		if given := os.Getenv(name); given != "" {
			*v = given
		}
	}
	d := json.NewDecoder(bytes.NewReader(run(t, "random_templates.py", seed, count)))
	d.UseNumber()
	var all []struct {
		Body string
		samtest.Result
	}
	if err := d.Decode(&all); err != nil {
		t.Fatal(err)
	}
	expanded := 0
	for _, one := range all {
		if samtest.Check(t, []byte(one.Body), one.Result); t.Failed() {
			t.Fatalf("the first template that came out otherwise: %s", one.Body)
		}
		if one.Error == "" {
			expanded++
		}
	}
	if expanded < len(all)/4 {
		t.Errorf("only %d of %d templates are without a fault", expanded, len(all))
	}
}
