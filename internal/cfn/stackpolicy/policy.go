// Package stackpolicy reads and judges stack policies: which of a stack's resources an update may change. It knows the
// form that CloudFormation documents and nothing of IAM.
package stackpolicy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The actions that a policy can speak of.
const (
	Modify  = "Update:Modify"
	Replace = "Update:Replace"
	Delete  = "Update:Delete"
)

// MaxSize is the greatest size of a policy in bytes.
const MaxSize = 16384

// Policy is a stack policy. The nil Policy allows everything, as a stack without one.
type Policy struct {
	statements []statement
}

type statement struct {
	deny      bool
	actions   match
	resources match
	types     []typeCondition
}

// match is a list of patterns, or with not the names that none of them has.
type match struct {
	patterns []string
	not      bool
}

// typeCondition is what a Condition asks of a resource's type.
type typeCondition struct {
	like     bool // StringLike, else StringEquals
	patterns []string
}

// Resource is what an update wants to change.
type Resource struct{ LogicalID, Type string }

// Parse reads a policy. An empty text is the nil Policy.
func Parse(text string) (*Policy, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	if len(text) > MaxSize {
		return nil, fmt.Errorf("stackpolicy: the policy has %d bytes, more than %d", len(text), MaxSize)
	}
	var doc struct {
		Version   string
		ID        string `json:"Id"`
		Statement list[rawStatement]
	}
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&doc); err != nil {
		return nil, fmt.Errorf("stackpolicy: %w", err)
	}
	if d.More() || len(doc.Statement) == 0 {
		return nil, errors.New("stackpolicy: the policy is not one object with statements")
	}
	p := &Policy{}
	for i := range doc.Statement {
		s, err := doc.Statement[i].compile()
		if err != nil {
			return nil, fmt.Errorf("stackpolicy: statement %d: %w", i+1, err)
		}
		p.statements = append(p.statements, s)
	}
	return p, nil
}

// rawStatement is a statement as it is written.
type rawStatement struct {
	Sid, Effect                              string
	Principal                                any
	Action, NotAction, Resource, NotResource list[string]
	Condition                                map[string]map[string]list[string]
}

// list is one value or a list of them.
type list[T any] []T

// UnmarshalJSON reads one value or a list of them.
func (l *list[T]) UnmarshalJSON(b []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("[")) {
		return json.Unmarshal(b, (*[]T)(l))
	}
	var one T
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	*l = list[T]{one}
	return nil
}

func (r *rawStatement) compile() (statement, error) {
	s := statement{deny: r.Effect == "Deny"}
	if r.Effect != "Allow" && !s.deny {
		return s, fmt.Errorf("the effect is %q", r.Effect)
	}
	if p, ok := r.Principal.(string); r.Principal != nil && (!ok || p != "*") {
		return s, errors.New(`the principal is not "*"`)
	}
	var err error
	if s.actions, err = matching("Action", r.Action, r.NotAction); err != nil {
		return s, err
	}
	for _, a := range s.actions.patterns {
		if !slices.Contains([]string{"*", "Update:*", Modify, Replace, Delete}, a) {
			return s, fmt.Errorf("there is no action %q", a)
		}
	}
	if s.resources, err = matching("Resource", r.Resource, r.NotResource); err != nil {
		return s, err
	}
	for _, one := range s.resources.patterns {
		if one != "*" && !strings.HasPrefix(one, "LogicalResourceId/") {
			return s, fmt.Errorf("there is no resource %q", one)
		}
	}
	s.types, err = conditions(r.Condition)
	return s, err
}

// matching is the one of two lists that a statement has.
func matching(name string, is, not list[string]) (match, error) {
	switch {
	case len(is) > 0 && len(not) > 0:
		return match{}, fmt.Errorf("%s and Not%s", name, name)
	case len(is) > 0:
		return match{patterns: is}, nil
	case len(not) > 0:
		return match{patterns: not, not: true}, nil
	}
	return match{}, fmt.Errorf("no %s", name)
}

func conditions(raw map[string]map[string]list[string]) ([]typeCondition, error) {
	var all []typeCondition
	for operator, keys := range raw {
		if operator != "StringEquals" && operator != "StringLike" {
			return nil, fmt.Errorf("a condition has the operator %q", operator)
		}
		for key, patterns := range keys {
			if key != "ResourceType" {
				return nil, fmt.Errorf("a condition has the key %q", key)
			}
			all = append(all, typeCondition{like: operator == "StringLike", patterns: patterns})
		}
	}
	return all, nil
}

// Refusal is why an update may not do action to r, in CloudFormation's words; it is empty where it may.
func (p *Policy) Refusal(action string, r Resource) string {
	if p == nil {
		return ""
	}
	allowed := false
	for i := range p.statements {
		s := &p.statements[i]
		if !s.concerns(action, r) {
			continue
		}
		if s.deny {
			return fmt.Sprintf("Action denied by stack policy: Statement [#%d] does not allow [%s] for resource [LogicalResourceId/%s]",
				i+1, strings.Join(s.actions.patterns, ", "), r.LogicalID)
		}
		allowed = true
	}
	if !allowed {
		return "Action not allowed by stack policy"
	}
	return ""
}

func (s *statement) concerns(action string, r Resource) bool {
	for _, c := range s.types {
		if !slices.ContainsFunc(c.patterns, func(p string) bool { return p == r.Type || c.like && wild(p, r.Type) }) {
			return false
		}
	}
	return s.actions.has(action) && s.resources.has("LogicalResourceId/"+r.LogicalID)
}

func (m match) has(name string) bool {
	return m.not != slices.ContainsFunc(m.patterns, func(p string) bool { return wild(p, name) })
}

// wild reports whether a name matches a pattern with asterisks, each for any number of characters.
func wild(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == name
	}
	if !strings.HasPrefix(name, parts[0]) {
		return false
	}
	name = name[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(name, part)
		if i < 0 {
			return false
		}
		name = name[i+len(part):]
	}
	return len(name) >= len(last) && strings.HasSuffix(name, last)
}
