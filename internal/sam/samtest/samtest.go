// Package samtest holds the expansion of templates against what AWS's own translator makes of them. It is for tests.
package samtest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"furl/internal/sam"
	"furl/internal/template"
)

// Result is what the translator made of a template: another template, or the text of an error.
type Result struct {
	Template map[string]any `json:"template"`
	Error    string         `json:"error"`
}

// Read reads what test/sam/translate.py prints: results by the name of the template's file without its ending.
func Read(r io.Reader) (map[string]Result, error) {
	d := json.NewDecoder(r)
	d.UseNumber()
	var results map[string]Result
	if err := d.Decode(&results); err != nil {
		return nil, fmt.Errorf("samtest: results of the translator: %w", err)
	}
	return results, nil
}

// Templates returns the templates below a testdata directory, published ones and the project's own.
func Templates(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	for _, of := range []string{"input", "own"} {
		found, err := filepath.Glob(filepath.Join(dir, of, "*.yaml"))
		if err != nil || len(found) == 0 {
			t.Fatalf("no templates in %s/%s: %v", dir, of, err)
		}
		all = append(all, found...)
	}
	return all
}

// Compare checks every template.
func Compare(t *testing.T, templates []string, results map[string]Result) {
	t.Helper()
	if len(results) != len(templates) {
		t.Errorf("the translator's results are about %d templates, there are %d", len(results), len(templates))
	}
	for _, path := range templates {
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		t.Run(name, func(t *testing.T) {
			want, ok := results[name]
			if !ok {
				t.Fatal("the translator has no result")
			}
			body, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			Check(t, body, want)
		})
	}
}

// Check expands a template and fails where it comes out otherwise than the translator made it: another resource,
// property, condition or output, another logical id, another text of an error. Left aside are the order of tags and
// what a deployment with CodeDeploy needs, which furl does not generate.
func Check(t *testing.T, body []byte, want Result) {
	t.Helper()
	doc, err := template.Read(body)
	if err != nil {
		t.Fatal(err)
	}
	got, err := sam.Transform(doc, Parameters(), sam.Options{Region: "eu-west-1", Account: "123456789012", Body: body})
	if fault := new(sam.Error); want.Error != "" || err != nil {
		if !errors.As(err, &fault) || fault.Error() != want.Error {
			t.Errorf("got  %v\nwant %v", err, want.Error)
		}
		return
	}
	withoutCodeDeploy(want.Template)
	for _, d := range differences("", normal(t, want.Template), normal(t, got)) {
		t.Error(d)
	}
}

// Parameters are those that translate.py gives as well.
func Parameters() map[string]any {
	return map[string]any{"CodeKeyParam": "key/from/parameter.zip", "Stage": "prod"}
}

// withoutCodeDeploy removes what SAM generates for DeploymentPreference.
func withoutCodeDeploy(doc map[string]any) {
	resources, _ := doc["Resources"].(map[string]any)
	for id, r := range resources {
		r, _ := r.(map[string]any)
		kind, _ := r["Type"].(string)
		if strings.HasPrefix(kind, "AWS::CodeDeploy::") || id == "CodeDeployServiceRole" {
			delete(resources, id)
		}
		if p, _ := r["UpdatePolicy"].(map[string]any); p["CodeDeployLambdaAliasUpdate"] != nil && kind == "AWS::Lambda::Alias" {
			delete(r, "UpdatePolicy")
		}
	}
}

// normal gives a tree one spelling of numbers and one order of tags.
func normal(t *testing.T, tree map[string]any) any {
	t.Helper()
	text, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var again any
	if err := d.Decode(&again); err != nil {
		t.Fatal(err)
	}
	again = plainNumbers(again)
	sortTags(again)
	return again
}

func plainNumbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			v[k] = plainNumbers(e)
		}
	case []any:
		for i, e := range v {
			v[i] = plainNumbers(e)
		}
	case json.Number:
		if i, err := v.Int64(); err == nil {
			return i
		}
		if f, err := v.Float64(); err == nil {
			return f
		}
	}
	return v
}

func sortTags(v any) {
	switch v := v.(type) {
	case map[string]any:
		if tags, ok := v["Tags"].([]any); ok {
			slices.SortFunc(tags, func(a, b any) int {
				return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b))
			})
		}
		for _, e := range v {
			sortTags(e)
		}
	case []any:
		for _, e := range v {
			sortTags(e)
		}
	}
}

// differences names every place where two trees are not the same.
func differences(at string, want, got any) []string {
	var all []string
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			break
		}
		keys := maps.Clone(w)
		maps.Copy(keys, g)
		for _, k := range slices.Sorted(maps.Keys(keys)) {
			wv, inWant := w[k]
			gv, inGot := g[k]
			switch {
			case !inGot:
				all = append(all, fmt.Sprintf("%s/%s is missing: %v", at, k, wv))
			case !inWant:
				all = append(all, fmt.Sprintf("%s/%s is not the translator's: %v", at, k, gv))
			default:
				all = append(all, differences(at+"/"+k, wv, gv)...)
			}
		}
		return all
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			break
		}
		for i := range w {
			all = append(all, differences(fmt.Sprintf("%s/%d", at, i), w[i], g[i])...)
		}
		return all
	}
	if fmt.Sprintf("%T %v", want, want) != fmt.Sprintf("%T %v", got, got) {
		all = append(all, fmt.Sprintf("%s is %v, the translator's %v", at, got, want))
	}
	return all
}
