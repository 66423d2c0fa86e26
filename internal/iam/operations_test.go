package iam_test

import (
	"context"

	"furl/internal/iam"
)

const (
	groups      = "arn:aws:iam::111122223333:group/"
	policies    = "arn:aws:iam::111122223333:policy/"
	power       = "arn:aws:iam::aws:policy/PowerUserAccess"
	denyNothing = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:Nothing","Resource":"*"}}`
)

func userAccesses() []access {
	return []access{
		{"UpdateUser", users + "team/pathed", func(ctx context.Context, c *iam.Client) error {
			return c.UpdateUser(ctx, &iam.UpdateUserRequest{UserName: "pathed"})
		}},
		{"TagUser", users + "team/pathed", func(ctx context.Context, c *iam.Client) error {
			return c.TagUser(ctx, &iam.TagUserRequest{UserName: "pathed", Tags: []iam.Tag{{Key: "k", Value: "v"}}})
		}},
		{"UntagUser", users + "team/pathed", func(ctx context.Context, c *iam.Client) error {
			return c.UntagUser(ctx, &iam.UntagUserRequest{UserName: "pathed", TagKeys: []string{"k"}})
		}},
		{"ListUserTags", users + "team/pathed", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListUserTags(ctx, &iam.ListUserTagsRequest{UserName: "pathed"}))
		}},
		{"PutUserPermissionsBoundary", users + "team/pathed", func(ctx context.Context, c *iam.Client) error {
			return c.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryRequest{UserName: "pathed", PermissionsBoundary: power})
		}},
		{"DeleteUserPermissionsBoundary", users + "team/pathed", func(ctx context.Context, c *iam.Client) error {
			return c.DeleteUserPermissionsBoundary(ctx, &iam.DeleteUserPermissionsBoundaryRequest{UserName: "pathed"})
		}},
		{"GetAccessKeyLastUsed", "*", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetAccessKeyLastUsed(ctx, &iam.GetAccessKeyLastUsedRequest{AccessKeyId: someKey}))
		}},
		{"AttachUserPolicy", users + "team/pathed", func(ctx context.Context, c *iam.Client) error {
			return c.AttachUserPolicy(ctx, &iam.AttachUserPolicyRequest{UserName: "pathed", PolicyArn: power})
		}},
		{"DetachUserPolicy", users + "team/pathed", func(ctx context.Context, c *iam.Client) error {
			return c.DetachUserPolicy(ctx, &iam.DetachUserPolicyRequest{UserName: "pathed", PolicyArn: power})
		}},
		{"ListAttachedUserPolicies", users + "team/pathed", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListAttachedUserPolicies(ctx, &iam.ListAttachedUserPoliciesRequest{UserName: "pathed"}))
		}},
		{"ListGroupsForUser", users + "team/pathed", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListGroupsForUser(ctx, &iam.ListGroupsForUserRequest{UserName: "pathed"}))
		}},
		{"GetLoginProfile", users + "none", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetLoginProfile(ctx, &iam.GetLoginProfileRequest{UserName: new("none")}))
		}},
		{"DeleteLoginProfile", "caller", func(ctx context.Context, c *iam.Client) error {
			return c.DeleteLoginProfile(ctx, &iam.DeleteLoginProfileRequest{})
		}},
		{"ListMFADevices", "caller", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListMFADevices(ctx, &iam.ListMFADevicesRequest{}))
		}},
		{"ListSSHPublicKeys", "caller", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListSSHPublicKeys(ctx, &iam.ListSSHPublicKeysRequest{}))
		}},
		{"ListSigningCertificates", "caller", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListSigningCertificates(ctx, &iam.ListSigningCertificatesRequest{}))
		}},
		{"ListServiceSpecificCredentials", "caller", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListServiceSpecificCredentials(ctx, &iam.ListServiceSpecificCredentialsRequest{}))
		}},
	}
}

