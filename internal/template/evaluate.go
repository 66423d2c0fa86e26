package template

import (
	"errors"
	"strings"
)

// errNotReady is of a function that refers to a resource which the scope does not have.
var errNotReady = errors.New("template: resource is not there")

// none is what Ref: AWS::NoValue gives: the member of a map or list that has it vanishes.
type none struct{}

// deferred is a call that cannot be evaluated before resources are there, its arguments evaluated as far as they can be.
type deferred struct{ call map[string]any }

// evaluator evaluates the functions of a tree.
type evaluator struct {
	t *Template
	s *Scope
	// partial leaves calls that refer to resources, exports or dynamic references as they are: see Extend.
	partial bool
	// deciding is set within conditions and rules, where Condition is a function.
	deciding bool
}

// Resolve returns a copy of v with all functions evaluated. Members that are AWS::NoValue are left out; v itself being
// AWS::NoValue gives nil. The error is an *Error, or what Scope.Dynamic returned.
func (t *Template) Resolve(s *Scope, v any) (any, error) {
	e := &evaluator{t: t, s: s}
	got, err := e.value(v)
	if _, nothing := got.(none); nothing {
		got = nil
	}
	return got, err
}

func (e *evaluator) value(v any) (any, error) {
	switch v := v.(type) {
	case map[string]any:
		if name, argument, ok := e.call(v); ok {
			return e.function(name, argument)
		}
		return e.members(v)
	case []any:
		return e.list(v)
	case string:
		return e.dynamic(v)
	}
	return v, nil
}

// call reports whether a map is a call of a function.
func (e *evaluator) call(m map[string]any) (name string, argument any, ok bool) {
	name, argument, ok = callOf(m)
	if name == "Condition" {
		// Statements of policies have members of this name.
		_, text := argument.(string)
		return name, argument, ok && text && e.deciding
	}
	return name, argument, ok
}

// callOf returns the only member of a map if its name is that of a function, whether there is such a function or not.
func callOf(m map[string]any) (name string, argument any, ok bool) {
	if len(m) != 1 {
		return "", nil, false
	}
	for name, argument = range m {
	}
	return name, argument, name == "Ref" || name == "Condition" || strings.HasPrefix(name, "Fn::")
}

func (e *evaluator) members(m map[string]any) (any, error) {
	out := make(map[string]any, len(m))
	for _, name := range sortedKeys(m) { // in order, so that of several errors always the same is told
		got, err := e.value(m[name])
		if err != nil {
			return nil, err
		}
		if _, nothing := got.(none); !nothing {
			out[name] = got
		}
	}
	return out, nil
}

func (e *evaluator) list(list []any) (any, error) {
	out := make([]any, 0, len(list))
	for _, one := range list {
		got, err := e.value(one)
		if err != nil {
			return nil, err
		}
		if _, nothing := got.(none); !nothing {
			out = append(out, got)
		}
	}
	return out, nil
}

// function evaluates a call. Functions that look at some of their arguments only, or at names, come first; the others
// have all their arguments evaluated.
func (e *evaluator) function(name string, argument any) (any, error) {
	switch name {
	case "Ref":
		return e.ref(argument)
	case "Fn::GetAtt":
		return e.getAtt(argument)
	case "Fn::If":
		return e.choose(argument)
	case "Fn::Sub":
		return e.sub(argument)
	case "Fn::FindInMap":
		return e.findInMap(argument)
	case "Fn::Transform":
		return nil, refuseInclude()
	case "Condition", "Fn::And", "Fn::Or", "Fn::Not", "Fn::Equals", "Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn":
		if !e.deciding {
			return nil, templateError("%s cannot be partially collapsed", name)
		}
		return e.decide(map[string]any{name: argument})
	case "Fn::RefAll":
		return e.refAll(argument)
	case "Fn::ValueOf", "Fn::ValueOfAll":
		return nil, templateError("%s cannot be used here: it asks for attributes of things of Amazon EC2", name)
	}
	do, ok := simple()[name]
	if !ok {
		return nil, unsupported(name)
	}
	got, err := e.value(argument)
	if err != nil {
		return nil, err
	}
	if holdsDeferred(got) || e.partial && name == "Fn::ImportValue" {
		return deferred{map[string]any{name: got}}, nil
	}
	return do(e.s, got)
}

// ref evaluates Ref: parameters, pseudo parameters, resources.
func (e *evaluator) ref(argument any) (any, error) {
	name, ok := argument.(string)
	if !ok {
		return nil, templateError("All References must be of type string")
	}
	if v, ok := e.pseudo(name); ok {
		return v, nil
	}
	if v, ok := e.s.Parameters[name]; ok {
		return copyTree(v), nil
	}
	if e.partial {
		return deferred{map[string]any{"Ref": name}}, nil
	}
	ref, _, err := e.resource(name)
	if err != nil {
		return nil, unresolved("Resources", []string{name})
	}
	return ref, nil
}

