package policy

import "strings"

// evaluation is a request prepared for matching.
type evaluation struct {
	request *Request
	// service and name are the two halves of the action.
	service, name string
	// head and tail are the request's ARN split at the first five colons; isARN is false for "*" and other text.
	head  [5]string
	tail  string
	isARN bool
	// bounded: the caller has a permissions boundary.
	bounded bool
}

func newEvaluation(in *Input) evaluation {
	e := evaluation{request: &in.Request, bounded: in.Boundary != nil}
	e.service, e.name, _ = strings.Cut(in.Request.Action, ":")
	rest := in.Request.Resource
	for i := range e.head {
		e.head[i], rest, e.isARN = strings.Cut(rest, ":")
	}
	e.tail = rest
	return e
}

// grants says how directly the statement names the caller; noGrant when it is not about the request.
func (e *evaluation) grants(s *statement) grant {
	if !e.actionMatches(&s.actions) || !e.resourceMatches(&s.resources) {
		return noGrant
	}
	g := s.principals.grants(&e.request.Principal, e.bounded)
	if g == noGrant {
		return noGrant
	}
	for i := range s.conditions {
		if s.conditions[i].test(e.request.Context) != holds {
			return noGrant
		}
	}
	return g
}

func (e *evaluation) actionMatches(a *actions) bool {
	for i := range a.list {
		p := &a.list[i]
		if p.everything || strings.EqualFold(p.service, e.service) && glob(p.name, e.name, true) {
			return !a.negated
		}
	}
	return a.negated
}

func (e *evaluation) resourceMatches(r *resources) bool {
	if !r.present {
		return true
	}
	for i := range r.list {
		if e.matchesResource(&r.list[i]) {
			return !r.negated
		}
	}
	return r.negated
}

// matchesResource compares field by field: a wildcard in one of the first five fields, which ignore letter case,
// stays inside of it. A request without a resource ("*") matches "*" only.
func (e *evaluation) matchesResource(p *resourcePattern) bool {
	if p.everything {
		return true
	}
	if p.never || !e.isARN {
		return false
	}
	for i := range e.head {
		if !glob(p.head[i], e.head[i], true) {
			return false
		}
	}
	return p.tail.match(e.tail, e.request.Context)
}
