package resource

import (
	"context"
	"strings"

	"furl/internal/lambda"
)

// lambdaURL is AWS::Lambda::Url. Ref is the ARN of the function, or of the alias. The address is made with the URL and
// stays as long as it does.
func lambdaURL() *Type {
	return &Type{
		Name:       "AWS::Lambda::Url",
		Properties: lambdaURLProperties(),
		Create:     createURL,
		Update:     updateURL,
		Delete: func(ctx context.Context, r *Request) error {
			name, qualifier := urlTarget(r.Properties)
			return do(ctx, r, "lambda", "DeleteFunctionUrlConfig", &lambda.DeleteFunctionUrlConfigRequest{FunctionName: name, Qualifier: qualifier}, lambdaMissing)
		},
		Attributes: []string{"FunctionArn", "FunctionUrl"},
	}
}

// urlTarget is the function and the alias that a URL is of. The alias may be a part of the function's ARN, as SAM writes it.
func urlTarget(properties map[string]any) (name string, qualifier *string) {
	name, qualifier = text(properties["TargetFunctionArn"]), optionalText(properties["Qualifier"])
	start := 0
	if at := strings.Index(name, "function:"); at >= 0 {
		start = at + len("function:")
	}
	bare, alias, qualified := strings.Cut(name[start:], ":")
	if qualified && (qualifier == nil || *qualifier == alias) {
		return name[:start] + bare, &alias
	}
	return name, qualifier
}

func urlResult(arn, url string) *Result {
	return &Result{PhysicalID: arn, Attributes: map[string]any{"FunctionArn": arn, "FunctionUrl": url}}
}

func createURL(ctx context.Context, r *Request) (*Result, error) {
	p := normalizeMembers(lambdaURLProperties(), r.Properties)
	in := &lambda.CreateFunctionUrlConfigRequest{}
	if err := fill(in, p, "TargetFunctionArn", "Qualifier"); err != nil {
		return nil, err
	}
	in.FunctionName, in.Qualifier = urlTarget(p)
	out, err := invoke[lambda.CreateFunctionUrlConfigResponse](ctx, r, "lambda", "CreateFunctionUrlConfig", in)
	if r.Again && codeOf(err) == lambdaConflict {
		return changeURL(ctx, r, p)
	}
	if err != nil {
		return nil, err
	}
	return urlResult(out.FunctionArn, out.FunctionUrl), nil
}

// changeURL gives a URL all that its properties say, and leaves nothing as it was.
func changeURL(ctx context.Context, r *Request, p map[string]any) (*Result, error) {
	auth, mode := lambda.FunctionUrlAuthType(text(p["AuthType"])), lambda.InvokeModeBuffered
	in := &lambda.UpdateFunctionUrlConfigRequest{AuthType: &auth, InvokeMode: &mode, Cors: &lambda.Cors{}}
	if err := fill(in, p, "TargetFunctionArn", "Qualifier"); err != nil {
		return nil, err
	}
	in.FunctionName, in.Qualifier = urlTarget(p)
	out, err := invoke[lambda.UpdateFunctionUrlConfigResponse](ctx, r, "lambda", "UpdateFunctionUrlConfig", in)
	if err != nil {
		return nil, err
	}
	return urlResult(out.FunctionArn, out.FunctionUrl), nil
}

func updateURL(ctx context.Context, r *Request) (*Result, error) {
	result, err := changeURL(ctx, r, normalizeMembers(lambdaURLProperties(), r.Properties))
	if err != nil {
		return &Result{PhysicalID: r.PhysicalID, Attributes: r.Attributes}, err
	}
	return result, nil
}
