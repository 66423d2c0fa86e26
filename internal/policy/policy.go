// Package policy is the IAM policy language: it parses and validates policy documents as AWS does, compiles
// them, and decides requests against them with an explanation. It does no I/O, reads no clock and does not know
// who asks: the caller, the time and every other condition key come with the request.
package policy

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kind says where a document will be attached, and so which grammar and which of AWS's checks apply to it.
type Kind uint8

// The kinds of policy document.
const (
	// Identity is an inline policy of a user, group or role (PutUserPolicy, PutGroupPolicy, PutRolePolicy).
	Identity Kind = iota + 1
	// ManagedIdentity is a managed policy (CreatePolicy, CreatePolicyVersion): Version 2012-10-17 is demanded.
	ManagedIdentity
	// Resource is a policy of a resource, such as a function: statements name a principal.
	Resource
	// Trust is a role's trust policy: statements name a principal and no resource.
	Trust
	// Session is a policy passed to AssumeRole or GetFederationToken.
	Session
	// Boundary is a permissions boundary given as a document (SimulateCustomPolicy). An attached boundary is a
	// managed policy and was parsed as one.
	Boundary
)

// Effect is what a statement that applies does.
type Effect uint8

// The two effects.
const (
	Allow Effect = iota + 1
	Deny
)

// String is the effect as policies spell it.
func (e Effect) String() string {
	if e == Deny {
		return "Deny"
	}
	return "Allow"
}

// Position is a place in the text of a document; both numbers count from 1, columns count characters.
type Position struct{ Line, Column int }

// Statement is what callers may know about a statement of a compiled policy.
type Statement struct {
	// Index is the place of the statement in its document, from 0.
	Index int
	// Sid is the statement's id; often empty.
	Sid    string
	Effect Effect
	// Start and End are the places just after the statement's opening and just after its closing brace, which
	// is how SimulatePrincipalPolicy reports a statement (recorded: columns 41 and 113 of a one-line policy).
	Start, End Position
}

// Policy is a validated, compiled document. It is immutable and safe for concurrent use.
type Policy struct {
	kind       Kind
	size       int
	statements []statement
}

// SyntaxError says that a document is not an acceptable policy.
type SyntaxError struct {
	// Message is AWS's own text.
	Message string
	// Detail says in our words what is wrong; may be empty. It is for people, not for the wire.
	Detail string
	// Offset is the byte of the document where the trouble starts.
	Offset int
	// At is Offset as line and column.
	At Position
}

// Error is AWS's message.
func (e *SyntaxError) Error() string { return e.Message }

// Code is AWS's error code, the same for every fault of a document.
func (e *SyntaxError) Code() string { return "MalformedPolicyDocument" }

// Hint places the fault in the document in our own words, such as `line 3, column 9: unknown element "Actoin"`.
func (e *SyntaxError) Hint() string {
	where := fmt.Sprintf("line %d, column %d", e.At.Line, e.At.Column)
	if e.Detail == "" {
		return where
	}
	return where + ": " + e.Detail
}

// MaxDocumentSize is the longest document that Parse reads, in characters: the limit of the service model.
const MaxDocumentSize = 131072

// Parse reads, validates and compiles a document. The error is always a *SyntaxError, with AWS's texts in AWS's
// order of checks. Limits on the size of a policy depend on what it is attached to and are left to the caller.
func Parse(doc []byte, kind Kind) (*Policy, error) {
	parsed, fault := parse(doc, kind)
	if fault != nil {
		fault.At = positions(doc, fault.Offset)[0]
		return nil, fault
	}
	return compile(doc, parsed, kind), nil
}

func parse(doc []byte, kind Kind) (*document, *SyntaxError) {
	root, err := readJSON(doc)
	if err != nil {
		return nil, &SyntaxError{Message: kind.invalidJSONText(), Detail: err.detail, Offset: err.offset}
	}
	parsed, fault := decodeDocument(root, kind)
	if fault != nil {
		return nil, fault
	}
	if kind == Trust {
		return parsed, validateTrust(parsed)
	}
	return parsed, validatePermissions(parsed, kind)
}

// Kind is the kind that the document was parsed as.
func (p *Policy) Kind() Kind { return p.kind }

// Size is the number of characters of the document without white space, which is what IAM's quotas count.
func (p *Policy) Size() int { return p.size }

// Statements lists the statements in the order of the document.
func (p *Policy) Statements() []Statement {
	list := make([]Statement, len(p.statements))
	for i := range p.statements {
		list[i] = p.statements[i].Statement
	}
	return list
}

// ContextKeys lists the condition keys that the policy's conditions and variables name, as the document spells
// them, sorted and each once (letter case does not tell keys apart).
func (p *Policy) ContextKeys() []string {
	var keys []string
	for i := range p.statements {
		s := &p.statements[i]
		for j := range s.resources.list {
			keys = append(keys, s.resources.list[j].tail.keys()...)
		}
		for j := range s.conditions {
			keys = append(keys, s.conditions[j].name)
			for _, value := range s.conditions[j].values {
				if text, ok := value.(interface{ keys() []string }); ok {
					keys = append(keys, text.keys()...)
				}
			}
		}
	}
	slices.SortFunc(keys, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return slices.CompactFunc(keys, strings.EqualFold)
}

// PrincipalARNs lists the ARNs of users and roles that Principal and NotPrincipal elements name, sorted and each
// once. Whoever saves the policy resolves those of its own accounts to unique ids (an ARN that does not exist is
// AWS's error `Invalid principal in policy: "AWS":"arn"`), keeps the ids beside the document, and gives them to
// BindPrincipals.
func (p *Policy) PrincipalARNs() []string {
	var arns []string
	for i := range p.statements {
		for _, entry := range p.statements[i].principals.list {
			if entry.kind == nameARN && entityARN(entry.value) {
				arns = append(arns, entry.value)
			}
		}
	}
	slices.Sort(arns)
	return slices.Compact(arns)
}

// BindPrincipals returns a policy in which each user or role ARN that is a key of ids stands for the one entity
// with that unique id (AIDA…, AROA…): after the entity is deleted and created anew under the same name, the
// statement does not match it any more, and after it is renamed it still does, as in AWS. ARNs that are not in ids go on matching by name.
func (p *Policy) BindPrincipals(ids map[string]string) *Policy {
	bound := *p
	bound.statements = slices.Clone(p.statements)
	for i := range bound.statements {
		principals := &bound.statements[i].principals
		principals.list = slices.Clone(principals.list)
		for j, entry := range principals.list {
			if entry.kind == nameARN && entityARN(entry.value) {
				principals.list[j].boundID = ids[entry.value]
			}
		}
	}
	return &bound
}

// countSize counts the characters of a document that are not white space.
func countSize(doc []byte) int {
	n := utf8.RuneCount(doc)
	for _, c := range doc {
		if isSpace(c) {
			n--
		}
	}
	return n
}

// positions turns ascending byte offsets into lines and columns, in one pass over the document.
func positions(doc []byte, offsets ...int) []Position {
	list := make([]Position, 0, len(offsets))
	at, line, lineStart := 0, 1, 0
	for _, offset := range offsets {
		for ; at < offset && at < len(doc); at++ {
			if doc[at] == '\n' {
				line, lineStart = line+1, at+1
			}
		}
		list = append(list, Position{Line: line, Column: utf8.RuneCount(doc[lineStart:at]) + 1})
	}
	return list
}