func groupAccesses() []access {
	return []access{
		{"CreateGroup", groups + "a/new", func(ctx context.Context, c *iam.Client) error {
			return only(c.CreateGroup(ctx, &iam.CreateGroupRequest{GroupName: "new", Path: new("/a/")}))
		}},
		{"GetGroup", groups + "crew", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetGroup(ctx, &iam.GetGroupRequest{GroupName: "crew"}))
		}},
		{"ListGroups", groups + "team/", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListGroups(ctx, &iam.ListGroupsRequest{PathPrefix: new("/team/")}))
		}},
		{"UpdateGroup", groups + "crew", func(ctx context.Context, c *iam.Client) error {
			return c.UpdateGroup(ctx, &iam.UpdateGroupRequest{GroupName: "crew"})
		}},
		{"DeleteGroup", groups + "none", func(ctx context.Context, c *iam.Client) error {
			return c.DeleteGroup(ctx, &iam.DeleteGroupRequest{GroupName: "none"})
		}},
		{"AddUserToGroup", groups + "crew", func(ctx context.Context, c *iam.Client) error {
			return c.AddUserToGroup(ctx, &iam.AddUserToGroupRequest{GroupName: "crew", UserName: "caller"})
		}},
		{"RemoveUserFromGroup", groups + "crew", func(ctx context.Context, c *iam.Client) error {
			return c.RemoveUserFromGroup(ctx, &iam.RemoveUserFromGroupRequest{GroupName: "crew", UserName: "caller"})
		}},
		{"PutGroupPolicy", groups + "crew", func(ctx context.Context, c *iam.Client) error {
			return c.PutGroupPolicy(ctx, &iam.PutGroupPolicyRequest{GroupName: "crew", PolicyName: "p", PolicyDocument: denyNothing})
		}},
		{"GetGroupPolicy", groups + "crew", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetGroupPolicy(ctx, &iam.GetGroupPolicyRequest{GroupName: "crew", PolicyName: "p"}))
		}},
		{"ListGroupPolicies", groups + "crew", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListGroupPolicies(ctx, &iam.ListGroupPoliciesRequest{GroupName: "crew"}))
		}},
		{"DeleteGroupPolicy", groups + "crew", func(ctx context.Context, c *iam.Client) error {
			return c.DeleteGroupPolicy(ctx, &iam.DeleteGroupPolicyRequest{GroupName: "crew", PolicyName: "p"})
		}},
		{"AttachGroupPolicy", groups + "crew", func(ctx context.Context, c *iam.Client) error {
			return c.AttachGroupPolicy(ctx, &iam.AttachGroupPolicyRequest{GroupName: "crew", PolicyArn: power})
		}},
		{"DetachGroupPolicy", groups + "crew", func(ctx context.Context, c *iam.Client) error {
			return c.DetachGroupPolicy(ctx, &iam.DetachGroupPolicyRequest{GroupName: "crew", PolicyArn: power})
		}},
		{"ListAttachedGroupPolicies", groups + "crew", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListAttachedGroupPolicies(ctx, &iam.ListAttachedGroupPoliciesRequest{GroupName: "crew"}))
		}},
	}
}

