package s3

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"furl/internal/s3/checksum"
)

// The store's keys. Bucket names and version ids hold no slash, and an object's key is there as its hash only, so that
// no name can reach into another key. Nothing of it is in the Snapshot.
//
//	s3/b/BUCKET                 Bucket
//	s3/v/BUCKET/HASH/VERSION    Version
//	s3/u/BUCKET/UPLOAD          upload
//	s3/p/BUCKET/UPLOAD/NUMBER   part
const (
	bucketPrefix  = "s3/b/"
	versionPrefix = "s3/v/"
	uploadPrefix  = "s3/u/"
	partPrefix    = "s3/p/"
)

// schema is the version of the records. A record of a later one is an error.
const schema = 1

// Values of Bucket.Versioning; empty for a bucket that never had it.
const (
	VersioningEnabled   = "Enabled"
	VersioningSuspended = "Suspended"
)

// nullVersion is the id of the one version that an object has without versioning.
const nullVersion = "null"

// Bucket is a bucket's record.
type Bucket struct {
	V       int       `json:"v"`
	Name    string    `json:"name"`
	Account string    `json:"account"`
	Region  string    `json:"region"`
	Created time.Time `json:"created"`

	Versioning   string             `json:"versioning,omitempty"`
	Encryption   []EncryptionRule   `json:"encryption,omitempty"`
	PublicAccess *PublicAccessBlock `json:"publicAccess,omitempty"`
	Ownership    string             `json:"ownership,omitempty"`
	Lifecycle    []LifecycleRule    `json:"lifecycle,omitempty"`
	Tags         map[string]string  `json:"tags,omitempty"`
	// Policy is the bucket policy, PrincipalIDs the unique ids of the users and roles that it names by ARN.
	Policy       string            `json:"policy,omitempty"`
	PrincipalIDs map[string]string `json:"principalIds,omitempty"`
}

func (b *Bucket) key() string { return bucketPrefix + b.Name }

// ARN is the bucket's.
func (b *Bucket) ARN() string { return bucketARN(b.Name) }

func bucketARN(name string) string { return "arn:aws:s3:::" + name }

// Version is one version of an object, or a delete marker.
type Version struct {
	V int `json:"v"`
	// Key may be any bytes, so it is not a string in JSON.
	Key []byte `json:"key"`
	ID  string `json:"id"`
	// Seq orders the versions of a bucket: a later one has a higher number.
	Seq    int64     `json:"seq"`
	Marker bool      `json:"marker,omitempty"`
	Time   time.Time `json:"time"`
	Size   int64     `json:"size"`
	// ETag is the MD5 in hexadecimal, of a multipart upload that of the parts' with their number; without quotes.
	ETag string `json:"etag,omitempty"`
	// Blobs are the content's: 32 bytes of SHA-256 and 8 of size each, one after the other.
	Blobs []byte `json:"blobs,omitempty"`
	// Multipart says that each of Blobs is a part.
	Multipart bool              `json:"multipart,omitempty"`
	Checksum  *Checksum         `json:"checksum,omitempty"`
	Headers   map[string]string `json:"headers,omitempty"` // Content-Type and its like, by their canonical names
	Meta      map[string]string `json:"meta,omitempty"`    // x-amz-meta-…, by their names in lower case without that
	Tags      map[string]string `json:"tags,omitempty"`
	SSE       string            `json:"sse,omitempty"`
}

// Checksum is a checksum as the API writes it.
type Checksum struct {
	Algorithm checksum.Algorithm `json:"algorithm"`
	Value     string             `json:"value"`
	// Type is FULL_OBJECT or COMPOSITE.
	Type string `json:"type"`
}

// Values of Checksum.Type.
const (
	fullObject = "FULL_OBJECT"
	composite  = "COMPOSITE"
)

func (v *Version) storeKey(bucket string) string {
	sum := sha256.Sum256(v.Key)
	return versionPrefix + bucket + "/" + hex.EncodeToString(sum[:]) + "/" + v.ID
}

// blob is one piece of a content.
type blob struct {
	sha  [sha256.Size]byte
	size int64
}

func (b blob) name() string { return hex.EncodeToString(b.sha[:]) }

const packedBlob = sha256.Size + 8

func packBlobs(blobs []blob) []byte {
	out := make([]byte, 0, len(blobs)*packedBlob)
	for _, b := range blobs {
		out = append(out, b.sha[:]...)
		for shift := 56; shift >= 0; shift -= 8 {
			out = append(out, byte(b.size>>shift))
		}
	}
	return out
}

// pieces are the blobs of a version.
func (v *Version) pieces() []blob { return unpackBlobs(v.Blobs) }

func unpackBlobs(packed []byte) []blob {
	var blobs []blob
	for ; len(packed) >= packedBlob; packed = packed[packedBlob:] {
		var b blob
		copy(b.sha[:], packed)
		for _, c := range packed[sha256.Size:packedBlob] {
			b.size = b.size<<8 | int64(c)
		}
		blobs = append(blobs, b)
	}
	return blobs
}

// upload is a multipart upload that has begun.
type upload struct {
	V       int       `json:"v"`
	Key     []byte    `json:"key"`
	ID      string    `json:"id"`
	Time    time.Time `json:"time"`
	By      string    `json:"by"`
	ByID    string    `json:"byId"`
	Version Version   `json:"version"` // what of the object is known already
	// Algorithm and Type are of the checksum that the object will have; empty where the request named none.
	Algorithm checksum.Algorithm `json:"algorithm,omitempty"`
	Type      string             `json:"type,omitempty"`

	parts map[int]*part
}

func (u *upload) storeKey(bucket string) string { return uploadPrefix + bucket + "/" + u.ID }

func (u *upload) partsKey(bucket string) string { return partPrefix + bucket + "/" + u.ID + "/" }

// part is a part of an upload.
type part struct {
	V      int       `json:"v"`
	Number int       `json:"number"`
	Time   time.Time `json:"time"`
	Size   int64     `json:"size"`
	MD5    []byte    `json:"md5"`
	Blobs  []byte    `json:"blobs,omitempty"`
	// Sum is the checksum in the upload's algorithm, or in CRC64NVME.
	Sum []byte `json:"sum"`
}

func (p *part) storeKey(bucket, upload string) string {
	return fmt.Sprintf("%s%s/%s/%05d", partPrefix, bucket, upload, p.Number)
}

// encode writes a record.
func encode(v any) ([]byte, error) {
	val, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("s3: write a record: %w", err)
	}
	return val, nil
}

// decode reads a record.
func decode[T any](key string, val []byte) (*T, error) {
	var head struct {
		V int `json:"v"`
	}
	v := new(T)
	if err := json.Unmarshal(val, &head); err != nil {
		return nil, fmt.Errorf("s3: record %q: %w", key, err)
	}
	if head.V > schema {
		return nil, fmt.Errorf("s3: record %q: written by a newer furl (schema %d, this one knows %d)", key, head.V, schema)
	}
	if err := json.Unmarshal(val, v); err != nil {
		return nil, fmt.Errorf("s3: record %q: %w", key, err)
	}
	return v, nil
}

// cutToken takes the first token off a key.
func cutToken(key, prefix string) (token, rest string) {
	token, rest, _ = strings.Cut(strings.TrimPrefix(key, prefix), "/")
	return token, rest
}
