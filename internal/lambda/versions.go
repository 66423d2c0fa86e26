package lambda

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"furl/internal/arn"
	"furl/internal/awsapi"
	"furl/internal/state"
)

// newVersion is a version as it is published from $LATEST. Code that is not ready
// yet makes it Pending.
func (s *Service) newVersion(latest *state.Version) state.Version {
	v := *latest
	v.RevisionID, v.LastModified = uuid.NewString(), s.now()
	if unfinished(latest) {
		v.State, v.UpdateStatus = state.StatePending, ""
	}
	return v
}

// PublishVersion keeps $LATEST as it is under the next number. When nothing has
// changed since the last version, it answers with that one.
func (s *Service) PublishVersion(ctx context.Context, in *PublishVersionRequest) (*FunctionConfiguration, error) {
	if in.PublishTo != nil {
		return nil, notOffered("Managed instances")
	}
	r, _, err := s.findForUpdate(ctx, in.FunctionName)
	if err != nil {
		return nil, err
	}
	return s.publish(ctx, r,
		func(f *state.Function) error {
			if sum := codeSha256(f.Latest.CodeBlob); value(in.CodeSha256) != "" && *in.CodeSha256 != sum {
				return InvalidParameterValueException("CodeSHA256 (%s) is different from current CodeSHA256 in $LATEST (%s). "+
					"Please try again with the CodeSHA256 in $LATEST.", *in.CodeSha256, sum)
			}
			return checkUpdatable(&f.Latest, r.unqualified(), in.RevisionId)
		},
		func(f *state.Function, v *state.Version) {
			set(&v.Description, in.Description)
			f.Latest.RevisionID = uuid.NewString()
		})
}

// updateAndPublish updates $LATEST and publishes it in one step.
func (s *Service) updateAndPublish(ctx context.Context, r ref, revision *string, change func(*state.Version)) (*FunctionConfiguration, error) {
	return s.publish(ctx, r, s.edit(r, revision, change), func(*state.Function, *state.Version) {})
}

func (s *Service) publish(ctx context.Context, r ref, change func(*state.Function) error, finish func(*state.Function, *state.Version)) (*FunctionConfiguration, error) {
	f, v, err := s.state.Publish(ctx, r.id, change, func(f *state.Function, v *state.Version) {
		*v = s.newVersion(v)
		finish(f, v)
	})
	if err != nil {
		return nil, stateError(err, functionNotFound(r.unqualified()))
	}
	s.activator.add(r.id)
	return s.renderConfiguration(f, v, ref{r.id, v.Number}.arn()), nil
}

// versionOrder sorts a function's versions: $LATEST, 1, 2, …
func versionOrder(t *state.Target) string {
	if t.Version.Number == state.LatestVersion {
		return ""
	}
	return fmt.Sprintf("%20s", t.Version.Number)
}

// versionARN is a version's qualified ARN.
func versionARN(t *state.Target) string {
	f := t.Function
	return arn.Function(f.Region, f.Account, f.Name, t.Version.Number)
}

// ListVersionsByFunction lists $LATEST and the published versions.
func (s *Service) ListVersionsByFunction(ctx context.Context, in *ListVersionsByFunctionRequest) (*ListVersionsByFunctionResponse, error) {
	r, f, _, err := s.find(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	all := append([]*state.Target{f.Latest}, f.Published()...)
	page, next, err := awsapi.Page(all, versionOrder, awsapi.Paging{
		Operation: "ListVersionsByFunction " + r.id.Name, Marker: in.Marker, MaxItems: in.MaxItems, Size: listPage, Most: listPage,
	})
	if err != nil {
		return nil, err
	}
	out := &ListVersionsByFunctionResponse{Versions: make([]FunctionConfiguration, 0, len(page)), NextMarker: next}
	for _, t := range page {
		out.Versions = append(out.Versions, *s.renderListed(t.Function, t.Version, versionARN(t)))
	}
	return out, nil
}

// deleteVersion removes a published version. As on AWS, deleting one that is not
// there succeeds.
func (s *Service) deleteVersion(ctx context.Context, r ref) (*DeleteFunctionResponse, error) {
	err := s.state.DeleteVersion(ctx, r.id, r.qualifier)
	var used *state.InUseError
	if errors.As(err, &used) {
		return nil, ResourceConflictException("Unable to delete version because the following aliases reference it: [%s]", strings.Join(used.By, ", "))
	}
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		return nil, stateError(err, nil)
	}
	return &DeleteFunctionResponse{StatusCode: new(204)}, nil
}
