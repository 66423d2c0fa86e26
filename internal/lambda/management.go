package lambda

import (
	"context"
	"maps"

	"furl/internal/state"
)

// GetRuntimeManagementConfig shows when a version's runtime is updated.
func (s *Service) GetRuntimeManagementConfig(ctx context.Context, in *GetRuntimeManagementConfigRequest) (*GetRuntimeManagementConfigResponse, error) {
	r, f, t, err := s.find(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	on := orDefault(f.Function.RuntimeUpdates[t.Version.Number], string(UpdateRuntimeOnAuto))
	return &GetRuntimeManagementConfigResponse{UpdateRuntimeOn: new(UpdateRuntimeOn(on)), FunctionArn: new(r.arn())}, nil
}

// PutRuntimeManagementConfig sets when a version's runtime is updated. It is kept for
// clients that read it back: interpreters here are the machine's, and are
// updated with it. For the same reason none can be asked for by its ARN.
func (s *Service) PutRuntimeManagementConfig(ctx context.Context, in *PutRuntimeManagementConfigRequest) (*PutRuntimeManagementConfigResponse, error) {
	r, _, t, err := s.find(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if in.UpdateRuntimeOn == UpdateRuntimeOnManual || in.RuntimeVersionArn != nil {
		return nil, notOffered("A runtime version of its own for a function")
	}
	_, err = s.state.UpdateFunction(ctx, r.id, func(f *state.Function) error {
		updates := maps.Clone(f.RuntimeUpdates)
		if updates == nil {
			updates = map[string]string{}
		}
		updates[t.Version.Number] = string(in.UpdateRuntimeOn)
		f.RuntimeUpdates = updates
		return nil
	})
	if err != nil {
		return nil, stateError(err, functionNotFound(r.arn()))
	}
	return &PutRuntimeManagementConfigResponse{UpdateRuntimeOn: in.UpdateRuntimeOn, FunctionArn: r.arn()}, nil
}

// GetFunctionRecursionConfig shows what is done about a function that calls itself
// without end.
func (s *Service) GetFunctionRecursionConfig(ctx context.Context, in *GetFunctionRecursionConfigRequest) (*GetFunctionRecursionConfigResponse, error) {
	_, f, err := s.findFunction(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	loop := orDefault(f.Function.RecursiveLoop, string(RecursiveLoopTerminate))
	return &GetFunctionRecursionConfigResponse{RecursiveLoop: new(RecursiveLoop(loop))}, nil
}

// PutFunctionRecursionConfig sets it. AWS detects loops through SQS, SNS and S3 only,
// none of which are here: it is kept for clients that read it back.
func (s *Service) PutFunctionRecursionConfig(ctx context.Context, in *PutFunctionRecursionConfigRequest) (*PutFunctionRecursionConfigResponse, error) {
	r, err := s.findUnqualified(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	_, err = s.state.UpdateFunction(ctx, r.id, func(f *state.Function) error {
		f.RecursiveLoop = string(in.RecursiveLoop)
		return nil
	})
	if err != nil {
		return nil, stateError(err, functionNotFound(r.unqualified()))
	}
	return &PutFunctionRecursionConfigResponse{RecursiveLoop: &in.RecursiveLoop}, nil
}
