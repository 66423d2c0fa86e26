package cwlogs

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"furl/internal/awsapi"
	"furl/internal/logs"
	"furl/internal/state"
)

// describePage is the size of a page of groups or streams if the request names none, and at most.
const describePage = 50

// listPage is the size of a page of ListLogGroups, if the request names none.
const listPage = 50

// retentions are the days that a retention policy can have.
var retentions = [...]int{1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

// CreateLogGroup makes an empty log group.
func (s *Service) CreateLogGroup(ctx context.Context, in *CreateLogGroupRequest) error {
	if err := checkNames(in.LogGroupName); err != nil {
		return err
	}
	if in.KmsKeyId != nil {
		return InvalidParameterException("furl has no KMS keys: log groups are not encrypted with one.")
	}
	id := s.own(ctx, in.LogGroupName)
	if _, err := s.find(id); err == nil {
		return ResourceAlreadyExistsException("The specified log group already exists")
	}
	err := s.state.CreateLogGroup(ctx, &state.LogGroup{
		Account: id.Account, Region: id.Region, Name: id.Name,
		Created:   s.now().UTC().Truncate(time.Millisecond),
		Tags:      in.Tags,
		Class:     string(value(in.LogGroupClass)),
		Protected: value(in.DeletionProtectionEnabled),
	})
	if errors.Is(err, state.ErrExists) {
		return ResourceAlreadyExistsException("The specified log group already exists")
	}
	return stateError(err)
}

// DeleteLogGroup deletes a log group with all that it holds.
func (s *Service) DeleteLogGroup(ctx context.Context, in *DeleteLogGroupRequest) error {
	g, err := s.hold(ctx, s.own(ctx, in.LogGroupName))
	if err != nil {
		return err
	}
	err = s.state.DeleteLogGroup(ctx, g.id, func(r *state.LogGroup) error {
		if r.Protected {
			return ValidationException("Log group deletion protection is enabled. Disable it before you delete the log group.")
		}
		return nil
	})
	if err != nil {
		return stateError(err)
	}
	if err := s.logs.DeleteGroup(ctx, g.key); err != nil && !errors.Is(err, logs.ErrNoGroup) {
		return err
	}
	return nil
}

// PutLogGroupDeletionProtection has a log group not be deleted, or be deleted again.
func (s *Service) PutLogGroupDeletionProtection(ctx context.Context, in *PutLogGroupDeletionProtectionRequest) error {
	return s.change(ctx, s.identifier(ctx, in.LogGroupIdentifier), func(g *state.LogGroup) error {
		g.Protected = in.DeletionProtectionEnabled
		return nil
	})
}

// change edits the record of a group.
func (s *Service) change(ctx context.Context, id state.LogGroupID, edit func(*state.LogGroup) error) error {
	if _, err := s.hold(ctx, id); err != nil {
		return err
	}
	_, err := s.state.UpdateLogGroup(ctx, id, edit)
	return stateError(err)
}

// PutRetentionPolicy sets how long the lines of a log group are kept.
func (s *Service) PutRetentionPolicy(ctx context.Context, in *PutRetentionPolicyRequest) error {
	if !slices.Contains(retentions[:], in.RetentionInDays) {
		allowed := make([]string, len(retentions))
		for i, n := range retentions {
			allowed[i] = strconv.Itoa(n)
		}
		return InvalidParameterException("1 validation error detected: Value '%d' at 'retentionInDays' failed to satisfy constraint: "+
			"Member must satisfy enum value set: [%s]", in.RetentionInDays, strings.Join(allowed, ", "))
	}
	return s.change(ctx, s.own(ctx, in.LogGroupName), func(g *state.LogGroup) error {
		g.RetentionDays = in.RetentionInDays
		return nil
	})
}

// DeleteRetentionPolicy has the lines of a log group be kept for ever.
func (s *Service) DeleteRetentionPolicy(ctx context.Context, in *DeleteRetentionPolicyRequest) error {
	return s.change(ctx, s.own(ctx, in.LogGroupName), func(g *state.LogGroup) error {
		g.RetentionDays = 0
		return nil
	})
}

// groups returns the log groups of the caller's account that are wanted, in the order of their names.
func (s *Service) groups(ctx context.Context, wanted func(*state.LogGroup) bool) []*state.LogGroup {
	var all []*state.LogGroup
	snap := s.state.Snapshot()
	for _, e := range snap.LogGroups(account(ctx), s.home.Region) {
		if wanted(e.Group) {
			all = append(all, e.Group)
		}
	}
	for _, info := range s.logs.Groups() {
		id := s.home.id(info.Name)
		if id.Account != account(ctx) || id.Region != s.home.Region || snap.LogGroup(id) != nil {
			continue
		}
		if g := s.unrecorded(id, info); wanted(g) {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(a, b *state.LogGroup) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// DescribeLogGroups lists log groups.
func (s *Service) DescribeLogGroups(ctx context.Context, in *DescribeLogGroupsRequest) (*DescribeLogGroupsResponse, error) {
	prefix, pattern := value(in.LogGroupNamePrefix), value(in.LogGroupNamePattern)
	if in.LogGroupNamePrefix != nil && in.LogGroupNamePattern != nil {
		return nil, InvalidParameterException("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
	}
	if err := checkNames(prefix); err != nil {
		return nil, err
	}
	named := map[string]bool{}
	for _, identifier := range in.LogGroupIdentifiers {
		named[s.identifier(ctx, identifier).Name] = true
	}
	all := s.groups(ctx, func(g *state.LogGroup) bool {
		return strings.HasPrefix(g.Name, prefix) && strings.Contains(g.Name, pattern) &&
			(in.LogGroupIdentifiers == nil || named[g.Name]) && inClass(g, in.LogGroupClass)
	})
	page, next, err := awsapi.Page(all, func(g *state.LogGroup) string { return g.Name }, awsapi.Paging{
		Operation: "DescribeLogGroups/" + prefix + "/" + pattern,
		Marker:    in.NextToken, MaxItems: in.Limit, Size: describePage, Most: describePage,
	})
	if err != nil {
		return nil, invalidToken()
	}
	out := &DescribeLogGroupsResponse{LogGroups: make([]LogGroup, 0, len(page)), NextToken: next}
	for _, g := range page {
		shown := s.render(g)
		if in.LogGroupNamePattern != nil { // recorded: such an answer says less
			shown.StoredBytes, shown.DeletionProtectionEnabled = nil, nil
		}
		out.LogGroups = append(out.LogGroups, shown)
	}
	if in.LogGroupNamePattern != nil && next == nil && len(page) > 0 {
		// Recorded: a search by pattern always has a further page, which may be empty.
		out.NextToken = new(awsapi.Marker("DescribeLogGroups/"+prefix+"/"+pattern, page[len(page)-1].Name))
	}
	return out, nil
}

func inClass(g *state.LogGroup, class *LogGroupClass) bool {
	return class == nil || cmp.Or(LogGroupClass(g.Class), LogGroupClassStandard) == *class
}

// render describes a group as DescribeLogGroups does.
func (s *Service) render(g *state.LogGroup) LogGroup {
	info, _ := s.logs.Group(s.home.Group(g.ID()))
	arn := g.ID().ARN()
	return LogGroup{
		LogGroupName:              &g.Name,
		CreationTime:              new(g.Created.UnixMilli()),
		RetentionInDays:           nonZero(g.RetentionDays),
		MetricFilterCount:         new(0),
		Arn:                       new(arn + ":*"),
		StoredBytes:               &info.Bytes,
		LogGroupClass:             new(cmp.Or(LogGroupClass(g.Class), LogGroupClassStandard)),
		LogGroupArn:               &arn,
		DeletionProtectionEnabled: &g.Protected,
	}
}

// ListLogGroups lists log groups with less about each.
func (s *Service) ListLogGroups(ctx context.Context, in *ListLogGroupsRequest) (*ListLogGroupsResponse, error) {
	pattern := value(in.LogGroupNamePattern)
	all := s.groups(ctx, func(g *state.LogGroup) bool {
		return matchesName(pattern, g.Name) && inClass(g, in.LogGroupClass) && hasTags(g, in.LogGroupTags) &&
			in.DataSources == nil && in.FieldIndexNames == nil
	})
	page, next, err := awsapi.Page(all, func(g *state.LogGroup) string { return g.Name }, awsapi.Paging{
		Operation: "ListLogGroups/" + pattern, Marker: in.NextToken, MaxItems: in.Limit, Size: listPage,
	})
	if err != nil {
		return nil, invalidToken()
	}
	out := &ListLogGroupsResponse{LogGroups: make([]LogGroupSummary, 0, len(page)), NextToken: next}
	for _, g := range page {
		out.LogGroups = append(out.LogGroups, LogGroupSummary{
			LogGroupName:  &g.Name,
			LogGroupArn:   new(g.ID().ARN()),
			LogGroupClass: new(cmp.Or(LogGroupClass(g.Class), LogGroupClassStandard)),
		})
	}
	return out, nil
}

// matchesName tells whether a name is one of a pattern's alternatives, a|^b: a part of it, or behind ^ its beginning.
func matchesName(pattern, name string) bool {
	for part := range strings.SplitSeq(pattern, "|") {
		prefix, anchored := strings.CutPrefix(part, "^")
		if anchored && strings.HasPrefix(name, prefix) || !anchored && strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// hasTags tells whether a group has a wanted value of every tag asked for.
func hasTags(g *state.LogGroup, filters []TagFilter) bool {
	for _, f := range filters {
		have, ok := g.Tags[f.Key]
		if !ok || len(f.Values) > 0 && !slices.ContainsFunc(f.Values, func(want string) bool { return matchesTag(want, have) }) {
			return false
		}
	}
	return true
}

// matchesTag compares a tag's value with text that may begin or end in an asterisk, and with ! before it excludes.
func matchesTag(want, have string) bool {
	if excluded, not := strings.CutPrefix(want, "!"); not {
		return !wildcard(excluded, have)
	}
	return wildcard(want, have)
}
