package ssm

import (
	"context"
	"slices"
	"strings"

	"furl/internal/awsapi"
)

// DescribeParameters lists parameters without their values.
func (s *Service) DescribeParameters(ctx context.Context, in *DescribeParametersRequest) (*DescribeParametersResult, error) {
	if len(in.Filters) > 0 && len(in.ParameterFilters) > 0 {
		return nil, awsapi.ValidationException("You can use either Filters or ParameterFilters in a single request.")
	}
	filters := in.ParameterFilters
	for _, f := range in.Filters { // the older form
		filters = append(filters, ParameterStringFilter{Key: string(f.Key), Option: new("BeginsWith"), Values: f.Values})
	}
	if err := checkFilters(filters, byDescription); err != nil {
		return nil, err
	}
	all, err := s.list(ctx, "")
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(p *parameter) bool { return value(in.Shared) || !matches(p, filters) })
	page, next, err := paged(all, in.NextToken, in.MaxResults, 50, "DescribeParameters")
	if err != nil {
		return nil, err
	}
	out := &DescribeParametersResult{Parameters: make([]ParameterMetadata, 0, len(page)), NextToken: next}
	for _, p := range page {
		v := &p.Current
		out.Parameters = append(out.Parameters, ParameterMetadata{
			Name: &p.Name, ARN: new(p.id().ARN()), Type: &v.Type, KeyId: nonZero(v.KeyID), LastModifiedDate: &v.Modified,
			LastModifiedUser: &v.User, Description: nonZero(v.Description), AllowedPattern: nonZero(v.AllowedPattern),
			Version: &v.Number, Tier: &v.Tier, Policies: []ParameterInlinePolicy{}, DataType: &v.DataType,
		})
	}
	return out, nil
}

// The keys of filters that the two operations with filters know.
const (
	byDescription = "Path, Name, Type, KeyId, Tier, DataType"
	byPath        = "Type, KeyId, Label"
)

// checkFilters checks filters whose keys are among those of a list, or tags where names are filtered.
func checkFilters(filters []ParameterStringFilter, keys string) error {
	known := strings.Split(keys, ", ")
	for i, f := range filters {
		tag := strings.HasPrefix(f.Key, "tag:") && keys == byDescription
		if !tag && !slices.Contains(known, f.Key) {
			return InvalidFilterKey("The following filter key is not valid: %s. Valid filter keys include: [%s].", f.Key, keys)
		}
		if slices.ContainsFunc(filters[:i], func(g ParameterStringFilter) bool { return g.Key == f.Key }) {
			return InvalidFilterKey("The following filter key is used more than once: %s.", f.Key)
		}
		options := []string{"Equals", "BeginsWith"}
		switch f.Key {
		case "Name":
			options = append(options, "Contains")
		case "Path":
			options = []string{"Recursive", "OneLevel"}
		case "Label":
			options = options[:1]
		}
		if f.Option != nil && !slices.Contains(options, *f.Option) {
			return InvalidFilterOption("The following filter option is not valid: %s. Valid options include: [%s].", *f.Option, strings.Join(options, ", "))
		}
		if len(f.Values) == 0 && !tag {
			return InvalidFilterValue("The following filter values are missing : null for filter key %s", f.Key)
		}
		if f.Key == "Path" {
			for _, path := range f.Values {
				if err := checkPath(path); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// matches reports whether a parameter passes all filters; of the values of one any suffices.
func matches(p *parameter, filters []ParameterStringFilter) bool {
	return !slices.ContainsFunc(filters, func(f ParameterStringFilter) bool { return !passes(p, f) })
}

func passes(p *parameter, f ParameterStringFilter) bool {
	var have string
	switch f.Key {
	case "Name":
		have = p.Name
	case "Type":
		have = string(p.Current.Type)
	case "KeyId":
		have = p.Current.KeyID
	case "Tier":
		have = string(p.Current.Tier)
	case "DataType":
		have = p.Current.DataType
	case "Label":
		return slices.ContainsFunc(f.Values, func(label string) bool { return p.Labels[label] != 0 })
	case "Path":
		return slices.ContainsFunc(f.Values, func(path string) bool { return below(p.Name, path, value(f.Option) == "Recursive") })
	default:
		tag, ok := p.Tags[strings.TrimPrefix(f.Key, "tag:")]
		if !ok || len(f.Values) == 0 {
			return ok
		}
		have = tag
	}
	return slices.ContainsFunc(f.Values, func(want string) bool { return compare(have, want, value(f.Option)) })
}

func compare(have, want, option string) bool {
	switch option {
	case "BeginsWith":
		return strings.HasPrefix(have, want)
	case "Contains":
		return strings.Contains(have, want)
	}
	return have == want
}

// below reports whether a name is in the hierarchy of a path, or right below it.
func below(name, path string, recursive bool) bool {
	rest, ok := strings.CutPrefix(name, strings.TrimSuffix(path, "/")+"/")
	return ok && (recursive || !strings.Contains(rest, "/"))
}
