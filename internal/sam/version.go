package sam

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
)

// publish makes the version and the alias of AutoPublishAlias; without it all that it returns is nil. It may also
// change the function's description: a version is published only when something about the function has changed.
func (t *translation) publish(r *resource, f *generated) (version, alias *generated, err error) {
	if !r.has("AutoPublishAlias") {
		if r.has("ProvisionedConcurrencyConfig") {
			return nil, nil, invalidResource(r.id, "To set ProvisionedConcurrencyConfig AutoPublishALias must be defined on the function")
		}
		return nil, nil, nil
	}
	name, err := t.aliasName(r)
	if err != nil {
		return nil, nil, err
	}
	sha, err := t.codeSha256(r, f)
	if err != nil {
		return nil, nil, err
	}
	hash, err := t.versionHash(r, f, sha)
	if err != nil {
		return nil, nil, err
	}
	attributes := r.inherited()
	if _, written := attributes["DeletionPolicy"]; !written {
		attributes["DeletionPolicy"] = "Retain"
		if r.get("CapacityProviderConfig") != nil {
			attributes["DeletionPolicy"] = "Delete"
		}
		if p := r.get("VersionDeletionPolicy"); p != nil {
			attributes["DeletionPolicy"] = p
		}
	}
	version = newGenerated(r.id+"Version"+hash, "AWS::Lambda::Version", attributes)
	version.set("FunctionName", ref(f.id))
	version.set("Description", r.get("VersionDescription"))
	if r.get("CapacityProviderConfig") != nil {
		version.set("FunctionScalingConfig", r.get("FunctionScalingConfig"))
	}
	alias, err = r.alias(name, f, version)
	return version, alias, err
}

func (t *translation) aliasName(r *resource) (string, error) {
	v, err := t.resolve(r.get("AutoPublishAlias"))
	if err != nil {
		return "", err
	}
	name, ok := v.(string)
	if !ok {
		return "", invalidResource(r.id, "'AutoPublishAlias' must be a string or a Ref to a template parameter")
	}
	return name, nil
}

// codeSha256 returns the hash that the template gives for the code, and writes it behind the function's description.
func (t *translation) codeSha256(r *resource, f *generated) (string, error) {
	if !r.has("AutoPublishCodeSha256") {
		return "", nil
	}
	v, err := t.resolve(r.get("AutoPublishCodeSha256"))
	if err != nil {
		return "", err
	}
	sha, ok := v.(string)
	if !ok {
		return "", invalidResource(r.id, "AutoPublishCodeSha256 must be a string")
	}
	description, err := t.resolve(r.get("Description"))
	if err != nil {
		return "", err
	}
	switch d := description.(type) {
	case string:
		f.set("Description", strings.TrimPrefix(d+" "+sha, " "))
		if d == "" {
			f.set("Description", sha)
		}
	default:
		f.set("Description", sha)
		if truthy(d) {
			f.set("Description", map[string]any{"Fn::Join": []any{" ", []any{d, sha}}})
		}
	}
	return sha, nil
}

// versionHash is the end of the version's logical id: another one for other code, environment or memory, or, with
// AutoPublishAliasAllProperties, for any other property and for other layers that ask for it.
func (t *translation) versionHash(r *resource, f *generated, sha string) (string, error) {
	code, err := t.resolve(f.properties["Code"])
	if err != nil {
		return "", err
	}
	f.properties["Code"] = code
	if sha != "" {
		runes := []rune(sha)
		return string(runes[:min(len(runes), hashLength)]), nil
	}
	if r.has("AutoPublishAliasAllProperties") {
		covered := maps.Clone(f.properties)
		layers, _ := r.get("Layers").([]any)
		for _, l := range layers {
			if id, properties := t.publishingLayer(l); properties != nil {
				covered[id] = properties
			}
		}
		return digest(covered), nil
	}
	covered := maps.Clone(code.(map[string]any))
	if environment, ok := r.get("Environment").(map[string]any); ok {
		maps.Copy(covered, environment)
	}
	if r.has("MemorySize") {
		covered["MemorySize"] = r.get("MemorySize")
	}
	if snapStart, _ := r.get("SnapStart").(map[string]any); snapStart["ApplyOn"] != nil && snapStart["ApplyOn"] != "None" {
		covered["SnapStart"] = snapStart
	}
	return digest(covered), nil
}

// publishingLayer returns the layer of the template that an element of Layers refers to, if that layer has
// PublishLambdaVersion.
func (t *translation) publishingLayer(l any) (string, map[string]any) {
	id := referredTo(l)
	layer, _ := t.resources[id].(map[string]any)
	properties, _ := layer["Properties"].(map[string]any)
	if id == "" || !truthy(properties["PublishLambdaVersion"]) {
		return "", nil
	}
	return id, properties
}

// referredTo returns the logical id that a Ref or an Fn::GetAtt is about, "" for anything else.
func referredTo(v any) string {
	name, argument := call(v)
	switch a := argument.(type) {
	case string:
		if name == "Ref" {
			return a
		}
		if parts := strings.Split(a, "."); name == "Fn::GetAtt" && len(parts) == 2 {
			return parts[0]
		}
	case []any:
		if name == "Fn::GetAtt" && len(a) == 2 {
			id, _ := a[0].(string)
			return id
		}
	}
	return ""
}

func (r *resource) alias(name string, f, version *generated) (*generated, error) {
	if name == "" {
		return nil, invalidResource(r.id, "Alias name is required to create an alias")
	}
	if !regexp.MustCompile(`^[a-zA-Z0-9_-]+$`).MatchString(name) || regexp.MustCompile(`^[0-9]+$`).MatchString(name) {
		return nil, invalidResource(r.id, fmt.Sprintf("AutoPublishAlias name ('%s') must contain only alphanumeric characters, "+
			"hyphens, or underscores matching (?!^[0-9]+$)([a-zA-Z0-9-_]+) pattern.", name))
	}
	a := newGenerated(f.id+"Alias"+strings.NewReplacer("-", "D", "_", "U").Replace(name), "AWS::Lambda::Alias", r.inherited())
	a.set("Name", name)
	a.set("FunctionName", ref(f.id))
	a.set("FunctionVersion", getAtt(version.id, "Version"))
	if r.has("ProvisionedConcurrencyConfig") {
		a.set("ProvisionedConcurrencyConfig", r.get("ProvisionedConcurrencyConfig"))
	}
	return a, nil
}
