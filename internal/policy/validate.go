package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// AWS's texts. Those of permission policies are recorded on AWS (by way of moto's validated cases) or quoted from
// its answers in public issues.
const (
	textSyntax        = "Syntax errors in policy."
	textSessionJSON   = "The policy is not in the valid JSON format."
	textVersion       = "Policy document must be version 2012-10-17 or greater."
	textLegacy        = "The policy failed legacy parsing"
	textPrincipal     = "Policy document should not specify a principal."
	textSidCharacters = "Statement IDs (SID) must be alpha-numeric. " +
		"Check that your input satisfies the regular expression [0-9A-Za-z]*"
	textSidUnique      = "Statement IDs (SID) in a single policy must be unique."
	textNoActions      = "Policy statement must contain actions."
	textNoResources    = "Policy statement must contain resources."
	textActionVendor   = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	textActionColons   = "Actions/Condition can contain only one colon."
	textResourceVendor = "Resource vendor must be fully qualified and cannot contain regexes."
)

// invalidJSONText is AWS's text for a document that is not JSON.
func (k Kind) invalidJSONText() string {
	switch k {
	case Trust:
		return textTrustJSON
	case Session:
		return textSessionJSON
	}
	return textSyntax
}

// syntaxText is AWS's text for JSON that is not of the grammar.
func (k Kind) syntaxText() string {
	if k == Trust {
		return textTrustSyntax
	}
	return textSyntax
}

// refuse makes a fault of one of AWS's texts and perhaps a detail in our words.
func refuse(offset int, message, detail string) *SyntaxError {
	return &SyntaxError{Message: message, Detail: detail, Offset: offset}
}

// validatePermissions checks a document of any kind but Trust. The order of the checks is AWS's: syntax, version,
// principal, legacy parsing, Sids, presence of actions, resource formats, action prefixes, presence of resources.
func validatePermissions(doc *document, kind Kind) *SyntaxError {
	badResource, sound := firstResourceFault(doc)
	return cmp.Or(
		checkSyntax(doc, kind),
		checkVersion(doc, kind),
		checkPrincipals(doc, kind),
		checkLegacy(doc, sound),
		checkSids(doc, kind),
		checkActionsPresent(doc),
		badResource,
		checkActionPrefixes(doc),
		checkResourcesPresent(doc),
	)
}

func checkSyntax(doc *document, kind Kind) *SyntaxError {
	d := decoder{kind}
	if doc.hasVersion && doc.version != version2008 && doc.version != version2012 {
		return d.fail(doc.start, "Version must be %s or %s", version2012, version2008)
	}
	if len(doc.statements) == 0 {
		return d.fail(doc.start, "no Statement")
	}
	for i := range doc.statements {
		s := &doc.statements[i]
		if !strings.EqualFold(s.effect, allow) && !strings.EqualFold(s.effect, deny) {
			return d.fail(s.effectStart, "Effect must be %s or %s", allow, deny)
		}
		if f := checkStatementSyntax(d, s); f != nil {
			return f
		}
	}
	return nil
}

// checkStatementSyntax is the part of the syntax that permission and trust policies share.
func checkStatementSyntax(d decoder, s *rawStatement) *SyntaxError {
	switch {
	case s.action != nil && s.notAction != nil:
		return d.fail(s.notAction.start, "both Action and NotAction")
	case s.resource != nil && s.notResource != nil:
		return d.fail(s.notResource.start, "both Resource and NotResource")
	case s.principal != nil && s.notPrincipal != nil:
		return d.fail(s.notPrincipal.start, "both Principal and NotPrincipal")
	}
	for _, c := range s.conditions {
		if _, ok := parseOperator(c.operator); !ok {
			return d.fail(c.start, "unknown condition operator %q", c.operator)
		}
	}
	return nil
}

func checkVersion(doc *document, kind Kind) *SyntaxError {
	if kind == ManagedIdentity && doc.version != version2012 {
		return refuse(doc.start, textVersion, "")
	}
	return nil
}

