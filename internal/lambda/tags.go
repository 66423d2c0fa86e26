package lambda

import (
	"context"
	"maps"

	"furl/internal/arn"
	"furl/internal/awsapi"
	"furl/internal/state"
)

// TagResource adds tags to a function, or replaces their values.
func (s *Service) TagResource(ctx context.Context, in *TagResourceRequest) error {
	if len(in.Tags) == 0 {
		return InvalidParameterValueException("An error occurred and the request cannot be processed.")
	}
	return s.retag(ctx, in.Resource, func(tags map[string]string) { maps.Copy(tags, in.Tags) })
}

// UntagResource takes tags off a function. Those that it does not have are no error.
func (s *Service) UntagResource(ctx context.Context, in *UntagResourceRequest) error {
	return s.retag(ctx, in.Resource, func(tags map[string]string) {
		for _, key := range in.TagKeys {
			delete(tags, key)
		}
	})
}

func (s *Service) retag(ctx context.Context, resource string, change func(map[string]string)) error {
	r, err := s.resolveTagged(ctx, resource)
	if err != nil {
		return err
	}
	_, err = s.state.UpdateFunction(ctx, r.id, func(f *state.Function) error {
		tags := maps.Clone(f.Tags)
		if tags == nil {
			tags = map[string]string{}
		}
		change(tags)
		if len(tags) > maxTags {
			return tooManyTags()
		}
		f.Tags = tags
		return nil
	})
	return stateError(err, functionNotFound(r.unqualified()))
}

func tooManyTags() *awsapi.Error {
	return InvalidParameterValueException("Number of tags exceeds resource tag limit.")
}

// ListTags shows a function's tags.
func (s *Service) ListTags(ctx context.Context, in *ListTagsRequest) (*ListTagsResponse, error) {
	r, err := s.resolveTagged(ctx, in.Resource)
	if err != nil {
		return nil, err
	}
	f := s.state.Snapshot().Function(r.id)
	if f == nil {
		return nil, functionNotFound(r.unqualified())
	}
	out := &ListTagsResponse{Tags: f.Function.Tags}
	if out.Tags == nil {
		out.Tags = map[string]string{}
	}
	return out, nil
}

// resolveTagged is the function that an ARN of a tag operation names. There is
// nothing else here that could have tags.
func (s *Service) resolveTagged(ctx context.Context, resource string) (ref, error) {
	if _, err := arn.ParseFunctionName(resource); err != nil {
		return ref{}, ResourceNotFoundException("Resource not found: %s", resource)
	}
	r, err := s.resolve(ctx, resource, nil)
	if err == nil && r.qualifier != "" {
		err = InvalidParameterValueException("Tags on function aliases and versions are not supported. Please specify a function ARN.")
	}
	return r, err
}
