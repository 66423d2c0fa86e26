package s3_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"furl/internal/authz/authztest"
	"furl/internal/awsapi"
	"furl/internal/s3"
)

// TestRouting says which requests are for buckets, and for which: no bucket's name can stand in the place of another
// service, and none can be reached by a name that is not S3's without a signature for it.
func TestRouting(t *testing.T) {
	p := newPlace(t)
	root := p.house.Root
	for _, name := range []string{"tools", "2015-03-31", "api", "lambda", "a.dotted.name"} {
		p.want(root, call{method: "PUT", target: "/" + name}, 200, "")
		p.want(root, call{method: "PUT", target: "/" + name + "/functions", body: "content of " + name}, 200, "")
	}
	lambda := func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/s3/", "/lambda/", 1))
	}
	tests := map[string]struct {
		call
		unsigned bool
		status   int
		part     string
	}{
		"path style":                       {call: call{target: "/tools/functions"}, status: 200, part: "content of tools"},
		"at an IP address":                 {call: call{target: "/tools/functions", host: "127.0.0.1:4566"}, status: 200, part: "content of tools"},
		"at a name of one's own":           {call: call{target: "/tools/functions", host: "furl.example.com"}, status: 200, part: "content of tools"},
		"virtual host":                     {call: call{target: "/functions", host: "tools.s3.localhost:4566"}, status: 200, part: "content of tools"},
		"virtual host with the region":     {call: call{target: "/functions", host: "tools.s3.us-east-1.localhost"}, status: 200, part: "content of tools"},
		"virtual host of AWS":              {call: call{target: "/functions", host: "tools.s3.amazonaws.com"}, status: 200, part: "content of tools"},
		"dots in a virtual host":           {call: call{target: "/functions", host: "a.dotted.name.s3.localhost"}, status: 200, part: "content of a.dotted.name"},
		"before the endpoint's name":       {call: call{target: "/functions", host: "tools.localhost:4566"}, status: 200, part: "content of tools"},
		"the API's name is no bucket":      {call: call{target: "/tools/functions", host: "api.localhost"}, status: 200, part: "content of tools"},
		"a service's name is no bucket":    {call: call{target: "/tools/functions", host: "lambda.localhost"}, status: 200, part: "content of tools"},
		"such a bucket below S3's name":    {call: call{target: "/functions", host: "api.s3.localhost"}, status: 200, part: "content of api"},
		"like a path of Lambda's":          {call: call{target: "/2015-03-31/functions"}, status: 200, part: "content of 2015-03-31"},
		"the same signed for Lambda":       {call: call{target: "/2015-03-31/functions", edit: lambda}, status: http.StatusTeapot},
		"S3's name, signed for Lambda":     {call: call{target: "/functions", host: "tools.s3.localhost", edit: lambda}, status: http.StatusTeapot},
		"unsigned":                         {call: call{target: "/tools/functions"}, unsigned: true, status: http.StatusTeapot},
		"unsigned before the endpoint":     {call: call{target: "/functions", host: "tools.localhost"}, unsigned: true, status: http.StatusTeapot},
		"unsigned at S3's name":            {call: call{target: "/tools/functions", host: "s3.localhost"}, unsigned: true, status: 403, part: "<Code>AccessDenied</Code>"},
		"unsigned at a bucket's name":      {call: call{target: "/functions", host: "tools.s3.localhost"}, unsigned: true, status: 403, part: "<Code>AccessDenied</Code>"},
		"half a presigned URL of Lambda's": {call: call{target: "/tools/x?X-Amz-Credential=AKIA%2F20260101%2Fus-east-1%2Flambda%2Faws4_request"}, unsigned: true, status: http.StatusTeapot},
		"no bucket":                        {call: call{target: "/none/k"}, status: 404, part: "<Code>NoSuchBucket</Code>"},
		"not offered":                      {call: call{target: "/tools?analytics"}, status: 501, part: "<Code>NotImplemented</Code>"},
		"two at once":                      {call: call{target: "/tools?acl&policy"}, status: 400, part: "<Code>InvalidArgument</Code>"},
		"method":                           {call: call{method: "PATCH", target: "/tools/functions"}, status: 405, part: "<Code>MethodNotAllowed</Code>"},
		"form upload":                      {call: call{method: "POST", target: "/tools"}, status: 501, part: "<Code>NotImplemented</Code>"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			who := root
			if tt.unsigned {
				who = authztest.Who{}
			}
			if tt.method == "" {
				tt.method = "GET"
			}
			at := *p
			at.t = t
			at.want(who, tt.call, tt.status, tt.part)
		})
	}
}

