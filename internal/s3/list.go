package s3

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"furl/internal/policy"
)

// maxKeys is the most that a page of a list holds.
const maxKeys = 1000

// listing is what a list is asked for.
type listing struct {
	prefix, delimiter string
	encode            bool
	max               int
}

// listing reads the parameters that all lists have, and judges the caller.
func (x *exchange) listing(action, most string) (*bucket, *listing, error) {
	l := &listing{prefix: x.query.Get("prefix"), delimiter: x.query.Get("delimiter"), max: maxKeys}
	switch encoding := x.query.Get("encoding-type"); encoding {
	case "", "url":
		l.encode = encoding == "url"
	default:
		return nil, nil, invalidArgument("encoding-type", encoding, "Invalid Encoding Method specified in Request")
	}
	if text := x.query.Get(most); text != "" {
		n, err := strconv.ParseInt(text, 10, 32)
		switch {
		case err != nil:
			return nil, nil, invalidArgument(most, text, "Provided %s not an integer or within integer range", most)
		case n < 0:
			return nil, nil, invalidArgument(most, text, "Argument %s must be an integer between 0 and 2147483647", most)
		}
		l.max = min(int(n), maxKeys)
	}
	b, err := x.s.find(x.bucket)
	if err != nil {
		return nil, nil, err
	}
	var keys policy.ContextMap
	if x.query.Has("prefix") { // an empty one is a prefix too
		keys = policy.ContextMap{}
		keys.Set("s3:prefix", policy.One(l.prefix))
	}
	keys = condition(keys, "s3:delimiter", l.delimiter)
	keys = condition(keys, "s3:max-keys", x.query.Get("max-keys"))
	return b, l, x.s.allow(x.ctx, access{action: action, bucket: b, keys: keys})
}

// encoded is a key as the list shows it.
func (l *listing) encoded(text string) string {
	if !l.encode {
		return text
	}
	return strings.ReplaceAll(url.QueryEscape(text), "%2F", "/")
}

// encoding is the list's EncodingType.
func (l *listing) encoding() string {
	if l.encode {
		return "url"
	}
	return ""
}

// group is the common prefix that a key belongs to, empty for none.
func (l *listing) group(key string) string {
	if l.delimiter == "" {
		return ""
	}
	if i := strings.Index(key[len(l.prefix):], l.delimiter); i >= 0 {
		return key[:len(l.prefix)+i+len(l.delimiter)]
	}
	return ""
}

// walk goes through the keys after a text, in order, until each wants no more: it is given an object, or a common prefix.
// A prefix that marker begins with the delimiter has been shown already. The bucket's lock is held.
func (b *bucket) walk(l *listing, marker string, inclusive bool, each func(o *object, group string) bool) {
	i := b.from(max(l.prefix, marker))
	if g := ""; strings.HasPrefix(marker, l.prefix) && !inclusive {
		if g = l.group(marker); g != "" && g == marker {
			i = b.past(g)
		}
	}
	for i < len(b.keys) {
		key := b.keys[i]
		if !strings.HasPrefix(key, l.prefix) {
			return
		}
		if key == marker && !inclusive {
			i++
			continue
		}
		if g := l.group(key); g != "" {
			if !b.shows(l, i) {
				i++
				continue
			}
			if !each(nil, g) {
				return
			}
			i = b.past(g)
			continue
		}
		if !each(b.objects[key], "") {
			return
		}
		i++
	}
}

// shows reports whether a key counts for the common prefix that it belongs to; those of deleted objects do not. It is
// for lists of current versions only, where the delimiter's prefixes stand for objects.
func (b *bucket) shows(l *listing, i int) bool {
	return l.all() || b.objects[b.keys[i]].current() != nil
}

// all lists go through all versions.
func (l *listing) all() bool { return l.max < 0 }

// past is the index of the first key behind all that begin with a prefix.
func (b *bucket) past(prefix string) int {
	if next := after(prefix); next != "" {
		return b.from(next)
	}
	return len(b.keys)
}

