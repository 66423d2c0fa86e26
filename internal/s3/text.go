package s3

import (
	"context"
	"encoding/json"
	"strings"

	"furl/internal/authz"
)

func cut(s, sep string) (before, after string) {
	before, after, _ = strings.Cut(s, sep)
	return before, after
}

// or is the first text that is not empty.
func or(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func callerARN(ctx context.Context) string { return authz.FromContext(ctx).Principal.ARN }

// checkStatements refuses a bucket policy that speaks of anything but the bucket and its objects, or of actions of other
// services.
func checkStatements(document, bucket string) error {
	var doc struct{ Statement json.RawMessage }
	type statement struct{ Resource, NotResource, Action, NotAction any }
	var list []statement
	if err := json.Unmarshal([]byte(document), &doc); err != nil {
		return failure(400, "MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'")
	}
	if json.Unmarshal(doc.Statement, &list) != nil {
		var one statement
		if json.Unmarshal(doc.Statement, &one) != nil {
			return failure(400, "MalformedPolicy", "Syntax errors in policy.")
		}
		list = []statement{one}
	}
	for _, st := range list {
		for _, r := range append(texts(st.Resource), texts(st.NotResource)...) {
			if rest, ok := strings.CutPrefix(r, bucket); !ok || rest != "" && rest[0] != '/' && rest[0] != '*' {
				return failure(400, "MalformedPolicy", "Policy has invalid resource")
			}
		}
		for _, a := range append(texts(st.Action), texts(st.NotAction)...) {
			if service, _ := cut(a, ":"); a != "*" && !strings.EqualFold(service, "s3") {
				return failure(400, "MalformedPolicy", "Policy has invalid action")
			}
		}
	}
	return nil
}

// texts are the values of an element that is a text or a list of them.
func texts(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var list []string
		for _, one := range v {
			list = append(list, texts(one)...)
		}
		return list
	}
	return nil
}
