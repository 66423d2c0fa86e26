package policy_test

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"furl/internal/policy"
)

// The naive evaluator reads documents afresh for every question, with encoding/json and regular expressions. It is
// written from the rules of the language and shares nothing with the package.

// naiveInput is an Input with documents in place of policies. A missing boundary or resource is "".
type naiveInput struct {
	request            policy.Request
	ctx                policy.ContextMap
	identity, session  []string
	resource, boundary string
	trust              bool
}

type naiveDocument struct {
	Version   string
	Statement []map[string]any
}

func (n *naiveInput) read(text string) naiveDocument {
	var d naiveDocument
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		panic(err)
	}
	return d
}

// how the statements of some documents of an effect name the caller: the set of "direct", "issuer", "account".
func (n *naiveInput) ways(effect string, resourceSide bool, docs ...string) map[string]bool {
	ways := map[string]bool{}
	for _, text := range docs {
		if text == "" {
			continue
		}
		d := n.read(text)
		for _, s := range d.Statement {
			if s["Effect"] == effect && n.action(s) && n.resourceFits(s, d.Version, resourceSide) && n.conditions(s, d.Version) {
				for _, way := range n.principal(s) {
					ways[way] = true
				}
			}
		}
	}
	return ways
}

func (n *naiveInput) decide() policy.Decision {
	p := n.request.Principal
	withPolicies := p.Type == policy.User || p.Type == policy.AssumedRole || p.Type == policy.FederatedUser
	if (withPolicies || p.Type == policy.Root) && strings.ToLower(n.request.Action) == "sts:getcalleridentity" {
		return policy.Decision{Allowed: true}
	}
	resourceType := policy.ResourcePolicy
	if n.trust {
		resourceType = policy.TrustPolicy
	}
	denied := func(by policy.SourceType) policy.Decision { return policy.Decision{ExplicitDeny: true, DeniedBy: by} }
	switch {
	case len(n.ways("Deny", true, n.resource)) > 0:
		return denied(resourceType)
	case withPolicies && len(n.ways("Deny", false, n.identity...)) > 0:
		return denied(policy.IdentityPolicy)
	case withPolicies && len(n.ways("Deny", false, n.boundary)) > 0:
		return denied(policy.PermissionsBoundary)
	case withPolicies && len(n.ways("Deny", false, n.session...)) > 0:
		return denied(policy.SessionPolicy)
	}
	lacks := func(by policy.SourceType) policy.Decision { return policy.Decision{DeniedBy: by} }
	ok := policy.Decision{Allowed: true}
	byResource := n.ways("Allow", true, n.resource)
	same := n.request.ResourceAccount == "" || n.request.ResourceAccount == p.Account
	if !withPolicies && p.Type != policy.Root {
		if byResource["direct"] {
			return ok
		}
		return lacks(resourceType)
	}
	if p.Account == "" {
		return lacks(policy.IdentityPolicy)
	}
	if !same && len(byResource) == 0 || n.trust && len(byResource) == 0 {
		return lacks(resourceType)
	}
	if p.Type == policy.Root {
		return ok
	}
	if same && byResource["direct"] {
		return ok
	}
	rootSession := p.Type == policy.FederatedUser && p.IssuerARN == "arn:aws:iam::"+p.Account+":root"
	if len(n.ways("Allow", false, n.identity...)) == 0 && !rootSession && !(same && byResource["issuer"]) {
		return lacks(policy.IdentityPolicy)
	}
	if n.boundary != "" && len(n.ways("Allow", false, n.boundary)) == 0 {
		return lacks(policy.PermissionsBoundary)
	}
	if (p.Type == policy.FederatedUser || len(n.session) > 0) && len(n.ways("Allow", false, n.session...)) == 0 {
		return lacks(policy.SessionPolicy)
	}
	return ok
}

func strs(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case bool:
		return []string{strconv.FormatBool(v)}
	case []any:
		var list []string
		for _, item := range v {
			list = append(list, strs(item)...)
		}
		return list
	}
	return nil
}

