package template

import (
	"slices"
	"strings"
)

// reference is a place where a function names a resource, parameter or pseudo parameter.
type reference struct {
	function string // Ref, Fn::GetAtt, Fn::Sub
	id       string
	path     string // the attribute; empty: none
}

// walk shows all calls in a tree, outer ones first; in order, so that errors are always the same.
func walk(v any, visit func(function string, argument any)) {
	switch v := v.(type) {
	case map[string]any:
		if name, argument, ok := callOf(v); ok {
			visit(name, argument)
		}
		for _, name := range sortedKeys(v) {
			walk(v[name], visit)
		}
	case []any:
		for _, one := range v {
			walk(one, visit)
		}
	}
}

// branches says which branches of Fn::If are looked at.
type branches int

const (
	bothBranches branches = iota
	takenBranch           // the one that the scope's conditions choose
	noBranch              // none: what is there in any case
)

// scanner finds references in a tree.
type scanner struct {
	branches branches
	scope    *Scope // for takenBranch
	found    func(reference)
}

func (s *scanner) scan(v any) {
	switch v := v.(type) {
	case map[string]any:
		if name, argument, ok := callOf(v); ok && s.call(name, argument) {
			return
		}
		for _, name := range sortedKeys(v) {
			s.scan(v[name])
		}
	case []any:
		for _, one := range v {
			s.scan(one)
		}
	}
}

// call looks at a call; it reports whether there is nothing else to be looked at in it.
func (s *scanner) call(name string, argument any) bool {
	list, _ := argument.([]any)
	switch name {
	case "Ref":
		if id, ok := argument.(string); ok {
			s.found(reference{function: name, id: id})
			return true
		}
	case "Fn::GetAtt":
		if len(list) == 2 {
			id, ok := list[0].(string)
			path, _ := list[1].(string)
			if ok {
				s.found(reference{function: name, id: id, path: path})
			}
			s.scan(list[1])
			return true
		}
	case "Fn::If":
		if len(list) == 3 {
			s.branch(list)
			return true
		}
	case "Fn::Sub":
		s.sub(argument)
		return true
	}
	return false
}

func (s *scanner) branch(list []any) {
	switch s.branches {
	case bothBranches:
		s.scan(list[1])
		s.scan(list[2])
	case takenBranch:
		name, _ := list[0].(string)
		if s.scope.Conditions[name] {
			s.scan(list[1])
		} else {
			s.scan(list[2])
		}
	}
}

func (s *scanner) sub(argument any) {
	text, own, err := subArguments(argument)
	if err != nil {
		return // check tells it
	}
	list, _ := pieces(text)
	for _, p := range list {
		if _, mine := own[p.text]; p.name && !mine {
			id, path, _ := strings.Cut(p.text, ".")
			s.found(reference{function: "Fn::Sub", id: id, path: path})
		}
	}
	s.scan(any(own))
}

// References are the logical ids of the resources that r refers to in any case or under some condition, sorted: by
// DependsOn, Ref, Fn::GetAtt and Fn::Sub. For what it needs under conditions that were decided, see Needs.
func (t *Template) References(r *Resource) []string {
	return t.collect(r, &scanner{branches: bothBranches}, func(string) bool { return true })
}

// Needs are the logical ids of the resources that r needs under the conditions of s, sorted: only taken branches of
// Fn::If count, and of DependsOn only resources that exist.
func (t *Template) Needs(s *Scope, r *Resource) []string {
	return t.collect(r, &scanner{branches: takenBranch, scope: s}, func(id string) bool { return t.Exists(s, id) })
}

// Exists reports whether a resource of the template exists under the conditions of s.
func (t *Template) Exists(s *Scope, id string) bool {
	r := t.Resources[id]
	return r != nil && (r.Condition == "" || s.Conditions[r.Condition])
}

func (t *Template) collect(r *Resource, s *scanner, depend func(id string) bool) []string {
	var ids []string
	add := func(id string) {
		if t.Resources[id] != nil && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, id := range r.DependsOn {
		if depend(id) {
			add(id)
		}
	}
	s.found = func(ref reference) { add(ref.id) }
	if r.Properties != nil {
		s.scan(r.Properties)
	}
	slices.Sort(ids)
	return ids
}

// sorted puts names after those that their edges lead to. circle are the names that this cannot be done for, sorted:
// those in a circle and those that need one of them, as CloudFormation lists them.
func sorted(names []string, edges map[string][]string) (order, circle []string) {
	waiting := make(map[string]int, len(names))
	needed := map[string][]string{}
	for _, name := range names {
		for _, other := range edges[name] {
			waiting[name]++
			needed[other] = append(needed[other], name)
		}
	}
	for _, name := range names {
		if waiting[name] == 0 {
			order = append(order, name)
		}
	}
	for i := 0; i < len(order); i++ {
		for _, other := range needed[order[i]] {
			if waiting[other]--; waiting[other] == 0 {
				order = append(order, other)
			}
		}
	}
	for _, name := range names {
		if waiting[name] > 0 {
			circle = append(circle, name)
		}
	}
	return order, circle
}
