package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"furl/internal/arn"
	"furl/internal/awsapi"
	"furl/internal/state"
)

// AddLayerVersionPermission lets an account, an organization or everybody use a layer
// version.
func (s *Service) AddLayerVersionPermission(ctx context.Context, in *AddLayerVersionPermissionRequest) (*AddLayerVersionPermissionResponse, error) {
	id, err := s.resolveLayerVersion(ctx, in.LayerName, in.VersionNumber)
	if err != nil {
		return nil, err
	}
	layer := id.VersionARN(in.VersionNumber)
	st := statement{Sid: in.StatementId, Effect: "Allow", Principal: "*", Action: in.Action, Resource: layer}
	switch {
	case len(in.Principal) == 12 && state.IsVersion(in.Principal): // digits
		st.Principal = map[string]string{"AWS": arn.Root(in.Principal)}
	case in.Principal != "*":
		st.Principal = map[string]string{"AWS": in.Principal}
	}
	if in.OrganizationId != nil {
		st.Condition = &condition{StringEquals: &stringEquals{PrincipalOrgID: in.OrganizationId}}
	}
	text, err := compactJSON(st)
	if err != nil {
		return nil, fmt.Errorf("lambda: write the statement: %w", err)
	}
	v, err := s.editLayerPolicy(ctx, id, in.VersionNumber, in.RevisionId, func(doc *policyDocument) error {
		if doc.find(in.StatementId) >= 0 {
			return ResourceConflictException("The statement id (%s) provided already exists. "+
				"Please provide a new statement id, or remove the existing statement.", in.StatementId)
		}
		doc.Statement = append(doc.Statement, json.RawMessage(text))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &AddLayerVersionPermissionResponse{Statement: &text, RevisionId: &v.RevisionID}, nil
}

// RemoveLayerVersionPermission removes a statement by its id.
func (s *Service) RemoveLayerVersionPermission(ctx context.Context, in *RemoveLayerVersionPermissionRequest) error {
	id, err := s.resolveLayerVersion(ctx, in.LayerName, in.VersionNumber)
	if err != nil {
		return err
	}
	_, err = s.editLayerPolicy(ctx, id, in.VersionNumber, in.RevisionId, func(doc *policyDocument) error {
		i := doc.find(in.StatementId)
		if i < 0 {
			return ResourceNotFoundException("Statement %s is not found in resource policy.", in.StatementId)
		}
		doc.Statement = slices.Delete(doc.Statement, i, i+1)
		return nil
	})
	return err
}

// GetLayerVersionPolicy shows who may use a layer version.
func (s *Service) GetLayerVersionPolicy(ctx context.Context, in *GetLayerVersionPolicyRequest) (*GetLayerVersionPolicyResponse, error) {
	id, err := s.resolveLayerVersion(ctx, in.LayerName, in.VersionNumber)
	if err != nil {
		return nil, err
	}
	e := s.state.Snapshot().LayerVersion(id, in.VersionNumber)
	switch {
	case e == nil:
		return nil, layerVersionGone(id.VersionARN(in.VersionNumber))
	case e.Record.Policy == "":
		return nil, noLayerPolicy()
	}
	return &GetLayerVersionPolicyResponse{Policy: &e.Record.Policy, RevisionId: &e.Record.RevisionID}, nil
}

// editLayerPolicy lets change edit the statements of a layer version's policy.
func (s *Service) editLayerPolicy(ctx context.Context, id state.LayerID, number int64, revision *string, change func(*policyDocument) error) (*state.LayerVersion, error) {
	v, err := s.state.UpdateLayerVersion(ctx, id, number, func(v *state.LayerVersion) error {
		if revision != nil && *revision != v.RevisionID {
			return PreconditionFailedException("The Revision Id provided does not match the latest Revision Id. " +
				"Call the GetLayerPolicy API to retrieve the latest Revision Id")
		}
		return editLayerDocument(v, change)
	})
	return v, stateError(err, layerVersionGone(id.VersionARN(number)))
}

func editLayerDocument(v *state.LayerVersion, change func(*policyDocument) error) error {
	doc := policyDocument{Version: "2012-10-17", ID: "default"}
	if v.Policy != "" {
		if err := json.Unmarshal([]byte(v.Policy), &doc); err != nil {
			return fmt.Errorf("lambda: read the policy: %w", err)
		}
	}
	if err := change(&doc); err != nil {
		return err
	}
	if len(doc.Statement) == 0 { // a policy without statements is none
		v.Policy, v.RevisionID = "", ""
		return nil
	}
	text, err := compactJSON(doc)
	if err != nil {
		return fmt.Errorf("lambda: write the policy: %w", err)
	}
	if len(text) > maxPolicy {
		return PolicyLengthExceededException("The final policy size (%d) is bigger than the limit (%d).", len(text), maxPolicy)
	}
	v.Policy, v.RevisionID = text, uuid.NewString()
	return nil
}

func layerVersionGone(arn string) *awsapi.Error {
	return ResourceNotFoundException("Layer version %s does not exist.", arn)
}

func noLayerPolicy() *awsapi.Error {
	return ResourceNotFoundException("No policy is associated with the given resource.")
}
