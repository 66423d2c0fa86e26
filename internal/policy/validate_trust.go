package policy

import (
	"cmp"
	"fmt"
	"strings"
)

// AWS's texts about trust policies. The first is recorded; the others are quoted from its answers in public issues
// or taken from implementations that follow it.
const (
	textTrustJSON         = "This policy contains invalid Json"
	textTrustSyntax       = "Syntax error in policy."
	textTrustVersion      = "The policy must contain a valid version string"
	textTrustEmpty        = "Could not parse the policy: Statement is empty!"
	textTrustSids         = "The Statement Ids in the policy are not unique"
	textTrustNoEffect     = "Missing required field Effect"
	textTrustBare         = "Principal must be a JSON object."
	textTrustNotPrincipal = "AssumeRole policy must not contain NotPrincipal field."
	textTrustNoAction     = "Missing required field Action"
	textTrustAction       = "AssumeRole policy may only specify STS AssumeRole actions."
	textTrustResource     = "Has prohibited field Resource"
	textTrustNotResource  = "AssumeRole policy must not contain resources."
)

// validateTrust checks a role's trust policy, statement by statement.
func validateTrust(doc *document) *SyntaxError {
	if doc.hasVersion && doc.version != version2008 && doc.version != version2012 {
		return refuse(doc.start, textTrustVersion, "")
	}
	if len(doc.statements) == 0 {
		return refuse(doc.start, textTrustEmpty, "")
	}
	for i := range doc.statements {
		s := &doc.statements[i]
		if f := cmp.Or(
			checkTrustEffect(s),
			checkTrustPrincipal(s),
			checkStatementSyntax(decoder{Trust}, s),
			checkTrustActions(s),
			checkTrustResources(s),
		); f != nil {
			return f
		}
	}
	if s := duplicateSid(doc); s != nil {
		return refuse(s.sidStart, textTrustSids, "")
	}
	return nil
}

func checkTrustEffect(s *rawStatement) *SyntaxError {
	switch s.effect {
	case allow, deny:
		return nil
	case "":
		return refuse(s.effectStart, textTrustNoEffect, "")
	}
	return refuse(s.effectStart, fmt.Sprintf("Invalid effect: %s", s.effect), "")
}

func checkTrustPrincipal(s *rawStatement) *SyntaxError {
	switch {
	case s.notPrincipal != nil && s.effect == allow:
		return refuse(s.notPrincipal.start, textAllowNot, "")
	case s.notPrincipal != nil:
		return refuse(s.notPrincipal.start, textTrustNotPrincipal, "")
	case s.principal == nil:
		return refuse(s.start, textNoPrincipal, "")
	case !s.principal.isObject:
		return refuse(s.principal.start, textTrustBare, "")
	}
	return checkPrincipalEntries(s.principal, Trust)
}

func checkTrustActions(s *rawStatement) *SyntaxError {
	l := s.actions()
	if len(l.values) == 0 {
		return refuse(l.start, textTrustNoAction, "")
	}
	for _, action := range l.values {
		service, _, found := strings.Cut(action, ":")
		if !found || !strings.EqualFold(service, "sts") || strings.Count(action, ":") > 1 {
			return refuse(l.start, textTrustAction, "")
		}
	}
	return nil
}

func checkTrustResources(s *rawStatement) *SyntaxError {
	switch {
	case s.resource != nil:
		return refuse(s.resource.start, textTrustResource, "")
	case s.notResource != nil:
		return refuse(s.notResource.start, textTrustNotResource, "")
	}
	return nil
}
