package state

import (
	"fmt"
	"maps"
	"slices"

	"furl/internal/arn"
	"furl/internal/policy"
	"furl/internal/policy/awsmanaged"
	"furl/internal/store"
)

// identityChange is the part of a change that is about identities. What is in
// force for a user depends on the records of its groups and of managed policies,
// so entries are put together at the end, those that the change concerns.
type identityChange struct {
	builtin  *awsmanaged.Catalog
	users    *edit[*UserEntry]
	roles    *edit[*RoleEntry]
	groups   *edit[*GroupEntry]
	groupIDs *edit[*GroupEntry]
	managed  *edit[*ManagedEntry]
	accounts *edit[*AccountNames]
	used     *edit[*Used]

	// The keys of entries to put together, the ARNs of policies whose default
	// version is another one, and the ids of groups whose policies are.
	dueUsers, dueRoles, dueGroups map[string]bool
	newPolicies, newGroups        map[string]bool
}

func newIdentityChange(prev *Snapshot) *identityChange {
	return &identityChange{
		builtin:     prev.builtin,
		users:       newEdit(prev.seed, prev.users),
		roles:       newEdit(prev.seed, prev.roles),
		groups:      newEdit(prev.seed, prev.groups),
		groupIDs:    newEdit(prev.seed, prev.groupIDs),
		managed:     newEdit(prev.seed, prev.managed),
		accounts:    newEdit(prev.seed, prev.accounts),
		used:        newEdit(prev.seed, prev.used),
		dueUsers:    map[string]bool{},
		dueRoles:    map[string]bool{},
		dueGroups:   map[string]bool{},
		newPolicies: map[string]bool{},
		newGroups:   map[string]bool{},
	}
}

// apply folds in one record below iam/.
func (c *identityChange) apply(rec store.Rec, token []string) error {
	switch {
	case len(token) == 2 && token[1] == "account":
		return c.applyNames(rec)
	case len(token) != 3:
		return fmt.Errorf("an IAM key with %d tokens", len(token))
	}
	switch token[1] {
	case "user":
		return c.applyUser(rec)
	case "role":
		return c.applyRole(rec)
	case "group":
		return c.applyGroup(rec)
	case "policy":
		return c.applyManaged(rec)
	}
	return fmt.Errorf("an IAM entity %q that this version of furl does not know", token[1])
}

func (c *identityChange) applyUser(rec store.Rec) error {
	if rec.Val == nil {
		c.users.del(rec.Key)
		return nil
	}
	u, err := decode[User](rec)
	if err != nil {
		return err
	}
	e := &UserEntry{User: u, ARN: arn.User(u.Account, u.Path, u.Name)}
	if old, had := c.users.get(rec.Key); had && old.User.Name == u.Name && maps.Equal(old.User.Policies, u.Policies) {
		e.inline = old.inline
	} else if e.inline, err = compileInline("user "+u.Name, u.Policies); err != nil {
		return err
	}
	c.users.set(rec.Key, e)
	c.dueUsers[rec.Key] = true
	return nil
}

func (c *identityChange) applyRole(rec store.Rec) error {
	if rec.Val == nil {
		c.roles.del(rec.Key)
		return nil
	}
	r, err := decode[Role](rec)
	if err != nil {
		return err
	}
	trust, err := policy.Parse([]byte(r.Trust), policy.Trust)
	if err != nil {
		return fmt.Errorf("compile the trust policy: %w", err)
	}
	inline, err := compileInline("role "+r.Name, r.Policies)
	if err != nil {
		return err
	}
	c.roles.set(rec.Key, &RoleEntry{
		Role: r,
		ARN:  arn.Role(r.Account, r.Path, r.Name),
		Trust: policy.Source{
			Name:   "trust policy of role " + r.Name,
			Policy: trust.BindPrincipals(r.PrincipalIDs),
		},
		inline: inline,
	})
	c.dueRoles[rec.Key] = true
	return nil
}

func (c *identityChange) applyGroup(rec store.Rec) error {
	old, had := c.groups.get(rec.Key)
	if rec.Val == nil {
		c.groups.del(rec.Key)
		if now, _ := c.groupIDs.get(groupID(old, had)); now == old { // not the same group under another name
			c.groupIDs.del(groupID(old, had))
		}
		return nil
	}
	g, err := decode[Group](rec)
	if err != nil {
		return err
	}
	e := &GroupEntry{Group: g, ARN: arn.Group(g.Account, g.Path, g.Name)}
	same := had && old.Group.Name == g.Name && old.Group.ID == g.ID && maps.Equal(old.Group.Policies, g.Policies)
	if same && slices.Equal(old.Group.Attached, g.Attached) { // another number of members
		e.inline, e.Policies = old.inline, old.Policies
	} else if e.inline, err = compileInline("group "+g.Name, g.Policies); err != nil {
		return err
	} else {
		c.dueGroups[rec.Key] = true
	}
	c.groups.set(rec.Key, e)
	c.groupIDs.set(g.ID, e)
	return nil
}

func groupID(e *GroupEntry, ok bool) string {
	if !ok {
		return ""
	}
	return e.Group.ID
}

func (c *identityChange) applyManaged(rec store.Rec) error {
	old, had := c.managed.get(rec.Key)
	if rec.Val == nil {
		c.managed.del(rec.Key)
		if had {
			c.newPolicies[old.ARN] = true
		}
		return nil
	}
	p, err := decode[ManagedPolicy](rec)
	if err != nil {
		return err
	}
	version := p.Version(p.Default)
	if version == nil {
		return fmt.Errorf("a managed policy without its default version %q", p.Default)
	}
	e := &ManagedEntry{Record: p, ARN: arn.Policy(p.Account, p.Path, p.Name)}
	if had && old.Record.ID == p.ID && old.Record.Default == p.Default {
		e.Compiled = old.Compiled
	} else if e.Compiled, err = policy.Parse([]byte(version.Document), policy.ManagedIdentity); err != nil {
		return fmt.Errorf("compile version %s: %w", p.Default, err)
	} else {
		c.newPolicies[e.ARN] = true
	}
	c.managed.set(rec.Key, e)
	return nil
}

