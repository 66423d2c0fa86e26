package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep maps and lists may be nested in a template. Real templates stay far below it.
const maxDepth = 200

// Read reads a template in JSON or YAML. The values of the tree are map[string]any, []any, string, bool, int64 and float64.
// Functions have their long forms afterwards, and Fn::GetAtt a list of two for its argument, however they were written.
// Aliases, duplicate keys, nulls and nesting beyond all measure are refused. The error is an *Error.
// The caller limits the size of the body.
func Read(body []byte) (map[string]any, error) {
	if !utf8.Valid(body) {
		return nil, formatError("unsupported structure.")
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	tree, err := readAny(body)
	if err != nil {
		return nil, err
	}
	doc, ok := tree.(map[string]any)
	if !ok {
		return nil, formatError("unsupported structure.")
	}
	if at, ok := findNull(doc, ""); ok {
		return nil, formatError("[%s] 'null' values are not allowed in templates", at)
	}
	lengthen(doc)
	return doc, nil
}

// readAny reads JSON where it can be JSON, else YAML, whose flow style looks alike.
func readAny(body []byte) (any, error) {
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return readYAML(body)
	}
	tree, err := readJSON(body)
	if err == nil {
		return tree, nil
	}
	if tree, other := readYAML(body); other == nil {
		return tree, nil
	}
	return nil, err
}

// jsonReader reads JSON token by token: encoding/json alone would let the last of several equal keys win.
type jsonReader struct {
	body    []byte
	decoder *json.Decoder
}

func readJSON(body []byte) (any, error) {
	r := &jsonReader{body: body, decoder: json.NewDecoder(bytes.NewReader(body))}
	r.decoder.UseNumber()
	tree, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := r.decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, r.broken()
	}
	return tree, nil
}

// broken says where reading stopped.
func (r *jsonReader) broken() error {
	before := r.body[:min(int(r.decoder.InputOffset()), len(r.body))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return formatError("JSON not well-formed. (line %d, column %d)", line, column)
}

func (r *jsonReader) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDepth()
	}
	token, err := r.decoder.Token()
	if err != nil {
		return nil, r.broken()
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '{' {
			return r.object(depth)
		}
		if token == '[' {
			return r.array(depth)
		}
		return nil, r.broken()
	case json.Number:
		return number(token.String()), nil
	}
	return token, nil
}

func (r *jsonReader) object(depth int) (any, error) {
	m := map[string]any{}
	for r.decoder.More() {
		token, err := r.decoder.Token()
		key, ok := token.(string)
		if err != nil || !ok {
			return nil, r.broken()
		}
		if _, twice := m[key]; twice {
			return nil, r.broken()
		}
		if m[key], err = r.value(depth + 1); err != nil {
			return nil, err
		}
	}
	if _, err := r.decoder.Token(); err != nil { // the closing brace
		return nil, r.broken()
	}
	return m, nil
}

func (r *jsonReader) array(depth int) (any, error) {
	list := []any{}
	for r.decoder.More() {
		v, err := r.value(depth + 1)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	if _, err := r.decoder.Token(); err != nil { // the closing bracket
		return nil, r.broken()
	}
	return list, nil
}

func errDepth() error { return formatError("maps and lists are nested more than %d deep", maxDepth) }

// number is the value of a number's text: int64 where it fits, else float64; what is beyond that stays text.
func number(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(f, 0) && !math.IsNaN(f) {
		return f
	}
	return text
}

// findNull returns the path of a null.
func findNull(v any, at string) (string, bool) {
	switch v := v.(type) {
	case nil:
		return at, true
	case map[string]any:
		for _, name := range sortedKeys(v) {
			if found, ok := findNull(v[name], at+"/"+name); ok {
				return found, true
			}
		}
	case []any:
		for i, one := range v {
			if found, ok := findNull(one, at+"/"+strconv.Itoa(i)); ok {
				return found, true
			}
		}
	}
	return "", false
}

// lengthen gives the argument of each Fn::GetAtt that is a text with a dot the form of a list, in place.
func lengthen(v any) {
	switch v := v.(type) {
	case map[string]any:
		if text, ok := v["Fn::GetAtt"].(string); ok && len(v) == 1 {
			v["Fn::GetAtt"] = attributeList(text)
		}
		for _, one := range v {
			lengthen(one)
		}
	case []any:
		for _, one := range v {
			lengthen(one)
		}
	}
}

// attributeList parts the short argument of Fn::GetAtt. Attributes may have dots in them, logical ids not.
func attributeList(text string) any {
	id, attribute, ok := strings.Cut(text, ".")
	if !ok {
		return text
	}
	return []any{id, attribute}
}
