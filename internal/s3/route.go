package s3

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// Handles reports whether a request is for S3: it is signed for it, or comes to one of its host names without being
// signed for another service. A signature decides before a name, so that no bucket can have a name in whose place an API
// answers; function URLs are to be asked before.
func (s *Service) Handles(r *http.Request) bool {
	if service, signed := scopeService(r); signed {
		return service == "s3"
	}
	_, ours := s.hostBucket(r.Host)
	return ours
}

// scopeService is the service of the credential scope that a request is signed for.
func scopeService(r *http.Request) (service string, signed bool) {
	_, credential, signed := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	if !signed {
		for piece := range strings.SplitSeq(r.URL.RawQuery, "&") {
			if name, value, _ := strings.Cut(piece, "="); name == "X-Amz-Credential" {
				credential, signed = value, true
			}
		}
		if decoded, err := url.QueryUnescape(credential); err == nil {
			credential = decoded
		}
	}
	if !signed && strings.Contains("&"+r.URL.RawQuery, "&AWSAccessKeyId=") { // version 2, which S3 alone takes
		return "s3", true
	}
	credential, _, _ = strings.Cut(credential, ",")
	parts := strings.Split(strings.TrimSpace(credential), "/")
	if len(parts) < 5 {
		return "", signed
	}
	return parts[len(parts)-2], signed
}

// hostBucket finds the bucket in a host name of S3: s3.DOMAIN and s3.REGION.DOMAIN have none, BUCKET below them is one.
// AWS's own names are taken too.
func (s *Service) hostBucket(host string) (bucket string, ours bool) {
	name := hostName(host)
	for _, domain := range []string{s.o.Domain, "localhost", "amazonaws.com"} {
		for _, end := range []string{"s3." + domain, "s3." + s.o.Region + "." + domain, "s3.dualstack." + s.o.Region + "." + domain} {
			if name == end {
				return "", true
			}
			if b, ok := strings.CutSuffix(name, "."+end); ok {
				return b, true
			}
		}
	}
	return "", false
}

// signedBucket is hostBucket for a request that is signed for S3, whose client may have put the bucket's name before
// the endpoint's: BUCKET.DOMAIN. The names that services have there are none of buckets.
func (s *Service) signedBucket(host string) string {
	if b, ours := s.hostBucket(host); ours {
		return b
	}
	name := hostName(host)
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return ""
	}
	for _, domain := range []string{s.o.Domain, "localhost"} {
		b, ok := strings.CutSuffix(name, "."+domain)
		if ok && !slices.Contains([]string{"api", "s3", "lambda", "iam", "sts", "logs", "cloudformation", "ssm"}, b) {
			return b
		}
	}
	return ""
}

