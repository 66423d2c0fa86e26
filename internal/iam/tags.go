package iam

import (
	"context"
	"maps"

	"furl/internal/state"
)

// maxTags is how many tags an entity may have.
const maxTags = 50

// withTags adds tags to a copy of an entity's. A key replaces one that differs
// in case only.
func withTags(have map[string]string, add []Tag) (map[string]string, error) {
	added, err := tagMap(add)
	if err != nil {
		return nil, err
	}
	next := maps.Clone(have)
	if next == nil {
		next = map[string]string{}
	}
	for key, v := range added {
		dropTag(next, key)
		next[key] = v
	}
	if len(next) > maxTags {
		return nil, LimitExceededException("The number of tags has reached the maximum limit.")
	}
	return next, nil
}

func dropTag(tags map[string]string, key string) {
	maps.DeleteFunc(tags, func(k, _ string) bool { return fold(k) == fold(key) })
}

// withoutTags drops tags from a copy of an entity's.
func withoutTags(have map[string]string, keys []string) map[string]string {
	next := maps.Clone(have)
	for _, key := range keys {
		dropTag(next, key)
	}
	return next
}

func pageOfTags(tags map[string]string, marker *string, maxItems *int, op string) ([]Tag, *string, error) {
	return paginate(tagList(tags), marker, maxItems, op, func(t Tag) string { return t.Key })
}

// TagUser adds tags to a user.
func (s *Service) TagUser(ctx context.Context, in *TagUserRequest) error {
	_, err := s.state.UpdateUser(ctx, account(ctx), in.UserName, func(u *state.User) (err error) {
		u.Tags, err = withTags(u.Tags, in.Tags)
		return err
	})
	return stateError(err, noUser(in.UserName))
}

// UntagUser takes tags from a user; those that it has not are passed over.
func (s *Service) UntagUser(ctx context.Context, in *UntagUserRequest) error {
	_, err := s.state.UpdateUser(ctx, account(ctx), in.UserName, func(u *state.User) error {
		u.Tags = withoutTags(u.Tags, in.TagKeys)
		return nil
	})
	return stateError(err, noUser(in.UserName))
}

// ListUserTags lists the tags of a user by key.
func (s *Service) ListUserTags(ctx context.Context, in *ListUserTagsRequest) (*ListUserTagsResponse, error) {
	u := s.state.Snapshot().User(account(ctx), in.UserName)
	if u == nil {
		return nil, noUser(in.UserName)
	}
	page, next, err := pageOfTags(u.User.Tags, in.Marker, in.MaxItems, "ListUserTags")
	if err != nil {
		return nil, err
	}
	return &ListUserTagsResponse{Tags: page, IsTruncated: new(next != nil), Marker: next}, nil
}

// TagRole adds tags to a role.
func (s *Service) TagRole(ctx context.Context, in *TagRoleRequest) error {
	_, err := s.state.UpdateRole(ctx, account(ctx), in.RoleName, func(r *state.Role) (err error) {
		r.Tags, err = withTags(r.Tags, in.Tags)
		return err
	})
	return stateError(err, noRole(in.RoleName))
}

// UntagRole takes tags from a role; those that it has not are passed over.
func (s *Service) UntagRole(ctx context.Context, in *UntagRoleRequest) error {
	_, err := s.state.UpdateRole(ctx, account(ctx), in.RoleName, func(r *state.Role) error {
		r.Tags = withoutTags(r.Tags, in.TagKeys)
		return nil
	})
	return stateError(err, noRole(in.RoleName))
}

// ListRoleTags lists the tags of a role by key.
func (s *Service) ListRoleTags(ctx context.Context, in *ListRoleTagsRequest) (*ListRoleTagsResponse, error) {
	r := s.state.Snapshot().Role(account(ctx), in.RoleName)
	if r == nil {
		return nil, noRole(in.RoleName)
	}
	page, next, err := pageOfTags(r.Role.Tags, in.Marker, in.MaxItems, "ListRoleTags")
	if err != nil {
		return nil, err
	}
	return &ListRoleTagsResponse{Tags: page, IsTruncated: new(next != nil), Marker: next}, nil
}

// TagPolicy adds tags to a managed policy.
func (s *Service) TagPolicy(ctx context.Context, in *TagPolicyRequest) error {
	return s.changePolicy(ctx, "TagPolicy", in.PolicyArn, func(p *state.ManagedPolicy) (err error) {
		p.Tags, err = withTags(p.Tags, in.Tags)
		return err
	})
}

// UntagPolicy takes tags from a managed policy; those that it has not are passed
// over.
func (s *Service) UntagPolicy(ctx context.Context, in *UntagPolicyRequest) error {
	return s.changePolicy(ctx, "UntagPolicy", in.PolicyArn, func(p *state.ManagedPolicy) error {
		p.Tags = withoutTags(p.Tags, in.TagKeys)
		return nil
	})
}

// ListPolicyTags lists the tags of a managed policy by key.
func (s *Service) ListPolicyTags(ctx context.Context, in *ListPolicyTagsRequest) (*ListPolicyTagsResponse, error) {
	p, err := s.managed(ctx, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	page, next, err := pageOfTags(p.tags, in.Marker, in.MaxItems, "ListPolicyTags")
	if err != nil {
		return nil, err
	}
	return &ListPolicyTagsResponse{Tags: page, IsTruncated: new(next != nil), Marker: next}, nil
}
