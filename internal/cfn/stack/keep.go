package stack

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"furl/internal/state"
	"furl/internal/store"
)

// schema is the version written into every record's "v" member.
const schema = 1

// page is how many records are read at once.
const page = 500

// ErrNoStack: there is no such stack.
var ErrNoStack = errors.New("stack: there is no such stack")

// ErrExists: a stack of that name is there already.
var ErrExists = errors.New("stack: a stack of that name exists")

// packed is a text that is compressed in records: templates repeat themselves, and records are bounded.
type packed string

// pack compresses a text.
func pack(text string) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		return nil, err
	}
	err := z.Close()
	return b.Bytes(), err
}

// unpack is the inverse of pack.
func unpack(b []byte) (packed, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(z)
	return packed(text), err
}

// bare is a Definition as far as its tags say how it is kept.
type bare Definition

// keptDefinition is a Definition in the store.
type keptDefinition struct {
	*bare
	Body      []byte `json:"body,omitempty"`
	Processed []byte `json:"processed,omitempty"`
}

// MarshalJSON compresses the templates, unless they were read compressed: a stack's record is written at every step.
func (d Definition) MarshalJSON() ([]byte, error) {
	kept := keptDefinition{(*bare)(&d), d.packedBody, d.packedProcessed}
	var err error
	if kept.Body == nil && d.Body != "" {
		if kept.Body, err = pack(string(d.Body)); err != nil {
			return nil, err
		}
	}
	if kept.Processed == nil && d.Processed != "" {
		if kept.Processed, err = pack(string(d.Processed)); err != nil {
			return nil, err
		}
	}
	return json.Marshal(kept)
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (d *Definition) UnmarshalJSON(b []byte) (err error) {
	kept := keptDefinition{bare: (*bare)(d)}
	if err := json.Unmarshal(b, &kept); err != nil {
		return err
	}
	d.packedBody, d.packedProcessed = kept.Body, kept.Processed
	if kept.Body != nil {
		if d.Body, err = unpack(kept.Body); err != nil {
			return err
		}
	}
	if kept.Processed != nil {
		d.Processed, err = unpack(kept.Processed)
	}
	return err
}

// same reports whether definitions say the same.
func (d Definition) same(other Definition) bool {
	d.packedBody, d.packedProcessed, other.packedBody, other.packedProcessed = nil, nil, nil, nil
	return reflect.DeepEqual(d, other)
}

// The keys: cf/s/ACCOUNT/REGION/UUID is a stack, cf/n/ACCOUNT/REGION/NAME the id of the living one of a name,
// cf/r/UUID/LOGICAL a resource, cf/e/UUID/NUMBER an event, cf/c/UUID/NAME a change set, cf/d/UUID the stack of the change set of
// that id, cf/x/ACCOUNT/REGION/NAME an export.

func stackKey(id string) string {
	p := strings.SplitN(id, ":", 6)
	return "cf/s/" + p[4] + "/" + p[3] + "/" + uuidOf(id)
}

// uuidOf is the last part of a stack's id.
func uuidOf(id string) string { return id[strings.LastIndexByte(id, '/')+1:] }

// IsID reports whether a text has the form of a stack's id.
func IsID(text string) bool {
	p := strings.SplitN(text, ":", 6)
	return len(p) == 6 && p[0] == "arn" && p[2] == "cloudformation" && strings.HasPrefix(p[5], "stack/") && strings.Count(p[5], "/") == 2 &&
		!strings.Contains(p[3]+p[4], "/")
}

func nameKey(account, region, name string) string {
	return "cf/n/" + account + "/" + region + "/" + name
}
func resourceKey(id, logical string) string { return "cf/r/" + uuidOf(id) + "/" + logical }
func eventKey(id string, n int) string      { return fmt.Sprintf("cf/e/%s/%012d", uuidOf(id), n) }

func exportKey(account, region, name string) string {
	return "cf/x/" + account + "/" + region + "/" + url.PathEscape(name)
}

// records is what of the store this package uses.
type records struct {
	store store.State
	box   *state.Box
}

func (r *records) get(ctx context.Context, key string) (store.Rec, error) {
	recs, err := r.store.Get(ctx, key)
	if err != nil {
		return store.Rec{}, err
	}
	return recs[0], nil
}

// list calls each for every record below a prefix, in the order of keys.
func (r *records) list(ctx context.Context, prefix string, each func(store.Rec) error) error {
	after := ""
	for {
		recs, err := r.store.List(ctx, prefix, after, page)
		if err != nil {
			return err
		}
		for _, rec := range recs {
			if err := each(rec); err != nil {
				return err
			}
			after = rec.Key
		}
		if len(recs) < page {
			return nil
		}
	}
}

func decode[T any](rec store.Rec) (*T, error) {
	v := new(T)
	if err := json.Unmarshal(rec.Val, v); err != nil {
		return nil, fmt.Errorf("stack: record %q: %w", rec.Key, err)
	}
	return v, nil
}

func put(key string, v any) (store.Op, error) {
	b, err := json.Marshal(v)
	if err == nil && len(b) > store.MaxVal {
		err = fmt.Errorf("%d bytes are more than a record holds", len(b))
	}
	if err != nil {
		return store.Op{}, fmt.Errorf("stack: record %q: %w", key, err)
	}
	return store.Op{Key: key, Val: b}, nil
}

// generations is the secret part of a resource's record.
type generations struct {
	Now    Generation   `json:"now"`
	Target *Generation  `json:"target,omitempty"`
	Before *Generation  `json:"before,omitempty"`
	Doomed []Generation `json:"doomed,omitempty"`
}

func (r *records) putResource(id string, res *Resource) (store.Op, error) {
	key := resourceKey(id, res.LogicalID)
	b, err := json.Marshal(generations{res.Now, res.Target, res.Before, res.Doomed})
	if err != nil {
		return store.Op{}, fmt.Errorf("stack: record %q: %w", key, err)
	}
	res.V, res.Sealed = schema, r.box.Seal(b, key)
	return put(key, res)
}

func (r *records) openResource(rec store.Rec) (*Resource, error) {
	res, err := decode[Resource](rec)
	if err != nil {
		return nil, err
	}
	b, err := r.box.Open(res.Sealed, rec.Key)
	if err != nil {
		return nil, fmt.Errorf("stack: record %q: %w", rec.Key, err)
	}
	var g generations
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&g); err != nil {
		return nil, fmt.Errorf("stack: record %q: %w", rec.Key, err)
	}
	for _, one := range append([]*Generation{&g.Now, g.Target, g.Before}, pointers(g.Doomed)...) {
		if one != nil {
			one.Properties, _ = numbers(one.Properties).(map[string]any)
			one.Attributes, _ = numbers(one.Attributes).(map[string]any)
			one.Ref = numbers(one.Ref)
		}
	}
	res.Now, res.Target, res.Before, res.Doomed, res.Sealed = g.Now, g.Target, g.Before, g.Doomed, nil
	return res, nil
}

