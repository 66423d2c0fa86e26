// Package s3 is the part of S3 that deployment artefacts need: buckets, versioned objects, multipart uploads, bucket
// policies and the settings that templates give to buckets. Buckets and objects are records in the store, contents are its
// blobs. Requests come over HTTP in S3's REST form (ServeHTTP), or from other services of this process (Call).
//
// It is no general object store: no replication, events, ACLs, object lock, analytics or website. What is not offered
// answers NotImplemented, as S3 answers what it does not know. Contents are not encrypted, whatever a bucket's encryption
// says, which is kept and shown.
package s3
