package resource

import (
	"context"
	"fmt"
	"strings"

	"furl/internal/s3"
)

// What S3's errors are called that have a meaning here.
const (
	s3NoBucket = "NoSuchBucket"
	s3NoPolicy = "NoSuchBucketPolicy"
	s3Owned    = "BucketAlreadyOwnedByYou"
)

// bucket is AWS::S3::Bucket. Ref is the name. A bucket that holds objects is not deleted.
func bucket() *Type {
	return &Type{
		Name:       "AWS::S3::Bucket",
		Properties: bucketProperties(),
		Create:     createBucket,
		Update:     updateBucket,
		Delete: func(ctx context.Context, r *Request) error {
			return do(ctx, r, "s3", "DeleteBucket", &s3.BucketRequest{Bucket: r.PhysicalID}, s3NoBucket)
		},
		Attributes: []string{"Arn", "DomainName", "DualStackDomainName", "RegionalDomainName", "WebsiteURL"},
	}
}

// plainBucket refuses what buckets here do not have.
func plainBucket(p map[string]any) error {
	if err := notOffered("AWS::S3::Bucket", p, bucketLacks()...); err != nil {
		return err
	}
	if acl := text(p["AccessControl"]); acl != "" && acl != "Private" && acl != "BucketOwnerFullControl" {
		return fmt.Errorf("furl does not offer the value %s of the property AccessControl of AWS::S3::Bucket", acl)
	}
	if locked, _ := boolOf(p["ObjectLockEnabled"]); locked {
		return fmt.Errorf("furl does not offer the property ObjectLockEnabled of AWS::S3::Bucket")
	}
	for _, rule := range objects(object(p["LifecycleConfiguration"])["Rules"]) {
		if err := notOffered("AWS::S3::Bucket", rule, "NoncurrentVersionTransition", "NoncurrentVersionTransitions", "Transition", "Transitions"); err != nil {
			return err
		}
	}
	return nil
}

// bucketName is the name that is given, else a generated one, as buckets can have it.
func bucketName(r *Request) string {
	if name := text(r.Properties["BucketName"]); name != "" {
		return name
	}
	return strings.ToLower(r.Name(63))
}

// bucketResult has the names that AWS gives a bucket's addresses, which templates take apart; this server's own are others.
func bucketResult(r *Request, name string) *Result {
	return &Result{PhysicalID: name, Attributes: map[string]any{
		"Arn":                 "arn:" + r.Partition + ":s3:::" + name,
		"DomainName":          name + ".s3.amazonaws.com",
		"DualStackDomainName": name + ".s3.dualstack." + r.Region + ".amazonaws.com",
		"RegionalDomainName":  name + ".s3." + r.Region + ".amazonaws.com",
		"WebsiteURL":          "http://" + name + ".s3-website-" + r.Region + ".amazonaws.com",
	}}
}

func createBucket(ctx context.Context, r *Request) (*Result, error) {
	p := normalizeMembers(bucketProperties(), r.Properties)
	if err := plainBucket(p); err != nil {
		return nil, err
	}
	name := bucketName(r)
	err := do(ctx, r, "s3", "CreateBucket", &s3.CreateBucketRequest{Bucket: name, ObjectOwnership: ownershipOf(p), Tags: ownTags(p, r.Tags)})
	if err != nil && !(r.Again && codeOf(err) == s3Owned) {
		return nil, err
	}
	return bucketResult(r, name), setBucket(ctx, r, name, nil, p)
}

