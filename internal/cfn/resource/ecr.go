package resource

import (
	"context"
	"strings"
)

// ecrRepository is AWS::ECR::Repository, for the stack that cdk bootstrap makes: a name and an ARN, which are in the stack
// alone. There is no registry here, and nothing takes or gives images. Ref is the name.
func ecrRepository() *Type {
	keep := func(_ context.Context, r *Request) (*Result, error) {
		name := r.PhysicalID
		if name == "" {
			name = strings.ToLower(nameOr(r, r.Properties["RepositoryName"], 256))
		}
		return &Result{PhysicalID: name, Attributes: map[string]any{
			"Arn":           "arn:" + r.Partition + ":ecr:" + r.Region + ":" + r.Account + ":repository/" + name,
			"RepositoryUri": r.Account + ".dkr.ecr." + r.Region + ".amazonaws.com/" + name,
		}}, nil
	}
	return &Type{
		Name:       "AWS::ECR::Repository",
		Properties: ecrRepositoryProperties(),
		Create:     keep,
		Update:     keep,
		Delete:     func(context.Context, *Request) error { return nil },
		Attributes: []string{"Arn", "RepositoryUri"},
	}
}
