// Package sts is AWS STS's API: who callers are, and the temporary credentials
// of roles, users and federated users. The credentials themselves are package
// authz's; nothing of them is stored.
package sts

import (
	"context"
	"log/slog"
	"time"

	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/oidc"
	"furl/internal/policy"
	"furl/internal/state"
)

// Options are what New needs.
type Options struct {
	State    *state.State
	Sessions *authz.Sessions
	// Authz judges web identities, who sign nothing.
	Authz *authz.Authorizer
	// Identities checks web identities; nil: there are none.
	Identities *oidc.Verifier
	// RootKey is the id of the access key of the first account's root, which is
	// not in the state.
	RootKey string
	// Logger learns why web identities could not be checked; nil: nobody does.
	Logger *slog.Logger
	Now    func() time.Time
}

// Service carries out the operations.
type Service struct{ Options }

var _ API = (*Service)(nil)

// New makes a Service.
func New(o Options) *Service {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Service{o}
}

// GetCallerIdentity says who the caller is. It needs no permission and no
// policy can deny it.
func (s *Service) GetCallerIdentity(ctx context.Context, _ *GetCallerIdentityRequest) (*GetCallerIdentityResponse, error) {
	c := authz.FromContext(ctx)
	p := c.Principal
	return &GetCallerIdentityResponse{Account: &p.Account, Arn: &p.ARN, UserId: new(c.UserID())}, nil
}

// GetAccessKeyInfo says which account an access key is of: one that this server
// knows, or the temporary one whose id says so.
func (s *Service) GetAccessKeyInfo(ctx context.Context, in *GetAccessKeyInfoRequest) (*GetAccessKeyInfoResponse, error) {
	snap := s.State.Snapshot()
	if account, ok := authz.AccountOfKey(in.AccessKeyId); ok && snap.HasAccount(account) {
		return &GetAccessKeyInfoResponse{Account: &account}, nil
	}
	if in.AccessKeyId == s.RootKey {
		return &GetAccessKeyInfoResponse{Account: new(snap.FirstAccount())}, nil
	}
	if k := snap.AccessKey(in.AccessKeyId); k != nil {
		return &GetAccessKeyInfoResponse{Account: &k.Key.Account}, nil
	}
	return nil, awsapi.ValidationException("The access key %s is of no account of this server", in.AccessKeyId)
}

// DecodeAuthorizationMessage refuses every message: this server's refusals say
// in the open what they have to say, so none of them is encoded.
func (s *Service) DecodeAuthorizationMessage(context.Context, *DecodeAuthorizationMessageRequest) (*DecodeAuthorizationMessageResponse, error) {
	return nil, InvalidAuthorizationMessageException("The message was not encoded by this server, which encodes none: furl explain says why a call is refused")
}

// Access says what a request asks for. An assumed role is the resource, under
// its own trust policy.
func (s *Service) Access(ctx context.Context, in any) ([]authz.Access, error) {
	switch in := in.(type) {
	case *AssumeRoleRequest:
		return s.assuming(ctx, in)
	case *GetFederationTokenRequest:
		return s.federating(ctx, in)
	case *GetSessionTokenRequest:
		if _, _, ok := authz.Issuer(authz.FromContext(ctx)); !ok {
			return nil, awsapi.AccessDenied("Cannot call GetSessionToken with session credentials")
		}
		return nil, nil
	case *GetAccessKeyInfoRequest:
		return s.everything(ctx, "GetAccessKeyInfo"), nil
	case *DecodeAuthorizationMessageRequest:
		return s.everything(ctx, "DecodeAuthorizationMessage"), nil
	}
	// GetCallerIdentity is open to every signed caller. Web identities are judged
	// by what they bring.
	return nil, nil
}

func (s *Service) everything(ctx context.Context, action string) []authz.Access {
	return []authz.Access{{Action: "sts:" + action, Resource: "*", Account: authz.FromContext(ctx).Principal.Account}}
}

// role finds the role of an ARN, in whichever account of this server.
func (s *Service) role(roleARN string) *state.RoleEntry { return s.State.Snapshot().RoleByARN(roleARN) }

// noRole refuses a role that is not there in the words for one that may not be
// assumed, so that nobody can find out which there are.
func noRole(c *authz.Caller, action, role string) error {
	return awsapi.AccessDenied("%s", authz.Denied(c, authz.Access{Action: action, Resource: role, Terse: true}, policy.Decision{}))
}

// maxChained bounds the sessions of roles that are assumed by a role, in seconds.
const maxChained = 3600

// defaultRoleDuration is the length of a role's session in seconds.
const defaultRoleDuration = 3600

// roleDuration is how long a session of a role is to last, in seconds.
func roleDuration(c *authz.Caller, r *state.RoleEntry, asked *int) (int64, error) {
	if asked == nil {
		return defaultRoleDuration, nil
	}
	switch {
	case c.Principal.Type == policy.AssumedRole && *asked > maxChained:
		return 0, awsapi.ValidationException("The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	case *asked > r.Role.MaxSession:
		return 0, awsapi.ValidationException("The requested DurationSeconds exceeds the MaxSessionDuration set for this role.")
	}
	return int64(*asked), nil
}

// issue makes the credentials of a session. packed is nil where the caller
// passed neither policies nor tags.
func (s *Service) issue(session *authz.Session) (creds *Credentials, packed *int, err error) {
	if n := authz.Packed(session); n > 0 {
		percent := (n*100 + authz.MaxPacked - 1) / authz.MaxPacked
		if n > authz.MaxPacked {
			return nil, nil, PackedPolicyTooLargeException("Packed policy consumes %d%% of allotted space, please use smaller policy.", percent)
		}
		packed = &percent
	}
	c, err := s.Sessions.Issue(session)
	if err != nil {
		return nil, nil, err
	}
	return &Credentials{
		AccessKeyId:     c.AccessKeyID,
		SecretAccessKey: c.Secret.Reveal(),
		SessionToken:    c.Token.Reveal(),
		Expiration:      session.Expiration(),
	}, packed, nil
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
