package sts

import (
	"context"
	"errors"
	"strings"

	"furl/internal/arn"
	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/oidc"
	"furl/internal/policy"
	"furl/internal/state"
)

const actionWebIdentity = "sts:AssumeRoleWithWebIdentity"

// AssumeRoleWithWebIdentity makes credentials of a role for whoever brings a
// token of an issuer that the role's trust policy names. The call is not signed.
func (s *Service) AssumeRoleWithWebIdentity(ctx context.Context, in *AssumeRoleWithWebIdentityRequest) (*AssumeRoleWithWebIdentityResponse, error) {
	a, err := arn.Parse(in.RoleArn)
	if err != nil || a.Service != "iam" {
		return nil, awsapi.ValidationException("%s is invalid", in.RoleArn)
	}
	if in.ProviderId != nil {
		return nil, awsapi.ValidationException("ProviderId is for OAuth 2.0 access tokens, which are not offered")
	}
	token, err := s.verify(ctx, in.WebIdentityToken)
	if err != nil {
		if errors.Is(err, oidc.ErrKeys) { // the caller is told no more than that
			s.Logger.Warn("a web identity could not be checked", "err", err)
		}
		return nil, tokenError(err)
	}
	r := s.role(in.RoleArn)
	if r == nil || !s.trusts(ctx, r, token, in.RoleSessionName) {
		return nil, awsapi.AccessDenied("Not authorized to perform %s", actionWebIdentity)
	}
	duration, err := roleDuration(authz.Anonymous(), r, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	session := &authz.Session{
		Kind: authz.RoleSession, Account: r.Role.Account, Issuer: r.Role.Name, IssuerID: r.Role.ID, Name: in.RoleSessionName,
		Expires: s.Now().Unix() + duration, Provider: provider(r, token.Issuer),
	}
	if err := s.restrict(session, in.Policy, in.PolicyArns); err != nil {
		return nil, err
	}
	creds, packed, err := s.issue(session)
	if err != nil {
		return nil, err
	}
	return &AssumeRoleWithWebIdentityResponse{
		Credentials:                 creds,
		AssumedRoleUser:             assumedRoleUser(session),
		PackedPolicySize:            packed,
		Provider:                    new(provider(r, token.Issuer)),
		Audience:                    &token.Audience,
		SubjectFromWebIdentityToken: &token.Subject,
	}, nil
}

func (s *Service) verify(ctx context.Context, token string) (*oidc.Token, error) {
	if s.Identities == nil {
		return nil, oidc.ErrUnknownIssuer
	}
	return s.Identities.Verify(ctx, token)
}

// provider is the ARN of an issuer as an identity provider of the role's account.
func provider(r *state.RoleEntry, issuer oidc.Issuer) string {
	return "arn:" + arn.DefaultPartition + ":iam::" + r.Role.Account + ":oidc-provider/" + issuer.Name()
}

// trusts asks the role's trust policy for the bearer of a token.
func (s *Service) trusts(ctx context.Context, r *state.RoleEntry, token *oidc.Token, session string) bool {
	keys := sessionKeys(session, nil, nil)
	name := token.Issuer.Name()
	keys.Set(name+":aud", policy.One(token.Audience))
	keys.Set(name+":sub", policy.One(token.Subject))
	if token.AuthorizedParty != "" {
		keys.Set(name+":azp", policy.One(token.AuthorizedParty))
	}
	if len(token.Methods) > 0 {
		keys.Set(name+":amr", policy.Many(token.Methods...))
	}
	keys.Set("aws:FederatedProvider", policy.One(provider(r, token.Issuer)))
	caller := &authz.Caller{Principal: policy.Principal{Type: policy.WebIdentity, ARN: provider(r, token.Issuer)}}
	return s.Authz.Allow(caller, authz.EnvFromContext(ctx), on(r, keys, actionWebIdentity)[0]).Allowed
}

// tokenError words what is wrong with a token as STS does.
func tokenError(err error) error {
	var late *oidc.TimeError
	switch {
	case errors.As(err, &late) && late.NotYet:
		return InvalidIdentityTokenException("The ID Token provided is not valid yet")
	case errors.As(err, &late):
		return ExpiredTokenException("Token expired: current date/time %d must be before the expiration date/time %d", late.Now.Unix(), late.Bound.Unix())
	case errors.Is(err, oidc.ErrUnknownIssuer):
		return InvalidIdentityTokenException("No OpenIDConnect provider found in your account for the issuer of the token; furl serve --oidc-issuer names those that are trusted")
	case errors.Is(err, oidc.ErrAudience):
		return InvalidIdentityTokenException("Incorrect token audience")
	case errors.Is(err, oidc.ErrKeys):
		return InvalidIdentityTokenException("Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements")
	case errors.Is(err, oidc.ErrSignature):
		return InvalidIdentityTokenException("The signature of the ID Token provided does not match any key of its issuer")
	case errors.Is(err, oidc.ErrNoSubject):
		return InvalidIdentityTokenException("Missing a required claim: sub.")
	case errors.Is(err, oidc.ErrMalformed):
		text := "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"
		if _, why, found := strings.Cut(err.Error(), oidc.ErrMalformed.Error()+": "); found {
			text += ": " + why
		}
		return InvalidIdentityTokenException("%s", text)
	}
	return err
}
