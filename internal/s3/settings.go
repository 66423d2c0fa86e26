package s3

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"furl/internal/policy"
)

// Values of Bucket.Ownership.
const (
	ownerEnforced  = "BucketOwnerEnforced"
	ownerPreferred = "BucketOwnerPreferred"
	objectWriter   = "ObjectWriter"
)

// Encryption algorithms.
const (
	sseS3  = "AES256"
	sseKMS = "aws:kms"
)

// Limits of settings.
const (
	maxBucketTags = 50
	maxObjectTags = 10
	maxPolicy     = 20 << 10 // bytes
	maxRules      = 1000
)

// PutBucketVersioning begins or suspends versioning.
func (s *Service) PutBucketVersioning(ctx context.Context, in *PutBucketVersioningRequest) error {
	return s.change(ctx, in.Bucket, "PutBucketVersioning", func(b *Bucket) error {
		if in.Status != VersioningEnabled && in.Status != VersioningSuspended {
			return malformedXML()
		}
		b.Versioning = in.Status
		return nil
	})
}

// PutBucketEncryption keeps what a bucket's encryption is said to be.
func (s *Service) PutBucketEncryption(ctx context.Context, in *PutBucketEncryptionRequest) error {
	return s.change(ctx, in.Bucket, "PutEncryptionConfiguration", func(b *Bucket) error {
		if len(in.Rules) != 1 {
			return malformedXML()
		}
		switch r := in.Rules[0]; {
		case r.SSEAlgorithm != sseS3 && r.SSEAlgorithm != sseKMS && r.SSEAlgorithm != "aws:kms:dsse":
			return malformedXML()
		case r.SSEAlgorithm == "aws:kms:dsse":
			return notImplemented("SSEAlgorithm aws:kms:dsse")
		case r.SSEAlgorithm == sseS3 && r.KMSMasterKeyID != "":
			return invalidArgument("ApplyServerSideEncryptionByDefault", r.KMSMasterKeyID,
				"a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse")
		case !ownKey(r.KMSMasterKeyID):
			return notImplemented("KMSMasterKeyID")
		}
		b.Encryption = slices.Clone(in.Rules)
		return nil
	})
}

// ownKey holds for the key of S3 itself, which is no key that somebody could look at.
func ownKey(id string) bool {
	return id == "" || id == "alias/aws/s3" || strings.HasSuffix(id, ":alias/aws/s3")
}

// sse is what the objects of a bucket are said to be encrypted with.
func (b *Bucket) sse() string {
	if len(b.Encryption) > 0 {
		return b.Encryption[0].SSEAlgorithm
	}
	return sseS3
}

// PutPublicAccessBlock sets what of public access is refused.
func (s *Service) PutPublicAccessBlock(ctx context.Context, in *PutPublicAccessBlockRequest) error {
	return s.change(ctx, in.Bucket, "PutBucketPublicAccessBlock", func(b *Bucket) error {
		block := in.Block
		b.PublicAccess = &block
		return nil
	})
}

// PutBucketOwnershipControls sets who owns objects, which is the bucket's owner in any case here.
func (s *Service) PutBucketOwnershipControls(ctx context.Context, in *PutBucketOwnershipControlsRequest) error {
	return s.change(ctx, in.Bucket, "PutBucketOwnershipControls", func(b *Bucket) error {
		b.Ownership = in.ObjectOwnership
		return checkOwnership(in.ObjectOwnership)
	})
}

func checkOwnership(ownership string) error {
	switch ownership {
	case ownerEnforced, ownerPreferred, objectWriter:
		return nil
	}
	return malformedXML()
}

// PutBucketTagging replaces a bucket's tags.
func (s *Service) PutBucketTagging(ctx context.Context, in *PutBucketTaggingRequest) error {
	return s.change(ctx, in.Bucket, "PutBucketTagging", func(b *Bucket) error {
		b.Tags = in.Tags
		return checkTags(in.Tags, maxBucketTags)
	})
}

