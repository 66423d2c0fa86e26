package iam

import (
	"context"
	"maps"
	"slices"

	"furl/internal/awsapi"
	"furl/internal/policy"
	"furl/internal/state"
)

// Inline policies share a quota for each user and each role, in characters
// without white space.
const (
	maxUserPolicies = 2048
	maxRolePolicies = 10240
)

// PutUserPolicy writes an inline policy of a user. It is in force when this
// returns.
func (s *Service) PutUserPolicy(ctx context.Context, in *PutUserPolicyRequest) error {
	if _, err := policy.Parse([]byte(in.PolicyDocument), policy.Identity); err != nil {
		return malformed(err)
	}
	_, err := s.state.UpdateUser(ctx, account(ctx), in.UserName, func(u *state.User) error {
		policies, err := withPolicy(u.Policies, in.PolicyName, in.PolicyDocument, maxUserPolicies, "user", u.Name)
		u.Policies = policies
		return err
	})
	return stateError(err, noUser(in.UserName))
}

// withPolicy adds a policy to a copy of the inline policies of an entity.
func withPolicy(policies map[string]string, name, doc string, limit int, kind, owner string) (map[string]string, error) {
	next := maps.Clone(policies)
	if next == nil {
		next = map[string]string{}
	}
	next[name] = doc
	size := 0
	for _, doc := range next {
		p, err := policy.Parse([]byte(doc), policy.Identity)
		if err != nil {
			return nil, malformed(err)
		}
		size += p.Size()
	}
	if size > limit {
		return nil, LimitExceededException("Maximum policy size of %d bytes exceeded for %s %s", limit, kind, owner)
	}
	return next, nil
}

func noPolicy(kind, name string) *awsapi.Error {
	return NoSuchEntityException("The %s policy with name %s cannot be found.", kind, name)
}

// GetUserPolicy shows an inline policy of a user as it was written.
func (s *Service) GetUserPolicy(ctx context.Context, in *GetUserPolicyRequest) (*GetUserPolicyResponse, error) {
	u := s.state.Snapshot().User(account(ctx), in.UserName)
	if u == nil {
		return nil, noUser(in.UserName)
	}
	doc, ok := u.User.Policies[in.PolicyName]
	if !ok {
		return nil, noPolicy("user", in.PolicyName)
	}
	return &GetUserPolicyResponse{UserName: u.User.Name, PolicyName: in.PolicyName, PolicyDocument: encodeDocument(doc)}, nil
}

// ListUserPolicies lists the names of a user's inline policies.
func (s *Service) ListUserPolicies(ctx context.Context, in *ListUserPoliciesRequest) (*ListUserPoliciesResponse, error) {
	u := s.state.Snapshot().User(account(ctx), in.UserName)
	if u == nil {
		return nil, noUser(in.UserName)
	}
	page, next, err := pageOfNames(u.User.Policies, in.Marker, in.MaxItems, "ListUserPolicies")
	if err != nil {
		return nil, err
	}
	return &ListUserPoliciesResponse{PolicyNames: page, IsTruncated: new(next != nil), Marker: next}, nil
}

func pageOfNames(policies map[string]string, marker *string, maxItems *int, op string) ([]string, *string, error) {
	names := slices.Sorted(maps.Keys(policies))
	page, next, err := paginate(names, marker, maxItems, op, func(name string) string { return name })
	if page == nil {
		page = []string{}
	}
	return page, next, err
}

// DeleteUserPolicy removes an inline policy of a user.
func (s *Service) DeleteUserPolicy(ctx context.Context, in *DeleteUserPolicyRequest) error {
	_, err := s.state.UpdateUser(ctx, account(ctx), in.UserName, func(u *state.User) error {
		if _, ok := u.Policies[in.PolicyName]; !ok {
			return noPolicy("user", in.PolicyName)
		}
		delete(u.Policies, in.PolicyName)
		return nil
	})
	return stateError(err, noUser(in.UserName))
}

// PutRolePolicy writes an inline policy of a role.
func (s *Service) PutRolePolicy(ctx context.Context, in *PutRolePolicyRequest) error {
	if _, err := policy.Parse([]byte(in.PolicyDocument), policy.Identity); err != nil {
		return malformed(err)
	}
	_, err := s.state.UpdateRole(ctx, account(ctx), in.RoleName, func(r *state.Role) error {
		policies, err := withPolicy(r.Policies, in.PolicyName, in.PolicyDocument, maxRolePolicies, "role", r.Name)
		r.Policies = policies
		return err
	})
	return stateError(err, noRole(in.RoleName))
}

// GetRolePolicy shows an inline policy of a role as it was written.
func (s *Service) GetRolePolicy(ctx context.Context, in *GetRolePolicyRequest) (*GetRolePolicyResponse, error) {
	r := s.state.Snapshot().Role(account(ctx), in.RoleName)
	if r == nil {
		return nil, noRole(in.RoleName)
	}
	doc, ok := r.Role.Policies[in.PolicyName]
	if !ok {
		return nil, noPolicy("role", in.PolicyName)
	}
	return &GetRolePolicyResponse{RoleName: r.Role.Name, PolicyName: in.PolicyName, PolicyDocument: encodeDocument(doc)}, nil
}

// ListRolePolicies lists the names of a role's inline policies.
func (s *Service) ListRolePolicies(ctx context.Context, in *ListRolePoliciesRequest) (*ListRolePoliciesResponse, error) {
	r := s.state.Snapshot().Role(account(ctx), in.RoleName)
	if r == nil {
		return nil, noRole(in.RoleName)
	}
	page, next, err := pageOfNames(r.Role.Policies, in.Marker, in.MaxItems, "ListRolePolicies")
	if err != nil {
		return nil, err
	}
	return &ListRolePoliciesResponse{PolicyNames: page, IsTruncated: new(next != nil), Marker: next}, nil
}

// DeleteRolePolicy removes an inline policy of a role.
func (s *Service) DeleteRolePolicy(ctx context.Context, in *DeleteRolePolicyRequest) error {
	_, err := s.state.UpdateRole(ctx, account(ctx), in.RoleName, func(r *state.Role) error {
		if _, ok := r.Policies[in.PolicyName]; !ok {
			return noPolicy("role", in.PolicyName)
		}
		delete(r.Policies, in.PolicyName)
		return nil
	})
	return stateError(err, noRole(in.RoleName))
}
