package iam

import (
	"context"

	"furl/internal/awsapi"
)

// The quotas that GetAccountSummary names and that nothing here enforces: they
// are AWS's defaults.
const (
	quotaUsers            = 5000
	quotaGroups           = 300
	quotaRoles            = 1000
	quotaPolicies         = 1500
	quotaPolicyVersions   = 10000
	quotaInstanceProfiles = 1000
)

// GetAccountSummary counts what the account has.
func (s *Service) GetAccountSummary(ctx context.Context, _ *GetAccountSummaryRequest) (*GetAccountSummaryResponse, error) {
	snap := s.state.Snapshot()
	versions := 0
	policies := snap.ManagedPolicies(account(ctx))
	for _, p := range policies {
		versions += len(p.Record.Versions)
	}
	return &GetAccountSummaryResponse{SummaryMap: map[SummaryKeyType]int{
		SummaryKeyTypeUsers:      len(snap.Users(account(ctx))),
		SummaryKeyTypeUsersQuota: quotaUsers,

		SummaryKeyTypeGroups:             len(snap.Groups(account(ctx))),
		SummaryKeyTypeGroupsQuota:        quotaGroups,
		SummaryKeyTypeGroupsPerUserQuota: maxGroups,

		SummaryKeyTypeRoles:      len(snap.Roles(account(ctx))),
		SummaryKeyTypeRolesQuota: quotaRoles,

		SummaryKeyTypePolicies:                 len(policies),
		SummaryKeyTypePoliciesQuota:            quotaPolicies,
		SummaryKeyTypePolicySizeQuota:          maxManaged,
		SummaryKeyTypePolicyVersionsInUse:      versions,
		SummaryKeyTypePolicyVersionsInUseQuota: quotaPolicyVersions,
		SummaryKeyTypeVersionsPerPolicyQuota:   maxVersions,

		SummaryKeyTypeAttachedPoliciesPerGroupQuota: maxAttached,
		SummaryKeyTypeAttachedPoliciesPerRoleQuota:  maxAttached,
		SummaryKeyTypeAttachedPoliciesPerUserQuota:  maxAttached,

		SummaryKeyTypeUserPolicySizeQuota:       maxUserPolicies,
		SummaryKeyTypeGroupPolicySizeQuota:      maxGroupPolicies,
		SummaryKeyTypeRolePolicySizeQuota:       maxRolePolicies,
		SummaryKeyTypeAssumeRolePolicySizeQuota: maxTrust,
		SummaryKeyTypeAccessKeysPerUserQuota:    maxKeys,

		SummaryKeyTypeAccountAccessKeysPresent:   1, // the account's root has a key, or nobody could do anything
		SummaryKeyTypeAccountMFAEnabled:          0,
		SummaryKeyTypeAccountPasswordPresent:     0,
		SummaryKeyTypeMFADevices:                 0,
		SummaryKeyTypeMFADevicesInUse:            0,
		SummaryKeyTypeInstanceProfiles:           0,
		SummaryKeyTypeInstanceProfilesQuota:      quotaInstanceProfiles,
		SummaryKeyTypeProviders:                  0,
		SummaryKeyTypeServerCertificates:         0,
		SummaryKeyTypeServerCertificatesQuota:    0,
		SummaryKeyTypeGlobalEndpointTokenVersion: 2,

		SummaryKeyTypeAccountSigningCertificatesPresent: 0,
		SummaryKeyTypeSigningCertificatesPerUserQuota:   0,
	}}, nil
}

// ListAccountAliases lists the account's alias, if it has one.
func (s *Service) ListAccountAliases(ctx context.Context, _ *ListAccountAliasesRequest) (*ListAccountAliasesResponse, error) {
	out := &ListAccountAliasesResponse{AccountAliases: []string{}, IsTruncated: new(false)}
	if alias := s.state.Snapshot().Alias(account(ctx)); alias != "" {
		out.AccountAliases = []string{alias}
	}
	return out, nil
}

// CreateAccountAlias gives the account an alias, in place of the one it had.
func (s *Service) CreateAccountAlias(ctx context.Context, in *CreateAccountAliasRequest) error {
	err := s.state.SetAlias(ctx, account(ctx), in.AccountAlias, func(alias string) error {
		if alias == in.AccountAlias {
			return EntityAlreadyExistsException("The account alias %s already exists.", alias)
		}
		return nil
	})
	return stateError(err, noAlias(in.AccountAlias))
}

// DeleteAccountAlias takes the account's alias away.
func (s *Service) DeleteAccountAlias(ctx context.Context, in *DeleteAccountAliasRequest) error {
	err := s.state.SetAlias(ctx, account(ctx), "", func(alias string) error {
		if alias != in.AccountAlias {
			return noAlias(in.AccountAlias)
		}
		return nil
	})
	return stateError(err, noAlias(in.AccountAlias))
}

func noAlias(alias string) *awsapi.Error {
	return NoSuchEntityException("The account alias %s cannot be found.", alias)
}
