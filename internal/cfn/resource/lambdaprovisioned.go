package resource

import (
	"context"
	"errors"

	"furl/internal/lambda"
)

// provision gives an alias or a version the provisioned concurrency that the property says, if that differs, and waits
// until it is there.
func provision(ctx context.Context, r *Request, name, qualifier string, old, next any) error {
	if same(old, next) {
		return nil
	}
	if next == nil {
		in := &lambda.DeleteProvisionedConcurrencyConfigRequest{FunctionName: name, Qualifier: qualifier}
		return do(ctx, r, "lambda", "DeleteProvisionedConcurrencyConfig", in, lambdaMissing)
	}
	in := &lambda.PutProvisionedConcurrencyConfigRequest{FunctionName: name, Qualifier: qualifier}
	if err := fill(in, object(next)); err != nil {
		return err
	}
	if err := do(ctx, r, "lambda", "PutProvisionedConcurrencyConfig", in); err != nil {
		return err
	}
	return provisioned(ctx, r, name, qualifier)
}

func provisioned(ctx context.Context, r *Request, name, qualifier string) error {
	in := &lambda.GetProvisionedConcurrencyConfigRequest{FunctionName: name, Qualifier: qualifier}
	return poll(ctx, func() (bool, error) {
		out, err := invoke[lambda.GetProvisionedConcurrencyConfigResponse](ctx, r, "lambda", "GetProvisionedConcurrencyConfig", in)
		switch {
		case err != nil:
			return false, err
		case out.Status == nil || *out.Status == lambda.ProvisionedConcurrencyStatusEnumInProgress:
			return false, nil
		case *out.Status == lambda.ProvisionedConcurrencyStatusEnumFailed && out.StatusReason != nil:
			return false, errors.New(*out.StatusReason)
		case *out.Status == lambda.ProvisionedConcurrencyStatusEnumFailed:
			return false, errors.New("provisioned concurrency: Failed")
		}
		return true, nil
	})
}
