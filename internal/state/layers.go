package state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"furl/internal/policy"
	"furl/internal/store"
)

// Layer is the record of a layer: what numbers its versions. It stays when they
// are deleted, because numbers are never used again.
type Layer struct {
	V         int    `json:"v"`
	Account   string `json:"account"`
	Region    string `json:"region"`
	Name      string `json:"name"`
	Published int64  `json:"published"`
}

// LayerVersion is the record of one version of a layer. But for its policy it never
// changes.
type LayerVersion struct {
	V       int    `json:"v"`
	Account string `json:"account"`
	Region  string `json:"region"`
	Layer   string `json:"layer"`
	Number  int64  `json:"number"`

	Description   string    `json:"description,omitempty"`
	License       string    `json:"license,omitempty"`
	Runtimes      []string  `json:"runtimes,omitempty"`
	Architectures []string  `json:"architectures,omitempty"`
	Created       time.Time `json:"created"`

	// CodeBlob is the SHA-256 (hex) of the archive in the store's blobs, Unzipped the size of
	// its files.
	CodeBlob string `json:"codeBlob"`
	CodeSize int64  `json:"codeSize"`
	Unzipped int64  `json:"unzipped"`

	// Policy is who else may use the version, as GetLayerVersionPolicy returns it, or empty.
	Policy     string `json:"policy,omitempty"`
	RevisionID string `json:"revisionId,omitempty"`
}

// LayerUse is a layer version as a function has it. It holds all that running needs:
// functions outlive the layer versions that they were made with.
type LayerUse struct {
	ARN      string `json:"arn"`
	CodeBlob string `json:"codeBlob"`
	CodeSize int64  `json:"codeSize"`
	Unzipped int64  `json:"unzipped"`
}

// LayerID names a layer.
type LayerID struct{ Account, Region, Name string }

// ARN is the layer's own, without a version.
func (id LayerID) ARN() string {
	return "arn:aws:lambda:" + id.Region + ":" + id.Account + ":layer:" + id.Name
}

// VersionARN is that of one version.
func (id LayerID) VersionARN(number int64) string {
	return id.ARN() + ":" + strconv.FormatInt(number, 10)
}

func (id LayerID) key() string { return "ly/" + id.Account + "/" + id.Region + "/" + id.Name }

func (id LayerID) versionKey(number int64) string {
	return id.key() + "/ve/" + strconv.FormatInt(number, 10)
}

// ID is the name of the version's layer.
func (v *LayerVersion) ID() LayerID { return LayerID{v.Account, v.Region, v.Layer} }

// ARN is the version's own.
func (v *LayerVersion) ARN() string { return v.ID().VersionARN(v.Number) }

// LayerEntry is a layer with its versions.
type LayerEntry struct {
	Layer    *Layer
	Versions map[int64]*LayerVersionEntry
}

// LayerVersionEntry is a layer version with its policy compiled, nil where it has none.
type LayerVersionEntry struct {
	Record *LayerVersion
	Policy *policy.Source
}

// Sorted are the versions of the layer, the newest first, as AWS lists them.
func (e *LayerEntry) Sorted() []*LayerVersionEntry {
	return slices.SortedFunc(maps.Values(e.Versions), func(a, b *LayerVersionEntry) int {
		return cmp.Compare(b.Record.Number, a.Record.Number)
	})
}

// Layer returns a layer, nil if there never was one of that name.
func (s *Snapshot) Layer(id LayerID) *LayerEntry {
	l, _ := s.layers.get(s.seed, id.key())
	return l
}

// LayerVersion returns a version of a layer, nil if there is none.
func (s *Snapshot) LayerVersion(id LayerID, number int64) *LayerVersionEntry {
	if l := s.Layer(id); l != nil {
		return l.Versions[number]
	}
	return nil
}

// Layers returns the layers of an account and region that have a version, sorted by name.
func (s *Snapshot) Layers(account, region string) []*LayerEntry {
	var all []*LayerEntry
	for l := range s.AllLayers {
		if l.Layer.Account == account && l.Layer.Region == region && len(l.Versions) > 0 {
			all = append(all, l)
		}
	}
	slices.SortFunc(all, func(a, b *LayerEntry) int { return cmp.Compare(a.Layer.Name, b.Layer.Name) })
	return all
}