func updateBucket(ctx context.Context, r *Request) (*Result, error) {
	old, next := normalizeMembers(bucketProperties(), r.Old), normalizeMembers(bucketProperties(), r.Properties)
	name, result := r.PhysicalID, bucketResult(r, r.PhysicalID)
	if err := plainBucket(next); err != nil {
		return result, err
	}
	if err := setBucket(ctx, r, name, old, next); err != nil {
		return result, err
	}
	if was, wants := ownershipOf(old), ownershipOf(next); was != wants {
		operation, in := "PutBucketOwnershipControls", any(&s3.PutBucketOwnershipControlsRequest{Bucket: name, ObjectOwnership: wants})
		if wants == "" {
			operation, in = "DeleteBucketOwnershipControls", &s3.BucketRequest{Bucket: name}
		}
		if err := do(ctx, r, "s3", operation, in); err != nil {
			return result, err
		}
	}
	was, wants := ownTags(old, r.OldTags), ownTags(next, r.Tags)
	switch {
	case same(was, wants):
		return result, nil
	case len(wants) == 0:
		return result, do(ctx, r, "s3", "DeleteBucketTagging", &s3.BucketRequest{Bucket: name})
	}
	return result, do(ctx, r, "s3", "PutBucketTagging", &s3.PutBucketTaggingRequest{Bucket: name, Tags: wants})
}

func ownershipOf(p map[string]any) string {
	for _, rule := range objects(object(p["OwnershipControls"])["Rules"]) {
		return text(rule["ObjectOwnership"])
	}
	return ""
}

// setBucket sets what differs of a bucket's versioning, encryption, public access and lifecycle. Old is nil for a new one.
func setBucket(ctx context.Context, r *Request, name string, old, next map[string]any) error {
	for _, setting := range []struct {
		property, remove string
		put              func(ctx context.Context, r *Request, name string, v map[string]any) error
	}{
		{"VersioningConfiguration", "", putVersioning},
		{"BucketEncryption", "DeleteBucketEncryption", putEncryption},
		{"PublicAccessBlockConfiguration", "DeletePublicAccessBlock", putAccessBlock},
		{"LifecycleConfiguration", "DeleteBucketLifecycle", putLifecycle},
	} {
		was, wants := old[setting.property], object(next[setting.property])
		var err error
		switch {
		case was == nil && wants == nil || was != nil && alike(was, wants):
			continue
		case wants == nil && setting.remove != "":
			err = do(ctx, r, "s3", setting.remove, &s3.BucketRequest{Bucket: name})
		default:
			err = setting.put(ctx, r, name, wants)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// putVersioning sets versioning; what was on cannot be taken away, but suspended.
func putVersioning(ctx context.Context, r *Request, name string, v map[string]any) error {
	in := &s3.PutBucketVersioningRequest{Bucket: name, Status: text(v["Status"])}
	if in.Status == "" {
		in.Status = s3.VersioningSuspended
	}
	return do(ctx, r, "s3", "PutBucketVersioning", in)
}

func putEncryption(ctx context.Context, r *Request, name string, v map[string]any) error {
	in := &s3.PutBucketEncryptionRequest{Bucket: name}
	for _, rule := range objects(v["ServerSideEncryptionConfiguration"]) {
		by := object(rule["ServerSideEncryptionByDefault"])
		keyed, _ := boolOf(rule["BucketKeyEnabled"])
		in.Rules = append(in.Rules, s3.EncryptionRule{SSEAlgorithm: text(by["SSEAlgorithm"]), KMSMasterKeyID: text(by["KMSMasterKeyID"]), BucketKeyEnabled: keyed})
	}
	return do(ctx, r, "s3", "PutBucketEncryption", in)
}

func putAccessBlock(ctx context.Context, r *Request, name string, v map[string]any) error {
	in := &s3.PutPublicAccessBlockRequest{Bucket: name}
	in.Block.BlockPublicAcls, _ = boolOf(v["BlockPublicAcls"])
	in.Block.BlockPublicPolicy, _ = boolOf(v["BlockPublicPolicy"])
	in.Block.IgnorePublicAcls, _ = boolOf(v["IgnorePublicAcls"])
	in.Block.RestrictPublicBuckets, _ = boolOf(v["RestrictPublicBuckets"])
	return do(ctx, r, "s3", "PutPublicAccessBlock", in)
}
