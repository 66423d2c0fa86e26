package furl_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

func cmdJSONEq(ts *testscript.TestScript, neg bool, args []string) {
	positive(ts, neg, "jsoneq")
	if len(args) != 1 {
		ts.Fatalf("usage: jsoneq FILE")
	}
	var got, want any
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &got); err != nil {
		ts.Fatalf("the last stdout is not JSON: %v", err)
	}
	if err := json.Unmarshal([]byte(ts.ReadFile(args[0])), &want); err != nil {
		ts.Fatalf("%s is not JSON: %v", args[0], err)
	}
	if diff := jsonDiff("$", got, want, ts.Getenv); diff != "" {
		ts.Fatalf("%s", diff)
	}
}

// jsonDiff returns the first difference between got and want, "" for none. In want, a string "/regexp/" matches any
// string, number or boolean whose text the whole expression matches. ${VAR} is replaced first in either kind.
func jsonDiff(path string, got, want any, getenv func(string) string) string {
	switch want := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s is %s, want an object", path, jsonText(got))
		}
		for k, v := range want {
			if _, ok := g[k]; !ok {
				return fmt.Sprintf("%s.%s is missing", path, k)
			}
			if d := jsonDiff(path+"."+k, g[k], v, getenv); d != "" {
				return d
			}
		}
		for k, v := range g {
			if _, ok := want[k]; !ok {
				return fmt.Sprintf("%s.%s is not expected: %s", path, k, jsonText(v))
			}
		}
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(want) {
			return fmt.Sprintf("%s is %s, want %d elements", path, jsonText(got), len(want))
		}
		for i := range want {
			if d := jsonDiff(fmt.Sprintf("%s[%d]", path, i), g[i], want[i], getenv); d != "" {
				return d
			}
		}
	case string:
		return stringDiff(path, got, want, getenv)
	default:
		if got != want {
			return fmt.Sprintf("%s is %s, want %s", path, jsonText(got), jsonText(want))
		}
	}
	return ""
}

// variable is how a golden file names one; a bare $ stands for itself, as in $LATEST.
var variable = regexp.MustCompile(`\$\{\w+\}`)

func stringDiff(path string, got any, want string, getenv func(string) string) string {
	want = variable.ReplaceAllStringFunc(want, func(v string) string { return getenv(v[2 : len(v)-1]) })
	if pattern, ok := strings.CutPrefix(want, "/"); ok && len(pattern) > 0 && strings.HasSuffix(pattern, "/") {
		if text, ok := got.(string); ok {
			got = text
		} else {
			got = jsonText(got)
		}
		if !regexp.MustCompile(`^(?:` + strings.TrimSuffix(pattern, "/") + `)$`).MatchString(got.(string)) {
			return fmt.Sprintf("%s is %q, want a match of %s", path, got, want)
		}
		return ""
	}
	if got != any(want) {
		return fmt.Sprintf("%s is %s, want %q", path, jsonText(got), want)
	}
	return ""
}

func jsonText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}
