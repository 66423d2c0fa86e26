package s3

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"furl/internal/arn"
	"furl/internal/authz"
	"furl/internal/policy"
	"furl/internal/state"
)

// access is one thing that a request asks for: an action on a bucket, or on one of its objects.
type access struct {
	action string // without "s3:"
	bucket *bucket
	key    string // of an object; empty for the bucket
	object bool
	keys   policy.ContextMap
}

// allow refuses the caller in ctx what its policies and the bucket's do not allow. S3 names its actions and resources in
// the service authorization reference.
func (s *Service) allow(ctx context.Context, a access) error {
	rec, source := a.bucket.record()
	if source != nil && rec.PublicAccess != nil && rec.PublicAccess.RestrictPublicBuckets && isPublic(rec.Policy) && !within(ctx, rec.Account) {
		source = nil
	}
	resource := rec.ARN()
	if a.object {
		resource += "/" + a.key
	}
	return s.judge(ctx, authz.Access{
		Action: "s3:" + a.action, Resource: resource, Account: rec.Account, Policy: source, Keys: a.keys,
	})
}

// within reports whether the caller is of an account, or a service.
func within(ctx context.Context, account string) bool {
	p := authz.FromContext(ctx).Principal
	return p.Account == account && account != "" || p.Type == policy.Service
}

func (s *Service) judge(ctx context.Context, acc authz.Access) error {
	caller := authz.FromContext(ctx)
	d := s.o.Authz.Allow(caller, authz.EnvFromContext(ctx), acc)
	switch {
	case d.Allowed:
		return nil
	case caller.Principal.Type == policy.Anonymous || caller.Principal.Account != acc.Account:
		return accessDenied("Access Denied") // others do not learn why
	}
	return accessDenied("User: %s is not authorized to perform: %s on resource: \"%s\" %s", caller.Principal.ARN, acc.Action, acc.Resource, d.Reason(acc.Action))
}

// allowBucket is allow for an action on a bucket.
func (s *Service) allowBucket(ctx context.Context, action string, b *bucket) error {
	return s.allow(ctx, access{action: action, bucket: b})
}

// allowAccount judges an action on no bucket, or on one that is not there yet.
func (s *Service) allowAccount(ctx context.Context, action, resource string) error {
	return s.judge(ctx, authz.Access{Action: "s3:" + action, Resource: resource, Account: account(ctx)})
}

// account is the account that the caller belongs to.
func account(ctx context.Context) string { return authz.FromContext(ctx).Principal.Account }

// mayList reports whether the caller may know which keys there are: else a key that is missing is one that is refused.
func (s *Service) mayList(ctx context.Context, b *bucket) bool {
	return s.allowBucket(ctx, "ListBucket", b) == nil
}

// condition gives a condition key, where there is a value.
func condition(keys policy.ContextMap, name, value string) policy.ContextMap {
	if value == "" {
		return keys
	}
	if keys == nil {
		keys = policy.ContextMap{}
	}
	keys.Set(name, policy.One(value))
	return keys
}

// isPublic reports whether a policy allows something to everyone. A condition that ties a statement to an account, an
// organization, a network or the like takes it out, as S3 says in "The meaning of public".
func isPublic(document string) bool {
	var doc struct{ Statement json.RawMessage }
	if json.Unmarshal([]byte(document), &doc) != nil {
		return true
	}
	type statement struct {
		Effect                  string
		Principal, NotPrincipal any
		Condition               map[string]map[string]any
	}
	var list []statement
	if json.Unmarshal(doc.Statement, &list) != nil {
		var one statement
		if json.Unmarshal(doc.Statement, &one) != nil {
			return true
		}
		list = []statement{one}
	}
	return slices.ContainsFunc(list, func(st statement) bool {
		return st.Effect == "Allow" && (st.NotPrincipal != nil || everyone(st.Principal)) && !tied(st.Condition)
	})
}

// everyone reports whether a Principal element names everyone.
func everyone(principal any) bool {
	switch p := principal.(type) {
	case string:
		return p == "*"
	case []any:
		return slices.ContainsFunc(p, everyone)
	case map[string]any:
		return everyone(p["AWS"])
	}
	return false
}

// tied reports whether a condition names fixed values of a key that says who asks, or from where.
func tied(conditions map[string]map[string]any) bool {
	keys := []string{
		"aws:PrincipalAccount", "aws:PrincipalArn", "aws:PrincipalOrgID", "aws:SourceAccount", "aws:SourceArn", "aws:SourceIp",
		"aws:SourceOrgID", "aws:SourceVpc", "aws:SourceVpce", "aws:userid", "s3:DataAccessPointAccount",
	}
	for operator, tests := range conditions {
		switch operator {
		case "StringEquals", "StringLike", "ArnEquals", "ArnLike", "IpAddress":
		default:
			continue
		}
		for key, value := range tests {
			if slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, key) }) && fixed(value) {
				return true
			}
		}
	}
	return false
}

// fixed reports whether a condition's values are few: no patterns and no variables but an account's own, no networks of
// everything.
func fixed(value any) bool {
	switch v := value.(type) {
	case string:
		return v != "*" && v != "0.0.0.0/0" && v != "::/0" && !strings.ContainsAny(v, "?$") && !strings.HasPrefix(v, "*")
	case []any:
		return len(v) > 0 && !slices.ContainsFunc(v, func(one any) bool { return !fixed(one) })
	}
	return false
}

// principalIDs are the unique ids of the users and roles that a policy names; one that does not exist is an error.
func (s *Service) principalIDs(p *policy.Policy) (map[string]string, error) {
	ids := map[string]string{}
	snap := s.o.State.Snapshot()
	for _, named := range p.PrincipalARNs() {
		id, ours := entityID(snap, named)
		if ours && id == "" {
			return nil, failure(400, "MalformedPolicy", "Invalid principal in policy").WithMember("Detail", fmt.Sprintf("%q", named))
		}
		if ours {
			ids[named] = id
		}
	}
	return ids, nil
}

// entityID is the unique id of a user or a role; ours is false for what other accounts hold.
func entityID(snap *state.Snapshot, named string) (id string, ours bool) {
	a, err := arn.Parse(named)
	if err != nil || !snap.HasAccount(a.Account) {
		return "", false
	}
	kind, path := cut(a.Resource, "/")
	name := path
	for rest := path; rest != ""; {
		name, rest = cut(rest, "/")
	}
	switch kind {
	case "user":
		if u := snap.User(a.Account, name); u != nil && u.ARN == named {
			return u.User.ID, true
		}
	case "role":
		if r := snap.Role(a.Account, name); r != nil && r.ARN == named {
			return r.Role.ID, true
		}
	default:
		return "", false
	}
	return "", true
}
