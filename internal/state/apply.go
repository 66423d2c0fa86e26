package state

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"furl/internal/arn"
	"furl/internal/policy"
	"furl/internal/store"
)

// change builds the next Snapshot from the last one and the records of one or
// more commits. Child records of a function are folded into a copy of its
// entry, and its routes are rebuilt once at the end, whatever changed.
type change struct {
	sealer *sealer
	next   Snapshot

	functions *edit[*FunctionEntry]
	routes    *edit[*Route]
	keys      *edit[*KeyEntry]

	owned       *edit[*Account]
	revocations *edit[*Revocation]

	iam    *identityChange
	layers *edit[*LayerEntry]
	// provisioned are the functions with provisioned concurrency.
	provisioned *edit[*FunctionEntry]

	logGroups *logGroupChange

	// touched are the functions whose entries are this change's own copies.
	touched map[string]*FunctionEntry
	// touchedLayers are the same of layers.
	touchedLayers map[string]*LayerEntry
}

func newChange(prev *Snapshot, s *sealer) *change {
	return &change{
		sealer:    s,
		next:      *prev,
		functions: newEdit(prev.seed, prev.functions),
		routes:    newEdit(prev.seed, prev.routes),
		keys:      newEdit(prev.seed, prev.keys),

		owned:       newEdit(prev.seed, prev.owned),
		revocations: newEdit(prev.seed, prev.revocations),

		iam:         newIdentityChange(prev),
		layers:      newEdit(prev.seed, prev.layers),
		provisioned: newEdit(prev.seed, prev.provisioned),
		touched:     map[string]*FunctionEntry{},
		logGroups:   newLogGroupChange(prev),

		touchedLayers: map[string]*LayerEntry{},
	}
}

// apply folds in one record. A record that cannot be understood changes
// nothing and is an error that names its key.
func (c *change) apply(rec store.Rec) error {
	if err := c.applyKind(rec); err != nil {
		return fmt.Errorf("state: record %q: %w", rec.Key, err)
	}
	return nil
}

func (c *change) applyKind(rec store.Rec) error {
	kind, rest, _ := strings.Cut(rec.Key, "/")
	switch kind {
	case "fn":
		return c.applyFunction(rec, strings.Split(rest, "/"))
	case "ly":
		return c.applyLayer(rec, strings.Split(rest, "/"))
	case "iam":
		return c.iam.apply(rec, strings.Split(rest, "/"))
	case "use":
		return c.iam.applyUsed(rec, rest)
	case "lg":
		return c.logGroups.apply(rec, strings.Split(rest, "/"))
	case "ak":
		return c.applyAccessKey(rec, rest)
	case "acct":
		return c.applyAccount(rec, rest)
	case "rv":
		return c.applyRevocation(rec, rest)
	case "cf", "s3", "ssm":
		return nil // packages s3 and ssm read their records themselves
	case "url":
		return nil // only makes url-ids unique; routes come from the functions
	case "cfg":
		if rec.Key == serverKey {
			return c.applyServer(rec)
		}
	}
	return fmt.Errorf("a key of a kind that this version of furl does not know")
}

func (c *change) applyFunction(rec store.Rec, token []string) error {
	if len(token) != 3 && len(token) != 5 {
		return fmt.Errorf("a function's key with %d tokens", len(token))
	}
	key := "fn/" + strings.Join(token[:3], "/")
	if len(token) == 3 {
		return c.applyFunctionRecord(rec, key)
	}
	switch token[3] {
	case "ve":
		return c.applyVersion(rec, key)
	case "al":
		return c.applyAlias(rec, key)
	case "po":
		return c.applyPolicy(rec, key)
	case "ur":
		return c.applyURL(rec, key)
	case "pc":
		return c.applyProvision(rec, key)
	case "ei":
		return c.applyEventConfig(rec, key)
	}
	return fmt.Errorf("a child %q that this version of furl does not know", token[3])
}

func (c *change) applyFunctionRecord(rec store.Rec, key string) error {
	if rec.Val == nil {
		if old, had := c.functions.get(key); had {
			c.dropRoutes(old)
		}
		c.functions.del(key)
		c.provisioned.del(key)
		delete(c.touched, key)
		return nil
	}
	f, err := decode[Function](rec)
	if err != nil {
		return err
	}
	e := c.touch(key)
	e.Function, e.Latest = f, newTarget(f, &f.Latest)
	return nil
}

func (c *change) applyVersion(rec store.Rec, key string) error {
	if rec.Val == nil {
		if e := c.existing(key); e != nil {
			delete(e.Versions, c.qualifier(rec.Key))
		}
		return nil
	}
	v, err := decode[Version](rec)
	if err != nil {
		return err
	}
	// The function, which may come later in this change, is set at its end.
	c.touch(key).Versions[v.Number] = &Target{Version: v, Digest: digest(v)}
	return nil
}

func (c *change) applyAlias(rec store.Rec, key string) error {
	if rec.Val == nil {
		if e := c.existing(key); e != nil {
			delete(e.Aliases, c.qualifier(rec.Key))
		}
		return nil
	}
	a, err := decode[Alias](rec)
	if err != nil {
		return err
	}
	c.touch(key).Aliases[a.Name] = a
	return nil
}

func (c *change) applyPolicy(rec store.Rec, key string) error {
	if rec.Val == nil {
		if e := c.existing(key); e != nil {
			delete(e.Policies, c.qualifier(rec.Key))
		}
		return nil
	}
	p, err := decode[FunctionPolicy](rec)
	if err != nil {
		return err
	}
	compiled, err := policy.Parse([]byte(p.Document), policy.Resource)
	if err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	c.touch(key).Policies[p.Qualifier] = &PolicyEntry{Record: p, Source: policy.Source{
		Name:   "policy of " + arn.Function(p.Region, p.Account, p.Function, p.Qualifier),
		Policy: compiled.BindPrincipals(p.PrincipalIDs),
	}}
	return nil
}

