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

// noBoundary answers for a permissions boundary: there are no managed policies
// that could be one.
func noBoundary(boundary *string) error {
	if boundary == nil {
		return nil
	}
	return NoSuchEntityException("Scope ARN: %s does not exist or is not attachable.", *boundary)
}

// CreateUser makes a user without keys or policies.
func (s *Service) CreateUser(ctx context.Context, in *CreateUserRequest) (*CreateUserResponse, error) {
	if err := noBoundary(in.PermissionsBoundary); err != nil {
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
	}
	if err := s.state.CreateUser(ctx, u); err != nil {
		if errors.Is(err, state.ErrExists) {
			return nil, EntityAlreadyExistsException("User with name %s already exists.", in.UserName)
		}
		return nil, err
	}
	out := renderUser(u, arn.User(u.Account, u.Path, u.Name))
	out.Tags = renderTags(tags)
	return &CreateUserResponse{User: &out}, nil
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
	out.Tags = renderTags(u.User.Tags)
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

// DeleteUser removes a user that has neither keys nor policies left.
func (s *Service) DeleteUser(ctx context.Context, in *DeleteUserRequest) error {
	err := s.state.DeleteUser(ctx, account(ctx), in.UserName, func(u *state.User) error {
		switch {
		case len(u.Keys) > 0:
			return DeleteConflictException("Cannot delete entity, must delete access keys first.")
		case len(u.Policies) > 0:
			return DeleteConflictException("Cannot delete entity, must delete policies first.")
		}
		return nil
	})
	return stateError(err, noUser(in.UserName))
}
