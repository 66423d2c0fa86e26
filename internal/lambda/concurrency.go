package lambda

import (
	"context"

	"furl/internal/state"
)

// An account's concurrency: what all functions share, and what must stay
// unreserved. They are AWS's default quotas.
const (
	AccountConcurrency = 1000
	minUnreserved      = 100
)

// PutFunctionConcurrency reserves concurrency for a function: the others
// cannot use it and the function cannot use more. Zero closes the function.
func (s *Service) PutFunctionConcurrency(ctx context.Context, in *PutFunctionConcurrencyRequest) (*Concurrency, error) {
	r, err := s.findUnqualified(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	missing := functionNotFound(r.latest())
	if s.state.Snapshot().Function(r.id) == nil {
		return nil, missing
	}
	n := in.ReservedConcurrentExecutions
	s.reserving.Lock()
	defer s.reserving.Unlock()
	if f := s.state.Snapshot().Function(r.id); f != nil && provisionedOf(f) > n {
		return nil, InvalidParameterValueException(" ReservedConcurrentExecutions  %d should not be lower than "+
			"function's total provisioned concurrency [%d].", n, provisionedOf(f))
	}
	if AccountConcurrency-s.reservedByOthers(r.id)-n < minUnreserved {
		return nil, InvalidParameterValueException("Specified ReservedConcurrentExecutions for function decreases account's "+
			"UnreservedConcurrentExecution below its minimum value of [%d].", minUnreserved).WithoutType()
	}
	_, err = s.state.UpdateFunction(ctx, r.id, func(f *state.Function) error {
		f.ReservedConcurrency = &n
		return nil
	})
	if err != nil {
		return nil, stateError(err, missing)
	}
	return &Concurrency{ReservedConcurrentExecutions: &n}, nil
}

func (s *Service) reservedByOthers(id state.FunctionID) int {
	sum := 0
	for _, f := range s.state.Snapshot().Functions(id.Account, id.Region) {
		if f.Function.Name != id.Name {
			sum += value(f.Function.ReservedConcurrency)
		}
	}
	return sum
}

// GetFunctionConcurrency shows a function's reserved concurrency, if any.
func (s *Service) GetFunctionConcurrency(ctx context.Context, in *GetFunctionConcurrencyRequest) (*GetFunctionConcurrencyResponse, error) {
	_, f, err := s.findFunction(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	return &GetFunctionConcurrencyResponse{ReservedConcurrentExecutions: f.Function.ReservedConcurrency}, nil
}

// DeleteFunctionConcurrency gives a function's reserved concurrency back.
func (s *Service) DeleteFunctionConcurrency(ctx context.Context, in *DeleteFunctionConcurrencyRequest) error {
	r, err := s.findUnqualified(ctx, in.FunctionName)
	if err != nil {
		return err
	}
	_, err = s.state.UpdateFunction(ctx, r.id, func(f *state.Function) error {
		f.ReservedConcurrency = nil
		return nil
	})
	return stateError(err, functionNotFound(r.unqualified()))
}
