package iam

import (
	"context"
	"strings"

	"furl/internal/arn"
	"furl/internal/authz"
	"furl/internal/policy"
	"furl/internal/policy/awsmanaged"
	"furl/internal/state"
)

// Access says what a request asks for: the IAM action and the resource it is
// on, one line an operation. AWS's service authorization reference is the
// source. Lists are on the path that they list below, as AWS's refusals of them
// say: arn:aws:iam::111122223333:user/ for all users.
func (s *Service) Access(ctx context.Context, in any) ([]authz.Access, error) {
	for _, of := range []func(context.Context, any) []authz.Access{
		s.userAccess, s.userPolicyAccess, s.groupAccess, s.roleAccess, s.rolePolicyAccess, s.policyAccess, s.accountAccess,
	} {
		if accesses := of(ctx, in); accesses != nil {
			return accesses, nil
		}
	}
	return nil, ServiceFailureException("the operation has no IAM action")
}

func (s *Service) userAccess(ctx context.Context, in any) []authz.Access {
	switch in := in.(type) {
	case *CreateUserRequest:
		made := one(ctx, "CreateUser", arn.User(account(ctx), pathOf(in.Path), in.UserName), given(in.Tags, in.PermissionsBoundary))
		return tagged(made, "TagUser", in.Tags)
	case *GetUserRequest:
		return s.onUser(ctx, "GetUser", in.UserName)
	case *ListUsersRequest:
		return one(ctx, "ListUsers", arn.User(account(ctx), orSlash(in.PathPrefix), ""), nil)
	case *UpdateUserRequest:
		return s.renamingUser(ctx, in)
	case *DeleteUserRequest:
		return s.onUser(ctx, "DeleteUser", &in.UserName)
	case *TagUserRequest:
		return with(s.onUser(ctx, "TagUser", &in.UserName), given(in.Tags, nil))
	case *UntagUserRequest:
		return with(s.onUser(ctx, "UntagUser", &in.UserName), authz.TagKeys(in.TagKeys))
	case *ListUserTagsRequest:
		return s.onUser(ctx, "ListUserTags", &in.UserName)
	case *PutUserPermissionsBoundaryRequest:
		return with(s.onUser(ctx, "PutUserPermissionsBoundary", &in.UserName), given(nil, &in.PermissionsBoundary))
	case *DeleteUserPermissionsBoundaryRequest:
		return with(s.onUser(ctx, "DeleteUserPermissionsBoundary", &in.UserName), s.userBound(ctx, in.UserName, ""))
	case *CreateAccessKeyRequest:
		return s.onUser(ctx, "CreateAccessKey", in.UserName)
	case *ListAccessKeysRequest:
		return s.onUser(ctx, "ListAccessKeys", in.UserName)
	case *UpdateAccessKeyRequest:
		return s.onUser(ctx, "UpdateAccessKey", in.UserName)
	case *DeleteAccessKeyRequest:
		return s.onUser(ctx, "DeleteAccessKey", in.UserName)
	case *GetAccessKeyLastUsedRequest:
		return s.onKey(ctx, "GetAccessKeyLastUsed", in.AccessKeyId)
	case *ListGroupsForUserRequest:
		return s.onUser(ctx, "ListGroupsForUser", &in.UserName)
	case *GetLoginProfileRequest:
		return s.onUser(ctx, "GetLoginProfile", in.UserName)
	case *DeleteLoginProfileRequest:
		return s.onUser(ctx, "DeleteLoginProfile", in.UserName)
	case *ListMFADevicesRequest:
		return s.onUser(ctx, "ListMFADevices", in.UserName)
	case *ListSSHPublicKeysRequest:
		return s.onUser(ctx, "ListSSHPublicKeys", in.UserName)
	case *ListSigningCertificatesRequest:
		return s.onUser(ctx, "ListSigningCertificates", in.UserName)
	case *ListServiceSpecificCredentialsRequest:
		return s.onUser(ctx, "ListServiceSpecificCredentials", in.UserName)
	}
	return nil
}

