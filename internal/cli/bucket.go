package cli

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"

	"furl/internal/awsapi"
	"furl/internal/sts"
)

// bucketClient is as much of a client of S3 as deploying needs.
type bucketClient struct{ config awsapi.ClientConfig }

// codeBucket is the name of the bucket that furl deploy keeps code in.
func codeBucket(account, region string) string { return "furl-deploy-" + account + "-" + region }

// ensureBucket makes the bucket for code unless it is there, and returns its name.
func (c *clients) ensureBucket(ctx context.Context) (string, error) {
	who, err := c.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityRequest{})
	if err != nil {
		return "", err
	}
	name := codeBucket(value(who.Account), c.info.Region)
	err = c.s3.send(ctx, http.MethodHead, "/"+name, nil)
	if !isStatus(err, http.StatusNotFound) {
		return name, err
	}
	var body []byte
	if c.info.Region != defaultRegion {
		body = []byte("<CreateBucketConfiguration><LocationConstraint>" + c.info.Region + "</LocationConstraint></CreateBucketConfiguration>")
	}
	err = c.s3.send(ctx, http.MethodPut, "/"+name, body)
	if isCode(err, "BucketAlreadyOwnedByYou") {
		err = nil
	}
	return name, err
}

// putOnce puts an object into a bucket unless one of this name is there.
func (b *bucketClient) putOnce(ctx context.Context, bucket, key string, body []byte) error {
	path := "/" + bucket + "/" + key
	if err := b.send(ctx, http.MethodHead, path, nil); !isStatus(err, http.StatusNotFound) {
		return err
	}
	return b.send(ctx, http.MethodPut, path, body)
}

// send sends a request for a path that needs no escaping and reads nothing but errors of the answer.
func (b *bucketClient) send(ctx context.Context, method, path string, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, method, b.config.Endpoint+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("cli: S3 request: %w", err)
	}
	if err := b.config.Sign(r, "s3", body); err != nil {
		return err
	}
	answer, err := b.config.HTTP.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 == 2 {
		return nil
	}
	var told struct{ Code, Message string }
	raw, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return err
	}
	if xml.Unmarshal(raw, &told) != nil || told.Code == "" {
		told.Code, told.Message = http.StatusText(answer.StatusCode), "S3: "+method+" "+path
	}
	return &awsapi.Error{Code: told.Code, Message: told.Message, Status: answer.StatusCode}
}