type listBucketResult struct {
	XMLName               xml.Name       `xml:"ListBucketResult"`
	XMLNS                 string         `xml:"xmlns,attr"`
	Name                  string         `xml:"Name"`
	Prefix                string         `xml:"Prefix"`
	Marker                *string        `xml:"Marker"`
	NextMarker            string         `xml:"NextMarker,omitempty"`
	StartAfter            string         `xml:"StartAfter,omitempty"`
	ContinuationToken     string         `xml:"ContinuationToken,omitempty"`
	NextContinuationToken string         `xml:"NextContinuationToken,omitempty"`
	KeyCount              *int           `xml:"KeyCount"`
	MaxKeys               int            `xml:"MaxKeys"`
	Delimiter             string         `xml:"Delimiter,omitempty"`
	EncodingType          string         `xml:"EncodingType,omitempty"`
	IsTruncated           bool           `xml:"IsTruncated"`
	Contents              []listed       `xml:"Contents"`
	CommonPrefixes        []commonPrefix `xml:"CommonPrefixes"`
}

type listed struct {
	Key               string `xml:"Key"`
	LastModified      string `xml:"LastModified"`
	ETag              string `xml:"ETag"`
	ChecksumAlgorithm string `xml:"ChecksumAlgorithm,omitempty"`
	ChecksumType      string `xml:"ChecksumType,omitempty"`
	Size              int64  `xml:"Size"`
	Owner             *owner `xml:"Owner"`
	StorageClass      string `xml:"StorageClass"`
}

type commonPrefix struct {
	Prefix string `xml:"Prefix"`
}

// page fills a list of current versions and returns the last key or prefix in it.
func (b *bucket) page(l *listing, marker string, own *owner, out *listBucketResult) (last string) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	n := 0
	b.walk(l, marker, false, func(o *object, group string) bool {
		v := o.current()
		if group == "" && v == nil {
			return true
		}
		if n == l.max {
			out.IsTruncated = l.max > 0
			return false
		}
		n++
		if group != "" {
			last = group
			out.CommonPrefixes = append(out.CommonPrefixes, commonPrefix{l.encoded(group)})
			return true
		}
		last = o.key
		one := listed{Key: l.encoded(o.key), LastModified: stamp(v.Time), ETag: quoted(v.ETag), Size: v.Size, Owner: own, StorageClass: "STANDARD"}
		if v.Checksum != nil {
			one.ChecksumAlgorithm, one.ChecksumType = string(v.Checksum.Algorithm), v.Checksum.Type
		}
		out.Contents = append(out.Contents, one)
		return true
	})
	return last
}

func (x *exchange) listObjects() error {
	b, l, err := x.listing("ListBucket", "max-keys")
	if err != nil {
		return err
	}
	marker := x.query.Get("marker")
	out := x.newList(l)
	out.Marker = new(l.encoded(marker))
	rec, _ := b.record()
	last := b.page(l, marker, &owner{ID: canonicalID(rec.Account)}, out)
	if out.IsTruncated && l.delimiter != "" {
		out.NextMarker = l.encoded(last)
	}
	return x.xml(http.StatusOK, out)
}

func (x *exchange) newList(l *listing) *listBucketResult {
	return &listBucketResult{
		XMLNS: namespace, Name: x.bucket, Prefix: l.encoded(l.prefix), MaxKeys: l.max, Delimiter: l.encoded(l.delimiter), EncodingType: l.encoding(),
	}
}

func (x *exchange) listObjectsV2() error {
	b, l, err := x.listing("ListBucket", "max-keys")
	if err != nil {
		return err
	}
	marker := x.query.Get("start-after")
	out := x.newList(l)
	out.StartAfter = l.encoded(marker)
	if x.query.Has("continuation-token") {
		token, err := base64.StdEncoding.DecodeString(x.query.Get("continuation-token"))
		if err != nil || len(token) == 0 {
			return invalidArgument("continuation-token", x.query.Get("continuation-token"), "The continuation token provided is incorrect")
		}
		marker, out.ContinuationToken = string(token), x.query.Get("continuation-token")
	}
	var own *owner
	if x.query.Get("fetch-owner") == "true" {
		rec, _ := b.record()
		own = &owner{ID: canonicalID(rec.Account)}
	}
	last := b.page(l, marker, own, out)
	if out.IsTruncated {
		out.NextContinuationToken = base64.StdEncoding.EncodeToString([]byte(last))
	}
	out.KeyCount = new(len(out.Contents) + len(out.CommonPrefixes))
	return x.xml(http.StatusOK, out)
}

