package resource

import (
	"context"

	"furl/internal/s3"
)

// bucketPolicy is AWS::S3::BucketPolicy. Ref is the bucket's name.
func bucketPolicy() *Type {
	return &Type{
		Name: "AWS::S3::BucketPolicy",
		Properties: map[string]Property{
			"Bucket":         {Kind: Text, Required: true, CreateOnly: true},
			"PolicyDocument": {Kind: JSON, Required: true},
		},
		Create: createBucketPolicy,
		Update: putBucketPolicy,
		Delete: func(ctx context.Context, r *Request) error {
			return do(ctx, r, "s3", "DeleteBucketPolicy", &s3.BucketRequest{Bucket: r.PhysicalID}, s3NoBucket, s3NoPolicy)
		},
	}
}

func createBucketPolicy(ctx context.Context, r *Request) (*Result, error) {
	name := text(r.Properties["Bucket"])
	if !r.Again { // the operation would overwrite one that is there
		err := do(ctx, r, "s3", "GetBucketPolicy", &s3.BucketRequest{Bucket: name})
		if err == nil {
			return nil, refuse("The bucket policy already exists on bucket %s.", name)
		}
		if codeOf(err) != s3NoPolicy {
			return nil, err
		}
	}
	result, err := putBucketPolicy(ctx, r)
	if err != nil {
		return nil, err
	}
	return result, nil
}

func putBucketPolicy(ctx context.Context, r *Request) (*Result, error) {
	result := &Result{PhysicalID: text(r.Properties["Bucket"])}
	document, err := documentText(r.Properties["PolicyDocument"])
	if err != nil {
		return result, err
	}
	return result, do(ctx, r, "s3", "PutBucketPolicy", &s3.PutBucketPolicyRequest{Bucket: result.PhysicalID, Policy: document})
}