func (c *identityChange) applyNames(rec store.Rec) error {
	if rec.Val == nil {
		c.accounts.del(rec.Key)
		return nil
	}
	n, err := decode[AccountNames](rec)
	if err != nil {
		return err
	}
	c.accounts.set(rec.Key, n)
	return nil
}

func (c *identityChange) applyUsed(rec store.Rec, id string) error {
	if rec.Val == nil {
		c.used.del(id)
		return nil
	}
	u, err := decode[Used](rec)
	if err != nil {
		return err
	}
	c.used.set(u.ID, u)
	return nil
}

// finish puts together what the change concerns and hands it over.
func (c *identityChange) finish(next *Snapshot) {
	c.spreadPolicies()
	for key := range c.dueGroups {
		c.buildGroup(key)
	}
	c.spreadGroups()
	for key := range c.dueUsers {
		c.buildUser(key)
	}
	for key := range c.dueRoles {
		c.buildRole(key)
	}
	next.users, next.roles, next.groups, next.groupIDs = c.users.ix, c.roles.ix, c.groups.ix, c.groupIDs.ix
	next.managed, next.accounts, next.used = c.managed.ix, c.accounts.ix, c.used.ix
}

// spreadPolicies finds the entities that have a policy with another default
// version. It looks at all of them, but policies change rarely, and an attachment
// is no such change.
func (c *identityChange) spreadPolicies() {
	if len(c.newPolicies) == 0 {
		return
	}
	changed := func(attached []string, boundary string) bool {
		return c.newPolicies[boundary] || slices.ContainsFunc(attached, func(a string) bool { return c.newPolicies[a] })
	}
	for key, e := range c.groups.ix.all() {
		if changed(e.Group.Attached, "") {
			c.dueGroups[key] = true
		}
	}
	for key, e := range c.users.ix.all() {
		if changed(e.User.Attached, e.User.Boundary) {
			c.dueUsers[key] = true
		}
	}
	for key, e := range c.roles.ix.all() {
		if changed(e.Role.Attached, e.Role.Boundary) {
			c.dueRoles[key] = true
		}
	}
}

// spreadGroups finds the users in groups that have other policies.
func (c *identityChange) spreadGroups() {
	if len(c.newGroups) == 0 {
		return
	}
	for key, e := range c.users.ix.all() {
		if slices.ContainsFunc(e.User.Groups, func(id string) bool { return c.newGroups[id] }) {
			c.dueUsers[key] = true
		}
	}
}

func (c *identityChange) buildGroup(key string) {
	old, ok := c.groups.get(key)
	if !ok {
		return
	}
	e := *old
	e.Policies = append(slices.Clone(e.inline), c.attached("group "+e.Group.Name, e.Group.Attached)...)
	c.groups.set(key, &e)
	c.groupIDs.set(e.Group.ID, &e)
	c.newGroups[e.Group.ID] = true
}

func (c *identityChange) buildUser(key string) {
	old, ok := c.users.get(key)
	if !ok {
		return
	}
	e := *old
	owner := "user " + e.User.Name
	e.Policies = append(slices.Clone(e.inline), c.attached(owner, e.User.Attached)...)
	for _, id := range e.User.Groups {
		if g, ok := c.groupIDs.get(id); ok {
			e.Policies = append(e.Policies, g.Policies...)
		}
	}
	e.Boundary = c.boundary(owner, e.User.Boundary)
	c.users.set(key, &e)
}

func (c *identityChange) buildRole(key string) {
	old, ok := c.roles.get(key)
	if !ok {
		return
	}
	e := *old
	owner := "role " + e.Role.Name
	e.Policies = append(slices.Clone(e.inline), c.attached(owner, e.Role.Attached)...)
	e.Boundary = c.boundary(owner, e.Role.Boundary)
	c.roles.set(key, &e)
}

func (c *identityChange) attached(owner string, arns []string) []policy.Source {
	sources := make([]policy.Source, 0, len(arns))
	for _, a := range arns {
		sources = append(sources, policy.Source{Name: "managed policy " + a + " attached to " + owner, Policy: c.compiled(a)})
	}
	return sources
}

func (c *identityChange) boundary(owner, policyARN string) *policy.Source {
	if policyARN == "" {
		return nil
	}
	return &policy.Source{Name: "permissions boundary " + policyARN + " of " + owner, Policy: c.compiled(policyARN)}
}

// compiled is a managed policy; nil, which denies, where there is none: the
// guards of the transactions forbid it.
func (c *identityChange) compiled(policyARN string) *policy.Policy {
	if b := c.builtin.Get(policyARN); b != nil {
		return b.Compiled
	}
	account, name, ok := splitPolicyARN(policyARN)
	if !ok {
		return nil
	}
	if p, ok := c.managed.get(managedKey(account, name)); ok && p.ARN == policyARN {
		return p.Compiled
	}
	return nil
}

func compileInline(owner string, documents map[string]string) ([]policy.Source, error) {
	sources := make([]policy.Source, 0, len(documents))
	for name, doc := range documents {
		p, err := policy.Parse([]byte(doc), policy.Identity)
		if err != nil {
			return nil, fmt.Errorf("compile policy %q: %w", name, err)
		}
		sources = append(sources, policy.Source{Name: "inline policy " + name + " of " + owner, Policy: p})
	}
	sortSources(sources)
	return sources, nil
}
