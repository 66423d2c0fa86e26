package lambda

import (
	"context"

	"furl/internal/arn"
	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/policy"
)

// Access says what a request asks for: the IAM actions and the resources they
// are on, one line an operation. AWS's service authorization reference is the
// source.
func (s *Service) Access(ctx context.Context, in any) ([]authz.Access, error) {
	switch in := in.(type) {
	case *CreateFunctionRequest:
		return s.creating(ctx, in)
	case *GetFunctionRequest:
		return s.on(ctx, "GetFunction", in.FunctionName, in.Qualifier)
	case *GetFunctionConfigurationRequest:
		return s.on(ctx, "GetFunctionConfiguration", in.FunctionName, in.Qualifier)
	case *ListFunctionsRequest:
		return []authz.Access{{Action: "lambda:ListFunctions", Resource: "*", Account: account(ctx)}}, nil
	case *UpdateFunctionCodeRequest:
		return s.on(ctx, "UpdateFunctionCode", in.FunctionName, nil)
	case *UpdateFunctionConfigurationRequest:
		return s.updating(ctx, in)
	case *DeleteFunctionRequest:
		return s.on(ctx, "DeleteFunction", in.FunctionName, in.Qualifier)
	case *PublishVersionRequest:
		return s.on(ctx, "PublishVersion", in.FunctionName, nil)
	case *ListVersionsByFunctionRequest:
		return s.on(ctx, "ListVersionsByFunction", in.FunctionName, nil)
	case *CreateAliasRequest:
		return s.on(ctx, "CreateAlias", in.FunctionName, nil)
	case *GetAliasRequest:
		return s.on(ctx, "GetAlias", in.FunctionName, nil)
	case *UpdateAliasRequest:
		return s.on(ctx, "UpdateAlias", in.FunctionName, nil)
	case *DeleteAliasRequest:
		return s.on(ctx, "DeleteAlias", in.FunctionName, nil)
	case *ListAliasesRequest:
		return s.on(ctx, "ListAliases", in.FunctionName, nil)
	case *TagResourceRequest:
		return s.tagging(ctx, "TagResource", in.Resource, authz.RequestTags(in.Tags))
	case *UntagResourceRequest:
		return s.tagging(ctx, "UntagResource", in.Resource, authz.TagKeys(in.TagKeys))
	case *ListTagsRequest:
		return s.tagging(ctx, "ListTags", in.Resource, nil)
	case *GetAccountSettingsRequest:
		return []authz.Access{{Action: "lambda:GetAccountSettings", Resource: "*", Account: account(ctx)}}, nil
	case *GetFunctionCodeSigningConfigRequest:
		return s.on(ctx, "GetFunctionCodeSigningConfig", in.FunctionName, nil)
	case *InvocationRequest:
		return s.on(ctx, "InvokeFunction", in.FunctionName, in.Qualifier)
	case *CreateFunctionUrlConfigRequest:
		return s.onURL(ctx, "CreateFunctionUrlConfig", in.FunctionName, in.Qualifier, &in.AuthType)
	case *GetFunctionUrlConfigRequest:
		return s.onURL(ctx, "GetFunctionUrlConfig", in.FunctionName, in.Qualifier, nil)
	case *UpdateFunctionUrlConfigRequest:
		return s.onURL(ctx, "UpdateFunctionUrlConfig", in.FunctionName, in.Qualifier, in.AuthType)
	case *DeleteFunctionUrlConfigRequest:
		return s.onURL(ctx, "DeleteFunctionUrlConfig", in.FunctionName, in.Qualifier, nil)
	case *ListFunctionUrlConfigsRequest:
		return s.onURL(ctx, "ListFunctionUrlConfigs", in.FunctionName, nil, nil)
	case *AddPermissionRequest:
		return s.adding(ctx, in)
	case *RemovePermissionRequest:
		return s.removing(ctx, in)
	case *GetPolicyRequest:
		return s.on(ctx, "GetPolicy", in.FunctionName, in.Qualifier)
	case *PutFunctionConcurrencyRequest:
		return s.on(ctx, "PutFunctionConcurrency", in.FunctionName, nil)
	case *GetFunctionConcurrencyRequest:
		return s.on(ctx, "GetFunctionConcurrency", in.FunctionName, nil)
	case *DeleteFunctionConcurrencyRequest:
		return s.on(ctx, "DeleteFunctionConcurrency", in.FunctionName, nil)
	case *PutResourcePolicyRequest:
		return s.onPolicy(ctx, "PutResourcePolicy", in.ResourceArn)
	case *GetResourcePolicyRequest:
		return s.onPolicy(ctx, "GetResourcePolicy", in.ResourceArn)
	case *DeleteResourcePolicyRequest:
		return s.onPolicy(ctx, "DeleteResourcePolicy", in.ResourceArn)
	case *PutProvisionedConcurrencyConfigRequest:
		return s.on(ctx, "PutProvisionedConcurrencyConfig", in.FunctionName, &in.Qualifier)
	case *GetProvisionedConcurrencyConfigRequest:
		return s.on(ctx, "GetProvisionedConcurrencyConfig", in.FunctionName, &in.Qualifier)
	case *DeleteProvisionedConcurrencyConfigRequest:
		return s.on(ctx, "DeleteProvisionedConcurrencyConfig", in.FunctionName, &in.Qualifier)
	case *ListProvisionedConcurrencyConfigsRequest:
		return s.on(ctx, "ListProvisionedConcurrencyConfigs", in.FunctionName, nil)
	case *GetRuntimeManagementConfigRequest:
		return s.on(ctx, "GetRuntimeManagementConfig", in.FunctionName, in.Qualifier)
	case *PutRuntimeManagementConfigRequest:
		return s.on(ctx, "PutRuntimeManagementConfig", in.FunctionName, in.Qualifier)
	case *GetFunctionRecursionConfigRequest:
		return s.on(ctx, "GetFunctionRecursionConfig", in.FunctionName, nil)
	case *PutFunctionRecursionConfigRequest:
		return s.on(ctx, "PutFunctionRecursionConfig", in.FunctionName, nil)
	}
	if all, known, err := s.eventAccess(ctx, in); known {
		return all, err
	}
	return s.layerAccess(ctx, in)
}

