package resource

import (
	"context"

	"furl/internal/lambda"
)

// lambdaAlias is AWS::Lambda::Alias. Ref is the alias's ARN. A change of the version moves all requests at once, whatever an
// UpdatePolicy says: there is no CodeDeploy.
func lambdaAlias() *Type {
	return &Type{
		Name:       "AWS::Lambda::Alias",
		Properties: lambdaAliasProperties(),
		Create:     createAlias,
		Update:     updateAlias,
		Delete: func(ctx context.Context, r *Request) error {
			in := &lambda.DeleteAliasRequest{FunctionName: text(r.Properties["FunctionName"]), Name: text(r.Properties["Name"])}
			return do(ctx, r, "lambda", "DeleteAlias", in, lambdaMissing)
		},
		Attributes: []string{"AliasArn"},
	}
}

func aliasResult(arn string) *Result {
	return &Result{PhysicalID: arn, Attributes: map[string]any{"AliasArn": arn}}
}

func createAlias(ctx context.Context, r *Request) (*Result, error) {
	p := normalizeMembers(lambdaAliasProperties(), r.Properties)
	in := &lambda.CreateAliasRequest{RoutingConfig: routing(p["RoutingConfig"])}
	if err := fill(in, p, "RoutingConfig", "ProvisionedConcurrencyConfig"); err != nil {
		return nil, err
	}
	out, err := invoke[lambda.AliasConfiguration](ctx, r, "lambda", "CreateAlias", in)
	if r.Again && codeOf(err) == lambdaConflict {
		out, err = invoke[lambda.AliasConfiguration](ctx, r, "lambda", "UpdateAlias", &lambda.UpdateAliasRequest{FunctionName: in.FunctionName, Name: in.Name,
			FunctionVersion: &in.FunctionVersion, Description: new(text(p["Description"])), RoutingConfig: orNoRouting(in.RoutingConfig)})
	}
	if err != nil {
		return nil, err
	}
	result := aliasResult(*out.AliasArn)
	if err := r.Save(result.PhysicalID); err != nil {
		return result, err
	}
	return result, provision(ctx, r, in.FunctionName, in.Name, nil, p["ProvisionedConcurrencyConfig"])
}

func updateAlias(ctx context.Context, r *Request) (*Result, error) {
	schema := lambdaAliasProperties()
	old, next := normalizeMembers(schema, r.Old), normalizeMembers(schema, r.Properties)
	result := aliasResult(r.PhysicalID)
	in := &lambda.UpdateAliasRequest{FunctionName: text(next["FunctionName"]), Name: text(next["Name"])}
	changed := false
	if !same(old["FunctionVersion"], next["FunctionVersion"]) {
		in.FunctionVersion, changed = optionalText(next["FunctionVersion"]), true
	}
	if !same(old["Description"], next["Description"]) {
		in.Description, changed = new(text(next["Description"])), true
	}
	if !same(old["RoutingConfig"], next["RoutingConfig"]) {
		in.RoutingConfig, changed = orNoRouting(routing(next["RoutingConfig"])), true
	}
	if changed {
		if err := do(ctx, r, "lambda", "UpdateAlias", in); err != nil {
			return result, err
		}
	}
	return result, provision(ctx, r, in.FunctionName, in.Name, old["ProvisionedConcurrencyConfig"], next["ProvisionedConcurrencyConfig"])
}

// routing is the property RoutingConfig, whose weights are a list in templates; nil if it is absent.
func routing(v any) *lambda.AliasRoutingConfiguration {
	config := object(v)
	if config == nil {
		return nil
	}
	out := &lambda.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}}
	for _, one := range objects(config["AdditionalVersionWeights"]) {
		weight, _ := floatOf(one["FunctionWeight"])
		out.AdditionalVersionWeights[text(one["FunctionVersion"])] = weight
	}
	return out
}

// orNoRouting takes weights away where none are wanted.
func orNoRouting(c *lambda.AliasRoutingConfiguration) *lambda.AliasRoutingConfiguration {
	if c == nil {
		return &lambda.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}}
	}
	return c
}
