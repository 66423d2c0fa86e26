package cfn

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"furl/internal/cfn/stack"
	"furl/internal/template"
)

// GetTemplate is the template of a stack or of a change set.
func (s *Service) GetTemplate(ctx context.Context, in *GetTemplateInput) (*GetTemplateOutput, error) {
	var d *stack.Definition
	switch {
	case in.ChangeSetName != nil:
		c, _, err := s.changeSet(ctx, in.StackName, *in.ChangeSetName)
		if err != nil {
			return nil, err
		}
		d = &c.Definition
	case in.StackName != nil:
		st, err := s.stack(ctx, *in.StackName)
		if err != nil {
			return nil, err
		}
		d = &st.Now
	default:
		return nil, invalid("Either StackName or ChangeSetName must be specified")
	}
	text := string(d.Body)
	if in.TemplateStage != nil && *in.TemplateStage == TemplateStageProcessed {
		text = d.Template()
	}
	return &GetTemplateOutput{TemplateBody: &text, StagesAvailable: []TemplateStage{TemplateStageOriginal, TemplateStageProcessed}}, nil
}

// ValidateTemplate says what a template needs.
func (s *Service) ValidateTemplate(ctx context.Context, in *ValidateTemplateInput) (*ValidateTemplateOutput, error) {
	d, t, err := s.looked(ctx, source{body: in.TemplateBody, url: in.TemplateURL})
	if err != nil {
		return nil, err
	}
	out := &ValidateTemplateOutput{Parameters: []TemplateParameter{}, Description: new(t.Description), DeclaredTransforms: d.transforms}
	out.Capabilities, out.CapabilitiesReason = needs(d)
	for _, key := range sorted(t.Parameters) {
		p := t.Parameters[key]
		out.Parameters = append(out.Parameters, TemplateParameter{ParameterKey: &key, DefaultValue: p.Default, NoEcho: &p.NoEcho, Description: nonEmpty(p.Description)})
	}
	return out, nil
}

// looked reads a template without values: transforms are not run.
func (s *Service) looked(ctx context.Context, from source) (*definition, *template.Template, error) {
	body, err := s.body(ctx, from, nil)
	if err != nil {
		return nil, nil, err
	}
	d, err := read(body)
	if err != nil {
		return nil, nil, err
	}
	if len(d.transforms) > 0 {
		d.template, err = unexpanded(d.doc)
		return d, d.template, err
	}
	if d.template, err = template.New(d.doc); err != nil {
		return nil, nil, templateError(err)
	}
	return d, d.template, d.check()
}

// unexpanded is what can be said of a template whose transforms have not been run: its resources may be of types, and
// refer to resources, that only these know.
func unexpanded(doc map[string]any) (*template.Template, error) {
	t := &template.Template{Doc: doc, Metadata: doc["Metadata"], Resources: map[string]*template.Resource{}}
	var err error
	if t.Parameters, err = template.ReadParameters(doc); err != nil {
		return nil, templateError(err)
	}
	t.Description, _ = doc["Description"].(string)
	resources, _ := doc["Resources"].(map[string]any)
	if len(resources) == 0 {
		return nil, invalid("Template format error: At least one Resources member must be defined.")
	}
	for id, v := range resources {
		m, _ := v.(map[string]any)
		r := &template.Resource{Name: id}
		r.Type, _ = m["Type"].(string)
		r.Properties, _ = m["Properties"].(map[string]any)
		t.Resources[id] = r
	}
	return t, nil
}

// needs are the capabilities that a template needs, and why.
func needs(d *definition) ([]Capability, *string) {
	needed, types := d.capabilities()
	if len(d.transforms) > 0 {
		needed, types = append(needed, CapabilityCapabilityAutoExpand), append(types, d.transforms...)
	}
	if len(needed) == 0 {
		return nil, nil
	}
	return needed, new("The following resource(s) require capabilities: [" + strings.Join(types, ", ") + "]")
}

// GetTemplateSummary says what a template holds, which may be that of a stack.
func (s *Service) GetTemplateSummary(ctx context.Context, in *GetTemplateSummaryInput) (*GetTemplateSummaryOutput, error) {
	from := source{body: in.TemplateBody, url: in.TemplateURL}
	if in.StackSetName != nil {
		return nil, StackSetNotFoundException("StackSet %s not found", *in.StackSetName)
	}
	if in.StackName != nil {
		st, err := s.stack(ctx, *in.StackName)
		if err != nil {
			return nil, err
		}
		from.body = new(string(st.Now.Body))
	}
	d, t, err := s.looked(ctx, from)
	if err != nil {
		return nil, err
	}
	out := &GetTemplateSummaryOutput{
		Parameters: []ParameterDeclaration{}, Description: nonEmpty(t.Description), ResourceTypes: []string{}, Version: new("2010-09-09"),
		DeclaredTransforms: d.transforms,
	}
	out.Capabilities, out.CapabilitiesReason = needs(d)
	for _, key := range sorted(t.Parameters) {
		p := t.Parameters[key]
		out.Parameters = append(out.Parameters, ParameterDeclaration{
			ParameterKey: &key, DefaultValue: p.Default, ParameterType: &p.Type, NoEcho: &p.NoEcho, Description: nonEmpty(p.Description),
			ParameterConstraints: &ParameterConstraints{AllowedValues: p.AllowedValues},
		})
	}
	for _, id := range sorted(t.Resources) {
		if kind := t.Resources[id].Type; !slices.Contains(out.ResourceTypes, kind) {
			out.ResourceTypes = append(out.ResourceTypes, kind)
		}
	}
	slices.Sort(out.ResourceTypes)
	if t.Metadata != nil {
		if b, err := json.Marshal(t.Metadata); err == nil {
			out.Metadata = new(string(b))
		}
	}
	return out, nil
}
