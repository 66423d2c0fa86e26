package authz

import (
	"crypto/subtle"
	"net/http"

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
	verifier *sigv4.Verifier
	dual     bool
	region   string
}

// Options are what New needs.
type Options struct {
	Root     RootKey
	Verifier *sigv4.Verifier
	Region   string
	// DualURLAuth asks for both lambda:InvokeFunctionUrl and
	// lambda:InvokeFunction on a function URL, as AWS does since October 2025.
	DualURLAuth bool
}

// New makes an Authorizer.
func New(o Options) *Authorizer {
	return &Authorizer{root: o.Root, verifier: o.Verifier, dual: o.DualURLAuth, region: o.Region}
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
	auth, err := sigv4.Parse(r)
	if err != nil {
		return nil, err
	}
	if err := a.verifier.CheckScope(auth, scope); err != nil {
		return nil, err
	}
	if auth.SessionToken != "" {
		// No temporary credentials are issued yet, so every token is a foreign one.
		return nil, sigv4.BadToken()
	}
	if subtle.ConstantTimeCompare([]byte(auth.AccessKeyID), []byte(a.root.ID)) == 1 {
		return &Claim{a, auth, scope, a.root.Secret, RootCaller(a.root.Account, a.root.ID)}, nil
	}
	key := snap.AccessKey(auth.AccessKeyID)
	if key == nil || !key.Key.Active {
		return nil, sigv4.UnknownKey()
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
	return c.caller, nil
}