func hostName(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// address finds the bucket and the key that a request is about. The path is taken from the request line: dots and slashes
// in a key mean themselves.
func (x *exchange) address() error {
	target := x.r.RequestURI
	if target == "" {
		target = x.r.URL.RequestURI()
	}
	path, raw, _ := strings.Cut(target, "?")
	if _, rest, ok := strings.Cut(path, "://"); ok && !strings.HasPrefix(path, "/") {
		_, path, _ = strings.Cut(rest, "/")
		path = "/" + path
	}
	x.query = parseQuery(raw)
	decoded, err := url.PathUnescape(strings.TrimPrefix(path, "/"))
	if err != nil {
		return failure(400, "InvalidURI", "Couldn't parse the specified URI.")
	}
	if x.bucket = x.s.signedBucket(x.r.Host); x.bucket != "" {
		x.key = decoded
	} else {
		x.bucket, x.key, _ = strings.Cut(decoded, "/")
	}
	if len(x.key) > maxKey {
		return failure(400, "KeyTooLongError", "Your key is too long").WithMember("Size", itoa(int64(len(x.key)))).WithMember("MaxSizeAllowed", itoa(maxKey))
	}
	return nil
}

// parseQuery reads a query string; what cannot be read stands as it is.
func parseQuery(raw string) url.Values {
	q := url.Values{}
	for piece := range strings.SplitSeq(raw, "&") {
		if piece == "" {
			continue
		}
		name, value, _ := strings.Cut(piece, "=")
		if n, err := url.QueryUnescape(name); err == nil {
			name = n
		}
		if v, err := url.QueryUnescape(value); err == nil {
			value = v
		}
		q.Add(name, value)
	}
	return q
}

// route is how a request is carried out.
type route struct {
	operation string
	serve     func(*exchange) error
}

// subresources are the query parameters that name an operation.
func subresources() []string {
	return []string{
		"abac", "accelerate", "acl", "analytics", "attributes", "cors", "delete", "encryption", "intelligent-tiering", "inventory", "legal-hold",
		"lifecycle", "location", "logging", "metadataConfiguration", "metadataTable", "metrics", "notification", "object-lock", "ownershipControls",
		"policy", "policyStatus", "publicAccessBlock", "renameObject", "replication", "requestPayment", "restore", "retention", "select", "session",
		"tagging", "torrent", "uploadId", "uploads", "versioning", "versions", "website",
	}
}

// route finds the operation that a request is for.
func (x *exchange) route() (route, error) {
	level := "service"
	switch {
	case x.key != "":
		level = "object"
	case x.bucket != "":
		level = "bucket"
	}
	var sub string
	for _, name := range subresources() {
		if x.query.Has(name) {
			if sub != "" {
				return route{}, invalidArgument("ResourceType", sub, "Conflicting query string parameters: %s, %s", sub, name)
			}
			sub = name
		}
	}
	var found route
	switch level {
	case "service":
		found = serviceRoute(x.r.Method, sub)
	case "bucket":
		found = bucketRoute(x.r.Method, sub, x.query.Get("list-type"))
		if found.serve == nil {
			found = settingRoute(x.r.Method, sub)
		}
	default:
		found = objectRoute(x.r.Method, sub, x.header("X-Amz-Copy-Source") != "")
	}
	switch {
	case found.serve != nil:
		return found, nil
	case sub != "" || x.r.Method == http.MethodPost || x.r.Method == http.MethodOptions:
		return route{}, notImplemented(strings.TrimSpace(x.r.Method + " " + sub))
	}
	return route{}, methodNotAllowed(x.r.Method, strings.ToUpper(level))
}

func serviceRoute(method, sub string) route {
	if method == http.MethodGet && sub == "" {
		return route{"ListBuckets", (*exchange).listBuckets}
	}
	return route{}
}

// bucketRoute is for a bucket and what is in it.
func bucketRoute(method, sub, listType string) route {
	switch strings.TrimSpace(method + " " + sub) {
	case "PUT":
		return route{"CreateBucket", (*exchange).createBucket}
	case "HEAD":
		return route{"HeadBucket", (*exchange).headBucket}
	case "DELETE":
		return route{"DeleteBucket", (*exchange).deleteBucket}
	case "GET location":
		return route{"GetBucketLocation", (*exchange).getBucketLocation}
	case "GET":
		if listType == "2" {
			return route{"ListObjectsV2", (*exchange).listObjectsV2}
		}
		return route{"ListObjects", (*exchange).listObjects}
	case "GET versions":
		return route{"ListObjectVersions", (*exchange).listObjectVersions}
	case "GET uploads":
		return route{"ListMultipartUploads", (*exchange).listMultipartUploads}
	case "POST delete":
		return route{"DeleteObjects", (*exchange).deleteObjects}
	}
	return route{}
}

// objectRoute is for an object.
func objectRoute(method, sub string, copies bool) route {
	switch strings.TrimSpace(method + " " + sub) {
	case "PUT":
		if copies {
			return route{"CopyObject", (*exchange).copyObject}
		}
		return route{"PutObject", (*exchange).putObject}
	case "GET":
		return route{"GetObject", (*exchange).getObject}
	case "HEAD":
		return route{"HeadObject", (*exchange).headObject}
	case "DELETE":
		return route{"DeleteObject", (*exchange).deleteObject}
	case "GET tagging":
		return route{"GetObjectTagging", (*exchange).getObjectTagging}
	case "PUT tagging":
		return route{"PutObjectTagging", (*exchange).putObjectTagging}
	case "DELETE tagging":
		return route{"DeleteObjectTagging", (*exchange).deleteObjectTagging}
	case "GET acl":
		return route{"GetObjectAcl", (*exchange).getObjectACL}
	case "PUT acl":
		return route{"PutObjectAcl", (*exchange).putACL}
	case "POST uploads":
		return route{"CreateMultipartUpload", (*exchange).createMultipartUpload}
	case "PUT uploadId":
		if copies {
			return route{"UploadPartCopy", (*exchange).uploadPartCopy}
		}
		return route{"UploadPart", (*exchange).uploadPart}
	case "GET uploadId":
		return route{"ListParts", (*exchange).listParts}
	case "POST uploadId":
		return route{"CompleteMultipartUpload", (*exchange).completeMultipartUpload}
	case "DELETE uploadId":
		return route{"AbortMultipartUpload", (*exchange).abortMultipartUpload}
	}
	return route{}
}

// checkHeaders refuses what no operation here does, whatever the request is.
func (x *exchange) checkHeaders() error {
	if owner := x.header("X-Amz-Expected-Bucket-Owner"); owner != "" && x.bucket != "" {
		if b, err := x.s.find(x.bucket); err == nil {
			if rec, _ := b.record(); rec.Account != owner {
				return accessDenied("Access Denied")
			}
		}
	}
	for _, name := range []string{
		"X-Amz-Server-Side-Encryption-Customer-Algorithm", "X-Amz-Copy-Source-Server-Side-Encryption-Customer-Algorithm",
		"X-Amz-Object-Lock-Mode", "X-Amz-Object-Lock-Retain-Until-Date", "X-Amz-Object-Lock-Legal-Hold", "X-Amz-Website-Redirect-Location",
		"X-Amz-Write-Offset-Bytes", "X-Amz-Mfa",
	} {
		if x.header(name) != "" {
			return notImplemented(name)
		}
	}
	if class := x.header("X-Amz-Storage-Class"); class != "" && class != "STANDARD" {
		return notImplemented("x-amz-storage-class")
	}
	if strings.EqualFold(x.header("X-Amz-Bucket-Object-Lock-Enabled"), "true") {
		return notImplemented("x-amz-bucket-object-lock-enabled")
	}
	if acl := x.header("X-Amz-Acl"); acl != "" && acl != "private" && acl != "bucket-owner-full-control" {
		return noACLs()
	}
	for _, grant := range []string{"Full-Control", "Read", "Read-Acp", "Write", "Write-Acp"} {
		if x.header("X-Amz-Grant-"+grant) != "" {
			return noACLs()
		}
	}
	switch sse := x.header("X-Amz-Server-Side-Encryption"); sse {
	case "", sseS3, sseKMS:
	default:
		return notImplemented("x-amz-server-side-encryption")
	}
	if key := x.header("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"); !ownKey(key) {
		return notImplemented("x-amz-server-side-encryption-aws-kms-key-id")
	}
	return nil
}

func noACLs() error {
	return failure(400, "AccessControlListNotSupported", "The bucket does not allow ACLs")
}
