package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden file")

// fixture returns the toy model with old replaced by changed, the toy overlay, and the operations listed.
func fixture(t *testing.T, old, changed string, operations ...string) source {
	t.Helper()
	text, err := os.ReadFile("testdata/toy.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(text, []byte(old)) {
		t.Fatalf("the fixture has no %q", old)
	}
	m, err := parseModel(strings.NewReader(strings.Replace(string(text), old, changed, 1)))
	if err != nil {
		t.Fatal(err)
	}
	text, err = os.ReadFile("testdata/overlay.json")
	if err != nil {
		t.Fatal(err)
	}
	o, err := loadOverlay(text, "toy")
	if err != nil {
		t.Fatal(err)
	}
	return source{Package: "toys", Service: "toy", Version: "1.2.3", Model: m, Overlay: o, Operations: operations}
}

func TestGolden(t *testing.T) {
	const golden = "testdata/zz_api.go.golden"
	for range 3 {
		code, err := generate(fixture(t, "", "", "PutThing", "DropThing", "Rest", "Tell"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parser.ParseFile(token.NewFileSet(), "zz_api.go", code, parser.AllErrors); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(golden, code, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(code, want) {
			t.Fatalf("the code differs from %s; -update accepts:\n%s", golden, code)
		}
	}
}

func TestQueryModel(t *testing.T) {
	src := fixture(t, `"protocol": "rest-json"`, `"protocol": "query", "xmlNamespace": "https://toy/", "signingName": "sign"`, "DropThing")
	code, err := generate(src)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"SigningName: \"sign\"", "Protocol:    awsapi.Query", `"https://toy/"`, `awsapi.OpMeta{Name: "DropThing"}`,
		`awsapi.Error{Code: "NoSuch", Status: 404, Fault: awsapi.Sender}`,
	} {
		if !bytes.Contains(code, []byte(want)) {
			t.Errorf("the code lacks %s:\n%s", want, code)
		}
	}
}

func TestRefusals(t *testing.T) {
	const free = `"Free": {"type": "string"}`
	tests := []struct {
		name, old, changed string
		operations         []string
		want               string
	}{
		{"no operations", "", "", nil, "names no operation"},
		{"unknown operation", "", "", []string{"Fly"}, "no operation Fly"},
		{"listed twice", "", "", []string{"Rest", "Rest"}, "listed twice"},
		{"unknown shape", free, `"Other": {"type": "string"}`, []string{"PutThing"}, "no shape Free"},
		{"type", free, `"Free": {"type": "bigdecimal"}`, []string{"PutThing"}, `type "bigdecimal" is not supported`},
		{"streaming", free, `"Free": {"type": "blob", "streaming": true}`, []string{"PutThing"}, "streaming"},
		{"event stream", free, `"Free": {"type": "structure", "eventstream": true}`, []string{"PutThing"}, "event stream"},
		{"document", free, `"Free": {"type": "structure", "document": true}`, []string{"PutThing"}, "document"},
		{"flattened", `"Parts": {"type"`, `"Parts": {"flattened": true, "type"`, []string{"PutThing"}, "flattened"},
		{"flattened member", `"Parts": {"shape"`, `"Parts": {"flattened": true, "shape"`, []string{"PutThing"}, "member Parts has a trait"},
		{"renamed element", `"member": {"shape": "Part"}`, `"member": {"shape": "Part", "locationName": "item"}`, []string{"PutThing"}, "renamed elements"},
		{"JSON value", `"Free": {"shape": "Free"}`, `"Free": {"shape": "Free", "jsonvalue": true}`, []string{"PutThing"}, "member Free has a trait"},
		{"prefix headers", `"Free": {"shape": "Free"}`, `"Free": {"shape": "Tags", "location": "headers"}`, []string{"PutThing"}, "member Free has a trait"},
		{"location", `"Free": {"shape": "Free"}`, `"Free": {"shape": "Free", "location": "moon"}`, []string{"PutThing"}, `location "moon"`},
		{"timestamp format", `"When": {"shape": "When"}`, `"When": {"shape": "When", "timestampFormat": "iso8601"}`, []string{"PutThing"}, "timestamp format"},
		{"payload", `"payload": "Body"`, `"payload": "Code"`, []string{"Rest"}, "payload that is not a blob"},
		{"result wrapper", `"output": {"shape": "Raw"}`, `"output": {"shape": "Raw", "resultWrapper": "Other"}`, []string{"Rest"}, "result wrapper"},
		{"look-around", `[a-z\\u00e9]+`, `(?!x)[a-z]+`, []string{"PutThing"}, "needs a matcher by hand"},
		{"reserved name", `"member": {"shape": "Part"}}`, `"member": {"shape": "client"}}, "client": {"type": "structure"}`, []string{"PutThing"}, "two things are called Client"},
		{"constants that collide", `"sky-blue"`, `"red"`, []string{"PutThing"}, "two things are called ColorRed"},
		{"error that collides", `"errors": [{"shape": "NoSuchThing"}, {"shape": "Broken"}]`, `"errors": [{"shape": "Part"}]`, []string{"PutThing"}, "two things are called Part"},
		{"error without status", `"httpStatusCode": 404, `, ``, []string{"PutThing"}, "has no status"},
		{"members that collide", `"Ratio": {"shape": "Ratio"}`, `"Color": {"shape": "Ratio"}`, []string{"PutThing"}, "two members are called Color"},
		{"stale operation", `"DropThing": {`, `"DropThings": {`, []string{"Rest"}, "the model has no operation DropThing"},
		{"stale shape", `"Mode": {"type"`, `"Modes": {"type"`, []string{"Rest"}, "the model has no shape Mode"},
		{"stale optional member", `"required": ["Key"]`, `"required": []`, []string{"Rest"}, "shape Part does not require Key"},
		{"stale error", free, free + `, "TooBig": {"type": "structure"}`, []string{"Rest"}, "the model has the error TooBig"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := generate(fixture(t, test.old, test.changed, test.operations...))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestOverlayRefusals(t *testing.T) {
	tests := map[string]string{
		`{"toy": {"hideValues": true}}`:                      "no reason",
		`{"toy": {"operations": {"A": {"status": 1}}}}`:      "operation A has no reason",
		`{"toy": {"shapes": {"A": {"max": 1}}}}`:             "shape A has no reason",
		`{"toy": {"errors": {"A": {"status": 1}}}}`:          "error A has no reason",
		`{"toy": {"shapes": {"A": {"why": "x", "mux": 1}}}}`: "unknown field",
		`[]`: "parse the overlay",
	}
	for text, want := range tests {
		if _, err := loadOverlay([]byte(text), "toy"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if o, err := loadOverlay([]byte(`{}`), "toy"); err != nil || o == nil {
		t.Errorf("%v, %v", o, err)
	}
}

func TestCommittedOverlayHasReasons(t *testing.T) {
	for _, service := range []string{"lambda", "iam", "sts"} {
		if _, err := loadOverlay(overlayJSON, service); err != nil {
			t.Error(err)
		}
	}
}

func TestOperationNames(t *testing.T) {
	got := operationNames("# all\n\nA\n  B # why\n#C\nD")
	if want := []string{"A", "B", "D"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestLoadModel(t *testing.T) {
	data := t.TempDir()
	write := func(version, name, api string) {
		t.Helper()
		dir := filepath.Join(data, "toy", version)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		text := `{"metadata": {"apiVersion": "` + api + `", "endpointPrefix": "toy"}}`
		if filepath.Ext(name) == ".gz" {
			z := gzip.NewWriter(&b)
			if _, err := z.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
		} else {
			b.WriteString(text)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := loadModel(data, "toy"); err == nil {
		t.Error("a model of nothing")
	}
	write("2019-01-01", "service-2.json", "old")
	write("2020-01-01", "service-2.json.gz", "new")
	m, err := loadModel(data, "toy")
	if err != nil || m.Metadata.APIVersion != "new" || m.Metadata.SigningName != "toy" {
		t.Errorf("%+v, %v", m, err)
	}
}

// TestRun runs the command with an interpreter that stands in for one with botocore.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	place := func(name, text string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	place("go.mod", "module toy\n", 0o644)
	place(".venv/clients/bin/python", "#!/bin/sh\necho 9.9.9\necho "+dir+"\n", 0o755)
	model, err := os.ReadFile("testdata/toy.json")
	if err != nil {
		t.Fatal(err)
	}
	place("data/other/2020-01-01/service-2.json", string(model), 0o644)
	place("internal/things/operations.txt", "Rest\n", 0o644)
	out := filepath.Join(dir, "internal", "things")
	if err := run([]string{"-service", "other", "-dir", out}, os.Stderr); err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile(filepath.Join(out, "zz_api.go"))
	if err != nil || !bytes.HasPrefix(code, []byte("// Code generated by furl/internal/awsapi/gen from botocore 9.9.9; DO NOT EDIT.\n\npackage things\n")) {
		t.Errorf("%s, %v", code, err)
	}
	for _, args := range [][]string{
		{}, {"-service", "other", "-dir", "/nowhere"}, {"-service", "absent", "-dir", out},
		{"-service", "other", "-dir", out, "-python", "/nowhere"}, {"-service", "other", "-dir", dir},
		{"-service", "other", "-dir", out, "-python", "/bin/true"},
	} {
		if err := run(args, os.Stderr); err == nil {
			t.Errorf("%q passes", args)
		}
	}
}
