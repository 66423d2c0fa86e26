package iam

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"furl/internal/arn"
	"furl/internal/awsapi"
	"furl/internal/state"
)

// maxAttached is how many managed policies an entity may have.
const maxAttached = 10

// attach attaches a managed policy to an entity; missing is the answer for an
// entity that is not there, quota the quota's name.
func (s *Service) attach(ctx context.Context, kind state.EntityKind, name, policyARN, quota string, missing *awsapi.Error) error {
	if err := checkPolicyARN(policyARN); err != nil {
		return err
	}
	if !s.attachable(ctx, policyARN) {
		return notAttachable(policyARN)
	}
	err := s.state.Attach(ctx, kind, account(ctx), name, policyARN, func(attached []string) error {
		if len(attached) >= maxAttached {
			return LimitExceededException("Cannot exceed quota for %s: %d", quota, maxAttached)
		}
		return nil
	})
	if errors.Is(err, state.ErrNoPolicy) {
		return notAttachable(policyARN)
	}
	return stateError(err, missing)
}

// attachable reports whether a managed policy is one of AWS or of the caller's
// account.
func (s *Service) attachable(ctx context.Context, policyARN string) bool {
	snap := s.state.Snapshot()
	if snap.Builtin().Get(policyARN) != nil {
		return true
	}
	p := snap.ManagedByARN(policyARN)
	return p != nil && p.Record.Account == account(ctx)
}

func notAttachable(policyARN string) *awsapi.Error {
	return NoSuchEntityException("Policy %s does not exist or is not attachable.", policyARN)
}

func noManaged(policyARN string) *awsapi.Error {
	return NoSuchEntityException("Policy %s was not found.", policyARN)
}

// checkPolicyARN refuses what is not an ARN, as recorded with both blanks.
func checkPolicyARN(policyARN string) error {
	if _, err := arn.Parse(policyARN); err != nil {
		return ValidationError("Invalid ARN:  Could not be parsed!")
	}
	return nil
}

func (s *Service) detach(ctx context.Context, kind state.EntityKind, name, policyARN string, missing *awsapi.Error) error {
	if err := checkPolicyARN(policyARN); err != nil {
		return err
	}
	err := s.state.Detach(ctx, kind, account(ctx), name, policyARN)
	if errors.Is(err, state.ErrNoPolicy) {
		return noManaged(policyARN)
	}
	return stateError(err, missing)
}

// AttachUserPolicy attaches a managed policy to a user. It is in force when this
// returns; to attach it again changes nothing.
func (s *Service) AttachUserPolicy(ctx context.Context, in *AttachUserPolicyRequest) error {
	return s.attach(ctx, state.UserEntity, in.UserName, in.PolicyArn, "PoliciesPerUser", noUser(in.UserName))
}

// AttachGroupPolicy attaches a managed policy to a group.
func (s *Service) AttachGroupPolicy(ctx context.Context, in *AttachGroupPolicyRequest) error {
	return s.attach(ctx, state.GroupEntity, in.GroupName, in.PolicyArn, "PoliciesPerGroup", noGroup(in.GroupName))
}

// AttachRolePolicy attaches a managed policy to a role.
func (s *Service) AttachRolePolicy(ctx context.Context, in *AttachRolePolicyRequest) error {
	return s.attach(ctx, state.RoleEntity, in.RoleName, in.PolicyArn, "PoliciesPerRole", noRole(in.RoleName))
}

// DetachUserPolicy takes a managed policy from a user.
func (s *Service) DetachUserPolicy(ctx context.Context, in *DetachUserPolicyRequest) error {
	return s.detach(ctx, state.UserEntity, in.UserName, in.PolicyArn, noUser(in.UserName))
}

// DetachGroupPolicy takes a managed policy from a group.
func (s *Service) DetachGroupPolicy(ctx context.Context, in *DetachGroupPolicyRequest) error {
	return s.detach(ctx, state.GroupEntity, in.GroupName, in.PolicyArn, noGroup(in.GroupName))
}

