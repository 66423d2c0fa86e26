package policy

import "strings"

// Context gives the condition keys of a request. Implementations on the request path are small structs that
// compute a key when it is asked for.
type Context interface {
	// Lookup is the value of a key; ok is false when the request does not have the key. The key is in lower case
	// throughout, a tag key after the slash included (aws:principaltag/department).
	Lookup(key string) (value Value, ok bool)
}

// Value is the value of a condition key: of a key with one value, or the values of a multivalued key such as
// aws:TagKeys. The difference counts: without ForAllValues or ForAnyValue a test of a multivalued key is false,
// however many values it has.
type Value struct {
	one   string
	many  []string
	multi bool
}

// One is the value of a single-valued key.
func One(value string) Value { return Value{one: value} }

// Many are the values of a multivalued key; with none, the key counts as missing.
func Many(values ...string) Value { return Value{many: values, multi: true} }

// Len is the number of values.
func (v Value) Len() int {
	if v.multi {
		return len(v.many)
	}
	return 1
}

// At is the value at index i.
func (v Value) At(i int) string {
	if v.multi {
		return v.many[i]
	}
	return v.one
}

// Multivalued reports whether the key is of the multivalued sort.
func (v Value) Multivalued() bool { return v.multi }

// ContextMap is the simple Context: condition keys in lower case to their values.
type ContextMap map[string]Value

// Lookup implements Context.
func (m ContextMap) Lookup(key string) (Value, bool) {
	v, ok := m[key]
	return v, ok
}

// Set puts a key, in any letter case, into the map.
func (m ContextMap) Set(key string, value Value) { m[strings.ToLower(key)] = value }

// lookup allows for requests without a context.
func lookup(ctx Context, key string) (Value, bool) {
	if ctx == nil {
		return Value{}, false
	}
	return ctx.Lookup(key)
}
