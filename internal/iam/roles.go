package iam

import (
	"context"
	"errors"
	"strings"

	"furl/internal/arn"
	"furl/internal/awsapi"
	"furl/internal/policy"
	"furl/internal/state"
)

// defaultMaxSession is the longest session of a role that names none, in seconds.
const defaultMaxSession = 3600

func noRole(name string) *awsapi.Error {
	return NoSuchEntityException("The role with name %s cannot be found.", name)
}

// CreateRole makes a role with its trust policy.
func (s *Service) CreateRole(ctx context.Context, in *CreateRoleRequest) (*CreateRoleResponse, error) {
	if err := s.checkBoundary(ctx, in.PermissionsBoundary); err != nil {
		return nil, err
	}
	tags, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	ids, err := s.checkTrust(in.AssumeRolePolicyDocument)
	if err != nil {
		return nil, err
	}
	r := &state.Role{
		Account:      account(ctx),
		Name:         in.RoleName,
		Path:         pathOf(in.Path),
		ID:           newID("AROA", 21),
		Created:      s.created(),
		Description:  value(in.Description),
		MaxSession:   defaultMaxSession,
		Trust:        in.AssumeRolePolicyDocument,
		Tags:         tags,
		PrincipalIDs: ids,
		Boundary:     value(in.PermissionsBoundary),
	}
	if in.MaxSessionDuration != nil {
		r.MaxSession = *in.MaxSessionDuration
	}
	if err := s.state.CreateRole(ctx, r); err != nil {
		switch {
		case errors.Is(err, state.ErrExists):
			return nil, EntityAlreadyExistsException("Role with name %s already exists.", in.RoleName)
		case errors.Is(err, state.ErrNoPolicy):
			return nil, noScope(r.Boundary)
		}
		return nil, err
	}
	out := renderRole(r, arn.Role(r.Account, r.Path, r.Name))
	out.Tags, out.PermissionsBoundary = renderTags(tags), renderBoundary(r.Boundary)
	return &CreateRoleResponse{Role: out}, nil
}

// maxTrust bounds a trust policy, in characters without white space.
const maxTrust = 2048

// checkTrust checks a trust policy and returns the unique ids of the users and
// roles that it names.
func (s *Service) checkTrust(doc string) (map[string]string, error) {
	p, err := policy.Parse([]byte(doc), policy.Trust)
	if err != nil {
		return nil, malformed(err)
	}
	if p.Size() > maxTrust {
		return nil, LimitExceededException("Cannot exceed quota for ACLSizePerRole: %d", maxTrust)
	}
	ids := map[string]string{}
	snap := s.state.Snapshot()
	for _, principal := range p.PrincipalARNs() {
		id, ok := snap.PrincipalID(principal)
		if !ok {
			return nil, MalformedPolicyDocumentException("Invalid principal in policy: \"AWS\":\"%s\"", principal)
		}
		ids[principal] = id
	}
	return ids, nil
}

func malformed(err error) error {
	var syntax *policy.SyntaxError
	if errors.As(err, &syntax) {
		return MalformedPolicyDocumentException("%s", syntax.Error())
	}
	return err
}

// GetRole shows a role.
func (s *Service) GetRole(ctx context.Context, in *GetRoleRequest) (*GetRoleResponse, error) {
	r := s.state.Snapshot().Role(account(ctx), in.RoleName)
	if r == nil {
		return nil, noRole(in.RoleName)
	}
	return &GetRoleResponse{Role: s.renderWholeRole(r.Role, r.ARN)}, nil
}

// renderWholeRole is a role with all that there is to show of it.
func (s *Service) renderWholeRole(r *state.Role, arn string) Role {
	out := renderRole(r, arn)
	out.Tags, out.PermissionsBoundary = renderTags(r.Tags), renderBoundary(r.Boundary)
	out.MaxSessionDuration, out.RoleLastUsed = &r.MaxSession, s.lastUsed(r)
	return out
}

// lastUsed says when a session of a role last made a request; empty if never.
func (s *Service) lastUsed(r *state.Role) *RoleLastUsed {
	if u := s.state.LastUse(r.ID); u != nil {
		return &RoleLastUsed{LastUsedDate: &u.At, Region: &u.Region}
	}
	return &RoleLastUsed{}
}

// UpdateRole changes the description and the longest session of a role; what is
// not given stays.
func (s *Service) UpdateRole(ctx context.Context, in *UpdateRoleRequest) (*UpdateRoleResponse, error) {
	_, err := s.state.UpdateRole(ctx, account(ctx), in.RoleName, func(r *state.Role) error {
		if in.Description != nil {
			r.Description = *in.Description
		}
		if in.MaxSessionDuration != nil {
			r.MaxSession = *in.MaxSessionDuration
		}
		return nil
	})
	if err != nil {
		return nil, stateError(err, noRole(in.RoleName))
	}
	return &UpdateRoleResponse{}, nil
}

// UpdateRoleDescription changes the description of a role and shows the role.
func (s *Service) UpdateRoleDescription(ctx context.Context, in *UpdateRoleDescriptionRequest) (*UpdateRoleDescriptionResponse, error) {
	r, err := s.state.UpdateRole(ctx, account(ctx), in.RoleName, func(r *state.Role) error {
		r.Description = in.Description
		return nil
	})
	if err != nil {
		return nil, stateError(err, noRole(in.RoleName))
	}
	out := s.renderWholeRole(r, arn.Role(r.Account, r.Path, r.Name))
	out.RoleLastUsed = nil
	return &UpdateRoleDescriptionResponse{Role: &out}, nil
}

// UpdateAssumeRolePolicy replaces the trust policy of a role.
func (s *Service) UpdateAssumeRolePolicy(ctx context.Context, in *UpdateAssumeRolePolicyRequest) error {
	ids, err := s.checkTrust(in.PolicyDocument)
	if err != nil {
		return err
	}
	_, err = s.state.UpdateRole(ctx, account(ctx), in.RoleName, func(r *state.Role) error {
		r.Trust, r.PrincipalIDs = in.PolicyDocument, ids
		return nil
	})
	return stateError(err, noRole(in.RoleName))
}

// ListRoles lists the roles below a path by name.
func (s *Service) ListRoles(ctx context.Context, in *ListRolesRequest) (*ListRolesResponse, error) {
	var all []*state.RoleEntry
	for _, r := range s.state.Snapshot().Roles(account(ctx)) {
		if strings.HasPrefix(r.Role.Path, orSlash(in.PathPrefix)) {
			all = append(all, r)
		}
	}
	page, next, err := paginate(all, in.Marker, in.MaxItems, "ListRoles", func(r *state.RoleEntry) string { return r.Role.Name })
	if err != nil {
		return nil, err
	}
	out := &ListRolesResponse{Roles: make([]Role, 0, len(page)), IsTruncated: new(next != nil), Marker: next}
	for _, r := range page {
		role := renderRole(r.Role, r.ARN)
		role.MaxSessionDuration = &r.Role.MaxSession
		out.Roles = append(out.Roles, role)
	}
	return out, nil
}

// DeleteRole removes a role that has no policies left.
func (s *Service) DeleteRole(ctx context.Context, in *DeleteRoleRequest) error {
	err := s.state.DeleteRole(ctx, account(ctx), in.RoleName, func(r *state.Role) error {
		switch {
		case len(r.Attached) > 0:
			return DeleteConflictException("Cannot delete entity, must detach all policies first.")
		case len(r.Policies) > 0:
			return DeleteConflictException("Cannot delete entity, must delete policies first.")
		}
		return nil
	})
	return stateError(err, noRole(in.RoleName))
}