// checkPrincipals refuses principals where the policy is attached to one, and demands them elsewhere.
func checkPrincipals(doc *document, kind Kind) *SyntaxError {
	for i := range doc.statements {
		s := &doc.statements[i]
		p := s.principals()
		switch {
		case kind != Resource && p != nil:
			return refuse(p.start, textPrincipal, "")
		case kind != Resource:
			continue
		case p == nil:
			return refuse(s.start, textNoPrincipal, "")
		case s.notPrincipal != nil && strings.EqualFold(s.effect, allow):
			return refuse(p.start, textAllowNot, "")
		case !p.isObject && p.bare != anything:
			return decoder{kind}.fail(p.start, "Principal must be %q or an object", anything)
		}
		if f := checkPrincipalEntries(p, kind); f != nil {
			return f
		}
	}
	return nil
}

// checkLegacy is what AWS's older parser refuses. It looks at the resources of the first sound statements only: it
// does not get to one whose resources are not of the right format.
func checkLegacy(doc *document, sound int) *SyntaxError {
	for i := range doc.statements {
		s := &doc.statements[i]
		if s.effect != allow && s.effect != deny {
			return refuse(s.effectStart, textLegacy, "Effect is case-sensitive")
		}
		for _, c := range s.conditions {
			op, _ := parseOperator(c.operator)
			if op.family != familyDate {
				continue
			}
			if j := slices.IndexFunc(c.values, func(v string) bool { return !acceptableDate(v) }); j >= 0 {
				return refuse(c.start, textLegacy, fmt.Sprintf("%.60q is not a date", c.values[j]))
			}
		}
	}
	for i := range doc.statements[:sound] {
		l := doc.statements[i].resources()
		if j := slices.IndexFunc(l.values, failsLegacyParsing); j >= 0 {
			return refuse(l.start, textLegacy, fmt.Sprintf("%.100q is not an ARN", l.values[j]))
		}
	}
	return nil
}

// checkSids checks characters, then uniqueness, which is the order that users report. Other services than IAM
// allow more characters; no Sid, or an empty one, may be repeated.
func checkSids(doc *document, kind Kind) *SyntaxError {
	for i := range doc.statements {
		s := &doc.statements[i]
		if kind != Resource && strings.ContainsFunc(s.sid, func(r rune) bool { return !isAlphanumeric(r) }) {
			return refuse(s.sidStart, textSidCharacters, "")
		}
	}
	if s := duplicateSid(doc); s != nil {
		return refuse(s.sidStart, textSidUnique, "")
	}
	return nil
}

func duplicateSid(doc *document) *rawStatement {
	seen := map[string]bool{"": false}
	for i := range doc.statements {
		s := &doc.statements[i]
		if seen[s.sid] {
			return s
		}
		seen[s.sid] = s.sid != ""
	}
	return nil
}

func isAlphanumeric(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}

func checkActionsPresent(doc *document) *SyntaxError {
	for i := range doc.statements {
		if len(doc.statements[i].actions().values) == 0 {
			return refuse(doc.statements[i].start, textNoActions, "")
		}
	}
	return nil
}

func checkResourcesPresent(doc *document) *SyntaxError {
	for i := range doc.statements {
		if len(doc.statements[i].resources().values) == 0 {
			return refuse(doc.statements[i].start, textNoResources, "")
		}
	}
	return nil
}

func checkActionPrefixes(doc *document) *SyntaxError {
	for i := range doc.statements {
		l := doc.statements[i].actions()
		for _, action := range l.values {
			if text := actionFault(action); text != "" {
				return refuse(l.start, text, fmt.Sprintf("action %.100q", action))
			}
		}
	}
	return nil
}

// actionFault is AWS's text about an action without a proper service prefix, or nothing.
func actionFault(action string) string {
	vendor, _, found := strings.Cut(action, ":")
	switch {
	case action == anything:
		return ""
	case !found:
		return textActionVendor
	case strings.Count(action, ":") > 1:
		return textActionColons
	case vendor == anything:
		return ""
	case vendor == "" || strings.ContainsFunc(vendor, func(r rune) bool {
		return r != '-' && r != '.' && !isAlphanumeric(r)
	}):
		return fmt.Sprintf("Vendor %s is not valid", vendor)
	}
	return ""
}
