package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Failure says which part of a statement does not fit the request.
type Failure struct {
	// Element is the statement's element: Principal, NotPrincipal, Action, NotAction, Resource, NotResource or
	// Condition.
	Element string
	// Operator and Key are those of a Condition, as written.
	Operator, Key string
	// Want are the policy's values, Got the request's. Got is empty when the request does not have the key.
	Want, Got []string
	// Multivalued: the key is multivalued and the operator lacks ForAllValues or ForAnyValue.
	Multivalued bool
}

// String is the failure as part of a sentence.
func (f Failure) String() string {
	if f.Element != "Condition" {
		return fmt.Sprintf("%s is %s, the request has %s", f.Element, quoted(f.Want), quoted(f.Got))
	}
	test := fmt.Sprintf("Condition %s %s is %s", f.Operator, f.Key, quoted(f.Want))
	switch {
	case len(f.Got) == 0:
		return test + ", the request does not have this key"
	case f.Multivalued:
		return test + ", a key with several values needs ForAllValues or ForAnyValue"
	}
	return test + ", the request has " + quoted(f.Got)
}

func quoted(values []string) string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = fmt.Sprintf("%q", v)
	}
	if len(list) == 1 {
		return list[0]
	}
	return "[" + strings.Join(list, ", ") + "]"
}

// StatementResult is a statement and what became of it.
type StatementResult struct {
	Statement
	Source SourceType
	// Policy is the name of the statement's policy.
	Policy string
	// Failures lists every part that does not fit. The statement applies when there is none.
	Failures []Failure

	grant grant
}

// Applies reports whether the statement is about the request.
func (r *StatementResult) Applies() bool { return len(r.Failures) == 0 }

// String names the statement, such as `statement 2 "DenyAll" of inline policy p of user bob`.
func (r *StatementResult) String() string {
	sid := ""
	if r.Sid != "" {
		sid = fmt.Sprintf(" %q", r.Sid)
	}
	return fmt.Sprintf("statement %d%s of %s", r.Index+1, sid, cmp.Or(r.Policy, "the "+r.Source.String()))
}

// Explanation is a decision with its reasons.
type Explanation struct {
	Decision
	Request Request
	// Statements are the statements of all policies that have a say, those of the resource first.
	Statements []StatementResult
	// MissingKeys are condition keys that the policies name and the request does not have, sorted.
	MissingKeys []string
}