// TestSignatures are refusals of what is signed wrongly, in S3's words.
func TestSignatures(t *testing.T) {
	p := newPlace(t)
	root := p.house.Root
	p.want(root, call{method: "PUT", target: "/tools"}, 200, "")
	get := call{method: "GET", target: "/tools?list-type=2&prefix=a%20b%2B&delimiter=%2F"}
	p.want(root, get, 200, "<Prefix>a b+</Prefix>")
	with := func(edit func(*http.Request)) call { c := get; c.edit = edit; return c }
	p.want(root, with(func(r *http.Request) { r.URL.RawQuery += "&max-keys=1" }), 403, "<Code>SignatureDoesNotMatch</Code>")
	p.want(root, with(func(r *http.Request) { r.Header.Set("X-Amz-Acl", "private") }), 403, "<HeadersNotSigned>x-amz-acl</HeadersNotSigned>")
	p.want(root, with(func(r *http.Request) { r.Header.Del("X-Amz-Content-Sha256") }), 400, "<Code>InvalidRequest</Code>")
	p.want(root, with(func(r *http.Request) { r.Header.Set("X-Amz-Date", "20260101T000000Z") }), 403, "<Code>RequestTimeTooSkewed</Code>")
	p.want(root, with(func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "us-east-1", "eu-west-1", 1))
	}), 400, "<Region>us-east-1</Region>")
	unknown := root
	unknown.KeyID = "AKIAUNKNOWN"
	p.want(unknown, get, 403, "<Code>InvalidAccessKeyId</Code>")
	p.want(root, call{method: "PUT", target: "/tools/k", body: "abc", payload: strings.Repeat("0", 64)}, 400, "<Code>XAmzContentSHA256Mismatch</Code>")
	p.want(root, call{method: "PUT", target: "/tools/k", body: "abc", payload: "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"}, 400, "<Code>InvalidArgument</Code>")
	chunk := "3;chunk-signature=" + strings.Repeat("0", 64) + "\r\nabc\r\n0;chunk-signature=" + strings.Repeat("0", 64) + "\r\n\r\n"
	p.want(root, call{method: "PUT", target: "/tools/k", body: chunk, payload: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
		headers: []string{"X-Amz-Decoded-Content-Length", "3"}}, 403, "<Code>SignatureDoesNotMatch</Code>")
	trailing := "3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n"
	fields := []string{"X-Amz-Decoded-Content-Length", "3", "X-Amz-Trailer", "x-amz-checksum-crc32", "Content-Encoding", "aws-chunked"}
	p.want(root, call{method: "PUT", target: "/tools/k", body: trailing, payload: "STREAMING-UNSIGNED-PAYLOAD-TRAILER", headers: fields}, 200, "")
	if a := p.want(root, call{method: "GET", target: "/tools/k"}, 200, "abc"); a.header.Get("Content-Encoding") != "" {
		t.Errorf("Content-Encoding %q", a.header.Get("Content-Encoding"))
	}
	p.want(root, call{method: "PUT", target: "/tools/k", body: strings.Replace(trailing, "abc", "abd", 1), payload: "STREAMING-UNSIGNED-PAYLOAD-TRAILER", headers: fields}, 400, "<Code>BadDigest</Code>")
	fields[1] = "4"
	p.want(root, call{method: "PUT", target: "/tools/k", body: trailing, payload: "STREAMING-UNSIGNED-PAYLOAD-TRAILER", headers: fields}, 400, "<Code>IncompleteBody</Code>")
	p.want(root, call{method: "PUT", target: "/tools/k", body: strings.Repeat("x", 1<<20+1), payload: "UNSIGNED-PAYLOAD"}, 400, "<Code>EntityTooLarge</Code>")
	p.want(root, call{method: "GET", target: "/tools/k"}, 200, "abc")
}