// subject resolves what a request is about. A name that is wrong is refused
// before anybody is judged, unless the function is of another account: then
// the refusal is for want of a permission.
func (s *Service) subject(ctx context.Context, action, name string, qualifier *string) (ref, authz.Access, error) {
	r, err := s.resolve(ctx, name, qualifier)
	if err != nil && (r.id.Account == "" || r.id.Account == account(ctx)) {
		return ref{}, authz.Access{}, err
	}
	if onWholeFunction(action) {
		r.qualifier = ""
	}
	return r, authz.Access{Action: "lambda:" + action, Resource: r.arn(), Account: r.id.Account}, nil
}

// onWholeFunction holds for the actions whose only resource is the function:
// writing its name with a qualifier must not lead around a policy that names it.
func onWholeFunction(action string) bool {
	switch action {
	case "CreateFunction", "UpdateFunctionCode", "UpdateFunctionConfiguration",
		"PublishVersion", "ListVersionsByFunction", "CreateAlias", "GetAlias", "UpdateAlias", "DeleteAlias", "ListAliases",
		"ListFunctionUrlConfigs", "TagResource", "UntagResource", "ListTags", "GetFunctionCodeSigningConfig",
		"PutFunctionEventInvokeConfig", "UpdateFunctionEventInvokeConfig", "GetFunctionEventInvokeConfig",
		"DeleteFunctionEventInvokeConfig", "ListFunctionEventInvokeConfigs", "InvokeAsync",
		"PutFunctionConcurrency", "GetFunctionConcurrency", "DeleteFunctionConcurrency":
		return true
	}
	return false
}

// onFunction is an action on the function, or on the version or alias, that a
// name and a qualifier name, under the resource policy of exactly that.
func (s *Service) onFunction(ctx context.Context, action, name string, qualifier *string) (ref, authz.Access, error) {
	r, acc, err := s.subject(ctx, action, name, qualifier)
	if f := s.state.Snapshot().Function(r.id); f != nil && err == nil {
		acc = authz.FunctionAccess(acc.Action, f, r.qualifier, acc.Resource)
	}
	return r, acc, err
}

// on is onFunction where that is all.
func (s *Service) on(ctx context.Context, action, name string, qualifier *string) ([]authz.Access, error) {
	_, acc, err := s.onFunction(ctx, action, name, qualifier)
	return []authz.Access{acc}, err
}

