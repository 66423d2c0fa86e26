package ssm

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"furl/internal/awsapi"
)

// resolve finds the parameter that a request names; nil if there is none.
func (s *Service) resolve(ctx context.Context, text string) (reference, *parameter, error) {
	ref := s.refer(ctx, text)
	if ref.Account != account(ctx) || ref.Region != s.region || !wellFormed(ref.Name) {
		return ref, nil, nil
	}
	p, _, err := s.find(ctx, ref.parameterID)
	if p == nil && err == nil && strings.HasPrefix(text, "arn:") && !strings.HasPrefix(ref.Name, "/") {
		ref.Name = "/" + ref.Name
		p, _, err = s.find(ctx, ref.parameterID)
	}
	return ref, p, err
}

// read finds the version of a parameter that a request names.
func (s *Service) read(ctx context.Context, text string) (reference, *parameter, *version, error) {
	ref, p, err := s.resolve(ctx, text)
	if err != nil {
		return ref, nil, nil, err
	}
	if p == nil {
		return ref, nil, nil, ParameterNotFound("")
	}
	if ref.selector == "" {
		return ref, p, &p.Current, nil
	}
	number := ref.number()
	if number == 0 {
		number = p.Labels[ref.selector[1:]]
		if number == 0 {
			return ref, nil, nil, ParameterVersionNotFound("Systems Manager could not find label %s for parameter %s. Verify the label and try again.", ref.selector[1:], p.Name)
		}
	}
	v, err := s.versionOf(ctx, p.id(), number)
	if err == nil && v == nil {
		err = ParameterVersionNotFound("Systems Manager could not find version %d of %s. Verify the version and try again.", number, p.Name)
	}
	return ref, p, v, err
}

// GetParameter shows a parameter.
func (s *Service) GetParameter(ctx context.Context, in *GetParameterRequest) (*GetParameterResult, error) {
	ref, p, v, err := s.read(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	out, err := s.render(p, v, value(in.WithDecryption))
	if err != nil {
		return nil, err
	}
	out.Selector = nonZero(ref.selector)
	return &GetParameterResult{Parameter: out}, nil
}

// GetParameters shows several parameters and says which are not there.
func (s *Service) GetParameters(ctx context.Context, in *GetParametersRequest) (*GetParametersResult, error) {
	out := &GetParametersResult{Parameters: []Parameter{}, InvalidParameters: []string{}}
	for i, name := range in.Names {
		if slices.Contains(in.Names[:i], name) {
			return nil, awsapi.ValidationException("Duplicate values for Names are not allowed: %s", name)
		}
		ref, p, v, err := s.read(ctx, name)
		if e, ok := err.(*awsapi.Error); ok && (e.Code == "ParameterNotFound" || e.Code == "ParameterVersionNotFound") {
			out.InvalidParameters = append(out.InvalidParameters, name)
			continue
		}
		if err != nil {
			return nil, err
		}
		one, err := s.render(p, v, value(in.WithDecryption))
		if err != nil {
			return nil, err
		}
		one.Selector = nonZero(ref.selector)
		out.Parameters = append(out.Parameters, *one)
	}
	return out, nil
}

// GetParametersByPath shows the parameters of a hierarchy.
func (s *Service) GetParametersByPath(ctx context.Context, in *GetParametersByPathRequest) (*GetParametersByPathResult, error) {
	if err := checkPath(in.Path); err != nil {
		return nil, err
	}
	if err := checkFilters(in.ParameterFilters, byPath); err != nil {
		return nil, err
	}
	path := strings.TrimSuffix(in.Path, "/") + "/"
	all, err := s.list(ctx, path)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(p *parameter) bool {
		deeper := strings.Contains(p.Name[len(path):], "/")
		return deeper && !value(in.Recursive) || !matches(p, in.ParameterFilters)
	})
	page, next, err := paged(all, in.NextToken, in.MaxResults, 10, "GetParametersByPath "+path)
	if err != nil {
		return nil, err
	}
	out := &GetParametersByPathResult{Parameters: make([]Parameter, 0, len(page)), NextToken: next}
	for _, p := range page {
		v, err := s.labelled(ctx, p, in.ParameterFilters)
		if err != nil {
			return nil, err
		}
		one, err := s.render(p, v, value(in.WithDecryption))
		if err != nil {
			return nil, err
		}
		out.Parameters = append(out.Parameters, *one)
	}
	return out, nil
}

