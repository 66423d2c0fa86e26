package state

import (
	"cmp"
	"hash/maphash"
	"iter"
	"slices"
	"strings"

	"furl/internal/arn"
	"furl/internal/policy"
	"furl/internal/policy/awsmanaged"
	"furl/internal/store"
)

// Snapshot is everything a server knows at one revision. It never changes, so
// a request that holds one sees a consistent state without a lock. What it
// returns must not be changed either.
type Snapshot struct {
	rev  store.Rev
	seed maphash.Seed

	server    *Server
	functions index[*FunctionEntry] // by FunctionID.key()
	routes    index[*Route]         // by url-id
	users     index[*UserEntry]     // by userKey
	roles     index[*RoleEntry]     // by roleKey
	groups    index[*GroupEntry]    // by groupKey
	groupIDs  index[*GroupEntry]    // by unique id
	managed   index[*ManagedEntry]  // managed policies, by managedKey
	accounts  index[*AccountNames]  // by accountKey
	used      index[*Used]          // by access key id or role id
	builtin   *awsmanaged.Catalog
	keys      index[*KeyEntry]      // by access key id
	logGroups index[*LogGroupEntry] // by LogGroupID.key()

	owned       index[*Account]    // by id
	revocations index[*Revocation] // by the session's access key id

	layers      index[*LayerEntry]    // by LayerID.key()
	provisioned index[*FunctionEntry] // those of functions with provisioned concurrency
}

// FunctionEntry is a function with its child records.
type FunctionEntry struct {
	Function *Function
	Latest   *Target
	// Versions are the published ones by number, Aliases are by name.
	Versions map[string]*Target
	Aliases  map[string]*Alias
	// Policies and URLs are by qualifier; "" is the unqualified one.
	Policies map[string]*PolicyEntry
	URLs     map[string]*URLConfig
	// Events are by qualifier; "$LATEST" stands for none.
	Events map[string]*EventConfig
	// Provisions are by version or alias.
	Provisions map[string]*Provision
}

// PolicyEntry is a function policy, compiled.
type PolicyEntry struct {
	Record *FunctionPolicy
	Source policy.Source
}

// Route is what the data plane needs to answer a request to one function URL.
type Route struct {
	URL *URLConfig
	Routing
	// ARN is what the request acts on: the function's ARN, qualified by the alias.
	ARN string
	// Policy is the resource policy of that ARN, nil where there is none.
	Policy *policy.Source
}

// KeyEntry is an access key with its secret opened.
type KeyEntry struct {
	Key    *AccessKey
	Secret Secret
}

// Rev is the store revision that the snapshot shows.
func (s *Snapshot) Rev() store.Rev { return s.rev }

// Server returns the record of what the data directory belongs to, nil before
// the first start wrote it.
func (s *Snapshot) Server() *Server { return s.server }

// Route returns the route of a url-id, nil if there is none. The id must be in
// lower case.
func (s *Snapshot) Route(urlID string) *Route {
	r, _ := s.routes.get(s.seed, urlID)
	return r
}

// Function returns a function, nil if there is none.
func (s *Snapshot) Function(id FunctionID) *FunctionEntry {
	f, _ := s.functions.get(s.seed, id.key())
	return f
}

// Target returns the invocable version with this Target.Key, nil if it is gone.
func (s *Snapshot) Target(key string) *Target {
	name, number, ok := cutLast(key, "/")
	if !ok {
		return nil
	}
	parts := strings.SplitN(name, "/", 3)
	if len(parts) != 3 {
		return nil
	}
	f := s.Function(FunctionID{parts[0], parts[1], parts[2]})
	switch {
	case f == nil:
		return nil
	case number == LatestVersion:
		return f.Latest
	}
	return f.Versions[number]
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// Functions returns the functions of an account and region, sorted by name.
func (s *Snapshot) Functions(account, region string) []*FunctionEntry {
	var all []*FunctionEntry
	for _, f := range s.functions.all() {
		if f.Function.Account == account && f.Function.Region == region {
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(a, b *FunctionEntry) int { return cmp.Compare(a.Function.Name, b.Function.Name) })
	return all
}

// AllFunctions returns every function of the server in no particular order.
func (s *Snapshot) AllFunctions() []*FunctionEntry {
	all := make([]*FunctionEntry, 0, s.functions.n)
	for _, f := range s.functions.all() {
		all = append(all, f)
	}
	return all
}

// Deleted yields the functions of an earlier snapshot that are gone, in no
// particular order. One that was made anew under its name is not.
func (s *Snapshot) Deleted(earlier *Snapshot) iter.Seq[*FunctionEntry] {
	return func(yield func(*FunctionEntry) bool) {
		for _, f := range s.functions.without(s.seed, earlier.functions) {
			if !yield(f) {
				return
			}
		}
	}
}

// Counts returns the number of functions and of function URLs.
func (s *Snapshot) Counts() (functions, urls int) { return s.functions.n, s.routes.n }

// AccessKey returns an access key by its id, nil if there is none.
func (s *Snapshot) AccessKey(id string) *KeyEntry {
	k, _ := s.keys.get(s.seed, id)
	return k
}

// PrincipalID returns the unique id behind a user's or role's ARN: what a
// policy that names it is bound to when it is written.
func (s *Snapshot) PrincipalID(principal string) (id string, ok bool) {
	a, err := arn.Parse(principal)
	if err != nil || a.Service != "iam" {
		return "", false
	}
	kind, path, _ := strings.Cut(a.Resource, "/")
	_, name, ok := cutLast("/"+path, "/")
	if !ok {
		return "", false
	}
	switch kind {
	case "user":
		if u := s.User(a.Account, name); u != nil && u.ARN == principal {
			return u.User.ID, true
		}
	case "role":
		if r := s.Role(a.Account, name); r != nil && r.ARN == principal {
			return r.Role.ID, true
		}
	}
	return "", false
}
