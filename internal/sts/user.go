package sts

import (
	"context"

	"furl/internal/arn"
	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/policy"
)

// Lengths of the sessions of users and of root, in seconds.
const (
	defaultUserDuration = 43200
	maxRootDuration     = 3600
)

// userDuration is how long a session of the caller is to last. Root's are cut
// short.
func userDuration(c *authz.Caller, asked *int) int64 {
	d := int64(defaultUserDuration)
	if asked != nil {
		d = int64(*asked)
	}
	if c.Principal.Type == policy.Root {
		d = min(d, maxRootDuration)
	}
	return d
}

// GetSessionToken makes credentials that act as the caller.
func (s *Service) GetSessionToken(ctx context.Context, in *GetSessionTokenRequest) (*GetSessionTokenResponse, error) {
	c := authz.FromContext(ctx)
	name, id, ok := authz.Issuer(c)
	switch {
	case !ok:
		return nil, awsapi.AccessDenied("Cannot call GetSessionToken with session credentials")
	case in.SerialNumber != nil || in.TokenCode != nil:
		return nil, noDevice()
	}
	creds, _, err := s.issue(&authz.Session{
		Kind: authz.UserSession, Account: c.Principal.Account, Issuer: name, IssuerID: id,
		Expires: s.Now().Unix() + userDuration(c, in.DurationSeconds),
	})
	if err != nil {
		return nil, err
	}
	return &GetSessionTokenResponse{Credentials: creds}, nil
}

// federating is what GetFederationToken asks for.
func (s *Service) federating(ctx context.Context, in *GetFederationTokenRequest) ([]authz.Access, error) {
	c := authz.FromContext(ctx)
	if _, _, ok := authz.Issuer(c); !ok {
		return nil, awsapi.AccessDenied("Cannot call GetFederationToken with session credentials")
	}
	tags, _, err := sessionTags(in.Tags, nil, c)
	if err != nil {
		return nil, err
	}
	resource := "arn:" + arn.DefaultPartition + ":sts::" + c.Principal.Account + ":federated-user/" + in.Name
	keys := authz.RequestTags(tags)
	all := []authz.Access{{Action: "sts:GetFederationToken", Resource: resource, Account: c.Principal.Account, Keys: keys}}
	if len(tags) > 0 {
		all = append(all, authz.Access{Action: "sts:TagSession", Resource: resource, Account: c.Principal.Account, Keys: keys})
	}
	return all, nil
}

// GetFederationToken makes credentials of a federated user: what the caller may
// and the passed policies allow.
func (s *Service) GetFederationToken(ctx context.Context, in *GetFederationTokenRequest) (*GetFederationTokenResponse, error) {
	c := authz.FromContext(ctx)
	name, id, ok := authz.Issuer(c)
	if !ok {
		return nil, awsapi.AccessDenied("Cannot call GetFederationToken with session credentials")
	}
	tags, _, err := sessionTags(in.Tags, nil, c)
	if err != nil {
		return nil, err
	}
	session := &authz.Session{
		Kind: authz.FederatedSession, Account: c.Principal.Account, Issuer: name, IssuerID: id, Name: in.Name, Tags: tags,
		Expires: s.Now().Unix() + userDuration(c, in.DurationSeconds),
	}
	if err := s.restrict(session, in.Policy, in.PolicyArns); err != nil {
		return nil, err
	}
	creds, packed, err := s.issue(session)
	if err != nil {
		return nil, err
	}
	return &GetFederationTokenResponse{
		Credentials:      creds,
		FederatedUser:    &FederatedUser{FederatedUserId: session.Account + ":" + session.Name, Arn: session.ARN()},
		PackedPolicySize: new(value(packed)), // recorded: also when nothing was passed
	}, nil
}
