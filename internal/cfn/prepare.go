package cfn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"furl/internal/arn"
	"furl/internal/awsapi"
	"furl/internal/cfn/resource"
	"furl/internal/cfn/stack"
	"furl/internal/sam"
	"furl/internal/template"
)

// The transforms that there are.
const (
	serverless         = sam.Name
	languageExtensions = "AWS::LanguageExtensions"
)

// definition is what a stack is to be: a template, read and expanded, with the values of its parameters.
type definition struct {
	body     string // as it came
	original map[string]any
	// doc is the template after its transforms, processed its text where there are any.
	doc        map[string]any
	processed  string
	transforms []string
	template   *template.Template
	bound      *template.Bound
	scope      template.Scope
}

// transformError is what a transform says of a template. A change set takes it for its status.
type transformError struct{ text string }

func (e *transformError) Error() string { return e.text }

// read reads a template's text.
func read(body string) (*definition, error) {
	doc, err := template.Read([]byte(body))
	if err != nil {
		return nil, templateError(err)
	}
	d := &definition{body: body, original: doc, doc: doc}
	if d.transforms, err = transformsOf(doc); err != nil {
		return nil, err
	}
	return d, nil
}

// templateError words what package template says of a template.
func templateError(err error) error {
	if e, ok := errors.AsType[*template.Error](err); ok {
		return invalid("%s", e.Error())
	}
	return err
}

// transformsOf are the transforms that a template declares for itself as a whole.
func transformsOf(doc map[string]any) ([]string, error) {
	var names []string
	list, isList := doc["Transform"].([]any)
	if !isList && doc["Transform"] != nil {
		list = []any{doc["Transform"]}
	}
	for _, one := range list {
		if m, ok := one.(map[string]any); ok {
			one = m["Name"]
		}
		name, ok := one.(string)
		if !ok {
			return nil, invalid("Template format error: [/Transform] every Transform entry must be a string or an object with a Name.")
		}
		names = append(names, name)
	}
	return names, nil
}

// transformName is a transform as its ARN has it.
func transformName(transform string) string {
	name := strings.TrimPrefix(transform, "AWS::")
	return strings.ReplaceAll(name, "::", "-")
}

// allowed asks whether the caller may have the template's transforms run.
func (s *Service) allowed(ctx context.Context, d *definition) error {
	for _, name := range d.transforms {
		if name != serverless && name != languageExtensions {
			return invalid("No transform named %s found.", name)
		}
		if err := s.permit(ctx, s.onTransform(ctx, name)); err != nil {
			return err
		}
	}
	return nil
}

// expand runs the template's transforms with the values of a request.
func (s *Service) expand(d *definition, account string, values map[string]any) error {
	for _, name := range d.transforms {
		switch name {
		case serverless:
			doc, err := sam.Transform(d.doc, values, sam.Options{
				Region: s.region, Partition: arn.DefaultPartition, Account: account, ManagedPolicy: s.managedPolicy, Body: []byte(d.body),
			})
			if err != nil {
				return &transformError{"Transform " + name + " failed with: " + err.Error()}
			}
			d.doc = doc
		case languageExtensions:
			doc, err := template.Extend(d.doc, &d.scope)
			if err != nil {
				return &transformError{"Transform " + name + " failed with: " + err.Error()}
			}
			d.doc = doc
		}
	}
	if len(d.transforms) == 0 {
		return nil
	}
	text, err := json.Marshal(d.doc)
	if err != nil {
		return fmt.Errorf("cfn: processed template: %w", err)
	}
	d.processed = string(text)
	return nil
}

// managedPolicy is the ARN of a policy that AWS manages.
func (s *Service) managedPolicy(name string) (string, bool) {
	for _, path := range []string{"", "service-role/", "job-function/"} {
		at := "arn:" + arn.DefaultPartition + ":iam::aws:policy/" + path + name
		if s.state.Snapshot().ManagedByARN(at) != nil {
			return at, true
		}
	}
	return "", false
}

// check refuses a template whose resources cannot be made.
func (d *definition) check() error {
	var lacking []string
	for id, r := range d.template.Resources {
		if d.scope.Conditions != nil && !d.template.Exists(&d.scope, id) {
			continue // what is not made may be of any type
		}
		if resource.Lookup(r.Type) == nil && !stack.OwnType(r.Type) && !slices.Contains(lacking, r.Type) {
			lacking = append(lacking, r.Type)
		}
	}
	if len(lacking) > 0 {
		slices.Sort(lacking)
		return invalid("Template format error: Unrecognized resource types: [%s]", strings.Join(lacking, ", "))
	}
	return nil
}

// capabilities are the ones that the template needs beside those of transforms, and the types that need them.
func (d *definition) capabilities() (needed []Capability, types []string) {
	for _, name := range slices.Sorted(maps.Keys(d.template.Resources)) {
		r := d.template.Resources[name]
		t := resource.Lookup(r.Type)
		if t == nil || t.Capability == nil {
			continue
		}
		c := Capability(t.Capability(r.Properties))
		if c == "" {
			continue
		}
		if !slices.Contains(types, r.Type) {
			types = append(types, r.Type)
		}
		if !slices.Contains(needed, c) {
			needed = append(needed, c)
		}
	}
	if slices.Contains(needed, CapabilityCapabilityNamedIam) { // holds the other
		needed = []Capability{CapabilityCapabilityNamedIam}
	}
	return needed, types
}

// acknowledged refuses a template that needs more capabilities than the request acknowledges.
func acknowledged(needed, given []Capability) error {
	var lacking []string
	for _, c := range needed {
		enough := slices.Contains(given, c) || c == CapabilityCapabilityIam && slices.Contains(given, CapabilityCapabilityNamedIam)
		if !enough {
			lacking = append(lacking, string(c))
		}
	}
	if len(lacking) == 0 {
		return nil
	}
	return InsufficientCapabilitiesException("Requires capabilities : [%s]", strings.Join(lacking, ", "))
}

// within refuses a template with types of resources that the request does not name; without names all are good.
func (d *definition) within(types []string) error {
	if len(types) == 0 {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(d.template.Resources)) {
		t := d.template.Resources[name].Type
		if !slices.ContainsFunc(types, func(one string) bool { return covers(one, t) }) {
			return invalid("Resource type %s is not allowed by parameter ResourceTypes %s", t, types)
		}
	}
	return nil
}

// covers reports whether a name of ResourceTypes stands for a type: itself, or with an asterisk at its end.
func covers(name, t string) bool {
	prefix, wild := strings.CutSuffix(name, "*")
	return name == t || wild && strings.HasPrefix(t, prefix)
}

// invalidTags refuses tags that stacks cannot have.
func invalidTags(tags []Tag) *awsapi.Error {
	seen := map[string]bool{}
	for _, t := range tags {
		if strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return invalid("Tag keys that begin with aws: are reserved")
		}
		if seen[t.Key] {
			return invalid("Duplicate tag keys found: %s", t.Key)
		}
		seen[t.Key] = true
	}
	return nil
}
