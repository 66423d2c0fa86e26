package awsapi

import (
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// maxFormDepth is how many parts a parameter's name can have; no shape is deeper.
const maxFormDepth = 16

// formTree arranges a form's parameters by the parts of their names: Tags.member.1.Key is below Tags. Of a repeated
// parameter the first value counts. Parameters that do not belong to a field of p are left out.
func formTree(form url.Values, p *plan) *node {
	root := new(node)
	below := map[string]*node{}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		first, _, _ := strings.Cut(name, ".")
		if _, known := p.byName[first]; !known || strings.Count(name, ".") >= maxFormDepth {
			continue
		}
		at, end := root, 0
		for end < len(name) {
			start := end
			if start > 0 {
				start++
			}
			if end = strings.IndexByte(name[start:], '.'); end < 0 {
				end = len(name)
			} else {
				end += start
			}
			kid := below[name[:end]]
			if kid == nil {
				kid = &node{name: name[start:end]}
				below[name[:end]] = kid
				at.kids = append(at.kids, kid)
			}
			at = kid
		}
		at.text = form[name][0]
	}
	return root
}

// appendForm adds a value's parameters under a prefix. An empty list is one empty parameter.
func appendForm(form url.Values, prefix string, p *plan, v reflect.Value) {
	switch p.kind {
	case structKind:
		for i := range p.fields {
			f := &p.fields[i]
			if value, ok := f.get(v); ok {
				name := f.name
				if prefix != "" {
					name = prefix + "." + name
				}
				appendForm(form, name, f.plan, value)
			}
		}
	case listKind:
		for i := range v.Len() {
			appendForm(form, prefix+".member."+strconv.Itoa(i+1), p.elem, v.Index(i))
		}
		if v.Len() == 0 {
			form.Set(prefix, "")
		}
	case mapKind:
		for i, key := range sortedKeys(v) {
			entry := prefix + ".entry." + strconv.Itoa(i+1)
			form.Set(entry+".key", key.String())
			appendForm(form, entry+".value", p.elem, v.MapIndex(key))
		}
		if v.Len() == 0 {
			form.Set(prefix, "")
		}
	default:
		form.Set(prefix, text(p, v))
	}
}
