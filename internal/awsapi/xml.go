package awsapi

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// maxXMLDepth bounds the nesting of a document that a client reads.
const maxXMLDepth = 32

// writeXML writes a value as the content of an element. Absent members are left out, empty lists are empty elements.
func writeXML(b *bytes.Buffer, p *plan, v reflect.Value) {
	switch p.kind {
	case structKind:
		for i := range p.fields {
			f := &p.fields[i]
			if value, ok := f.get(v); ok {
				writeElement(b, f.name, func() { writeXML(b, f.plan, value) })
			}
		}
	case listKind:
		for i := range v.Len() {
			writeElement(b, "member", func() { writeXML(b, p.elem, v.Index(i)) })
		}
	case mapKind:
		for _, key := range sortedKeys(v) {
			writeElement(b, "entry", func() {
				writeElement(b, "key", func() { writeText(b, key.String()) })
				writeElement(b, "value", func() { writeXML(b, p.elem, v.MapIndex(key)) })
			})
		}
	default:
		writeText(b, text(p, v))
	}
}

// writeElement writes an element whose content write writes; without content it closes itself.
func writeElement(b *bytes.Buffer, name string, write func()) {
	b.WriteByte('<')
	b.WriteString(name)
	b.WriteByte('>')
	before := b.Len()
	write()
	if b.Len() == before {
		b.Truncate(before - 1)
		b.WriteString("/>")
		return
	}
	b.WriteString("</")
	b.WriteString(name)
	b.WriteByte('>')
}

// writeText writes escaped text. A bytes.Buffer takes every write.
func writeText(b *bytes.Buffer, s string) {
	_ = xml.EscapeText(b, []byte(s))
}

// parseXML reads a document into nodes, without attributes and name spaces.
func parseXML(data []byte) (*node, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	root := new(node)
	open := []*node{root}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && len(open) == 1 && len(root.kids) == 1 {
			return root.kids[0], nil
		}
		if err != nil {
			return nil, fmt.Errorf("awsapi: parse XML: %w", err)
		}
		top := open[len(open)-1]
		switch t := token.(type) {
		case xml.StartElement:
			if len(open) > maxXMLDepth {
				return nil, errors.New("awsapi: parse XML: too deep")
			}
			kid := &node{name: t.Name.Local}
			top.kids = append(top.kids, kid)
			open = append(open, kid)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 1 {
				top.text += string(t)
			}
		}
	}
}

// kid returns the first kid of that name, or an empty node.
func (n *node) kid(name string) *node {
	for _, kid := range n.kids {
		if kid.name == name {
			return kid
		}
	}
	return new(node)
}
