package iam

import (
	"context"
	"errors"
	"strings"

	"furl/internal/arn"
	"furl/internal/awsapi"
	"furl/internal/state"
)

// maxGroups is how many groups a user may be in.
const maxGroups = 10

func noGroup(name string) *awsapi.Error {
	return NoSuchEntityException("The group with name %s cannot be found.", name)
}

// CreateGroup makes a group without users or policies.
func (s *Service) CreateGroup(ctx context.Context, in *CreateGroupRequest) (*CreateGroupResponse, error) {
	g := &state.Group{
		Account: account(ctx),
		Name:    in.GroupName,
		Path:    pathOf(in.Path),
		ID:      newID("AGPA", 21),
		Created: s.created(),
	}
	err := s.state.CreateGroup(ctx, g)
	if errors.Is(err, state.ErrExists) {
		return nil, groupExists(in.GroupName)
	}
	if err != nil {
		return nil, err
	}
	return &CreateGroupResponse{Group: renderGroup(g)}, nil
}

func groupExists(name string) error {
	return EntityAlreadyExistsException("Group with name %s already exists.", name)
}

func renderGroup(g *state.Group) Group {
	return Group{Path: g.Path, GroupName: g.Name, GroupId: g.ID, Arn: arn.Group(g.Account, g.Path, g.Name), CreateDate: g.Created}
}

// GetGroup shows a group and the users that are in it.
func (s *Service) GetGroup(ctx context.Context, in *GetGroupRequest) (*GetGroupResponse, error) {
	snap := s.state.Snapshot()
	g := snap.Group(account(ctx), in.GroupName)
	if g == nil {
		return nil, noGroup(in.GroupName)
	}
	page, next, err := paginate(snap.MembersOf(g.Group), in.Marker, in.MaxItems, "GetGroup", func(u *state.UserEntry) string { return u.User.Name })
	if err != nil {
		return nil, err
	}
	out := &GetGroupResponse{Group: renderGroup(g.Group), Users: make([]User, 0, len(page)), IsTruncated: new(next != nil), Marker: next}
	for _, u := range page {
		out.Users = append(out.Users, renderUser(u.User, u.ARN))
	}
	return out, nil
}

// ListGroups lists the groups below a path by name.
func (s *Service) ListGroups(ctx context.Context, in *ListGroupsRequest) (*ListGroupsResponse, error) {
	var all []*state.GroupEntry
	for _, g := range s.state.Snapshot().Groups(account(ctx)) {
		if strings.HasPrefix(g.Group.Path, orSlash(in.PathPrefix)) {
			all = append(all, g)
		}
	}
	groups, next, err := pageOfGroups(all, in.Marker, in.MaxItems, "ListGroups")
	if err != nil {
		return nil, err
	}
	return &ListGroupsResponse{Groups: groups, IsTruncated: new(next != nil), Marker: next}, nil
}

// ListGroupsForUser lists the groups that a user is in by name.
func (s *Service) ListGroupsForUser(ctx context.Context, in *ListGroupsForUserRequest) (*ListGroupsForUserResponse, error) {
	snap := s.state.Snapshot()
	u := snap.User(account(ctx), in.UserName)
	if u == nil {
		return nil, noUser(in.UserName)
	}
	groups, next, err := pageOfGroups(snap.GroupsOf(u.User), in.Marker, in.MaxItems, "ListGroupsForUser")
	if err != nil {
		return nil, err
	}
	return &ListGroupsForUserResponse{Groups: groups, IsTruncated: new(next != nil), Marker: next}, nil
}

func pageOfGroups(all []*state.GroupEntry, marker *string, maxItems *int, op string) ([]Group, *string, error) {
	page, next, err := paginate(all, marker, maxItems, op, func(g *state.GroupEntry) string { return g.Group.Name })
	if err != nil {
		return nil, nil, err
	}
	out := make([]Group, 0, len(page))
	for _, g := range page {
		out = append(out, renderGroup(g.Group))
	}
	return out, next, nil
}

// UpdateGroup gives a group another name or path. Its users stay in it.
func (s *Service) UpdateGroup(ctx context.Context, in *UpdateGroupRequest) error {
	err := s.state.RenameGroup(ctx, account(ctx), in.GroupName, value(in.NewGroupName), value(in.NewPath))
	if errors.Is(err, state.ErrExists) {
		return groupExists(value(in.NewGroupName))
	}
	return stateError(err, noGroup(in.GroupName))
}

// DeleteGroup removes a group that has neither users nor policies left.
func (s *Service) DeleteGroup(ctx context.Context, in *DeleteGroupRequest) error {
	err := s.state.DeleteGroup(ctx, account(ctx), in.GroupName, func(g *state.Group) error {
		switch {
		case g.Members > 0:
			return DeleteConflictException("Cannot delete entity, must remove users from group first.")
		case len(g.Attached) > 0:
			return DeleteConflictException("Cannot delete entity, must detach all policies first.")
		case len(g.Policies) > 0:
			return DeleteConflictException("Cannot delete entity, must delete policies first.")
		}
		return nil
	})
	return stateError(err, noGroup(in.GroupName))
}

// AddUserToGroup puts a user into a group. To do so again changes nothing.
func (s *Service) AddUserToGroup(ctx context.Context, in *AddUserToGroupRequest) error {
	err := s.state.AddToGroup(ctx, account(ctx), in.UserName, in.GroupName, func(groups []string) error {
		if len(groups) >= maxGroups {
			return LimitExceededException("Cannot exceed quota for GroupsPerUser: %d", maxGroups)
		}
		return nil
	})
	if errors.Is(err, state.ErrNoGroup) {
		return noGroup(in.GroupName)
	}
	return stateError(err, noUser(in.UserName))
}

// RemoveUserFromGroup takes a user out of a group.
func (s *Service) RemoveUserFromGroup(ctx context.Context, in *RemoveUserFromGroupRequest) error {
	err := s.state.RemoveFromGroup(ctx, account(ctx), in.UserName, in.GroupName)
	switch {
	case errors.Is(err, state.ErrNoGroup):
		return noGroup(in.GroupName)
	case errors.Is(err, state.ErrNotMember):
		return NoSuchEntityException("User %s not in group %s", in.UserName, in.GroupName)
	}
	return stateError(err, noUser(in.UserName))
}
