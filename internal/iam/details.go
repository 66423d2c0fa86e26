package iam

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"furl/internal/state"
)

// detail is one entity of GetAccountAuthorizationDetails: it adds itself to the
// answer.
type detail struct {
	key string
	add func(*GetAccountAuthorizationDetailsResponse)
}

// GetAccountAuthorizationDetails shows everything that decides what the account's
// identities may do. Of AWS's policies it shows those in use.
func (s *Service) GetAccountAuthorizationDetails(ctx context.Context, in *GetAccountAuthorizationDetailsRequest) (*GetAccountAuthorizationDetailsResponse, error) {
	wanted := func(t EntityType) bool { return len(in.Filter) == 0 || slices.Contains(in.Filter, t) }
	snap, owner := s.state.Snapshot(), account(ctx)
	var all []detail
	if wanted(EntityTypeUser) {
		for _, u := range snap.Users(owner) {
			all = append(all, userDetail(snap, u))
		}
	}
	if wanted(EntityTypeGroup) {
		for _, g := range snap.Groups(owner) {
			all = append(all, groupDetail(g))
		}
	}
	if wanted(EntityTypeRole) {
		for _, r := range snap.Roles(owner) {
			all = append(all, s.roleDetail(r))
		}
	}
	if wanted(EntityTypeLocalManagedPolicy) {
		for _, p := range snap.ManagedPolicies(owner) {
			all = append(all, policyDetail(ofAccount(p)))
		}
	}
	if wanted(EntityTypeAWSManagedPolicy) {
		used := uses(snap, owner)
		for _, p := range snap.Builtin().All() {
			if used[p.ARN] != (usage{}) {
				all = append(all, policyDetail(ofAWS(p, used)))
			}
		}
	}
	slices.SortFunc(all, func(a, b detail) int { return cmp.Compare(a.key, b.key) })
	page, next, err := paginate(all, in.Marker, in.MaxItems, "GetAccountAuthorizationDetails", func(d detail) string { return d.key })
	if err != nil {
		return nil, err
	}
	out := &GetAccountAuthorizationDetailsResponse{
		UserDetailList: []UserDetail{}, GroupDetailList: []GroupDetail{}, RoleDetailList: []RoleDetail{}, Policies: []ManagedPolicyDetail{},
		IsTruncated: new(next != nil), Marker: next,
	}
	for _, d := range page {
		d.add(out)
	}
	return out, nil
}

func userDetail(snap *state.Snapshot, e *state.UserEntry) detail {
	return detail{"user " + e.User.Name, func(out *GetAccountAuthorizationDetailsResponse) {
		u := e.User
		d := UserDetail{
			Path: &u.Path, UserName: &u.Name, UserId: &u.ID, Arn: &e.ARN, CreateDate: &u.Created,
			UserPolicyList:          inlineDetails(u.Policies),
			GroupList:               []string{},
			AttachedManagedPolicies: renderAttached(u.Attached),
			PermissionsBoundary:     renderBoundary(u.Boundary),
			Tags:                    tagList(u.Tags),
		}
		for _, g := range snap.GroupsOf(u) {
			d.GroupList = append(d.GroupList, g.Group.Name)
		}
		out.UserDetailList = append(out.UserDetailList, d)
	}}
}

func groupDetail(e *state.GroupEntry) detail {
	return detail{"group " + e.Group.Name, func(out *GetAccountAuthorizationDetailsResponse) {
		g := e.Group
		out.GroupDetailList = append(out.GroupDetailList, GroupDetail{
			Path: &g.Path, GroupName: &g.Name, GroupId: &g.ID, Arn: &e.ARN, CreateDate: &g.Created,
			GroupPolicyList:         inlineDetails(g.Policies),
			AttachedManagedPolicies: renderAttached(g.Attached),
		})
	}}
}

func (s *Service) roleDetail(e *state.RoleEntry) detail {
	return detail{"role " + e.Role.Name, func(out *GetAccountAuthorizationDetailsResponse) {
		r := e.Role
		out.RoleDetailList = append(out.RoleDetailList, RoleDetail{
			Path: &r.Path, RoleName: &r.Name, RoleId: &r.ID, Arn: &e.ARN, CreateDate: &r.Created,
			AssumeRolePolicyDocument: new(encodeDocument(r.Trust)),
			InstanceProfileList:      []InstanceProfile{},
			RolePolicyList:           inlineDetails(r.Policies),
			AttachedManagedPolicies:  renderAttached(r.Attached),
			PermissionsBoundary:      renderBoundary(r.Boundary),
			Tags:                     tagList(r.Tags),
			RoleLastUsed:             s.lastUsed(r),
		})
	}}
}

func policyDetail(p managed) detail {
	return detail{"policy " + p.name + " " + p.arn, func(out *GetAccountAuthorizationDetailsResponse) {
		d := ManagedPolicyDetail{
			PolicyName: &p.name, PolicyId: &p.id, Arn: &p.arn, Path: &p.path, DefaultVersionId: &p.inForce,
			AttachmentCount: &p.attachments, PermissionsBoundaryUsageCount: &p.boundaries, IsAttachable: new(true),
			Description: nonEmpty(p.description), CreateDate: &p.created, UpdateDate: &p.updated,
			PolicyVersionList: []PolicyVersion{},
		}
		for _, v := range newestFirst(p.versions) {
			version := renderVersion(p, v)
			version.Document = new(encodeDocument(v.Document))
			d.PolicyVersionList = append(d.PolicyVersionList, version)
		}
		out.Policies = append(out.Policies, d)
	}}
}

func inlineDetails(policies map[string]string) []PolicyDetail {
	out := []PolicyDetail{}
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		out = append(out, PolicyDetail{PolicyName: &name, PolicyDocument: new(encodeDocument(policies[name]))})
	}
	return out
}

// tagList is renderTags with an empty list for none.
func tagList(tags map[string]string) []Tag {
	if len(tags) == 0 {
		return []Tag{}
	}
	return renderTags(tags)
}
