package awsapi

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
)

// node is a value of the Query protocol on its way in: parameters of a form whose names share a prefix, or an element
// of an XML document.
type node struct {
	name string
	text string
	kids []*node
}

// treeDecoder reads nodes into structures and notes the required members that they lack.
type treeDecoder struct {
	form   bool // lists and maps are numbered, as in forms
	absent absences
}

// structure reads a node's kids into a structure.
func (d *treeDecoder) structure(n *node, p *plan, v reflect.Value, up *path) error {
	seen := make([]bool, len(p.fields))
	for _, kid := range n.kids {
		i, known := p.byName[kid.name]
		if !known || seen[i] {
			continue
		}
		seen[i] = true
		f := &p.fields[i]
		if err := d.any(kid, f.plan, f.set(v), &path{up: up, name: f.member}); err != nil {
			return err
		}
	}
	for i := range p.fields {
		if f := &p.fields[i]; f.required && !seen[i] {
			d.absent.note(&path{up: up, name: f.member})
		}
	}
	return nil
}

// any reads a node.
func (d *treeDecoder) any(n *node, p *plan, v reflect.Value, at *path) error {
	switch p.kind {
	case structKind:
		return d.structure(n, p, v, at)
	case listKind:
		return d.list(n, p, v, at)
	case mapKind:
		return d.mapping(n, p, v, at)
	}
	if len(n.kids) > 0 {
		return SerializationException("Start of structure or map found where not expected.")
	}
	return setText(p, v, n.text)
}

// list reads a list's elements, called member.
func (d *treeDecoder) list(n *node, p *plan, v reflect.Value, at *path) error {
	elements, err := d.elements(n, "member")
	if err != nil {
		return err
	}
	list := reflect.MakeSlice(p.typ, len(elements), len(elements))
	for i, e := range elements {
		if err := d.any(e, p.elem, list.Index(i), &path{up: at, at: i + 1}); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}

// mapping reads a map's entries, called entry, each with a key and a value.
func (d *treeDecoder) mapping(n *node, p *plan, v reflect.Value, at *path) error {
	entries, err := d.elements(n, "entry")
	if err != nil {
		return err
	}
	m := reflect.MakeMapWithSize(p.typ, len(entries))
	for _, e := range entries {
		key, value := reflect.New(p.key.typ).Elem(), reflect.New(p.elem.typ).Elem()
		for _, kid := range e.kids {
			switch kid.name {
			case "key":
				err = d.any(kid, p.key, key, at)
			case "value":
				err = d.any(kid, p.elem, value, &path{up: at, name: kid.name})
			}
			if err != nil {
				return err
			}
		}
		m.SetMapIndex(key, value)
	}
	v.Set(m)
	return nil
}

// elements returns the elements of a list or map: the kids of that name in XML, and the kids of the kid of that name in
// the order of their numbers in a form. The numbers may leave gaps.
func (d *treeDecoder) elements(n *node, name string) ([]*node, error) {
	if !d.form {
		return slices.DeleteFunc(slices.Clone(n.kids), func(kid *node) bool { return kid.name != name }), nil
	}
	var elements []*node
	for _, kid := range n.kids {
		if kid.name != name {
			return nil, SerializationException("Start of structure or map found where not expected.")
		}
		elements = kid.kids
	}
	for _, e := range elements {
		if n, err := strconv.ParseUint(e.name, 10, 31); err != nil || n == 0 {
			return nil, SerializationException("Key %s is not a number", e.name)
		}
	}
	slices.SortFunc(elements, func(a, b *node) int {
		return cmp.Or(cmp.Compare(len(a.name), len(b.name)), cmp.Compare(a.name, b.name))
	})
	return elements, nil
}
