package s3

import (
	"context"
	"io"
	"net/url"
	"strings"
)

// ReadURL reads an object of at most limit bytes that a request names by its address, in the name of the caller in ctx:
// s3://bucket/key, or the URL of S3 or of this server in path style or with the bucket in the host name, with versionId.
// Where the address is of S3 does not matter: the bucket is looked for here.
func (s *Service) ReadURL(ctx context.Context, address string, limit int64) ([]byte, error) {
	in, ok := s.parseURL(address)
	if !ok {
		return nil, failure(400, "InvalidURI", "Couldn't parse the specified URI.")
	}
	out, err := s.GetObject(ctx, in)
	if err == nil && out.Size > limit {
		err = entityTooLarge(out.Size, limit)
	}
	if err := s.recorded(ctx, "GetObject", err); err != nil {
		return nil, err
	}
	defer out.Body.Close()
	return io.ReadAll(out.Body)
}

// parseURL finds the bucket and the key in an address.
func (s *Service) parseURL(address string) (*GetObjectRequest, bool) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, false
	}
	in := &GetObjectRequest{VersionID: u.Query().Get("versionId")}
	path := strings.TrimPrefix(u.Path, "/")
	switch u.Scheme {
	case "s3":
		in.Bucket, in.Key = u.Host, path
	case "http", "https":
		if in.Bucket, in.Key = s.bucketOf(u.Host), path; in.Bucket == "" {
			in.Bucket, in.Key, _ = strings.Cut(path, "/")
		}
	}
	return in, in.Bucket != "" && in.Key != ""
}

// bucketOf is the bucket in the host name of an address, of whatever region.
func (s *Service) bucketOf(host string) string {
	if b := s.signedBucket(host); b != "" {
		return b
	}
	name := hostName(host)
	for _, mark := range []string{".s3.", ".s3-"} {
		if i := strings.LastIndex(name, mark); i > 0 && strings.Contains(name[i:], ".amazonaws.") {
			return name[:i]
		}
	}
	return ""
}
