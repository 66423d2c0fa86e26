package iam

import (
	"context"
	"errors"

	"furl/internal/state"
)

// checkBoundary refuses a permissions boundary that is not a managed policy of
// the account or of AWS.
func (s *Service) checkBoundary(ctx context.Context, boundary *string) error {
	if boundary == nil {
		return nil
	}
	if err := checkPolicyARN(*boundary); err != nil {
		return err
	}
	if !s.attachable(ctx, *boundary) {
		return noScope(*boundary)
	}
	return nil
}

// noScope is AWS's word for a boundary that is not there.
func noScope(boundary string) error {
	return NoSuchEntityException("Scope ARN: %s does not exist or is not attachable.", boundary)
}

// renderBoundary is a permissions boundary, nil where there is none. AWS answers
// the type Policy, as recorded, whatever its model says.
func renderBoundary(boundary string) *AttachedPermissionsBoundary {
	if boundary == "" {
		return nil
	}
	return &AttachedPermissionsBoundary{PermissionsBoundaryType: new(PermissionsBoundaryAttachmentType("Policy")), PermissionsBoundaryArn: &boundary}
}

// PutUserPermissionsBoundary bounds what a user may do, whatever its policies
// allow.
func (s *Service) PutUserPermissionsBoundary(ctx context.Context, in *PutUserPermissionsBoundaryRequest) error {
	if err := s.checkBoundary(ctx, &in.PermissionsBoundary); err != nil {
		return err
	}
	err := s.state.SetBoundary(ctx, state.UserEntity, account(ctx), in.UserName, in.PermissionsBoundary, whatever)
	if errors.Is(err, state.ErrNoPolicy) {
		return noScope(in.PermissionsBoundary)
	}
	return stateError(err, noUser(in.UserName))
}

// PutRolePermissionsBoundary bounds what a role's sessions may do, whatever its
// policies allow.
func (s *Service) PutRolePermissionsBoundary(ctx context.Context, in *PutRolePermissionsBoundaryRequest) error {
	if err := s.checkBoundary(ctx, &in.PermissionsBoundary); err != nil {
		return err
	}
	err := s.state.SetBoundary(ctx, state.RoleEntity, account(ctx), in.RoleName, in.PermissionsBoundary, whatever)
	if errors.Is(err, state.ErrNoPolicy) {
		return noScope(in.PermissionsBoundary)
	}
	return stateError(err, noRole(in.RoleName))
}

// whatever accepts any boundary that there is.
func whatever(string) error { return nil }

// DeleteUserPermissionsBoundary takes the bounds away, if there are any.
func (s *Service) DeleteUserPermissionsBoundary(ctx context.Context, in *DeleteUserPermissionsBoundaryRequest) error {
	err := s.state.SetBoundary(ctx, state.UserEntity, account(ctx), in.UserName, "", whatever)
	return stateError(err, noUser(in.UserName))
}

// DeleteRolePermissionsBoundary takes the bounds away, if there are any.
func (s *Service) DeleteRolePermissionsBoundary(ctx context.Context, in *DeleteRolePermissionsBoundaryRequest) error {
	err := s.state.SetBoundary(ctx, state.RoleEntity, account(ctx), in.RoleName, "", whatever)
	return stateError(err, noRole(in.RoleName))
}
