package awsapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"time"
)

// jsonDecoder reads a JSON text into structures and notes the required members that it lacks.
type jsonDecoder struct {
	jsonReader
	absent absences
}

// decodeJSON reads a body into the body fields of the structure v, and returns what it lacks. An empty body and null are
// an empty object. The error is a SerializationException.
func decodeJSON(body []byte, p *plan, v reflect.Value, absent absences) error {
	if len(bytes.TrimSpace(body)) == 0 {
		body = []byte("{}")
	}
	if !json.Valid(body) {
		var value json.RawMessage
		return SerializationException("Could not parse request body into json: %v", json.Unmarshal(body, &value))
	}
	d := &jsonDecoder{jsonReader{data: body}, absent}
	if d.peek() == 'n' {
		d.data, d.at = []byte("{}"), 0
	}
	return d.structure(p, v, nil)
}

// structure reads an object into a structure's body fields.
func (d *jsonDecoder) structure(p *plan, v reflect.Value, up *path) error {
	if err := d.expect('{', p); err != nil {
		return err
	}
	seen := make([]bool, len(p.fields))
	for d.enter(); d.more(); {
		name, ok := d.name()
		if !ok {
			return notUTF8()
		}
		i, known := p.byName[string(name)]
		if null := d.peek() == 'n'; null || !known {
			d.value()
			if known {
				seen[i] = false
				v.Field(p.fields[i].at).SetZero()
			}
			continue
		}
		f, at := &p.fields[i], &path{up: up, name: p.fields[i].member}
		if seen[i] {
			d.absent.forget(at)
			v.Field(f.at).SetZero()
		}
		seen[i] = true
		if err := d.any(f.plan, f.set(v), at); err != nil {
			return err
		}
	}
	for i := range p.fields {
		if f := &p.fields[i]; f.required && f.place == inBody && !seen[i] {
			d.absent.note(&path{up: up, name: f.member})
		}
	}
	return nil
}

// any reads a value that is not null.
func (d *jsonDecoder) any(p *plan, v reflect.Value, at *path) error {
	switch p.kind {
	case structKind:
		return d.structure(p, v, at)
	case listKind:
		return d.list(p, v, at)
	case mapKind:
		return d.mapping(p, v, at)
	}
	return d.scalar(p, v)
}

// list reads an array. A null element is kept as a zero value and noted as absent.
func (d *jsonDecoder) list(p *plan, v reflect.Value, at *path) error {
	if err := d.expect('[', p); err != nil {
		return err
	}
	list := reflect.MakeSlice(p.typ, 0, 0)
	for d.enter(); d.more(); {
		element := reflect.New(p.elem.typ).Elem()
		if d.peek() == 'n' {
			d.value()
			d.absent.note(at)
		} else if err := d.any(p.elem, element, &path{up: at, at: list.Len() + 1}); err != nil {
			return err
		}
		list = reflect.Append(list, element)
	}
	v.Set(list)
	return nil
}

// mapping reads an object into a map. A null value is kept as a zero value and noted as absent.
func (d *jsonDecoder) mapping(p *plan, v reflect.Value, at *path) error {
	if err := d.expect('{', p); err != nil {
		return err
	}
	m := reflect.MakeMap(p.typ)
	for d.enter(); d.more(); {
		name, ok := d.name()
		if !ok {
			return notUTF8()
		}
		key := string(name)
		element := reflect.New(p.elem.typ).Elem()
		if d.peek() == 'n' {
			d.value()
			d.absent.note(at)
		} else if err := d.any(p.elem, element, &path{up: at, name: key}); err != nil {
			return err
		}
		m.SetMapIndex(reflect.ValueOf(key).Convert(p.key.typ), element)
	}
	v.Set(m)
	return nil
}

// scalar reads a string, number or boolean.
func (d *jsonDecoder) scalar(p *plan, v reflect.Value) error {
	token := tokenName(d.peek())
	if token == "" {
		return d.expect(0, p)
	}
	raw := d.value()
	switch {
	case token == "STRING_VALUE" && (p.kind == stringKind || p.kind == blobKind || p.kind == timeKind):
		return jsonString(p, v, raw)
	case token == "NUMBER_VALUE" && (p.kind == intKind || p.kind == longKind || p.kind == floatKind):
		if setText(p, v, string(raw)) != nil {
			return wrongType(token, p)
		}
		return nil
	case token == "NUMBER_VALUE" && p.kind == timeKind:
		return jsonTime(p, v, raw)
	case token == "TRUE_VALUE" && p.kind == boolKind, token == "FALSE_VALUE" && p.kind == boolKind:
		v.SetBool(token == "TRUE_VALUE")
		return nil
	}
	return wrongType(token, p)
}

// jsonString reads a string, a blob in base64, or a time in ISO 8601.
func jsonString(p *plan, v reflect.Value, raw []byte) error {
	s, ok := unquote(raw)
	switch {
	case !ok:
		return notUTF8()
	case p.kind != blobKind:
		return setText(p, v, string(s))
	}
	blob := make([]byte, base64.StdEncoding.DecodedLen(len(s)))
	n, err := base64.StdEncoding.Decode(blob, s)
	if err != nil {
		return wrongType("STRING_VALUE", p)
	}
	v.SetBytes(blob[:n])
	return nil
}

// jsonTime reads a time as seconds since 1970 with a fraction, to the millisecond.
func jsonTime(p *plan, v reflect.Value, raw []byte) error {
	seconds, err := strconv.ParseFloat(string(raw), 64)
	if err != nil || math.Abs(seconds) > maxSeconds {
		return wrongType("NUMBER_VALUE", p)
	}
	v.Set(reflect.ValueOf(time.UnixMilli(int64(math.Round(seconds * 1000))).UTC()))
	return nil
}

// maxSeconds bounds times to the years that the textual form can print.
const maxSeconds = 253402300799

// expect checks that an object ('{') or an array ('[') follows.
func (d *jsonDecoder) expect(open byte, p *plan) error {
	switch c := d.peek(); {
	case c == open:
		return nil
	case c == '{':
		return SerializationException("Start of structure or map found where not expected.")
	case c == '[':
		return SerializationException("Start of list found where not expected")
	default:
		return wrongType(tokenName(c), p)
	}
}

// tokenName is the name that AWS's messages give to a scalar that starts with c, or empty.
func tokenName(c byte) string {
	switch c {
	case '"':
		return "STRING_VALUE"
	case 't':
		return "TRUE_VALUE"
	case 'f':
		return "FALSE_VALUE"
	case '{', '[':
		return ""
	}
	return "NUMBER_VALUE"
}

// notUTF8 is the error of a string that is not UTF-8.
func notUTF8() *Error {
	return SerializationException("Could not parse request body into json: Invalid UTF-8")
}
