package policy

import (
	"slices"
	"strings"
)

// statement is a compiled statement.
type statement struct {
	Statement
	principals principals
	actions    actions
	resources  resources
	conditions []condition
}

// actions is the Action or NotAction element.
type actions struct {
	negated bool
	list    []actionPattern
}

// actionPattern is an action of a policy: every action, or a service and a name in lower case, the name's wildcards
// marked.
type actionPattern struct {
	raw           string
	everything    bool
	service, name string
}

// resources is the Resource or NotResource element; trust policies have none.
type resources struct {
	present, negated bool
	list             []resourcePattern
}

// resourcePattern is a resource of a policy: everything, nothing, or an ARN of six fields.
type resourcePattern struct {
	raw        string
	everything bool
	never      bool
	// head holds the first five fields in lower case, wildcards marked.
	head [5]string
	// tail is the sixth field, where wildcards cross ":" and "/" and variables are replaced.
	tail pattern
}

// compile turns a valid document into a policy.
func compile(doc []byte, parsed *document, kind Kind) *Policy {
	p := &Policy{kind: kind, size: countSize(doc), statements: make([]statement, len(parsed.statements))}
	variables := parsed.version == version2012
	var offsets []int
	for i := range parsed.statements {
		raw := &parsed.statements[i]
		offsets = append(offsets, raw.start+1, raw.end)
		s := &p.statements[i]
		s.Statement = Statement{Index: i, Sid: raw.sid, Effect: Deny}
		if raw.effect == allow {
			s.Effect = Allow
		}
		s.principals = compilePrincipals(raw)
		s.actions = compileActions(raw)
		s.resources = compileResources(raw, kind, variables)
		for j := range raw.conditions {
			s.conditions = append(s.conditions, compileCondition(&raw.conditions[j], variables))
		}
	}
	places := positions(doc, offsets...)
	for i := range p.statements {
		p.statements[i].Start, p.statements[i].End = places[2*i], places[2*i+1]
	}
	return p
}

func compilePrincipals(raw *rawStatement) principals {
	from := raw.principals()
	if from == nil {
		return principals{}
	}
	p := principals{present: true, negated: raw.notPrincipal != nil}
	if !from.isObject {
		p.list = []principalName{{kind: nameEveryone, raw: anything}}
	}
	for _, entry := range from.entries {
		name := principalName{value: entry.value, raw: entry.kind + ":" + entry.value}
		switch {
		case entry.kind == principalService:
			name.kind = nameService
		case entry.kind == principalFederated:
			name.kind = nameFederated
		case entry.kind == principalCanonical:
			name.kind = nameNobody
		case entry.value == anything:
			name.kind = nameEveryone
		case isAccountID(entry.value):
			name.kind = nameAccount
		case strings.HasSuffix(entry.value, ":root"):
			name.kind, name.value = nameAccount, strings.Split(entry.value, ":")[4]
		case isUniqueID(entry.value):
			name.kind = nameID
		default:
			name.kind = nameARN
		}
		p.list = append(p.list, name)
	}
	return p
}

// compileActions reads Action or NotAction. "*" is no wildcard in the service of an action, but "*:*" is in use for
// every action.
func compileActions(raw *rawStatement) actions {
	a := actions{negated: raw.notAction != nil}
	for _, value := range raw.actions().values {
		service, name, _ := strings.Cut(strings.ToLower(value), ":")
		a.list = append(a.list, actionPattern{
			raw:        value,
			everything: value == anything || value == "*:*",
			service:    service,
			name:       compilePattern(name, true, false).text,
		})
	}
	return a
}

func compileResources(raw *rawStatement, kind Kind, variables bool) resources {
	r := resources{present: kind != Trust, negated: raw.notResource != nil}
	for _, value := range raw.resources().values {
		r.list = append(r.list, compileResource(value, kind, variables))
	}
	return r
}

// compileResource splits an ARN at its first five colons. AWS fills a short one up with wildcards, in policies of
// resources only if it has a wildcard already; otherwise it matches nothing there.
func compileResource(value string, kind Kind, variables bool) resourcePattern {
	r := resourcePattern{raw: value, everything: value == anything}
	fields := strings.SplitN(value, ":", 6)
	r.never = len(fields) < 6 && kind == Resource && !strings.ContainsAny(value, "*?")
	for len(fields) < 6 {
		fields = append(fields, anything)
	}
	for i := range r.head {
		r.head[i] = compilePattern(strings.ToLower(fields[i]), true, false).text
	}
	r.tail = compilePattern(fields[5], true, variables)
	return r
}

func compileCondition(raw *rawCondition, variables bool) condition {
	op, _ := parseOperator(raw.operator)
	c := condition{op: op, opName: raw.operator, name: raw.key, key: strings.ToLower(raw.key), texts: raw.values}
	for _, value := range raw.values {
		c.values = append(c.values, newComparand(op, value, variables))
	}
	if op.family == familyNull {
		c.wantsMissing = slices.ContainsFunc(raw.values, func(v string) bool { return strings.EqualFold(v, "true") })
		c.wantsPresent = slices.ContainsFunc(raw.values, func(v string) bool { return strings.EqualFold(v, "false") })
	}
	return c
}
