package lambda

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"furl/internal/arn"
	"furl/internal/awsapi"
	"furl/internal/policy"
	"furl/internal/state"
)

// maxPolicy bounds a function's resource policy, in bytes.
const maxPolicy = 20480

// policyDocument is a resource policy as AWS prints it: statements in the
// order in which they came, each kept byte for byte.
type policyDocument struct {
	Version   string            `json:"Version"`
	ID        string            `json:"Id"`
	Statement []json.RawMessage `json:"Statement"`
}

// statement is one permission, its members in AWS's order.
type statement struct {
	Sid       string     `json:"Sid"`
	Effect    string     `json:"Effect"`
	Principal any        `json:"Principal"`
	Action    string     `json:"Action"`
	Resource  string     `json:"Resource"`
	Condition *condition `json:"Condition,omitempty"`
}

// condition holds the operators that AddPermission can make; every value is a
// string, which clients rely on.
type condition struct {
	StringEquals *stringEquals     `json:"StringEquals,omitempty"`
	Bool         map[string]string `json:"Bool,omitempty"`
	ArnLike      map[string]string `json:"ArnLike,omitempty"`
}

type stringEquals struct {
	SourceAccount       *string `json:"AWS:SourceAccount,omitempty"`
	FunctionUrlAuthType *string `json:"lambda:FunctionUrlAuthType,omitempty"`
	EventSourceToken    *string `json:"lambda:EventSourceToken,omitempty"`
	PrincipalOrgID      *string `json:"aws:PrincipalOrgID,omitempty"`
}

func permissionCondition(in *AddPermissionRequest) *condition {
	var c condition
	equals := stringEquals{
		SourceAccount:       in.SourceAccount,
		FunctionUrlAuthType: (*string)(in.FunctionUrlAuthType),
		EventSourceToken:    in.EventSourceToken,
		PrincipalOrgID:      in.PrincipalOrgID,
	}
	if equals != (stringEquals{}) {
		c.StringEquals = &equals
	}
	if value(in.InvokedViaFunctionUrl) {
		c.Bool = map[string]string{"lambda:InvokedViaFunctionUrl": "true"}
	}
	if in.SourceArn != nil {
		c.ArnLike = map[string]string{"AWS:SourceArn": *in.SourceArn}
	}
	if c.StringEquals == nil && c.Bool == nil && c.ArnLike == nil {
		return nil
	}
	return &c
}

// parseDocument reads a stored policy; a function without one has an empty one.
func parseDocument(p *state.FunctionPolicy) (policyDocument, error) {
	doc := policyDocument{Version: "2012-10-17", ID: "default"}
	if p == nil {
		return doc, nil
	}
	if err := json.Unmarshal([]byte(p.Document), &doc); err != nil {
		return doc, fmt.Errorf("lambda: read the policy: %w", err)
	}
	return doc, nil
}

// find returns the place of a statement, -1 if there is none of that id.
func (d policyDocument) find(id string) int {
	return slices.IndexFunc(d.Statement, func(raw json.RawMessage) bool {
		var st struct{ Sid string }
		return json.Unmarshal(raw, &st) == nil && st.Sid == id
	})
}

// statement returns a statement in force, nil if there is none.
func (s *Service) statement(r ref, id string) *statement {
	f := s.state.Snapshot().Function(r.id)
	if f == nil || f.Policies[r.qualifier] == nil {
		return nil
	}
	doc, err := parseDocument(f.Policies[r.qualifier].Record)
	i := doc.find(id)
	if err != nil || i < 0 {
		return nil
	}
	st := new(statement)
	if err := json.Unmarshal(doc.Statement[i], st); err != nil {
		return nil
	}
	return st
}

// named is whom the statement names.
func (st *statement) named() string {
	switch p := st.Principal.(type) {
	case string:
		return p
	case map[string]any:
		for _, name := range p {
			if s, ok := name.(string); ok {
				return s
			}
		}
	}
	return ""
}

// authType is the AuthType that the statement asks for, empty for none.
func (st *statement) authType() string {
	if st.Condition == nil || st.Condition.StringEquals == nil {
		return ""
	}
	return value(st.Condition.StringEquals.FunctionUrlAuthType)
}

// principal turns the Principal parameter into the element of a statement.
func (s *Service) principal(p string) (any, error) {
	switch {
	case p == "*":
		return "*", nil
	case len(p) == 12 && state.IsVersion(p): // digits
		return map[string]string{"AWS": arn.Root(p)}, nil
	case strings.HasSuffix(p, ".amazonaws.com") || strings.HasSuffix(p, ".amazonaws.com.cn") || strings.HasSuffix(p, ".amazon.com"):
		return map[string]string{"Service": p}, nil
	}
	if a, err := arn.Parse(p); err == nil && s.knownPrincipal(a, p) {
		return map[string]string{"AWS": p}, nil
	}
	return nil, invalidPrincipal()
}

func invalidPrincipal() *awsapi.Error {
	return InvalidParameterValueException("The provided principal was invalid. Please check the principal and try again.")
}

// knownPrincipal reports whether an ARN names somebody. Users and roles must
// exist, because a statement is bound to the one that exists when it is made.
func (s *Service) knownPrincipal(a arn.ARN, text string) bool {
	kind, _, _ := strings.Cut(a.Resource, "/")
	switch {
	case a.Service == "iam" && a.Resource == "root":
		return true
	case a.Service == "iam" && (kind == "user" || kind == "role"):
		_, ok := s.state.Snapshot().PrincipalID(text)
		return ok
	case a.Service == "sts" && (kind == "assumed-role" || kind == "federated-user"):
		return true
	}
	return false
}

// openPolicy reads a policy, nil for none, as it is to be shown and changed.
// The unique id stands in place of the ARN of every user and role that was
// deleted since a statement named it, as on AWS: whoever bears that ARN now is
// somebody else. It stands for those that were renamed, too.
func openPolicy(snap *state.Snapshot, p *state.FunctionPolicy) (policyDocument, error) {
	doc, err := parseDocument(p)
	if err != nil || p == nil {
		return doc, err
	}
	gone := map[string]string{}
	for principal, id := range p.PrincipalIDs {
		if now, ok := snap.PrincipalID(principal); !ok || now != id {
			gone[principal] = id
		}
	}
	if len(gone) == 0 {
		return doc, nil
	}
	for i, raw := range doc.Statement {
		if doc.Statement[i], err = departed(raw, gone); err != nil {
			return doc, err
		}
	}
	return doc, nil
}

// writePolicy renders a policy from openPolicy that was changed, checks it as a
// whole and binds it to those whom its ARNs name.
func writePolicy(snap *state.Snapshot, doc policyDocument) (*state.FunctionPolicy, error) {
	text, err := compactJSON(doc)
	if err != nil {
		return nil, fmt.Errorf("lambda: write the policy: %w", err)
	}
	if len(text) > maxPolicy {
		return nil, PolicyLengthExceededException("The final policy size (%d) is bigger than the limit (%d).", len(text), maxPolicy)
	}
	parsed, err := policy.Parse([]byte(text), policy.Resource)
	if err != nil { // validation leaves nothing else that can be wrong
		return nil, invalidPrincipal()
	}
	next := &state.FunctionPolicy{Document: text, RevisionID: uuid.NewString(), PrincipalIDs: map[string]string{}}
	for _, principal := range parsed.PrincipalARNs() {
		id, ok := snap.PrincipalID(principal)
		if !ok {
			return nil, invalidPrincipal()
		}
		next.PrincipalIDs[principal] = id
	}
	return next, nil
}
