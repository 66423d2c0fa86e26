package lambda

import (
	"context"

	"furl/internal/authz"
)

// eventAccess is Access for the invocations that are queued or streamed and for
// their configuration; known is false for what it does not know.
func (s *Service) eventAccess(ctx context.Context, in any) (all []authz.Access, known bool, err error) {
	switch in := in.(type) {
	case *InvokeAsyncRequest:
		all, err = s.on(ctx, "InvokeAsync", in.FunctionName, nil)
	case *InvokeWithResponseStreamRequest:
		all, err = s.on(ctx, "InvokeFunction", in.FunctionName, in.Qualifier)
	case *PutFunctionEventInvokeConfigRequest:
		all, err = s.on(ctx, "PutFunctionEventInvokeConfig", in.FunctionName, in.Qualifier)
	case *UpdateFunctionEventInvokeConfigRequest:
		all, err = s.on(ctx, "UpdateFunctionEventInvokeConfig", in.FunctionName, in.Qualifier)
	case *GetFunctionEventInvokeConfigRequest:
		all, err = s.on(ctx, "GetFunctionEventInvokeConfig", in.FunctionName, in.Qualifier)
	case *DeleteFunctionEventInvokeConfigRequest:
		all, err = s.on(ctx, "DeleteFunctionEventInvokeConfig", in.FunctionName, in.Qualifier)
	case *ListFunctionEventInvokeConfigsRequest:
		all, err = s.on(ctx, "ListFunctionEventInvokeConfigs", in.FunctionName, nil)
	default:
		return nil, false, nil
	}
	return all, true, err
}
