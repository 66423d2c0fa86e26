package ssm

import (
	"context"

	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/policy"
)

// Access says what a request asks for: the IAM action and the parameters that it is on. AWS's service authorization
// reference is the source.
func (s *Service) Access(ctx context.Context, in any) ([]authz.Access, error) {
	switch in := in.(type) {
	case *PutParameterRequest:
		return s.onNew(ctx, in)
	case *GetParameterRequest:
		return s.on(ctx, "GetParameter", nil, in.Name)
	case *GetParametersRequest:
		return s.on(ctx, "GetParameters", nil, in.Names...)
	case *GetParametersByPathRequest:
		id := parameterID{account(ctx), s.region, in.Path}
		keys := policy.ContextMap{}
		keys.Set("ssm:Recursive", policy.One(boolean(value(in.Recursive))))
		return []authz.Access{{Action: "ssm:GetParametersByPath", Resource: id.ARN(), Account: id.Account, Keys: keys}}, nil
	case *GetParameterHistoryRequest:
		return s.on(ctx, "GetParameterHistory", nil, in.Name)
	case *DescribeParametersRequest:
		return []authz.Access{{Action: "ssm:DescribeParameters", Resource: "arn:aws:ssm:" + s.region + ":" + account(ctx) + ":*", Account: account(ctx)}}, nil
	case *DeleteParameterRequest:
		return s.on(ctx, "DeleteParameter", nil, in.Name)
	case *DeleteParametersRequest:
		return s.on(ctx, "DeleteParameters", nil, in.Names...)
	case *LabelParameterVersionRequest:
		return s.on(ctx, "LabelParameterVersion", nil, in.Name)
	case *UnlabelParameterVersionRequest:
		return s.on(ctx, "UnlabelParameterVersion", nil, in.Name)
	case *AddTagsToResourceRequest:
		return s.on(ctx, "AddTagsToResource", requestTags(in.Tags), in.ResourceId)
	case *RemoveTagsFromResourceRequest:
		return s.on(ctx, "RemoveTagsFromResource", authz.TagKeys(in.TagKeys), in.ResourceId)
	case *ListTagsForResourceRequest:
		return s.on(ctx, "ListTagsForResource", nil, in.ResourceId)
	}
	return nil, awsapi.AccessDenied("the operation has no IAM action")
}

// onNew is what PutParameter asks for; with tags, to add those as well.
func (s *Service) onNew(ctx context.Context, in *PutParameterRequest) ([]authz.Access, error) {
	keys := requestTags(in.Tags)
	if in.Overwrite != nil {
		if keys == nil {
			keys = policy.ContextMap{}
		}
		keys.Set("ssm:Overwrite", policy.One(boolean(*in.Overwrite)))
	}
	accesses, err := s.on(ctx, "PutParameter", keys, in.Name)
	if err != nil || len(in.Tags) == 0 {
		return accesses, err
	}
	tag, err := s.on(ctx, "AddTagsToResource", requestTags(in.Tags), in.Name)
	return append(accesses, tag...), err
}

func boolean(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

func requestTags(tags []Tag) policy.ContextMap {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[t.Key] = t.Value
	}
	return authz.RequestTags(m)
}

// on is an action on parameters. The ARN of one that is not there is made of the name.
func (s *Service) on(ctx context.Context, action string, keys policy.ContextMap, names ...string) ([]authz.Access, error) {
	accesses := make([]authz.Access, 0, len(names))
	for _, name := range names {
		ref, p, err := s.resolve(ctx, name)
		if err != nil {
			return nil, err
		}
		access := authz.Access{Action: "ssm:" + action, Resource: ref.ARN(), Account: ref.Account, Keys: keys}
		if p != nil {
			access.Tags = p.Tags
		}
		accesses = append(accesses, access)
	}
	return accesses, nil
}
