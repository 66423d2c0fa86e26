package lambda

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"furl/internal/awsapi"
	"furl/internal/code"
)

// archive is where a request has a zip archive: in itself, or in a bucket.
type archive struct {
	zip                  []byte
	bucket, key, version *string
}

func (a *archive) inBucket() bool { return a.bucket != nil || a.key != nil || a.version != nil }

// check refuses a request that names no archive, or two. What it is for, a function or a layer, is part of the text.
func (a *archive) check(what string) error {
	switch {
	case len(a.zip) > 0 && a.inBucket():
		return InvalidParameterValueException("Please do not provide other FunctionCode parameters when providing a ZipFile.")
	case len(a.zip) == 0 && (value(a.bucket) == "" || value(a.key) == ""):
		return InvalidParameterValueException("Please provide a source for %s code.", what)
	}
	return nil
}

// deployment is an archive that was checked.
type deployment struct {
	// blob names it: its SHA-256 in hexadecimal.
	blob     string
	size     int64
	unzipped int64
	zip      []byte // nil for one that is kept already
}

// checkCode checks an archive.
func (s *Service) checkCode(ctx context.Context, a *archive) (*deployment, error) {
	if len(a.zip) > 0 {
		info, err := code.Check(bytes.NewReader(a.zip), int64(len(a.zip)), s.limits)
		if err != nil {
			return nil, codeError(err)
		}
		sum := sha256.Sum256(a.zip)
		return &deployment{hex.EncodeToString(sum[:]), int64(len(a.zip)), info.Unzipped, a.zip}, nil
	}
	// An archive in a bucket is bounded by what it unpacks to alone.
	limits := s.limits
	limits.Zipped = cmp.Or(limits.Unzipped, code.DefaultLimits().Unzipped)
	blob, size, err := s.fetch(ctx, a, limits.Zipped)
	if err != nil {
		return nil, err
	}
	info, err := s.checkBlob(ctx, blob, size, limits)
	if err != nil {
		return nil, codeError(err)
	}
	return &deployment{blob: blob, size: size, unzipped: info.Unzipped}, nil
}

// fetch makes a blob of an archive in a bucket, which the caller must be allowed to read.
func (s *Service) fetch(ctx context.Context, a *archive, most int64) (blob string, size int64, err error) {
	if s.object == nil {
		return "", 0, s3Error(a, &awsapi.Error{Code: "NoSuchBucket", Status: 404, Message: "The specified bucket does not exist"})
	}
	blob, size, err = s.object(ctx, *a.bucket, *a.key, value(a.version), most)
	if refused, ok := errors.AsType[*awsapi.Error](err); ok && refused.Status < 500 {
		if refused.Code == "EntityTooLarge" {
			return "", 0, InvalidParameterValueException("Unzipped size must be smaller than %d bytes", most)
		}
		return "", 0, s3Error(a, refused)
	}
	return blob, size, err
}

// s3Error words what S3 answered, as Lambda does.
func s3Error(a *archive, e *awsapi.Error) error {
	if e.Code == "AccessDenied" {
		return awsapi.AccessDenied("Your access has been denied by S3, please make sure your request credentials have permission to GetObject for %s/%s. "+
			"S3 Error Code: AccessDenied. S3 Error Message: %s", value(a.bucket), value(a.key), e.Message)
	}
	return InvalidParameterValueException("Error occurred while GetObject. S3 Error Code: %s. S3 Error Message: %s", e.Code, e.Message)
}

// checkBlob checks an archive that is kept. Blobs that are no files are read into memory.
func (s *Service) checkBlob(ctx context.Context, blob string, size int64, limits code.Limits) (code.Info, error) {
	if size == 0 {
		return code.Info{}, code.ErrEmpty
	}
	r, err := s.blobs.Open(ctx, blob)
	if err != nil {
		return code.Info{}, fmt.Errorf("lambda: open the deployment package: %w", err)
	}
	defer r.Close()
	at, ok := r.(io.ReaderAt)
	if !ok {
		zip, err := io.ReadAll(r)
		if err != nil {
			return code.Info{}, fmt.Errorf("lambda: read the deployment package: %w", err)
		}
		at = bytes.NewReader(zip)
	}
	return code.Check(at, size, limits)
}

// storeCode keeps an archive.
func (s *Service) storeCode(ctx context.Context, d *deployment) error {
	if d.zip == nil {
		return nil
	}
	if err := s.blobs.Put(ctx, d.blob, d.size, bytes.NewReader(d.zip)); err != nil {
		return fmt.Errorf("lambda: keep the deployment package: %w", err)
	}
	return nil
}
