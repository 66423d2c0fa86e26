package sam

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func layerProperties() []property {
	content := textOrMap("ContentUri")
	content.required = true
	return []property{textOrMap("LayerName"), text("Description"), flag("PublishLambdaVersion"), content,
		listOf("CompatibleArchitectures"), listOf("CompatibleRuntimes"), text("LicenseInfo"), text("RetentionPolicy")}
}

// layer expands a layer. What it makes has a logical id of its own for every change, so that CloudFormation publishes a
// new version beside the old one and keeps the old one when it is told to.
func (t *translation) layer(r *resource) (*generated, error) {
	for _, name := range []string{"LayerName", "LicenseInfo", "Description", "RetentionPolicy"} {
		if !r.has(name) {
			continue
		}
		v, err := t.resolve(r.get(name))
		if err != nil {
			return nil, err
		}
		if !isStringOrMap(v) {
			return nil, invalidResource(r.id, fmt.Sprintf("Could not resolve parameter for '%s' or parameter is not a String.", name))
		}
		r.properties[name] = v
	}
	attributes := r.inherited()
	if _, written := attributes["DeletionPolicy"]; !written {
		attributes["DeletionPolicy"] = "Retain"
	}
	policy, err := r.retention()
	if err != nil {
		return nil, err
	}
	if policy != "" {
		attributes["DeletionPolicy"] = policy
	}

	written := &generated{id: r.id, kind: r.kind, dependsOn: r.dependsOn, properties: r.properties, attributes: maps.Clone(r.attributes)}
	for _, a := range []string{"DeletionPolicy", "UpdateReplacePolicy", "Metadata"} {
		delete(written.attributes, a)
	}
	g := newGenerated(r.id+digest(map[string]any{r.id: written.tree()}), "AWS::Lambda::LayerVersion", attributes)
	g.dependsOn = r.dependsOn
	g.set("LayerName", r.id)
	if r.has("LayerName") {
		g.set("LayerName", r.get("LayerName"))
	}
	content, err := location(g.id, "ContentUri", r.get("ContentUri"))
	if err != nil {
		return nil, err
	}
	g.set("Content", content)
	if err := checkArchitectures(g.id, r.get("CompatibleArchitectures")); err != nil {
		return nil, err
	}
	for _, name := range []string{"Description", "CompatibleArchitectures", "CompatibleRuntimes", "LicenseInfo"} {
		g.set(name, r.get(name))
	}
	return g, nil
}

// retention returns the DeletionPolicy that RetentionPolicy stands for, "" without one.
func (r *resource) retention() (string, error) {
	options := []string{"Retain", "Delete"}
	v := r.get("RetentionPolicy")
	if isIntrinsic(v) {
		return "", invalidResource(r.id, "'RetentionPolicy' does not accept intrinsic functions, "+
			"please use one of the following options: "+quoted(options))
	}
	if v == nil {
		return "", nil
	}
	s, ok := v.(string)
	if !ok {
		return "", invalidResource(r.id, "Invalid 'RetentionPolicy' type, please use one of the following options: "+quoted(options))
	}
	if i := slices.IndexFunc(options, func(o string) bool { return strings.EqualFold(o, s) }); i >= 0 {
		return options[i], nil
	}
	return "", invalidResource(r.id, "'RetentionPolicy' must be one of the following options: "+quoted(options)+".")
}

func checkArchitectures(id string, v any) error {
	list, _ := v.([]any)
	for _, a := range list {
		if !isIntrinsic(a) && a != "arm64" && a != "x86_64" {
			return invalidResource(id, "CompatibleArchitectures needs to be a list of 'x86_64' or 'arm64'")
		}
	}
	return nil
}
