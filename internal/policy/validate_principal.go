package policy

import (
	"fmt"
	"strings"
)

// AWS's texts about principals.
const (
	textAllowNot       = "Allow with NotPrincipal is not allowed."
	textNoPrincipal    = "Missing required field Principal"
	textEmptyPrincipal = "Missing required field Principal cannot be empty!"
	textFederated      = "Federated principals must be valid domain names or SAML metadata ARNs"
)

// checkPrincipalEntries checks the form of the principals that an object lists. Whether users and roles exist is
// for the caller to say, see PrincipalARNs.
func checkPrincipalEntries(p *rawPrincipal, kind Kind) *SyntaxError {
	if p.isObject && len(p.entries) == 0 {
		return refuse(p.start, textEmptyPrincipal, "")
	}
	for _, entry := range p.entries {
		ok := false
		switch entry.kind {
		case principalAWS:
			ok = isAWSPrincipal(entry.value)
		case principalService:
			ok = isServicePrincipal(entry.value)
		case principalFederated:
			if !isFederatedPrincipal(entry.value) {
				return refuse(entry.start, textFederated, "")
			}
			ok = true
		case principalCanonical:
			ok = kind == Resource && entry.value != ""
		}
		if !ok {
			return refuse(entry.start, invalidPrincipal(entry), "")
		}
	}
	return nil
}

// invalidPrincipal is AWS's text about a principal, which shows the kinds in capitals.
func invalidPrincipal(entry rawPrincipalEntry) string {
	return fmt.Sprintf("Invalid principal in policy: \"%s\":\"%s\"", strings.ToUpper(entry.kind), entry.value)
}

// isAWSPrincipal accepts what may stand under AWS: everyone, an account, the ARN of an account, user, role, role
// session or federated user, or the unique id of a user or role. Wildcards inside of ARNs are not allowed.
func isAWSPrincipal(value string) bool {
	if value == anything || isAccountID(value) || isUniqueID(value) {
		return true
	}
	f := strings.SplitN(value, ":", 6)
	if len(f) != 6 || f[0] != "arn" || f[1] == anything || !isPartition(f[1]) || f[3] != "" || !isAccountID(f[4]) ||
		strings.ContainsAny(f[5], "*?") {
		return false
	}
	kind, name, _ := strings.Cut(f[5], "/")
	switch {
	case f[2] == "iam" && f[5] == "root":
		return true
	case f[2] == "iam":
		return (kind == "user" || kind == "role") && name != ""
	case f[2] == "sts" && kind == "assumed-role":
		role, session, _ := strings.Cut(name, "/")
		return role != "" && session != ""
	case f[2] == "sts" && kind == "federated-user":
		return name != ""
	}
	return false
}

func isAccountID(s string) bool {
	return len(s) == 12 && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// isUniqueID accepts the ids of users and roles, which AWS shows in place of the ARN of a deleted principal.
func isUniqueID(s string) bool {
	return len(s) >= 16 && (strings.HasPrefix(s, "AIDA") || strings.HasPrefix(s, "AROA")) &&
		!strings.ContainsFunc(s, func(r rune) bool { return !isAlphanumeric(r) })
}

// isServicePrincipal accepts names of the form that AWS's services have, such as lambda.amazonaws.com. AWS knows
// the full list; here every name under Amazon's domains passes.
func isServicePrincipal(s string) bool {
	for _, domain := range []string{".amazonaws.com", ".amazonaws.com.cn", ".amazon.com"} {
		if name, found := strings.CutSuffix(s, domain); found {
			return isDomainName(name)
		}
	}
	return false
}

// isFederatedPrincipal accepts the ARN of an identity provider or the domain name of a well-known one.
func isFederatedPrincipal(s string) bool {
	f := strings.SplitN(s, ":", 6)
	if len(f) != 6 {
		return isDomainName(s) && strings.Contains(s, ".")
	}
	kind, name, _ := strings.Cut(f[5], "/")
	return f[0] == "arn" && isPartition(f[1]) && f[2] == "iam" && isAccountID(f[4]) && name != "" &&
		(kind == "oidc-provider" || kind == "saml-provider") && !strings.ContainsAny(s, "*?")
}

func isDomainName(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || strings.ContainsFunc(label, func(r rune) bool { return r != '-' && !isAlphanumeric(r) }) {
			return false
		}
	}
	return true
}
