package s3

import (
	"context"
	"io"
	"time"
)

// The operations that other services of this process call, with their inputs: the stacks that make buckets, Lambda that
// reads code. Each judges the caller in ctx as for a request from the network. Errors are *awsapi.Error with S3's codes.
// Members have the names of the API; text is plain, not a pointer, and empty where it is not given.

// CreateBucketRequest is the input of CreateBucket.
type CreateBucketRequest struct {
	Bucket string
	// LocationConstraint may be left empty for calls in this process: then it is this server's region.
	LocationConstraint string
	// ObjectOwnership is empty for BucketOwnerEnforced.
	ObjectOwnership string
	// Tags are given to the bucket as it is made.
	Tags map[string]string
}

// CreateBucketResponse is its output.
type CreateBucketResponse struct{ Location, BucketArn string }

// BucketRequest is the input of the operations that need a bucket's name alone: HeadBucket, DeleteBucket,
// GetBucketLocation, and the Get… and Delete… of a bucket's settings.
type BucketRequest struct{ Bucket string }

// ListBucketsResponse is the output of ListBuckets, whose input is a BucketRequest without a name: the caller's buckets by
// name.
type ListBucketsResponse struct{ Buckets []*Bucket }

// PutBucketVersioningRequest is the input of PutBucketVersioning. Status is VersioningEnabled or VersioningSuspended.
type PutBucketVersioningRequest struct{ Bucket, Status string }

// PutBucketEncryptionRequest is the input of PutBucketEncryption.
type PutBucketEncryptionRequest struct {
	Bucket string
	Rules  []EncryptionRule
}

// EncryptionRule is how a bucket's objects are said to be encrypted.
type EncryptionRule struct {
	// SSEAlgorithm is AES256 or aws:kms.
	SSEAlgorithm string `json:"algorithm"`
	// KMSMasterKeyID is empty, or alias/aws/s3: there are no other keys here.
	KMSMasterKeyID   string `json:"key,omitempty"`
	BucketKeyEnabled bool   `json:"bucketKey,omitempty"`
}

// PutPublicAccessBlockRequest is the input of PutPublicAccessBlock.
type PutPublicAccessBlockRequest struct {
	Bucket string
	Block  PublicAccessBlock
}

// PublicAccessBlock says what of public access is refused. A bucket begins with all of it.
type PublicAccessBlock struct {
	BlockPublicAcls       bool `json:"blockPublicAcls" xml:"BlockPublicAcls"`
	IgnorePublicAcls      bool `json:"ignorePublicAcls" xml:"IgnorePublicAcls"`
	BlockPublicPolicy     bool `json:"blockPublicPolicy" xml:"BlockPublicPolicy"`
	RestrictPublicBuckets bool `json:"restrictPublicBuckets" xml:"RestrictPublicBuckets"`
}

// PutBucketOwnershipControlsRequest is the input of PutBucketOwnershipControls. ObjectOwnership is BucketOwnerEnforced,
// BucketOwnerPreferred or ObjectWriter; objects belong to the bucket's owner with each of them.
type PutBucketOwnershipControlsRequest struct{ Bucket, ObjectOwnership string }

// PutBucketLifecycleConfigurationRequest is the input of PutBucketLifecycleConfiguration.
type PutBucketLifecycleConfigurationRequest struct {
	Bucket string
	Rules  []LifecycleRule
}

// LifecycleRule says when objects end. Numbers are 0 where a rule does not say; there are no transitions, since there is one
// storage class.
type LifecycleRule struct {
	ID      string `json:"id,omitempty"`
	Enabled bool   `json:"enabled"`
	// Prefix, Tags and the sizes choose the objects.
	Prefix                string            `json:"prefix,omitempty"`
	Tags                  map[string]string `json:"tags,omitempty"`
	ObjectSizeGreaterThan *int64            `json:"larger,omitempty"`
	ObjectSizeLessThan    *int64            `json:"smaller,omitempty"`
	// ExpirationDays or ExpirationDate end the current version.
	ExpirationDays int        `json:"days,omitempty"`
	ExpirationDate *time.Time `json:"date,omitempty"`
	// ExpiredObjectDeleteMarker removes delete markers that are all that is left.
	ExpiredObjectDeleteMarker bool `json:"markers,omitempty"`
	// NoncurrentDays end versions so long after they were replaced, but for the NewerNoncurrentVersions newest.
	NoncurrentDays          int `json:"noncurrentDays,omitempty"`
	NewerNoncurrentVersions int `json:"newer,omitempty"`
	// DaysAfterInitiation end multipart uploads.
	DaysAfterInitiation int `json:"abortDays,omitempty"`
}