func (s *Service) userPolicyAccess(ctx context.Context, in any) []authz.Access {
	switch in := in.(type) {
	case *PutUserPolicyRequest:
		return with(s.onUser(ctx, "PutUserPolicy", &in.UserName), s.userBound(ctx, in.UserName, ""))
	case *GetUserPolicyRequest:
		return s.onUser(ctx, "GetUserPolicy", &in.UserName)
	case *ListUserPoliciesRequest:
		return s.onUser(ctx, "ListUserPolicies", &in.UserName)
	case *DeleteUserPolicyRequest:
		return with(s.onUser(ctx, "DeleteUserPolicy", &in.UserName), s.userBound(ctx, in.UserName, ""))
	case *AttachUserPolicyRequest:
		return with(s.onUser(ctx, "AttachUserPolicy", &in.UserName), s.userBound(ctx, in.UserName, in.PolicyArn))
	case *DetachUserPolicyRequest:
		return with(s.onUser(ctx, "DetachUserPolicy", &in.UserName), s.userBound(ctx, in.UserName, in.PolicyArn))
	case *ListAttachedUserPoliciesRequest:
		return s.onUser(ctx, "ListAttachedUserPolicies", &in.UserName)
	}
	return nil
}

func (s *Service) groupAccess(ctx context.Context, in any) []authz.Access {
	switch in := in.(type) {
	case *CreateGroupRequest:
		return one(ctx, "CreateGroup", arn.Group(account(ctx), pathOf(in.Path), in.GroupName), nil)
	case *GetGroupRequest:
		return s.onGroup(ctx, "GetGroup", in.GroupName)
	case *ListGroupsRequest:
		return one(ctx, "ListGroups", arn.Group(account(ctx), orSlash(in.PathPrefix), ""), nil)
	case *UpdateGroupRequest:
		return s.renamingGroup(ctx, in)
	case *DeleteGroupRequest:
		return s.onGroup(ctx, "DeleteGroup", in.GroupName)
	case *AddUserToGroupRequest:
		return s.onGroup(ctx, "AddUserToGroup", in.GroupName)
	case *RemoveUserFromGroupRequest:
		return s.onGroup(ctx, "RemoveUserFromGroup", in.GroupName)
	case *PutGroupPolicyRequest:
		return s.onGroup(ctx, "PutGroupPolicy", in.GroupName)
	case *GetGroupPolicyRequest:
		return s.onGroup(ctx, "GetGroupPolicy", in.GroupName)
	case *ListGroupPoliciesRequest:
		return s.onGroup(ctx, "ListGroupPolicies", in.GroupName)
	case *DeleteGroupPolicyRequest:
		return s.onGroup(ctx, "DeleteGroupPolicy", in.GroupName)
	case *AttachGroupPolicyRequest:
		return with(s.onGroup(ctx, "AttachGroupPolicy", in.GroupName), attaching(in.PolicyArn, ""))
	case *DetachGroupPolicyRequest:
		return with(s.onGroup(ctx, "DetachGroupPolicy", in.GroupName), attaching(in.PolicyArn, ""))
	case *ListAttachedGroupPoliciesRequest:
		return s.onGroup(ctx, "ListAttachedGroupPolicies", in.GroupName)
	}
	return nil
}

func (s *Service) roleAccess(ctx context.Context, in any) []authz.Access {
	switch in := in.(type) {
	case *CreateRoleRequest:
		made := one(ctx, "CreateRole", arn.Role(account(ctx), pathOf(in.Path), in.RoleName), given(in.Tags, in.PermissionsBoundary))
		return tagged(made, "TagRole", in.Tags)
	case *GetRoleRequest:
		return s.onRole(ctx, "GetRole", in.RoleName)
	case *ListRolesRequest:
		return one(ctx, "ListRoles", arn.Role(account(ctx), orSlash(in.PathPrefix), ""), nil)
	case *UpdateRoleRequest:
		return s.onRole(ctx, "UpdateRole", in.RoleName)
	case *UpdateRoleDescriptionRequest:
		return s.onRole(ctx, "UpdateRoleDescription", in.RoleName)
	case *UpdateAssumeRolePolicyRequest:
		return s.onRole(ctx, "UpdateAssumeRolePolicy", in.RoleName)
	case *DeleteRoleRequest:
		return s.onRole(ctx, "DeleteRole", in.RoleName)
	case *TagRoleRequest:
		return with(s.onRole(ctx, "TagRole", in.RoleName), given(in.Tags, nil))
	case *UntagRoleRequest:
		return with(s.onRole(ctx, "UntagRole", in.RoleName), authz.TagKeys(in.TagKeys))
	case *ListRoleTagsRequest:
		return s.onRole(ctx, "ListRoleTags", in.RoleName)
	case *PutRolePermissionsBoundaryRequest:
		return with(s.onRole(ctx, "PutRolePermissionsBoundary", in.RoleName), given(nil, &in.PermissionsBoundary))
	case *DeleteRolePermissionsBoundaryRequest:
		return with(s.onRole(ctx, "DeleteRolePermissionsBoundary", in.RoleName), s.roleBound(ctx, in.RoleName, ""))
	case *ListInstanceProfilesForRoleRequest:
		return s.onRole(ctx, "ListInstanceProfilesForRole", in.RoleName)
	}
	return nil
}

