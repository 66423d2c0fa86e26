package policy

import "strings"

// PrincipalType is the sort of caller.
type PrincipalType uint8

// The sorts of callers. The zero value is the caller with no identity at all.
const (
	Anonymous PrincipalType = iota
	// Root is the root user of an account.
	Root
	// User is an IAM user, also with credentials of GetSessionToken.
	User
	// AssumedRole is a session of a role.
	AssumedRole
	// FederatedUser is a session of GetFederationToken.
	FederatedUser
	// Service is an AWS service acting by itself, such as s3.amazonaws.com.
	Service
	// WebIdentity is a caller without AWS credentials whom an identity provider vouches for
	// (AssumeRoleWithWebIdentity, AssumeRoleWithSAML).
	WebIdentity
)

// hasIdentity reports whether identity policies belong to the caller.
func (t PrincipalType) hasIdentity() bool { return t == User || t == AssumedRole || t == FederatedUser }

// Principal is who asks.
type Principal struct {
	Type PrincipalType
	// Account is the caller's account id; empty for Anonymous, Service and WebIdentity.
	Account string
	// ARN is the ARN of the user, the session or the root user; the name of a Service; the ARN or name of the
	// identity provider of a WebIdentity.
	ARN string
	// IssuerARN is the ARN, path included, of the role of an AssumedRole or of the user (or root user) that a
	// FederatedUser comes from: what CloudTrail calls the session issuer.
	IssuerARN string
	// ID is the unique id of the user or of the issuer: AIDA…, AROA…. What follows a colon, as in aws:userid, is
	// ignored. A policy that names a user or role by ARN may be bound to this id, see Policy.BindPrincipals.
	ID string
}

func (p *Principal) uniqueID() string {
	id, _, _ := strings.Cut(p.ID, ":")
	return id
}

// unrestricted reports the callers that no identity policy restricts: root, and sessions of root.
func (p *Principal) unrestricted() bool {
	return p.Type == Root || p.Type == FederatedUser && strings.HasSuffix(p.IssuerARN, ":root")
}

// grant is how directly a statement names the caller. The order counts.
type grant uint8

const (
	noGrant grant = iota
	// accountGrant: by the account, which leaves the decision to the account's identity policies.
	accountGrant
	// issuerGrant: by the role or user behind the session; boundary and session policy still limit it.
	issuerGrant
	// directGrant: by the user, the session, the service or as one of everyone; nothing but a Deny limits it.
	// That "*" is not limited by boundaries and session policies is documented on the page about Principal.
	directGrant
)

type nameKind uint8

const (
	nameNobody nameKind = iota // a canonical user id: no caller has one here
	nameEveryone
	nameAccount
	nameARN
	nameID
	nameService
	nameFederated
)

// principalName is an entry of Principal or NotPrincipal.
type principalName struct {
	kind  nameKind
	value string
	// raw is the entry as written, kind included.
	raw string
	// boundID is the only unique id that an ARN stands for; empty when it stands for any.
	boundID string
}

// principals is the Principal or NotPrincipal element of a statement, if it has one.
type principals struct {
	present, negated bool
	list             []principalName
}

// grants says how the statement names the caller. NotPrincipal names everyone who is not in the list. Callers with
// a permissions boundary are always among them, whatever the list says: AWS documents this trap.
func (p *principals) grants(caller *Principal, bounded bool) grant {
	if !p.present {
		return directGrant
	}
	best := noGrant
	for i := range p.list {
		best = max(best, p.list[i].grants(caller))
	}
	switch {
	case !p.negated:
		return best
	case best == noGrant || bounded:
		return directGrant
	}
	return noGrant
}

// byID is how directly a unique id names the caller.
func (p *Principal) byID(id string) grant {
	switch {
	case p.uniqueID() != id:
		return noGrant
	case p.Type == User:
		return directGrant
	case p.Type == AssumedRole || p.Type == FederatedUser:
		return issuerGrant
	}
	return noGrant
}

func (n *principalName) grants(caller *Principal) grant {
	session := caller.Type == AssumedRole || caller.Type == FederatedUser
	switch n.kind {
	case nameEveryone:
		return directGrant
	case nameAccount:
		if caller.Account == n.value && (caller.Type == Root || caller.Type.hasIdentity()) {
			return accountGrant
		}
	case nameARN:
		if n.boundID != "" { // whatever the entity is called by now: a rename must not lead around a Deny
			return caller.byID(n.boundID)
		}
		if caller.ARN == n.value && (session || caller.Type == User) {
			return directGrant
		}
		if caller.IssuerARN == n.value && session {
			return issuerGrant
		}
	case nameID:
		return caller.byID(n.value)
	case nameService:
		if caller.Type == Service && caller.ARN == n.value {
			return directGrant
		}
	case nameFederated:
		if caller.Type == WebIdentity && caller.ARN == n.value {
			return directGrant
		}
	}
	return noGrant
}

// entityARN reports whether the ARN names a user or role, which have unique ids, rather than a session.
func entityARN(arn string) bool {
	f := strings.SplitN(arn, ":", 6)
	return len(f) == 6 && f[2] == "iam"
}
