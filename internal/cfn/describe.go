package cfn

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"

	"furl/internal/cfn/stack"
	"furl/internal/template"
)

// onPage is how many items an answer has.
const onPage = 100

// pageOf is the part of a list that a token names: the number of items before it.
func pageOf[T any](items []T, token *string, most int) (page []T, next *string, err error) {
	from := 0
	if token != nil {
		if from, err = strconv.Atoi(*token); err != nil || from < 0 || from > len(items) {
			return nil, nil, invalid("Invalid NextToken")
		}
	}
	to := min(len(items), from+most)
	if to < len(items) {
		next = new(strconv.Itoa(to))
	}
	return list(items[from:to]), next, nil
}

// DescribeStacks tells of one stack, or of all that there are.
func (s *Service) DescribeStacks(ctx context.Context, in *DescribeStacksInput) (*DescribeStacksOutput, error) {
	if in.StackName != nil {
		st, err := s.stack(ctx, *in.StackName)
		if err != nil {
			return nil, err
		}
		return &DescribeStacksOutput{Stacks: []Stack{stackOf(st)}}, nil
	}
	all, err := s.runner.Stacks(ctx, account(ctx), s.region)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(st *stack.Stack) bool { return st.Status == stack.DeleteComplete })
	page, next, err := pageOf(all, in.NextToken, onPage)
	if err != nil {
		return nil, err
	}
	out := &DescribeStacksOutput{Stacks: []Stack{}, NextToken: next}
	for _, st := range page {
		out.Stacks = append(out.Stacks, stackOf(st))
	}
	return out, nil
}

func stackOf(st *stack.Stack) Stack {
	out := Stack{
		StackId: &st.ID, StackName: st.Name, ChangeSetId: nonEmpty(st.ChangeSetID), Description: nonEmpty(st.Now.Description),
		Parameters: parametersOf(&st.Now), CreationTime: st.Created, LastUpdatedTime: at(st.Updated), DeletionTime: at(st.Deleted),
		RollbackConfiguration: &RollbackConfiguration{}, StackStatus: StackStatus(st.Status), StackStatusReason: nonEmpty(st.Reason),
		DisableRollback: new(st.OnFailure == "DO_NOTHING" || st.DisableRollback), NotificationARNs: list(st.Now.NotificationARNs),
		Capabilities: capabilitiesOf(&st.Now), RoleARN: nonEmpty(st.RoleARN), Tags: list(tagsOf(st.Now.Tags)),
		EnableTerminationProtection: new(st.Protected), ParentId: nonEmpty(st.ParentID), RootId: nonEmpty(st.RootID),
		DriftInformation: &StackDriftInformation{StackDriftStatus: StackDriftStatusNotChecked},
	}
	if st.Timeout > 0 {
		out.TimeoutInMinutes = &st.Timeout
	}
	for _, o := range st.Outputs {
		out.Outputs = append(out.Outputs, Output{OutputKey: &o.Key, OutputValue: &o.Value, Description: nonEmpty(o.Description), ExportName: nonEmpty(o.Export)})
	}
	return out
}

func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func parametersOf(d *stack.Definition) []Parameter {
	var out []Parameter
	for _, p := range d.Parameters {
		one := Parameter{ParameterKey: &p.Key, ParameterValue: &p.Value, ResolvedValue: nonEmpty(p.Resolved)}
		if p.Secret {
			one.ParameterValue = new("****")
		}
		out = append(out, one)
	}
	return out
}

func capabilitiesOf(d *stack.Definition) []Capability {
	var out []Capability
	for _, c := range d.Capabilities {
		out = append(out, Capability(c))
	}
	return out
}

func tagsOf(tags map[string]string) []Tag {
	var out []Tag
	for _, key := range sorted(tags) {
		out = append(out, Tag{Key: key, Value: tags[key]})
	}
	return out
}

// ListStacks tells of all stacks in short, deleted ones included.
func (s *Service) ListStacks(ctx context.Context, in *ListStacksInput) (*ListStacksOutput, error) {
	all, err := s.runner.Stacks(ctx, account(ctx), s.region)
	if err != nil {
		return nil, err
	}
	if len(in.StackStatusFilter) > 0 {
		all = slices.DeleteFunc(all, func(st *stack.Stack) bool { return !slices.Contains(in.StackStatusFilter, StackStatus(st.Status)) })
	}
	page, next, err := pageOf(all, in.NextToken, onPage)
	if err != nil {
		return nil, err
	}
	out := &ListStacksOutput{StackSummaries: []StackSummary{}, NextToken: next}
	for _, st := range page {
		out.StackSummaries = append(out.StackSummaries, StackSummary{
			StackId: &st.ID, StackName: st.Name, TemplateDescription: nonEmpty(st.Now.Description), CreationTime: st.Created,
			LastUpdatedTime: at(st.Updated), DeletionTime: at(st.Deleted), StackStatus: StackStatus(st.Status),
			StackStatusReason: nonEmpty(st.Reason), ParentId: nonEmpty(st.ParentID), RootId: nonEmpty(st.RootID),
			DriftInformation: &StackDriftInformationSummary{StackDriftStatus: StackDriftStatusNotChecked},
		})
	}
	return out, nil
}