func pointers(list []Generation) []*Generation {
	out := make([]*Generation, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}

// numbers makes of a decoded value one of the kinds that templates have.
func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // it was written by us
		return f
	case map[string]any:
		for name, one := range v {
			v[name] = numbers(one)
		}
	case []any:
		for i, one := range v {
			v[i] = numbers(one)
		}
	}
	return v
}

// putStack seals the values of parameters that are secret.
func (r *records) putStack(s *Stack) (store.Op, error) {
	key, kept := stackKey(s.ID), *s
	kept.V = schema
	kept.Now = r.sealed(s.Now, key)
	if s.Next != nil {
		next := r.sealed(*s.Next, key)
		kept.Next = &next
	}
	return put(key, &kept)
}

func (r *records) sealed(d Definition, owner string) Definition {
	d.Parameters = slices.Clone(d.Parameters)
	for i, p := range d.Parameters {
		if p.Secret {
			d.Parameters[i].Value = asText(r.box.Seal([]byte(p.Value), owner))
		}
	}
	return d
}

func (r *records) openStack(rec store.Rec) (*Stack, error) {
	s, err := decode[Stack](rec)
	if err != nil {
		return nil, err
	}
	for _, d := range []*Definition{&s.Now, s.Next} {
		if d == nil {
			continue
		}
		if err := r.opened(d, rec.Key); err != nil {
			return nil, fmt.Errorf("stack: record %q: %w", rec.Key, err)
		}
	}
	return s, nil
}

// opened is the inverse of sealed.
func (r *records) opened(d *Definition, owner string) error {
	for i, p := range d.Parameters {
		if !p.Secret {
			continue
		}
		raw, err := asBytes(p.Value)
		if err == nil {
			raw, err = r.box.Open(raw, owner)
		}
		if err != nil {
			return fmt.Errorf("parameter %s: %w", p.Key, err)
		}
		d.Parameters[i].Value = string(raw)
	}
	return nil
}

func asText(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func asBytes(text string) ([]byte, error) { return base64.StdEncoding.DecodeString(text) }
