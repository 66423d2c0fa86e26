package resource

import "context"

// cdkMetadata is AWS::CDK::Metadata: what an application of the CDK says of its own libraries. It is kept with the stack, and
// nothing is made of it.
func cdkMetadata() *Type {
	keep := func(_ context.Context, r *Request) (*Result, error) {
		if r.PhysicalID != "" {
			return &Result{PhysicalID: r.PhysicalID}, nil
		}
		return &Result{PhysicalID: r.Name(128)}, nil
	}
	return &Type{
		Name:       "AWS::CDK::Metadata",
		Properties: map[string]Property{"Analytics": {Kind: Text}, "Modules": {Kind: Text}},
		Create:     keep,
		Update:     keep,
		Delete:     func(context.Context, *Request) error { return nil },
	}
}