// DescribeStackEvents are the events of a stack, the newest first.
func (s *Service) DescribeStackEvents(ctx context.Context, in *DescribeStackEventsInput) (*DescribeStackEventsOutput, error) {
	st, err := s.runner.Stack(ctx, account(ctx), s.region, in.StackName)
	if errors.Is(err, stack.ErrNoStack) {
		return nil, invalid("Stack [%s] does not exist", in.StackName)
	}
	if err != nil {
		return nil, err
	}
	all, err := s.runner.Events(ctx, st.ID)
	if err != nil {
		return nil, err
	}
	page, next, err := pageOf(all, in.NextToken, onPage)
	if err != nil {
		return nil, err
	}
	out := &DescribeStackEventsOutput{StackEvents: []StackEvent{}, NextToken: next}
	for _, e := range page {
		out.StackEvents = append(out.StackEvents, StackEvent{
			StackId: st.ID, EventId: e.ID, StackName: st.Name, LogicalResourceId: &e.LogicalID, PhysicalResourceId: &e.PhysicalID,
			ResourceType: &e.Type, Timestamp: e.Time, ResourceStatus: new(ResourceStatus(e.Status)), ResourceStatusReason: nonEmpty(e.Reason),
			ClientRequestToken: nonEmpty(e.Token),
		})
	}
	return out, nil
}

// resourcesOf are the resources that a stack has, or had.
func (s *Service) resourcesOf(ctx context.Context, st *stack.Stack) ([]*stack.Resource, error) {
	all, err := s.runner.Resources(ctx, st.ID)
	return slices.DeleteFunc(all, func(r *stack.Resource) bool {
		return st.Status != stack.DeleteComplete && r.Status == stack.DeleteComplete
	}), err
}

// physical is the physical id of a resource, that of a step that failed included.
func physical(r *stack.Resource) *string {
	if r.Now.PhysicalID == "" && r.Target != nil {
		return nonEmpty(r.Target.PhysicalID)
	}
	return nonEmpty(r.Now.PhysicalID)
}

// DescribeStackResource tells of one resource.
func (s *Service) DescribeStackResource(ctx context.Context, in *DescribeStackResourceInput) (*DescribeStackResourceOutput, error) {
	st, err := s.runner.Stack(ctx, account(ctx), s.region, in.StackName)
	if errors.Is(err, stack.ErrNoStack) {
		return nil, invalid("Stack '%s' does not exist", in.StackName)
	}
	if err != nil {
		return nil, err
	}
	all, err := s.resourcesOf(ctx, st)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(r *stack.Resource) bool { return r.LogicalID == in.LogicalResourceId })
	if i < 0 {
		return nil, invalid("Resource %s does not exist for stack %s", in.LogicalResourceId, in.StackName)
	}
	r := all[i]
	detail := &StackResourceDetail{
		StackName: &st.Name, StackId: &st.ID, LogicalResourceId: r.LogicalID, PhysicalResourceId: physical(r), ResourceType: r.Type,
		LastUpdatedTimestamp: r.Updated, ResourceStatus: ResourceStatus(r.Status), ResourceStatusReason: nonEmpty(r.Reason),
		Metadata:         s.metadata(st, r.LogicalID),
		DriftInformation: &StackResourceDriftInformation{StackResourceDriftStatus: StackResourceDriftStatusNotChecked},
	}
	return &DescribeStackResourceOutput{StackResourceDetail: detail}, nil
}

// metadata is what the template says of a resource in its Metadata.
func (s *Service) metadata(st *stack.Stack, id string) *string {
	doc, err := template.Read([]byte(st.Now.Template()))
	if err != nil {
		return nil
	}
	resources, _ := doc["Resources"].(map[string]any)
	r, _ := resources[id].(map[string]any)
	if r["Metadata"] == nil {
		return nil
	}
	b, err := json.Marshal(r["Metadata"])
	if err != nil {
		return nil
	}
	return new(string(b))
}

