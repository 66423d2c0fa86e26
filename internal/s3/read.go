package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"furl/internal/policy"
	"furl/internal/s3/checksum"
)

// locate finds a version of an object that the caller may read; an empty id means the current one. Who may not list the
// bucket does not learn that a key is missing.
func (s *Service) locate(ctx context.Context, action, name, key, id string) (*bucket, *Version, error) {
	b, err := s.find(name)
	if err != nil {
		return nil, nil, err
	}
	o := b.object(key)
	a := access{action: action, bucket: b, key: key, object: true}
	v := o.current()
	if id != "" {
		a.action, v = versioned(action), o.find(id)
		a.keys = condition(a.keys, "s3:VersionId", id)
	}
	if v != nil {
		for tag, value := range v.Tags {
			a.keys = condition(a.keys, "s3:ExistingObjectTag/"+tag, value)
		}
	}
	if err := s.allow(ctx, a); err != nil {
		return nil, nil, err
	}
	switch {
	case v == nil && !s.mayList(ctx, b):
		return nil, nil, s.allow(ctx, access{action: "ListBucket", bucket: b})
	case v == nil && id != "":
		return nil, nil, noSuchVersion(key, id)
	case v == nil:
		e := noSuchKey(key)
		if o != nil && len(o.versions) > 0 {
			e.WithHeader("X-Amz-Delete-Marker", "true").WithHeader("X-Amz-Version-Id", o.versions[0].ID)
		}
		return nil, nil, e
	case v.Marker:
		return nil, nil, methodNotAllowed("GET", "DeleteMarker").WithHeader("X-Amz-Delete-Marker", "true").
			WithHeader("Last-Modified", v.Time.UTC().Format(http.TimeFormat)).WithHeader("X-Amz-Version-Id", v.ID)
	}
	return b, v, nil
}

// versioned is the action on a version of what action does to an object.
func versioned(action string) string {
	switch action {
	case "GetObject", "DeleteObject":
		return action + "Version"
	case "GetObjectTagging", "PutObjectTagging", "DeleteObjectTagging", "GetObjectAcl":
		return strings.Replace(action, "Object", "ObjectVersion", 1)
	}
	return action
}

// GetObject opens an object.
func (s *Service) GetObject(ctx context.Context, in *GetObjectRequest) (*GetObjectResponse, error) {
	b, v, err := s.locate(ctx, "GetObject", in.Bucket, in.Key, in.VersionID)
	if err != nil {
		return nil, err
	}
	rec, _ := b.record()
	out := &GetObjectResponse{Body: s.open(ctx, v.pieces(), 0, v.Size), Size: v.Size, ETag: v.ETag}
	if rec.Versioning != "" {
		out.VersionID = v.ID
	}
	return out, nil
}

// Package makes one blob of an object's content, be it in several pieces, and names it: the SHA-256 in hexadecimal. The
// blob counts as stored now. What is larger than most is an error.
func (s *Service) Package(ctx context.Context, in *GetObjectRequest, most int64) (sha string, size int64, err error) {
	_, v, err := s.locate(ctx, "GetObject", in.Bucket, in.Key, in.VersionID)
	if err == nil && v.Size > most {
		err = entityTooLarge(v.Size, most)
	}
	if err == nil {
		sha, err = s.renew(ctx, v)
	}
	if err := s.recorded(ctx, "GetObject", err); err != nil {
		return "", 0, err
	}
	return sha, v.Size, nil
}

// renew makes the content of a version one blob that was stored just now.
func (s *Service) renew(ctx context.Context, v *Version) (sha string, err error) {
	r := s.open(ctx, v.pieces(), 0, v.Size)
	defer r.Close()
	if pieces := v.pieces(); len(pieces) == 1 {
		return pieces[0].name(), s.blobs.Put(ctx, pieces[0].name(), pieces[0].size, r)
	}
	c, err := s.receive(r, v.Size, "")
	if err != nil {
		return "", err
	}
	defer c.close()
	one := blob{c.sha256, c.size}
	return one.name(), s.blobs.Put(ctx, one.name(), one.size, c.reader())
}

// reader reads pieces, each opened when it is come to.
type reader struct {
	ctx    context.Context
	s      *Service
	pieces []blob
	skip   int64 // of the first piece
	left   int64
	open   io.ReadCloser
}

// open reads n bytes of blobs from an offset on.
func (s *Service) open(ctx context.Context, pieces []blob, offset, n int64) *reader {
	for len(pieces) > 0 && offset >= pieces[0].size {
		offset -= pieces[0].size
		pieces = pieces[1:]
	}
	return &reader{ctx: ctx, s: s, pieces: pieces, skip: offset, left: n}
}

