package s3

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"furl/internal/store"
)

// maxBuckets is how many buckets an account may have; AWS begins with 10,000.
const maxBuckets = 1000

// CreateBucket makes a bucket. In us-east-1 one that the caller's account has already is made again, which changes
// nothing, as on AWS.
func (s *Service) CreateBucket(ctx context.Context, in *CreateBucketRequest) (*CreateBucketResponse, error) {
	if !validBucket(in.Bucket) {
		return nil, failure(400, "InvalidBucketName", "The specified bucket is not valid.").WithMember("BucketName", in.Bucket)
	}
	if err := s.allowAccount(ctx, "CreateBucket", bucketARN(in.Bucket)); err != nil {
		return nil, err
	}
	if err := checkOwnership(in.ObjectOwnership); in.ObjectOwnership != "" && err != nil {
		return nil, err
	}
	if in.LocationConstraint != "" && in.LocationConstraint != s.o.Region {
		return nil, failure(400, "IllegalLocationConstraintException",
			"The %s location constraint is incompatible for the region specific endpoint this request was sent to.", in.LocationConstraint)
	}
	if err := checkTags(in.Tags, maxBucketTags); err != nil {
		return nil, err
	}
	mine := 0
	for _, b := range s.all() {
		if rec, _ := b.record(); rec.Account == account(ctx) {
			mine++
		}
	}
	if mine >= maxBuckets {
		return nil, failure(400, "TooManyBuckets", "You have attempted to create more buckets than allowed")
	}
	all := PublicAccessBlock{true, true, true, true}
	rec := &Bucket{
		V: schema, Name: in.Bucket, Account: account(ctx), Region: s.o.Region, Created: s.o.Now().UTC(),
		Ownership: or(in.ObjectOwnership, ownerEnforced), PublicAccess: &all, Tags: in.Tags,
	}
	out := &CreateBucketResponse{Location: "/" + in.Bucket, BucketArn: rec.ARN()}
	made, err := s.create(ctx, rec)
	if err != nil || made {
		return out, err
	}
	b, err := s.find(in.Bucket)
	if err != nil {
		return nil, operationAborted()
	}
	switch rec, _ := b.record(); {
	case rec.Account != account(ctx):
		return nil, failure(409, "BucketAlreadyExists", "The requested bucket name is not available. The bucket namespace is shared by all users "+
			"of the system. Please select a different name and try again.").WithMember("BucketName", in.Bucket)
	case s.o.Region == classicRegion:
		return out, nil
	}
	return nil, failure(409, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it.").
		WithMember("BucketName", in.Bucket)
}

// create stores a bucket's record; made is false when there is one.
func (s *Service) create(ctx context.Context, rec *Bucket) (made bool, err error) {
	b, err := newBucket(rec)
	if err != nil {
		return false, err
	}
	op, err := put(rec.key(), rec)
	if err != nil {
		return false, err
	}
	txn := store.Txn{If: []store.Cond{{Key: rec.key(), Rev: store.Absent}}, Do: []store.Op{op}}
	_, err = s.store.Commit(context.WithoutCancel(ctx), txn)
	if errors.Is(err, store.ErrConflict) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buckets[rec.Name] = b
	return true, nil
}

// classicRegion is the region whose name no bucket's location has.
const classicRegion = "us-east-1"

// validBucket holds for the names that S3 allows ("Bucket naming rules").
func validBucket(name string) bool {
	if len(name) < 3 || len(name) > 63 || strings.Contains(name, "..") {
		return false
	}
	for i := range len(name) {
		c := name[i]
		letter := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		if !letter && (c != '-' && c != '.' || i == 0 || i == len(name)-1) {
			return false
		}
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return false
	}
	for _, prefix := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	for _, suffix := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		if strings.HasSuffix(name, suffix) {
			return false
		}
	}
	return true
}

// HeadBucket says whether there is a bucket that the caller may list.
func (s *Service) HeadBucket(ctx context.Context, in *BucketRequest) error {
	b, err := s.find(in.Bucket)
	if err != nil {
		return err
	}
	return s.allowBucket(ctx, "ListBucket", b)
}

// GetBucket returns a bucket's record.
func (s *Service) GetBucket(ctx context.Context, in *BucketRequest) (*GetBucketResponse, error) {
	b, err := s.find(in.Bucket)
	if err != nil {
		return nil, err
	}
	rec, _ := b.record()
	return &GetBucketResponse{rec}, s.allowBucket(ctx, "ListBucket", b)
}

// ListBuckets lists the caller's buckets.
func (s *Service) ListBuckets(ctx context.Context) (*ListBucketsResponse, error) {
	if err := s.allowAccount(ctx, "ListAllMyBuckets", "*"); err != nil {
		return nil, err
	}
	out := &ListBucketsResponse{}
	for _, b := range s.all() {
		if rec, _ := b.record(); rec.Account == account(ctx) {
			out.Buckets = append(out.Buckets, rec)
		}
	}
	return out, nil
}

// DeleteBucket removes a bucket that is empty: without versions, delete markers and, where there are none of these,
// whatever uploads have begun.
func (s *Service) DeleteBucket(ctx context.Context, in *BucketRequest) error {
	b, err := s.find(in.Bucket)
	if err != nil {
		return err
	}
	if err := s.allowBucket(ctx, "DeleteBucket", b); err != nil {
		return err
	}
	release, err := s.take(ctx, b)
	if err != nil {
		return err
	}
	defer release()
	if b.hasKeys() {
		rec, _ := b.record()
		text := "The bucket you tried to delete is not empty"
		if rec.Versioning != "" {
			text += ". You must delete all versions in the bucket."
		}
		return failure(409, "BucketNotEmpty", "%s", text).WithMember("BucketName", in.Bucket)
	}
	err = s.commit(ctx, b, store.Op{Key: bucketPrefix + in.Bucket}, prefixed(versionPrefix+in.Bucket+"/"),
		prefixed(uploadPrefix+in.Bucket+"/"), prefixed(partPrefix+in.Bucket+"/"))
	if err != nil {
		return err
	}
	s.forget(b, in.Bucket)
	return nil
}

func prefixed(key string) store.Op { return store.Op{Key: key, Prefix: true} }

// change has edit change a copy of a bucket's record, for a caller who may do action.
func (s *Service) change(ctx context.Context, name, action string, edit func(*Bucket) error) error {
	b, err := s.find(name)
	if err != nil {
		return err
	}
	if err := s.allowBucket(ctx, action, b); err != nil {
		return err
	}
	release, err := s.take(ctx, b)
	if err != nil {
		return err
	}
	defer release()
	rec, _ := b.record()
	next := *rec
	if err := edit(&next); err != nil {
		return err
	}
	op, err := put(next.key(), &next)
	if err != nil {
		return err
	}
	if len(op.Val) > store.MaxVal {
		return failure(400, "EntityTooLarge", "The bucket's settings are too large together.")
	}
	if err := s.commit(ctx, b, op); err != nil {
		return err
	}
	return b.setRecord(&next)
}

// setting is a setting's bucket, for a caller who may do action.
func (s *Service) setting(ctx context.Context, name, action string) (*Bucket, error) {
	b, err := s.find(name)
	if err != nil {
		return nil, err
	}
	if err := s.allowBucket(ctx, action, b); err != nil {
		return nil, err
	}
	rec, _ := b.record()
	return rec, nil
}