// DetachRolePolicy takes a managed policy from a role.
func (s *Service) DetachRolePolicy(ctx context.Context, in *DetachRolePolicyRequest) error {
	return s.detach(ctx, state.RoleEntity, in.RoleName, in.PolicyArn, noRole(in.RoleName))
}

// ListAttachedUserPolicies lists the managed policies of a user by name.
func (s *Service) ListAttachedUserPolicies(ctx context.Context, in *ListAttachedUserPoliciesRequest) (*ListAttachedUserPoliciesResponse, error) {
	u := s.state.Snapshot().User(account(ctx), in.UserName)
	if u == nil {
		return nil, noUser(in.UserName)
	}
	page, next, err := pageOfAttached(u.User.Attached, in.PathPrefix, in.Marker, in.MaxItems, "ListAttachedUserPolicies")
	if err != nil {
		return nil, err
	}
	return &ListAttachedUserPoliciesResponse{AttachedPolicies: page, IsTruncated: new(next != nil), Marker: next}, nil
}

// ListAttachedGroupPolicies lists the managed policies of a group by name.
func (s *Service) ListAttachedGroupPolicies(ctx context.Context, in *ListAttachedGroupPoliciesRequest) (*ListAttachedGroupPoliciesResponse, error) {
	g := s.state.Snapshot().Group(account(ctx), in.GroupName)
	if g == nil {
		return nil, noGroup(in.GroupName)
	}
	page, next, err := pageOfAttached(g.Group.Attached, in.PathPrefix, in.Marker, in.MaxItems, "ListAttachedGroupPolicies")
	if err != nil {
		return nil, err
	}
	return &ListAttachedGroupPoliciesResponse{AttachedPolicies: page, IsTruncated: new(next != nil), Marker: next}, nil
}

// ListAttachedRolePolicies lists the managed policies of a role by name.
func (s *Service) ListAttachedRolePolicies(ctx context.Context, in *ListAttachedRolePoliciesRequest) (*ListAttachedRolePoliciesResponse, error) {
	r := s.state.Snapshot().Role(account(ctx), in.RoleName)
	if r == nil {
		return nil, noRole(in.RoleName)
	}
	page, next, err := pageOfAttached(r.Role.Attached, in.PathPrefix, in.Marker, in.MaxItems, "ListAttachedRolePolicies")
	if err != nil {
		return nil, err
	}
	return &ListAttachedRolePoliciesResponse{AttachedPolicies: page, IsTruncated: new(next != nil), Marker: next}, nil
}

// renderAttached lists managed policies by name.
func renderAttached(arns []string) []AttachedPolicy {
	out := make([]AttachedPolicy, 0, len(arns))
	for _, a := range arns {
		_, name := splitPolicyARN(a)
		out = append(out, AttachedPolicy{PolicyName: &name, PolicyArn: new(a)})
	}
	slices.SortFunc(out, func(a, b AttachedPolicy) int { return cmp.Compare(attachedKey(a), attachedKey(b)) })
	return out
}

func attachedKey(a AttachedPolicy) string { return *a.PolicyName + " " + *a.PolicyArn }

// splitPolicyARN takes a managed policy's path and name out of its ARN.
func splitPolicyARN(policyARN string) (path, name string) {
	_, rest, _ := strings.Cut(policyARN, ":policy/")
	i := strings.LastIndexByte(rest, '/') + 1
	return "/" + rest[:i], rest[i:]
}

func pageOfAttached(arns []string, prefix, marker *string, maxItems *int, op string) ([]AttachedPolicy, *string, error) {
	all := slices.DeleteFunc(renderAttached(arns), func(a AttachedPolicy) bool {
		path, _ := splitPolicyARN(*a.PolicyArn)
		return !strings.HasPrefix(path, orSlash(prefix))
	})
	return paginate(all, marker, maxItems, op, attachedKey)
}