func (c *change) applyURL(rec store.Rec, key string) error {
	if rec.Val == nil {
		e := c.existing(key)
		if e == nil {
			return nil
		}
		q := c.qualifier(rec.Key)
		if u := e.URLs[q]; u != nil {
			c.routes.del(u.ID)
			delete(e.URLs, q)
		}
		return nil
	}
	u, err := decode[URLConfig](rec)
	if err != nil {
		return err
	}
	e := c.touch(key)
	if old := e.URLs[u.Qualifier]; old != nil && old.ID != u.ID {
		c.routes.del(old.ID)
	}
	e.URLs[u.Qualifier] = u
	return nil
}

func (c *change) applyEventConfig(rec store.Rec, key string) error {
	if rec.Val == nil {
		if e := c.existing(key); e != nil {
			delete(e.Events, c.qualifier(rec.Key))
		}
		return nil
	}
	e, err := decode[EventConfig](rec)
	if err != nil {
		return err
	}
	c.touch(key).Events[e.Qualifier] = e
	return nil
}

// qualifier is the inverse of qualifierToken for the last token of a key.
func (c *change) qualifier(key string) string {
	_, token, _ := cutLast(key, "/")
	switch token {
	case unqualified:
		return ""
	case dash:
		return unqualified
	}
	return token // the characters of other aliases need no escape
}

// existing returns the change's own copy of a function's entry, nil if there
// is no such function: its children are then gone with it.
func (c *change) existing(key string) *FunctionEntry {
	if _, had := c.functions.get(key); !had {
		return nil
	}
	return c.touch(key)
}

func (c *change) touch(key string) *FunctionEntry {
	if e, ok := c.touched[key]; ok {
		return e
	}
	e := &FunctionEntry{
		Versions: map[string]*Target{}, Aliases: map[string]*Alias{},
		Policies: map[string]*PolicyEntry{}, URLs: map[string]*URLConfig{},
		Events: map[string]*EventConfig{}, Provisions: map[string]*Provision{},
	}
	if old, had := c.functions.get(key); had {
		e.Function, e.Latest = old.Function, old.Latest
		e.Versions, e.Aliases = maps.Clone(old.Versions), maps.Clone(old.Aliases)
		e.Policies, e.URLs = maps.Clone(old.Policies), maps.Clone(old.URLs)
		e.Events, e.Provisions = maps.Clone(old.Events), maps.Clone(old.Provisions)
	}
	c.touched[key] = e
	c.functions.set(key, e)
	return e
}

func (c *change) dropRoutes(e *FunctionEntry) {
	for _, u := range e.URLs {
		c.routes.del(u.ID)
	}
}

func (c *change) applyAccessKey(rec store.Rec, id string) error {
	if rec.Val == nil {
		c.keys.del(id)
		return nil
	}
	k, err := decode[AccessKey](rec)
	if err != nil {
		return err
	}
	secret, err := c.sealer.open(k)
	if err != nil {
		return err
	}
	c.keys.set(k.ID, &KeyEntry{Key: k, Secret: secret})
	return nil
}

func (c *change) applyServer(rec store.Rec) error {
	if rec.Val == nil {
		c.next.server = nil
		return nil
	}
	s, err := decode[Server](rec)
	if err != nil {
		return err
	}
	c.next.server = s
	return nil
}

// snapshot finishes the change.
func (c *change) snapshot(rev store.Rev) *Snapshot {
	for key, e := range c.touched {
		if e.Function == nil { // a child without its function: the guards forbid it
			c.functions.del(key)
			continue
		}
		c.bindVersions(e)
		c.buildRoutes(e)
		if len(e.Provisions) > 0 {
			c.provisioned.set(key, e)
		} else {
			c.provisioned.del(key)
		}
	}
	c.next.rev = rev
	c.next.logGroups = c.logGroups.finish()
	c.next.functions, c.next.routes = c.functions.ix, c.routes.ix
	c.next.keys = c.keys.ix
	c.next.owned, c.next.revocations = c.owned.ix, c.revocations.ix
	c.iam.finish(&c.next)
	c.next.layers, c.next.provisioned = c.finishLayers(), c.provisioned.ix
	return &c.next
}

// bindVersions gives published versions the function's record as it is now.
func (c *change) bindVersions(e *FunctionEntry) {
	for n, t := range e.Versions {
		if t.Function != e.Function {
			e.Versions[n] = bindTarget(e.Function, t.Version, t.Digest)
		}
	}
}

func (c *change) buildRoutes(e *FunctionEntry) {
	for q, u := range e.URLs {
		routing, ok := e.Routing(q)
		if !ok { // an alias that is gone: the guards forbid it
			c.routes.del(u.ID)
			continue
		}
		r := &Route{
			URL:     u,
			Routing: routing,
			ARN:     arn.Function(u.Region, u.Account, u.Function, q),
		}
		if p := e.Policies[q]; p != nil {
			r.Policy = &p.Source
		}
		c.routes.set(u.ID, r)
	}
}

func decode[T any](rec store.Rec) (*T, error) {
	var head struct {
		V int `json:"v"`
	}
	if err := json.Unmarshal(rec.Val, &head); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	if head.V > schema {
		return nil, fmt.Errorf("written by a newer furl (schema %d, this one knows %d)", head.V, schema)
	}
	v := new(T)
	if err := json.Unmarshal(rec.Val, v); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	return v, nil
}