func roleAccesses() []access {
	return []access{
		{"UpdateRole", roles + "runner", func(ctx context.Context, c *iam.Client) error {
			return only(c.UpdateRole(ctx, &iam.UpdateRoleRequest{RoleName: "runner"}))
		}},
		{"UpdateRoleDescription", roles + "runner", func(ctx context.Context, c *iam.Client) error {
			return only(c.UpdateRoleDescription(ctx, &iam.UpdateRoleDescriptionRequest{RoleName: "runner"}))
		}},
		{"UpdateAssumeRolePolicy", roles + "runner", func(ctx context.Context, c *iam.Client) error {
			return c.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyRequest{RoleName: "runner", PolicyDocument: lambdaTrust})
		}},
		{"TagRole", roles + "runner", func(ctx context.Context, c *iam.Client) error {
			return c.TagRole(ctx, &iam.TagRoleRequest{RoleName: "runner", Tags: []iam.Tag{{Key: "k", Value: "v"}}})
		}},
		{"UntagRole", roles + "runner", func(ctx context.Context, c *iam.Client) error {
			return c.UntagRole(ctx, &iam.UntagRoleRequest{RoleName: "runner", TagKeys: []string{"k"}})
		}},
		{"ListRoleTags", roles + "runner", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListRoleTags(ctx, &iam.ListRoleTagsRequest{RoleName: "runner"}))
		}},
		{"PutRolePermissionsBoundary", roles + "runner", func(ctx context.Context, c *iam.Client) error {
			return c.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryRequest{RoleName: "runner", PermissionsBoundary: power})
		}},
		{"DeleteRolePermissionsBoundary", roles + "runner", func(ctx context.Context, c *iam.Client) error {
			return c.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryRequest{RoleName: "runner"})
		}},
		{"AttachRolePolicy", roles + "runner", func(ctx context.Context, c *iam.Client) error {
			return c.AttachRolePolicy(ctx, &iam.AttachRolePolicyRequest{RoleName: "runner", PolicyArn: power})
		}},
		{"DetachRolePolicy", roles + "runner", func(ctx context.Context, c *iam.Client) error {
			return c.DetachRolePolicy(ctx, &iam.DetachRolePolicyRequest{RoleName: "runner", PolicyArn: power})
		}},
		{"ListAttachedRolePolicies", roles + "runner", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesRequest{RoleName: "runner"}))
		}},
		{"ListInstanceProfilesForRole", roles + "runner", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleRequest{RoleName: "runner"}))
		}},
	}
}

func policyAccesses() []access {
	return []access{
		{"CreatePolicy", policies + "a/new", func(ctx context.Context, c *iam.Client) error {
			return only(c.CreatePolicy(ctx, &iam.CreatePolicyRequest{PolicyName: "new", Path: new("/a/"), PolicyDocument: allowAll}))
		}},
		{"GetPolicy", policies + "pol", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetPolicy(ctx, &iam.GetPolicyRequest{PolicyArn: policies + "pol"}))
		}},
		{"GetPolicy", power, func(ctx context.Context, c *iam.Client) error {
			return only(c.GetPolicy(ctx, &iam.GetPolicyRequest{PolicyArn: power}))
		}},
		{"ListPolicies", "policy path /", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListPolicies(ctx, &iam.ListPoliciesRequest{}))
		}},
		{"DeletePolicy", policies + "none", func(ctx context.Context, c *iam.Client) error {
			return c.DeletePolicy(ctx, &iam.DeletePolicyRequest{PolicyArn: policies + "none"})
		}},
		{"CreatePolicyVersion", policies + "pol", func(ctx context.Context, c *iam.Client) error {
			return only(c.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionRequest{PolicyArn: policies + "pol", PolicyDocument: allowAll}))
		}},
		{"GetPolicyVersion", policies + "pol", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetPolicyVersion(ctx, &iam.GetPolicyVersionRequest{PolicyArn: policies + "pol", VersionId: "v1"}))
		}},
		{"ListPolicyVersions", policies + "pol", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListPolicyVersions(ctx, &iam.ListPolicyVersionsRequest{PolicyArn: policies + "pol"}))
		}},
		{"DeletePolicyVersion", policies + "pol", func(ctx context.Context, c *iam.Client) error {
			return c.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionRequest{PolicyArn: policies + "pol", VersionId: "v9"})
		}},
		{"SetDefaultPolicyVersion", policies + "pol", func(ctx context.Context, c *iam.Client) error {
			return c.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionRequest{PolicyArn: policies + "pol", VersionId: "v1"})
		}},
		{"ListEntitiesForPolicy", policies + "pol", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListEntitiesForPolicy(ctx, &iam.ListEntitiesForPolicyRequest{PolicyArn: policies + "pol"}))
		}},
		{"TagPolicy", policies + "pol", func(ctx context.Context, c *iam.Client) error {
			return c.TagPolicy(ctx, &iam.TagPolicyRequest{PolicyArn: policies + "pol", Tags: []iam.Tag{{Key: "k", Value: "v"}}})
		}},
		{"UntagPolicy", policies + "pol", func(ctx context.Context, c *iam.Client) error {
			return c.UntagPolicy(ctx, &iam.UntagPolicyRequest{PolicyArn: policies + "pol", TagKeys: []string{"k"}})
		}},
		{"ListPolicyTags", policies + "pol", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListPolicyTags(ctx, &iam.ListPolicyTagsRequest{PolicyArn: policies + "pol"}))
		}},
	}
}

