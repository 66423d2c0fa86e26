package s3

import (
	"encoding/xml"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// settingRoute is for a bucket's settings. Of those that are not offered, what a bucket without them has can be read.
func settingRoute(method, sub string) route {
	switch strings.TrimSpace(method + " " + sub) {
	case "GET versioning":
		return route{"GetBucketVersioning", (*exchange).getVersioning}
	case "PUT versioning":
		return route{"PutBucketVersioning", (*exchange).putVersioning}
	case "GET encryption":
		return route{"GetBucketEncryption", (*exchange).getEncryption}
	case "PUT encryption":
		return route{"PutBucketEncryption", (*exchange).putEncryption}
	case "GET publicAccessBlock":
		return route{"GetPublicAccessBlock", (*exchange).getPublicAccessBlock}
	case "PUT publicAccessBlock":
		return route{"PutPublicAccessBlock", (*exchange).putPublicAccessBlock}
	case "GET ownershipControls":
		return route{"GetBucketOwnershipControls", (*exchange).getOwnership}
	case "PUT ownershipControls":
		return route{"PutBucketOwnershipControls", (*exchange).putOwnership}
	case "GET lifecycle":
		return route{"GetBucketLifecycleConfiguration", (*exchange).getLifecycle}
	case "PUT lifecycle":
		return route{"PutBucketLifecycleConfiguration", (*exchange).putLifecycle}
	case "GET tagging":
		return route{"GetBucketTagging", (*exchange).getBucketTagging}
	case "PUT tagging":
		return route{"PutBucketTagging", (*exchange).putBucketTagging}
	case "GET policy":
		return route{"GetBucketPolicy", (*exchange).getPolicy}
	case "PUT policy":
		return route{"PutBucketPolicy", (*exchange).putPolicy}
	case "GET policyStatus":
		return route{"GetBucketPolicyStatus", (*exchange).getPolicyStatus}
	case "GET acl":
		return route{"GetBucketAcl", (*exchange).getBucketACL}
	case "PUT acl":
		return route{"PutBucketAcl", (*exchange).putACL}
	}
	if method == http.MethodDelete {
		return deleteRoute(sub)
	}
	if method == http.MethodGet {
		return absentRoute(sub)
	}
	return route{}
}

// deleteRoute takes a setting away.
func deleteRoute(sub string) route {
	operation := map[string]string{
		"encryption": "DeleteBucketEncryption", "publicAccessBlock": "DeletePublicAccessBlock", "ownershipControls": "DeleteBucketOwnershipControls",
		"lifecycle": "DeleteBucketLifecycle", "tagging": "DeleteBucketTagging", "policy": "DeleteBucketPolicy",
	}[sub]
	if operation == "" {
		return route{}
	}
	return route{operation, func(x *exchange) error {
		if err := x.s.deleteSetting(x.ctx, operation, &BucketRequest{x.bucket}); err != nil {
			return err
		}
		return x.empty(http.StatusNoContent)
	}}
}

// absentRoute answers for settings that no bucket has here, as S3 does for a bucket without them. Terraform asks for all
// of them.
func absentRoute(sub string) route {
	missing := func(operation, action, code, text string) route {
		return route{operation, func(x *exchange) error {
			if _, err := x.s.setting(x.ctx, x.bucket, action); err != nil {
				return err
			}
			return failure(404, code, "%s", text).WithMember("BucketName", x.bucket)
		}}
	}
	empty := func(operation, action, root, content string) route {
		return route{operation, func(x *exchange) error {
			if _, err := x.s.setting(x.ctx, x.bucket, action); err != nil {
				return err
			}
			return x.xml(http.StatusOK, struct {
				XMLName xml.Name
				XMLNS   string `xml:"xmlns,attr"`
				Content string `xml:",innerxml"`
			}{xml.Name{Local: root}, namespace, content})
		}}
	}
	switch sub {
	case "cors":
		return missing("GetBucketCors", "GetBucketCORS", "NoSuchCORSConfiguration", "The CORS configuration does not exist")
	case "website":
		return missing("GetBucketWebsite", "GetBucketWebsite", "NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration")
	case "replication":
		return missing("GetBucketReplication", "GetReplicationConfiguration", "ReplicationConfigurationNotFoundError", "The replication configuration was not found")
	case "object-lock":
		return missing("GetObjectLockConfiguration", "GetBucketObjectLockConfiguration", "ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket")
	case "logging":
		return empty("GetBucketLogging", "GetBucketLogging", "BucketLoggingStatus", "")
	case "notification":
		return empty("GetBucketNotificationConfiguration", "GetBucketNotification", "NotificationConfiguration", "")
	case "accelerate":
		return empty("GetBucketAccelerateConfiguration", "GetAccelerateConfiguration", "AccelerateConfiguration", "")
	case "requestPayment":
		return empty("GetBucketRequestPayment", "GetBucketRequestPayment", "RequestPaymentConfiguration", "<Payer>BucketOwner</Payer>")
	}
	return route{}
}

// done answers a setting that was made.
func (x *exchange) done(err error) error {
	if err != nil {
		return err
	}
	return x.empty(http.StatusOK)
}

type versioningDocument struct {
	XMLName   xml.Name `xml:"VersioningConfiguration"`
	XMLNS     string   `xml:"xmlns,attr,omitempty"`
	Status    string   `xml:"Status,omitempty"`
	MfaDelete string   `xml:"MfaDelete,omitempty"`
}

func (x *exchange) getVersioning() error {
	b, err := x.s.setting(x.ctx, x.bucket, "GetBucketVersioning")
	if err != nil {
		return err
	}
	return x.xml(http.StatusOK, versioningDocument{XMLNS: namespace, Status: b.Versioning})
}

func (x *exchange) putVersioning() error {
	var in versioningDocument
	if err := x.needed("VersioningConfiguration", &in); err != nil {
		return err
	}
	if in.MfaDelete != "" && in.MfaDelete != "Disabled" {
		return notImplemented("MfaDelete")
	}
	return x.done(x.s.PutBucketVersioning(x.ctx, &PutBucketVersioningRequest{x.bucket, in.Status}))
}

type encryptionDocument struct {
	XMLName xml.Name `xml:"ServerSideEncryptionConfiguration"`
	XMLNS   string   `xml:"xmlns,attr,omitempty"`
	Rules   []struct {
		Default struct {
			SSEAlgorithm   string `xml:"SSEAlgorithm"`
			KMSMasterKeyID string `xml:"KMSMasterKeyID,omitempty"`
		} `xml:"ApplyServerSideEncryptionByDefault"`
		BucketKeyEnabled bool `xml:"BucketKeyEnabled"`
	} `xml:"Rule"`
}

func (x *exchange) getEncryption() error {
	b, err := x.s.setting(x.ctx, x.bucket, "GetEncryptionConfiguration")
	if err != nil {
		return err
	}
	rules := b.Encryption
	if len(rules) == 0 {
		rules = []EncryptionRule{{SSEAlgorithm: sseS3}}
	}
	doc := encryptionDocument{XMLNS: namespace}
	doc.Rules = slices.Grow(doc.Rules, len(rules))[:len(rules)]
	for i, r := range rules {
		doc.Rules[i].Default.SSEAlgorithm, doc.Rules[i].Default.KMSMasterKeyID, doc.Rules[i].BucketKeyEnabled = r.SSEAlgorithm, r.KMSMasterKeyID, r.BucketKeyEnabled
	}
	return x.xml(http.StatusOK, doc)
}

func (x *exchange) putEncryption() error {
	var in encryptionDocument
	if err := x.needed("ServerSideEncryptionConfiguration", &in); err != nil {
		return err
	}
	request := &PutBucketEncryptionRequest{Bucket: x.bucket}
	for _, r := range in.Rules {
		request.Rules = append(request.Rules, EncryptionRule{r.Default.SSEAlgorithm, r.Default.KMSMasterKeyID, r.BucketKeyEnabled})
	}
	return x.done(x.s.PutBucketEncryption(x.ctx, request))
}

type publicAccessDocument struct {
	XMLName xml.Name `xml:"PublicAccessBlockConfiguration"`
	XMLNS   string   `xml:"xmlns,attr,omitempty"`
	PublicAccessBlock
}

func (x *exchange) getPublicAccessBlock() error {
	b, err := x.s.setting(x.ctx, x.bucket, "GetBucketPublicAccessBlock")
	if err != nil {
		return err
	}
	if b.PublicAccess == nil {
		return failure(404, "NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found").WithMember("BucketName", x.bucket)
	}
	return x.xml(http.StatusOK, publicAccessDocument{XMLNS: namespace, PublicAccessBlock: *b.PublicAccess})
}

func (x *exchange) putPublicAccessBlock() error {
	var in publicAccessDocument
	if err := x.needed("PublicAccessBlockConfiguration", &in); err != nil {
		return err
	}
	return x.done(x.s.PutPublicAccessBlock(x.ctx, &PutPublicAccessBlockRequest{x.bucket, in.PublicAccessBlock}))
}

type ownershipDocument struct {
	XMLName xml.Name `xml:"OwnershipControls"`
	XMLNS   string   `xml:"xmlns,attr,omitempty"`
	Rules   []string `xml:"Rule>ObjectOwnership"`
}

func (x *exchange) getOwnership() error {
	b, err := x.s.setting(x.ctx, x.bucket, "GetBucketOwnershipControls")
	if err != nil {
		return err
	}
	if b.Ownership == "" {
		return failure(404, "OwnershipControlsNotFoundError", "The bucket ownership controls were not found").WithMember("BucketName", x.bucket)
	}
	return x.xml(http.StatusOK, ownershipDocument{XMLNS: namespace, Rules: []string{b.Ownership}})
}

func (x *exchange) putOwnership() error {
	var in ownershipDocument
	if err := x.needed("OwnershipControls", &in); err != nil {
		return err
	}
	if len(in.Rules) != 1 {
		return malformedXML()
	}
	return x.done(x.s.PutBucketOwnershipControls(x.ctx, &PutBucketOwnershipControlsRequest{x.bucket, in.Rules[0]}))
}

func (x *exchange) getBucketTagging() error {
	b, err := x.s.setting(x.ctx, x.bucket, "GetBucketTagging")
	if err != nil {
		return err
	}
	if len(b.Tags) == 0 {
		return failure(404, "NoSuchTagSet", "The TagSet does not exist").WithMember("BucketName", x.bucket)
	}
	return x.xml(http.StatusOK, newTagging(b.Tags))
}

// newTagging lists tags by name.
func newTagging(tags map[string]string) tagging {
	doc := tagging{XMLNS: namespace}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		doc.Tags = append(doc.Tags, tag{key, tags[key]})
	}
	return doc
}

