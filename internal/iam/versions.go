package iam

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"furl/internal/awsapi"
	"furl/internal/state"
)

func noVersion(policyARN, id string) *awsapi.Error {
	return NoSuchEntityException("Policy %s version %s does not exist or is not attachable.", policyARN, id)
}

// CreatePolicyVersion adds a version to a managed policy, and puts it in force
// where the request says so.
func (s *Service) CreatePolicyVersion(ctx context.Context, in *CreatePolicyVersionRequest) (*CreatePolicyVersionResponse, error) {
	if err := checkManaged(in.PolicyDocument); err != nil {
		return nil, err
	}
	v := state.PolicyVersion{Document: in.PolicyDocument, Created: s.created()}
	err := s.changePolicy(ctx, "CreatePolicyVersion", in.PolicyArn, func(p *state.ManagedPolicy) error {
		if len(p.Versions) >= maxVersions {
			return LimitExceededException("A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", maxVersions)
		}
		p.Latest++
		v.ID = "v" + strconv.Itoa(p.Latest)
		p.Versions = append(p.Versions, v)
		p.Updated = v.Created
		if value(in.SetAsDefault) {
			p.Default = v.ID
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &CreatePolicyVersionResponse{PolicyVersion: &PolicyVersion{
		VersionId: &v.ID, IsDefaultVersion: new(value(in.SetAsDefault)), CreateDate: &v.Created,
	}}, nil
}

// GetPolicyVersion shows a version of a managed policy with its document.
func (s *Service) GetPolicyVersion(ctx context.Context, in *GetPolicyVersionRequest) (*GetPolicyVersionResponse, error) {
	p, err := s.managed(ctx, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(p.versions, func(v state.PolicyVersion) bool { return v.ID == in.VersionId })
	if i < 0 {
		return nil, noVersion(in.PolicyArn, in.VersionId)
	}
	out := renderVersion(p, p.versions[i])
	out.Document = new(encodeDocument(p.versions[i].Document))
	return &GetPolicyVersionResponse{PolicyVersion: &out}, nil
}

// renderVersion is a version as it is listed: without its document.
func renderVersion(p managed, v state.PolicyVersion) PolicyVersion {
	return PolicyVersion{VersionId: &v.ID, IsDefaultVersion: new(v.ID == p.inForce), CreateDate: &v.Created}
}

// ListPolicyVersions lists the versions of a managed policy, the newest first.
func (s *Service) ListPolicyVersions(ctx context.Context, in *ListPolicyVersionsRequest) (*ListPolicyVersionsResponse, error) {
	p, err := s.managed(ctx, in.PolicyArn)
	if err != nil {
		return nil, err
	}
	page, next, err := paginate(newestFirst(p.versions), in.Marker, in.MaxItems, "ListPolicyVersions "+in.PolicyArn, byAge)
	if err != nil {
		return nil, err
	}
	out := &ListPolicyVersionsResponse{Versions: make([]PolicyVersion, 0, len(page)), IsTruncated: new(next != nil), Marker: next}
	for _, v := range page {
		out.Versions = append(out.Versions, renderVersion(p, v))
	}
	return out, nil
}

// byAge is a key that sorts the newest version first.
func byAge(v state.PolicyVersion) string { return fmt.Sprintf("%09d", 999999999-versionNumber(v.ID)) }

func newestFirst(versions []state.PolicyVersion) []state.PolicyVersion {
	return slices.SortedFunc(slices.Values(versions), func(a, b state.PolicyVersion) int { return cmp.Compare(byAge(a), byAge(b)) })
}

// DeletePolicyVersion removes a version that is not in force.
func (s *Service) DeletePolicyVersion(ctx context.Context, in *DeletePolicyVersionRequest) error {
	return s.changePolicy(ctx, "DeletePolicyVersion", in.PolicyArn, func(p *state.ManagedPolicy) error {
		switch {
		case p.Version(in.VersionId) == nil:
			return noVersion(in.PolicyArn, in.VersionId)
		case p.Default == in.VersionId:
			return DeleteConflictException("Cannot delete the default version of a policy.")
		}
		p.Versions = slices.DeleteFunc(p.Versions, func(v state.PolicyVersion) bool { return v.ID == in.VersionId })
		return nil
	})
}

// SetDefaultPolicyVersion puts a version of a managed policy in force, for all
// that have the policy, before this returns.
func (s *Service) SetDefaultPolicyVersion(ctx context.Context, in *SetDefaultPolicyVersionRequest) error {
	return s.changePolicy(ctx, "SetDefaultPolicyVersion", in.PolicyArn, func(p *state.ManagedPolicy) error {
		if p.Version(in.VersionId) == nil {
			return noVersion(in.PolicyArn, in.VersionId)
		}
		p.Default, p.Updated = in.VersionId, s.created()
		return nil
	})
}
