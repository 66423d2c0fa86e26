package cfn

import (
	"context"

	"furl/internal/arn"
	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/policy"
)

// Access says what a request asks for: the IAM action and the resource it is on, one line an operation. AWS's service
// authorization reference is the source. What a template needs beside that, its transforms, is asked for when it is read.
func (s *Service) Access(ctx context.Context, in any) ([]authz.Access, error) {
	switch in := in.(type) {
	case *CreateStackInput:
		keys := requestKeys{tags: in.Tags, role: in.RoleARN, url: in.TemplateURL, types: in.ResourceTypes, policyURL: in.StackPolicyURL}
		return s.onStackWithRole(ctx, "CreateStack", in.StackName, keys)
	case *UpdateStackInput:
		keys := requestKeys{tags: in.Tags, role: in.RoleARN, url: in.TemplateURL, types: in.ResourceTypes, policyURL: in.StackPolicyURL}
		return s.onStackWithRole(ctx, "UpdateStack", in.StackName, keys)
	case *DeleteStackInput:
		return s.onStackWithRole(ctx, "DeleteStack", in.StackName, requestKeys{role: in.RoleARN})
	case *RollbackStackInput:
		return s.onStackWithRole(ctx, "RollbackStack", in.StackName, requestKeys{role: in.RoleARN})
	case *ContinueUpdateRollbackInput:
		return s.onStackWithRole(ctx, "ContinueUpdateRollback", in.StackName, requestKeys{role: in.RoleARN})
	case *CancelUpdateStackInput:
		return s.onStack(ctx, "CancelUpdateStack", in.StackName), nil
	case *CreateChangeSetInput:
		keys := requestKeys{tags: in.Tags, role: in.RoleARN, url: in.TemplateURL, types: in.ResourceTypes, changeSet: in.ChangeSetName}
		return s.onStackWithRole(ctx, "CreateChangeSet", in.StackName, keys)
	case *DescribeChangeSetInput:
		return s.onChangeSet(ctx, "DescribeChangeSet", in.StackName, in.ChangeSetName), nil
	case *ExecuteChangeSetInput:
		return s.onChangeSet(ctx, "ExecuteChangeSet", in.StackName, in.ChangeSetName), nil
	case *DeleteChangeSetInput:
		return s.onChangeSet(ctx, "DeleteChangeSet", in.StackName, in.ChangeSetName), nil
	case *ListChangeSetsInput:
		return s.onStack(ctx, "ListChangeSets", in.StackName), nil
	case *SetStackPolicyInput:
		return s.onStackWithRole(ctx, "SetStackPolicy", in.StackName, requestKeys{policyURL: in.StackPolicyURL})
	case *GetStackPolicyInput:
		return s.onStack(ctx, "GetStackPolicy", in.StackName), nil
	case *UpdateTerminationProtectionInput:
		return s.onStack(ctx, "UpdateTerminationProtection", in.StackName), nil
	case *SignalResourceInput:
		return s.onStack(ctx, "SignalResource", in.StackName), nil
	}
	return s.reading(ctx, in)
}

// reading is Access for what changes nothing.
func (s *Service) reading(ctx context.Context, in any) ([]authz.Access, error) {
	switch in := in.(type) {
	case *DescribeStacksInput:
		return s.onStack(ctx, "DescribeStacks", value(in.StackName)), nil
	case *DescribeStackEventsInput:
		return s.onStack(ctx, "DescribeStackEvents", in.StackName), nil
	case *DescribeStackResourceInput:
		return s.onStack(ctx, "DescribeStackResource", in.StackName), nil
	case *DescribeStackResourcesInput:
		return s.onStack(ctx, "DescribeStackResources", value(in.StackName)), nil
	case *ListStacksInput:
		return s.onStack(ctx, "ListStacks", ""), nil
	case *ListStackResourcesInput:
		return s.onStack(ctx, "ListStackResources", in.StackName), nil
	case *GetTemplateInput:
		if in.StackName == nil && in.ChangeSetName != nil {
			return s.onChangeSet(ctx, "GetTemplate", nil, *in.ChangeSetName), nil
		}
		return s.onStack(ctx, "GetTemplate", value(in.StackName)), nil
	case *GetTemplateSummaryInput:
		if in.StackName == nil {
			return s.onAll(ctx, "GetTemplateSummary"), nil
		}
		return s.onStack(ctx, "GetTemplateSummary", *in.StackName), nil
	case *ValidateTemplateInput:
		return s.onAll(ctx, "ValidateTemplate"), nil
	case *ListExportsInput:
		return s.onAll(ctx, "ListExports"), nil
	case *ListImportsInput:
		return s.onAll(ctx, "ListImports"), nil
	case *DescribeAccountLimitsInput:
		return s.onAll(ctx, "DescribeAccountLimits"), nil
	}
	return nil, awsapi.InternalFailure()
}