// PutBucketTaggingRequest is the input of PutBucketTagging.
type PutBucketTaggingRequest struct {
	Bucket string
	Tags   map[string]string
}

// PutBucketPolicyRequest is the input of PutBucketPolicy. Policy is the JSON document.
type PutBucketPolicyRequest struct{ Bucket, Policy string }

// GetBucketPolicyResponse is the output of GetBucketPolicy.
type GetBucketPolicyResponse struct{ Policy string }

// GetBucketResponse is the output of GetBucket, which is no operation of S3: a bucket's record, for s3:ListBucket. It
// must not be changed.
type GetBucketResponse struct{ Bucket *Bucket }

// GetObjectRequest is the input of GetObject. VersionID is empty for the current version.
type GetObjectRequest struct{ Bucket, Key, VersionID string }

// GetObjectResponse is the output of GetObject; Body is to be closed.
type GetObjectResponse struct {
	Body      io.ReadCloser
	Size      int64
	ETag      string
	VersionID string // empty in a bucket without versioning
}

// Call carries out an operation for the caller in ctx. In is a pointer to the operation's input, out to its output: those
// of this file, nil for operations without one. An unknown operation is an error.
func (s *Service) Call(ctx context.Context, operation string, in any) (out any, err error) {
	out, err = s.call(ctx, operation, in)
	if err := s.recorded(ctx, operation, err); err != nil {
		return nil, err
	}
	return out, nil
}

// recorded writes the audit record of a call in this process, and returns the error that the caller is told.
func (s *Service) recorded(ctx context.Context, operation string, err error) error {
	if err == nil {
		s.record(ctx, event{operation: operation, status: 200})
		return nil
	}
	told, _ := s.told(err)
	s.record(ctx, event{operation: operation, status: told.Status, err: err})
	return told
}

func (s *Service) call(ctx context.Context, operation string, in any) (any, error) {
	switch in := in.(type) {
	case *CreateBucketRequest:
		return s.CreateBucket(ctx, in)
	case *PutBucketVersioningRequest:
		return nil, s.PutBucketVersioning(ctx, in)
	case *PutBucketEncryptionRequest:
		return nil, s.PutBucketEncryption(ctx, in)
	case *PutPublicAccessBlockRequest:
		return nil, s.PutPublicAccessBlock(ctx, in)
	case *PutBucketOwnershipControlsRequest:
		return nil, s.PutBucketOwnershipControls(ctx, in)
	case *PutBucketLifecycleConfigurationRequest:
		return nil, s.PutBucketLifecycleConfiguration(ctx, in)
	case *PutBucketTaggingRequest:
		return nil, s.PutBucketTagging(ctx, in)
	case *PutBucketPolicyRequest:
		return nil, s.PutBucketPolicy(ctx, in)
	case *GetObjectRequest:
		return s.GetObject(ctx, in)
	case *BucketRequest:
		return s.callNamed(ctx, operation, in)
	}
	return nil, notImplemented(operation)
}

func (s *Service) callNamed(ctx context.Context, operation string, in *BucketRequest) (any, error) {
	switch operation {
	case "ListBuckets":
		return s.ListBuckets(ctx)
	case "HeadBucket":
		return nil, s.HeadBucket(ctx, in)
	case "GetBucket":
		return s.GetBucket(ctx, in)
	case "DeleteBucket":
		return nil, s.DeleteBucket(ctx, in)
	case "GetBucketPolicy":
		return s.GetBucketPolicy(ctx, in)
	case "DeleteBucketPolicy", "DeleteBucketEncryption", "DeletePublicAccessBlock", "DeleteBucketOwnershipControls",
		"DeleteBucketLifecycle", "DeleteBucketTagging":
		return nil, s.deleteSetting(ctx, operation, in)
	}
	return nil, notImplemented(operation)
}