func TestPresigned(t *testing.T) {
	p := newPlace(t)
	root := p.house.Root
	p.want(root, call{method: "PUT", target: "/tools"}, 200, "")
	p.want(root, call{method: "PUT", target: "/tools/k", body: "abc"}, 200, "")
	presign := func(who authztest.Who, expires string) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), "GET", p.web.URL+"/tools/k?X-Amz-Expires="+expires+"&response-content-type=a%2Fb", nil)
		if err != nil {
			t.Fatal(err)
		}
		signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
		keys := aws.Credentials{AccessKeyID: who.KeyID, SecretAccessKey: who.Secret, SessionToken: who.Token}
		url, _, err := signer.PresignHTTP(t.Context(), keys, r, "UNSIGNED-PAYLOAD", "s3", authztest.Region, p.house.Clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		r, err = http.NewRequestWithContext(t.Context(), "GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	good := presign(root, "600")
	p.house.Clock.Advance(599 * time.Second)
	if a := p.do(good); a.status != 200 || a.body != "abc" || a.header.Get("Content-Type") != "a/b" {
		t.Errorf("%d %q %v", a.status, a.body, a.header)
	}
	p.house.Clock.Advance(2 * time.Second)
	if a := p.do(good); a.status != 403 || !strings.Contains(a.body, "<Message>Request has expired</Message>") {
		t.Errorf("expired: %d %s", a.status, a.body)
	}
	role := p.house.Role(authztest.Account, "r", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"`+root.ARN+`"},"Action":"sts:AssumeRole"}}`,
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::tools/*"}}`)
	session := p.house.RoleSession(role, "s")
	if a := p.do(presign(session, "60")); a.status != 200 {
		t.Errorf("a session: %d %s", a.status, a.body)
	}
	p.house.RemoveRole("r")
	if a := p.do(presign(session, "60")); a.status != 400 || !strings.Contains(a.body, "<Code>InvalidToken</Code>") {
		t.Errorf("a session of a role that is gone: %d %s", a.status, a.body)
	}
}

