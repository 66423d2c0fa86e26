package iam

import (
	"fmt"
	"slices"
	"strings"

	"furl/internal/arn"
	"furl/internal/policy"
)

// question is one action on one resource.
type question struct {
	number           int
	action, resource string
}

// simulate decides every action on every resource.
func (s *Service) simulate(sim *simulated, marker *string, maxItems *int, op string) (*SimulatePolicyResponse, error) {
	in, err := s.input(sim)
	if err != nil {
		return nil, err
	}
	resources := sim.resources
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	var all []question
	for _, action := range sim.actions {
		if service, name, ok := strings.Cut(action, ":"); !ok || service == "" || name == "" {
			return nil, InvalidInputException("Invalid action name: %s", action)
		}
		for _, resource := range resources {
			all = append(all, question{len(all), action, resource})
		}
	}
	page, next, err := paginate(all, marker, maxItems, op, func(q question) string { return fmt.Sprintf("%09d", q.number) })
	if err != nil {
		return nil, err
	}
	out := &SimulatePolicyResponse{EvaluationResults: make([]EvaluationResult, 0, len(page)), IsTruncated: new(next != nil), Marker: next}
	for _, q := range page {
		ask := *in
		ask.Request.Action, ask.Request.Resource = q.action, q.resource
		out.EvaluationResults = append(out.EvaluationResults, evaluate(&ask))
	}
	return out, nil
}

// input makes the evaluator's input of a simulation, all but the question.
func (s *Service) input(sim *simulated) (*policy.Input, error) {
	given, err := documents("PolicyInputList", sim.inputs, policy.Identity)
	if err != nil {
		return nil, err
	}
	in := &policy.Input{Identity: append(slices.Clone(sim.identity), given...), Boundary: sim.boundary}
	bounds, err := documents("PermissionsBoundaryPolicyInputList", sim.boundaries, policy.Boundary)
	switch {
	case err != nil:
		return nil, err
	case len(bounds) > 1:
		return nil, InvalidInputException("There can be only one permissions boundary policy.")
	case len(bounds) == 1:
		in.Boundary = &bounds[0]
	}
	in.Request.Principal = sim.principal
	if err := s.setCaller(sim, in); err != nil {
		return nil, err
	}
	if sim.resourcePolicy != nil {
		p, err := policy.Parse([]byte(*sim.resourcePolicy), policy.Resource)
		if err != nil {
			return nil, InvalidInputException("%s", err)
		}
		in.Resource = &policy.Source{Name: "ResourcePolicy", Policy: p}
	}
	in.Request.Context, err = s.keys(sim)
	return in, err
}

// setCaller has another user than the one behind the policies ask, and another
// account than the caller's own the resource.
func (s *Service) setCaller(sim *simulated, in *policy.Input) error {
	if sim.caller != nil && *sim.caller != in.Request.Principal.ARN {
		a, err := arn.Parse(*sim.caller)
		if err != nil || a.Service != "iam" || !strings.HasPrefix(a.Resource, "user/") {
			return InvalidInputException("CallerArn must be the ARN of a user: %s", *sim.caller)
		}
		in.Request.Principal = policy.Principal{Type: policy.User, Account: a.Account, ARN: *sim.caller, ID: "AIDASIMULATED"}
		if id, ok := s.state.Snapshot().PrincipalID(*sim.caller); ok {
			in.Request.Principal.ID = id
		}
		sim.keys.Set("aws:PrincipalArn", policy.One(*sim.caller))
		sim.keys.Set("aws:username", policy.One(a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]))
	}
	in.Request.ResourceAccount = in.Request.Principal.Account
	if sim.owner == nil {
		return nil
	}
	owner := *sim.owner
	if a, err := arn.Parse(owner); err == nil {
		owner = a.Account
	}
	in.Request.ResourceAccount = owner
	return nil
}

// keys are the condition keys of a simulation: those that follow from who asks,
// the time, and those that the request gives, which win.
func (s *Service) keys(sim *simulated) (policy.ContextMap, error) {
	keys := sim.subject.keys
	now := s.now().UTC()
	keys.Set("aws:CurrentTime", policy.One(now.Format("2006-01-02T15:04:05Z")))
	keys.Set("aws:EpochTime", policy.One(fmt.Sprint(now.Unix())))
	for _, e := range sim.entries {
		name := value(e.ContextKeyName)
		switch {
		case name == "":
			return nil, InvalidInputException("A context entry has no name.")
		case strings.HasSuffix(string(value(e.ContextKeyType)), "List"):
			keys.Set(name, policy.Many(e.ContextKeyValues...))
		case len(e.ContextKeyValues) == 1:
			keys.Set(name, policy.One(e.ContextKeyValues[0]))
		case len(e.ContextKeyValues) > 1:
			return nil, InvalidInputException("Context key %s of type %s has several values.", name, value(e.ContextKeyType))
		}
	}
	return keys, nil
}

// evaluate decides one question and renders the decision.
func evaluate(in *policy.Input) EvaluationResult {
	x := policy.Explain(*in)
	decision := PolicyEvaluationDecisionTypeImplicitDeny
	switch {
	case x.Allowed:
		decision = PolicyEvaluationDecisionTypeAllowed
	case x.ExplicitDeny:
		decision = PolicyEvaluationDecisionTypeExplicitDeny
	}
	matched := []Statement{}
	for _, st := range x.Deciding() {
		matched = append(matched, renderStatement(st))
	}
	missing := x.MissingKeys
	if missing == nil {
		missing = []string{}
	}
	out := EvaluationResult{
		EvalActionName: in.Request.Action, EvalResourceName: &in.Request.Resource, EvalDecision: decision,
		MatchedStatements: matched, MissingContextValues: missing,
		OrganizationsDecisionDetail: &OrganizationsDecisionDetail{AllowedByOrganizations: new(true)},
		EvalDecisionDetails:         map[string]PolicyEvaluationDecisionType{},
	}
	specific := ResourceSpecificResult{
		EvalResourceName: in.Request.Resource, EvalResourceDecision: decision,
		MatchedStatements: matched, MissingContextValues: missing,
	}
	if in.Boundary != nil {
		detail := &PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: new(withinBoundary(in))}
		out.PermissionsBoundaryDecisionDetail, specific.PermissionsBoundaryDecisionDetail = detail, detail
	}
	out.ResourceSpecificResults = []ResourceSpecificResult{specific}
	return out
}

// withinBoundary reports whether the permissions boundary alone would allow it.
func withinBoundary(in *policy.Input) bool {
	alone := policy.Input{Request: in.Request, Identity: []policy.Source{*in.Boundary}}
	alone.Request.ResourceAccount = alone.Request.Principal.Account
	return policy.Decide(alone).Allowed
}

func renderStatement(st policy.StatementResult) Statement {
	kind := PolicySourceType("IAM Policy") // as recorded, whatever the model says
	if st.Source == policy.ResourcePolicy {
		kind = "Resource Policy"
	}
	return Statement{
		SourcePolicyId: &st.Policy, SourcePolicyType: &kind,
		StartPosition: &Position{Line: &st.Start.Line, Column: &st.Start.Column},
		EndPosition:   &Position{Line: &st.End.Line, Column: &st.End.Column},
	}
}