// tags reads a document with tags.
func (x *exchange) tags() (map[string]string, error) {
	var in tagging
	if err := x.needed("Tagging", &in); err != nil {
		return nil, err
	}
	return tagMap(in.Tags)
}

func (x *exchange) putBucketTagging() error {
	tags, err := x.tags()
	if err != nil {
		return err
	}
	if err := x.s.PutBucketTagging(x.ctx, &PutBucketTaggingRequest{x.bucket, tags}); err != nil {
		return err
	}
	return x.empty(http.StatusNoContent)
}

func (x *exchange) getPolicy() error {
	out, err := x.s.GetBucketPolicy(x.ctx, &BucketRequest{x.bucket})
	if err != nil {
		return err
	}
	header := x.w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", itoa(int64(len(out.Policy))))
	io.WriteString(x.w, out.Policy) // a client that is gone is nobody's concern
	return nil
}

func (x *exchange) putPolicy() error {
	c, _, err := x.body(maxPolicy, "")
	if err != nil {
		return err
	}
	defer c.close()
	text, err := io.ReadAll(c.reader())
	if err != nil {
		return err
	}
	if err := x.s.PutBucketPolicy(x.ctx, &PutBucketPolicyRequest{x.bucket, string(text)}); err != nil {
		return err
	}
	return x.empty(http.StatusNoContent)
}

