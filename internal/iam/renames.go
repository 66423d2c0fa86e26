package iam

import (
	"context"

	"furl/internal/arn"
	"furl/internal/authz"
)

// renamingUser is iam:UpdateUser on a user and, where it gets another name or
// path, on the ARN that it then has: AWS asks for both, or whoever may change the
// users below one path could move them below another.
func (s *Service) renamingUser(ctx context.Context, in *UpdateUserRequest) []authz.Access {
	from := s.onUser(ctx, "UpdateUser", &in.UserName)
	u := s.state.Snapshot().User(account(ctx), in.UserName)
	if u == nil {
		return from
	}
	return withTarget(from, arn.User(account(ctx), orSame(in.NewPath, u.User.Path), orSame(in.NewUserName, u.User.Name)))
}

// renamingGroup is renamingUser for groups.
func (s *Service) renamingGroup(ctx context.Context, in *UpdateGroupRequest) []authz.Access {
	from := s.onGroup(ctx, "UpdateGroup", in.GroupName)
	g := s.state.Snapshot().Group(account(ctx), in.GroupName)
	if g == nil {
		return from
	}
	return withTarget(from, arn.Group(account(ctx), orSame(in.NewPath, g.Group.Path), orSame(in.NewGroupName, g.Group.Name)))
}

// withTarget adds the same access to another ARN, if it is another.
func withTarget(from []authz.Access, target string) []authz.Access {
	to := from[0]
	if to.Resource == target {
		return from
	}
	to.Resource = target
	return append(from, to)
}

func orSame(changed *string, now string) string {
	if v := value(changed); v != "" {
		return v
	}
	return now
}
