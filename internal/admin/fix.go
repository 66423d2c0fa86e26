package admin

import (
	"maps"
	"slices"
	"strings"

	"furl/internal/authz"
	"furl/internal/policy"
	"furl/internal/state"
)

// maxFixes bounds the commands of a fix. A user with more Deny statements than
// that is meant to be kept out.
const maxFixes = 8

// maxPolicies is IAM's quota for the inline policies of a user or a role, in
// characters without white space.
func maxPolicies(kind string) int {
	if kind == "role" {
		return 10240
	}
	return 2048
}

// Ids of statements that open a URL to everyone: those that AWS's own tools use.
const (
	publicURLStatement    = "FunctionURLAllowPublicAccess"
	publicInvokeStatement = "FunctionURLInvokeAllowPublicAccess"
	userStatement         = "FunctionURLAllowUser"
)

// fix finds commands that together have the call allowed, in dual mode too. It
// changes a copy of the scene as each command would change the server, so what
// it returns is known to work. Where no command can help it returns none.
func (s *Service) fix(c scene) []string {
	c.policies = maps.Clone(c.policies)
	if c.policies == nil {
		c.policies = map[string]string{}
	}
	commands := []string{}
	for {
		f := s.judge(&c)
		if f.allowed && !f.dualWouldRefuse {
			return commands
		}
		command, ok := s.remedy(&c, &f)
		if !ok || len(commands) == maxFixes {
			return []string{}
		}
		commands = append(commands, command)
	}
}

// remedy changes the scene by one command towards being allowed.
func (s *Service) remedy(c *scene, f *finding) (command string, ok bool) {
	switch f.reason {
	case ReasonNoURL:
		auth := state.AuthIAM
		if c.caller != nil && c.caller.Principal.Type == policy.Anonymous {
			auth = state.AuthNone
		}
		c.url = &state.URLConfig{Account: c.function.Function.Account, Qualifier: c.qualifier, AuthType: auth}
		return c.lambda("create-function-url-config", "--auth-type", auth), true
	case ReasonUnsigned:
		open := *c.url
		open.AuthType = state.AuthNone
		c.url = &open
		return c.lambda("update-function-url-config", "--auth-type", open.AuthType), true
	case ReasonUnknownKey:
		if c.user == nil {
			return "", false
		}
		c.key = keyGood
		return c.iam("create-access-key"), true
	case ReasonInactiveKey:
		c.key = keyGood
		return c.iam("update-access-key", "--access-key-id", c.keyID, "--status", "Active"), true
	}
	for i := range f.actions {
		if x := &f.actions[i]; !x.Allowed {
			return c.allow(f, x)
		}
	}
	return "", false
}

// allow changes a policy so that one action comes nearer to being allowed.
func (c *scene) allow(f *finding, x *policy.Explanation) (command string, ok bool) {
	switch {
	case x.ExplicitDeny && x.DeniedBy == policy.ResourcePolicy:
		return c.removePermission(x.Deciding()[0])
	case x.ExplicitDeny && x.DeniedBy == policy.IdentityPolicy:
		return c.removeStatement(x.Deciding()[0])
	case x.ExplicitDeny:
		return "", false
	case x.DeniedBy == policy.ResourcePolicy:
		sid := publicURLStatement
		if x.Request.Action == authz.ActionInvokeFunction {
			sid = publicInvokeStatement
		}
		return c.addPermission(x.Request.Action, "*", sid)
	case x.DeniedBy == policy.IdentityPolicy:
		return c.putPolicy(f, x)
	}
	return "", false
}

// putPolicy gives the user or role a policy that allows the actions that are
// missing; where its quota is used up, the function's policy does it.
func (c *scene) putPolicy(f *finding, x *policy.Explanation) (command string, ok bool) {
	kind, _, principal, ok := c.issuer()
	if !ok {
		return "", false
	}
	doc := document{Version: policyVersion}
	for i := range f.actions {
		if !f.actions[i].Allowed {
			doc.Statement = append(doc.Statement, c.statement(f.actions[i].Request.Action))
		}
	}
	text := doc.text()
	name := free("invoke-"+c.function.Function.Name+"-url", "-", func(n string) bool { _, taken := c.policies[n]; return taken })
	size := 0
	for _, doc := range append(slices.Collect(maps.Values(c.policies)), text) {
		p, err := policy.Parse([]byte(doc), policy.Identity)
		if err != nil {
			return "", false
		}
		size += p.Size()
	}
	if size > maxPolicies(kind) {
		return c.addPermission(x.Request.Action, principal, userStatement)
	}
	c.policies[name] = text
	return c.iam("put-"+kind+"-policy", "--policy-name", name, "--policy-document", text), c.rebuild()
}

