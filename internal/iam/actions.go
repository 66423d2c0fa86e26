package iam

import (
	"context"

	"furl/internal/arn"
	"furl/internal/authz"
	"furl/internal/policy"
)

// Access says what a request asks for: the IAM action and the resource it is
// on, one line an operation. AWS's service authorization reference is the
// source. Lists are on the path that they list below, as AWS's refusals of them
// say: arn:aws:iam::111122223333:user/ for all users.
func (s *Service) Access(ctx context.Context, in any) ([]authz.Access, error) {
	switch in := in.(type) {
	case *CreateUserRequest:
		return one(ctx, "CreateUser", arn.User(account(ctx), pathOf(in.Path), in.UserName), given(in.Tags, in.PermissionsBoundary)), nil
	case *GetUserRequest:
		return s.onUser(ctx, "GetUser", in.UserName), nil
	case *ListUsersRequest:
		return one(ctx, "ListUsers", arn.User(account(ctx), orSlash(in.PathPrefix), ""), nil), nil
	case *DeleteUserRequest:
		return s.onUser(ctx, "DeleteUser", &in.UserName), nil
	case *CreateAccessKeyRequest:
		return s.onUser(ctx, "CreateAccessKey", in.UserName), nil
	case *ListAccessKeysRequest:
		return s.onUser(ctx, "ListAccessKeys", in.UserName), nil
	case *UpdateAccessKeyRequest:
		return s.onUser(ctx, "UpdateAccessKey", in.UserName), nil
	case *DeleteAccessKeyRequest:
		return s.onUser(ctx, "DeleteAccessKey", in.UserName), nil
	case *PutUserPolicyRequest:
		return s.onUser(ctx, "PutUserPolicy", &in.UserName), nil
	case *GetUserPolicyRequest:
		return s.onUser(ctx, "GetUserPolicy", &in.UserName), nil
	case *ListUserPoliciesRequest:
		return s.onUser(ctx, "ListUserPolicies", &in.UserName), nil
	case *DeleteUserPolicyRequest:
		return s.onUser(ctx, "DeleteUserPolicy", &in.UserName), nil
	case *CreateRoleRequest:
		return one(ctx, "CreateRole", arn.Role(account(ctx), pathOf(in.Path), in.RoleName), given(in.Tags, in.PermissionsBoundary)), nil
	case *GetRoleRequest:
		return s.onRole(ctx, "GetRole", in.RoleName), nil
	case *ListRolesRequest:
		return one(ctx, "ListRoles", arn.Role(account(ctx), orSlash(in.PathPrefix), ""), nil), nil
	case *DeleteRoleRequest:
		return s.onRole(ctx, "DeleteRole", in.RoleName), nil
	case *PutRolePolicyRequest:
		return s.onRole(ctx, "PutRolePolicy", in.RoleName), nil
	case *GetRolePolicyRequest:
		return s.onRole(ctx, "GetRolePolicy", in.RoleName), nil
	case *ListRolePoliciesRequest:
		return s.onRole(ctx, "ListRolePolicies", in.RoleName), nil
	case *DeleteRolePolicyRequest:
		return s.onRole(ctx, "DeleteRolePolicy", in.RoleName), nil
	}
	return nil, ServiceFailureException("the operation has no IAM action")
}

func one(ctx context.Context, action, resource string, keys policy.ContextMap) []authz.Access {
	return []authz.Access{{Action: "iam:" + action, Resource: resource, Account: account(ctx), Keys: keys}}
}

// given are the condition keys about what a new user or role is to have.
func given(tags []Tag, boundary *string) policy.ContextMap {
	named := make(map[string]string, len(tags))
	for _, t := range tags {
		named[t.Key] = t.Value
	}
	keys := authz.RequestTags(named)
	if boundary == nil {
		return keys
	}
	if keys == nil {
		keys = policy.ContextMap{}
	}
	keys.Set("iam:PermissionsBoundary", policy.One(*boundary))
	return keys
}

// onUser is an action on a user, the caller where the request names none. The
// ARN of a user that does not exist has the path "/".
func (s *Service) onUser(ctx context.Context, action string, name *string) []authz.Access {
	caller := authz.FromContext(ctx)
	if name == nil && caller.UserName == "" {
		return one(ctx, action, caller.Principal.ARN, nil)
	}
	if name == nil {
		name = &caller.UserName
	}
	u := s.state.Snapshot().User(account(ctx), *name)
	if u == nil {
		return one(ctx, action, arn.User(account(ctx), "/", *name), nil)
	}
	accesses := one(ctx, action, u.ARN, nil)
	accesses[0].Tags = u.User.Tags
	return accesses
}

func (s *Service) onRole(ctx context.Context, action, name string) []authz.Access {
	r := s.state.Snapshot().Role(account(ctx), name)
	if r == nil {
		return one(ctx, action, arn.Role(account(ctx), "/", name), nil)
	}
	accesses := one(ctx, action, r.ARN, nil)
	accesses[0].Tags = r.Role.Tags
	return accesses
}
