package s3

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"encoding/xml"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"furl/internal/authz"
	"furl/internal/s3/checksum"
)

// Limits of multipart uploads (S3 user guide, "Multipart upload limits").
const (
	maxParts    = 10_000
	minPart     = 5 << 20 // bytes, of all parts but the last
	maxUploads  = 1000    // that have begun, in a bucket; S3 has no limit
	defaultPage = 1000
)

type initiateResult struct {
	XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
	XMLNS    string   `xml:"xmlns,attr"`
	Bucket   string   `xml:"Bucket"`
	Key      string   `xml:"Key"`
	UploadID string   `xml:"UploadId"`
}

func (x *exchange) createMultipartUpload() error {
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
	caller := authz.FromContext(x.ctx)
	u := &upload{V: schema, Key: v.Key, ID: newID(48), Time: x.s.o.Now().UTC(), By: caller.Principal.ARN, ByID: caller.UserID(), Version: *v, parts: map[int]*part{}}
	if err := x.chooseChecksum(u); err != nil {
		return err
	}
	release, err := x.s.take(x.ctx, b)
	if err != nil {
		return err
	}
	defer release()
	b.mu.RLock()
	n := len(b.uploads)
	b.mu.RUnlock()
	if n >= maxUploads {
		return failure(503, "SlowDown", "There are %d multipart uploads in this bucket that were neither completed nor aborted.", n)
	}
	op, err := put(u.storeKey(x.bucket), u)
	if err != nil {
		return err
	}
	if err := x.s.commit(x.ctx, b, op); err != nil {
		return err
	}
	b.mu.Lock()
	b.uploads[u.ID] = u
	b.mu.Unlock()
	header := x.w.Header()
	header.Set("X-Amz-Server-Side-Encryption", v.SSE)
	if u.Algorithm != "" {
		header.Set("X-Amz-Checksum-Algorithm", string(u.Algorithm))
		header.Set("X-Amz-Checksum-Type", u.Type)
	}
	return x.xml(http.StatusOK, initiateResult{XMLNS: namespace, Bucket: x.bucket, Key: x.key, UploadID: u.ID})
}

