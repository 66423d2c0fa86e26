package state

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"furl/internal/arn"
	"furl/internal/policy"
	"furl/internal/policy/awsmanaged"
)

// Group is the record of an IAM group.
type Group struct {
	V       int       `json:"v"`
	Account string    `json:"account"`
	Name    string    `json:"name"`
	Path    string    `json:"path"`
	ID      string    `json:"id"` // AGPA…
	Created time.Time `json:"created"`

	Policies map[string]string `json:"policies,omitempty"` // inline: name → document
	Attached []string          `json:"attached,omitempty"` // ARNs of managed policies
	// Members is the number of its users. Who they are is in the users' records.
	Members int `json:"members,omitempty"`
}

// ManagedPolicy is the record of a managed policy with its versions.
type ManagedPolicy struct {
	V           int               `json:"v"`
	Account     string            `json:"account"`
	Name        string            `json:"name"`
	Path        string            `json:"path"`
	ID          string            `json:"id"` // ANPA…
	Description string            `json:"description,omitempty"`
	Created     time.Time         `json:"created"`
	Updated     time.Time         `json:"updated"`
	Tags        map[string]string `json:"tags,omitempty"`

	// Versions are oldest first. Default is the id of the one in force, Latest the
	// highest number that there ever was: numbers are never used again.
	Versions []PolicyVersion `json:"versions"`
	Default  string          `json:"default"`
	Latest   int             `json:"latest"`

	// Attachments and Boundaries count the entities that have the policy attached
	// or as their permissions boundary.
	Attachments int `json:"attachments,omitempty"`
	Boundaries  int `json:"boundaries,omitempty"`
}

// PolicyVersion is one version of a managed policy.
type PolicyVersion struct {
	ID       string    `json:"id"` // v1
	Document string    `json:"document"`
	Created  time.Time `json:"created"`
}

// Version returns a version by its id, nil if there is none.
func (p *ManagedPolicy) Version(id string) *PolicyVersion {
	for i := range p.Versions {
		if p.Versions[i].ID == id {
			return &p.Versions[i]
		}
	}
	return nil
}

// AccountNames is the record of what an account is called.
type AccountNames struct {
	V       int    `json:"v"`
	Account string `json:"account"`
	Alias   string `json:"alias,omitempty"`
}

// UserEntry is an IAM user with the compiled policies that are in force for it:
// its own, inline and attached, and those of its groups.
type UserEntry struct {
	User     *User
	ARN      string
	Policies []policy.Source
	// Boundary is nil where the user has none.
	Boundary *policy.Source

	inline []policy.Source
}

// RoleEntry is an IAM role with its compiled policies, inline and attached.
type RoleEntry struct {
	Role     *Role
	ARN      string
	Trust    policy.Source
	Policies []policy.Source
	// Boundary is nil where the role has none.
	Boundary *policy.Source

	inline []policy.Source
}

// GroupEntry is an IAM group with its compiled policies, inline and attached.
type GroupEntry struct {
	Group    *Group
	ARN      string
	Policies []policy.Source

	inline []policy.Source
}

// ManagedEntry is a managed policy with its default version compiled.
type ManagedEntry struct {
	Record   *ManagedPolicy
	ARN      string
	Compiled *policy.Policy
}

// WithInline returns the entry as it would be with other inline policies.
func (u *UserEntry) WithInline(documents map[string]string) (*UserEntry, error) {
	inline, err := compileInline("user "+u.User.Name, documents)
	if err != nil {
		return nil, err
	}
	next := *u
	next.inline, next.Policies = inline, append(slices.Clone(inline), u.Policies[len(u.inline):]...)
	return &next, nil
}

// WithInline returns the entry as it would be with other inline policies.
func (r *RoleEntry) WithInline(documents map[string]string) (*RoleEntry, error) {
	inline, err := compileInline("role "+r.Role.Name, documents)
	if err != nil {
		return nil, err
	}
	next := *r
	next.inline, next.Policies = inline, append(slices.Clone(inline), r.Policies[len(r.inline):]...)
	return &next, nil
}

// User returns a user by name in any case, nil if there is none.
func (s *Snapshot) User(account, name string) *UserEntry {
	u, _ := s.users.get(s.seed, userKey(account, name))
	return u
}

// Users returns the users of an account, sorted by name.
func (s *Snapshot) Users(account string) []*UserEntry {
	return listOf(s.users, func(u *UserEntry) (string, string) { return u.User.Account, u.User.Name }, account)
}