// DescribeStackResources tells of the resources of a stack, or of the one that has a resource.
func (s *Service) DescribeStackResources(ctx context.Context, in *DescribeStackResourcesInput) (*DescribeStackResourcesOutput, error) {
	st, err := s.holder(ctx, in)
	if err != nil {
		return nil, err
	}
	all, err := s.resourcesOf(ctx, st)
	if err != nil {
		return nil, err
	}
	out := &DescribeStackResourcesOutput{StackResources: []StackResource{}}
	for _, r := range all {
		if in.LogicalResourceId != nil && *in.LogicalResourceId != r.LogicalID ||
			in.PhysicalResourceId != nil && in.StackName == nil && *in.PhysicalResourceId != value(physical(r)) {
			continue
		}
		out.StackResources = append(out.StackResources, StackResource{
			StackName: &st.Name, StackId: &st.ID, LogicalResourceId: r.LogicalID, PhysicalResourceId: physical(r), ResourceType: r.Type,
			Timestamp: r.Updated, ResourceStatus: ResourceStatus(r.Status), ResourceStatusReason: nonEmpty(r.Reason),
			DriftInformation: &StackResourceDriftInformation{StackResourceDriftStatus: StackResourceDriftStatusNotChecked},
		})
	}
	return out, nil
}

// holder is the stack that a request names, by itself or by a resource of it.
func (s *Service) holder(ctx context.Context, in *DescribeStackResourcesInput) (*stack.Stack, error) {
	if in.StackName != nil {
		return s.stack(ctx, *in.StackName)
	}
	if in.PhysicalResourceId == nil {
		return nil, invalid("At least one of StackName or PhysicalResourceId must be specified")
	}
	all, err := s.runner.Stacks(ctx, account(ctx), s.region)
	if err != nil {
		return nil, err
	}
	for _, st := range all {
		if st.Status == stack.DeleteComplete {
			continue
		}
		resources, err := s.runner.Resources(ctx, st.ID)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(resources, func(r *stack.Resource) bool { return value(physical(r)) == *in.PhysicalResourceId }) {
			return st, nil
		}
	}
	return nil, invalid("Stack for %s does not exist", *in.PhysicalResourceId)
}

// ListStackResources tells of the resources of a stack in short.
func (s *Service) ListStackResources(ctx context.Context, in *ListStackResourcesInput) (*ListStackResourcesOutput, error) {
	st, err := s.stack(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	all, err := s.resourcesOf(ctx, st)
	if err != nil {
		return nil, err
	}
	page, next, err := pageOf(all, in.NextToken, onPage)
	if err != nil {
		return nil, err
	}
	out := &ListStackResourcesOutput{StackResourceSummaries: []StackResourceSummary{}, NextToken: next}
	for _, r := range page {
		out.StackResourceSummaries = append(out.StackResourceSummaries, StackResourceSummary{
			LogicalResourceId: r.LogicalID, PhysicalResourceId: physical(r), ResourceType: r.Type, LastUpdatedTimestamp: r.Updated,
			ResourceStatus: ResourceStatus(r.Status), ResourceStatusReason: nonEmpty(r.Reason),
			DriftInformation: &StackResourceDriftInformationSummary{StackResourceDriftStatus: StackResourceDriftStatusNotChecked},
		})
	}
	return out, nil
}

// ListExports are the exports of the account.
func (s *Service) ListExports(ctx context.Context, in *ListExportsInput) (*ListExportsOutput, error) {
	all, err := s.runner.Exports(ctx, account(ctx), s.region)
	if err != nil {
		return nil, err
	}
	page, next, err := pageOf(all, in.NextToken, onPage)
	if err != nil {
		return nil, err
	}
	out := &ListExportsOutput{Exports: []Export{}, NextToken: next}
	for _, e := range page {
		out.Exports = append(out.Exports, Export{ExportingStackId: &e.StackID, Name: &e.Name, Value: &e.Value})
	}
	return out, nil
}

// ListImports are the stacks that use an export.
func (s *Service) ListImports(ctx context.Context, in *ListImportsInput) (*ListImportsOutput, error) {
	names, err := s.runner.Imports(ctx, account(ctx), s.region, in.ExportName)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, invalid("Export '%s' is not imported by any stack.", in.ExportName)
	}
	page, next, err := pageOf(names, in.NextToken, onPage)
	return &ListImportsOutput{Imports: page, NextToken: next}, err
}

// DescribeAccountLimits are the account's quotas.
func (s *Service) DescribeAccountLimits(context.Context, *DescribeAccountLimitsInput) (*DescribeAccountLimitsOutput, error) {
	return &DescribeAccountLimitsOutput{AccountLimits: []AccountLimit{{Name: new("StackLimit"), Value: new(2000)}, {Name: new("StackOutputsLimit"), Value: new(200)}}}, nil
}