// Explain gives the verdict of Decide, and for every statement of every policy why it does or does not apply.
func Explain(in Input) Explanation {
	e := newEvaluation(&in)
	x := Explanation{Request: in.Request}
	var f findings
	if in.Resource != nil {
		x.weigh(&e, &f.resource, in.resourceType(), *in.Resource)
	}
	if in.Request.Principal.Type.hasIdentity() {
		x.weigh(&e, &f.identity, IdentityPolicy, in.Identity...)
		if in.Boundary != nil {
			x.weigh(&e, &f.boundary, PermissionsBoundary, *in.Boundary)
		}
		x.weigh(&e, &f.session, SessionPolicy, in.Session...)
	}
	x.Decision = f.verdict(&in)
	slices.SortFunc(x.MissingKeys, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	x.MissingKeys = slices.CompactFunc(x.MissingKeys, strings.EqualFold)
	return x
}

// weigh adds the statements of policies to the explanation and to what their side says.
func (x *Explanation) weigh(e *evaluation, s *side, from SourceType, sources ...Source) {
	for _, source := range sources {
		if source.Policy == nil {
			s.denies = true
			continue
		}
		for i := range source.Policy.statements {
			st := &source.Policy.statements[i]
			r := StatementResult{Statement: st.Statement, Source: from, Policy: source.Name}
			r.Failures, r.grant = e.failures(st)
			if r.Applies() {
				s.add(st.Effect, r.grant)
			}
			x.Statements = append(x.Statements, r)
		}
		for _, key := range source.Policy.ContextKeys() {
			if v, ok := lookup(e.request.Context, strings.ToLower(key)); !ok || v.Len() == 0 {
				x.MissingKeys = append(x.MissingKeys, key)
			}
		}
	}
}

// failures lists the parts of the statement that do not fit the request.
func (e *evaluation) failures(s *statement) ([]Failure, grant) {
	var list []Failure
	g := s.principals.grants(&e.request.Principal, e.bounded)
	if g == noGrant {
		f := Failure{Element: element("Principal", s.principals.negated), Got: []string{e.request.Principal.describe()}}
		for _, name := range s.principals.list {
			f.Want = append(f.Want, name.raw)
		}
		list = append(list, f)
	}
	if !e.actionMatches(&s.actions) {
		f := Failure{Element: element("Action", s.actions.negated), Got: []string{e.request.Action}}
		for _, p := range s.actions.list {
			f.Want = append(f.Want, p.raw)
		}
		list = append(list, f)
	}
	if !e.resourceMatches(&s.resources) {
		f := Failure{Element: element("Resource", s.resources.negated), Got: []string{e.request.Resource}}
		for _, p := range s.resources.list {
			f.Want = append(f.Want, p.raw)
		}
		list = append(list, f)
	}
	for i := range s.conditions {
		c := &s.conditions[i]
		result := c.test(e.request.Context)
		if result == holds {
			continue
		}
		f := Failure{Element: "Condition", Operator: c.opName, Key: c.name, Want: slices.Clone(c.texts)}
		if v, ok := lookup(e.request.Context, c.key); ok {
			for j := range v.Len() {
				f.Got = append(f.Got, v.At(j))
			}
		}
		f.Multivalued = result == failsMultivalued
		list = append(list, f)
	}
	return list, g
}

func element(name string, negated bool) string {
	if negated {
		return "Not" + name
	}
	return name
}

// describe names the caller for people.
func (p *Principal) describe() string {
	return cmp.Or(p.ARN, "an anonymous caller")
}

// Deciding lists the statements that made the decision: the Denies of an explicit deny, the Allows of an allowed
// request, nothing for an implicit deny.
func (x *Explanation) Deciding() []StatementResult {
	effect := Allow
	if x.ExplicitDeny {
		effect = Deny
	}
	var list []StatementResult
	for _, r := range x.Statements {
		if r.Applies() && r.Effect == effect && (x.Allowed || x.ExplicitDeny) {
			list = append(list, r)
		}
	}
	return list
}

// NearMisses lists, for an implicit deny, the Allow statements that would have helped but for one part, those first
// that fail on a condition, then on the principal, the resource, the action.
func (x *Explanation) NearMisses() []StatementResult {
	if x.Allowed || x.ExplicitDeny {
		return nil
	}
	var list []StatementResult
	for _, r := range x.Statements {
		relevant := r.Source == x.DeniedBy || x.DeniedBy == IdentityPolicy && r.Source == ResourcePolicy
		if r.Effect == Allow && len(r.Failures) == 1 && relevant {
			list = append(list, r)
		}
	}
	rank := func(r StatementResult) int {
		return slices.IndexFunc([]string{"Condition", "Principal", "Resource", "Action"}, func(name string) bool {
			return strings.HasSuffix(r.Failures[0].Element, name)
		})
	}
	slices.SortStableFunc(list, func(a, b StatementResult) int { return cmp.Compare(rank(a), rank(b)) })
	return list
}

// String answers "why?" in a few lines: the verdict with the missing permission, then the statements that decided
// or nearly helped.
func (x *Explanation) String() string {
	var out strings.Builder
	what := fmt.Sprintf("%s on %s for %s", x.Request.Action, x.Request.Resource, x.Request.Principal.describe())
	switch {
	case x.Allowed:
		fmt.Fprintf(&out, "allowed: %s\n", what)
	case x.ExplicitDeny:
		fmt.Fprintf(&out, "denied: %s, %s\n", what, x.Reason(x.Request.Action))
	default:
		fmt.Fprintf(&out, "denied: no %s allows %s\n", x.DeniedBy, what)
	}
	deciding := x.Deciding()
	for _, r := range deciding {
		fmt.Fprintf(&out, "  by %s\n", &r)
	}
	if x.Allowed && len(deciding) == 0 {
		out.WriteString("  no permission is needed\n")
	}
	for _, r := range x.NearMisses() {
		fmt.Fprintf(&out, "  near miss: %s: %s\n", &r, r.Failures[0])
	}
	return out.String()
}
