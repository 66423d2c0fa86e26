package template

import (
	"bytes"
	"encoding/json"
	"strings"
)

// length evaluates Fn::Length.
func length(_ *Scope, v any) (any, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, templateError("Fn::Length expects a list, or a function that returns a list")
	}
	return int64(len(list)), nil
}

// toJSON evaluates Fn::ToJsonString.
func toJSON(_ *Scope, v any) (any, error) {
	switch v.(type) {
	case map[string]any, []any:
		return jsonText(v)
	}
	return nil, templateError("Fn::ToJsonString expects an object or a list")
}

// jsonText is v as JSON on one line.
func jsonText(v any) (string, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return "", templateError("Fn::ToJsonString: %s", err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// jsonString evaluates Fn::ToJsonString before resources are there: to a text, or to an Fn::Join of pieces of it.
func (x *extender) jsonString(argument any) (any, error) {
	rewritten, err := x.rewrite(argument)
	if err != nil {
		return nil, err
	}
	got, err := x.value(rewritten)
	if err != nil {
		return nil, err
	}
	if !holdsDeferred(got) {
		return toJSON(x.s, got)
	}
	if _, whole := got.(deferred); whole {
		return nil, templateError("Fn::ToJsonString expects an object or a list")
	}
	w := &jsonPieces{}
	if err := w.write(got); err != nil {
		return nil, err
	}
	w.flush()
	return map[string]any{"Fn::Join": []any{"", w.pieces}}, nil
}

// jsonPieces writes JSON with calls in the place of texts.
type jsonPieces struct {
	pieces []any
	text   strings.Builder
}

func (w *jsonPieces) flush() {
	if w.text.Len() > 0 {
		w.pieces = append(w.pieces, w.text.String())
		w.text.Reset()
	}
}

func (w *jsonPieces) write(v any) error {
	switch v := v.(type) {
	case deferred:
		w.text.WriteByte('"')
		w.flush()
		w.pieces = append(w.pieces, plainCall(v))
		w.text.WriteByte('"')
		return nil
	case map[string]any:
		for i, k := range sortedKeys(v) {
			w.text.WriteByte("{,"[min(i, 1)])
			if err := w.write(k); err != nil {
				return err
			}
			w.text.WriteByte(':')
			if err := w.write(v[k]); err != nil {
				return err
			}
		}
		w.text.WriteString("{}"[min(len(v), 1):])
		return nil
	case []any:
		for i, one := range v {
			w.text.WriteByte("[,"[min(i, 1)])
			if err := w.write(one); err != nil {
				return err
			}
		}
		w.text.WriteString("[]"[min(len(v), 1):])
		return nil
	}
	text, err := jsonText(v)
	w.text.WriteString(text)
	return err
}

// plainCall gives a tree of deferred calls the form that it has in templates.
func plainCall(v any) any {
	switch v := v.(type) {
	case deferred:
		return plainCall(v.call)
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, one := range v {
			out[k] = plainCall(one)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = plainCall(one)
		}
		return out
	}
	return v
}
