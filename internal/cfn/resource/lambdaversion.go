package resource

import (
	"context"

	"furl/internal/lambda"
)

// lambdaVersion is AWS::Lambda::Version. Ref is the version's ARN.
func lambdaVersion() *Type {
	return &Type{
		Name:       "AWS::Lambda::Version",
		Properties: lambdaVersionProperties(),
		Create:     createVersion,
		Update:     updateVersion,
		Delete:     deleteVersion,
		Attributes: []string{"FunctionArn", "Version"},
	}
}

func createVersion(ctx context.Context, r *Request) (*Result, error) {
	p := normalizeMembers(lambdaVersionProperties(), r.Properties)
	if err := notOffered("AWS::Lambda::Version", p, "FunctionScalingConfig"); err != nil {
		return nil, err
	}
	in := &lambda.PublishVersionRequest{FunctionName: text(p["FunctionName"]), CodeSha256: optionalText(p["CodeSha256"]), Description: optionalText(p["Description"])}
	if _, err := settledFunction(ctx, r, in.FunctionName, ""); err != nil {
		return nil, err
	}
	var before map[string]bool
	if !r.Again {
		var err error
		if before, err = publishedVersions(ctx, r, in.FunctionName); err != nil {
			return nil, err
		}
	}
	out, err := invoke[lambda.FunctionConfiguration](ctx, r, "lambda", "PublishVersion", in)
	if err != nil {
		return nil, err
	}
	number := *out.Version
	if before[number] { // nothing has changed since: publishing gives the same version
		return nil, refuse("A version for this Lambda function exists ( %s ). Modify the function to create a new version.", number)
	}
	result := versionResult(*out.FunctionArn)
	if err := r.Save(result.PhysicalID); err != nil {
		return result, err
	}
	if _, err := readyFunction(ctx, r, in.FunctionName, number); err != nil {
		return result, err
	}
	if policy := object(p["RuntimePolicy"]); policy != nil {
		if err := manageRuntime(ctx, r, in.FunctionName, &number, policy); err != nil {
			return result, err
		}
	}
	return result, provision(ctx, r, in.FunctionName, number, nil, p["ProvisionedConcurrencyConfig"])
}

func versionResult(arn string) *Result {
	return &Result{PhysicalID: arn, Attributes: map[string]any{"FunctionArn": arn, "Version": tail(arn)}}
}

// publishedVersions are the numbers of a function's versions.
func publishedVersions(ctx context.Context, r *Request, name string) (map[string]bool, error) {
	found := map[string]bool{}
	in := &lambda.ListVersionsByFunctionRequest{FunctionName: name}
	for {
		out, err := invoke[lambda.ListVersionsByFunctionResponse](ctx, r, "lambda", "ListVersionsByFunction", in)
		if err != nil {
			return nil, err
		}
		for _, v := range out.Versions {
			found[*v.Version] = true
		}
		if in.Marker = out.NextMarker; in.Marker == nil {
			return found, nil
		}
	}
}

func updateVersion(ctx context.Context, r *Request) (*Result, error) {
	schema := lambdaVersionProperties()
	old, next := normalizeMembers(schema, r.Old), normalizeMembers(schema, r.Properties)
	result := versionResult(r.PhysicalID)
	if err := notOffered("AWS::Lambda::Version", next, "FunctionScalingConfig"); err != nil {
		return result, err
	}
	return result, provision(ctx, r, text(next["FunctionName"]), tail(r.PhysicalID), old["ProvisionedConcurrencyConfig"], next["ProvisionedConcurrencyConfig"])
}

func deleteVersion(ctx context.Context, r *Request) error {
	in := &lambda.DeleteFunctionRequest{FunctionName: text(r.Properties["FunctionName"]), Qualifier: new(tail(r.PhysicalID))}
	return do(ctx, r, "lambda", "DeleteFunction", in, lambdaMissing)
}