// Read reads on. A blob that is shorter than it should be is an error.
func (r *reader) Read(p []byte) (int, error) {
	for r.left > 0 {
		if r.open == nil {
			if err := r.next(); err != nil {
				return 0, err
			}
		}
		n, err := r.open.Read(p[:min(int64(len(p)), r.left)])
		r.left -= int64(n)
		if errors.Is(err, io.EOF) {
			r.Close()
			err = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
	return 0, io.EOF
}

// next opens the next piece.
func (r *reader) next() error {
	if len(r.pieces) == 0 {
		return fmt.Errorf("s3: a content is shorter than its record says: %w", io.ErrUnexpectedEOF)
	}
	f, err := r.s.blobs.Open(r.ctx, r.pieces[0].name())
	if err != nil {
		return fmt.Errorf("s3: open a content: %w", err)
	}
	r.open, r.pieces = f, r.pieces[1:]
	skip := r.skip
	r.skip = 0
	if skip == 0 {
		return nil
	}
	if seeker, ok := f.(io.Seeker); ok {
		_, err = seeker.Seek(skip, io.SeekStart)
	} else {
		_, err = io.CopyN(io.Discard, f, skip)
	}
	return err
}

// Close closes the piece that is open.
func (r *reader) Close() error {
	if r.open == nil {
		return nil
	}
	err := r.open.Close()
	r.open = nil
	return err
}

func (x *exchange) getObject() error { return x.sendObject(true) }

func (x *exchange) headObject() error { return x.sendObject(false) }

// sendObject answers GET and HEAD of an object.
func (x *exchange) sendObject(body bool) error {
	id, err := x.versionID()
	if err != nil {
		return err
	}
	b, v, err := x.s.locate(x.ctx, "GetObject", x.bucket, x.key, id)
	if err != nil {
		return err
	}
	if err := x.checkRead(v); err != nil {
		return err
	}
	offset, n, status, err := x.part(v)
	if err != nil {
		return err
	}
	if err := x.describe(b, v, status); err != nil {
		return err
	}
	header := x.w.Header()
	header.Set("Content-Length", itoa(n))
	if status == http.StatusPartialContent {
		header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", offset, offset+n-1, v.Size))
	}
	if !body || n == 0 {
		x.w.WriteHeader(status)
		return nil
	}
	r := x.s.open(x.ctx, v.pieces(), offset, n)
	defer r.Close()
	if err := r.next(); err != nil {
		return err
	}
	x.w.WriteHeader(status)
	if _, err := io.Copy(x.w, r); err != nil && x.ctx.Err() == nil {
		return fmt.Errorf("s3: send an object: %w", err)
	}
	return nil
}

// versionID is the version that the request names.
func (x *exchange) versionID() (string, error) {
	id := x.query.Get("versionId")
	if id == "" && x.query.Has("versionId") {
		return "", invalidArgument("versionId", "", "Version id cannot be the empty string")
	}
	return id, nil
}

// checkRead judges the conditions of a GET or HEAD in the order of RFC 9110, section 13.2.2.
func (x *exchange) checkRead(v *Version) error {
	h := x.r.Header
	modified := v.Time.Truncate(time.Second)
	unchanged := notModified().WithHeader("Etag", quoted(v.ETag)).WithHeader("Last-Modified", modified.UTC().Format(http.TimeFormat))
	if match := h.Get("If-Match"); match != "" {
		if !matchesTag(match, v.ETag) {
			return preconditionFailed("If-Match")
		}
	} else if t, err := http.ParseTime(h.Get("If-Unmodified-Since")); err == nil && modified.After(t) {
		return preconditionFailed("If-Unmodified-Since")
	}
	if match := h.Get("If-None-Match"); match != "" {
		if matchesTag(match, v.ETag) {
			return unchanged
		}
	} else if t, err := http.ParseTime(h.Get("If-Modified-Since")); err == nil && !modified.After(t) {
		return unchanged
	}
	return nil
}

// matchesTag reports whether a list of ETags has one.
func matchesTag(list, tag string) bool {
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == "*" || strings.Trim(one, `"`) == tag {
			return true
		}
	}
	return false
}

func quoted(tag string) string { return `"` + tag + `"` }

// part is what of a content the request asks for.
func (x *exchange) part(v *Version) (offset, n int64, status int, err error) {
	if number := x.query.Get("partNumber"); number != "" {
		return x.numbered(v, number)
	}
	asked := x.r.Header.Get("Range")
	if condition := x.r.Header.Get("If-Range"); condition != "" && !matchesTag(condition, v.ETag) {
		asked = ""
	}
	from, to, ok := parseRange(asked, v.Size)
	switch {
	case !ok:
		return 0, v.Size, http.StatusOK, nil
	case from >= v.Size || from > to:
		e := failure(416, "InvalidRange", "The requested range is not satisfiable").WithMember("RangeRequested", asked).
			WithMember("ActualObjectSize", itoa(v.Size)).WithHeader("Content-Range", "bytes */"+itoa(v.Size))
		return 0, 0, 0, e
	}
	return from, to - from + 1, http.StatusPartialContent, nil
}

// numbered is the part of a content that was uploaded as one.
func (x *exchange) numbered(v *Version, text string) (offset, n int64, status int, err error) {
	number, err := strconv.Atoi(text)
	pieces := v.pieces()
	if !v.Multipart {
		pieces = []blob{{size: v.Size}}
	}
	if err != nil || number < 1 || number > len(pieces) {
		return 0, 0, 0, failure(416, "InvalidPartNumber", "The requested partnumber is not satisfiable")
	}
	if v.Multipart {
		x.w.Header().Set("X-Amz-Mp-Parts-Count", strconv.Itoa(len(pieces)))
	}
	for _, p := range pieces[:number-1] {
		offset += p.size
	}
	if n = pieces[number-1].size; n == 0 {
		return 0, 0, http.StatusOK, nil
	}
	return offset, n, http.StatusPartialContent, nil
}

// parseRange reads a Range header field of one range; ok is false for what S3 ignores.
func parseRange(text string, size int64) (from, to int64, ok bool) {
	spec, found := strings.CutPrefix(text, "bytes=")
	first, last, dash := strings.Cut(strings.TrimSpace(spec), "-")
	if !found || !dash || strings.Contains(spec, ",") {
		return 0, 0, false
	}
	if first == "" {
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil || n < 0 {
			return 0, 0, false
		}
		if n == 0 {
			return size, size, true // never satisfiable
		}
		return max(0, size-n), size - 1, true
	}
	from, err := strconv.ParseInt(first, 10, 64)
	if err != nil || from < 0 {
		return 0, 0, false
	}
	to = size - 1
	if last != "" {
		n, err := strconv.ParseInt(last, 10, 64)
		if err != nil || n < from {
			return 0, 0, false
		}
		to = min(to, n)
	}
	if from >= size {
		return from, from, true
	}
	return from, to, true
}

// overrides are the header fields that a GET may ask to have another value.
func overrides() map[string]string {
	return map[string]string{
		"response-content-type": "Content-Type", "response-content-language": "Content-Language", "response-expires": "Expires",
		"response-cache-control": "Cache-Control", "response-content-disposition": "Content-Disposition", "response-content-encoding": "Content-Encoding",
	}
}

// describe sets the header fields that tell of a version.
func (x *exchange) describe(b *bucket, v *Version, status int) error {
	rec, _ := b.record()
	header := x.w.Header()
	header.Set("Content-Type", "binary/octet-stream")
	for name, value := range v.Headers {
		header.Set(name, value)
	}
	for parameter, name := range overrides() {
		value := x.query.Get(parameter)
		if value == "" {
			continue
		}
		if x.claim == nil {
			return invalidRequest("Request specific response headers cannot be used for anonymous GET requests.")
		}
		if strings.ContainsAny(value, "\r\n\x00") {
			return invalidArgument(parameter, value, "Header value cannot be represented using ISO-8859-1.")
		}
		header.Set(name, value)
	}
	for name, value := range v.Meta {
		header["x-amz-meta-"+name] = []string{value} // clients take the name as it is spelled
	}
	header["ETag"] = []string{quoted(v.ETag)}
	header.Set("Last-Modified", v.Time.UTC().Format(http.TimeFormat))
	header.Set("Accept-Ranges", "bytes")
	header.Set("X-Amz-Server-Side-Encryption", v.SSE)
	if rec.Versioning != "" {
		header.Set("X-Amz-Version-Id", v.ID)
	}
	if len(v.Tags) > 0 {
		header.Set("X-Amz-Tagging-Count", strconv.Itoa(len(v.Tags)))
	}
	if strings.EqualFold(x.header("X-Amz-Checksum-Mode"), "ENABLED") && status == http.StatusOK {
		setChecksum(header, v.Checksum)
	}
	return nil
}

// setChecksum sets the header fields of a checksum.
func setChecksum(header http.Header, sum *Checksum) {
	if sum != nil {
		header.Set(sum.Algorithm.Header(), sum.Value)
		header.Set("X-Amz-Checksum-Type", sum.Type)
	}
}

// wholeChecksum is the checksum of a whole content.
func wholeChecksum(algorithm checksum.Algorithm, sum []byte) *Checksum {
	return &Checksum{Algorithm: algorithm, Value: checksum.Encode(sum), Type: fullObject}
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// tagKeys are the condition keys about the tags that a request gives an object.
func tagKeys(tags map[string]string) policy.ContextMap {
	var keys policy.ContextMap
	for tag, value := range tags {
		keys = condition(keys, "s3:RequestObjectTag/"+tag, value)
	}
	return keys
}