// creating is the action on a function that is to be made.
func (s *Service) creating(ctx context.Context, in *CreateFunctionRequest) ([]authz.Access, error) {
	r, acc, err := s.subject(ctx, "CreateFunction", in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	acc.Keys = layerKeys(authz.RequestTags(in.Tags), in.Layers)
	pass, err := s.passing(ctx, r, in.Role)
	all := []authz.Access{acc, pass}
	if len(in.Tags) > 0 { // whoever may not tag it later may not do it so either
		all = append(all, authz.Access{Action: "lambda:TagResource", Resource: acc.Resource, Account: acc.Account, Keys: authz.RequestTags(in.Tags)})
	}
	return append(all, s.usingLayers(in.Layers)...), err
}

// updating is the change of a function's configuration.
func (s *Service) updating(ctx context.Context, in *UpdateFunctionConfigurationRequest) ([]authz.Access, error) {
	r, acc, err := s.onFunction(ctx, "UpdateFunctionConfiguration", in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	acc.Keys = layerKeys(acc.Keys, in.Layers)
	all := append([]authz.Access{acc}, s.usingLayers(in.Layers)...)
	if in.Role == nil {
		return all, nil
	}
	pass, err := s.passing(ctx, r, *in.Role)
	return append(all, pass), err
}

// tagging is an action on the tags of what an ARN names.
func (s *Service) tagging(ctx context.Context, action, resource string, keys policy.ContextMap) ([]authz.Access, error) {
	_, acc, err := s.onFunction(ctx, action, resource, nil)
	acc.Keys = keys
	return []authz.Access{acc}, err
}

// passing is iam:PassRole on the role that a request hands to a function.
func (s *Service) passing(ctx context.Context, r ref, role string) (authz.Access, error) {
	a, err := arn.Parse(role)
	if err != nil { // validation lets only good ARNs through
		return authz.Access{}, InvalidParameterValueException("%s is not the ARN of a role", role)
	}
	if a.Account != account(ctx) {
		return authz.Access{}, awsapi.AccessDenied("Cross-account pass role is not allowed.")
	}
	acc := authz.Access{Action: "iam:PassRole", Resource: role, Account: a.Account, Keys: policy.ContextMap{}}
	acc.Keys.Set("iam:PassedToService", policy.One("lambda.amazonaws.com"))
	acc.Keys.Set("iam:AssociatedResourceArn", policy.One(r.unqualified()))
	if e := s.role(role); e != nil {
		acc.Tags = e.Role.Tags
	}
	return acc, nil
}

// onURL is an action on a function URL. Its AuthType is a condition key: the
// one asked for, or else the one in force.
func (s *Service) onURL(ctx context.Context, action, name string, qualifier *string, auth *FunctionUrlAuthType) ([]authz.Access, error) {
	r, acc, err := s.onFunction(ctx, action, name, qualifier)
	acc.FunctionARN = r.unqualified()
	if auth != nil {
		acc.URLAuthType = string(*auth)
	} else if f := s.state.Snapshot().Function(r.id); f != nil && f.URLs[r.qualifier] != nil {
		acc.URLAuthType = f.URLs[r.qualifier].AuthType
	}
	return []authz.Access{acc}, err
}

// adding is the addition of a statement to a resource policy. Condition keys
// are the principal and the AuthType that the statement names.
func (s *Service) adding(ctx context.Context, in *AddPermissionRequest) ([]authz.Access, error) {
	_, acc, err := s.onFunction(ctx, "AddPermission", in.FunctionName, in.Qualifier)
	acc.URLAuthType = string(value(in.FunctionUrlAuthType))
	acc.Keys = policy.ContextMap{}
	acc.Keys.Set("lambda:Principal", policy.One(in.Principal))
	return []authz.Access{acc}, err
}

// removing is adding for a statement that is there already.
func (s *Service) removing(ctx context.Context, in *RemovePermissionRequest) ([]authz.Access, error) {
	r, acc, err := s.onFunction(ctx, "RemovePermission", in.FunctionName, in.Qualifier)
	if st := s.statement(r, in.StatementId); st != nil {
		acc.URLAuthType = st.authType()
		acc.Keys = policy.ContextMap{}
		acc.Keys.Set("lambda:Principal", policy.One(st.named()))
	}
	return []authz.Access{acc}, err
}