// chooseChecksum reads which checksum an upload is to have.
func (x *exchange) chooseChecksum(u *upload) error {
	name, kind := x.header("X-Amz-Checksum-Algorithm"), strings.ToUpper(x.header("X-Amz-Checksum-Type"))
	if name == "" {
		if kind != "" {
			return invalidRequest("The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm header.")
		}
		return nil
	}
	var ok bool
	if u.Algorithm, ok = checksum.Parse(name); !ok {
		return invalidRequest("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
	}
	switch u.Type = or(kind, composite); {
	case u.Algorithm == checksum.CRC64NVME && kind == "":
		u.Type = fullObject
	case u.Type != composite && u.Type != fullObject:
		return invalidRequest("Value for x-amz-checksum-type header is invalid.")
	case u.Type == fullObject && !u.Algorithm.Linear(), u.Type == composite && u.Algorithm == checksum.CRC64NVME:
		return invalidRequest("The %s checksum type cannot be used with the %s checksum algorithm.", u.Type, strings.ToLower(string(u.Algorithm)))
	}
	return nil
}

// sumOf is the algorithm of the parts' checksums.
func (u *upload) sumOf() checksum.Algorithm {
	if u.Algorithm == "" {
		return checksum.CRC64NVME
	}
	return u.Algorithm
}

// upload finds the request's upload, for a caller who may do action to its object.
func (x *exchange) upload(action string) (*bucket, *upload, error) {
	b, err := x.s.find(x.bucket)
	if err != nil {
		return nil, nil, err
	}
	if err := x.s.allow(x.ctx, access{action: action, bucket: b, key: x.key, object: true}); err != nil {
		return nil, nil, err
	}
	id := x.query.Get("uploadId")
	b.mu.RLock()
	defer b.mu.RUnlock()
	u := b.uploads[id]
	if u == nil || string(u.Key) != x.key {
		return nil, nil, noSuchUpload(id)
	}
	return b, u, nil
}

// number is the part that the request is about.
func (x *exchange) number() (int, error) {
	text := x.query.Get("partNumber")
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxParts {
		return 0, invalidArgument("partNumber", text, "Part number must be an integer between 1 and 10000, inclusive")
	}
	return n, nil
}

func (x *exchange) uploadPart() error {
	b, u, err := x.upload("PutObject")
	if err != nil {
		return err
	}
	number, err := x.number()
	if err != nil {
		return err
	}
	c, e, err := x.body(x.s.o.MaxObject, u.sumOf())
	if err != nil {
		return err
	}
	defer c.close()
	if u.Algorithm != "" && e.algorithm != u.Algorithm {
		return invalidRequest("Checksum Type mismatch occurred, expected checksum Type: %s, actual checksum Type: %s",
			strings.ToLower(string(u.Algorithm)), strings.ToLower(string(e.algorithm)))
	}
	p, err := x.keepPart(b, u, number, c, e.algorithm)
	if err != nil {
		return err
	}
	x.w.Header()["ETag"] = []string{quoted(hex.EncodeToString(p.MD5))}
	x.w.Header().Set("X-Amz-Server-Side-Encryption", u.Version.SSE)
	x.w.Header().Set(e.algorithm.Header(), checksum.Encode(c.sum.Sum))
	return x.empty(http.StatusOK)
}

// keepPart makes a content a part of an upload. algorithm is of the content's checksum.
func (x *exchange) keepPart(b *bucket, u *upload, number int, c *content, algorithm checksum.Algorithm) (*part, error) {
	pieces, err := x.s.keep(x.ctx, c)
	if err != nil {
		return nil, err
	}
	p := &part{V: schema, Number: number, Time: x.s.o.Now().UTC(), Size: c.size, MD5: c.md5, Blobs: packBlobs(pieces), Sum: c.sum.Sum}
	if algorithm != u.sumOf() { // the client's own, of an upload that has no algorithm: it was checked, and is not what is kept
		again, err := x.s.receive(c.reader(), c.size, u.sumOf())
		if err != nil {
			return nil, err
		}
		defer again.close()
		p.Sum = again.sum.Sum
	}
	release, err := x.s.take(x.ctx, b)
	if err != nil {
		return nil, err
	}
	defer release()
	b.mu.RLock()
	there := b.uploads[u.ID] != nil
	b.mu.RUnlock()
	if !there {
		return nil, noSuchUpload(u.ID)
	}
	op, err := put(p.storeKey(x.bucket, u.ID), p)
	if err != nil {
		return nil, err
	}
	if err := x.s.commit(x.ctx, b, op); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.uploads[u.ID].parts[number] = p
	return p, nil
}

func (x *exchange) uploadPartCopy() error {
	b, u, err := x.upload("PutObject")
	if err != nil {
		return err
	}
	number, err := x.number()
	if err != nil {
		return err
	}
	_, source, _, err := x.source()
	if err != nil {
		return err
	}
	from, to := int64(0), source.Size-1
	if asked := x.header("X-Amz-Copy-Source-Range"); asked != "" {
		var ok bool
		if from, to, ok = parseRange(asked, source.Size); !ok || from >= source.Size {
			return invalidArgument("x-amz-copy-source-range", asked, "The x-amz-copy-source-range value must be of the form bytes=first-last "+
				"where first and last are the zero-based offsets of the first and last bytes to copy")
		}
	}
	r := x.s.open(x.ctx, source.pieces(), from, to-from+1)
	defer r.Close()
	c, err := x.s.receive(r, source.Size, u.sumOf())
	if err != nil {
		return err
	}
	defer c.close()
	p, err := x.keepPart(b, u, number, c, u.sumOf())
	if err != nil {
		return err
	}
	sum := &Checksum{Algorithm: u.sumOf(), Value: checksum.Encode(p.Sum)}
	return x.xml(http.StatusOK, newCopyResult("CopyPartResult", hex.EncodeToString(p.MD5), p.Time, sum))
}

type completeDocument struct {
	Parts []struct {
		Number int    `xml:"PartNumber"`
		ETag   string `xml:"ETag"`
		sums
	} `xml:"Part"`
}

type completeResult struct {
	XMLName  xml.Name `xml:"CompleteMultipartUploadResult"`
	XMLNS    string   `xml:"xmlns,attr"`
	Location string   `xml:"Location"`
	Bucket   string   `xml:"Bucket"`
	Key      string   `xml:"Key"`
	ETag     string   `xml:"ETag"`
	sums
}

func (x *exchange) completeMultipartUpload() error {
	b, u, err := x.upload("PutObject")
	if err != nil {
		return err
	}
	in, err := x.completeDocument()
	if err != nil {
		return err
	}
	v := u.Version
	v.Time, v.Multipart = x.s.o.Now().UTC(), true
	err = x.store(b, &v, func(c *edit) error { // in our turn, so that no part comes in between
		b.mu.RLock()
		parts, gone := maps.Clone(u.parts), b.uploads[u.ID] == nil
		b.mu.RUnlock()
		if gone {
			return noSuchUpload(u.ID)
		}
		if err := u.assemble(&v, in, parts); err != nil {
			return err
		}
		if v.Size > x.s.o.MaxObject {
			return entityTooLarge(v.Size, x.s.o.MaxObject)
		}
		if size := x.header("X-Amz-Mp-Object-Size"); size != "" && size != itoa(v.Size) {
			return invalidRequest("The provided 'x-amz-mp-object-size' header value %s does not match what was computed: %d", size, v.Size)
		}
		if sent := x.header(v.Checksum.Algorithm.Header()); sent != "" && sent != v.Checksum.Value {
			return badDigest("The %s you specified did not match the calculated checksum.", strings.ToLower(string(v.Checksum.Algorithm)))
		}
		c.abort(u)
		return nil
	})
	if err != nil {
		return err
	}
	return x.xml(http.StatusOK, completeResult{
		XMLNS: namespace, Location: "http://" + x.r.Host + "/" + x.bucket + "/" + x.key, Bucket: x.bucket, Key: x.key, ETag: quoted(v.ETag),
		sums: newSums(v.Checksum.Algorithm, v.Checksum.Value, v.Checksum.Type),
	})
}

// completeDocument reads which parts make the object.
func (x *exchange) completeDocument() (*completeDocument, error) {
	x.ignoreSums()
	c, _, err := x.body(maxXML, "")
	if err != nil {
		return nil, err
	}
	defer c.close()
	in := &completeDocument{}
	if err := readXML(c.reader(), "CompleteMultipartUpload", in); err != nil {
		return nil, err
	}
	if len(in.Parts) == 0 || len(in.Parts) > maxParts {
		return nil, malformedXML()
	}
	for i := range in.Parts[1:] {
		if in.Parts[i].Number >= in.Parts[i+1].Number {
			return nil, failure(400, "InvalidPartOrder", "The list of parts was not in ascending order. Parts must be ordered by part number.").
				WithMember("UploadId", x.query.Get("uploadId"))
		}
	}
	return in, nil
}

// ignoreSums has the body checked without the checksum in the headers, which is the object's here.
func (x *exchange) ignoreSums() { x.objectSums = true }

// assemble makes the version of the parts that are named.
func (u *upload) assemble(v *Version, in *completeDocument, parts map[int]*part) error {
	var tags, packed []byte
	var list []checksum.Part
	for i, named := range in.Parts {
		p := parts[named.Number]
		if p == nil || strings.Trim(named.ETag, `"`) != hex.EncodeToString(p.MD5) || !named.matches(u.sumOf(), p.Sum) {
			return failure(400, "InvalidPart", "One or more of the specified parts could not be found.  The part may not have been uploaded, "+
				"or the specified entity tag may not match the part's entity tag.").
				WithMember("UploadId", u.ID).WithMember("PartNumber", strconv.Itoa(named.Number)).WithMember("ETag", strings.Trim(named.ETag, `"`))
		}
		if i < len(in.Parts)-1 && p.Size < minPart {
			return failure(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size").WithMember("ProposedSize", itoa(p.Size)).
				WithMember("MinSizeAllowed", strconv.Itoa(minPart)).WithMember("PartNumber", strconv.Itoa(named.Number)).WithMember("ETag", hex.EncodeToString(p.MD5))
		}
		tags, packed = append(tags, p.MD5...), append(packed, pieceOf(p)...)
		list = append(list, checksum.Part{Sum: p.Sum, Size: p.Size})
		v.Size += p.Size
	}
	sum := md5.Sum(tags)
	v.ETag, v.Blobs = hex.EncodeToString(sum[:])+"-"+strconv.Itoa(len(list)), packed
	if u.Type == composite {
		var sums [][]byte
		for _, p := range list {
			sums = append(sums, p.Sum)
		}
		v.Checksum = &Checksum{Algorithm: u.sumOf(), Value: u.sumOf().Composite(sums), Type: composite}
		return nil
	}
	v.Checksum = wholeChecksum(u.sumOf(), u.sumOf().Whole(list))
	return nil
}

// pieceOf is a part as a piece of the object; an empty part is an empty piece.
func pieceOf(p *part) []byte {
	if len(p.Blobs) == 0 {
		return packBlobs([]blob{{}})
	}
	return p.Blobs
}

// matches reports whether the checksum that a client names, if any, is a part's.
func (s *sums) matches(algorithm checksum.Algorithm, sum []byte) bool {
	text := *s.of(algorithm)
	if text == "" {
		return true
	}
	named, ok := algorithm.Decode(text)
	return ok && bytes.Equal(named, sum)
}

func (x *exchange) abortMultipartUpload() error {
	b, u, err := x.upload("AbortMultipartUpload")
	if err != nil {
		return err
	}
	release, err := x.s.take(x.ctx, b)
	if err != nil {
		return err
	}
	defer release()
	c := x.s.edit(b)
	c.abort(u)
	if err := c.commit(x.ctx); err != nil {
		return err
	}
	return x.empty(http.StatusNoContent)
}
