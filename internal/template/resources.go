package template

import "slices"

func (t *Template) resources() error {
	m, err := section(t.Doc, "Resources", maxResources)
	if err != nil {
		return err
	}
	if len(m) == 0 {
		return formatError("At least one Resources member must be defined.")
	}
	t.Resources = make(map[string]*Resource, len(m))
	for _, name := range sortedKeys(m) {
		r, err := readResource(name, m[name])
		if err != nil {
			return err
		}
		if _, taken := t.Parameters[name]; taken {
			return formatError("Logical id %s is that of a parameter and of a resource.", name)
		}
		t.Resources[name] = r
	}
	return nil
}

func readResource(name string, v any) (*Resource, error) {
	at := "/Resources/" + name
	if name == "Fn::Transform" {
		return nil, refuseInclude()
	}
	m, ok := v.(map[string]any)
	switch {
	case !ok:
		return nil, formatError("[%s] resource definition is malformed", at)
	case !alphanumeric(name):
		return nil, formatError("Resource name %s is non alphanumeric.", name)
	case len(name) > maxName:
		return nil, formatError("Resource name %s is longer than %d characters.", name, maxName)
	}
	known := []string{
		"Type", "Properties", "DependsOn", "Condition", "DeletionPolicy", "UpdateReplacePolicy", "Metadata", "CreationPolicy",
		"UpdatePolicy", "Description",
	}
	if unknown := others(m, known); len(unknown) > 0 {
		return nil, fault("Invalid template resource property '%s'", unknown[0])
	}
	r := &Resource{Name: name, Metadata: m["Metadata"], CreationPolicy: m["CreationPolicy"], UpdatePolicy: m["UpdatePolicy"]}
	if r.Type, ok = m["Type"].(string); !ok || r.Type == "" {
		return nil, formatError("[%s] Every Resources object must contain a Type member.", at)
	}
	if p, has := m["Properties"]; has {
		if r.Properties, ok = p.(map[string]any); !ok {
			return nil, formatError("[%s/Properties] Every Properties member must be a map.", at)
		}
	}
	return r, r.attributes(m, at)
}

// attributes reads the members that are about the resource and not for it.
func (r *Resource) attributes(m map[string]any, at string) error {
	var err error
	if r.Condition, err = optional(m, "Condition", at); err != nil {
		return err
	}
	if r.DeletionPolicy, err = policy(m, "DeletionPolicy", at, "Delete", "Retain", "Snapshot", "RetainExceptOnCreate"); err != nil {
		return err
	}
	if r.UpdateReplacePolicy, err = policy(m, "UpdateReplacePolicy", at, "Delete", "Retain", "Snapshot"); err != nil {
		return err
	}
	switch d := m["DependsOn"].(type) {
	case nil:
	case string:
		r.DependsOn = []string{d}
	case []any:
		for _, one := range d {
			id, ok := one.(string)
			if !ok {
				return formatError("DependsOn must be a string or list of strings.")
			}
			r.DependsOn = append(r.DependsOn, id)
		}
	default:
		return formatError("DependsOn must be a string or list of strings.")
	}
	return nil
}

func policy(m map[string]any, name, at string, values ...string) (string, error) {
	v, ok := m[name]
	if !ok {
		return "", nil
	}
	s, ok := v.(string)
	if !ok {
		return "", formatError("Every %s member must be a string.", name)
	}
	if !slices.Contains(values, s) {
		return "", formatError("Unrecognized %s %s", name, s)
	}
	return s, nil
}
