package cfn

import (
	"context"
	"net/url"

	"furl/internal/authz"
	"furl/internal/cfn/stackpolicy"
)

// maxTemplate is the greatest size in bytes of a template that comes by URL.
const maxTemplate = 1 << 20

// source is where a request has a template.
type source struct {
	body, url *string
	previous  bool
}

// body reads the template of a request; previous is that of the stack, nil where there is none.
func (s *Service) body(ctx context.Context, from source, previous func() (string, error)) (string, error) {
	switch {
	case from.body != nil && from.url != nil:
		return "", invalid("You cannot specify both Template URL and Template Body.")
	case from.previous && (from.body != nil || from.url != nil):
		return "", invalid("You cannot specify both usePreviousTemplate and Template URL or Template Body.")
	case from.body != nil:
		return *from.body, nil
	case from.url != nil:
		return s.fetch(ctx, *from.url, "TemplateURL", maxTemplate)
	case from.previous && previous != nil:
		return previous()
	}
	return "", invalid("Either Template URL or Template Body must be specified.")
}

// fetch reads what a URL in a request names, in the caller's name.
func (s *Service) fetch(ctx context.Context, at, member string, limit int) (string, error) {
	u, err := url.Parse(at)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" && u.Scheme != "s3" || u.Host == "" {
		return "", invalid("%s must be a supported URL.", member)
	}
	if s.objects == nil {
		return "", invalid("%s must be an Amazon S3 URL", member)
	}
	b, err := s.objects(ctx, authz.FromContext(ctx), at)
	if err != nil {
		return "", err
	}
	if len(b) > limit {
		return "", invalid("%s: the object at %s has %d bytes, more than %d", member, at, len(b), limit)
	}
	return string(b), nil
}

// policyText reads a stack policy that a request has in one of two ways; empty where it has none.
func (s *Service) policyText(ctx context.Context, body, url *string) (string, error) {
	text := value(body)
	if body != nil && url != nil {
		return "", invalid("You cannot specify both StackPolicyURL and StackPolicyBody.")
	}
	if url != nil {
		var err error
		if text, err = s.fetch(ctx, *url, "StackPolicyURL", stackpolicy.MaxSize); err != nil {
			return "", err
		}
	}
	if _, err := stackpolicy.Parse(text); err != nil {
		return "", invalid("Error validating stack policy: Invalid stack policy")
	}
	return text, nil
}
