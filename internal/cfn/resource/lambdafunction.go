package resource

import (
	"context"

	"furl/internal/lambda"
)

// What Lambda's errors are called that have a meaning here.
const (
	lambdaMissing  = "ResourceNotFoundException"
	lambdaConflict = "ResourceConflictException"
)

// lambdaFunction is AWS::Lambda::Function. Ref is the name.
func lambdaFunction() *Type {
	return &Type{
		Name:       "AWS::Lambda::Function",
		Properties: lambdaFunctionProperties(),
		Create:     createFunction,
		Update:     updateFunction,
		Delete: func(ctx context.Context, r *Request) error {
			return do(ctx, r, "lambda", "DeleteFunction", &lambda.DeleteFunctionRequest{FunctionName: r.PhysicalID}, lambdaMissing)
		},
		Attributes: []string{"Arn", "SnapStartResponse", "SnapStartResponse.ApplyOn", "SnapStartResponse.OptimizationStatus"},
	}
}

// functionExtras are the properties of a function that operations of their own set.
func functionExtras() []string {
	return []string{"Code", "FunctionName", "RecursiveLoop", "ReservedConcurrentExecutions", "RuntimeManagementConfig", "Tags"}
}

func createFunction(ctx context.Context, r *Request) (*Result, error) {
	p := normalizeMembers(lambdaFunctionProperties(), r.Properties)
	if err := notOffered("AWS::Lambda::Function", p, "CodeSigningConfigArn", "FunctionScalingConfig", "PublishToLatestPublished"); err != nil {
		return nil, err
	}
	code, err := functionCode(p)
	if err != nil {
		return nil, err
	}
	in := &lambda.CreateFunctionRequest{FunctionName: nameOr(r, p["FunctionName"], 64), Code: code, Tags: ownTags(p, r.Tags)}
	if err := fill(in, p, functionExtras()...); err != nil {
		return nil, err
	}
	err = do(ctx, r, "lambda", "CreateFunction", in)
	if err != nil && !(r.Again && codeOf(err) == lambdaConflict) {
		return nil, err
	}
	if err := r.Save(in.FunctionName); err != nil {
		return &Result{PhysicalID: in.FunctionName}, err
	}
	return functionResult(ctx, r, in.FunctionName, func() error {
		if _, err := readyFunction(ctx, r, in.FunctionName, ""); err != nil {
			return err
		}
		return functionSettings(ctx, r, in.FunctionName, nil, p)
	})
}

// functionResult carries out the rest of a step, and is what there is of the function then.
func functionResult(ctx context.Context, r *Request, name string, rest func() error) (*Result, error) {
	result := &Result{PhysicalID: name, Attributes: map[string]any{"Arn": functionARN(r, name)}}
	if err := rest(); err != nil {
		return result, err
	}
	c, err := readyFunction(ctx, r, name, "")
	if err != nil {
		return result, err
	}
	if s := c.SnapStart; s != nil && s.ApplyOn != nil && s.OptimizationStatus != nil {
		apply, status := string(*s.ApplyOn), string(*s.OptimizationStatus)
		result.Attributes["SnapStartResponse"] = map[string]any{"ApplyOn": apply, "OptimizationStatus": status}
		result.Attributes["SnapStartResponse.ApplyOn"], result.Attributes["SnapStartResponse.OptimizationStatus"] = apply, status
	}
	return result, nil
}

func functionARN(r *Request, name string) string {
	return "arn:" + r.Partition + ":lambda:" + r.Region + ":" + r.Account + ":function:" + name
}

// settledFunction waits until nothing of a function, or of a version of it, is in progress.
func settledFunction(ctx context.Context, r *Request, name, qualifier string) (*lambda.FunctionConfiguration, error) {
	in := &lambda.GetFunctionConfigurationRequest{FunctionName: name}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	var c *lambda.FunctionConfiguration
	err := poll(ctx, func() (bool, error) {
		var err error
		if c, err = invoke[lambda.FunctionConfiguration](ctx, r, "lambda", "GetFunctionConfiguration", in); err != nil {
			return false, err
		}
		pending := c.State != nil && *c.State == lambda.StatePending
		updating := c.LastUpdateStatus != nil && *c.LastUpdateStatus == lambda.LastUpdateStatusInProgress
		return !pending && !updating, nil
	})
	return c, err
}

// readyFunction is settledFunction, and fails if what was in progress has failed.
func readyFunction(ctx context.Context, r *Request, name, qualifier string) (*lambda.FunctionConfiguration, error) {
	c, err := settledFunction(ctx, r, name, qualifier)
	switch {
	case err != nil:
		return nil, err
	case c.State != nil && *c.State == lambda.StateFailed:
		return nil, failedFunction("State", c.StateReason)
	case c.LastUpdateStatus != nil && *c.LastUpdateStatus == lambda.LastUpdateStatusFailed:
		return nil, failedFunction("LastUpdateStatus", c.LastUpdateStatusReason)
	}
	return c, nil
}

func failedFunction(what string, reason *string) error {
	if reason == nil || *reason == "" {
		return refuse("The function's %s is Failed", what)
	}
	return refuse("The function's %s is Failed: %s", what, *reason)
}

// functionSettings sets what is not a part of the configuration, as far as it differs. Old is nil for a new function.
func functionSettings(ctx context.Context, r *Request, name string, old, next map[string]any) error {
	if err := reserve(ctx, r, name, old["ReservedConcurrentExecutions"], next["ReservedConcurrentExecutions"]); err != nil {
		return err
	}
	if !same(old["RecursiveLoop"], next["RecursiveLoop"]) {
		in := &lambda.PutFunctionRecursionConfigRequest{FunctionName: name, RecursiveLoop: lambda.RecursiveLoopTerminate}
		if v := text(next["RecursiveLoop"]); v != "" {
			in.RecursiveLoop = lambda.RecursiveLoop(v)
		}
		if err := do(ctx, r, "lambda", "PutFunctionRecursionConfig", in); err != nil {
			return err
		}
	}
	if !same(old["RuntimeManagementConfig"], next["RuntimeManagementConfig"]) {
		return manageRuntime(ctx, r, name, nil, object(next["RuntimeManagementConfig"]))
	}
	return nil
}

func reserve(ctx context.Context, r *Request, name string, old, next any) error {
	if same(old, next) {
		return nil
	}
	if next == nil {
		return do(ctx, r, "lambda", "DeleteFunctionConcurrency", &lambda.DeleteFunctionConcurrencyRequest{FunctionName: name})
	}
	in := &lambda.PutFunctionConcurrencyRequest{FunctionName: name, ReservedConcurrentExecutions: number(next)}
	return do(ctx, r, "lambda", "PutFunctionConcurrency", in)
}

// manageRuntime sets when a function, or a version, gets newer runtimes. Without a configuration that is the default.
func manageRuntime(ctx context.Context, r *Request, name string, qualifier *string, config map[string]any) error {
	in := &lambda.PutRuntimeManagementConfigRequest{FunctionName: name, Qualifier: qualifier, UpdateRuntimeOn: lambda.UpdateRuntimeOnAuto}
	if err := fill(in, config); err != nil {
		return err
	}
	return do(ctx, r, "lambda", "PutRuntimeManagementConfig", in)
}
