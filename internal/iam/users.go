package iam

import (
	"context"
	"errors"
	"strings"
	"time"

	"furl/internal/arn"
	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/policy"
	"furl/internal/state"
)

func noUser(name string) *awsapi.Error {
	return NoSuchEntityException("The user with name %s cannot be found.", name)
}

// CreateUser makes a user without keys or policies.
func (s *Service) CreateUser(ctx context.Context, in *CreateUserRequest) (*CreateUserResponse, error) {
	if err := s.checkBoundary(ctx, in.PermissionsBoundary); err != nil {
		return nil, err
	}
	tags, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	u := &state.User{
		Account: account(ctx),
		Name:    in.UserName,
		Path:    pathOf(in.Path),
		ID:      newID("AIDA", 21),
		Created: s.created(),
		Tags:    tags,

		Boundary: value(in.PermissionsBoundary),
	}
	if err := s.state.CreateUser(ctx, u); err != nil {
		switch {
		case errors.Is(err, state.ErrExists):
			return nil, userExists(in.UserName)
		case errors.Is(err, state.ErrNoPolicy):
			return nil, noScope(u.Boundary)
		}
		return nil, err
	}
	out := renderUser(u, arn.User(u.Account, u.Path, u.Name))
	out.Tags, out.PermissionsBoundary = renderTags(tags), renderBoundary(u.Boundary)
	return &CreateUserResponse{User: &out}, nil
}

func userExists(name string) error {
	return EntityAlreadyExistsException("User with name %s already exists.", name)
}

func pathOf(path *string) string {
	if path == nil {
		return "/"
	}
	return *path
}

// GetUser shows a user, the caller where the request names none.
func (s *Service) GetUser(ctx context.Context, in *GetUserRequest) (*GetUserResponse, error) {
	caller := authz.FromContext(ctx)
	if in.UserName == nil && caller.Principal.Type == policy.Root {
		return &GetUserResponse{User: s.rootUser(caller)}, nil
	}
	name, err := userOrCaller(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	u := s.state.Snapshot().User(account(ctx), name)
	if u == nil {
		return nil, noUser(name)
	}
	out := renderUser(u.User, u.ARN)
	out.Tags, out.PermissionsBoundary = renderTags(u.User.Tags), renderBoundary(u.User.Boundary)
	return &GetUserResponse{User: out}, nil
}

// rootUser shows the root of the account, which has no name and no path.
func (s *Service) rootUser(caller *authz.Caller) User {
	u := User{UserId: caller.Principal.Account, Arn: caller.Principal.ARN}
	if server := s.state.Snapshot().Server(); server != nil {
		u.CreateDate = server.Created.Truncate(time.Second)
	}
	return u
}

// userOrCaller is the user that a request names or else is made by.
func userOrCaller(ctx context.Context, name *string) (string, error) {
	if name != nil {
		return *name, nil
	}
	if own := authz.FromContext(ctx).UserName; own != "" {
		return own, nil
	}
	return "", ValidationError("Must specify userName when calling with non-User credentials")
}

// ListUsers lists the users below a path by name.
func (s *Service) ListUsers(ctx context.Context, in *ListUsersRequest) (*ListUsersResponse, error) {
	var all []*state.UserEntry
	for _, u := range s.state.Snapshot().Users(account(ctx)) {
		if strings.HasPrefix(u.User.Path, orSlash(in.PathPrefix)) {
			all = append(all, u)
		}
	}
	page, next, err := paginate(all, in.Marker, in.MaxItems, "ListUsers", func(u *state.UserEntry) string { return u.User.Name })
	if err != nil {
		return nil, err
	}
	out := &ListUsersResponse{Users: make([]User, 0, len(page)), IsTruncated: new(next != nil), Marker: next}
	for _, u := range page {
		out.Users = append(out.Users, renderUser(u.User, u.ARN))
	}
	return out, nil
}

func orSlash(prefix *string) string {
	if prefix == nil {
		return "/"
	}
	return *prefix
}

// paginate cuts a page out of a list that is sorted by key.
func paginate[T any](all []T, marker *string, maxItems *int, op string, key func(T) string) ([]T, *string, error) {
	page, next, err := awsapi.Page(all, key, awsapi.Paging{Operation: op, Marker: marker, MaxItems: maxItems, Size: listPage})
	if err != nil {
		return nil, nil, ValidationError("Invalid Marker.")
	}
	return page, next, nil
}

// UpdateUser gives a user another name or path. Its unique id, keys, groups and
// policies stay.
func (s *Service) UpdateUser(ctx context.Context, in *UpdateUserRequest) error {
	err := s.state.RenameUser(ctx, account(ctx), in.UserName, value(in.NewUserName), value(in.NewPath))
	if errors.Is(err, state.ErrExists) {
		return userExists(value(in.NewUserName))
	}
	return stateError(err, noUser(in.UserName))
}

// DeleteUser removes a user that has nothing left: no keys, groups or policies.
func (s *Service) DeleteUser(ctx context.Context, in *DeleteUserRequest) error {
	err := s.state.DeleteUser(ctx, account(ctx), in.UserName, func(u *state.User) error {
		switch {
		case len(u.Keys) > 0:
			return DeleteConflictException("Cannot delete entity, must delete access keys first.")
		case len(u.Groups) > 0:
			return DeleteConflictException("Cannot delete entity, must remove users from group first.")
		case len(u.Attached) > 0:
			return DeleteConflictException("Cannot delete entity, must detach all policies first.")
		case len(u.Policies) > 0:
			return DeleteConflictException("Cannot delete entity, must delete policies first.")
		}
		return nil
	})
	return stateError(err, noUser(in.UserName))
}