// Role returns a role by name in any case, nil if there is none.
func (s *Snapshot) Role(account, name string) *RoleEntry {
	r, _ := s.roles.get(s.seed, roleKey(account, name))
	return r
}

// RoleByARN returns the role with exactly this ARN, in whichever account, nil if
// there is none.
func (s *Snapshot) RoleByARN(roleARN string) *RoleEntry {
	a, err := arn.Parse(roleARN)
	if err != nil {
		return nil
	}
	if r := s.Role(a.Account, a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]); r != nil && r.ARN == roleARN {
		return r
	}
	return nil
}

// Roles returns the roles of an account, sorted by name.
func (s *Snapshot) Roles(account string) []*RoleEntry {
	return listOf(s.roles, func(r *RoleEntry) (string, string) { return r.Role.Account, r.Role.Name }, account)
}

// Group returns a group by name in any case, nil if there is none.
func (s *Snapshot) Group(account, name string) *GroupEntry {
	g, _ := s.groups.get(s.seed, groupKey(account, name))
	return g
}

// Groups returns the groups of an account, sorted by name.
func (s *Snapshot) Groups(account string) []*GroupEntry {
	return listOf(s.groups, func(g *GroupEntry) (string, string) { return g.Group.Account, g.Group.Name }, account)
}

// GroupsOf returns the groups that a user is in, sorted by name.
func (s *Snapshot) GroupsOf(u *User) []*GroupEntry {
	var all []*GroupEntry
	for _, id := range u.Groups {
		if g, ok := s.groupIDs.get(s.seed, id); ok {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(a, b *GroupEntry) int { return cmp.Compare(a.Group.Name, b.Group.Name) })
	return all
}

// MembersOf returns the users that are in a group, sorted by name.
func (s *Snapshot) MembersOf(g *Group) []*UserEntry {
	return slices.DeleteFunc(s.Users(g.Account), func(u *UserEntry) bool { return !slices.Contains(u.User.Groups, g.ID) })
}

// ManagedPolicy returns a managed policy of an account by name in any case, nil
// if there is none.
func (s *Snapshot) ManagedPolicy(account, name string) *ManagedEntry {
	p, _ := s.managed.get(s.seed, managedKey(account, name))
	return p
}

// ManagedPolicies returns the managed policies of an account, sorted by name.
func (s *Snapshot) ManagedPolicies(account string) []*ManagedEntry {
	return listOf(s.managed, func(p *ManagedEntry) (string, string) { return p.Record.Account, p.Record.Name }, account)
}

// ManagedByARN returns the managed policy of an account with exactly this ARN,
// nil if there is none.
func (s *Snapshot) ManagedByARN(policyARN string) *ManagedEntry {
	account, name, ok := splitPolicyARN(policyARN)
	if !ok {
		return nil
	}
	if p := s.ManagedPolicy(account, name); p != nil && p.ARN == policyARN {
		return p
	}
	return nil
}

// Builtin are the managed policies of AWS.
func (s *Snapshot) Builtin() *awsmanaged.Catalog { return s.builtin }

// CompiledPolicy returns the default version of a managed policy, of an account
// or of AWS, compiled; nil if there is none of that ARN.
func (s *Snapshot) CompiledPolicy(policyARN string) *policy.Policy {
	if b := s.builtin.Get(policyARN); b != nil {
		return b.Compiled
	}
	if p := s.ManagedByARN(policyARN); p != nil {
		return p.Compiled
	}
	return nil
}

// Alias returns an account's alias, empty if it has none.
func (s *Snapshot) Alias(account string) string {
	if n, ok := s.accounts.get(s.seed, accountKey(account)); ok {
		return n.Alias
	}
	return ""
}

// splitPolicyARN takes the account and the name out of a managed policy's ARN.
func splitPolicyARN(policyARN string) (account, name string, ok bool) {
	a, err := arn.Parse(policyARN)
	if err != nil || a.Service != "iam" || !strings.HasPrefix(a.Resource, "policy/") {
		return "", "", false
	}
	return a.Account, a.Resource[strings.LastIndexByte(a.Resource, '/')+1:], true
}

// listOf collects the entries of an account, sorted by name.
func listOf[E any](ix index[E], of func(E) (account, name string), account string) []E {
	var all []E
	for _, e := range ix.all() {
		if a, _ := of(e); a == account {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b E) int {
		_, x := of(a)
		_, y := of(b)
		return cmp.Compare(x, y)
	})
	return all
}