func (x *exchange) getPolicyStatus() error {
	b, err := x.s.setting(x.ctx, x.bucket, "GetBucketPolicyStatus")
	if err != nil {
		return err
	}
	if b.Policy == "" {
		return failure(404, "NoSuchBucketPolicy", "The bucket policy does not exist").WithMember("BucketName", x.bucket)
	}
	return x.xml(http.StatusOK, struct {
		XMLName  xml.Name `xml:"PolicyStatus"`
		XMLNS    string   `xml:"xmlns,attr"`
		IsPublic bool     `xml:"IsPublic"`
	}{XMLNS: namespace, IsPublic: isPublic(b.Policy)})
}

type aclDocument struct {
	XMLName xml.Name `xml:"AccessControlPolicy"`
	XMLNS   string   `xml:"xmlns,attr"`
	Owner   owner    `xml:"Owner"`
	Grants  []grant  `xml:"AccessControlList>Grant"`
}

type grant struct {
	Grantee struct {
		XSI  string `xml:"xmlns:xsi,attr"`
		Type string `xml:"xsi:type,attr"`
		owner
	} `xml:"Grantee"`
	Permission string `xml:"Permission"`
}

// ownerACL is the one ACL that there is: the owner's.
func ownerACL(account string) aclDocument {
	one := grant{Permission: "FULL_CONTROL"}
	one.Grantee.XSI, one.Grantee.Type = "http://www.w3.org/2001/XMLSchema-instance", "CanonicalUser"
	one.Grantee.owner = owner{ID: canonicalID(account)}
	return aclDocument{XMLNS: namespace, Owner: owner{ID: canonicalID(account)}, Grants: []grant{one}}
}

