package sigv4

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The presigned form of Signature Version 2. S3 still takes it, and botocore still makes such URLs unless it is told
// otherwise: those of `aws s3 presign` among them. The header form of that version is not taken.

// parseVersion2 reads a request that is presigned in version 2; nil for others.
func parseVersion2(r *http.Request, query string) *Auth {
	var id, signature, expires, token optional
	for name, value := range params(query) {
		field := map[string]*optional{"AWSAccessKeyId": &id, "Signature": &signature, "Expires": &expires, "x-amz-security-token": &token}[decode(name)]
		if field != nil && !field.present {
			field.set(decode(value))
		}
	}
	seconds, err := strconv.ParseInt(expires.value, 10, 64)
	if !id.present || !signature.present || err != nil || strings.TrimSpace(r.Header.Get("Authorization")) != "" {
		return nil
	}
	a := &Auth{
		AccessKeyID: id.value, Signature: signature.value, SessionToken: token.value, Presigned: true, Version2: true, Service: "s3",
		Time: time.Unix(seconds, 0).UTC(),
	}
	if !token.present {
		a.SessionToken = r.Header.Get(headerToken)
	}
	return a
}

// checkVersion2 compares the end of a presigned request's life with the clock.
func (v *Verifier) checkVersion2(a *Auth) error {
	if now := v.now().UTC(); now.After(a.Time) {
		return expired(a.Time, now, 0)
	}
	return nil
}

// verifyVersion2 checks the signature. It covers the method, the key, what names an operation, and S3's own header fields.
func verifyVersion2(r *http.Request, a *Auth, s Scope, secret string) error {
	path, query := target(r)
	if s.Bucket != "" {
		path = "/" + s.Bucket + path
	}
	text := []string{r.Method, either(r, query, "Content-Md5"), either(r, query, "Content-Type"), strconv.FormatInt(a.Time.Unix(), 10)}
	toSign := strings.Join(text, "\n") + "\n" + amzHeaders(r, query) + path + version2Query(query)
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(toSign))
	want := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	if subtle.ConstantTimeCompare([]byte(a.Signature), []byte(want)) == 1 {
		return nil
	}
	return mismatch()
}

// either is a header field, or the query parameter that stands in its place.
func either(r *http.Request, query, name string) string {
	if v := r.Header.Get(name); v != "" {
		return v
	}
	for n, v := range params(query) {
		if strings.EqualFold(decode(n), name) {
			return decode(v)
		}
	}
	return ""
}

// amzHeaders are S3's own header fields by name, of which some may be in the query.
func amzHeaders(r *http.Request, query string) string {
	fields := map[string]string{}
	for n, v := range params(query) {
		if name := strings.ToLower(decode(n)); strings.HasPrefix(name, "x-amz-") {
			fields[name] = decode(v)
		}
	}
	for name, values := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") {
			fields[name] = strings.Join(values, ",")
		}
	}
	var lines []string
	for name, value := range fields {
		lines = append(lines, name+":"+string(appendTrimmed(nil, value))+"\n")
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// version2Parameters are the query parameters that the signature covers.
func version2Parameters() []string {
	return []string{
		"accelerate", "acl", "cors", "defaultObjectAcl", "delete", "encryption", "lifecycle", "location", "logging", "notification", "object-lock",
		"partNumber", "policy", "publicAccessBlock", "replication", "requestPayment", "response-cache-control", "response-content-disposition",
		"response-content-encoding", "response-content-language", "response-content-type", "response-expires", "restore", "select", "select-type",
		"tagging", "torrent", "uploadId", "uploads", "versionId", "versioning", "versions", "website",
	}
}

// Version2Covers reports whether signatures of version 2 cover a query parameter.
func Version2Covers(parameter string) bool { return slices.Contains(version2Parameters(), parameter) }

// version2Query is the part of the query that the signature covers.
func version2Query(query string) string {
	var covered []string
	for n, v := range params(query) {
		if name := decode(n); Version2Covers(name) {
			if v == "" {
				covered = append(covered, name)
			} else {
				covered = append(covered, name+"="+decode(v))
			}
		}
	}
	if len(covered) == 0 {
		return ""
	}
	slices.Sort(covered)
	return "?" + strings.Join(covered, "&")
}
