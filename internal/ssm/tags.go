package ssm

import (
	"context"
	"maps"
	"slices"

	"furl/internal/store"
)

// maxTags is how many tags a parameter can have.
const maxTags = 50

// AddTagsToResource gives a parameter tags.
func (s *Service) AddTagsToResource(ctx context.Context, in *AddTagsToResourceRequest) (*AddTagsToResourceResult, error) {
	err := s.retag(ctx, in.ResourceType, in.ResourceId, func(p *parameter) (err error) {
		p.Tags, err = tagMap(p.Tags, in.Tags)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &AddTagsToResourceResult{}, nil
}

// RemoveTagsFromResource takes tags away from a parameter.
func (s *Service) RemoveTagsFromResource(ctx context.Context, in *RemoveTagsFromResourceRequest) (*RemoveTagsFromResourceResult, error) {
	err := s.retag(ctx, in.ResourceType, in.ResourceId, func(p *parameter) error {
		for _, key := range in.TagKeys {
			delete(p.Tags, key)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &RemoveTagsFromResourceResult{}, nil
}

// ListTagsForResource lists a parameter's tags by key.
func (s *Service) ListTagsForResource(ctx context.Context, in *ListTagsForResourceRequest) (*ListTagsForResourceResult, error) {
	p, err := s.tagged(ctx, in.ResourceType, in.ResourceId)
	if err != nil {
		return nil, err
	}
	out := &ListTagsForResourceResult{TagList: make([]Tag, 0, len(p.Tags))}
	for _, key := range slices.Sorted(maps.Keys(p.Tags)) {
		out.TagList = append(out.TagList, Tag{Key: key, Value: p.Tags[key]})
	}
	return out, nil
}

// tagged finds what has tags: only parameters are here.
func (s *Service) tagged(ctx context.Context, kind ResourceTypeForTagging, name string) (*parameter, error) {
	if kind != ResourceTypeForTaggingParameter {
		return nil, InvalidResourceType("The resource type isn't valid: %s. Only parameters are offered here.", kind)
	}
	_, p, err := s.resolve(ctx, name)
	if err == nil && p == nil {
		err = InvalidResourceId("The resource ID %q isn't valid. Verify that you entered the correct ID and try again.", name)
	}
	return p, err
}

func (s *Service) retag(ctx context.Context, kind ResourceTypeForTagging, name string, edit func(*parameter) error) error {
	p, err := s.tagged(ctx, kind, name)
	if err != nil {
		return err
	}
	id := p.id()
	return s.change(ctx, id, func(p *parameter) ([]store.Op, error) {
		if p == nil {
			return nil, InvalidResourceId("The resource ID %q isn't valid. Verify that you entered the correct ID and try again.", name)
		}
		if err := edit(p); err != nil {
			return nil, err
		}
		op, err := put(id.key(), p)
		return []store.Op{op}, err
	})
}
