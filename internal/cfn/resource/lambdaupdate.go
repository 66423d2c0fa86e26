package resource

import (
	"context"
	"maps"

	"furl/internal/lambda"
)

// updateFunction changes a function in place. Between its operations requests are answered by the function as it is then,
// as on AWS: whoever changes code and configuration so that one does not go with the other's former self publishes versions.
func updateFunction(ctx context.Context, r *Request) (*Result, error) {
	name := r.PhysicalID
	schema := lambdaFunctionProperties()
	old, next := normalizeMembers(schema, r.Old), normalizeMembers(schema, r.Properties)
	if err := notOffered("AWS::Lambda::Function", next, "CodeSigningConfigArn", "FunctionScalingConfig", "PublishToLatestPublished"); err != nil {
		return &Result{PhysicalID: name, Attributes: r.Attributes}, err
	}
	return functionResult(ctx, r, name, func() error {
		if err := configureFunction(ctx, r, name, old, next); err != nil {
			return err
		}
		if err := recodeFunction(ctx, r, name, old, next); err != nil {
			return err
		}
		if err := functionSettings(ctx, r, name, old, next); err != nil {
			return err
		}
		return retagFunction(ctx, r, functionARN(r, name), ownTags(old, r.OldTags), ownTags(next, r.Tags))
	})
}

// configureFunction changes what differs of a function's configuration. What is not given any more gets its default.
func configureFunction(ctx context.Context, r *Request, name string, old, next map[string]any) error {
	was, wants := configured(name, old), configured(name, next)
	changed := map[string]any{}
	for property, v := range wants {
		if !alike(was[property], v) {
			changed[property] = v
		}
	}
	if len(changed) == 0 {
		return nil
	}
	in := &lambda.UpdateFunctionConfigurationRequest{FunctionName: name}
	if err := fill(in, changed); err != nil {
		return err
	}
	return updateSettled(ctx, r, name, "UpdateFunctionConfiguration", in)
}

// configured are the properties of a function's configuration with the defaults of those that can be left out.
func configured(name string, properties map[string]any) map[string]any {
	out := map[string]any{
		"DeadLetterConfig":  map[string]any{"TargetArn": ""},
		"Description":       "",
		"Environment":       map[string]any{"Variables": map[string]any{}},
		"EphemeralStorage":  map[string]any{"Size": int64(512)},
		"FileSystemConfigs": []any{},
		"ImageConfig":       map[string]any{},
		"KmsKeyArn":         "",
		"Layers":            []any{},
		"MemorySize":        int64(128),
		"SnapStart":         map[string]any{"ApplyOn": "None"},
		"Timeout":           int64(3),
		"TracingConfig":     map[string]any{"Mode": "PassThrough"},
		"VpcConfig":         map[string]any{"SubnetIds": []any{}, "SecurityGroupIds": []any{}},
	}
	for _, property := range []string{"CapacityProviderConfig", "DeadLetterConfig", "Description", "DurableConfig", "Environment", "EphemeralStorage",
		"FileSystemConfigs", "Handler", "ImageConfig", "KmsKeyArn", "Layers", "MemorySize", "Role", "Runtime", "SnapStart", "Timeout", "TracingConfig", "VpcConfig"} {
		v, given := properties[property]
		if !given {
			continue
		}
		base, isObject := out[property].(map[string]any)
		if !isObject {
			out[property] = v
			continue
		}
		maps.Copy(base, object(v))
	}
	out["LoggingConfig"] = loggingOf(name, object(properties["LoggingConfig"]))
	return out
}

// loggingOf is a LoggingConfig with its defaults, which depend on the format: text has no levels.
func loggingOf(name string, given map[string]any) map[string]any {
	out := map[string]any{"LogFormat": "Text", "LogGroup": "/aws/lambda/" + name}
	if text(given["LogFormat"]) == "JSON" {
		out["ApplicationLogLevel"], out["SystemLogLevel"] = "INFO", "INFO"
	}
	maps.Copy(out, given)
	return out
}

// recodeFunction gives a function its code if that, or the architecture, is another.
func recodeFunction(ctx context.Context, r *Request, name string, old, next map[string]any) error {
	architectures := func(p map[string]any) []string {
		if list := texts(p["Architectures"]); len(list) > 0 {
			return list
		}
		return []string{string(lambda.ArchitectureX8664)}
	}
	code, err := functionCode(next)
	if err != nil {
		return err
	}
	before, errBefore := functionCode(old) // that one may be in error: it is what failed, and is now taken back
	if errBefore == nil && same(before, code) && same(architectures(old), architectures(next)) {
		return nil
	}
	in := &lambda.UpdateFunctionCodeRequest{FunctionName: name, ZipFile: code.ZipFile, S3Bucket: code.S3Bucket, S3Key: code.S3Key,
		S3ObjectVersion: code.S3ObjectVersion, S3ObjectStorageMode: code.S3ObjectStorageMode, ImageUri: code.ImageUri, SourceKMSKeyArn: code.SourceKMSKeyArn}
	if !same(architectures(old), architectures(next)) {
		for _, a := range architectures(next) {
			in.Architectures = append(in.Architectures, lambda.Architecture(a))
		}
	}
	return updateSettled(ctx, r, name, "UpdateFunctionCode", in)
}

// updateSettled carries out an update once none is in progress, and waits for its success.
func updateSettled(ctx context.Context, r *Request, name, operation string, in any) error {
	if _, err := settledFunction(ctx, r, name, ""); err != nil {
		return err
	}
	if err := do(ctx, r, "lambda", operation, in); err != nil {
		return err
	}
	_, err := readyFunction(ctx, r, name, "")
	return err
}

func retagFunction(ctx context.Context, r *Request, arn string, old, next map[string]string) error {
	set, gone := retagged(old, next)
	if len(set) > 0 {
		if err := do(ctx, r, "lambda", "TagResource", &lambda.TagResourceRequest{Resource: arn, Tags: set}); err != nil {
			return err
		}
	}
	if len(gone) == 0 {
		return nil
	}
	return do(ctx, r, "lambda", "UntagResource", &lambda.UntagResourceRequest{Resource: arn, TagKeys: gone})
}
