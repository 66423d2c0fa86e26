package lambda

import (
	"context"
	"errors"

	"furl/internal/arn"
	"furl/internal/awsapi"
	"furl/internal/state"
)

// ref is what a FunctionName and a Qualifier name together.
type ref struct {
	id        state.FunctionID
	qualifier string // "" where the request gives none
}

// arn is the ARN of what the ref names.
func (r ref) arn() string { return arn.Function(r.id.Region, r.id.Account, r.id.Name, r.qualifier) }

// unqualified is the function's own ARN.
func (r ref) unqualified() string { return arn.Function(r.id.Region, r.id.Account, r.id.Name, "") }

// latest is the function's ARN with the qualifier $LATEST, as Invoke and the
// concurrency operations name a missing function.
func (r ref) latest() string {
	return arn.Function(r.id.Region, r.id.Account, r.id.Name, state.LatestVersion)
}

// resolve reads a FunctionName in any of its spellings. The ref is good even
// with an error, except for a name that is none.
func (s *Service) resolve(ctx context.Context, name string, qualifier *string) (ref, error) {
	n, err := arn.ParseFunctionName(name)
	if err != nil { // validation lets only good names through
		return ref{}, InvalidParameterValueException("%s is not a function name", name)
	}
	r := ref{
		id: state.FunctionID{
			Account: orDefault(n.Account, account(ctx)),
			Region:  orDefault(n.Region, s.region),
			Name:    n.Name,
		},
		qualifier: n.Qualifier,
	}
	if qualifier != nil {
		r.qualifier = *qualifier
	}
	switch {
	case r.id.Region != s.region:
		return r, ResourceNotFoundException("Functions from '%s' are not reachable in this region ('%s')", r.id.Region, s.region)
	case n.Qualifier != "" && n.Qualifier != r.qualifier:
		return r, InvalidParameterValueException("The derived qualifier from the function name does not match the specified qualifier.")
	}
	return r, nil
}

func orDefault(s, d string) string {
	if s == "" {
		return d
	}
	return s
}

// find resolves a name to the version of a function that the qualifier names or
// that the alias leads to.
func (s *Service) find(ctx context.Context, name string, qualifier *string) (ref, *state.FunctionEntry, *state.Target, error) {
	r, err := s.resolve(ctx, name, qualifier)
	if err != nil {
		return ref{}, nil, nil, err
	}
	f, routing := s.lookup(r)
	if f == nil {
		return ref{}, nil, nil, functionNotFound(r.arn())
	}
	return r, f, routing.Target, nil
}

// findUnpublished resolves the name of a function that is to be made: only
// $LATEST can be.
func (s *Service) findUnpublished(ctx context.Context, name string) (ref, error) {
	r, err := s.resolve(ctx, name, nil)
	if err == nil && r.qualifier != "" && r.qualifier != state.LatestVersion {
		err = qualifiedName()
	}
	return r, err
}

// findForUpdate resolves the name of a function that is to be changed.
func (s *Service) findForUpdate(ctx context.Context, name string) (ref, *state.FunctionEntry, error) {
	r, err := s.findUnpublished(ctx, name)
	if err != nil {
		return ref{}, nil, err
	}
	f := s.state.Snapshot().Function(r.id)
	if f == nil {
		return ref{}, nil, functionNotFound(r.arn())
	}
	return r, f, nil
}

// findUnqualified resolves a name that must not carry a qualifier.
func (s *Service) findUnqualified(ctx context.Context, name string) (ref, error) {
	r, err := s.resolve(ctx, name, nil)
	if err == nil && r.qualifier != "" {
		err = qualifiedName()
	}
	return r, err
}

// findFunction is findUnqualified for a function that must be there.
func (s *Service) findFunction(ctx context.Context, name string) (ref, *state.FunctionEntry, error) {
	r, err := s.findUnqualified(ctx, name)
	if err != nil {
		return r, nil, err
	}
	f := s.state.Snapshot().Function(r.id)
	if f == nil {
		return r, nil, functionNotFound(r.unqualified())
	}
	return r, f, nil
}

func qualifiedName() *awsapi.Error {
	return InvalidParameterValueException("This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. " +
		"Please specify either a function name or an unqualified function ARN.")
}

// lookup returns the function of a ref and what its qualifier leads to; nil when
// one of them is not there.
func (s *Service) lookup(r ref) (*state.FunctionEntry, state.Routing) {
	f := s.state.Snapshot().Function(r.id)
	if f == nil {
		return nil, state.Routing{}
	}
	routing, ok := f.Routing(r.qualifier)
	if !ok {
		return nil, state.Routing{}
	}
	return f, routing
}

func functionNotFound(arn string) *awsapi.Error {
	return ResourceNotFoundException("Function not found: %s", arn)
}

// stateError turns what a transaction answers into the API's errors; missing
// is the answer for a record that is not there.
func stateError(err error, missing *awsapi.Error) error {
	switch {
	case errors.Is(err, state.ErrNotFound):
		return missing
	case errors.Is(err, state.ErrConflict):
		return TooManyRequestsException("Rate exceeded").WithMember("Reason", "CallerRateLimitExceeded")
	}
	return err
}
