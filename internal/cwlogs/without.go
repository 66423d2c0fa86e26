package cwlogs

import "context"

// What log groups can have at AWS and have not here is answered as it is: there is none. Clients such as Terraform ask.

// DescribeMetricFilters lists the metric filters of a group: there are none.
func (s *Service) DescribeMetricFilters(ctx context.Context, in *DescribeMetricFiltersRequest) (*DescribeMetricFiltersResponse, error) {
	if in.LogGroupName != nil {
		if _, err := s.find(s.own(ctx, *in.LogGroupName)); err != nil {
			return nil, err
		}
	}
	return &DescribeMetricFiltersResponse{MetricFilters: []MetricFilter{}}, nil
}

// DescribeSubscriptionFilters lists the subscription filters of a group: there are none.
func (s *Service) DescribeSubscriptionFilters(ctx context.Context, in *DescribeSubscriptionFiltersRequest) (*DescribeSubscriptionFiltersResponse, error) {
	if _, err := s.find(s.own(ctx, in.LogGroupName)); err != nil {
		return nil, err
	}
	return &DescribeSubscriptionFiltersResponse{SubscriptionFilters: []SubscriptionFilter{}}, nil
}

// DescribeResourcePolicies lists the account's policies on log groups: there are none.
func (s *Service) DescribeResourcePolicies(context.Context, *DescribeResourcePoliciesRequest) (*DescribeResourcePoliciesResponse, error) {
	return &DescribeResourcePoliciesResponse{ResourcePolicies: []ResourcePolicy{}}, nil
}

// DescribeIndexPolicies lists the field indexes of groups: there are none.
func (s *Service) DescribeIndexPolicies(ctx context.Context, in *DescribeIndexPoliciesRequest) (*DescribeIndexPoliciesResponse, error) {
	for _, identifier := range in.LogGroupIdentifiers {
		if _, err := s.find(s.identifier(ctx, identifier)); err != nil {
			return nil, err
		}
	}
	return &DescribeIndexPoliciesResponse{IndexPolicies: []IndexPolicy{}}, nil
}

// GetDataProtectionPolicy shows a group's data protection policy: it has none.
func (s *Service) GetDataProtectionPolicy(ctx context.Context, in *GetDataProtectionPolicyRequest) (*GetDataProtectionPolicyResponse, error) {
	if _, err := s.find(s.identifier(ctx, in.LogGroupIdentifier)); err != nil {
		return nil, err
	}
	return &GetDataProtectionPolicyResponse{LogGroupIdentifier: &in.LogGroupIdentifier}, nil
}

// TestMetricFilter shows which of some messages a filter pattern selects.
func (s *Service) TestMetricFilter(_ context.Context, in *TestMetricFilterRequest) (*TestMetricFilterResponse, error) {
	pattern, err := filterPattern(&in.FilterPattern)
	if err != nil {
		return nil, err
	}
	out := &TestMetricFilterResponse{Matches: []MetricFilterMatchRecord{}}
	for i, message := range in.LogEventMessages {
		if pattern.Match(message) {
			out.Matches = append(out.Matches, MetricFilterMatchRecord{
				EventNumber: new(int64(i + 1)), EventMessage: &message, ExtractedValues: pattern.Extract(message),
			})
		}
	}
	return out, nil
}
