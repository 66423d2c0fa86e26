package iam

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"furl/internal/arn"
	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/policy"
	"furl/internal/policy/awsmanaged"
	"furl/internal/state"
)

// maxManaged bounds a managed policy, in characters without white space;
// maxVersions is how many versions it may have.
const (
	maxManaged  = 6144
	maxVersions = 5
)

// managed is a managed policy of the account or of AWS, as the API shows it.
type managed struct {
	arn, name, path, id, description string
	created, updated                 time.Time
	inForce                          string // the id of the default version
	versions                         []state.PolicyVersion
	tags                             map[string]string
	attachments, boundaries          int
}

func ofAccount(e *state.ManagedEntry) managed {
	p := e.Record
	return managed{
		arn: e.ARN, name: p.Name, path: p.Path, id: p.ID, description: p.Description,
		created: p.Created, updated: p.Updated, inForce: p.Default, versions: p.Versions, tags: p.Tags,
		attachments: p.Attachments, boundaries: p.Boundaries,
	}
}

// ofAWS is a policy of AWS. How often it is in use is counted when asked for.
func ofAWS(p *awsmanaged.Policy, uses map[string]usage) managed {
	return managed{
		arn: p.ARN, name: p.Name, path: p.Path, id: p.ID, description: p.Description,
		created: p.Created, updated: p.Updated, inForce: p.Version,
		versions:    []state.PolicyVersion{{ID: p.Version, Document: p.Document, Created: p.Updated}},
		attachments: uses[p.ARN].attachments, boundaries: uses[p.ARN].boundaries,
	}
}

// usage is how many entities of an account have a policy.
type usage struct{ attachments, boundaries int }

// uses counts the entities of an account that have policies of AWS.
func uses(snap *state.Snapshot, account string) map[string]usage {
	all := map[string]usage{}
	count := func(attached []string, boundary string) {
		for _, a := range attached {
			u := all[a]
			u.attachments++
			all[a] = u
		}
		if boundary != "" {
			u := all[boundary]
			u.boundaries++
			all[boundary] = u
		}
	}
	for _, u := range snap.Users(account) {
		count(u.User.Attached, u.User.Boundary)
	}
	for _, r := range snap.Roles(account) {
		count(r.Role.Attached, r.Role.Boundary)
	}
	for _, g := range snap.Groups(account) {
		count(g.Group.Attached, "")
	}
	return all
}

// managed finds a managed policy of the caller's account or of AWS.
func (s *Service) managed(ctx context.Context, policyARN string) (managed, error) {
	if err := checkPolicyARN(policyARN); err != nil {
		return managed{}, err
	}
	snap := s.state.Snapshot()
	if b := snap.Builtin().Get(policyARN); b != nil {
		return ofAWS(b, uses(snap, account(ctx))), nil
	}
	p := snap.ManagedByARN(policyARN)
	if p == nil || p.Record.Account != account(ctx) {
		return managed{}, noManaged(policyARN)
	}
	return ofAccount(p), nil
}

// own finds a managed policy that the account may change. Those of AWS are
// refused as AWS refuses them, to whomever.
func (s *Service) own(ctx context.Context, op, policyARN string) (*state.ManagedPolicy, error) {
	if err := checkPolicyARN(policyARN); err != nil {
		return nil, err
	}
	if strings.HasPrefix(policyARN, awsmanaged.Prefix+"/") {
		return nil, awsapi.AccessDenied("User: %s is not authorized to perform: iam:%s on resource: policy %s", authz.FromContext(ctx).Principal.ARN, op, policyARN)
	}
	p := s.state.Snapshot().ManagedByARN(policyARN)
	if p == nil || p.Record.Account != account(ctx) {
		return nil, noManaged(policyARN)
	}
	return p.Record, nil
}

func (s *Service) changePolicy(ctx context.Context, op, policyARN string, change func(*state.ManagedPolicy) error) error {
	p, err := s.own(ctx, op, policyARN)
	if err != nil {
		return err
	}
	_, err = s.state.UpdateManagedPolicy(ctx, p.Account, p.Name, func(now *state.ManagedPolicy) error {
		if now.ID != p.ID {
			return noManaged(policyARN)
		}
		return change(now)
	})
	return stateError(err, noManaged(policyARN))
}

// checkManaged checks the document of a managed policy.
func checkManaged(doc string) error {
	p, err := policy.Parse([]byte(doc), policy.ManagedIdentity)
	if err != nil {
		return malformed(err)
	}
	if p.Size() > maxManaged {
		return LimitExceededException("Cannot exceed quota for PolicySize: %d", maxManaged)
	}
	return nil
}

