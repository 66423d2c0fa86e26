package s3

import (
	"context"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"furl/internal/policy"
	"furl/internal/s3/checksum"
)

// maxMeta bounds an object's own metadata, in bytes of names and values.
const maxMeta = 2 << 10

// kept are the header fields of a PUT that GET answers with.
func kept() []string {
	return []string{"Content-Type", "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language", "Expires"}
}

// newVersion is what the headers of a request say of a new object. Tags are for who may give them.
func (x *exchange) newVersion(b *bucket) (*Version, error) {
	rec, _ := b.record()
	v := &Version{Key: []byte(x.key), Time: x.s.o.Now().UTC(), SSE: or(x.header("X-Amz-Server-Side-Encryption"), rec.sse())}
	if err := x.readHeaders(v); err != nil {
		return nil, err
	}
	tags, err := x.readTags()
	v.Tags = tags
	return v, err
}

// readHeaders reads what GET is to answer with.
func (x *exchange) readHeaders(v *Version) error {
	v.Headers, v.Meta = map[string]string{}, map[string]string{}
	for _, name := range kept() {
		value := x.r.Header.Get(name)
		if name == "Content-Encoding" {
			value = withoutChunked(value)
		}
		if value != "" {
			v.Headers[name] = value
		}
	}
	size := 0
	for name, values := range x.r.Header {
		if own, ok := strings.CutPrefix(strings.ToLower(name), "x-amz-meta-"); ok {
			v.Meta[own] = strings.Join(values, ",")
			size += len(own) + len(v.Meta[own])
		}
	}
	for name, values := range x.query { // of presigned requests
		if own, ok := strings.CutPrefix(strings.ToLower(name), "x-amz-meta-"); ok && len(values) > 0 && !strings.ContainsAny(values[0], "\r\n\x00") {
			v.Meta[own] = values[0]
			size += len(own) + len(values[0])
		}
	}
	if size > maxMeta {
		return failure(400, "MetadataTooLarge", "Your metadata headers exceed the maximum allowed metadata size").
			WithMember("Size", strconv.Itoa(size)).WithMember("MaxSizeAllowed", strconv.Itoa(maxMeta))
	}
	return nil
}

// withoutChunked is a Content-Encoding without the coding that was of the request only.
func withoutChunked(value string) string {
	var codings []string
	for one := range strings.SplitSeq(value, ",") {
		if one = strings.TrimSpace(one); one != "" && !strings.EqualFold(one, "aws-chunked") {
			codings = append(codings, one)
		}
	}
	return strings.Join(codings, ",")
}

