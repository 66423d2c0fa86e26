package resource

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"furl/internal/lambda"
)

// lambdaLayerVersion is AWS::Lambda::LayerVersion. Ref is the version's ARN. Every change makes another version.
func lambdaLayerVersion() *Type {
	return &Type{
		Name:       "AWS::Lambda::LayerVersion",
		Properties: lambdaLayerVersionProperties(),
		Create:     createLayerVersion,
		Delete: func(ctx context.Context, r *Request) error {
			layer, number, err := splitLayer(r.PhysicalID)
			if err != nil {
				return err
			}
			return do(ctx, r, "lambda", "DeleteLayerVersion", &lambda.DeleteLayerVersionRequest{LayerName: layer, VersionNumber: number}, lambdaMissing)
		},
		Attributes: []string{"LayerVersionArn"},
	}
}

func layerResult(arn string) *Result {
	return &Result{PhysicalID: arn, Attributes: map[string]any{"LayerVersionArn": arn}}
}

// createLayerVersion publishes a version. Publishing twice would make two: the ARN that the version will have is written down
// before, and a version that has it at the next try is the one of this try.
func createLayerVersion(ctx context.Context, r *Request) (*Result, error) {
	in := &lambda.PublishLayerVersionRequest{}
	if err := fill(in, normalizeMembers(lambdaLayerVersionProperties(), r.Properties)); err != nil {
		return nil, err
	}
	in.LayerName = nameOr(r, r.Properties["LayerName"], 64)
	if r.Again && r.PhysicalID != "" {
		err := do(ctx, r, "lambda", "GetLayerVersionByArn", &lambda.GetLayerVersionByArnRequest{Arn: r.PhysicalID})
		if err == nil {
			return layerResult(r.PhysicalID), nil
		}
		if codeOf(err) != lambdaMissing {
			return nil, err
		}
	}
	next, err := nextLayerVersion(ctx, r, in.LayerName)
	if err != nil {
		return nil, err
	}
	if err := r.Save(next); err != nil {
		return nil, err
	}
	out, err := invoke[lambda.PublishLayerVersionResponse](ctx, r, "lambda", "PublishLayerVersion", in)
	if err != nil {
		return nil, err
	}
	return layerResult(*out.LayerVersionArn), nil
}

// nextLayerVersion is the ARN that a layer's next version will have.
func nextLayerVersion(ctx context.Context, r *Request, layer string) (string, error) {
	in := &lambda.ListLayerVersionsRequest{LayerName: layer, MaxItems: new(1)} // the newest is the first
	out, err := invoke[lambda.ListLayerVersionsResponse](ctx, r, "lambda", "ListLayerVersions", in)
	if err != nil {
		return "", err
	}
	number := int64(1)
	if len(out.LayerVersions) > 0 {
		number += *out.LayerVersions[0].Version
	}
	if !strings.HasPrefix(layer, "arn:") {
		layer = "arn:" + r.Partition + ":lambda:" + r.Region + ":" + r.Account + ":layer:" + layer
	}
	return layer + ":" + strconv.FormatInt(number, 10), nil
}

// splitLayer takes the ARN of a layer's version apart.
func splitLayer(arn string) (layer string, number int64, err error) {
	number, err = strconv.ParseInt(tail(arn), 10, 64)
	if err != nil {
		return "", 0, fmt.Errorf("resource: ARN of a layer version: %w", err)
	}
	return strings.TrimSuffix(arn, ":"+tail(arn)), number, nil
}

// lambdaLayerVersionPermission is AWS::Lambda::LayerVersionPermission: a statement of the policy of a layer's version. Ref
// and Id are the version's ARN and the statement's id, with a "#" between.
func lambdaLayerVersionPermission() *Type {
	return &Type{
		Name:       "AWS::Lambda::LayerVersionPermission",
		Properties: lambdaLayerVersionPermissionProperties(),
		Create:     createLayerVersionPermission,
		Delete:     deleteLayerVersionPermission,
		Attributes: []string{"Id"},
	}
}

func createLayerVersionPermission(ctx context.Context, r *Request) (*Result, error) {
	p := normalizeMembers(lambdaLayerVersionPermissionProperties(), r.Properties)
	version := text(p["LayerVersionArn"])
	layer, number, err := splitLayer(version)
	if err != nil {
		return nil, err
	}
	in := &lambda.AddLayerVersionPermissionRequest{}
	if err := fill(in, p, "LayerVersionArn"); err != nil {
		return nil, err
	}
	in.LayerName, in.VersionNumber, in.StatementId = layer, number, r.Name(100)
	err = do(ctx, r, "lambda", "AddLayerVersionPermission", in)
	if err != nil && !(r.Again && codeOf(err) == lambdaConflict) { // the id is this resource's alone
		return nil, err
	}
	id := version + "#" + in.StatementId
	return &Result{PhysicalID: id, Attributes: map[string]any{"Id": id}}, nil
}

func deleteLayerVersionPermission(ctx context.Context, r *Request) error {
	version, statement, _ := strings.Cut(r.PhysicalID, "#")
	layer, number, err := splitLayer(version)
	if err != nil {
		return err
	}
	in := &lambda.RemoveLayerVersionPermissionRequest{LayerName: layer, VersionNumber: number, StatementId: statement}
	return do(ctx, r, "lambda", "RemoveLayerVersionPermission", in, lambdaMissing)
}
