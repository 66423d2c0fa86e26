package lambda

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"furl/internal/authz"
	"furl/internal/policy"
	"furl/internal/state"
)

// PutResourcePolicy replaces the resource policy of a function, a version or an alias
// as a whole, statements that AddPermission made included.
func (s *Service) PutResourcePolicy(ctx context.Context, in *PutResourcePolicyRequest) (*PutResourcePolicyResponse, error) {
	r, err := s.resolvePolicy(ctx, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	if err := s.checkForPolicy(r, functionNotFound(r.arn())); err != nil {
		return nil, err
	}
	doc, err := parseGiven(in.Policy, r.arn())
	if err != nil {
		return nil, err
	}
	var written *state.FunctionPolicy
	err = s.state.UpdatePolicy(ctx, r.id, r.qualifier, func(p *state.FunctionPolicy) (*state.FunctionPolicy, error) {
		if err := s.checkPolicyRevision(r, p, in.RevisionId); err != nil {
			return nil, err
		}
		var err error
		written, err = writePolicy(s.state.Snapshot(), doc)
		return written, err
	})
	if err != nil {
		return nil, stateError(err, functionNotFound(r.arn()))
	}
	return &PutResourcePolicyResponse{Policy: &written.Document, RevisionId: &written.RevisionID}, nil
}

// parseGiven reads a policy that a client wrote. It may speak of nothing but the
// resource that it is for.
func parseGiven(text, resource string) (policyDocument, error) {
	var doc policyDocument
	if _, err := policy.Parse([]byte(text), policy.Resource); err != nil {
		var syntax *policy.SyntaxError
		if errors.As(err, &syntax) {
			return doc, InvalidParameterValueException("%s", syntax.Error())
		}
		return doc, err
	}
	given := struct {
		Version   string
		ID        string `json:"Id"`
		Statement json.RawMessage
	}{Version: "2008-10-17", ID: "default"} // what a policy means that does not say
	if err := json.Unmarshal([]byte(text), &given); err != nil {
		return doc, InvalidParameterValueException("The policy cannot be read: %v", err)
	}
	doc.Version, doc.ID = given.Version, given.ID
	if statements := bytes.TrimSpace(given.Statement); len(statements) > 0 && statements[0] == '{' {
		doc.Statement = []json.RawMessage{statements} // one may stand by itself
	} else if err := json.Unmarshal(statements, &doc.Statement); err != nil {
		return doc, InvalidParameterValueException("The policy cannot be read: %v", err)
	}
	for i, raw := range doc.Statement {
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			return doc, err
		}
		doc.Statement[i] = compact.Bytes()
		if other := otherResource(raw, resource); other != "" {
			return doc, InvalidParameterValueException("The policy is for %s, but a statement's Resource is %s.", resource, other)
		}
	}
	return doc, nil
}

// otherResource is what a statement speaks of beside a resource, empty for nothing.
func otherResource(raw json.RawMessage, resource string) string {
	var st struct{ Resource, NotResource any }
	if err := json.Unmarshal(raw, &st); err != nil || st.NotResource != nil {
		return "not given as one"
	}
	named, ok := st.Resource.([]any)
	if !ok {
		named = []any{st.Resource}
	}
	for _, n := range named {
		if text, ok := n.(string); !ok || text != resource {
			shown, _ := json.Marshal(n) // it was JSON
			return string(shown)
		}
	}
	return ""
}

// GetResourcePolicy shows a resource policy, as GetPolicy does.
func (s *Service) GetResourcePolicy(ctx context.Context, in *GetResourcePolicyRequest) (*GetResourcePolicyResponse, error) {
	if _, err := s.resolvePolicy(ctx, in.ResourceArn); err != nil {
		return nil, err
	}
	got, err := s.GetPolicy(ctx, &GetPolicyRequest{FunctionName: in.ResourceArn})
	if err != nil {
		return nil, err
	}
	return &GetResourcePolicyResponse{Policy: got.Policy, RevisionId: got.RevisionId}, nil
}

// DeleteResourcePolicy removes a resource policy as a whole.
func (s *Service) DeleteResourcePolicy(ctx context.Context, in *DeleteResourcePolicyRequest) error {
	r, err := s.resolvePolicy(ctx, in.ResourceArn)
	if err != nil {
		return err
	}
	err = s.state.UpdatePolicy(ctx, r.id, r.qualifier, func(p *state.FunctionPolicy) (*state.FunctionPolicy, error) {
		if p == nil {
			return nil, noResource()
		}
		return nil, s.checkPolicyRevision(r, p, in.RevisionId)
	})
	return stateError(err, noResource())
}

// resolvePolicy reads the ARN of what has a resource policy here: a function, a version
// or an alias.
func (s *Service) resolvePolicy(ctx context.Context, resource string) (ref, error) {
	r, err := s.resolve(ctx, resource, nil)
	if err != nil && r.id.Name == "" {
		err = ResourceNotFoundException("Resource not found: %s", resource)
	}
	return r, err
}

// onPolicy is an action on the resource policy of what an ARN names.
func (s *Service) onPolicy(ctx context.Context, action, resource string) ([]authz.Access, error) {
	if _, err := s.resolvePolicy(ctx, resource); err != nil {
		return nil, err
	}
	return s.on(ctx, action, resource, nil)
}
