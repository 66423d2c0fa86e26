package authz

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"furl/internal/arn"
	"furl/internal/policy"
	"furl/internal/sigv4"
	"furl/internal/state"
)

// SessionKind is what the credentials of a session act as.
type SessionKind string

// The kinds of session.
const (
	// RoleSession acts as a role: AssumeRole and its kin, and functions.
	RoleSession SessionKind = "role"
	// UserSession acts as a user, or as root: GetSessionToken.
	UserSession SessionKind = "user"
	// FederatedSession acts as a federated user: GetFederationToken.
	FederatedSession SessionKind = "federated"
)

// Session is what temporary credentials stand for. It travels, sealed, in the
// credentials' token: no session is stored.
type Session struct {
	Kind SessionKind `json:"k"`
	// KeyID is the id of the session's access key, ASIA…
	KeyID   string `json:"-"`
	Account string `json:"a"`
	// Issuer is the name of the role or user behind the session, empty for root;
	// IssuerID is its unique id, for root the id of the access key.
	Issuer   string `json:"i,omitempty"`
	IssuerID string `json:"d"`
	// Name is the name of a role's session or of a federated user.
	Name string `json:"n,omitempty"`
	// Issued and Expires are in seconds since 1970.
	Issued  int64 `json:"s"`
	Expires int64 `json:"e"`
	// Policy and PolicyARNs bound the session: a document, and managed policies,
	// which count as they are at the time of a request.
	Policy     string   `json:"p,omitempty"`
	PolicyARNs []string `json:"r,omitempty"`
	// Tags are the session's own; those of Transitive go on to the sessions of
	// roles that it assumes.
	Tags       map[string]string `json:"t,omitempty"`
	Transitive []string          `json:"v,omitempty"`
	// SourceIdentity, once set, is that of all sessions that follow.
	SourceIdentity string `json:"o,omitempty"`
	// Provider is the identity provider that vouched for the caller.
	Provider string `json:"w,omitempty"`
	// Function is the ARN of the function that the credentials were made for.
	Function string `json:"f,omitempty"`
}

// IssueTime is aws:TokenIssueTime.
func (s *Session) IssueTime() time.Time { return time.Unix(s.Issued, 0).UTC() }

// Expiration is when the credentials end.
func (s *Session) Expiration() time.Time { return time.Unix(s.Expires, 0).UTC() }

// ARN is the ARN of a role's session or of a federated user.
func (s *Session) ARN() string {
	if s.Kind == FederatedSession {
		return "arn:" + arn.DefaultPartition + ":sts::" + s.Account + ":federated-user/" + s.Name
	}
	return arn.AssumedRole(s.Account, s.Issuer, s.Name)
}

// opened is a session out of its token, its policy compiled.
type opened struct {
	session Session
	policy  *policy.Policy // nil where there is none
	secret  state.Secret
}

// errNoIssuer: the role or user behind the session is gone, or another one has
// its name.
var errNoIssuer = errors.New("authz: the issuer of the session is gone")

// caller is who the session acts as in a snapshot.
func (o *opened) caller(a *Authorizer, snap *state.Snapshot) (*Caller, error) {
	s := &o.session
	var c *Caller
	switch {
	case s.Kind == RoleSession:
		role := snap.Role(s.Account, s.Issuer)
		if role == nil || role.Role.ID != s.IssuerID {
			return nil, errNoIssuer
		}
		c = RoleCaller(role, s.Name)
	case s.Issuer == "":
		if !a.hasRootKey(snap, s.Account, s.IssuerID) {
			return nil, errNoIssuer
		}
		c = RootCaller(s.Account, "")
	default:
		user := snap.User(s.Account, s.Issuer)
		if user == nil || user.User.ID != s.IssuerID {
			return nil, errNoIssuer
		}
		c = UserCaller(user, "")
	}
	if s.Kind == FederatedSession {
		c = federated(c, s)
	}
	c.AccessKeyID, c.Temporary = s.KeyID, s
	c.Tags = mergeTags(c.Tags, s.Tags)
	o.bound(c, snap)
	return c, nil
}

// federated is the federated user of a user or of root.
func federated(issuer *Caller, s *Session) *Caller {
	c := *issuer
	c.Principal.Type, c.Principal.IssuerARN, c.Principal.ARN = policy.FederatedUser, issuer.Principal.ARN, s.ARN()
	c.UserName, c.Tags = "", nil // a federated user has the session's alone
	return &c
}

// bound gives the caller the policies that bound the session.
func (o *opened) bound(c *Caller, snap *state.Snapshot) {
	if o.policy != nil {
		c.Session = append(c.Session, policy.Source{Name: "the policy of the session", Policy: o.policy})
	}
	for _, one := range o.session.PolicyARNs {
		// One that was deleted is nil, which denies.
		c.Session = append(c.Session, policy.Source{Name: "the session's policy " + one, Policy: snap.CompiledPolicy(one)})
	}
}

// RoleCaller is a session of a role, before anything that is the session's own.
func RoleCaller(r *state.RoleEntry, session string) *Caller {
	return &Caller{
		Principal: policy.Principal{
			Type:      policy.AssumedRole,
			Account:   r.Role.Account,
			ARN:       arn.AssumedRole(r.Role.Account, r.Role.Name, session),
			IssuerARN: r.ARN,
			ID:        r.Role.ID + ":" + session,
		},
		Tags:     r.Role.Tags,
		Policies: r.Policies,
		Boundary: r.Boundary,
	}
}

