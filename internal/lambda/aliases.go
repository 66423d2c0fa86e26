package lambda

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"furl/internal/awsapi"
	"furl/internal/state"
)

// CreateAlias gives a version, or two, a name.
func (s *Service) CreateAlias(ctx context.Context, in *CreateAliasRequest) (*AliasConfiguration, error) {
	r, err := s.resolveAlias(ctx, in.FunctionName, in.Name)
	if err != nil {
		return nil, err
	}
	a := &state.Alias{
		Account: r.id.Account, Region: r.id.Region, Function: r.id.Name, Name: in.Name,
		Description: value(in.Description),
		Version:     in.FunctionVersion,
		RevisionID:  uuid.NewString(),
	}
	if err := route(a, in.RoutingConfig); err != nil {
		return nil, err
	}
	err = s.state.CreateAlias(ctx, a)
	if errors.Is(err, state.ErrExists) {
		return nil, ResourceConflictException("Alias already exists: %s", r.arn())
	}
	if err != nil {
		return nil, aliasError(err, r)
	}
	return renderAlias(r, a), nil
}

// resolveAlias is the ref of an alias. Its function's name may carry no qualifier.
func (s *Service) resolveAlias(ctx context.Context, function, name string) (ref, error) {
	r, err := s.findUnqualified(ctx, function)
	r.qualifier = name
	return r, err
}

// aliasError words why an alias was not written.
func aliasError(err error, r ref) error {
	var missing *state.MissingError
	if errors.As(err, &missing) {
		return functionNotFound(ref{r.id, missing.Version}.arn())
	}
	return stateError(err, ResourceNotFoundException("Alias not found: %s", r.arn()))
}

// route sets what share of the invocations goes to a second version.
func route(a *state.Alias, c *AliasRoutingConfiguration) error {
	if c != nil {
		if err := checkWeights(c.AdditionalVersionWeights); err != nil {
			return err
		}
		a.Other, a.Weight = "", 0
		for version, weight := range c.AdditionalVersionWeights {
			a.Other, a.Weight = version, weight
		}
	}
	switch {
	case a.Other == "":
	case a.Version == state.LatestVersion:
		return InvalidParameterValueException("$LATEST is not supported for an alias pointing to more than 1 version").WithoutType()
	case a.Version == a.Other:
		return InvalidParameterValueException("Invalid function version %s. Function version %[1]s is already included in routing configuration.", a.Other)
	}
	return nil
}

// checkWeights checks what the model only says of maps in general, in AWS's
// order: the entries, then their number.
func checkWeights(weights map[string]float64) error {
	for _, version := range slices.Sorted(maps.Keys(weights)) {
		weight, what := weights[version], ""
		switch {
		case !state.IsVersion(version) || len(version) > 1024:
			what = "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, " +
				"Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+]"
		case weight < 0 || weight > 1:
			what = "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, " +
				"Member must have value greater than or equal to 0.0, Member must not be null]"
		default:
			continue
		}
		return awsapi.ValidationException("1 validation error detected: Value '%s' at 'routingConfig.additionalVersionWeights' "+
			"failed to satisfy constraint: %s", showWeights(weights), what)
	}
	if len(weights) > 1 {
		return InvalidParameterValueException("Number of items in AdditionalVersionWeights cannot be greater than 1")
	}
	return nil
}

