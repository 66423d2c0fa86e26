package lambda

import (
	"context"
	"errors"

	"furl/internal/arn"
	"furl/internal/awsapi"
	"furl/internal/environment"
	"furl/internal/state"
)

// Why provisioned concurrency is not there, in AWS's word, when the function's Init
// phase is what fails.
const reasonInitFailure = "FUNCTION_ERROR_INIT_FAILURE"

// PutProvisionedConcurrencyConfig has execution environments of a version, or of what
// an alias leads to, be ready before there are invocations.
func (s *Service) PutProvisionedConcurrencyConfig(ctx context.Context, in *PutProvisionedConcurrencyConfigRequest) (*PutProvisionedConcurrencyConfigResponse, error) {
	s.reserving.Lock()
	defer s.reserving.Unlock()
	r, f, err := s.findProvisionable(ctx, in.FunctionName, in.Qualifier,
		"Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
	if err != nil {
		return nil, err
	}
	if err := checkOverlap(f, r.qualifier); err != nil {
		return nil, err
	}
	if err := s.checkProvision(f, r, in.ProvisionedConcurrentExecutions); err != nil {
		return nil, err
	}
	p := &state.Provision{Qualifier: r.qualifier, Count: in.ProvisionedConcurrentExecutions, LastModified: s.now()}
	if err := s.state.PutProvision(ctx, r.id, p); err != nil {
		return nil, stateError(err, functionNotFound(r.arn()))
	}
	shown := s.renderProvision(f, p)
	return &PutProvisionedConcurrencyConfigResponse{
		RequestedProvisionedConcurrentExecutions: shown.RequestedProvisionedConcurrentExecutions,
		AllocatedProvisionedConcurrentExecutions: shown.AllocatedProvisionedConcurrentExecutions,
		AvailableProvisionedConcurrentExecutions: shown.AvailableProvisionedConcurrentExecutions,
		Status:                                   new(ProvisionedConcurrencyStatusEnumInProgress), // as on AWS, always at first
		LastModified:                             shown.LastModified,
	}, nil
}

// findProvisionable resolves a version or an alias; latest is the refusal of $LATEST.
func (s *Service) findProvisionable(ctx context.Context, name, qualifier, latest string) (ref, *state.FunctionEntry, error) {
	r, err := s.resolve(ctx, name, &qualifier)
	if err != nil {
		return r, nil, err
	}
	if r.qualifier == state.LatestVersion {
		return r, nil, InvalidParameterValueException("%s", latest)
	}
	f, _ := s.lookup(r)
	switch {
	case f != nil:
		return r, f, nil
	case state.IsVersion(r.qualifier) || s.state.Snapshot().Function(r.id) == nil:
		return r, nil, functionNotFound(r.arn())
	}
	return r, nil, aliasNotFound(r.arn())
}

// checkOverlap refuses provisioned concurrency of a version both by itself and by an
// alias.
func checkOverlap(f *state.FunctionEntry, qualifier string) error {
	if a := f.Aliases[qualifier]; a != nil {
		if f.Provisions[a.Version] != nil || a.Other != "" && f.Provisions[a.Other] != nil {
			return ResourceConflictException("Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version")
		}
		return nil
	}
	for name := range f.Provisions {
		if a := f.Aliases[name]; a != nil && (a.Version == qualifier || a.Other == qualifier) {
			return ResourceConflictException("Version is pointed by a Provisioned Concurrency alias")
		}
	}
	return nil
}

// checkProvision refuses more than the function's reserved concurrency, the account's
// or this server has.
func (s *Service) checkProvision(f *state.FunctionEntry, r ref, n int) error {
	others := provisionedOf(f) - countOf(f.Provisions[r.qualifier])
	if reserved := f.Function.ReservedConcurrency; reserved != nil {
		if others+n > *reserved {
			return InvalidParameterValueException("Requested Provisioned Concurrency should not be greater than " +
				"the reservedConcurrentExecution for function")
		}
	} else if free := s.unreserved(r.id) - others; n > free {
		return InvalidParameterValueException("Specified ConcurrentExecutions for function is greater than "+
			"account's unreserved concurrency [%d].", free).WithoutType()
	} else if free-n < minUnreserved {
		return InvalidParameterValueException("Specified ConcurrentExecutions for function decreases "+
			"account's UnreservedConcurrentExecution below its minimum value of [%d].", minUnreserved).WithoutType()
	}
	for e := range s.state.Snapshot().Provisioned {
		if e.Function.ID() != r.id {
			others += provisionedOf(e)
		}
	}
	if room := s.pool.Capacity(); others+n > room {
		return InvalidParameterValueException("Provisioned concurrency of %d in total: this server has room for %d execution environments "+
			"(max-environments).", others+n, room)
	}
	return nil
}

// unreserved is the account's concurrency that no function but this one has reserved or provisioned.
func (s *Service) unreserved(id state.FunctionID) int {
	free := AccountConcurrency - s.reservedByOthers(id)
	for e := range s.state.Snapshot().Provisioned {
		if e.Function.Account == id.Account && e.Function.Name != id.Name && e.Function.ReservedConcurrency == nil {
			free -= provisionedOf(e)
		}
	}
	return free
}

// provisionedOf is a function's provisioned concurrency in total.
func provisionedOf(f *state.FunctionEntry) int {
	sum := 0
	for _, p := range f.Provisions {
		sum += p.Count
	}
	return sum
}

func countOf(p *state.Provision) int {
	if p == nil {
		return 0
	}
	return p.Count
}

// GetProvisionedConcurrencyConfig shows how far the provisioned concurrency of a version or
// an alias is.
func (s *Service) GetProvisionedConcurrencyConfig(ctx context.Context, in *GetProvisionedConcurrencyConfigRequest) (*GetProvisionedConcurrencyConfigResponse, error) {
	r, f, err := s.findProvisionable(ctx, in.FunctionName, in.Qualifier, notProvisionable)
	if err != nil {
		return nil, err
	}
	p := f.Provisions[r.qualifier]
	if p == nil {
		return nil, noProvision()
	}
	return s.renderProvision(f, p), nil
}

// ListProvisionedConcurrencyConfigs lists a function's.
func (s *Service) ListProvisionedConcurrencyConfigs(ctx context.Context, in *ListProvisionedConcurrencyConfigsRequest) (*ListProvisionedConcurrencyConfigsResponse, error) {
	r, f, err := s.findFunction(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	page, next, err := awsapi.Page(f.SortedProvisions(), func(p *state.Provision) string { return p.Qualifier }, awsapi.Paging{
		Operation: "ListProvisionedConcurrencyConfigs " + r.unqualified(), Marker: in.Marker, MaxItems: in.MaxItems, Size: listPage, Most: listPage,
	})
	if err != nil {
		return nil, err
	}
	out := &ListProvisionedConcurrencyConfigsResponse{NextMarker: next,
		ProvisionedConcurrencyConfigs: make([]ProvisionedConcurrencyConfigListItem, 0, len(page))}
	for _, p := range page {
		shown := s.renderProvision(f, p)
		out.ProvisionedConcurrencyConfigs = append(out.ProvisionedConcurrencyConfigs, ProvisionedConcurrencyConfigListItem{
			FunctionArn:                              new(arn.Function(r.id.Region, r.id.Account, r.id.Name, p.Qualifier)),
			RequestedProvisionedConcurrentExecutions: shown.RequestedProvisionedConcurrentExecutions,
			AllocatedProvisionedConcurrentExecutions: shown.AllocatedProvisionedConcurrentExecutions,
			AvailableProvisionedConcurrentExecutions: shown.AvailableProvisionedConcurrentExecutions,
			Status:                                   shown.Status, StatusReason: shown.StatusReason, LastModified: shown.LastModified,
		})
	}
	return out, nil
}

// DeleteProvisionedConcurrencyConfig gives provisioned concurrency back.
func (s *Service) DeleteProvisionedConcurrencyConfig(ctx context.Context, in *DeleteProvisionedConcurrencyConfigRequest) error {
	r, _, err := s.findProvisionable(ctx, in.FunctionName, in.Qualifier, notProvisionable)
	if err != nil {
		return err
	}
	err = s.state.DeleteProvision(ctx, r.id, r.qualifier)
	if errors.Is(err, state.ErrNotFound) { // as on AWS, it is as it was asked for
		return nil
	}
	return stateError(err, nil)
}

const notProvisionable = "The function resource provided must be an alias or a published version."

func noProvision() *awsapi.Error {
	return ProvisionedConcurrencyConfigNotFoundException("No Provisioned Concurrency Config found for this function")
}

// renderProvision shows what was asked for and how much of it there is.
func (s *Service) renderProvision(f *state.FunctionEntry, p *state.Provision) *GetProvisionedConcurrencyConfigResponse {
	var sum environment.Readiness
	for _, share := range f.Shares(p) {
		r := s.pool.Ready(share.Target)
		allocated := min(r.Allocated, share.Count)
		sum.Allocated += allocated
		sum.Idle += min(r.Idle, allocated)
		if r.Failed != "" {
			sum.Failed = r.Failed
		}
	}
	out := &GetProvisionedConcurrencyConfigResponse{
		RequestedProvisionedConcurrentExecutions: &p.Count,
		AllocatedProvisionedConcurrentExecutions: &sum.Allocated,
		AvailableProvisionedConcurrentExecutions: &sum.Idle,
		Status:                                   new(ProvisionedConcurrencyStatusEnumInProgress),
		LastModified:                             new(lastModified(p.LastModified)),
	}
	switch {
	case sum.Allocated >= p.Count:
		out.Status = new(ProvisionedConcurrencyStatusEnumReady)
	case sum.Failed != "":
		out.Status, out.StatusReason = new(ProvisionedConcurrencyStatusEnumFailed), new(reasonInitFailure)
	}
	return out
}