// CreatePolicy makes a managed policy with its first version.
func (s *Service) CreatePolicy(ctx context.Context, in *CreatePolicyRequest) (*CreatePolicyResponse, error) {
	tags, err := tagMap(in.Tags)
	if err != nil {
		return nil, err
	}
	if err := checkManaged(in.PolicyDocument); err != nil {
		return nil, err
	}
	now := s.created()
	p := &state.ManagedPolicy{
		Account:     account(ctx),
		Name:        in.PolicyName,
		Path:        pathOf(in.Path),
		ID:          newID("ANPA", 21),
		Description: value(in.Description),
		Created:     now,
		Updated:     now,
		Tags:        tags,
		Versions:    []state.PolicyVersion{{ID: "v1", Document: in.PolicyDocument, Created: now}},
		Default:     "v1",
		Latest:      1,
	}
	err = s.state.CreateManagedPolicy(ctx, p)
	if errors.Is(err, state.ErrExists) {
		return nil, EntityAlreadyExistsException("A policy called %s already exists. Duplicate names are not allowed.", in.PolicyName)
	}
	if err != nil {
		return nil, err
	}
	out := renderPolicy(ofAccount(&state.ManagedEntry{Record: p, ARN: arn.Policy(p.Account, p.Path, p.Name)}))
	out.Tags = renderTags(tags)
	return &CreatePolicyResponse{Policy: &out}, nil
}

// renderPolicy is what every answer shows of a managed policy; GetPolicy adds
// the description and the tags, as recorded on AWS.
func renderPolicy(p managed) Policy {
	return Policy{
		PolicyName:                    &p.name,
		PolicyId:                      &p.id,
		Arn:                           &p.arn,
		Path:                          &p.path,
		DefaultVersionId:              &p.inForce,
		AttachmentCount:               &p.attachments,
		PermissionsBoundaryUsageCount: &p.boundaries,
		IsAttachable:                  new(true),
		CreateDate:                    &p.created,
		UpdateDate:                    &p.updated,
	}
}

// GetPolicy shows a managed policy without its document.
func (s *Service) GetPolicy(ctx context.Context, in *GetPolicyRequest) (*GetPolicyResponse, error) {
	p, err := s.managed(ctx, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	out := renderPolicy(p)
	out.Description = nonEmpty(p.description)
	out.Tags = tagList(p.tags)
	return &GetPolicyResponse{Policy: &out}, nil
}

// ListPolicies lists the managed policies of the account, of AWS, or of both.
func (s *Service) ListPolicies(ctx context.Context, in *ListPoliciesRequest) (*ListPoliciesResponse, error) {
	snap := s.state.Snapshot()
	var all []managed
	if in.Scope == nil || *in.Scope != PolicyScopeTypeAws {
		for _, p := range snap.ManagedPolicies(account(ctx)) {
			all = append(all, ofAccount(p))
		}
	}
	if in.Scope == nil || *in.Scope != PolicyScopeTypeLocal {
		counted := uses(snap, account(ctx))
		for _, p := range snap.Builtin().All() {
			all = append(all, ofAWS(p, counted))
		}
	}
	all = slices.DeleteFunc(all, func(p managed) bool { return !listed(p, in) })
	key := func(p managed) string { return p.name + " " + p.arn }
	slices.SortFunc(all, func(a, b managed) int { return cmp.Compare(key(a), key(b)) })
	page, next, err := paginate(all, in.Marker, in.MaxItems, "ListPolicies", key)
	if err != nil {
		return nil, err
	}
	out := &ListPoliciesResponse{Policies: make([]Policy, 0, len(page)), IsTruncated: new(next != nil), Marker: next}
	for _, p := range page {
		out.Policies = append(out.Policies, renderPolicy(p))
	}
	return out, nil
}

// listed reports whether a request for a list means a policy.
func listed(p managed, in *ListPoliciesRequest) bool {
	used := p.attachments > 0
	if in.PolicyUsageFilter != nil && *in.PolicyUsageFilter == PolicyUsageTypePermissionsBoundary {
		used = p.boundaries > 0
	}
	if (value(in.OnlyAttached) || in.PolicyUsageFilter != nil) && !used {
		return false
	}
	return strings.HasPrefix(p.path, orSlash(in.PathPrefix))
}

// DeletePolicy removes a managed policy that nothing uses, with its one version.
func (s *Service) DeletePolicy(ctx context.Context, in *DeletePolicyRequest) error {
	p, err := s.own(ctx, "DeletePolicy", in.PolicyArn)
	if err != nil {
		return err
	}
	err = s.state.DeleteManagedPolicy(ctx, p.Account, p.Name, func(now *state.ManagedPolicy) error {
		switch {
		case now.ID != p.ID:
			return noManaged(in.PolicyArn)
		case now.Attachments > 0 || now.Boundaries > 0:
			return DeleteConflictException("Cannot delete a policy attached to entities.")
		case len(now.Versions) > 1:
			return DeleteConflictException("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
		}
		return nil
	})
	return stateError(err, noManaged(in.PolicyArn))
}

func versionNumber(id string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(id, "v"))
	return n
}
