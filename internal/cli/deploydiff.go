package cli

import (
	"fmt"
	"slices"

	"furl/internal/cfn"
)

// shownPlan is the JSON of deploy --diff.
type shownPlan struct {
	StackName string        `json:"StackName"`
	Changes   []shownChange `json:"Changes"`
}

// shownChange is one change of a plan.
type shownChange struct {
	// Action is Add, Modify or Remove; Replacement True, False or Conditional for Modify.
	Action             string `json:"Action"`
	Replacement        string `json:"Replacement,omitempty"`
	LogicalResourceId  string `json:"LogicalResourceId"`
	PhysicalResourceId string `json:"PhysicalResourceId,omitempty"`
	ResourceType       string `json:"ResourceType"`
	// Properties are those that change.
	Properties []string `json:"Properties,omitempty"`
}

// printPlan prints on stdout what a plan would change.
func (a *app) printPlan(p *stackPlan, asJSON bool) error {
	shown := shownPlan{StackName: p.name, Changes: []shownChange{}}
	for _, c := range p.changes {
		shown.Changes = append(shown.Changes, showChange(c))
	}
	if asJSON {
		return a.printJSON(shown)
	}
	switch {
	case !p.changed:
		fmt.Fprintf(a.stdout, "stack %s: no changes\n", p.name)
	case p.created:
		fmt.Fprintf(a.stdout, "stack %s would be made\n", p.name)
	default:
		fmt.Fprintf(a.stdout, "stack %s would be changed\n", p.name)
	}
	for _, c := range shown.Changes {
		fmt.Fprintf(a.stdout, "  %-8s  %-28s  %s%s\n", c.verb(), c.ResourceType, c.LogicalResourceId, c.details())
	}
	return nil
}

func showChange(c cfn.ResourceChange) shownChange {
	s := shownChange{
		Action: string(value(c.Action)), LogicalResourceId: value(c.LogicalResourceId),
		PhysicalResourceId: value(c.PhysicalResourceId), ResourceType: value(c.ResourceType),
	}
	if value(c.Action) == cfn.ChangeActionModify {
		s.Replacement = string(value(c.Replacement))
	}
	for _, d := range c.Details {
		if d.Target == nil {
			continue
		}
		name := string(value(d.Target.Attribute))
		if d.Target.Name != nil {
			name = *d.Target.Name
		}
		if name != "" && !slices.Contains(s.Properties, name) {
			s.Properties = append(s.Properties, name)
		}
	}
	slices.Sort(s.Properties)
	return s
}

// verb is what happens to the resource, in one word.
func (c shownChange) verb() string {
	switch {
	case c.Action == string(cfn.ChangeActionAdd):
		return "add"
	case c.Action == string(cfn.ChangeActionRemove):
		return "remove"
	case c.Replacement == string(cfn.ReplacementTrue):
		return "replace"
	case c.Replacement == string(cfn.ReplacementConditional):
		return "replace?"
	}
	return "change"
}

func (c shownChange) details() string {
	if len(c.Properties) == 0 {
		return ""
	}
	return fmt.Sprintf(" %v", c.Properties)
}