// labelled is the version of a parameter that a filter by label asks for, else the newest.
func (s *Service) labelled(ctx context.Context, p *parameter, filters []ParameterStringFilter) (*version, error) {
	for _, f := range filters {
		if f.Key != "Label" {
			continue
		}
		for _, label := range f.Values {
			if number := p.Labels[label]; number != 0 && number != p.Current.Number {
				return s.versionOf(ctx, p.id(), number)
			}
		}
	}
	return &p.Current, nil
}

func checkPath(path string) error {
	if !strings.HasPrefix(path, "/") || path != "/" && !wellFormed(strings.TrimSuffix(path, "/")) {
		return awsapi.ValidationException(`The parameter doesn't meet the parameter name requirements. The parameter name must begin with a forward slash "/". It can't be prefixed with "aws" or "ssm" (case-insensitive). It must use only letters, numbers, or the following symbols: . (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward slash symbol "/". Valid example: /get/parameters2-/by1./path0_.`)
	}
	return nil
}

// GetParameterHistory shows the versions of a parameter, oldest first.
func (s *Service) GetParameterHistory(ctx context.Context, in *GetParameterHistoryRequest) (*GetParameterHistoryResult, error) {
	_, p, err := s.resolve(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, ParameterNotFound("")
	}
	recs, err := s.store.List(ctx, p.id().versions(), "", maxVersions+1)
	if err != nil {
		return nil, fmt.Errorf("ssm: read the versions of %s: %w", p.Name, err)
	}
	all := make([]*version, 0, len(recs))
	for _, rec := range recs {
		v, err := decode[version](rec)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	page, next, err := awsapi.Page(all, func(v *version) string { return fmt.Sprintf("%010d", v.Number) },
		awsapi.Paging{Operation: "GetParameterHistory " + p.Name, Marker: in.NextToken, MaxItems: in.MaxResults, Size: 50, Most: 50})
	if err != nil {
		return nil, invalidToken()
	}
	out := &GetParameterHistoryResult{Parameters: make([]ParameterHistory, 0, len(page)), NextToken: next}
	for _, v := range page {
		text, err := s.text(p, v, value(in.WithDecryption))
		if err != nil {
			return nil, err
		}
		labels := slices.Sorted(slices.Values(p.labels(v.Number)))
		if labels == nil {
			labels = []string{}
		}
		out.Parameters = append(out.Parameters, ParameterHistory{
			Name: &p.Name, Type: &v.Type, KeyId: nonZero(v.KeyID), LastModifiedDate: &v.Modified, LastModifiedUser: &v.User,
			Description: nonZero(v.Description), Value: &text, AllowedPattern: nonZero(v.AllowedPattern), Version: &v.Number,
			Labels: labels, Tier: &v.Tier, Policies: []ParameterInlinePolicy{}, DataType: &v.DataType,
		})
	}
	return out, nil
}

// render is a version of a parameter as answers show it.
func (s *Service) render(p *parameter, v *version, decrypted bool) (*Parameter, error) {
	text, err := s.text(p, v, decrypted)
	if err != nil {
		return nil, err
	}
	return &Parameter{
		Name: &p.Name, Type: &v.Type, Value: &text, Version: &v.Number, LastModifiedDate: &v.Modified,
		ARN: new(p.id().ARN()), DataType: &v.DataType,
	}, nil
}

// text is the value of a version. That of a SecureString is what is sealed, in base64, unless it is to be decrypted.
func (s *Service) text(p *parameter, v *version, decrypted bool) (string, error) {
	switch {
	case v.Type != ParameterTypeSecureString:
		return v.Value, nil
	case !decrypted:
		return base64.StdEncoding.EncodeToString(v.Sealed), nil
	}
	plain, err := s.box.Open(v.Sealed, p.id().versionKey(v.Number))
	if err != nil {
		return "", fmt.Errorf("ssm: %s: %w", p.Name, err)
	}
	return string(plain), nil
}

// paged is a page of parameters, by name.
func paged(all []*parameter, token *string, most *int, size int, operation string) ([]*parameter, *string, error) {
	slices.SortFunc(all, func(a, b *parameter) int { return strings.Compare(a.Name, b.Name) })
	page, next, err := awsapi.Page(all, func(p *parameter) string { return p.Name },
		awsapi.Paging{Operation: operation, Marker: token, MaxItems: most, Size: size, Most: size})
	if err != nil {
		return nil, nil, invalidToken()
	}
	return page, next, nil
}

func invalidToken() error { return InvalidNextToken("The specified token isn't valid.") }