func (n *naiveInput) action(s map[string]any) bool {
	fits := func(pattern string) bool {
		if pattern == "*" || pattern == "*:*" {
			return true
		}
		service, name, _ := strings.Cut(strings.ToLower(pattern), ":")
		askedService, askedName, _ := strings.Cut(strings.ToLower(n.request.Action), ":")
		return service == askedService && naiveGlob(wildcards(name), askedName)
	}
	if not, ok := s["NotAction"]; ok {
		return !slices.ContainsFunc(strs(not), fits)
	}
	return slices.ContainsFunc(strs(s["Action"]), fits)
}

// wildcards makes a regular expression of a text with "*" and "?".
func wildcards(s string) string {
	return strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(s))
}

func naiveGlob(expression, s string) bool {
	return regexp.MustCompile(`(?s)\A` + expression + `\z`).MatchString(s)
}

var naiveVariable = regexp.MustCompile(`\$\{([^,}]+)(?:, *'([^']*)')?\}`)

// expression is the regular expression of a value with variables; false when one has no value.
func (n *naiveInput) expression(s, version string, wild bool) (string, bool) {
	quote := regexp.QuoteMeta
	if wild {
		quote = wildcards
	}
	if version != "2012-10-17" {
		return quote(s), true
	}
	out, at := "", 0
	for _, m := range naiveVariable.FindAllStringSubmatchIndex(s, -1) {
		out += quote(s[at:m[0]])
		at = m[1]
		key := s[m[2]:m[3]]
		if key == "*" || key == "?" || key == "$" {
			out += regexp.QuoteMeta(key)
			continue
		}
		v, ok := n.ctx[strings.ToLower(key)]
		switch {
		case ok && !v.Multivalued():
			out += regexp.QuoteMeta(v.At(0))
		case m[4] >= 0:
			out += regexp.QuoteMeta(s[m[4]:m[5]])
		default:
			return "", false
		}
	}
	return out + quote(s[at:]), true
}

func (n *naiveInput) resourceFits(s map[string]any, version string, resourceSide bool) bool {
	fits := func(pattern string) bool {
		if pattern == "*" {
			return true
		}
		asked := strings.SplitN(n.request.Resource, ":", 6)
		want := strings.SplitN(pattern, ":", 6)
		if len(asked) < 6 || len(want) < 6 && resourceSide && !strings.ContainsAny(pattern, "*?") {
			return false
		}
		for len(want) < 6 {
			want = append(want, "*")
		}
		for i := range 5 {
			if !naiveGlob(wildcards(strings.ToLower(want[i])), strings.ToLower(asked[i])) {
				return false
			}
		}
		tail, ok := n.expression(want[5], version, true)
		return ok && naiveGlob(tail, asked[5])
	}
	if not, ok := s["NotResource"]; ok {
		return !slices.ContainsFunc(strs(not), fits)
	}
	if all, ok := s["Resource"]; ok {
		return slices.ContainsFunc(strs(all), fits)
	}
	return true // a trust policy
}

func (n *naiveInput) principal(s map[string]any) []string {
	if not, ok := s["NotPrincipal"]; ok {
		if len(n.named(not)) > 0 && n.boundary == "" {
			return nil
		}
		return []string{"direct"}
	}
	if v, ok := s["Principal"]; ok {
		return n.named(v)
	}
	return []string{"direct"}
}

func (n *naiveInput) named(v any) []string {
	p := n.request.Principal
	if v == "*" {
		return []string{"direct"}
	}
	var ways []string
	for kind, values := range v.(map[string]any) {
		for _, name := range strs(values) {
			account := strings.TrimSuffix(strings.TrimPrefix(name, "arn:aws:iam::"), ":root")
			isAWS := p.Type >= policy.Root && p.Type <= policy.FederatedUser
			switch {
			case kind == "AWS" && name == "*":
				ways = append(ways, "direct")
			case kind == "AWS" && isAWS && account == p.Account:
				ways = append(ways, "account")
			case kind == "AWS" && isAWS && name == p.ARN:
				ways = append(ways, "direct")
			case kind == "AWS" && isAWS && name == p.IssuerARN:
				ways = append(ways, "issuer")
			case kind == "Service" && p.Type == policy.Service && name == p.ARN,
				kind == "Federated" && p.Type == policy.WebIdentity && name == p.ARN:
				ways = append(ways, "direct")
			}
		}
	}
	return ways
}

