package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"furl/internal/awsapi"
	"furl/internal/state"
)

// AddPermission adds a statement to the resource policy of a function.
func (s *Service) AddPermission(ctx context.Context, in *AddPermissionRequest) (*AddPermissionResponse, error) {
	r, err := s.resolve(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if err := s.checkForPolicy(r, functionNotFound(r.arn())); err != nil {
		return nil, err
	}
	if err := checkPermission(in); err != nil {
		return nil, err
	}
	principal, err := s.principal(in.Principal)
	if err != nil {
		return nil, err
	}
	text, err := compactJSON(statement{
		Sid:       in.StatementId,
		Effect:    "Allow",
		Principal: principal,
		Action:    in.Action,
		Resource:  r.arn(),
		Condition: permissionCondition(in),
	})
	if err != nil {
		return nil, fmt.Errorf("lambda: write the statement: %w", err)
	}
	err = s.state.UpdatePolicy(ctx, r.id, r.qualifier, func(p *state.FunctionPolicy) (*state.FunctionPolicy, error) {
		if err := s.checkPolicyRevision(r, p, in.RevisionId); err != nil {
			return nil, err
		}
		return s.addStatement(p, in.StatementId, json.RawMessage(text))
	})
	if err != nil {
		return nil, stateError(err, functionNotFound(r.arn()))
	}
	return &AddPermissionResponse{Statement: &text}, nil
}

func (s *Service) addStatement(p *state.FunctionPolicy, id string, text json.RawMessage) (*state.FunctionPolicy, error) {
	snap := s.state.Snapshot()
	doc, err := openPolicy(snap, p)
	if err != nil {
		return nil, err
	}
	if doc.find(id) >= 0 {
		return nil, ResourceConflictException("The statement id (%s) provided already exists. "+
			"Please provide a new statement id, or remove the existing statement.", id)
	}
	doc.Statement = append(doc.Statement, text)
	return writePolicy(snap, doc)
}

// checkPolicyRevision refuses changes made for another revision. AWS takes the
// policy's revision and that of the function, version or alias (recorded).
func (s *Service) checkPolicyRevision(r ref, p *state.FunctionPolicy, revision *string) error {
	if revision == nil || p != nil && p.RevisionID == *revision {
		return nil
	}
	if f := s.state.Snapshot().Function(r.id); f != nil && revisionOf(f, r.qualifier) == *revision {
		return nil
	}
	return PreconditionFailedException("The Revision Id provided does not match the latest Revision Id. " +
		"Call the GetPolicy API to retrieve the latest Revision Id")
}

// revisionOf is the revision of what a qualifier names.
func revisionOf(f *state.FunctionEntry, qualifier string) string {
	if a := f.Aliases[qualifier]; a != nil {
		return a.RevisionID
	}
	if t := f.Versions[qualifier]; t != nil {
		return t.Version.RevisionID
	}
	return f.Function.Latest.RevisionID
}

// checkPermission refuses conditions that do not go with the action.
func checkPermission(in *AddPermissionRequest) error {
	if in.FunctionUrlAuthType != nil && in.Action != "lambda:InvokeFunctionUrl" {
		return InvalidParameterValueException("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action")
	}
	if in.InvokedViaFunctionUrl != nil && in.Action != "lambda:InvokeFunction" {
		return InvalidParameterValueException("InvokedViaFunctionUrl is only supported for lambda:InvokeFunction action")
	}
	return nil
}

// RemovePermission removes a statement by its id.
func (s *Service) RemovePermission(ctx context.Context, in *RemovePermissionRequest) error {
	r, err := s.resolve(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return err
	}
	missing := ResourceNotFoundException("No policy found for: %s", r.arn())
	if err := s.checkForPolicy(r, missing); err != nil {
		return err
	}
	err = s.state.UpdatePolicy(ctx, r.id, r.qualifier, func(p *state.FunctionPolicy) (*state.FunctionPolicy, error) {
		if p == nil {
			return nil, ResourceNotFoundException("No policy is associated with the given resource.")
		}
		if err := s.checkPolicyRevision(r, p, in.RevisionId); err != nil {
			return nil, err
		}
		return s.removeStatement(p, in.StatementId)
	})
	return stateError(err, missing)
}

func (s *Service) removeStatement(p *state.FunctionPolicy, id string) (*state.FunctionPolicy, error) {
	snap := s.state.Snapshot()
	doc, err := openPolicy(snap, p)
	if err != nil {
		return nil, err
	}
	i := doc.find(id)
	if i < 0 {
		return nil, ResourceNotFoundException("Statement %s is not found in resource policy.", id)
	}
	if len(doc.Statement) == 1 {
		return nil, nil // a policy without statements is none
	}
	doc.Statement = slices.Delete(doc.Statement, i, i+1)
	return writePolicy(snap, doc)
}

// GetPolicy shows a function's resource policy, with the unique ids of users
// and roles that were deleted since they were named.
func (s *Service) GetPolicy(ctx context.Context, in *GetPolicyRequest) (*GetPolicyResponse, error) {
	r, err := s.resolve(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	snap := s.state.Snapshot()
	f := snap.Function(r.id)
	if f == nil || f.Policies[r.qualifier] == nil {
		return nil, noResource()
	}
	p := f.Policies[r.qualifier].Record
	doc, err := openPolicy(snap, p)
	if err != nil {
		return nil, err
	}
	text, err := compactJSON(doc)
	if err != nil {
		return nil, fmt.Errorf("lambda: write the policy: %w", err)
	}
	return &GetPolicyResponse{Policy: &text, RevisionId: &p.RevisionID}, nil
}

// checkForPolicy refuses what no policy can be attached to; missing is the
// refusal of a function that does not exist.
func (s *Service) checkForPolicy(r ref, missing *awsapi.Error) error {
	f := s.state.Snapshot().Function(r.id)
	switch {
	case f == nil:
		return missing
	case r.qualifier == state.LatestVersion:
		return InvalidParameterValueException("We currently do not support adding policies for $LATEST.")
	}
	_, ok := f.Routing(r.qualifier)
	switch {
	case ok:
		return nil
	case state.IsVersion(r.qualifier) || strings.Contains(r.qualifier, "$"):
		return functionNotFound(r.arn())
	}
	return aliasNotFound(r.arn())
}

func aliasNotFound(arn string) *awsapi.Error {
	return ResourceNotFoundException("Cannot find alias arn: %s", arn)
}
