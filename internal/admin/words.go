package admin

import (
	"fmt"
	"slices"
	"strings"

	"furl/internal/authz"
	"furl/internal/policy"
	"furl/internal/state"
)

// summary is the verdict in a sentence.
func (s *Service) summary(c *scene, f *finding) string {
	switch f.reason {
	case ReasonNoURL:
		return fmt.Sprintf("the function %s has no URL", c.name())
	case ReasonSessionEnded:
		return fmt.Sprintf("the session of the access key %s has ended: it expired or was revoked, or its role or user is gone", c.keyID)
	case ReasonUnknownKey:
		if _, session := authz.AccountOfKey(c.keyID); session {
			return fmt.Sprintf("the temporary credentials %s were not used on this server of late, which does not store them; name their session with --as", c.keyID)
		}
		return fmt.Sprintf("there is no access key %s, or not any more", c.keyID)
	case ReasonInactiveKey:
		return fmt.Sprintf("the access key %s of user %s is inactive", c.keyID, c.user.User.Name)
	case ReasonUnsigned:
		return "the URL's AuthType is AWS_IAM, which demands a signature, and the call has none"
	case ReasonExplicitDeny:
		return fmt.Sprintf("an explicit deny: %s denies %s for %s", statements(f.decisive.Deciding()), f.decisive.Request.Action, callerName(f.caller))
	case ReasonImplicitDeny:
		return fmt.Sprintf("no %s allows %s for %s", f.decisive.DeniedBy, f.decisive.Request.Action, callerName(f.caller))
	}
	first := &f.actions[0]
	if deciding := first.Deciding(); len(deciding) > 0 {
		return fmt.Sprintf("%s allows %s for %s", statements(deciding), first.Request.Action, callerName(f.caller))
	}
	return callerName(f.caller) + " needs no permission"
}

// statements names the first of the statements that made a decision.
func statements(list []policy.StatementResult) string {
	if len(list) == 0 {
		return "a policy"
	}
	name := list[0].String()
	if more := len(list) - 1; more > 0 {
		name += fmt.Sprintf(" (and %d more)", more)
	}
	return name
}

// name is the function's name with the alias that the URL belongs to.
func (c *scene) name() string {
	if c.qualifier == "" {
		return c.function.Function.Name
	}
	return c.function.Function.Name + ":" + c.qualifier
}

// notes are what a reader of the verdict should know beside it.
func (s *Service) notes(c *scene, f *finding) []string {
	notes := []string{}
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if c.url == nil {
		return notes
	}
	if c.url.AuthType == state.AuthNone && (c.caller == nil || c.caller.Principal.Type != policy.Anonymous) {
		note("the URL's AuthType is NONE: signatures are not looked at, every caller is anonymous")
	}
	switch f.reason {
	case ReasonUnsigned:
		note("sign the call, for example with awscurl --service lambda --region %s %s", s.region, s.url(c.url.ID))
	case ReasonExplicitDeny:
		note("no permission outweighs a Deny, which somebody wrote on purpose: the commands below take it away")
	}
	notes = append(notes, c.bounds(f)...)
	if c.url.AuthType == state.AuthIAM && c.user != nil && c.keyID == "" && s.activeKeys(c.user) == 0 {
		note("user %s has no active access key to sign with", c.user.User.Name)
	}
	if f.dualWouldRefuse {
		note("since October 2025 AWS asks for %s as well, with lambda:InvokedViaFunctionUrl, and would refuse this call, as furl serve --url-auth dual does",
			authz.ActionInvokeFunction)
	}
	if c.method == "OPTIONS" && c.url.CORS != nil {
		note("a preflight (OPTIONS with Origin and Access-Control-Request-Method) is answered by the URL's CORS configuration, without any permission")
	}
	if n := c.function.Function.ReservedConcurrency; n != nil && *n == 0 {
		note("the function's reserved concurrency is 0: every call is throttled (429) even where it is allowed, until %s",
			shellLine([]string{"aws", "lambda", "delete-function-concurrency", "--function-name", c.function.Function.Name}))
	}
	if keys := missingKeys(f); len(keys) > 0 {
		note("policies ask for condition keys that this call does not have: %s", strings.Join(keys, ", "))
	}
	return notes
}

// why words what does not fit in a statement. One that names the caller and
// still does not mean it was written for somebody else of that name.
func (c *scene) why(f policy.Failure) string {
	if f.Element == "Principal" && c.user != nil && slices.Contains(f.Want, "AWS:"+c.user.ARN) {
		if id := c.bound[c.user.ARN]; id != "" && id != c.user.User.ID {
			return fmt.Sprintf("Principal is %s (%s), which was deleted: the present user %s (%s) has the same name and is another; write the statement anew",
				c.user.ARN, id, c.user.User.Name, c.user.User.ID)
		}
	}
	return f.String()
}

// missingKeys are condition keys of the action that decided; those of function
// URLs, which one of the two actions never has, say nothing.
func missingKeys(f *finding) []string {
	var keys []string
	if f.decisive == nil {
		return nil
	}
	for _, key := range f.decisive.MissingKeys {
		if !strings.HasPrefix(strings.ToLower(key), "lambda:") {
			keys = append(keys, key)
		}
	}
	return keys
}
