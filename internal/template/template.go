// Package template knows what CloudFormation templates mean: it reads them, gives parameters their values, decides
// conditions and rules, and evaluates intrinsic functions. It makes no resources and does no I/O; what functions refer to
// outside the template comes in a Scope.
//
// Facts are from the AWS CloudFormation User Guide (template anatomy, intrinsic function reference, quotas); texts of
// errors are those that the service answers.
package template

import (
	"maps"
	"slices"
)

// Quotas of a template (User Guide, "Understand CloudFormation quotas").
const (
	MaxBody       = 51200   // bytes of a template in a request
	MaxObject     = 1 << 20 // bytes of a template in a bucket
	maxResources  = 500
	maxParameters = 200
	maxOutputs    = 200
	maxMappings   = 200
	maxName       = 255
	maxDescribe   = 1024
	maxValue      = 4096 // bytes of a parameter's value
)

// Template is a template that was checked. It does not change afterwards and may be shared.
type Template struct {
	Description string
	// Transforms are the names in the Transform section, in order.
	Transforms []string
	Metadata   any
	Parameters map[string]*Parameter
	Mappings   map[string]map[string]map[string]any
	// Conditions are the expressions as written.
	Conditions map[string]any
	Rules      map[string]*Rule
	Resources  map[string]*Resource
	Outputs    map[string]*Output
	// Doc is the tree that the template was made of.
	Doc map[string]any
}

// Resource is one of the Resources section. Properties are as written, with functions in them.
type Resource struct {
	Name, Type string
	Properties map[string]any
	DependsOn  []string
	// Condition is the name of the condition under which the resource exists, or empty.
	Condition string
	// DeletionPolicy is Delete, Retain, RetainExceptOnCreate, Snapshot or empty; UpdateReplacePolicy Delete, Retain, Snapshot or empty.
	DeletionPolicy, UpdateReplacePolicy    string
	Metadata, CreationPolicy, UpdatePolicy any
}

// Output is one of the Outputs section.
type Output struct {
	Name, Description string
	// Value is as written, with functions in it.
	Value any
	// Export is the expression of the name that the value is exported under, or nil.
	Export    any
	Condition string
}

// Rule is one of the Rules section.
type Rule struct {
	Name string
	// Condition is the expression under which the assertions must hold, or nil: always.
	Condition  any
	Assertions []Assertion
}

// Assertion is what a rule asserts.
type Assertion struct {
	Assert      any
	Description string
}

// Scope is what the functions of a template can refer to. A stack fills it step by step: the pseudo parameters, then
// Parameters (Bind), then Conditions (Template.Decide), then resources as they are made.
type Scope struct {
	AccountID, Region, Partition, URLSuffix, StackName, StackID string
	NotificationARNs                                            []string
	// Parameters has the values of Bound.Values: a string, or []any of strings for the types that are lists.
	Parameters map[string]any
	Conditions map[string]bool
	// Resource looks up a resource that exists: what Ref gives, and a function for attributes (path "Arn",
	// "Outputs.Name"), which reports false for those that the resource lacks. nil: there are none.
	Resource func(name string) (ref any, attribute func(path string) (any, bool), ok bool)
	// Import looks up the value of an export of the account and Region. nil: there are none.
	Import func(export string) (any, bool)
	// AZs are the availability zones of the Region.
	AZs []string
	// Dynamic resolves a dynamic reference, what is between "{{resolve:" and "}}": "ssm:/my/name:3". nil: these are refused.
	Dynamic func(reference string) (string, error)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// New checks a tree that Read returned (after its transforms were carried out) and makes the template of it. The error is
// an *Error. Types of resources and their properties are not looked at.
func New(doc map[string]any) (*Template, error) {
	t := &Template{Doc: doc}
	for _, step := range []func() error{
		t.header, t.parameters, t.mappings, t.conditions, t.rules, t.resources, t.outputs, t.check,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return t, nil
}
