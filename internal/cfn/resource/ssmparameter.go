package resource

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"furl/internal/ssm"
)

// ssmParameter is AWS::SSM::Parameter. Ref is the name. As on AWS it makes no SecureString.
func ssmParameter() *Type {
	return &Type{
		Name:       "AWS::SSM::Parameter",
		Properties: ssmParameterProperties(),
		Create:     createParameter,
		Update:     updateParameter,
		Delete: func(ctx context.Context, r *Request) error {
			_, err := r.Invoke.Invoke(ctx, "ssm", "DeleteParameter", &ssm.DeleteParameterRequest{Name: r.PhysicalID})
			if codeOf(err) == "ParameterNotFound" {
				return nil
			}
			return err
		},
		Attributes: []string{"Type", "Value"},
	}
}

func createParameter(ctx context.Context, r *Request) (*Result, error) {
	name := text(r.Properties["Name"])
	if name == "" {
		name = "CFN-" + r.LogicalID + "-" + r.Suffix // not the stack's name: that may be one that parameters cannot have
	}
	in, err := parameterInput(r, name)
	if err != nil {
		return nil, err
	}
	tags := parameterTags(r.Properties, r.Tags)
	in.Tags = tags
	_, err = r.Invoke.Invoke(ctx, "ssm", "PutParameter", in)
	if r.Again && codeOf(err) == "ParameterAlreadyExists" {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	return parameterResult(r, name), nil
}

func updateParameter(ctx context.Context, r *Request) (*Result, error) {
	result := parameterResult(r, r.PhysicalID)
	old, next := maps.Clone(r.Old), maps.Clone(r.Properties)
	delete(old, "Tags")
	delete(next, "Tags")
	if !same(old, next) {
		in, err := parameterInput(r, r.PhysicalID)
		if err != nil {
			return result, err
		}
		in.Overwrite = new(true)
		if _, err := r.Invoke.Invoke(ctx, "ssm", "PutParameter", in); err != nil {
			return result, err
		}
	}
	return result, retagParameter(ctx, r)
}

// parameterInput is PutParameter's input but for tags, which an overwriting one cannot have.
func parameterInput(r *Request, name string) (*ssm.PutParameterRequest, error) {
	kind := ssm.ParameterType(text(r.Properties["Type"]))
	if kind == ssm.ParameterTypeSecureString {
		return nil, errors.New("SSM Parameters of type SecureString cannot be created using CloudFormation")
	}
	in := &ssm.PutParameterRequest{
		Name:           name,
		Value:          text(r.Properties["Value"]),
		Type:           &kind,
		Description:    optionalText(r.Properties["Description"]),
		AllowedPattern: optionalText(r.Properties["AllowedPattern"]),
		DataType:       optionalText(r.Properties["DataType"]),
		Policies:       optionalText(r.Properties["Policies"]),
	}
	if tier := text(r.Properties["Tier"]); tier != "" {
		in.Tier = new(ssm.ParameterTier(tier))
	}
	return in, nil
}

func parameterResult(r *Request, name string) *Result {
	return &Result{PhysicalID: name, Attributes: map[string]any{"Type": text(r.Properties["Type"]), "Value": text(r.Properties["Value"])}}
}

// parameterTags are a parameter's tags: the property is a map, not a list as elsewhere.
func parameterTags(properties map[string]any, stack map[string]string) []ssm.Tag {
	all := map[string]string{}
	maps.Copy(all, ownTags(nil, stack))
	own, _ := properties["Tags"].(map[string]any)
	for key, v := range own {
		all[key] = fmt.Sprint(v)
	}
	var out []ssm.Tag
	for _, key := range slices.Sorted(maps.Keys(all)) {
		out = append(out, ssm.Tag{Key: key, Value: all[key]})
	}
	return out
}

func retagParameter(ctx context.Context, r *Request) error {
	had, wants := parameterTags(r.Old, r.OldTags), parameterTags(r.Properties, r.Tags)
	add := slices.DeleteFunc(slices.Clone(wants), func(t ssm.Tag) bool { return slices.Contains(had, t) })
	var gone []string
	for _, t := range had {
		if !slices.ContainsFunc(wants, func(w ssm.Tag) bool { return w.Key == t.Key }) {
			gone = append(gone, t.Key)
		}
	}
	if len(add) > 0 {
		in := &ssm.AddTagsToResourceRequest{ResourceType: ssm.ResourceTypeForTaggingParameter, ResourceId: r.PhysicalID, Tags: add}
		if _, err := r.Invoke.Invoke(ctx, "ssm", "AddTagsToResource", in); err != nil {
			return err
		}
	}
	if len(gone) == 0 {
		return nil
	}
	in := &ssm.RemoveTagsFromResourceRequest{ResourceType: ssm.ResourceTypeForTaggingParameter, ResourceId: r.PhysicalID, TagKeys: gone}
	_, err := r.Invoke.Invoke(ctx, "ssm", "RemoveTagsFromResource", in)
	return err
}
