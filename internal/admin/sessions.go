package admin

import (
	"fmt"
	"maps"
	"strings"

	"furl/internal/arn"
	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/policy"
	"furl/internal/state"
)

// explainedSession is the name of the session that a role's ARN stands for.
const explainedSession = "explain"

// findARN finds the caller that an ARN names: a user, a role, one of its
// sessions, or root. Those of other accounts are shown to the account that the
// server's data directory belongs to.
func (s *Service) findARN(c *scene, own, as string) error {
	a, err := arn.Parse(as)
	if err != nil {
		return awsapi.ValidationException("%s is not an ARN", as)
	}
	snap := s.state.Snapshot()
	if a.Account != own && (own != snap.FirstAccount() || !snap.HasAccount(a.Account)) {
		return notFound("The principal %s cannot be found.", as)
	}
	kind, path, _ := strings.Cut(a.Resource, "/")
	name := path[strings.LastIndexByte(path, '/')+1:]
	switch a.Service + ":" + kind {
	case "iam:root":
		c.caller = authz.RootCaller(a.Account, "")
		return nil
	case "iam:user":
		if u := snap.User(a.Account, name); u != nil && u.ARN == as {
			c.setUser(u, "")
			return nil
		}
		return notFound("The user %s cannot be found.", as)
	case "iam:role":
		if r := snap.RoleByARN(as); r != nil {
			c.setRole(r, explainedSession, s.now().Unix())
			return nil
		}
	case "sts:assumed-role":
		role, session, _ := strings.Cut(path, "/")
		if r := snap.Role(a.Account, role); r != nil && session != "" {
			c.setRole(r, session, s.now().Unix())
			return nil
		}
	default:
		return awsapi.ValidationException("%s is neither a user nor a role, a role's session or the root of an account", as)
	}
	return notFound("The role %s cannot be found.", as)
}

// setRole has a new session of a role call, as it is without policies of its own.
func (c *scene) setRole(r *state.RoleEntry, session string, now int64) {
	c.role, c.policies = r, maps.Clone(r.Role.Policies)
	c.caller = authz.RoleCaller(r, session)
	c.caller.Temporary = &authz.Session{
		Kind: authz.RoleSession, Account: r.Role.Account, Issuer: r.Role.Name, IssuerID: r.Role.ID, Name: session, Issued: now,
	}
}

// findSession finds the session of an access key. Sessions are not stored: this
// server knows those that were used on it of late.
func (s *Service) findSession(c *scene, own string) (found bool) {
	snap := s.state.Snapshot()
	caller, err := s.authz.SessionCaller(snap, c.keyID)
	if caller == nil || caller.Principal.Account != own && own != snap.FirstAccount() {
		c.key = keyUnknown
		if err != nil {
			c.key = keyEnded
		}
		return false
	}
	c.caller = caller
	switch name := caller.Temporary.Issuer; {
	case caller.Temporary.Kind == authz.RoleSession:
		if c.role = snap.Role(caller.Principal.Account, name); c.role != nil {
			c.policies = maps.Clone(c.role.Role.Policies)
		}
	case name != "":
		if c.user = snap.User(caller.Principal.Account, name); c.user != nil {
			c.policies = maps.Clone(c.user.User.Policies)
		}
	}
	if err != nil {
		c.key = keyEnded
	}
	return true
}

// bounds tells of what limits the caller beside its own policies, and what would
// help where that is what a call fails by. No command is given: a limit is
// somebody's intent.
func (c *scene) bounds(f *finding) []string {
	if f.reason != ReasonImplicitDeny || f.decisive == nil {
		return nil
	}
	action := f.decisive.Request.Action
	switch f.decisive.DeniedBy {
	case policy.PermissionsBoundary:
		return []string{fmt.Sprintf("the permissions boundary limits %s, whatever its own policies allow: %s must be allowed in it as well, "+
			"with aws iam create-policy-version --set-as-default, or another boundary be put", callerName(c.caller), action)}
	case policy.SessionPolicy:
		return []string{fmt.Sprintf("the policies that were passed when the session was made limit it: make a session with a policy that allows %s, or with none", action)}
	}
	return nil
}

// issuer is the kind and the name of the user or role that calls.
func (c *scene) issuer() (kind, name, principal string, ok bool) {
	switch {
	case c.role != nil:
		return "role", c.role.Role.Name, c.role.ARN, true
	case c.user != nil:
		return "user", c.user.User.Name, c.user.ARN, true
	}
	return "", "", "", false
}

// rebuild has the changed policies of the user or role in force.
func (c *scene) rebuild() bool {
	bounded := *c.caller
	if c.role != nil {
		entry, err := c.role.WithInline(c.policies)
		if err != nil {
			return false
		}
		c.role, bounded.Policies = entry, entry.Policies
	} else {
		entry, err := c.user.WithInline(c.policies)
		if err != nil {
			return false
		}
		c.user, bounded.Policies = entry, entry.Policies
	}
	c.caller = &bounded // what bounds the session stays
	return true
}
