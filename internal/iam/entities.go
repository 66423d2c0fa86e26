package iam

import (
	"context"
	"slices"
	"strings"

	"furl/internal/state"
)

// holder is an entity that has a managed policy.
type holder struct {
	kind     EntityType
	name, id string
	path     string
}

func (h holder) key() string { return string(h.kind) + " " + h.name }

// holders finds the entities of an account that have a managed policy attached
// or as their boundary, sorted by kind and name.
func holders(snap *state.Snapshot, account, policyARN string, attached, boundary bool) []holder {
	has := func(list []string, bound string) bool {
		return attached && slices.Contains(list, policyARN) || boundary && bound == policyARN
	}
	var all []holder
	for _, g := range snap.Groups(account) {
		if has(g.Group.Attached, "") {
			all = append(all, holder{EntityTypeGroup, g.Group.Name, g.Group.ID, g.Group.Path})
		}
	}
	for _, r := range snap.Roles(account) {
		if has(r.Role.Attached, r.Role.Boundary) {
			all = append(all, holder{EntityTypeRole, r.Role.Name, r.Role.ID, r.Role.Path})
		}
	}
	for _, u := range snap.Users(account) {
		if has(u.User.Attached, u.User.Boundary) {
			all = append(all, holder{EntityTypeUser, u.User.Name, u.User.ID, u.User.Path})
		}
	}
	return all
}

// ListEntitiesForPolicy lists what has a managed policy.
func (s *Service) ListEntitiesForPolicy(ctx context.Context, in *ListEntitiesForPolicyRequest) (*ListEntitiesForPolicyResponse, error) {
	if _, err := s.managed(ctx, in.PolicyArn); err != nil {
		return nil, err
	}
	any := in.PolicyUsageFilter == nil
	all := holders(s.state.Snapshot(), account(ctx), in.PolicyArn,
		any || *in.PolicyUsageFilter == PolicyUsageTypePermissionsPolicy,
		any || *in.PolicyUsageFilter == PolicyUsageTypePermissionsBoundary)
	all = slices.DeleteFunc(all, func(h holder) bool {
		return in.EntityFilter != nil && *in.EntityFilter != h.kind || !strings.HasPrefix(h.path, orSlash(in.PathPrefix))
	})
	page, next, err := paginate(all, in.Marker, in.MaxItems, "ListEntitiesForPolicy "+in.PolicyArn, holder.key)
	if err != nil {
		return nil, err
	}
	out := &ListEntitiesForPolicyResponse{
		PolicyGroups: []PolicyGroup{}, PolicyUsers: []PolicyUser{}, PolicyRoles: []PolicyRole{},
		IsTruncated: new(next != nil), Marker: next,
	}
	for _, h := range page {
		switch h.kind {
		case EntityTypeGroup:
			out.PolicyGroups = append(out.PolicyGroups, PolicyGroup{GroupName: &h.name, GroupId: &h.id})
		case EntityTypeRole:
			out.PolicyRoles = append(out.PolicyRoles, PolicyRole{RoleName: &h.name, RoleId: &h.id})
		default:
			out.PolicyUsers = append(out.PolicyUsers, PolicyUser{UserName: &h.name, UserId: &h.id})
		}
	}
	return out, nil
}
