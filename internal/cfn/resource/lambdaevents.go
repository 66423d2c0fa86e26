package resource

import (
	"context"

	"furl/internal/lambda"
)

// lambdaEventInvokeConfig is AWS::Lambda::EventInvokeConfig. Ref is the function and the qualifier, with a "|" between.
func lambdaEventInvokeConfig() *Type {
	return &Type{
		Name:       "AWS::Lambda::EventInvokeConfig",
		Properties: lambdaEventInvokeConfigProperties(),
		Create:     createEventConfig,
		Update:     putEventConfig,
		Delete: func(ctx context.Context, r *Request) error {
			in := &lambda.DeleteFunctionEventInvokeConfigRequest{FunctionName: text(r.Properties["FunctionName"]), Qualifier: optionalText(r.Properties["Qualifier"])}
			return do(ctx, r, "lambda", "DeleteFunctionEventInvokeConfig", in, lambdaMissing)
		},
	}
}

func createEventConfig(ctx context.Context, r *Request) (*Result, error) {
	if !r.Again { // the operation would overwrite one that is there
		in := &lambda.GetFunctionEventInvokeConfigRequest{FunctionName: text(r.Properties["FunctionName"]), Qualifier: optionalText(r.Properties["Qualifier"])}
		err := do(ctx, r, "lambda", "GetFunctionEventInvokeConfig", in)
		if err == nil {
			return nil, exists("AWS::Lambda::EventInvokeConfig", eventConfigID(r))
		}
		if codeOf(err) != lambdaMissing {
			return nil, err
		}
	}
	result, err := putEventConfig(ctx, r)
	if err != nil {
		return nil, err
	}
	return result, nil
}

func eventConfigID(r *Request) string {
	return text(r.Properties["FunctionName"]) + "|" + text(r.Properties["Qualifier"])
}

func putEventConfig(ctx context.Context, r *Request) (*Result, error) {
	result := &Result{PhysicalID: eventConfigID(r)}
	in := &lambda.PutFunctionEventInvokeConfigRequest{}
	if err := fill(in, normalizeMembers(lambdaEventInvokeConfigProperties(), r.Properties)); err != nil {
		return result, err
	}
	return result, do(ctx, r, "lambda", "PutFunctionEventInvokeConfig", in)
}
