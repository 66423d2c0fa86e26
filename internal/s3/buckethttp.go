package s3

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"net/http"
	"strings"
)

// canonicalID stands for an account where S3 asks for a canonical user.
func canonicalID(account string) string {
	sum := sha256.Sum256([]byte("canonical user " + account))
	return hex.EncodeToString(sum[:])
}

// document reads the body as a document with this root; it reports whether there is one. Nobody without a name may change
// settings, so that strangers' bodies are not even read.
func (x *exchange) document(root string, v any) (there bool, err error) {
	if x.claim == nil {
		return false, accessDenied("Access Denied")
	}
	c, _, err := x.body(maxXML, "")
	if err != nil {
		return false, err
	}
	defer c.close()
	if c.size == 0 {
		return false, nil
	}
	return true, readXML(c.reader(), root, v)
}

// needed is document for a body that must be there.
func (x *exchange) needed(root string, v any) error {
	there, err := x.document(root, v)
	if err == nil && !there {
		err = failure(400, "MissingRequestBodyError", "Request Body is empty")
	}
	return err
}

func (x *exchange) listBuckets() error {
	out, err := x.s.ListBuckets(x.ctx)
	if err != nil {
		return err
	}
	prefix, after := x.query.Get("prefix"), x.query.Get("continuation-token")
	_, most, err := x.page("max-buckets")
	if err != nil {
		return err
	}
	doc := listAllMyBucketsResult{XMLNS: namespace, Owner: owner{ID: canonicalID(account(x.ctx))}, Prefix: prefix}
	for _, b := range out.Buckets {
		if !strings.HasPrefix(b.Name, prefix) || b.Name <= after {
			continue
		}
		if len(doc.Buckets) == most {
			if most > 0 {
				doc.ContinuationToken = doc.Buckets[most-1].Name
			}
			break
		}
		doc.Buckets = append(doc.Buckets, listBucket{Name: b.Name, CreationDate: stamp(b.Created), BucketRegion: b.Region, BucketArn: b.ARN()})
	}
	return x.xml(http.StatusOK, doc)
}

type createBucketDocument struct {
	LocationConstraint string    `xml:"LocationConstraint"`
	Tags               []tag     `xml:"Tags>Tag"`
	Unknown            []unknown `xml:",any"`
}

func (x *exchange) createBucket() error {
	var in createBucketDocument
	if _, err := x.document("CreateBucketConfiguration", &in); err != nil {
		return err
	}
	if err := refused(in.Unknown); err != nil {
		return err
	}
	switch constraint := in.LocationConstraint; {
	case constraint == classicRegion, constraint == "EU" && x.s.o.Region != "eu-west-1":
		return failure(400, "InvalidLocationConstraint", "The specified location-constraint is not valid").WithMember("LocationConstraint", constraint)
	case constraint == "EU":
		in.LocationConstraint = "eu-west-1"
	case constraint == "" && x.s.o.Region != classicRegion:
		return failure(400, "IllegalLocationConstraintException", "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to.")
	}
	tags, err := tagMap(in.Tags)
	if err != nil {
		return err
	}
	out, err := x.s.CreateBucket(x.ctx, &CreateBucketRequest{
		Bucket: x.bucket, LocationConstraint: in.LocationConstraint, ObjectOwnership: x.header("X-Amz-Object-Ownership"), Tags: tags,
	})
	if err != nil {
		return err
	}
	x.w.Header().Set("Location", out.Location)
	x.w.Header().Set("X-Amz-Bucket-Arn", out.BucketArn)
	return x.empty(http.StatusOK)
}

func (x *exchange) headBucket() error {
	if err := x.s.HeadBucket(x.ctx, &BucketRequest{x.bucket}); err != nil {
		return err
	}
	header := x.w.Header()
	header.Set("X-Amz-Bucket-Region", x.s.o.Region)
	header.Set("X-Amz-Bucket-Arn", bucketARN(x.bucket))
	header.Set("X-Amz-Access-Point-Alias", "false")
	header.Set("Content-Type", "application/xml")
	x.w.WriteHeader(http.StatusOK)
	return nil
}

func (x *exchange) deleteBucket() error {
	if err := x.s.DeleteBucket(x.ctx, &BucketRequest{x.bucket}); err != nil {
		return err
	}
	return x.empty(http.StatusNoContent)
}

func (x *exchange) getBucketLocation() error {
	b, err := x.s.setting(x.ctx, x.bucket, "GetBucketLocation")
	if err != nil {
		return err
	}
	doc := struct {
		XMLName xml.Name `xml:"LocationConstraint"`
		XMLNS   string   `xml:"xmlns,attr"`
		Region  string   `xml:",chardata"`
	}{XMLNS: namespace, Region: b.Region}
	if b.Region == classicRegion {
		doc.Region = ""
	}
	return x.xml(http.StatusOK, doc)
}

// tagMap makes a map of tags, of which each name may be there once.
func tagMap(list []tag) (map[string]string, error) {
	if len(list) == 0 {
		return nil, nil
	}
	tags := map[string]string{}
	for _, t := range list {
		if _, twice := tags[t.Key]; twice {
			return nil, failure(400, "InvalidTag", "Cannot provide multiple Tags with the same key").WithMember("TagKey", t.Key)
		}
		tags[t.Key] = t.Value
	}
	return tags, nil
}
