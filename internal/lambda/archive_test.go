package lambda_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"furl/internal/awsapi"
	"furl/internal/lambda"
)

// bucket holds archives by their keys, with errors for others.
func bucket(archives map[string][]byte) func(*lambda.Options) {
	return func(o *lambda.Options) {
		blobs := o.Blobs
		o.Object = func(ctx context.Context, bucket, key, version string, _ int64) (string, int64, error) {
			zip, ok := archives[key+version]
			switch {
			case bucket != "tools":
				return "", 0, &awsapi.Error{Code: "NoSuchBucket", Status: 404, Message: "The specified bucket does not exist"}
			case key == "secret":
				return "", 0, &awsapi.Error{Code: "AccessDenied", Status: 403, Message: "Access Denied"}
			case !ok:
				return "", 0, &awsapi.Error{Code: "NoSuchKey", Status: 404, Message: "The specified key does not exist."}
			}
			sum := sha256.Sum256(zip)
			sha := hex.EncodeToString(sum[:])
			return sha, int64(len(zip)), blobs.Put(ctx, sha, int64(len(zip)), bytes.NewReader(zip))
		}
	}
}

// TestCodeInBuckets makes functions and layers of objects.
func TestCodeInBuckets(t *testing.T) {
	second := pack(map[string]string{"lambda_function.py": "def handler(e, c): return 2\n"})
	h := newHouse(t, bucket(map[string][]byte{"hello.zip": hello(), "hello.zip2": second, "text": []byte("text"), "empty": nil}))
	in := func(key string) lambda.FunctionCode { return lambda.FunctionCode{S3Bucket: new("tools"), S3Key: &key} }
	made := func(key string) func(context.Context, *lambda.Client) error { return creating("x", withCode(in(key))) }
	const occurred = "Error occurred while GetObject. S3 Error Code: "
	both := in("hello.zip")
	both.ZipFile = hello()
	h.expect(h.Root,
		call{"no key", creating("x", withCode(lambda.FunctionCode{S3Bucket: new("tools")})), invalid, "Please provide a source for function code."},
		call{"two sources", creating("x", withCode(both)), invalid, "Please do not provide other FunctionCode parameters when providing a ZipFile."},
		call{"no object", made("none"), invalid, occurred + "NoSuchKey. S3 Error Message: The specified key does not exist."},
		call{"no bucket", creating("x", withCode(lambda.FunctionCode{S3Bucket: new("other"), S3Key: new("k")})), invalid, noBucket},
		call{"not allowed", made("secret"), "AccessDeniedException", "Your access has been denied by S3, please make sure your request credentials have permission to " +
			"GetObject for tools/secret. S3 Error Code: AccessDenied. S3 Error Message: Access Denied"},
		call{"no zip", made("text"), invalid, noUnzip},
		call{"empty", made("empty"), invalid, "Uploaded file must be a non-empty zip"},
		call{name: "good", do: made("hello.zip")},
	)
	h.settle()
	c := h.as(h.Root)
	got, err := c.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationRequest{FunctionName: "x"})
	if err != nil || *got.CodeSha256 != sum(hello()) || *got.CodeSize != int64(len(hello())) {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = c.UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeRequest{
		FunctionName: "x", S3Bucket: new("tools"), S3Key: new("hello.zip"), S3ObjectVersion: new("2"),
	})
	if err != nil || *got.CodeSha256 != sum(second) {
		t.Errorf("%+v, %v", got, err)
	}
	h.settle()
	layer, err := c.PublishLayerVersion(t.Context(), &lambda.PublishLayerVersionRequest{
		LayerName: "l", Content: lambda.LayerVersionContentInput{S3Bucket: new("tools"), S3Key: new("hello.zip")},
	})
	if err != nil || *layer.Content.CodeSha256 != sum(hello()) {
		t.Errorf("%+v, %v", layer, err)
	}
}