func (x *exchange) getBucketACL() error {
	b, err := x.s.setting(x.ctx, x.bucket, "GetBucketAcl")
	if err != nil {
		return err
	}
	return x.xml(http.StatusOK, ownerACL(b.Account))
}

func (x *exchange) getObjectACL() error {
	id, err := x.versionID()
	if err != nil {
		return err
	}
	b, _, err := x.s.locate(x.ctx, "GetObjectAcl", x.bucket, x.key, id)
	if err != nil {
		return err
	}
	rec, _ := b.record()
	return x.xml(http.StatusOK, ownerACL(rec.Account))
}

// putACL takes the ACL that there is in any case, in its canned form, and no other.
func (x *exchange) putACL() error {
	b, err := x.s.find(x.bucket)
	if err != nil {
		return err
	}
	a := access{action: "PutBucketAcl", bucket: b}
	if x.key != "" {
		a = access{action: "PutObjectAcl", bucket: b, key: x.key, object: true}
	}
	if err := x.s.allow(x.ctx, a); err != nil {
		return err
	}
	if x.header("X-Amz-Acl") == "" { // checkHeaders refused all but two
		return noACLs()
	}
	return x.empty(http.StatusOK)
}

func (x *exchange) getObjectTagging() error {
	_, v, err := x.tagged("GetObjectTagging")
	if err != nil {
		return err
	}
	return x.xml(http.StatusOK, newTagging(v.Tags))
}

// tagged finds the version whose tags the request is about.
func (x *exchange) tagged(action string) (*bucket, *Version, error) {
	id, err := x.versionID()
	if err != nil {
		return nil, nil, err
	}
	b, v, err := x.s.locate(x.ctx, action, x.bucket, x.key, id)
	if err != nil {
		return nil, nil, err
	}
	if rec, _ := b.record(); rec.Versioning != "" {
		x.w.Header().Set("X-Amz-Version-Id", v.ID)
	}
	return b, v, nil
}

func (x *exchange) putObjectTagging() error {
	tags, err := x.tags()
	if err != nil {
		return err
	}
	if err := checkTags(tags, maxObjectTags); err != nil {
		return err
	}
	return x.done(x.retag("PutObjectTagging", tags))
}

func (x *exchange) deleteObjectTagging() error {
	if err := x.retag("DeleteObjectTagging", nil); err != nil {
		return err
	}
	return x.empty(http.StatusNoContent)
}

// retag gives a version other tags.
func (x *exchange) retag(action string, tags map[string]string) error {
	b, v, err := x.tagged(action)
	if err != nil {
		return err
	}
	release, err := x.s.take(x.ctx, b)
	if err != nil {
		return err
	}
	defer release()
	if v = b.object(x.key).find(v.ID); v == nil {
		return noSuchKey(x.key)
	}
	next := *v
	next.Tags = tags
	c := x.s.edit(b)
	c.replace(&next)
	return c.commit(x.ctx)
}

// day is a date of a lifecycle rule.
func day(text string) (*time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return new(t.UTC()), nil
		}
	}
	return nil, malformedXML()
}
