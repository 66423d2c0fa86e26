package cwlogs

import (
	"context"
	"maps"

	"furl/internal/state"
)

// maxTags is how many tags a group can have.
const maxTags = 50

// TagResource gives a log group tags.
func (s *Service) TagResource(ctx context.Context, in *TagResourceRequest) error {
	id, err := resource(in.ResourceArn)
	if err != nil {
		return err
	}
	return s.tag(ctx, id, in.Tags)
}

// UntagResource takes tags away from a log group.
func (s *Service) UntagResource(ctx context.Context, in *UntagResourceRequest) error {
	id, err := resource(in.ResourceArn)
	if err != nil {
		return err
	}
	return s.untag(ctx, id, in.TagKeys)
}

// ListTagsForResource lists the tags of a log group.
func (s *Service) ListTagsForResource(_ context.Context, in *ListTagsForResourceRequest) (*ListTagsForResourceResponse, error) {
	id, err := resource(in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags, err := s.tags(id)
	return &ListTagsForResourceResponse{Tags: tags}, err
}

// TagLogGroup is TagResource's predecessor.
func (s *Service) TagLogGroup(ctx context.Context, in *TagLogGroupRequest) error {
	return s.tag(ctx, s.own(ctx, in.LogGroupName), in.Tags)
}

// UntagLogGroup is UntagResource's predecessor.
func (s *Service) UntagLogGroup(ctx context.Context, in *UntagLogGroupRequest) error {
	return s.untag(ctx, s.own(ctx, in.LogGroupName), in.Tags)
}

// ListTagsLogGroup is ListTagsForResource's predecessor.
func (s *Service) ListTagsLogGroup(ctx context.Context, in *ListTagsLogGroupRequest) (*ListTagsLogGroupResponse, error) {
	tags, err := s.tags(s.own(ctx, in.LogGroupName))
	return &ListTagsLogGroupResponse{Tags: tags}, err
}

// resource is the log group that an ARN names: nothing else has tags here.
func resource(arn string) (state.LogGroupID, error) {
	id, ok := parseGroupARN(arn)
	if !ok {
		return id, ResourceNotFoundException("The specified resource does not exist.")
	}
	return id, nil
}

func (s *Service) tag(ctx context.Context, id state.LogGroupID, tags map[string]string) error {
	return s.change(ctx, id, func(g *state.LogGroup) error {
		all := maps.Clone(g.Tags)
		if all == nil {
			all = map[string]string{}
		}
		maps.Copy(all, tags)
		if len(all) > maxTags {
			return TooManyTagsException("The resource has too many tags: it can have %d.", maxTags)
		}
		g.Tags = all
		return nil
	})
}

func (s *Service) untag(ctx context.Context, id state.LogGroupID, keys []string) error {
	return s.change(ctx, id, func(g *state.LogGroup) error {
		for _, key := range keys {
			delete(g.Tags, key)
		}
		return nil
	})
}

// tags returns the tags of a group, which is a map even if there are none.
func (s *Service) tags(id state.LogGroupID) (map[string]string, error) {
	g, err := s.find(id)
	switch {
	case err != nil:
		return nil, err
	case g.Tags == nil:
		return map[string]string{}, nil
	}
	return g.Tags, nil
}