// TestAccess has users and other accounts ask for things.
func TestAccess(t *testing.T) {
	p := newPlace(t)
	root, other := p.house.Root, p.house.OtherAccount("444455556666")
	ann := p.house.User("ann", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::tools/ann/*"},
		{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::tools","Condition":{"StringLike":{"s3:prefix":"ann/*"}}}]}`)
	p.want(root, call{method: "PUT", target: "/tools"}, 200, "")
	p.want(root, call{method: "PUT", target: "/tools/k", body: "root's"}, 200, "")
	p.want(ann, call{method: "PUT", target: "/tools/ann/k", body: "ann's"}, 200, "")
	p.want(ann, call{method: "GET", target: "/tools/ann/k"}, 200, "ann's")
	p.want(ann, call{method: "GET", target: "/tools/ann/none"}, 403, "s3:ListBucket")
	p.want(ann, call{method: "GET", target: "/tools/k"}, 403, "User: "+ann.ARN+" is not authorized to perform: s3:GetObject on resource: &#34;arn:aws:s3:::tools/k&#34; because no identity-based policy allows the s3:GetObject action")
	p.want(ann, call{method: "GET", target: "/tools?prefix=ann/"}, 200, "<Key>ann/k</Key>")
	p.want(ann, call{method: "GET", target: "/tools?prefix="}, 403, "AccessDenied")
	p.want(ann, call{method: "DELETE", target: "/tools/ann/k"}, 403, "s3:DeleteObject")
	p.want(ann, call{method: "PUT", target: "/tools/ann/k", headers: []string{"X-Amz-Tagging", "a=b"}}, 403, "s3:PutObjectTagging")
	p.want(ann, call{method: "PUT", target: "/tools/ann/copy", headers: []string{"X-Amz-Copy-Source", "tools/k"}}, 403, "s3:GetObject")
	p.want(ann, call{method: "PUT", target: "/ann-own"}, 403, "s3:CreateBucket")

	// another account
	p.want(other, call{method: "PUT", target: "/tools"}, 409, "BucketAlreadyExists")
	p.want(other, call{method: "GET", target: "/tools/k"}, 403, "<Message>Access Denied</Message>")
	p.want(other, call{method: "GET", target: "/"}, 200, "<Buckets></Buckets>")
	shared := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::tools/*"},
		{"Effect":"Deny","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::tools/ann/*"}]}`
	p.want(root, call{method: "PUT", target: "/tools?policy", body: shared}, 204, "")
	p.want(other, call{method: "GET", target: "/tools/k"}, 200, "root's")
	p.want(other, call{method: "GET", target: "/tools/k", headers: []string{"X-Amz-Expected-Bucket-Owner", other.ID}}, 403, "AccessDenied")
	p.want(ann, call{method: "GET", target: "/tools/ann/k"}, 403, "with an explicit deny in a resource-based policy")
	for name, bad := range map[string]string{
		"another bucket": strings.ReplaceAll(shared, ":::tools/", ":::other/"), "another service": strings.ReplaceAll(shared, "s3:Get", "sqs:Get"),
		"no JSON": "{", "no such user": strings.ReplaceAll(shared, `"444455556666"`, `"arn:aws:iam::`+authztest.Account+`:user/none"`),
	} {
		t.Run(name, func(t *testing.T) {
			p.want(root, call{method: "PUT", target: "/tools?policy", body: bad}, 400, "<Code>MalformedPolicy</Code>")
		})
	}
	// everyone
	open := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::tools/*"}}`
	anonymous := call{method: "GET", target: "/k", host: "tools.s3.localhost"}
	p.want(root, call{method: "PUT", target: "/tools?policy", body: open}, 403, "BlockPublicPolicy")
	block := `<PublicAccessBlockConfiguration><BlockPublicPolicy>false</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets></PublicAccessBlockConfiguration>`
	p.want(root, call{method: "PUT", target: "/tools?publicAccessBlock", body: block}, 200, "")
	p.want(root, call{method: "PUT", target: "/tools?policy", body: open}, 204, "")
	p.want(authztest.Who{}, anonymous, 403, "AccessDenied")
	p.want(root, call{method: "DELETE", target: "/tools?publicAccessBlock"}, 204, "")
	p.want(authztest.Who{}, anonymous, 200, "root's")
	p.want(authztest.Who{}, call{method: "PUT", target: "/k", host: "tools.s3.localhost"}, 403, "AccessDenied")
	if log := p.log.String(); !strings.Contains(log, "operation=s3:GetObject") || !strings.Contains(log, "principal="+ann.ARN) {
		t.Errorf("the records lack something:\n%s", log)
	}
}

// TestLifecycle has the clock run.
func TestLifecycle(t *testing.T) {
	p := newPlace(t)
	root := p.house.Root
	p.want(root, call{method: "PUT", target: "/b"}, 400, "InvalidBucketName")
	p.want(root, call{method: "PUT", target: "/bucket"}, 200, "")
	p.want(root, call{method: "PUT", target: "/bucket?versioning", body: "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"}, 200, "")
	rules := `<LifecycleConfiguration><Rule><Status>Enabled</Status><Filter><Prefix>old/</Prefix></Filter><Expiration><Days>2</Days></Expiration>
		<NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays></NoncurrentVersionExpiration></Rule>
		<Rule><Status>Enabled</Status><Filter></Filter><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>
		<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>`
	p.want(root, call{method: "PUT", target: "/bucket?lifecycle", body: rules}, 200, "")
	p.want(root, call{method: "PUT", target: "/bucket?lifecycle", body: strings.Replace(rules, "<Days>2</Days>", "", 1)}, 400, "")
	p.want(root, call{method: "PUT", target: "/bucket/old/k", body: "1"}, 200, "")
	p.want(root, call{method: "PUT", target: "/bucket/new/k", body: "2"}, 200, "")
	p.want(root, call{method: "POST", target: "/bucket/up?uploads="}, 200, "UploadId")
	days := func(n int) {
		t.Helper()
		p.house.Clock.Advance(time.Duration(n) * 24 * time.Hour)
		if err := p.s3.Expire(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	days(1)
	p.want(root, call{method: "GET", target: "/bucket/old/k"}, 200, "1")
	p.want(root, call{method: "GET", target: "/bucket?uploads"}, 200, "UploadId")
	days(2)
	p.want(root, call{method: "GET", target: "/bucket/old/k"}, 404, "NoSuchKey")
	p.want(root, call{method: "GET", target: "/bucket?versions"}, 200, "<DeleteMarker>")
	if a := p.want(root, call{method: "GET", target: "/bucket?uploads"}, 200, ""); strings.Contains(a.body, "<UploadId>") {
		t.Errorf("the upload is still there: %s", a.body)
	}
	days(4) // the version goes, then the marker that is all that is left
	days(1)
	a := p.want(root, call{method: "GET", target: "/bucket?versions"}, 200, "new/k")
	if strings.Contains(a.body, "old/k") {
		t.Errorf("versions are still there: %s", a.body)
	}
}

// TestRestartAndSweep opens the buckets anew and sweeps blobs: what is used stays, what is not goes.
func TestRestartAndSweep(t *testing.T) {
	p := newPlace(t)
	root := p.house.Root
	p.want(root, call{method: "PUT", target: "/bucket"}, 200, "")
	large := strings.Repeat("large ", 100_000) // beyond what is kept in memory
	p.want(root, call{method: "PUT", target: "/bucket/large", body: large}, 200, "")
	p.want(root, call{method: "PUT", target: "/bucket/%FF%00x", body: "any bytes"}, 200, "")
	p.want(root, call{method: "PUT", target: "/bucket/gone", body: "gone"}, 200, "")
	p.want(root, call{method: "DELETE", target: "/bucket/gone"}, 204, "")
	p.want(root, call{method: "PUT", target: "/bucket/copy", headers: []string{"X-Amz-Copy-Source", "/bucket/large"}}, 200, "ETag")
	p.want(root, call{method: "DELETE", target: "/bucket/large"}, 204, "")
	id := p.want(root, call{method: "POST", target: "/bucket/up?uploads"}, 200, "UploadId").body
	id = id[strings.Index(id, "<UploadId>")+len("<UploadId>") : strings.Index(id, "</UploadId>")]
	p.want(root, call{method: "PUT", target: "/bucket/up?partNumber=1&uploadId=" + id, body: "a part"}, 200, "")
	p.open()
	p.house.Clock.Advance(48 * time.Hour)
	used := p.s3.Uses()
	count := 0
	if err := p.house.Store.Sweep(t.Context(), func(sha string) bool { count++; return used(sha) }, -1000*time.Hour); err != nil {
		t.Fatal(err)
	}
	if count != 4 {
		t.Errorf("%d blobs before the sweep, want 4", count)
	}
	p.want(root, call{method: "GET", target: "/bucket/copy"}, 200, large)
	p.want(root, call{method: "GET", target: "/bucket/%FF%00x"}, 200, "any bytes")
	etag := `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>"d7f6d4b8e9f9ff0b6c0c2c1f2f4d1f9e"</ETag></Part></CompleteMultipartUpload>`
	p.want(root, call{method: "POST", target: "/bucket/up?uploadId=" + id, body: etag}, 400, "<Code>InvalidPart</Code>")
	listed := p.want(root, call{method: "GET", target: "/bucket/up?uploadId=" + id}, 200, "<Size>6</Size>").body
	tag := listed[strings.Index(listed, "<ETag>")+len("<ETag>") : strings.Index(listed, "</ETag>")]
	complete := "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>" + tag + "</ETag></Part></CompleteMultipartUpload>"
	p.want(root, call{method: "POST", target: "/bucket/up?uploadId=" + id, body: complete}, 200, "-1")
	p.want(root, call{method: "GET", target: "/bucket/up"}, 200, "a part")
	p.want(root, call{method: "DELETE", target: "/bucket"}, 409, "BucketNotEmpty")
}

// TestCall is the way in for other services of the process.
func TestCall(t *testing.T) {
	p := newPlace(t)
	ctx := p.as(p.house.Root)
	ann := p.as(p.house.User("ann"))
	must := func(operation string, in any) any {
		t.Helper()
		out, err := p.s3.Call(ctx, operation, in)
		if err != nil {
			t.Fatalf("%s: %v", operation, err)
		}
		return out
	}
	refused := func(ctx context.Context, code, operation string, in any) {
		t.Helper()
		_, err := p.s3.Call(ctx, operation, in)
		if e, ok := errors.AsType[*awsapi.Error](err); !ok || e.Code != code {
			t.Errorf("%s: %v, want %s", operation, err, code)
		}
	}
	refused(ann, "AccessDenied", "CreateBucket", &s3.CreateBucketRequest{Bucket: "made"})
	must("CreateBucket", &s3.CreateBucketRequest{Bucket: "made"})
	must("PutBucketVersioning", &s3.PutBucketVersioningRequest{Bucket: "made", Status: s3.VersioningEnabled})
	must("PutBucketTagging", &s3.PutBucketTaggingRequest{Bucket: "made", Tags: map[string]string{"a": "b"}})
	must("PutBucketLifecycleConfiguration", &s3.PutBucketLifecycleConfigurationRequest{Bucket: "made", Rules: []s3.LifecycleRule{{Enabled: true, DaysAfterInitiation: 1}}})
	got, ok := must("GetBucket", &s3.BucketRequest{Bucket: "made"}).(*s3.GetBucketResponse)
	if !ok || got.Bucket.Versioning != s3.VersioningEnabled || got.Bucket.Tags["a"] != "b" || len(got.Bucket.Lifecycle) != 1 {
		t.Errorf("the bucket is %+v", got)
	}
	refused(ctx, "MalformedXML", "PutBucketVersioning", &s3.PutBucketVersioningRequest{Bucket: "made", Status: "On"})
	refused(ctx, "NotImplemented", "PutBucketCors", &s3.BucketRequest{Bucket: "made"})
	p.want(p.house.Root, call{method: "PUT", target: "/made/a%20key", body: "text"}, 200, "")
	for _, url := range []string{
		"s3://made/a%20key", "http://127.0.0.1:4566/made/a%20key", "https://made.s3.amazonaws.com/a%20key", "https://made.s3.eu-west-1.amazonaws.com/a key",
		"https://s3.us-east-1.amazonaws.com/made/a%20key", "http://made.localhost:4566/a%20key",
	} {
		if text, err := p.s3.ReadURL(ctx, url, 10); err != nil || string(text) != "text" {
			t.Errorf("%s: %q, %v", url, text, err)
		}
	}
	if _, err := p.s3.ReadURL(ann, "s3://made/a key", 10); err == nil {
		t.Error("ann reads what is not hers")
	}
	sha, size, err := p.s3.Package(ctx, &s3.GetObjectRequest{Bucket: "made", Key: "a key"}, 10)
	if err != nil || size != 4 {
		t.Fatalf("%s, %d, %v", sha, size, err)
	}
	blob, err := p.house.Store.Open(ctx, sha)
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	if content, err := io.ReadAll(blob); err != nil || !bytes.Equal(content, []byte("text")) {
		t.Errorf("%q, %v", content, err)
	}
	must("DeleteBucketTagging", &s3.BucketRequest{Bucket: "made"})
	refused(ctx, "BucketNotEmpty", "DeleteBucket", &s3.BucketRequest{Bucket: "made"})
}

// TestConcurrentWrites has many clients write the same key on the condition that there is none, and read meanwhile.
func TestConcurrentWrites(t *testing.T) {
	p := newPlace(t)
	root := p.house.Root
	p.want(root, call{method: "PUT", target: "/bucket"}, 200, "")
	const clients = 8
	answers := make(chan answer, 2*clients)
	for range clients {
		go func() {
			answers <- p.send(root, call{method: "PUT", target: "/bucket/k", body: "one", headers: []string{"If-None-Match", "*"}})
		}()
		go func() { answers <- p.send(root, call{method: "GET", target: "/bucket"}) }()
	}
	statuses := map[int]int{}
	for range 2 * clients {
		statuses[(<-answers).status]++
	}
	if statuses[200] != clients+1 || statuses[412] != clients-1 {
		t.Errorf("%v: want one of %d writes to succeed", statuses, clients)
	}
}

// TestUnknownOutcome has a commit end without an answer: the bucket is read anew before the next change.
func TestUnknownOutcome(t *testing.T) {
	p := newPlace(t)
	root := p.house.Root
	p.want(root, call{method: "PUT", target: "/bucket"}, 200, "")
	p.want(root, call{method: "PUT", target: "/bucket/k", body: "1"}, 200, "")
	p.flaky.fail(true)
	p.want(root, call{method: "PUT", target: "/bucket/k", body: "2"}, 500, "<Code>InternalError</Code>")
	p.flaky.fail(false)
	p.want(root, call{method: "GET", target: "/bucket/k"}, 200, "1")
	p.want(root, call{method: "PUT", target: "/bucket/other", body: "3"}, 200, "")
	p.want(root, call{method: "GET", target: "/bucket/k"}, 200, "2")
	p.want(root, call{method: "GET", target: "/bucket"}, 200, "<Key>other</Key>")
}
