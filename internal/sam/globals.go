package sam

import (
	"fmt"
	"maps"
	"slices"
)

// globalSections are the sections that Globals can have, in the order of SAM's texts.
func globalSections() []string {
	return []string{"Api", "CapacityProvider", "Function", "HttpApi", "LayerVersion", "MicrovmImage", "NetworkConnector",
		"SimpleTable", "StateMachine", "WebSocketApi"}
}

// globalProperties are the properties that may be given once for every function or layer.
func globalProperties(section string) []string {
	if section == "LayerVersion" {
		return []string{"PublishLambdaVersion"}
	}
	return []string{"Handler", "Runtime", "CodeUri", "DeadLetterQueue", "Description", "MemorySize", "Timeout", "VpcConfig",
		"Environment", "Tags", "PropagateTags", "Tracing", "KmsKeyArn", "AutoPublishAlias", "AutoPublishAliasAllProperties",
		"Layers", "DeploymentPreference", "RolePath", "PermissionsBoundary", "ReservedConcurrentExecutions",
		"ProvisionedConcurrencyConfig", "AssumeRolePolicyDocument", "EventInvokeConfig", "FileSystemConfigs",
		"CodeSigningConfigArn", "Architectures", "SnapStart", "EphemeralStorage", "FunctionUrlConfig",
		"RuntimeManagementConfig", "LoggingConfig", "RecursiveLoop", "SourceKMSKeyArn", "TenancyConfig", "DurableConfig",
		"CapacityProviderConfig", "FunctionScalingConfig", "PublishToLatestPublished", "VersionDeletionPolicy"}
}

// applyGlobals merges the Globals section into the resources it is about, and removes it. Sections about resource types
// that are refused anyway are not looked into.
func (t *translation) applyGlobals() error {
	globals, written := t.doc["Globals"]
	if !written {
		return nil
	}
	delete(t.doc, "Globals")
	sections, ok := globals.(map[string]any)
	if !ok {
		return invalidGlobals("It must be a non-empty dictionary")
	}
	for _, section := range slices.Sorted(maps.Keys(sections)) {
		if err := checkGlobals(section, sections[section]); err != nil {
			return err
		}
	}
	for _, id := range slices.Sorted(maps.Keys(t.resources)) {
		r := t.resources[id].(map[string]any)
		for _, kind := range []string{functionType, layerType} {
			section, ok := sections[kind[len(serverless):]].(map[string]any)
			if !ok || r["Type"] != kind {
				continue
			}
			if err := t.grow(size(section)); err != nil {
				return err
			}
			if err := mergeGlobals(id, r, section); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkGlobals(section string, v any) error {
	if !slices.Contains(globalSections(), section) {
		return invalidGlobals(fmt.Sprintf("'%s' is not supported. Must be one of the following values - %s", section, quoted(globalSections())))
	}
	properties, ok := v.(map[string]any)
	if !ok {
		return invalidGlobals("Value of ${section} must be a dictionary")
	}
	if section != "Function" && section != "LayerVersion" {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if !slices.Contains(globalProperties(section), name) {
			return invalidGlobals(fmt.Sprintf("'%s' is not a supported property of '%s'. Must be one of the following values - %s",
				name, section, quoted(globalProperties(section))))
		}
	}
	return nil
}

func invalidGlobals(message string) error {
	return single(&fault{Cause{LogicalID: "Globals", Message: "'Globals' section is invalid. " + message}})
}

// mergeGlobals merges the section into a resource, without what the resource's IgnoreGlobals names.
func mergeGlobals(id string, r, section map[string]any) error {
	section = clone(section).(map[string]any)
	switch ignored := r["IgnoreGlobals"].(type) {
	case []any:
		for _, name := range ignored {
			key, _ := name.(string)
			if _, ok := section[key]; !ok {
				return single(invalidResource(id, fmt.Sprintf(
					"Resource %s has invalid resource attribute 'IgnoreGlobals' on item '%v'.", id, name)))
			}
			delete(section, key)
		}
	case string:
		if ignored == "*" {
			return nil
		}
		if ignored != "" {
			return single(invalidResource(id, "Resource "+id+" has invalid resource attribute 'IgnoreGlobals'."))
		}
	default:
		if truthy(ignored) {
			return single(invalidResource(id, "Resource "+id+" has invalid resource attribute 'IgnoreGlobals'."))
		}
	}
	own, written := r["Properties"]
	if !written {
		own = map[string]any{}
	}
	r["Properties"] = merge(section, own, "")
	return nil
}

// merge lays a resource's own value over the global one: maps key by key, lists behind each other, all else replaced.
// An intrinsic function is a value like any other. A function's own Architectures are not added to the global ones.
func merge(global, own any, path string) any {
	if g, ok := global.(map[string]any); ok && !isIntrinsic(g) {
		o, ok := own.(map[string]any)
		if !ok || isIntrinsic(o) {
			return own
		}
		for k, v := range o {
			at, there := g[k]
			if there {
				v = merge(at, v, path+"."+k)
			}
			g[k] = v
		}
		return g
	}
	g, isGlobal := global.([]any)
	o, isOwn := own.([]any)
	if isGlobal && isOwn && path != ".Architectures" {
		return append(slices.Clip(g), o...)
	}
	return own
}