// AllLayers yields every layer of the server in no particular order.
func (s *Snapshot) AllLayers(yield func(*LayerEntry) bool) {
	for _, l := range s.layers.all() {
		if !yield(l) {
			return
		}
	}
}

// PublishLayer stores a layer version under the layer's next number, which it sets.
func (s *State) PublishLayer(ctx context.Context, v *LayerVersion) error {
	v.V = schema
	id := v.ID()
	return retry(ctx, func() error {
		l, rev, err := read[Layer](ctx, s, id.key())
		if errors.Is(err, ErrNotFound) {
			l, rev, err = &Layer{V: schema, Account: id.Account, Region: id.Region, Name: id.Name}, store.Absent, nil
		}
		if err != nil {
			return err
		}
		l.Published++
		v.Number = l.Published
		layer, err := put(id.key(), l)
		if err != nil {
			return err
		}
		version, err := put(id.versionKey(v.Number), v)
		if err != nil {
			return err
		}
		return s.commit(ctx, store.Txn{
			If: []store.Cond{{Key: id.key(), Rev: rev}, {Key: version.Key, Rev: store.Absent}},
			Do: []store.Op{layer, version},
		})
	})
}

// UpdateLayerVersion lets change edit the policy of a layer version. ErrNotFound if
// there is none.
func (s *State) UpdateLayerVersion(ctx context.Context, id LayerID, number int64, change func(*LayerVersion) error) (*LayerVersion, error) {
	return update(ctx, s, id.versionKey(number), change)
}

// DeleteLayerVersion removes a layer version. Functions that use it keep it. That there
// is none is no error.
func (s *State) DeleteLayerVersion(ctx context.Context, id LayerID, number int64) error {
	return s.commit(ctx, store.Txn{Do: []store.Op{del(id.versionKey(number))}})
}

// applyLayer folds in a layer or a version of one.
func (c *change) applyLayer(rec store.Rec, token []string) error {
	if len(token) != 3 && (len(token) != 5 || token[3] != "ve") {
		return fmt.Errorf("a layer's key that this version of furl does not know")
	}
	key := LayerID{token[0], token[1], token[2]}.key()
	if len(token) == 3 {
		l, err := decode[Layer](rec) // never deleted
		if err == nil {
			c.touchLayer(key).Layer = l
		}
		return err
	}
	number, err := strconv.ParseInt(token[4], 10, 64)
	if err != nil {
		return fmt.Errorf("a layer version's number: %w", err)
	}
	if rec.Val == nil {
		delete(c.touchLayer(key).Versions, number)
		return nil
	}
	v, err := decode[LayerVersion](rec)
	if err != nil {
		return err
	}
	entry := &LayerVersionEntry{Record: v}
	if v.Policy != "" {
		compiled, err := policy.Parse([]byte(v.Policy), policy.Resource)
		if err != nil {
			return fmt.Errorf("compile: %w", err)
		}
		entry.Policy = &policy.Source{Name: "policy of " + v.ARN(), Policy: compiled}
	}
	c.touchLayer(key).Versions[number] = entry
	return nil
}

// touchLayer returns the change's own copy of a layer's entry.
func (c *change) touchLayer(key string) *LayerEntry {
	if e, ok := c.touchedLayers[key]; ok {
		return e
	}
	e := &LayerEntry{Versions: map[int64]*LayerVersionEntry{}}
	if old, had := c.layers.get(key); had {
		e.Layer, e.Versions = old.Layer, maps.Clone(old.Versions)
	}
	c.touchedLayers[key] = e
	c.layers.set(key, e)
	return e
}

// finishLayers returns the layers after the change.
func (c *change) finishLayers() index[*LayerEntry] {
	for key, e := range c.touchedLayers {
		if e.Layer == nil { // a version without its layer: they are written together
			c.layers.del(key)
		}
	}
	return c.layers.ix
}
