package lambda

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// departed puts unique ids in place of the ARNs in gone, which are by ARN, where
// a statement's Principal or NotPrincipal names them, alone or in a list. All
// else of the statement stays byte for byte, whatever it says: what was dropped
// here would no longer bound the statement.
func departed(statement json.RawMessage, gone map[string]string) (json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(statement))
	if _, err := d.Token(); err != nil { // the brace
		return nil, fmt.Errorf("lambda: read a statement: %w", err)
	}
	var out bytes.Buffer
	out.WriteByte('{')
	for n := 0; d.More(); n++ {
		name, err := d.Token()
		if err != nil {
			return nil, fmt.Errorf("lambda: read a statement: %w", err)
		}
		var member json.RawMessage
		if err := d.Decode(&member); err != nil {
			return nil, fmt.Errorf("lambda: read a statement: %w", err)
		}
		if name == "Principal" || name == "NotPrincipal" {
			if member, err = departedNames(member, gone); err != nil {
				return nil, err
			}
		}
		key, err := compactJSON(name)
		if err != nil {
			return nil, fmt.Errorf("lambda: write a statement: %w", err)
		}
		if n > 0 {
			out.WriteByte(',')
		}
		out.WriteString(key + ":")
		out.Write(member)
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// departedNames is departed for one Principal or NotPrincipal.
func departedNames(member json.RawMessage, gone map[string]string) (json.RawMessage, error) {
	var byKind map[string]any
	if json.Unmarshal(member, &byKind) != nil {
		return member, nil // "*"
	}
	found := false
	instead := func(name any) any {
		text, _ := name.(string)
		if id, ok := gone[text]; ok {
			found = true
			return id
		}
		return name
	}
	for kind, names := range byKind {
		if list, ok := names.([]any); ok {
			for i, name := range list {
				list[i] = instead(name)
			}
		} else {
			byKind[kind] = instead(names)
		}
	}
	if !found {
		return member, nil
	}
	text, err := compactJSON(byKind)
	if err != nil {
		return nil, fmt.Errorf("lambda: write a statement: %w", err)
	}
	return json.RawMessage(text), nil
}
