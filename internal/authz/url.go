package authz

import (
	"furl/internal/policy"
	"furl/internal/state"
)

// Actions that a call of a function URL needs. AWS asked for the first alone
// until October 2025 and asks for both since.
const (
	ActionInvokeFunctionURL = "lambda:InvokeFunctionUrl"
	ActionInvokeFunction    = "lambda:InvokeFunction"
)

// URLVerdict is whether a caller may call a function URL.
type URLVerdict struct {
	Allowed bool
	// Refused is the first action that is not allowed under the server's mode,
	// empty when the call is allowed.
	Refused  string
	Decision policy.Decision
	// Unsigned: the URL asks for a signature and the caller is anonymous, so
	// no policy was looked at.
	Unsigned bool
	// DualWouldRefuse says of a call that classic mode allows that today's AWS
	// would not: lambda:InvokeFunction is missing.
	DualWouldRefuse bool
}

// URL judges a call of a function URL. Whoever calls one of AuthType NONE is
// judged as anonymous, signed or not; one of AuthType AWS_IAM is closed to
// anonymous callers, whatever a policy says about everybody.
func (a *Authorizer) URL(route *state.Route, c *Caller, env Env) URLVerdict {
	url := urlAccess(route)
	if c = urlCaller(route, c); c.Principal.Type == policy.Anonymous && route.URL.AuthType != state.AuthNone {
		return URLVerdict{Refused: url.Action, Unsigned: true}
	}
	d := a.Allow(c, env, url)
	if !d.Allowed {
		return URLVerdict{Refused: url.Action, Decision: d}
	}
	invoke := invokeAccess(route)
	second := a.Allow(c, env, invoke)
	switch {
	case second.Allowed:
		return URLVerdict{Allowed: true, Decision: d}
	case a.dual:
		return URLVerdict{Refused: invoke.Action, Decision: second}
	default:
		return URLVerdict{Allowed: true, Decision: d, DualWouldRefuse: true}
	}
}

// Dual reports whether both actions are asked for.
func (a *Authorizer) Dual() bool { return a.dual }

// ExplainURL explains each of the actions that a call of a function URL is
// judged by, in the order they are asked; in classic mode the second one is
// explained too, though it does not decide.
func (a *Authorizer) ExplainURL(route *state.Route, c *Caller, env Env) []policy.Explanation {
	c = urlCaller(route, c)
	return []policy.Explanation{
		a.Explain(c, env, urlAccess(route)),
		a.Explain(c, env, invokeAccess(route)),
	}
}

// urlCaller is as whom a caller calls a function URL.
func urlCaller(route *state.Route, c *Caller) *Caller {
	if route.URL.AuthType == state.AuthNone {
		return Anonymous()
	}
	return c
}

func urlAccess(route *state.Route) Access {
	return Access{
		Action:      ActionInvokeFunctionURL,
		Resource:    route.ARN,
		Account:     route.URL.Account,
		Policy:      route.Policy,
		Tags:        route.Target.Function.Tags,
		FunctionARN: route.Target.ARN,
		URLAuthType: route.URL.AuthType,
	}
}

func invokeAccess(route *state.Route) Access {
	return Access{
		Action:   ActionInvokeFunction,
		Resource: route.ARN,
		Account:  route.URL.Account,
		Policy:   route.Policy,
		Tags:     route.Target.Function.Tags,
		ViaURL:   true,
	}
}