// requestKeys are what a request holds that conditions can ask for.
type requestKeys struct {
	tags           []Tag
	types          []string
	role           *string
	url, policyURL *string
	changeSet      string
}

// context are the condition keys with the values of the request.
func (k requestKeys) context() policy.ContextMap {
	tags := map[string]string{}
	for _, t := range k.tags {
		tags[t.Key] = t.Value
	}
	keys := authz.RequestTags(tags)
	if keys == nil {
		keys = policy.ContextMap{}
	}
	for name, v := range map[string]*string{
		"cloudformation:RoleArn": k.role, "cloudformation:TemplateUrl": k.url, "cloudformation:StackPolicyUrl": k.policyURL,
		"cloudformation:ChangeSetName": nonEmpty(k.changeSet),
	} {
		if v != nil {
			keys.Set(name, policy.One(*v))
		}
	}
	if len(k.types) > 0 {
		keys.Set("cloudformation:ResourceTypes", policy.Many(k.types...))
	}
	return keys
}

// onStack is an action on a stack, which need not exist; an empty name stands for all of them.
func (s *Service) onStack(ctx context.Context, action, nameOrID string) []authz.Access {
	return []authz.Access{s.access(ctx, action, nameOrID)}
}

func (s *Service) access(ctx context.Context, action, nameOrID string) authz.Access {
	acc := authz.Access{Action: "cloudformation:" + action, Account: account(ctx)}
	switch k := s.known(ctx, nameOrID); {
	case k != nil:
		acc.Resource, acc.Tags = k.ID, k.Tags
	case nameOrID == "":
		acc.Resource = s.arn(acc.Account, "stack/*/*")
	case isARN(nameOrID):
		acc.Resource = nameOrID
		if at, err := arn.Parse(nameOrID); err == nil {
			acc.Account = at.Account
		}
	default:
		acc.Resource = s.arn(acc.Account, "stack/"+nameOrID+"/*")
	}
	return acc
}

// onStackWithRole is an action on a stack with what the request says of it; a role that it hands over must be one that the
// caller may pass.
func (s *Service) onStackWithRole(ctx context.Context, action, nameOrID string, keys requestKeys) ([]authz.Access, error) {
	acc := s.access(ctx, action, nameOrID)
	acc.Keys = keys.context()
	if keys.role == nil {
		return []authz.Access{acc}, nil
	}
	pass, err := s.passing(ctx, *keys.role, acc.Resource)
	return []authz.Access{acc, pass}, err
}

// passing is iam:PassRole on a role that a request hands to a stack.
func (s *Service) passing(ctx context.Context, role, stackARN string) (authz.Access, error) {
	at, err := arn.Parse(role)
	if err != nil {
		return authz.Access{}, invalid("Role %s is invalid or cannot be assumed", role)
	}
	if at.Account != account(ctx) {
		return authz.Access{}, awsapi.AccessDenied("Cross-account pass role is not allowed.")
	}
	acc := authz.Access{Action: "iam:PassRole", Resource: role, Account: at.Account, Keys: policy.ContextMap{}}
	acc.Keys.Set("iam:PassedToService", policy.One(servicePrincipal))
	acc.Keys.Set("iam:AssociatedResourceArn", policy.One(stackARN))
	if e := s.state.Snapshot().RoleByARN(role); e != nil {
		acc.Tags = e.Role.Tags
	}
	return acc, nil
}

// onChangeSet is an action on the stack of a change set.
func (s *Service) onChangeSet(ctx context.Context, action string, stack *string, changeSet string) []authz.Access {
	name := value(stack)
	if isARN(changeSet) {
		if c := s.changeSetByID(ctx, changeSet); c != nil {
			name, changeSet = c.StackID, c.Name
		}
	}
	acc := s.access(ctx, action, name)
	acc.Keys = requestKeys{changeSet: changeSet}.context()
	return []authz.Access{acc}
}

// onAll is an action that is on no stack.
func (s *Service) onAll(ctx context.Context, action string) []authz.Access {
	return []authz.Access{{Action: "cloudformation:" + action, Resource: "*", Account: account(ctx)}}
}

// onTransform is what a caller must be allowed whose template has a transform.
func (s *Service) onTransform(ctx context.Context, transform string) authz.Access {
	return authz.Access{
		Action:   "cloudformation:CreateChangeSet",
		Resource: "arn:" + arn.DefaultPartition + ":cloudformation:" + s.region + ":aws:transform/" + transformName(transform),
		Account:  account(ctx),
	}
}