func (s *Service) rolePolicyAccess(ctx context.Context, in any) []authz.Access {
	switch in := in.(type) {
	case *PutRolePolicyRequest:
		return with(s.onRole(ctx, "PutRolePolicy", in.RoleName), s.roleBound(ctx, in.RoleName, ""))
	case *GetRolePolicyRequest:
		return s.onRole(ctx, "GetRolePolicy", in.RoleName)
	case *ListRolePoliciesRequest:
		return s.onRole(ctx, "ListRolePolicies", in.RoleName)
	case *DeleteRolePolicyRequest:
		return with(s.onRole(ctx, "DeleteRolePolicy", in.RoleName), s.roleBound(ctx, in.RoleName, ""))
	case *AttachRolePolicyRequest:
		return with(s.onRole(ctx, "AttachRolePolicy", in.RoleName), s.roleBound(ctx, in.RoleName, in.PolicyArn))
	case *DetachRolePolicyRequest:
		return with(s.onRole(ctx, "DetachRolePolicy", in.RoleName), s.roleBound(ctx, in.RoleName, in.PolicyArn))
	case *ListAttachedRolePoliciesRequest:
		return s.onRole(ctx, "ListAttachedRolePolicies", in.RoleName)
	}
	return nil
}

func (s *Service) policyAccess(ctx context.Context, in any) []authz.Access {
	switch in := in.(type) {
	case *CreatePolicyRequest:
		made := one(ctx, "CreatePolicy", arn.Policy(account(ctx), pathOf(in.Path), in.PolicyName), given(in.Tags, nil))
		return tagged(made, "TagPolicy", in.Tags)
	case *GetPolicyRequest:
		return s.onPolicy(ctx, "GetPolicy", in.PolicyArn)
	case *ListPoliciesRequest:
		return one(ctx, "ListPolicies", "policy path "+orSlash(in.PathPrefix), nil)
	case *DeletePolicyRequest:
		return s.onPolicy(ctx, "DeletePolicy", in.PolicyArn)
	case *CreatePolicyVersionRequest:
		return s.onPolicy(ctx, "CreatePolicyVersion", in.PolicyArn)
	case *GetPolicyVersionRequest:
		return s.onPolicy(ctx, "GetPolicyVersion", in.PolicyArn)
	case *ListPolicyVersionsRequest:
		return s.onPolicy(ctx, "ListPolicyVersions", in.PolicyArn)
	case *DeletePolicyVersionRequest:
		return s.onPolicy(ctx, "DeletePolicyVersion", in.PolicyArn)
	case *SetDefaultPolicyVersionRequest:
		return s.onPolicy(ctx, "SetDefaultPolicyVersion", in.PolicyArn)
	case *ListEntitiesForPolicyRequest:
		return s.onPolicy(ctx, "ListEntitiesForPolicy", in.PolicyArn)
	case *TagPolicyRequest:
		return with(s.onPolicy(ctx, "TagPolicy", in.PolicyArn), given(in.Tags, nil))
	case *UntagPolicyRequest:
		return with(s.onPolicy(ctx, "UntagPolicy", in.PolicyArn), authz.TagKeys(in.TagKeys))
	case *ListPolicyTagsRequest:
		return s.onPolicy(ctx, "ListPolicyTags", in.PolicyArn)
	}
	return nil
}

