package cwlogs

import (
	"context"

	"furl/internal/authz"
	"furl/internal/policy"
	"furl/internal/state"
)

// Access says what a request asks for: the IAM action and the resource it is on, one line an operation. AWS's service
// authorization reference is the source, and its refusals for how the resource is written: everything but tags asks for
// a stream, even where the operation is about a group, so that policies end in ":*".
func (s *Service) Access(ctx context.Context, in any) ([]authz.Access, error) {
	switch in := in.(type) {
	case *CreateLogGroupRequest:
		accesses := s.onStream("CreateLogGroup", s.own(ctx, in.LogGroupName), "")
		if accesses[0].Keys = authz.RequestTags(in.Tags); len(in.Tags) > 0 {
			accesses = append(accesses, s.onGroup("TagResource", s.own(ctx, in.LogGroupName), authz.RequestTags(in.Tags))...)
		}
		return accesses, nil
	case *DeleteLogGroupRequest:
		return s.onStream("DeleteLogGroup", s.own(ctx, in.LogGroupName), ""), nil
	case *DescribeLogGroupsRequest:
		return s.onStream("DescribeLogGroups", s.own(ctx, ""), ""), nil
	case *ListLogGroupsRequest:
		return s.onStream("ListLogGroups", s.own(ctx, ""), ""), nil
	case *PutLogGroupDeletionProtectionRequest:
		return s.onStream("PutLogGroupDeletionProtection", s.identifier(ctx, in.LogGroupIdentifier), ""), nil
	case *CreateLogStreamRequest:
		return s.onStream("CreateLogStream", s.own(ctx, in.LogGroupName), in.LogStreamName), nil
	case *DeleteLogStreamRequest:
		return s.onStream("DeleteLogStream", s.own(ctx, in.LogGroupName), in.LogStreamName), nil
	case *DescribeLogStreamsRequest:
		return s.onIdentified(ctx, "DescribeLogStreams", in.LogGroupName, in.LogGroupIdentifier, "")
	case *PutLogEventsRequest:
		return s.onStream("PutLogEvents", s.own(ctx, in.LogGroupName), in.LogStreamName), nil
	case *GetLogEventsRequest:
		return s.onIdentified(ctx, "GetLogEvents", in.LogGroupName, in.LogGroupIdentifier, in.LogStreamName)
	case *FilterLogEventsRequest:
		return s.onIdentified(ctx, "FilterLogEvents", in.LogGroupName, in.LogGroupIdentifier, "")
	case *StartLiveTailRequest:
		var accesses []authz.Access
		for _, identifier := range in.LogGroupIdentifiers {
			accesses = append(accesses, s.onStream("StartLiveTail", s.identifier(ctx, identifier), "")...)
		}
		return accesses, nil
	case *PutRetentionPolicyRequest:
		return s.onStream("PutRetentionPolicy", s.own(ctx, in.LogGroupName), ""), nil
	case *DeleteRetentionPolicyRequest:
		return s.onStream("DeleteRetentionPolicy", s.own(ctx, in.LogGroupName), ""), nil
	}
	return s.further(ctx, in)
}

// further is Access for tags and for what log groups have none of.
func (s *Service) further(ctx context.Context, in any) ([]authz.Access, error) {
	switch in := in.(type) {
	case *TagResourceRequest:
		return s.onResource("TagResource", in.ResourceArn, authz.RequestTags(in.Tags))
	case *UntagResourceRequest:
		return s.onResource("UntagResource", in.ResourceArn, authz.TagKeys(in.TagKeys))
	case *ListTagsForResourceRequest:
		return s.onResource("ListTagsForResource", in.ResourceArn, nil)
	case *TagLogGroupRequest:
		return s.onGroup("TagLogGroup", s.own(ctx, in.LogGroupName), authz.RequestTags(in.Tags)), nil
	case *UntagLogGroupRequest:
		return s.onGroup("UntagLogGroup", s.own(ctx, in.LogGroupName), authz.TagKeys(in.Tags)), nil
	case *ListTagsLogGroupRequest:
		return s.onStream("ListTagsLogGroup", s.own(ctx, in.LogGroupName), ""), nil
	case *DescribeMetricFiltersRequest:
		return s.onStream("DescribeMetricFilters", s.own(ctx, value(in.LogGroupName)), ""), nil
	case *DescribeSubscriptionFiltersRequest:
		return s.onStream("DescribeSubscriptionFilters", s.own(ctx, in.LogGroupName), ""), nil
	case *DescribeResourcePoliciesRequest:
		return s.onAll(ctx, "DescribeResourcePolicies"), nil
	case *DescribeIndexPoliciesRequest:
		var accesses []authz.Access
		for _, identifier := range in.LogGroupIdentifiers {
			accesses = append(accesses, s.onStream("DescribeIndexPolicies", s.identifier(ctx, identifier), "")...)
		}
		return accesses, nil
	case *GetDataProtectionPolicyRequest:
		return s.onStream("GetDataProtectionPolicy", s.identifier(ctx, in.LogGroupIdentifier), ""), nil
	case *TestMetricFilterRequest:
		return s.onAll(ctx, "TestMetricFilter"), nil
	}
	return nil, ServiceUnavailableException("the operation has no IAM action")
}

// onStream is an action on a stream of a group, or with an empty name on the group.
func (s *Service) onStream(action string, id state.LogGroupID, name string) []authz.Access {
	return s.on(action, id.ARN()+":log-stream:"+name, id, nil)
}

// onIdentified is onStream for a request that names its group in one of two ways.
func (s *Service) onIdentified(ctx context.Context, action string, name, identifier *string, stream string) ([]authz.Access, error) {
	id, err := s.identified(ctx, name, identifier)
	if err != nil {
		return nil, err
	}
	return s.onStream(action, id, stream), nil
}

// onGroup is an action on a group's ARN as it is: those about tags.
func (s *Service) onGroup(action string, id state.LogGroupID, keys policy.ContextMap) []authz.Access {
	return s.on(action, id.ARN(), id, keys)
}

// onResource is onGroup for a request with an ARN.
func (s *Service) onResource(action, arn string, keys policy.ContextMap) ([]authz.Access, error) {
	id, err := resource(arn)
	if err != nil {
		return nil, err
	}
	return s.onGroup(action, id, keys), nil
}

// onAll is an action that is on no group.
func (s *Service) onAll(ctx context.Context, action string) []authz.Access {
	return []authz.Access{{Action: "logs:" + action, Resource: "*", Account: account(ctx)}}
}

func (s *Service) on(action, resource string, id state.LogGroupID, keys policy.ContextMap) []authz.Access {
	access := authz.Access{Action: "logs:" + action, Resource: resource, Account: id.Account, Keys: keys}
	if g := s.state.Snapshot().LogGroup(id); g != nil {
		access.Tags = g.Group.Tags
	}
	return []authz.Access{access}
}
