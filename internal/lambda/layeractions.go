package lambda

import (
	"context"

	"furl/internal/authz"
	"furl/internal/policy"
)

// layerAccess is Access for the operations on layers.
func (s *Service) layerAccess(ctx context.Context, in any) ([]authz.Access, error) {
	switch in := in.(type) {
	case *PublishLayerVersionRequest:
		id, err := s.resolveLayer(ctx, in.LayerName)
		return []authz.Access{{Action: "lambda:PublishLayerVersion", Resource: id.ARN(), Account: id.Account}}, err
	case *ListLayersRequest:
		return []authz.Access{{Action: "lambda:ListLayers", Resource: "*", Account: account(ctx)}}, nil
	case *ListLayerVersionsRequest:
		id, err := s.resolveLayer(ctx, in.LayerName) // of another account it is that one's to allow
		return []authz.Access{{Action: "lambda:ListLayerVersions", Resource: "*", Account: id.Account}}, err
	case *GetLayerVersionRequest:
		return s.onLayerVersion(ctx, "GetLayerVersion", in.LayerName, in.VersionNumber)
	case *GetLayerVersionByArnRequest:
		return []authz.Access{s.usingLayer(in.Arn)}, nil
	case *DeleteLayerVersionRequest:
		return s.onLayerVersion(ctx, "DeleteLayerVersion", in.LayerName, in.VersionNumber)
	case *AddLayerVersionPermissionRequest:
		return s.onLayerVersion(ctx, "AddLayerVersionPermission", in.LayerName, in.VersionNumber)
	case *GetLayerVersionPolicyRequest:
		return s.onLayerVersion(ctx, "GetLayerVersionPolicy", in.LayerName, in.VersionNumber)
	case *RemoveLayerVersionPermissionRequest:
		return s.onLayerVersion(ctx, "RemoveLayerVersionPermission", in.LayerName, in.VersionNumber)
	}
	return nil, ServiceException("the operation has no IAM action")
}

// onLayerVersion is an action on a layer version. Its policy speaks of GetLayerVersion only.
func (s *Service) onLayerVersion(ctx context.Context, action, name string, number int64) ([]authz.Access, error) {
	id, err := s.resolveLayerVersion(ctx, name, number)
	if err != nil {
		return nil, err
	}
	acc := s.usingLayer(id.VersionARN(number))
	acc.Action = "lambda:" + action
	return []authz.Access{acc}, nil
}

// usingLayer is the use of a layer version in a function. A text that names none is
// judged by itself; that it names none is said after.
func (s *Service) usingLayer(arn string) authz.Access {
	acc := authz.Access{Action: "lambda:GetLayerVersion", Resource: arn}
	id, number, err := parseLayerVersion(arn)
	if err != nil {
		return acc
	}
	acc.Resource, acc.Account = id.VersionARN(number), id.Account // one spelling: 1 for 01
	if e := s.state.Snapshot().LayerVersion(id, number); e != nil {
		acc.Policy = e.Policy
	}
	return acc
}

// usingLayers is usingLayer for all that a request names.
func (s *Service) usingLayers(arns []string) []authz.Access {
	var all []authz.Access
	for _, arn := range arns {
		all = append(all, s.usingLayer(arn))
	}
	return all
}

// layerKeys adds the condition key lambda:Layer to the keys of an action.
func layerKeys(keys policy.ContextMap, arns []string) policy.ContextMap {
	if len(arns) == 0 {
		return keys
	}
	if keys == nil {
		keys = policy.ContextMap{}
	}
	named := make([]string, 0, len(arns))
	for _, arn := range arns {
		if id, number, err := parseLayerVersion(arn); err == nil {
			arn = id.VersionARN(number) // as usingLayer spells it
		}
		named = append(named, arn)
	}
	keys.Set("lambda:Layer", policy.Many(named...))
	return keys
}