func (s *Service) accountAccess(ctx context.Context, in any) []authz.Access {
	const everything = "*"
	switch in := in.(type) {
	case *GetAccountSummaryRequest:
		return one(ctx, "GetAccountSummary", everything, nil)
	case *GetAccountAuthorizationDetailsRequest:
		return one(ctx, "GetAccountAuthorizationDetails", everything, nil)
	case *GetAccountPasswordPolicyRequest:
		return one(ctx, "GetAccountPasswordPolicy", everything, nil)
	case *ListAccountAliasesRequest:
		return one(ctx, "ListAccountAliases", everything, nil)
	case *CreateAccountAliasRequest:
		return one(ctx, "CreateAccountAlias", everything, nil)
	case *DeleteAccountAliasRequest:
		return one(ctx, "DeleteAccountAlias", everything, nil)
	case *SimulateCustomPolicyRequest:
		return one(ctx, "SimulateCustomPolicy", everything, nil)
	case *SimulatePrincipalPolicyRequest:
		return s.onSource(ctx, "SimulatePrincipalPolicy", in.PolicySourceArn)
	case *GetContextKeysForCustomPolicyRequest:
		return one(ctx, "GetContextKeysForCustomPolicy", everything, nil)
	case *GetContextKeysForPrincipalPolicyRequest:
		return s.onSource(ctx, "GetContextKeysForPrincipalPolicy", in.PolicySourceArn)
	case *GetInstanceProfileRequest:
		return one(ctx, "GetInstanceProfile", arn.InstanceProfile(account(ctx), "/", in.InstanceProfileName), nil)
	case *ListInstanceProfilesRequest:
		return one(ctx, "ListInstanceProfiles", arn.InstanceProfile(account(ctx), orSlash(in.PathPrefix), ""), nil)
	case *ListVirtualMFADevicesRequest:
		return one(ctx, "ListVirtualMFADevices", "arn:aws:iam::"+account(ctx)+":mfa/", nil)
	}
	return nil
}

func one(ctx context.Context, action, resource string, keys policy.ContextMap) []authz.Access {
	return []authz.Access{{Action: "iam:" + action, Resource: resource, Account: account(ctx), Keys: keys}}
}

// tagged is the making of something that is to have tags at once: whoever may not
// tag it later may not do it so either.
func tagged(made []authz.Access, action string, tags []Tag) []authz.Access {
	if len(tags) == 0 {
		return made
	}
	tag := made[0]
	tag.Action, tag.Keys = "iam:"+action, given(tags, nil)
	return append(made, tag)
}

// with adds condition keys to an access.
func with(accesses []authz.Access, keys policy.ContextMap) []authz.Access {
	accesses[0].Keys = keys
	return accesses
}

// given are the condition keys about what a new user, role or policy is to have.
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

// attaching are the condition keys of a change of policies: the managed policy,
// and the boundary of the entity as it is.
func attaching(policyARN, boundary string) policy.ContextMap {
	keys := policy.ContextMap{}
	if policyARN != "" {
		keys.Set("iam:PolicyARN", policy.One(policyARN))
	}
	if boundary != "" {
		keys.Set("iam:PermissionsBoundary", policy.One(boundary))
	}
	return keys
}

func (s *Service) userBound(ctx context.Context, name, policyARN string) policy.ContextMap {
	if u := s.state.Snapshot().User(account(ctx), name); u != nil {
		return attaching(policyARN, u.User.Boundary)
	}
	return attaching(policyARN, "")
}

func (s *Service) roleBound(ctx context.Context, name, policyARN string) policy.ContextMap {
	if r := s.state.Snapshot().Role(account(ctx), name); r != nil {
		return attaching(policyARN, r.Role.Boundary)
	}
	return attaching(policyARN, "")
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

// onKey is an action on the user that has an access key.
func (s *Service) onKey(ctx context.Context, action, id string) []authz.Access {
	if k := s.state.Snapshot().AccessKey(id); k != nil && k.Key.Account == account(ctx) && k.Key.User != state.RootUser {
		return s.onUser(ctx, action, &k.Key.User)
	}
	return one(ctx, action, "*", nil)
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

func (s *Service) onGroup(ctx context.Context, action, name string) []authz.Access {
	if g := s.state.Snapshot().Group(account(ctx), name); g != nil {
		return one(ctx, action, g.ARN, nil)
	}
	return one(ctx, action, arn.Group(account(ctx), "/", name), nil)
}

// onPolicy is an action on a managed policy. Those of AWS are judged as the
// caller's own; what changes them is refused further on.
func (s *Service) onPolicy(ctx context.Context, action, policyARN string) []authz.Access {
	accesses := one(ctx, action, policyARN, nil)
	if p := s.state.Snapshot().ManagedByARN(policyARN); p != nil {
		accesses[0].Account, accesses[0].Tags = p.Record.Account, p.Record.Tags
	} else if a, err := arn.Parse(policyARN); err == nil && !strings.HasPrefix(policyARN, awsmanaged.Prefix) {
		accesses[0].Account = a.Account
	}
	return accesses
}

// onSource is an action on the user, group or role of an ARN.
func (s *Service) onSource(ctx context.Context, action, source string) []authz.Access {
	accesses := one(ctx, action, source, nil)
	if a, err := arn.Parse(source); err == nil {
		accesses[0].Account = a.Account
	}
	return accesses
}
