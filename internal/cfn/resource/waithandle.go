package resource

import (
	"context"
	"net/url"
)

// waitConditionHandle is AWS::CloudFormation::WaitConditionHandle. There are no wait conditions here, so nothing is ever
// sent to a handle's address: it serves as what templates mostly use it for, a resource that does nothing. Ref is the address.
func waitConditionHandle() *Type {
	return &Type{
		Name:       "AWS::CloudFormation::WaitConditionHandle",
		Properties: map[string]Property{},
		Create: func(_ context.Context, r *Request) (*Result, error) {
			return &Result{PhysicalID: "https://cloudformation-waitcondition-" + r.Region + ".s3.amazonaws.com/" + url.PathEscape(r.StackID+"/"+r.Suffix+"/"+r.LogicalID)}, nil
		},
		Delete: func(context.Context, *Request) error { return nil },
	}
}
