package sts

import (
	"context"

	"furl/internal/arn"
	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/policy"
	"furl/internal/state"
)

// assuming is what AssumeRole asks for: the role, under its trust policy, and
// what goes beyond that is asked for there too. What is wrong with the request
// itself comes first.
func (s *Service) assuming(ctx context.Context, in *AssumeRoleRequest) ([]authz.Access, error) {
	c := authz.FromContext(ctx)
	if a, err := arn.Parse(in.RoleArn); err != nil || a.Service != "iam" {
		return nil, awsapi.ValidationException("%s is invalid", in.RoleArn)
	}
	if in.SerialNumber != nil || in.TokenCode != nil {
		return nil, noDevice()
	}
	tags, transitive, err := sessionTags(in.Tags, in.TransitiveTagKeys, c)
	if err != nil {
		return nil, err
	}
	if c.Principal.Type == policy.FederatedUser {
		return nil, awsapi.AccessDenied("Cannot call AssumeRole with the credentials of a federated user")
	}
	r := s.role(in.RoleArn)
	if r == nil {
		return nil, noRole(c, "sts:AssumeRole", in.RoleArn)
	}
	keys := sessionKeys(in.RoleSessionName, tags, transitive)
	if in.ExternalId != nil {
		keys.Set("sts:ExternalId", policy.One(*in.ExternalId))
	}
	if identity := sourceIdentity(c, in.SourceIdentity); identity != "" {
		keys.Set("sts:SourceIdentity", policy.One(identity))
	}
	actions := []string{"sts:AssumeRole"}
	if len(tags) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if sourceIdentity(c, in.SourceIdentity) != "" {
		actions = append(actions, "sts:SetSourceIdentity")
	}
	return on(r, keys, actions...), nil
}

// on are actions on a role under its trust policy.
func on(r *state.RoleEntry, keys policy.ContextMap, actions ...string) []authz.Access {
	var all []authz.Access
	for _, action := range actions {
		all = append(all, authz.Access{
			Action: action, Resource: r.ARN, Account: r.Role.Account, Policy: &r.Trust, Tags: r.Role.Tags, Keys: keys, Terse: true,
		})
	}
	return all
}

// sessionKeys are the condition keys about a session that is to be made.
func sessionKeys(name string, tags map[string]string, transitive []string) policy.ContextMap {
	keys := authz.RequestTags(tags)
	if keys == nil {
		keys = policy.ContextMap{}
	}
	keys.Set("sts:RoleSessionName", policy.One(name))
	if len(transitive) > 0 {
		keys.Set("sts:TransitiveTagKeys", policy.Many(transitive...))
	}
	return keys
}

// sourceIdentity is the one that the session will have: once set it stays.
func sourceIdentity(c *authz.Caller, asked *string) string {
	if c.Temporary != nil && c.Temporary.SourceIdentity != "" {
		return c.Temporary.SourceIdentity
	}
	return value(asked)
}

// noDevice refuses codes of MFA devices: there are none here to have made one.
func noDevice() error {
	return awsapi.AccessDenied("MultiFactorAuthentication failed with invalid MFA one time pass code.")
}

// AssumeRole makes credentials of a role. That the caller may was judged before.
func (s *Service) AssumeRole(ctx context.Context, in *AssumeRoleRequest) (*AssumeRoleResponse, error) {
	c := authz.FromContext(ctx)
	r := s.role(in.RoleArn)
	if r == nil {
		return nil, noRole(c, "sts:AssumeRole", in.RoleArn)
	}
	if t := c.Temporary; t != nil && t.SourceIdentity != "" && in.SourceIdentity != nil && *in.SourceIdentity != t.SourceIdentity {
		return nil, awsapi.AccessDenied("The source identity of a session cannot be changed.")
	}
	duration, err := roleDuration(c, r, in.DurationSeconds)
	if err != nil {
		return nil, err
	}
	tags, transitive, err := sessionTags(in.Tags, in.TransitiveTagKeys, c)
	if err != nil {
		return nil, err
	}
	session := &authz.Session{
		Kind:           authz.RoleSession,
		Account:        r.Role.Account,
		Issuer:         r.Role.Name,
		IssuerID:       r.Role.ID,
		Name:           in.RoleSessionName,
		Expires:        s.Now().Unix() + duration,
		Tags:           inherited(tags, c),
		Transitive:     transitive,
		SourceIdentity: sourceIdentity(c, in.SourceIdentity),
	}
	if err := s.restrict(session, in.Policy, in.PolicyArns); err != nil {
		return nil, err
	}
	creds, packed, err := s.issue(session)
	if err != nil {
		return nil, err
	}
	return &AssumeRoleResponse{
		Credentials:      creds,
		AssumedRoleUser:  assumedRoleUser(session),
		PackedPolicySize: packed,
		SourceIdentity:   nonEmpty(session.SourceIdentity),
	}, nil
}

func assumedRoleUser(session *authz.Session) *AssumedRoleUser {
	return &AssumedRoleUser{AssumedRoleId: session.IssuerID + ":" + session.Name, Arn: session.ARN()}
}
