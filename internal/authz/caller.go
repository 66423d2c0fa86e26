package authz

import (
	"crypto/subtle"
	"net/http"
	"strings"

	"furl/internal/arn"
	"furl/internal/policy"
	"furl/internal/sigv4"
	"furl/internal/state"
)

// Caller is who sent a request.
type Caller struct {
	Principal policy.Principal
	// AccessKeyID is the key that signed the request, empty for anonymous callers.
	AccessKeyID string
	// UserName is set for IAM users only.
	UserName string
	Tags     map[string]string
	// Policies are the identity policies in force for the caller.
	Policies []policy.Source
	// Boundary is the permissions boundary of the caller's user or role, nil
	// where it has none.
	Boundary *policy.Source
	// Session are the policies that were passed when the caller's session was
	// made.
	Session []policy.Source
	// Temporary is the session behind temporary credentials, nil for others.
	Temporary *Session
}

// UserID is aws:userid. That of a federated user is not its issuer's.
func (c *Caller) UserID() string {
	if c.Principal.Type == policy.FederatedUser && c.Temporary != nil {
		return c.Principal.Account + ":" + c.Temporary.Name
	}
	return c.Principal.ID
}

// Anonymous is the caller of a function URL with AuthType NONE, signed or not.
func Anonymous() *Caller { return anonymous }

// anonymous never changes, so one serves every request.
var anonymous = &Caller{Principal: policy.Principal{Type: policy.Anonymous}}

// RootCaller is the root of an account.
func RootCaller(account, accessKeyID string) *Caller {
	return &Caller{
		Principal: policy.Principal{
			Type:    policy.Root,
			Account: account,
			ARN:     arn.Root(account),
			ID:      account,
		},
		AccessKeyID: accessKeyID,
	}
}

// UserCaller is an IAM user.
func UserCaller(u *state.UserEntry, accessKeyID string) *Caller {
	return &Caller{
		Principal: policy.Principal{
			Type:    policy.User,
			Account: u.User.Account,
			ARN:     u.ARN,
			ID:      u.User.ID,
		},
		AccessKeyID: accessKeyID,
		UserName:    u.User.Name,
		Tags:        u.User.Tags,
		Policies:    u.Policies,
		Boundary:    u.Boundary,
	}
}

// RootKey is the access key of an account's root, which is not in the store.
type RootKey struct {
	Account string
	ID      string
	Secret  state.Secret
}

// Authorizer proves callers and judges what they ask for.
type Authorizer struct {
	root     RootKey
	sessions *Sessions
	verifier *sigv4.Verifier
	dual     bool
	region   string
	used     func(id, service, region string)
}

// Options are what New needs.
type Options struct {
	Root RootKey
	// Sessions knows temporary credentials; nil: there are none.
	Sessions *Sessions
	Verifier *sigv4.Verifier
	Region   string
	// DualURLAuth asks for both lambda:InvokeFunctionUrl and
	// lambda:InvokeFunction on a function URL, as AWS does since October 2025.
	DualURLAuth bool
	// Used, if not nil, is told of every access key in the state, and every role,
	// that a request was proven with. It must be quick.
	Used func(id, service, region string)
}

// New makes an Authorizer.
func New(o Options) *Authorizer {
	return &Authorizer{root: o.Root, sessions: o.Sessions, verifier: o.Verifier, dual: o.DualURLAuth, region: o.Region, used: o.Used}
}

// Claim is a signature whose scope, date and key are good, but which has not
// been computed yet: that needs the hash of the body.
type Claim struct {
	a      *Authorizer
	auth   *sigv4.Auth
	scope  sigv4.Scope
	secret state.Secret
	caller *Caller
}

// Claim reads a request's signature and checks all that can be checked before
// the body is read. It fails with sigv4.ErrNone when the request is not signed
// and with a *sigv4.Error otherwise.
func (a *Authorizer) Claim(snap *state.Snapshot, r *http.Request, scope sigv4.Scope) (*Claim, error) {
	parse := sigv4.Parse
	if scope.S3 {
		parse = sigv4.ParseS3
	}
	auth, err := parse(r)
	if err != nil {
		return nil, err
	}
	if err := a.verifier.CheckScope(auth, scope); err != nil {
		return nil, err
	}
	if auth.SessionToken != "" || strings.HasPrefix(auth.AccessKeyID, sessionKeyPrefix) {
		return a.claimSession(snap, auth, scope)
	}
	if subtle.ConstantTimeCompare([]byte(auth.AccessKeyID), []byte(a.root.ID)) == 1 {
		return &Claim{a, auth, scope, a.root.Secret, RootCaller(a.root.Account, a.root.ID)}, nil
	}
	key := snap.AccessKey(auth.AccessKeyID)
	if key == nil || !key.Key.Active {
		return nil, sigv4.UnknownKey()
	}
	if key.Key.User == state.RootUser {
		return &Claim{a, auth, scope, key.Secret, RootCaller(key.Key.Account, key.Key.ID)}, nil
	}
	user := snap.User(key.Key.Account, key.Key.User)
	if user == nil {
		return nil, sigv4.UnknownKey()
	}
	return &Claim{a, auth, scope, key.Secret, UserCaller(user, key.Key.ID)}, nil
}

// Prove checks the signature over the request with a body of this SHA-256.
func (c *Claim) Prove(r *http.Request, bodyHash [32]byte) (*Caller, error) {
	if err := c.a.verifier.Verify(r, c.auth, c.scope, c.secret.Reveal(), bodyHash); err != nil {
		return nil, err
	}
	c.noteUse()
	return c.caller, nil
}

// Chunks checks the chunks of a body that are signed one by one: only after Prove.
func (c *Claim) Chunks() *sigv4.Chunks { return sigv4.NewChunks(c.auth, c.secret.Reveal()) }

// Auth is what the request says of its signature.
func (c *Claim) Auth() *sigv4.Auth { return c.auth }

// noteUse tells which key, or which role, was used.
func (c *Claim) noteUse() {
	id := c.caller.AccessKeyID
	if c.caller.Principal.Type == policy.AssumedRole {
		id, _, _ = strings.Cut(c.caller.Principal.ID, ":")
	} else if c.caller.Temporary != nil || id == c.a.root.ID {
		return
	}
	if c.a.used != nil {
		c.a.used(id, c.auth.Service, c.auth.Region)
	}
}