// pseudo is the value of a pseudo parameter.
func (e *evaluator) pseudo(name string) (any, bool) {
	switch name {
	case "AWS::NoValue":
		return none{}, true
	case "AWS::AccountId":
		return e.s.AccountID, true
	case "AWS::Region":
		return e.s.Region, true
	case "AWS::Partition":
		return e.s.Partition, true
	case "AWS::URLSuffix":
		return e.s.URLSuffix, true
	case "AWS::StackName":
		return e.s.StackName, true
	case "AWS::StackId":
		return e.s.StackID, true
	case "AWS::NotificationARNs":
		arns := []any{}
		for _, arn := range e.s.NotificationARNs {
			arns = append(arns, arn)
		}
		return arns, true
	}
	return nil, false
}

func (e *evaluator) resource(name string) (ref any, attribute func(string) (any, bool), err error) {
	if e.s.Resource != nil {
		if ref, attribute, ok := e.s.Resource(name); ok {
			return ref, attribute, nil
		}
	}
	return nil, nil, errNotReady
}

func (e *evaluator) getAtt(argument any) (any, error) {
	parts, ok := argument.([]any)
	if !ok || len(parts) != 2 {
		return nil, errGetAtt()
	}
	name, ok := parts[0].(string)
	got, err := e.value(parts[1]) // the attribute may be a Ref
	if err != nil {
		return nil, err
	}
	path, isText := got.(string)
	if !ok || !isText || name == "" || path == "" {
		return nil, errGetAtt()
	}
	if e.partial {
		return deferred{map[string]any{"Fn::GetAtt": []any{name, path}}}, nil
	}
	return e.attribute(name, path, "Fn::GetAtt")
}

// attribute looks up an attribute of a resource for the function that asks for it.
func (e *evaluator) attribute(name, path, function string) (any, error) {
	_, attribute, err := e.resource(name)
	if err != nil {
		return nil, templateError("instance of %s references undefined resource %s", function, name)
	}
	if attribute != nil {
		if v, ok := attribute(path); ok {
			return v, nil
		}
	}
	kind := "its type"
	if r := e.t.Resources[name]; r != nil {
		kind = r.Type
	}
	return nil, fault("Requested attribute %s does not exist in schema for %s", path, kind)
}

func errGetAtt() error {
	return templateError("every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute")
}

// choose evaluates Fn::If: the branch that is not taken is not looked at.
func (e *evaluator) choose(argument any) (any, error) {
	parts, ok := argument.([]any)
	if !ok || len(parts) == 0 {
		return nil, templateError("Fn::If requires a list argument with the first element being a condition")
	}
	if len(parts) != 3 {
		return nil, templateError("Fn::If requires a list argument with three elements")
	}
	name, ok := parts[0].(string)
	if !ok {
		return nil, templateError("Fn::If requires a list argument with the first element being a condition")
	}
	holds, known := e.s.Conditions[name]
	switch {
	case !known:
		return nil, templateError("unresolved condition dependency %s in Fn::If", name)
	case holds:
		return e.value(parts[1])
	}
	return e.value(parts[2])
}

// dynamic resolves the dynamic references in a text.
func (e *evaluator) dynamic(text string) (any, error) {
	const open, shut = "{{resolve:", "}}"
	if e.partial || !strings.Contains(text, open) {
		return text, nil
	}
	var out strings.Builder
	rest := text
	for {
		before, after, found := strings.Cut(rest, open)
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		reference, behind, closed := strings.Cut(after, shut)
		if !closed {
			return text, nil
		}
		if e.s.Dynamic == nil {
			return nil, fault("Dynamic references are not supported here: {{resolve:%s}}", reference)
		}
		value, err := e.s.Dynamic(reference)
		if err != nil {
			return nil, err
		}
		out.WriteString(value)
		rest = behind
	}
}

// holdsDeferred reports whether a tree has a deferred call in it.
func holdsDeferred(v any) bool {
	switch v := v.(type) {
	case deferred:
		return true
	case map[string]any:
		for _, one := range v {
			if holdsDeferred(one) {
				return true
			}
		}
	case []any:
		for _, one := range v {
			if holdsDeferred(one) {
				return true
			}
		}
	}
	return false
}

// copyTree copies maps and lists, so that what was resolved shares nothing with what it was resolved from.
func copyTree(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, one := range v {
			out[k] = copyTree(one)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = copyTree(one)
		}
		return out
	}
	return v
}
