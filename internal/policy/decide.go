package policy

import (
	"fmt"
	"strings"
)

// Request is what somebody wants to do.
type Request struct {
	// Action is service:Name, such as lambda:InvokeFunctionUrl.
	Action string
	// Resource is an ARN, or "*" for actions that have no resource (lambda:ListFunctions).
	Resource string
	// ResourceAccount is the account that owns the resource. Empty means the caller's own.
	ResourceAccount string
	Principal       Principal
	// Context may be nil: a request without condition keys.
	Context Context
}

// SourceType is what role a policy plays in a decision.
type SourceType uint8

// The roles of policies.
const (
	IdentityPolicy SourceType = iota + 1
	ResourcePolicy
	PermissionsBoundary
	SessionPolicy
	TrustPolicy
)

// String is the name that AWS uses in its refusals.
func (t SourceType) String() string {
	switch t {
	case IdentityPolicy:
		return "identity-based policy"
	case ResourcePolicy:
		return "resource-based policy"
	case PermissionsBoundary:
		return "permissions boundary"
	case SessionPolicy:
		return "session policy"
	case TrustPolicy:
		return "role trust policy"
	}
	return "policy"
}

// Source is a policy with a name for explanations, such as "inline policy deploy of user bob".
type Source struct {
	Name string
	// Policy must not be nil; a nil policy denies.
	Policy *Policy
}

// Input is a request with every policy that has a say in it.
type Input struct {
	Request Request
	// Identity are the policies of the caller: of a user, its groups', inline and attached; of a role likewise.
	// They are looked at for users and sessions only.
	Identity []Source
	// Resource is the policy of the very resource, or the trust policy of a role to assume. Without one, identity
	// policies alone decide within an account, so whoever lets roles be assumed must give it.
	Resource *Source
	// Boundary is the permissions boundary of the user or role.
	Boundary *Source
	// Session are the policies passed when the session was made. Together they bound the session. A FederatedUser
	// session without any has no permissions of its own.
	Session []Source
}

// resourceType says whether the resource's policy is a role's trust policy.
func (in *Input) resourceType() SourceType {
	if in.Resource != nil && in.Resource.Policy != nil && in.Resource.Policy.kind == Trust {
		return TrustPolicy
	}
	return ResourcePolicy
}

// Decision is the verdict on a request.
type Decision struct {
	Allowed bool
	// ExplicitDeny: a Deny statement applied. Without it a refusal is an implicit deny: nothing allowed.
	ExplicitDeny bool
	// DeniedBy is the one type of policy that AWS would name in its refusal; zero when allowed.
	DeniedBy SourceType
}

// Reason is the tail of AWS's refusal, from "because" or "with" on; empty when allowed.
func (d Decision) Reason(action string) string {
	switch {
	case d.Allowed:
		return ""
	case !d.ExplicitDeny:
		return fmt.Sprintf("because no %s allows the %s action", d.DeniedBy, action)
	case d.DeniedBy == IdentityPolicy:
		return fmt.Sprintf("with an explicit deny in an %s", d.DeniedBy)
	}
	return fmt.Sprintf("with an explicit deny in a %s", d.DeniedBy)
}

// side is what the policies of one role say together.
type side struct {
	denies bool
	// allows is how directly an Allow names the caller; in policies without principals as directly as can be.
	allows grant
}

// add counts a statement that applies.
func (s *side) add(effect Effect, g grant) {
	switch {
	case g == noGrant:
	case effect == Deny:
		s.denies = true
	default:
		s.allows = max(s.allows, g)
	}
}

// findings is what all policies say.
type findings struct{ identity, resource, boundary, session side }

// Decide gives the verdict. It is for the request path: it stops looking where more cannot matter, keeps no reasons
// and, unless policies use variables, does not allocate. Explain gives the same verdict with reasons.
func Decide(in Input) Decision {
	e := newEvaluation(&in)
	var f findings
	f.resource = e.resource(&in)
	if in.Request.Principal.Type.hasIdentity() {
		f.identity = e.scan(in.Identity)
		if in.Boundary != nil {
			f.boundary = e.scanPolicy(in.Boundary.Policy)
		}
		f.session = e.scan(in.Session)
	}
	return f.verdict(&in)
}

func (e *evaluation) resource(in *Input) side {
	if in.Resource == nil {
		return side{}
	}
	return e.scanPolicy(in.Resource.Policy)
}

func (e *evaluation) scan(sources []Source) side {
	var all side
	for i := range sources {
		s := e.scanPolicy(sources[i].Policy)
		all.denies = all.denies || s.denies
		all.allows = max(all.allows, s.allows)
	}
	return all
}

func (e *evaluation) scanPolicy(p *Policy) side {
	if p == nil {
		return side{denies: true}
	}
	var s side
	for i := range p.statements {
		st := &p.statements[i]
		if st.Effect == Allow && s.allows == directGrant {
			continue
		}
		s.add(st.Effect, e.grants(st))
	}
	return s
}

// verdict combines what the policies say, by AWS's rules for one account and across accounts.
func (f *findings) verdict(in *Input) Decision {
	caller := in.Request.Principal.Type
	if strings.EqualFold(in.Request.Action, "sts:GetCallerIdentity") && (caller == Root || caller.hasIdentity()) {
		return Decision{Allowed: true} // needs no permission and cannot be denied
	}
	resourceType := in.resourceType()
	switch {
	case f.resource.denies:
		return Decision{ExplicitDeny: true, DeniedBy: resourceType}
	case f.identity.denies:
		return Decision{ExplicitDeny: true, DeniedBy: IdentityPolicy}
	case f.boundary.denies:
		return Decision{ExplicitDeny: true, DeniedBy: PermissionsBoundary}
	case f.session.denies:
		return Decision{ExplicitDeny: true, DeniedBy: SessionPolicy}
	}
	missing := f.missing(in, resourceType)
	return Decision{Allowed: missing == 0, DeniedBy: missing}
}

// missing names the type of policy whose Allow is missing; 0 when none is. Nothing denies at this point.
func (f *findings) missing(in *Input, resourceType SourceType) SourceType {
	caller := &in.Request.Principal
	owner := in.Request.ResourceAccount
	sameAccount := owner == "" || owner == caller.Account
	switch {
	case !caller.Type.hasIdentity() && caller.Type != Root: // anonymous, services, web identities
		if f.resource.allows == directGrant {
			return 0
		}
		return resourceType
	case caller.Account == "": // a caller has an account; a mistake must not become an Allow
		return IdentityPolicy
	case f.resource.allows == noGrant && (!sameAccount || resourceType == TrustPolicy):
		return resourceType // a role must trust the caller even in its own account
	case caller.Type == Root, sameAccount && f.resource.allows == directGrant:
		return 0
	}
	granted := sameAccount && f.resource.allows == issuerGrant
	if !granted && !caller.unrestricted() && f.identity.allows == noGrant {
		return IdentityPolicy
	}
	if in.Boundary != nil && f.boundary.allows == noGrant {
		return PermissionsBoundary
	}
	if (len(in.Session) > 0 || caller.Type == FederatedUser) && f.session.allows == noGrant {
		return SessionPolicy
	}
	return 0
}
