package sam

// checkDeployment looks at a function's DeploymentPreference. Traffic moves to the new version with the alias, all at
// once and whatever Type says: there is no CodeDeploy here to shift it step by step, to run hooks or to watch alarms,
// and so no resource of it is generated.
func (t *translation) checkDeployment(r *resource, alias *generated) error {
	preference, _ := r.get("DeploymentPreference").(map[string]any)
	if len(preference) == 0 {
		return nil
	}
	if v, written := preference["PassthroughCondition"]; written {
		if err := t.checkPassthrough(r, v); err != nil {
			return err
		}
	}
	enabled, written := preference["Enabled"]
	if written {
		var err error
		if enabled, err = t.resolveAndFind(enabled); err != nil {
			return err
		}
		if !truthy(enabled) || enabled == "false" || enabled == "False" {
			return nil
		}
	}
	if _, written := preference["Type"]; !written {
		return invalidResource(r.id, "'DeploymentPreference' is missing required Property 'Type'")
	}
	if hooks, written := preference["Hooks"]; written && !isMap(hooks) {
		return invalidResource(r.id, "'Hooks' property of 'DeploymentPreference' must be a dictionary")
	}
	if alias == nil {
		return invalidResource(r.id, "'DeploymentPreference' requires AutoPublishAlias property to be specified.")
	}
	return nil
}

func (t *translation) checkPassthrough(r *resource, v any) error {
	v, err := t.resolveAndFind(v)
	if err != nil {
		return err
	}
	switch v {
	case true, false, "true", "True", "false", "False":
		return nil
	}
	if isIntrinsic(v) {
		return invalidResource(r.id, "Unsupported intrinsic: the only intrinsic functions supported for property "+
			"PassthroughCondition are FindInMap and parameter Refs.")
	}
	return invalidResource(r.id, "Invalid value for property PassthroughCondition.")
}

// resolveAndFind puts in the values of parameters, then those of mappings.
func (t *translation) resolveAndFind(v any) (any, error) {
	v, err := t.resolve(v)
	if err != nil {
		return nil, err
	}
	return t.find(v)
}