type listVersionsResult struct {
	XMLName             xml.Name `xml:"ListVersionsResult"`
	XMLNS               string   `xml:"xmlns,attr"`
	Name                string   `xml:"Name"`
	Prefix              string   `xml:"Prefix"`
	KeyMarker           string   `xml:"KeyMarker"`
	VersionIDMarker     string   `xml:"VersionIdMarker"`
	NextKeyMarker       string   `xml:"NextKeyMarker,omitempty"`
	NextVersionIDMarker string   `xml:"NextVersionIdMarker,omitempty"`
	MaxKeys             int      `xml:"MaxKeys"`
	Delimiter           string   `xml:"Delimiter,omitempty"`
	EncodingType        string   `xml:"EncodingType,omitempty"`
	IsTruncated         bool     `xml:"IsTruncated"`
	Versions            []listedVersion
	CommonPrefixes      []commonPrefix `xml:"CommonPrefixes"`
}

type listedVersion struct {
	XMLName           xml.Name // Version or DeleteMarker
	Key               string   `xml:"Key"`
	VersionID         string   `xml:"VersionId"`
	IsLatest          bool     `xml:"IsLatest"`
	LastModified      string   `xml:"LastModified"`
	ETag              string   `xml:"ETag,omitempty"`
	ChecksumAlgorithm string   `xml:"ChecksumAlgorithm,omitempty"`
	ChecksumType      string   `xml:"ChecksumType,omitempty"`
	Size              *int64   `xml:"Size"`
	StorageClass      string   `xml:"StorageClass,omitempty"`
	Owner             owner    `xml:"Owner"`
}

func (x *exchange) listObjectVersions() error {
	b, l, err := x.listing("ListBucketVersions", "max-keys")
	if err != nil {
		return err
	}
	keyMarker, idMarker := x.query.Get("key-marker"), x.query.Get("version-id-marker")
	if idMarker != "" && keyMarker == "" {
		return invalidArgument("version-id-marker", idMarker, "A version-id marker cannot be specified without a key marker.")
	}
	out := &listVersionsResult{
		XMLNS: namespace, Name: x.bucket, Prefix: l.encoded(l.prefix), KeyMarker: l.encoded(keyMarker), VersionIDMarker: idMarker,
		MaxKeys: l.max, Delimiter: l.encoded(l.delimiter), EncodingType: l.encoding(),
	}
	rec, _ := b.record()
	own := owner{ID: canonicalID(rec.Account)}
	b.mu.RLock()
	all := *l
	all.max = -1
	n := 0
	var lastKey, lastID string
	full := func(key, id string) bool {
		if n == l.max {
			if out.IsTruncated = l.max > 0; out.IsTruncated {
				out.NextKeyMarker, out.NextVersionIDMarker = l.encoded(lastKey), lastID
			}
			return true
		}
		n++
		lastKey, lastID = key, id
		return false
	}
	b.walk(&all, keyMarker, idMarker != "", func(o *object, group string) bool {
		if group != "" {
			if full(group, "") {
				return false
			}
			out.CommonPrefixes = append(out.CommonPrefixes, commonPrefix{l.encoded(group)})
			return true
		}
		for i, v := range afterVersion(o, keyMarker, idMarker) {
			if full(o.key, v.ID) {
				return false
			}
			out.Versions = append(out.Versions, showVersion(l, v, v == o.versions[0] && i == 0, own))
		}
		return true
	})
	b.mu.RUnlock()
	return x.xml(http.StatusOK, out)
}

// afterVersion are the versions that are not listed yet: of the key in the marker those behind the marker's.
func afterVersion(o *object, keyMarker, idMarker string) []*Version {
	if o.key != keyMarker || idMarker == "" {
		return o.versions
	}
	for i, v := range o.versions {
		if v.ID == idMarker {
			return o.versions[i+1:]
		}
	}
	return nil
}

func showVersion(l *listing, v *Version, latest bool, own owner) listedVersion {
	one := listedVersion{
		XMLName: xml.Name{Local: "Version"}, Key: l.encoded(string(v.Key)), VersionID: v.ID, IsLatest: latest, LastModified: stamp(v.Time), Owner: own,
	}
	if v.Marker {
		one.XMLName.Local = "DeleteMarker"
		return one
	}
	one.ETag, one.Size, one.StorageClass = quoted(v.ETag), &v.Size, "STANDARD"
	if v.Checksum != nil {
		one.ChecksumAlgorithm, one.ChecksumType = string(v.Checksum.Algorithm), v.Checksum.Type
	}
	return one
}