// checkTags refuses tags that S3 does not take.
func checkTags(tags map[string]string, most int) error {
	if len(tags) > most {
		if most == maxObjectTags {
			return failure(400, "BadRequest", "Object tags cannot be greater than %d", most)
		}
		return failure(400, "BadRequest", "Bucket tag count cannot be greater than %d", most)
	}
	for key, value := range tags {
		switch {
		case key == "" || utf8.RuneCountInString(key) > 128 || !taggable(key):
			return failure(400, "InvalidTag", "The TagKey you have provided is invalid").WithMember("TagKey", key)
		case utf8.RuneCountInString(value) > 256 || !taggable(value):
			return failure(400, "InvalidTag", "The TagValue you have provided is invalid").WithMember("TagKey", key).WithMember("TagValue", value)
		}
	}
	return nil
}

func taggable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' })
}

// PutBucketPolicy replaces a bucket's policy, which speaks of this bucket only.
func (s *Service) PutBucketPolicy(ctx context.Context, in *PutBucketPolicyRequest) error {
	return s.change(ctx, in.Bucket, "PutBucketPolicy", func(b *Bucket) error {
		if len(in.Policy) > maxPolicy {
			return invalidArgument("policy", "", "Policies must not be larger than %d bytes", maxPolicy)
		}
		parsed, err := policy.Parse([]byte(in.Policy), policy.Resource)
		if err != nil {
			if syntax, ok := errors.AsType[*policy.SyntaxError](err); ok {
				return failure(400, "MalformedPolicy", "%s", syntax.Error())
			}
			return err
		}
		if err := checkStatements(in.Policy, b.ARN()); err != nil {
			return err
		}
		ids, err := s.principalIDs(parsed)
		if err != nil {
			return err
		}
		if b.PublicAccess != nil && b.PublicAccess.BlockPublicPolicy && isPublic(in.Policy) {
			return accessDenied("User: %s is not authorized to perform: s3:PutBucketPolicy on resource: \"%s\" because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.",
				callerARN(ctx), b.ARN())
		}
		b.Policy, b.PrincipalIDs = in.Policy, ids
		return nil
	})
}

// GetBucketPolicy shows a bucket's policy as it was written.
func (s *Service) GetBucketPolicy(ctx context.Context, in *BucketRequest) (*GetBucketPolicyResponse, error) {
	b, err := s.setting(ctx, in.Bucket, "GetBucketPolicy")
	if err != nil {
		return nil, err
	}
	if b.Policy == "" {
		return nil, failure(404, "NoSuchBucketPolicy", "The bucket policy does not exist").WithMember("BucketName", in.Bucket)
	}
	return &GetBucketPolicyResponse{b.Policy}, nil
}

// deleteSetting takes a setting away; that there is none is no error.
func (s *Service) deleteSetting(ctx context.Context, operation string, in *BucketRequest) error {
	switch operation {
	case "DeleteBucketPolicy":
		return s.change(ctx, in.Bucket, operation, func(b *Bucket) error { b.Policy, b.PrincipalIDs = "", nil; return nil })
	case "DeleteBucketEncryption":
		return s.change(ctx, in.Bucket, "PutEncryptionConfiguration", func(b *Bucket) error { b.Encryption = nil; return nil })
	case "DeletePublicAccessBlock":
		return s.change(ctx, in.Bucket, "PutBucketPublicAccessBlock", func(b *Bucket) error { b.PublicAccess = nil; return nil })
	case "DeleteBucketOwnershipControls":
		return s.change(ctx, in.Bucket, "PutBucketOwnershipControls", func(b *Bucket) error { b.Ownership = ""; return nil })
	case "DeleteBucketLifecycle":
		return s.change(ctx, in.Bucket, "PutLifecycleConfiguration", func(b *Bucket) error { b.Lifecycle = nil; return nil })
	case "DeleteBucketTagging":
		return s.change(ctx, in.Bucket, "PutBucketTagging", func(b *Bucket) error { b.Tags = nil; return nil })
	}
	return notImplemented(operation)
}
