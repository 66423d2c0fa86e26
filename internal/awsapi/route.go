package awsapi

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// route is where the REST-JSON protocol finds an operation.
type route struct {
	segments []segment
	query    url.Values // fixed parameters
}

// segment is one part of a route's path: a literal, or the label of a field.
type segment struct {
	literal string
	field   int // in the input's fields; -1 for a literal
}

// compileRoute reads a URI template and binds its labels to the input's fields, all of which must be bound.
func compileRoute(uri string, input *plan) (route, error) {
	template, rawQuery, _ := strings.Cut(uri, "?")
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return route{}, fmt.Errorf("awsapi: route %s: %w", uri, err)
	}
	r := route{query: query}
	bound := map[int]bool{}
	for _, part := range splitPath(template) {
		s := segment{literal: part, field: -1}
		if label, ok := strings.CutPrefix(part, "{"); ok {
			label = strings.TrimSuffix(label, "}")
			s.field = slices.IndexFunc(input.fields, func(f field) bool { return f.place == inPath && f.name == label })
			if s.field < 0 {
				return route{}, fmt.Errorf("awsapi: route %s: no field of %s is label %s", uri, input.typ, label)
			}
			bound[s.field] = true
		}
		r.segments = append(r.segments, s)
	}
	for i := range input.fields {
		if f := &input.fields[i]; f.place == inPath && !bound[i] {
			return route{}, fmt.Errorf("awsapi: route %s: field %s of %s is not a label", uri, f.name, input.typ)
		}
	}
	return r, nil
}

// splitPath splits a path at its slashes, without the first and a last one.
func splitPath(p string) []string {
	return strings.Split(strings.TrimSuffix(strings.TrimPrefix(p, "/"), "/"), "/")
}

// router finds operations by method and path. Paths are compared as they stand on the request line and never cleaned,
// so that an escaped slash or a name of dots stays inside its label.
type router struct {
	routes map[routeKey][]*Operation
}

type routeKey struct {
	method string
	length int
}

// newRouter arranges a service's operations, those with more literal parts and fixed parameters first.
func newRouter(operations []Operation) *router {
	r := &router{routes: map[routeKey][]*Operation{}}
	for i := range operations {
		op := &operations[i]
		key := routeKey{op.Method, len(op.route.segments)}
		r.routes[key] = append(r.routes[key], op)
	}
	for _, ops := range r.routes {
		slices.SortStableFunc(ops, func(a, b *Operation) int { return cmp.Compare(b.route.weight(), a.route.weight()) })
	}
	return r
}

// weight orders routes that could match the same request.
func (r *route) weight() int {
	n := len(r.query)
	for _, s := range r.segments {
		if s.field < 0 {
			n++
		}
	}
	return n
}

// find returns the operation of a request and the values of its labels, by field, or nil.
func (r *router) find(method, escapedPath string, query url.Values) (*Operation, map[int]string) {
	parts := splitPath(escapedPath)
	for _, op := range r.routes[routeKey{method, len(parts)}] {
		if labels, ok := op.route.match(parts, query); ok {
			return op, labels
		}
	}
	return nil, nil
}

// match compares a path's parts and the query with the route. A label is never empty.
func (r *route) match(parts []string, query url.Values) (map[int]string, bool) {
	for name, values := range r.query {
		if query.Get(name) != values[0] {
			return nil, false
		}
	}
	labels := map[int]string{}
	for i, s := range r.segments {
		text, err := url.PathUnescape(parts[i])
		switch {
		case err != nil || text == "":
			return nil, false
		case s.field >= 0:
			labels[s.field] = text
		case text != s.literal:
			return nil, false
		}
	}
	return labels, true
}

// path prints the route's path for a client, with labels escaped byte by byte.
func (r *route) path(labels map[int]string) string {
	var b strings.Builder
	for _, s := range r.segments {
		b.WriteByte('/')
		if s.field < 0 {
			b.WriteString(s.literal)
		} else {
			b.WriteString(escapeLabel(labels[s.field]))
		}
	}
	return b.String()
}

// escapeLabel percent-encodes every byte but letters, digits and - _ . ~.
func escapeLabel(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '~':
			b.WriteByte(c)
		default:
			b.WriteString("%" + string(hex[c>>4]) + string(hex[c&15]))
		}
	}
	return b.String()
}
