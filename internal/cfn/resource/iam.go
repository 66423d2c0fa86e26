package resource

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

// What a template with IAM's resources must be given.
const (
	capabilityIAM   = "CAPABILITY_IAM"
	capabilityNamed = "CAPABILITY_NAMED_IAM"
)

// anyIAM is the capability that a type without names of one's own needs.
func anyIAM(map[string]any) string { return capabilityIAM }

// namedIAM is the capability of a type whose name a property can give.
func namedIAM(property string) func(map[string]any) string {
	return func(properties map[string]any) string {
		if _, ok := properties[property]; ok {
			return capabilityNamed
		}
		return capabilityIAM
	}
}

// ifThere passes over the error of something that is gone already.
func ifThere(err error) error {
	if codeOf(err) == "NoSuchEntity" {
		return nil
	}
	return err
}

// ours reports whether what stands in the way of a creation is the work of an earlier try.
func ours(r *Request, err error) bool { return r.Again && codeOf(err) == "EntityAlreadyExists" }

// text is a property that is a text; empty if it is absent.
func text(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return ""
}

// texts is a property that is a list of texts.
func texts(v any) []string {
	list, _ := v.([]any)
	out := make([]string, 0, len(list))
	for _, one := range list {
		out = append(out, text(one))
	}
	return out
}

// optionalText is a property for an input that leaves it out.
func optionalText(v any) *string {
	if s, ok := v.(string); ok {
		return &s
	}
	return nil
}

// documentText is a policy document as the operations take it: JSON, which a template may also give as a text.
func documentText(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", fmt.Errorf("resource: policy document: %w", err)
	}
	return string(bytes.TrimSpace(b.Bytes())), nil
}

func same(a, b any) bool { return reflect.DeepEqual(a, b) }