// readTags reads x-amz-tagging.
func (x *exchange) readTags() (map[string]string, error) {
	text := x.header("X-Amz-Tagging")
	if text == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, invalidArgument("x-amz-tagging", text, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
	}
	tags := map[string]string{}
	for name, list := range values {
		if len(list) > 1 {
			return nil, invalidArgument("x-amz-tagging", text, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
		}
		tags[name] = list[0]
	}
	return tags, checkTags(tags, maxObjectTags)
}

// mayPut judges whether the caller may write an object with tags.
func (x *exchange) mayPut(b *bucket, tags map[string]string) error {
	keys := tagKeys(tags)
	for header, key := range map[string]string{
		"X-Amz-Acl": "s3:x-amz-acl", "X-Amz-Server-Side-Encryption": "s3:x-amz-server-side-encryption", "X-Amz-Storage-Class": "s3:x-amz-storage-class",
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "s3:x-amz-server-side-encryption-aws-kms-key-id", "X-Amz-Copy-Source": "s3:x-amz-copy-source",
		"X-Amz-Content-Sha256": "s3:x-amz-content-sha256", "If-None-Match": "s3:if-none-match", "If-Match": "s3:if-match",
	} {
		keys = condition(keys, key, x.header(header))
	}
	if err := x.s.allow(x.ctx, access{action: "PutObject", bucket: b, key: x.key, object: true, keys: keys}); err != nil {
		return err
	}
	if len(tags) == 0 {
		return nil
	}
	return x.s.allow(x.ctx, access{action: "PutObjectTagging", bucket: b, key: x.key, object: true, keys: keys})
}

// writable is the bucket of an object that is to be written.
func (x *exchange) writable() (*bucket, error) {
	b, err := x.s.find(x.bucket)
	if err == nil && !validKey(x.key) {
		err = invalidRequest("The key is not valid.")
	}
	return b, err
}

func (x *exchange) putObject() error {
	b, err := x.writable()
	if err != nil {
		return err
	}
	v, err := x.newVersion(b)
	if err != nil {
		return err
	}
	if err := x.mayPut(b, v.Tags); err != nil {
		return err
	}
	c, e, err := x.body(x.s.o.MaxObject, checksum.CRC64NVME)
	if err != nil {
		return err
	}
	defer c.close()
	pieces, err := x.s.keep(x.ctx, c)
	if err != nil {
		return err
	}
	v.Size, v.ETag, v.Blobs = c.size, hex.EncodeToString(c.md5), packBlobs(pieces)
	v.Checksum = wholeChecksum(e.algorithm, c.sum.Sum)
	if err := x.store(b, v, nil); err != nil {
		return err
	}
	x.w.Header()["ETag"] = []string{quoted(v.ETag)}
	x.w.Header().Set("X-Amz-Object-Size", itoa(v.Size))
	setChecksum(x.w.Header(), v.Checksum)
	return x.empty(http.StatusOK)
}

// store makes a version the current one, and tells of it. with, if not nil, adds to the change.
func (x *exchange) store(b *bucket, v *Version, with func(*edit) error) error {
	if x.s.objects.Load() >= x.s.o.MaxObjects {
		return failure(503, "ServiceUnavailable", "The server holds as many objects as it is set to: %d", x.s.o.MaxObjects)
	}
	release, err := x.s.take(x.ctx, b)
	if err != nil {
		return err
	}
	defer release()
	if err := x.checkWrite(b.object(string(v.Key)).current()); err != nil {
		return err
	}
	c := x.s.edit(b)
	v.ID = c.versionID()
	if with != nil {
		if err := with(c); err != nil {
			return err
		}
	}
	c.add(v)
	if err := c.commit(x.ctx); err != nil {
		return err
	}
	if c.rec.Versioning != "" {
		x.w.Header().Set("X-Amz-Version-Id", v.ID)
	}
	x.w.Header().Set("X-Amz-Server-Side-Encryption", v.SSE)
	return nil
}

// checkWrite judges the conditions of a write.
func (x *exchange) checkWrite(current *Version) error {
	if match := x.r.Header.Get("If-Match"); match != "" {
		if current == nil {
			return noSuchKey(x.key)
		}
		if !matchesTag(match, current.ETag) {
			return preconditionFailed("If-Match")
		}
	}
	if match := x.r.Header.Get("If-None-Match"); match != "" {
		if match != "*" {
			return notImplemented("If-None-Match")
		}
		if current != nil {
			return preconditionFailed("If-None-Match")
		}
	}
	return nil
}

// source is the object that a copy is made of.
func (x *exchange) source() (b *bucket, v *Version, named string, err error) {
	text := x.header("X-Amz-Copy-Source")
	path, query, _ := strings.Cut(text, "?")
	decoded, err := url.PathUnescape(strings.TrimPrefix(path, "/"))
	name, key, ok := strings.Cut(decoded, "/")
	if err != nil || !ok || key == "" {
		return nil, nil, "", invalidArgument("x-amz-copy-source", text, "Copy Source must mention the source bucket and key: sourcebucket/sourcekey")
	}
	id := ""
	if query != "" {
		var rest string
		if id, rest = cut(strings.TrimPrefix(query, "versionId="), "&"); rest != "" || !strings.HasPrefix(query, "versionId=") {
			return nil, nil, "", invalidArgument("x-amz-copy-source", text, "Unsupported copy source parameter.")
		}
	}
	b, v, err = x.s.locate(x.ctx, "GetObject", name, key, id)
	if err != nil {
		return nil, nil, "", err
	}
	if rec, _ := b.record(); rec.Versioning != "" {
		x.w.Header().Set("X-Amz-Copy-Source-Version-Id", v.ID)
	}
	return b, v, id, x.checkSource(v)
}

// checkSource judges the conditions on a copy's source.
func (x *exchange) checkSource(v *Version) error {
	modified := v.Time.Truncate(1e9)
	if match := x.header("X-Amz-Copy-Source-If-Match"); match != "" {
		if !matchesTag(match, v.ETag) {
			return preconditionFailed("x-amz-copy-source-If-Match")
		}
	} else if t, err := http.ParseTime(x.header("X-Amz-Copy-Source-If-Unmodified-Since")); err == nil && modified.After(t) {
		return preconditionFailed("x-amz-copy-source-If-Unmodified-Since")
	}
	if match := x.header("X-Amz-Copy-Source-If-None-Match"); match != "" && matchesTag(match, v.ETag) {
		return preconditionFailed("x-amz-copy-source-If-None-Match")
	}
	if t, err := http.ParseTime(x.header("X-Amz-Copy-Source-If-Modified-Since")); err == nil && !modified.After(t) {
		return preconditionFailed("x-amz-copy-source-If-Modified-Since")
	}
	return nil
}

func (x *exchange) copyObject() error {
	b, err := x.writable()
	if err != nil {
		return err
	}
	from, source, named, err := x.source()
	if err != nil {
		return err
	}
	v, err := x.newVersion(b)
	if err != nil {
		return err
	}
	replace := strings.EqualFold(x.header("X-Amz-Metadata-Directive"), "REPLACE")
	if from == b && string(source.Key) == x.key && named == "" && !replace && x.header("X-Amz-Server-Side-Encryption") == "" {
		return invalidRequest("This copy request is illegal because it is trying to copy an object to itself without changing the object's " +
			"metadata, storage class, website redirect location or encryption attributes.")
	}
	if !replace {
		v.Headers, v.Meta = source.Headers, source.Meta
	}
	if !strings.EqualFold(x.header("X-Amz-Tagging-Directive"), "REPLACE") {
		if v.Tags = source.Tags; len(v.Tags) > 0 {
			a := access{action: "GetObjectTagging", bucket: from, key: string(source.Key), object: true}
			if err := x.s.allow(x.ctx, a); err != nil {
				return err
			}
		}
	}
	if err := x.mayPut(b, v.Tags); err != nil {
		return err
	}
	if err := x.s.copyContent(x.ctx, v, source, x.header("X-Amz-Checksum-Algorithm")); err != nil {
		return err
	}
	if err := x.store(b, v, nil); err != nil {
		return err
	}
	return x.xml(http.StatusOK, newCopyResult("CopyObjectResult", v.ETag, v.Time, v.Checksum))
}

// copyContent gives a version the content of another. One in parts gets the ETag of a whole.
func (s *Service) copyContent(ctx context.Context, v, source *Version, asked string) error {
	algorithm := checksum.CRC64NVME
	if source.Checksum != nil {
		algorithm = source.Checksum.Algorithm
	}
	if asked != "" {
		var ok bool
		if algorithm, ok = checksum.Parse(asked); !ok {
			return invalidRequest("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
		}
	}
	v.Size, v.Blobs, v.ETag, v.Checksum = source.Size, source.Blobs, source.ETag, source.Checksum
	if err := s.stillThere(ctx, source.pieces()); err != nil {
		return err
	}
	if !source.Multipart && v.Checksum != nil && v.Checksum.Algorithm == algorithm {
		return nil
	}
	r := s.open(ctx, source.pieces(), 0, source.Size)
	defer r.Close()
	c, err := s.receive(r, source.Size, algorithm)
	if err != nil {
		return err
	}
	defer c.close()
	v.ETag, v.Checksum = hex.EncodeToString(c.md5), wholeChecksum(algorithm, c.sum.Sum)
	return nil
}

// stillThere has blobs count as stored now, so that none is swept before a new record names it.
func (s *Service) stillThere(ctx context.Context, pieces []blob) error {
	for _, b := range pieces {
		r := s.open(ctx, []blob{b}, 0, b.size)
		err := s.blobs.Put(ctx, b.name(), b.size, r)
		if cerr := r.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (x *exchange) deleteObject() error {
	id, err := x.versionID()
	if err != nil {
		return err
	}
	b, err := x.s.find(x.bucket)
	if err != nil {
		return err
	}
	if err := x.mayDelete(b, x.key, id); err != nil {
		return err
	}
	release, err := x.s.take(x.ctx, b)
	if err != nil {
		return err
	}
	defer release()
	if match := x.r.Header.Get("If-Match"); match != "" {
		if current := b.object(x.key).current(); current == nil || !matchesTag(match, current.ETag) {
			return preconditionFailed("If-Match")
		}
	}
	c := x.s.edit(b)
	d := c.delete(x.key, id)
	if err := c.commit(x.ctx); err != nil {
		return err
	}
	if d.version != "" {
		x.w.Header().Set("X-Amz-Version-Id", d.version)
	}
	if d.marker {
		x.w.Header().Set("X-Amz-Delete-Marker", "true")
	}
	return x.empty(http.StatusNoContent)
}

func (x *exchange) mayDelete(b *bucket, key, id string) error {
	a := access{action: "DeleteObject", bucket: b, key: key, object: true}
	if id != "" {
		a.action = versioned(a.action)
		a.keys = condition(policy.ContextMap{}, "s3:VersionId", id)
	}
	return x.s.allow(x.ctx, a)
}

// deletion is what became of a DELETE: the version that was removed, or the delete marker that was made.
type deletion struct {
	version string // empty without versioning
	marker  bool
	made    bool // the marker is new
}

// delete does what DELETE says. That there is nothing to delete is no error.
func (c *edit) delete(key, id string) deletion {
	if id == "" {
		if marker := c.remove(key); marker != nil {
			return deletion{version: marker.ID, marker: true, made: true}
		}
		return deletion{}
	}
	v := c.b.object(key).find(id)
	if v == nil {
		return deletion{version: id}
	}
	c.drop(v)
	return deletion{version: id, marker: v.Marker}
}

func (x *exchange) deleteObjects() error {
	b, err := x.s.find(x.bucket)
	if err != nil {
		return err
	}
	c, e, err := x.body(maxXML, "")
	if err != nil {
		return err
	}
	defer c.close()
	if e.md5 == nil && e.sum == nil {
		return invalidRequest("Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
	}
	var in deleteDocument
	if err := readXML(io.LimitReader(c.reader(), maxXML), "Delete", &in); err != nil {
		return err
	}
	if len(in.Objects) == 0 || len(in.Objects) > maxKeys {
		return malformedXML()
	}
	release, err := x.s.take(x.ctx, b)
	if err != nil {
		return err
	}
	defer release()
	change := x.s.edit(b)
	out := deleteResult{XMLNS: namespace}
	seen := map[[2]string]bool{}
	for _, o := range in.Objects {
		err := x.mayDelete(b, o.Key, o.VersionID)
		switch {
		case o.Key == "" || o.ETag != "" || o.LastModifiedTime != "" || o.Size != "":
			err = notImplemented("conditional deletion")
		case len(o.Key) > maxKey || !utf8.ValidString(o.Key):
			err = failure(400, "KeyTooLongError", "Your key is too long")
		}
		if err != nil {
			told, _ := x.s.told(err)
			out.Errors = append(out.Errors, deleteError{o.Key, o.VersionID, told.Code, told.Message})
			continue
		}
		var d deletion
		if !seen[[2]string{o.Key, o.VersionID}] {
			d = change.delete(o.Key, o.VersionID)
		}
		seen[[2]string{o.Key, o.VersionID}] = true
		if in.Quiet {
			continue
		}
		one := deleted{Key: o.Key, VersionID: o.VersionID, DeleteMarker: d.marker}
		if d.marker {
			one.DeleteMarkerVersionID = d.version
		}
		out.Deleted = append(out.Deleted, one)
	}
	if err := change.commit(x.ctx); err != nil {
		return err
	}
	return x.xml(http.StatusOK, out)
}
