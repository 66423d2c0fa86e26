package admin

import (
	"cmp"
	"context"
	"fmt"

	"furl/internal/arn"
	"furl/internal/authz"
	"furl/internal/policy"
	"furl/internal/state"
)

// finding is what is found of a scene.
type finding struct {
	allowed bool
	reason  string
	// decisive is the explanation that made a refusal; nil where the reason
	// lies before policies.
	decisive *policy.Explanation
	// actions are the explanations in the order in which actions are asked for.
	actions []policy.Explanation
	// caller is who the call counts as; nil if nobody knows.
	caller          *authz.Caller
	dualWouldRefuse bool
}

// ExplainURL says whether a caller may call a function URL, why, and what
// would allow it. The verdict is the data plane's own, from the same policies.
func (s *Service) ExplainURL(ctx context.Context, in *ExplainURLRequest) (*ExplainURLResponse, error) {
	c, outside, about, err := s.newScene(ctx, in)
	if err != nil {
		return nil, err
	}
	if outside != "" {
		return s.explainOutside(ctx, outside, about), nil
	}
	f := s.judge(c)
	out := &ExplainURLResponse{
		Allowed:         f.allowed,
		Mode:            s.mode(),
		Reason:          f.reason,
		Summary:         s.summary(c, &f),
		FunctionArn:     new(c.arn()),
		DualWouldRefuse: f.dualWouldRefuse,
		Decisions:       s.renderDecisions(c, f.actions),
		Fix:             s.fix(*c),
		Notes:           s.notes(c, &f),
	}
	if c.url != nil {
		out.FunctionUrl, out.AuthType = new(s.url(c.url.ID)), &c.url.AuthType
	}
	if f.caller != nil {
		out.Principal = new(callerName(f.caller))
	}
	if f.reason == ReasonImplicitDeny {
		out.MissingPermission = &f.decisive.Request.Action
	}
	return out, nil
}

// arn is the ARN that a call acts on.
func (c *scene) arn() string {
	f := c.function.Function
	return arn.Function(f.Region, f.Account, f.Name, c.qualifier)
}

// route is what the data plane would find for the scene's URL.
func (c *scene) route() *state.Route {
	routing, _ := c.function.Routing(c.qualifier) // the scene was set with one that there is
	return &state.Route{URL: c.url, Routing: routing, ARN: c.arn(), Policy: c.resource}
}

// judge gives the verdict on a scene: first what is decided before policies
// are asked, in the data plane's order, then what the policies say.
func (s *Service) judge(c *scene) finding {
	if c.url == nil {
		return finding{reason: ReasonNoURL, caller: c.caller}
	}
	f := finding{caller: c.caller}
	switch {
	case c.url.AuthType == state.AuthNone:
		f.caller = authz.Anonymous() // whatever is signed, nobody looks
	case c.key == keyUnknown:
		return finding{reason: ReasonUnknownKey, caller: c.caller}
	case c.key == keyEnded:
		return finding{reason: ReasonSessionEnded, caller: c.caller}
	case c.key == keyInactive:
		f.reason = ReasonInactiveKey
	case c.caller.Principal.Type == policy.Anonymous:
		f.reason = ReasonUnsigned
	}
	verdict := s.authz.URL(c.route(), f.caller, c.env)
	f.actions = s.authz.ExplainURL(c.route(), f.caller, c.env)
	if f.reason != "" {
		return f
	}
	f.allowed, f.dualWouldRefuse = verdict.Allowed, verdict.DualWouldRefuse
	if verdict.Allowed {
		return f
	}
	f.reason = ReasonImplicitDeny
	if verdict.Decision.ExplicitDeny {
		f.reason = ReasonExplicitDeny
	}
	for i := range f.actions {
		if f.actions[i].Request.Action == verdict.Refused {
			f.decisive = &f.actions[i]
		}
	}
	return f
}

func callerName(c *authz.Caller) string {
	return cmp.Or(c.Principal.ARN, "anonymous")
}

// explainOutside answers for addresses that no function has.
func (s *Service) explainOutside(ctx context.Context, reason, about string) *ExplainURLResponse {
	out := &ExplainURLResponse{Mode: s.mode(), Reason: reason, Decisions: []Decision{}, Fix: []string{}, Notes: []string{}}
	if reason == ReasonForeignHost {
		out.Summary = fmt.Sprintf("%s is no function URL of this server, whose URLs end in .lambda-url.%s.%s", about, s.region, s.domain)
		return out
	}
	out.Summary = fmt.Sprintf("no function URL has the id %s: it never had one or was deleted, and a deleted address never answers again", about)
	for _, f := range s.state.Snapshot().Functions(account(ctx), s.region) {
		for qualifier, u := range f.URLs {
			if len(out.Notes) == maxURLNotes {
				return out
			}
			name := f.Function.Name
			if qualifier != "" {
				name += ":" + qualifier
			}
			out.Notes = append(out.Notes, fmt.Sprintf("the function %s has the URL %s", name, s.url(u.ID)))
		}
	}
	return out
}

// maxURLNotes is how many of the server's URLs are named for one that it does
// not have.
const maxURLNotes = 5

func (s *Service) renderDecisions(c *scene, actions []policy.Explanation) []Decision {
	out := make([]Decision, 0, len(actions))
	for i := range actions {
		x := &actions[i]
		d := Decision{
			Action:      x.Request.Action,
			Resource:    x.Request.Resource,
			Allowed:     x.Allowed,
			Required:    i == 0 || s.authz.Dual(),
			Reason:      x.Reason(x.Request.Action),
			Statements:  make([]Statement, 0, len(x.Statements)),
			MissingKeys: append([]string{}, x.MissingKeys...),
		}
		for j := range x.Statements {
			st := &x.Statements[j]
			one := Statement{
				Policy: st.Policy, PolicyType: st.Source.String(), Index: st.Index + 1, Sid: nonEmpty(st.Sid),
				Effect: st.Effect.String(), Applies: st.Applies(), Why: []string{},
			}
			for _, failure := range st.Failures {
				one.Why = append(one.Why, c.why(failure))
			}
			d.Statements = append(d.Statements, one)
		}
		out = append(out, d)
	}
	return out
}
