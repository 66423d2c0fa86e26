package iam

import (
	"context"

	"furl/internal/policy"
	"furl/internal/state"
)

// maxGroupPolicies is maxUserPolicies for groups.
const maxGroupPolicies = 5120

// PutGroupPolicy writes an inline policy of a group. It is in force for the
// group's users when this returns.
func (s *Service) PutGroupPolicy(ctx context.Context, in *PutGroupPolicyRequest) error {
	if _, err := policy.Parse([]byte(in.PolicyDocument), policy.Identity); err != nil {
		return malformed(err)
	}
	_, err := s.state.UpdateGroup(ctx, account(ctx), in.GroupName, func(g *state.Group) error {
		policies, err := withPolicy(g.Policies, in.PolicyName, in.PolicyDocument, maxGroupPolicies, "group", g.Name)
		g.Policies = policies
		return err
	})
	return stateError(err, noGroup(in.GroupName))
}

// GetGroupPolicy shows an inline policy of a group as it was written.
func (s *Service) GetGroupPolicy(ctx context.Context, in *GetGroupPolicyRequest) (*GetGroupPolicyResponse, error) {
	g := s.state.Snapshot().Group(account(ctx), in.GroupName)
	if g == nil {
		return nil, noGroup(in.GroupName)
	}
	doc, ok := g.Group.Policies[in.PolicyName]
	if !ok {
		return nil, noPolicy("group", in.PolicyName)
	}
	return &GetGroupPolicyResponse{GroupName: g.Group.Name, PolicyName: in.PolicyName, PolicyDocument: encodeDocument(doc)}, nil
}

// ListGroupPolicies lists the names of a group's inline policies.
func (s *Service) ListGroupPolicies(ctx context.Context, in *ListGroupPoliciesRequest) (*ListGroupPoliciesResponse, error) {
	g := s.state.Snapshot().Group(account(ctx), in.GroupName)
	if g == nil {
		return nil, noGroup(in.GroupName)
	}
	page, next, err := pageOfNames(g.Group.Policies, in.Marker, in.MaxItems, "ListGroupPolicies")
	if err != nil {
		return nil, err
	}
	return &ListGroupPoliciesResponse{PolicyNames: page, IsTruncated: new(next != nil), Marker: next}, nil
}

// DeleteGroupPolicy removes an inline policy of a group.
func (s *Service) DeleteGroupPolicy(ctx context.Context, in *DeleteGroupPolicyRequest) error {
	_, err := s.state.UpdateGroup(ctx, account(ctx), in.GroupName, func(g *state.Group) error {
		if _, ok := g.Policies[in.PolicyName]; !ok {
			return noPolicy("group", in.PolicyName)
		}
		delete(g.Policies, in.PolicyName)
		return nil
	})
	return stateError(err, noGroup(in.GroupName))
}