// showWeights prints weights as AWS's messages do: {1=0.5, 2=2.0}.
func showWeights(weights map[string]float64) string {
	var parts []string
	for _, version := range slices.Sorted(maps.Keys(weights)) {
		text := strconv.FormatFloat(weights[version], 'f', -1, 64)
		if !strings.Contains(text, ".") {
			text += ".0"
		}
		parts = append(parts, version+"="+text)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// GetAlias shows an alias.
func (s *Service) GetAlias(ctx context.Context, in *GetAliasRequest) (*AliasConfiguration, error) {
	r, err := s.resolveAlias(ctx, in.FunctionName, in.Name)
	if err != nil {
		return nil, err
	}
	f := s.state.Snapshot().Function(r.id)
	if f == nil || f.Aliases[in.Name] == nil {
		return nil, aliasNotFound(r.arn())
	}
	return renderAlias(r, f.Aliases[in.Name]), nil
}

// UpdateAlias changes what the request names. The revision is a new one even when
// nothing is changed (recorded).
func (s *Service) UpdateAlias(ctx context.Context, in *UpdateAliasRequest) (*AliasConfiguration, error) {
	r, err := s.resolveAlias(ctx, in.FunctionName, in.Name)
	if err != nil {
		return nil, err
	}
	a, err := s.state.UpdateAlias(ctx, r.id, in.Name, func(a *state.Alias) error {
		if in.RevisionId != nil && *in.RevisionId != a.RevisionID {
			return PreconditionFailedException("The Revision Id provided does not match the latest Revision Id. " +
				"Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
		}
		set(&a.Description, in.Description)
		set(&a.Version, in.FunctionVersion)
		a.RevisionID = uuid.NewString()
		return route(a, in.RoutingConfig)
	})
	if err != nil {
		return nil, aliasError(err, r)
	}
	return renderAlias(r, a), nil
}

// DeleteAlias removes an alias with its URL and its policy. As on AWS, deleting
// one that is not there succeeds.
func (s *Service) DeleteAlias(ctx context.Context, in *DeleteAliasRequest) error {
	r, err := s.resolveAlias(ctx, in.FunctionName, in.Name)
	if err != nil {
		return err
	}
	err = s.state.DeleteAlias(ctx, r.id, in.Name)
	if errors.Is(err, state.ErrNotFound) {
		return nil
	}
	return stateError(err, nil)
}

// ListAliases lists a function's aliases by name, or those that lead to a version.
func (s *Service) ListAliases(ctx context.Context, in *ListAliasesRequest) (*ListAliasesResponse, error) {
	r, f, err := s.findFunction(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	var all []*state.Alias
	for _, a := range f.Aliases {
		if v := in.FunctionVersion; v == nil || a.Version == *v || a.Other == *v {
			all = append(all, a)
		}
	}
	slices.SortFunc(all, func(a, b *state.Alias) int { return cmp.Compare(a.Name, b.Name) })
	all, next, err := pageAliases(r, all, in)
	if err != nil {
		return nil, err
	}
	out := &ListAliasesResponse{Aliases: make([]AliasConfiguration, 0, len(all)), NextMarker: next}
	for _, a := range all {
		out.Aliases = append(out.Aliases, *renderAlias(ref{r.id, a.Name}, a))
	}
	return out, nil
}

// pageAliases cuts a page out of aliases that are sorted by name. The marker is the
// ARN of the next alias (recorded), whether or not that one still exists.
func pageAliases(r ref, all []*state.Alias, in *ListAliasesRequest) (page []*state.Alias, next *string, err error) {
	if marker := value(in.Marker); marker != "" {
		name, ok := strings.CutPrefix(marker, r.unqualified()+":")
		if !ok {
			return nil, nil, InvalidParameterValueException("Invalid Marker.")
		}
		from, _ := slices.BinarySearchFunc(all, name, func(a *state.Alias, name string) int { return cmp.Compare(a.Name, name) })
		all = all[from:]
	}
	size := listPage
	if in.MaxItems != nil {
		size = min(size, *in.MaxItems)
	}
	if len(all) > size {
		next = new(ref{r.id, all[size].Name}.arn())
		all = all[:size]
	}
	return all, next, nil
}

func renderAlias(r ref, a *state.Alias) *AliasConfiguration {
	out := &AliasConfiguration{
		AliasArn:        new(r.arn()),
		Name:            &a.Name,
		FunctionVersion: &a.Version,
		Description:     &a.Description,
		RevisionId:      &a.RevisionID,
	}
	if a.Other != "" {
		out.RoutingConfig = &AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{a.Other: a.Weight}}
	}
	return out
}