// removeStatement takes a statement out of a policy of the user or role.
func (c *scene) removeStatement(st policy.StatementResult) (command string, ok bool) {
	kind, _, _, ok := c.issuer()
	if !ok {
		return "", false
	}
	for name, text := range c.policies {
		if st.Policy != c.sourceName(name) {
			continue
		}
		left, n, err := dropStatement(text, st.Index)
		if err != nil {
			return "", false
		}
		if n == 0 {
			delete(c.policies, name)
			return c.iam("delete-"+kind+"-policy", "--policy-name", name), c.rebuild()
		}
		c.policies[name] = left
		return c.iam("put-"+kind+"-policy", "--policy-name", name, "--policy-document", left), c.rebuild()
	}
	return "", false
}

// sourceName is the name that the state gives to a policy of the user or role.
func (c *scene) sourceName(name string) string {
	kind, owner, _, _ := c.issuer()
	return "inline policy " + name + " of " + kind + " " + owner
}

// addPermission adds a statement to the function's policy.
func (c *scene) addPermission(action, principal, sid string) (command string, ok bool) {
	taken := sids(c.document)
	st := c.statement(action)
	st.Sid = free(sid, "", func(id string) bool { return taken[id] })
	st.Principal = principal
	if principal != "*" {
		st.Principal = map[string]string{"AWS": principal}
	}
	text, err := addStatement(c.document, st)
	if err != nil || !c.setDocument(text) {
		return "", false
	}
	args := []string{"--statement-id", st.Sid, "--action", action, "--principal", principal}
	if action == authz.ActionInvokeFunctionURL {
		args = append(args, "--function-url-auth-type", c.url.AuthType)
	} else {
		args = append(args, "--invoked-via-function-url")
	}
	return c.lambda("add-permission", args...), true
}

// removePermission takes a statement out of the function's policy.
func (c *scene) removePermission(st policy.StatementResult) (command string, ok bool) {
	if st.Sid == "" {
		return "", false
	}
	left, n, err := dropStatement(c.document, st.Index)
	if err != nil {
		return "", false
	}
	command = c.lambda("remove-permission", "--statement-id", st.Sid)
	if n == 0 {
		c.document, c.resource = "", nil
		return command, true
	}
	return command, c.setDocument(left)
}

// setDocument has a changed resource policy in force.
func (c *scene) setDocument(text string) bool {
	p, err := policy.Parse([]byte(text), policy.Resource)
	if err != nil {
		return false
	}
	c.document = text
	c.resource = &policy.Source{Name: "policy of " + c.arn(), Policy: p.BindPrincipals(c.bound)}
	return true
}

// statement allows an action on the scene's URL and no more.
func (c *scene) statement(action string) statement {
	st := statement{Effect: "Allow", Action: action, Resource: c.arn()}
	if action == authz.ActionInvokeFunctionURL {
		st.Condition = map[string]map[string]string{"StringEquals": {"lambda:FunctionUrlAuthType": c.url.AuthType}}
	} else {
		st.Condition = map[string]map[string]string{"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}
	}
	return st
}

// lambda is a command about the function.
func (c *scene) lambda(command string, args ...string) string {
	words := []string{"aws", "lambda", command, "--function-name", c.function.Function.Name}
	if c.qualifier != "" {
		words = append(words, "--qualifier", c.qualifier)
	}
	return shellLine(append(words, args...))
}

// iam is a command about the user or role.
func (c *scene) iam(command string, args ...string) string {
	kind, name, _, _ := c.issuer()
	return shellLine(append([]string{"aws", "iam", command, "--" + kind + "-name", name}, args...))
}

func shellLine(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = ShellQuote(w)
	}
	return strings.Join(quoted, " ")
}

// ShellQuote quotes a word for a POSIX shell where it needs it.
func ShellQuote(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("@%+=:,./_-", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
