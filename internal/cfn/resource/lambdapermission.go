package resource

import (
	"context"

	"furl/internal/lambda"
)

// lambdaPermission is AWS::Lambda::Permission: a statement of a function's policy, with a generated id. Ref and Id are that
// id. Every change replaces it.
func lambdaPermission() *Type {
	return &Type{
		Name:       "AWS::Lambda::Permission",
		Properties: lambdaPermissionProperties(),
		Create:     createPermission,
		Delete: func(ctx context.Context, r *Request) error {
			in := &lambda.RemovePermissionRequest{FunctionName: text(r.Properties["FunctionName"]), StatementId: r.PhysicalID}
			return do(ctx, r, "lambda", "RemovePermission", in, lambdaMissing)
		},
		Attributes: []string{"Id"},
	}
}

func createPermission(ctx context.Context, r *Request) (*Result, error) {
	in := &lambda.AddPermissionRequest{}
	if err := fill(in, normalizeMembers(lambdaPermissionProperties(), r.Properties)); err != nil {
		return nil, err
	}
	in.StatementId = r.Name(100)
	err := do(ctx, r, "lambda", "AddPermission", in)
	if err != nil && !(r.Again && codeOf(err) == lambdaConflict) { // the id is this resource's alone
		return nil, err
	}
	return &Result{PhysicalID: in.StatementId, Attributes: map[string]any{"Id": in.StatementId}}, nil
}