func (n *naiveInput) conditions(s map[string]any, version string) bool {
	block, _ := s["Condition"].(map[string]any)
	for operator, keys := range block {
		for key, values := range keys.(map[string]any) {
			if !n.condition(operator, strings.ToLower(key), strs(values), version) {
				return false
			}
		}
	}
	return true
}

func (n *naiveInput) condition(operator, key string, values []string, version string) bool {
	v, present := n.ctx[key]
	var asked []string
	for i := range v.Len() {
		asked = append(asked, v.At(i))
	}
	present = present && len(asked) > 0
	set, base, hasSet := strings.Cut(operator, ":")
	if !hasSet {
		set, base = "", operator
	}
	base, ifExists := strings.CutSuffix(base, "IfExists")
	negated := strings.Contains(base, "Not")
	one := func(value string) bool {
		any := slices.ContainsFunc(values, func(want string) bool {
			return n.compare(strings.Replace(base, "Not", "", 1), want, value, version)
		})
		return any != negated
	}
	if base != "Null" && present && set != "" && len(asked) == 1 && asked[0] == "" {
		present = false
	}
	switch {
	case base == "Null":
		return slices.Contains(values, strconv.FormatBool(!present))
	case !present && set == "ForAnyValue":
		return false
	case !present:
		return set == "ForAllValues" || ifExists || negated
	case set == "ForAllValues":
		return !slices.ContainsFunc(asked, func(value string) bool { return !one(value) })
	case set == "ForAnyValue":
		return slices.ContainsFunc(asked, one)
	case v.Multivalued():
		return false
	}
	return one(asked[0])
}

// compare knows the positive operators that the generator uses.
func (n *naiveInput) compare(base, want, value, version string) bool {
	switch base {
	case "StringEquals", "StringLike", "StringEqualsIgnoreCase":
		expression, ok := n.expression(want, version, base == "StringLike")
		if base == "StringEqualsIgnoreCase" {
			expression = "(?i)" + expression
		}
		return ok && naiveGlob(expression, value)
	case "ArnLike", "ArnEquals":
		a, b := strings.SplitN(want, ":", 6), strings.SplitN(value, ":", 6)
		if len(a) < 6 || len(b) < 6 {
			return false
		}
		for i := range a {
			expression, ok := n.expression(a[i], version, true)
			if !ok || !naiveGlob(expression, b[i]) {
				return false
			}
		}
		return true
	case "Bool":
		return strings.EqualFold(want, value) && (strings.EqualFold(want, "true") || strings.EqualFold(want, "false"))
	case "IpAddress":
		prefix, err := netip.ParsePrefix(want)
		address, err2 := netip.ParseAddr(value)
		return err == nil && err2 == nil && prefix.Contains(address)
	case "DateLessThan", "DateGreaterThanEquals":
		a, err := time.Parse(time.RFC3339, value)
		if seconds, notEpoch := strconv.Atoi(value); notEpoch == nil {
			a, err = time.Unix(int64(seconds), 0), nil
		}
		b, err2 := time.Parse(time.RFC3339, want)
		return err == nil && err2 == nil && a.Before(b) == (base == "DateLessThan")
	}
	a, err := strconv.ParseFloat(value, 64)
	b, err2 := strconv.ParseFloat(want, 64)
	if err != nil || err2 != nil {
		return false
	}
	switch base {
	case "NumericLessThan":
		return a < b
	case "NumericGreaterThanEquals":
		return a >= b
	}
	return a == b
}