func accountAccesses() []access {
	return []access{
		{"GetAccountSummary", "*", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetAccountSummary(ctx, &iam.GetAccountSummaryRequest{}))
		}},
		{"GetAccountAuthorizationDetails", "*", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetAccountAuthorizationDetails(ctx, &iam.GetAccountAuthorizationDetailsRequest{}))
		}},
		{"GetAccountPasswordPolicy", "*", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetAccountPasswordPolicy(ctx, &iam.GetAccountPasswordPolicyRequest{}))
		}},
		{"ListAccountAliases", "*", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListAccountAliases(ctx, &iam.ListAccountAliasesRequest{}))
		}},
		{"CreateAccountAlias", "*", func(ctx context.Context, c *iam.Client) error {
			return c.CreateAccountAlias(ctx, &iam.CreateAccountAliasRequest{AccountAlias: "my-account"})
		}},
		{"DeleteAccountAlias", "*", func(ctx context.Context, c *iam.Client) error {
			return c.DeleteAccountAlias(ctx, &iam.DeleteAccountAliasRequest{AccountAlias: "my-account"})
		}},
		{"SimulateCustomPolicy", "*", func(ctx context.Context, c *iam.Client) error {
			return only(c.SimulateCustomPolicy(ctx, &iam.SimulateCustomPolicyRequest{PolicyInputList: []string{allowAll}, ActionNames: []string{"iam:GetUser"}}))
		}},
		{"SimulatePrincipalPolicy", users + "team/pathed", func(ctx context.Context, c *iam.Client) error {
			return only(c.SimulatePrincipalPolicy(ctx, &iam.SimulatePrincipalPolicyRequest{PolicySourceArn: users + "team/pathed", ActionNames: []string{"iam:GetUser"}}))
		}},
		{"GetContextKeysForCustomPolicy", "*", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetContextKeysForCustomPolicy(ctx, &iam.GetContextKeysForCustomPolicyRequest{PolicyInputList: []string{allowAll}}))
		}},
		{"GetContextKeysForPrincipalPolicy", groups + "crew", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetContextKeysForPrincipalPolicy(ctx, &iam.GetContextKeysForPrincipalPolicyRequest{PolicySourceArn: groups + "crew"}))
		}},
		{"GetInstanceProfile", "arn:aws:iam::111122223333:instance-profile/ip", func(ctx context.Context, c *iam.Client) error {
			return only(c.GetInstanceProfile(ctx, &iam.GetInstanceProfileRequest{InstanceProfileName: "ip"}))
		}},
		{"ListInstanceProfiles", "arn:aws:iam::111122223333:instance-profile/", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListInstanceProfiles(ctx, &iam.ListInstanceProfilesRequest{}))
		}},
		{"ListVirtualMFADevices", "arn:aws:iam::111122223333:mfa/", func(ctx context.Context, c *iam.Client) error {
			return only(c.ListVirtualMFADevices(ctx, &iam.ListVirtualMFADevicesRequest{}))
		}},
	}
}
