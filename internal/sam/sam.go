// Package sam expands templates of the AWS Serverless Application Model: the AWS::Serverless-2016-10-31 transform for
// AWS::Serverless::Function and AWS::Serverless::LayerVersion, with the logical ids that AWS gives. It reads no files,
// packs no code and calls nobody: code that still lies on a disk is for whoever deploys to put into a bucket first.
package sam

import (
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Name is what a template's Transform section says to be expanded.
const Name = "AWS::Serverless-2016-10-31"

const (
	serverless   = "AWS::Serverless::"
	functionType = serverless + "Function"
	layerType    = serverless + "LayerVersion"
)

// Options says where a template is expanded.
type Options struct {
	// Region and Partition stand for AWS::Region and AWS::Partition; an empty partition follows from the region.
	Region, Partition string
	// Account is not looked at: nothing that is generated holds an account's number before the stack resolves it.
	Account string
	// ManagedPolicy gives the ARN of a managed policy by its name, such as ReadOnlyAccess. It is asked for names that
	// AWS has no managed policy of; without it those stay as they are written. It may be nil.
	ManagedPolicy func(name string) (arn string, ok bool)
	// Body is the template as it was written, in JSON or YAML. A hash of AutoPublishAliasAllProperties covers the order
	// in which tags are written, and the tree keeps none; without it (nil) tags are taken in alphabetical order.
	Body []byte
}

// Transform returns the template with its serverless resources replaced by those they stand for, and without Globals
// and the transform's name. doc, of maps, slices, strings, bools, int64, float64 and nil as package template reads it,
// is left as it was. parameters are values by name, strings or lists; parameters without one have their defaults.
// Every fault of the template is an *Error with SAM's own text.
//
// AWS prints that text behind "Transform AWS::Serverless-2016-10-31 failed with: ".
func Transform(doc map[string]any, parameters map[string]any, o Options) (map[string]any, error) {
	if o.Partition == "" {
		o.Partition = partitionOf(o.Region)
	}
	if err := checkStructure(doc); err != nil {
		return nil, err
	}
	t := newTranslation(clone(doc).(map[string]any), parameters, o)
	if err := t.applyGlobals(); err != nil {
		return nil, err
	}
	if err := t.expand(); err != nil {
		return nil, err
	}
	return t.finish(), nil
}

// translation is one template on its way.
type translation struct {
	options    Options
	doc        map[string]any // a copy of the template, changed step by step
	resources  map[string]any // as written, with Globals merged; doc's own section is rebuilt from the expanded ones
	parameters map[string]any
	mappings   map[string]any
	faults     faults
	renamed    map[string]string            // logical ids that the expansion changes: layers
	referable  map[string]map[string]string // FUNCTION.Alias, FUNCTION.Version: the resource generated for it
	templates  map[string]policyTemplate    // nil until they are asked for
	managed    map[string]string            // paths of AWS's managed policies by name; nil until they are asked for
	written    *yaml.Node                   // options.Body; nil until its order is asked for
	grown      int                          // what values and globals have added to the template
}

func newTranslation(doc, parameters map[string]any, o Options) *translation {
	t := &translation{
		options: o, doc: doc,
		parameters: make(map[string]any, len(parameters)+2),
		renamed:    make(map[string]string),
		referable:  make(map[string]map[string]string),
	}
	definitions, _ := doc["Parameters"].(map[string]any)
	for name, d := range definitions {
		if d, ok := d.(map[string]any); ok && isPlain(d["Default"]) {
			t.parameters[name] = d["Default"]
		}
	}
	for name, v := range parameters {
		if isPlain(v) {
			t.parameters[name] = v
		}
	}
	for name, v := range map[string]string{"AWS::Region": o.Region, "AWS::Partition": o.Partition} {
		if _, given := t.parameters[name]; !given {
			t.parameters[name] = v
		}
	}
	t.resources, _ = doc["Resources"].(map[string]any)
	return t
}

// maxGrowth is how much larger than it is written a template may become: bytes of text, and as many for whatever else
// there is. It is far beyond what a stack can be made of; a small template must not take a machine's memory.
const maxGrowth = 16 << 20

// grow counts what is added to the template.
func (t *translation) grow(by int) error {
	if t.grown += by; t.grown > maxGrowth {
		return single(invalidTemplate("The expanded template is too large."))
	}
	return nil
}

// checkStructure looks at what must hold before anything is expanded.
func checkStructure(doc map[string]any) error {
	resources, _ := doc["Resources"].(map[string]any)
	if len(resources) == 0 {
		return single(invalidTemplate("'Resources' section is required"))
	}
	for _, r := range resources {
		if _, ok := r.(map[string]any); !ok {
			return single(invalidTemplate("All 'Resources' must be Objects. If you're using YAML, this may be an indentation issue."))
		}
	}
	for _, id := range slices.Sorted(maps.Keys(resources)) {
		r := resources[id].(map[string]any)
		if c := r["Condition"]; truthy(c) && !isString(c) {
			return single(invalidTemplate("Every Condition member must be a string."))
		}
		if kind, _ := r["Type"].(string); known(kind) {
			if p, written := r["Properties"]; written && !isMap(p) {
				return single(invalidResource(id, "Attribute 'Properties' should be a map."))
			}
		}
	}
	if m, written := doc["Mappings"]; written && !isMap(m) {
		return single(invalidTemplate("'Mappings' or 'Parameters' is either null or not a valid dictionary."))
	}
	return nil
}

// expand replaces the serverless resources in doc's own Resources.
func (t *translation) expand() error {
	t.mappings, _ = t.doc["Mappings"].(map[string]any)
	t.resources = t.doc["Resources"].(map[string]any)
	t.doc["Resources"] = maps.Clone(t.resources)
	// Functions come before layers, as in SAM: the hash of a function's version covers its layers as written.
	for _, kind := range []string{functionType, layerType} {
		for _, id := range slices.Sorted(maps.Keys(t.resources)) {
			if r := t.resources[id].(map[string]any); r["Type"] == kind {
				if err := t.expandOne(id, kind, r); err != nil {
					return err
				}
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(t.resources)) {
		t.refuse(id, t.resources[id].(map[string]any))
	}
	return t.faults.err()
}

// expandOne expands a resource. The error it returns ends the whole transform; all others are collected.
func (t *translation) expandOne(id, kind string, written map[string]any) error {
	made, err := t.make(id, kind, written)
	if err != nil {
		return t.faults.add(err)
	}
	out := t.doc["Resources"].(map[string]any)
	delete(out, id)
	for _, g := range made {
		if other, there := t.resources[g.id].(map[string]any); there && !replaces(g.kind, other["Type"]) {
			t.faults.list = append(t.faults.list, duplicate(id, g.id, g.kind))
			continue
		}
		out[g.id] = g.tree()
	}
	return nil
}

func (t *translation) make(id, kind string, written map[string]any) ([]*generated, error) {
	var policies func(*resource) error
	table := layerProperties()
	if kind == functionType {
		table, policies = functionProperties(), t.expandPolicyTemplates
	}
	r, err := readResource(id, kind, written, table, policies)
	if err != nil {
		return nil, err
	}
	if kind == layerType {
		g, err := t.layer(r)
		if err != nil {
			return nil, err
		}
		t.renamed[id] = g.id
		return []*generated{g}, nil
	}
	return t.function(r)
}

// replaces says whether a generated resource may take the logical id of one that the template has.
func replaces(kind string, other any) bool {
	switch kind {
	case "AWS::Lambda::Function":
		return other == functionType
	case "AWS::Lambda::LayerVersion":
		return other == layerType
	case "AWS::SNS::Topic":
		return other == kind
	}
	return false
}

// refuse adds a fault for what SAM has and furl does not.
func (t *translation) refuse(id string, r map[string]any) {
	if _, written := r["Connectors"]; written {
		t.faults.list = append(t.faults.list, invalidResource(id, "Connectors are not supported."))
	}
	kind, _ := r["Type"].(string)
	if known(kind) && kind != functionType && kind != layerType {
		t.faults.list = append(t.faults.list, invalidResource(id, "Resource type "+kind+" is not supported. "+
			"Of the serverless resource types "+functionType+" and "+layerType+" are."))
	}
}

// known says whether SAM has a serverless resource type.
func known(kind string) bool {
	name, ok := strings.CutPrefix(kind, serverless)
	if !ok {
		return false
	}
	switch name {
	case "Api", "Application", "CapacityProvider", "Connector", "Function", "GraphQLApi", "HttpApi", "LayerVersion", "MicrovmImage",
		"NetworkConnector", "SimpleTable", "StateMachine", "WebFunction", "WebSocketApi":
		return true
	}
	return false
}

// finish removes the transform's name and leads every reference to where its resource is now.
func (t *translation) finish() map[string]any {
	switch names := t.doc["Transform"].(type) {
	case []any:
		rest := slices.DeleteFunc(slices.Clone(names), func(n any) bool { return n == Name })
		t.doc["Transform"] = rest
		if len(rest) == 0 {
			delete(t.doc, "Transform")
		}
	default:
		delete(t.doc, "Transform")
	}
	if len(t.renamed) > 0 {
		renameDependencies(t.doc, t.renamed)
		t.doc = rewrite(t.doc, t.renameReference).(map[string]any)
	}
	if len(t.referable) > 0 {
		t.doc = rewrite(t.doc, t.leadReference).(map[string]any)
	}
	return t.doc
}

// partitionOf returns the partition that a region belongs to.
func partitionOf(region string) string {
	region = strings.ToLower(region)
	for _, p := range [][2]string{
		{"cn-", "aws-cn"}, {"us-isob", "aws-iso-b"}, {"us-isof", "aws-iso-f"}, {"us-iso-", "aws-iso"}, {"us-gov", "aws-us-gov"},
		{"eu-isoe", "aws-iso-e"}, {"eusc-", "aws-eusc"},
	} {
		if strings.HasPrefix(region, p[0]) {
			return p[1]
		}
	}
	return "aws"
}