// Trusts asks a role's trust policy whether a service may assume it.
func Trusts(r *state.RoleEntry, service string) bool { return TrustsFor(r, service, "") }

// TrustsFor is Trusts for a service that acts for a resource, whose ARN the
// trust policy may ask for: aws:SourceArn and aws:SourceAccount.
func TrustsFor(r *state.RoleEntry, service, source string) bool {
	keys := policy.ContextMap{}
	if at, err := arn.Parse(source); err == nil {
		keys.Set("aws:SourceArn", policy.One(source))
		keys.Set("aws:SourceAccount", policy.One(at.Account))
	}
	return policy.Decide(policy.Input{
		Request: policy.Request{
			Action:          "sts:AssumeRole",
			Resource:        r.ARN,
			ResourceAccount: r.Role.Account,
			Principal:       policy.Principal{Type: policy.Service, ARN: service},
			Context:         keys,
		},
		Resource: &r.Trust,
	}).Allowed
}

// claimSession is Claim for temporary credentials.
func (a *Authorizer) claimSession(snap *state.Snapshot, auth *sigv4.Auth, scope sigv4.Scope) (*Claim, error) {
	if auth.SessionToken == "" || a.sessions == nil {
		return nil, sigv4.BadToken()
	}
	o, err := a.sessions.open(auth.AccessKeyID, auth.SessionToken)
	if err != nil || snap.Revoked(auth.AccessKeyID) {
		return nil, sigv4.BadToken()
	}
	if a.sessions.now().Unix() >= o.session.Expires {
		return nil, sigv4.TokenExpired()
	}
	caller, err := o.caller(a, snap)
	if err != nil {
		return nil, sigv4.BadToken()
	}
	return &Claim{a, auth, scope, o.secret, caller}, nil
}

// hasRootKey reports whether an account's root has the access key.
func (a *Authorizer) hasRootKey(snap *state.Snapshot, account, id string) bool {
	if account == a.root.Account {
		return id == a.root.ID
	}
	k := snap.AccessKey(id)
	return k != nil && k.Key.Active && k.Key.Account == account && k.Key.User == state.RootUser
}

// Issuer is who GetSessionToken and GetFederationToken make sessions of.
func Issuer(c *Caller) (name, id string, ok bool) {
	switch {
	case c.Temporary != nil:
		return "", "", false
	case c.Principal.Type == policy.Root:
		return "", c.AccessKeyID, true
	case c.Principal.Type == policy.User:
		return c.UserName, c.Principal.ID, true
	}
	return "", "", false
}

// decodeSession reads what a token holds.
func decodeSession(plain []byte, keyID string) (*opened, error) {
	o := new(opened)
	if err := json.Unmarshal(plain, &o.session); err != nil {
		return nil, fmt.Errorf("authz: session: %w", err)
	}
	o.session.KeyID = keyID
	if err := o.compile(); err != nil {
		return nil, err
	}
	return o, nil
}

// compile makes the session's policy ready.
func (o *opened) compile() error {
	if o.session.Policy == "" {
		return nil
	}
	p, err := policy.Parse([]byte(o.session.Policy), policy.Session)
	if err != nil {
		return fmt.Errorf("authz: session policy: %w", err)
	}
	o.policy = p
	return nil
}

// value answers for the condition keys about a session.
func (s *Session) value(key string) (string, bool) {
	switch key {
	case "aws:tokenissuetime":
		return s.IssueTime().Format("2006-01-02T15:04:05Z"), true
	case "aws:multifactorauthpresent":
		return "false", true
	case "aws:sourceidentity":
		return s.SourceIdentity, s.SourceIdentity != ""
	case "aws:federatedprovider":
		return s.Provider, s.Provider != ""
	case "lambda:sourcefunctionarn":
		return s.Function, s.Function != ""
	}
	return "", false
}

// mergeTags lays a session's tags over those of its role, whose keys of another
// case they replace.
func mergeTags(of, over map[string]string) map[string]string {
	if len(over) == 0 {
		return of
	}
	merged := make(map[string]string, len(of)+len(over))
	maps.Copy(merged, of)
	for key, value := range over {
		maps.DeleteFunc(merged, func(k, _ string) bool { return strings.EqualFold(k, key) })
		merged[key] = value
	}
	return merged
}

// MayManage reports whether credentials may be used for IAM at all: those of
// GetSessionToken and GetFederationToken may not, since they come without MFA.
func MayManage(c *Caller) bool { return c.Temporary == nil || c.Temporary.Kind == RoleSession }

// SessionCaller is who an access key of a session acts as, if the session was
// used on this node of late; it is for explanations. The error says that the
// session has ended; the caller is then nil where nobody can be told.
func (a *Authorizer) SessionCaller(snap *state.Snapshot, keyID string) (*Caller, error) {
	if snap.Revoked(keyID) {
		return nil, errRevoked
	}
	if a.sessions == nil {
		return nil, nil
	}
	o := a.sessions.seen(keyID)
	if o == nil {
		return nil, nil
	}
	c, err := o.caller(a, snap)
	if err == nil && a.sessions.now().Unix() >= o.session.Expires {
		err = errExpired
	}
	return c, err
}

var (
	errRevoked = errors.New("authz: the session was revoked")
	errExpired = errors.New("authz: the session has expired")
)
