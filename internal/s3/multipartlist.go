package s3

import (
	"bytes"
	"encoding/hex"
	"encoding/xml"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"furl/internal/s3/checksum"
)

type listPartsResult struct {
	XMLName              xml.Name     `xml:"ListPartsResult"`
	XMLNS                string       `xml:"xmlns,attr"`
	Bucket               string       `xml:"Bucket"`
	Key                  string       `xml:"Key"`
	UploadID             string       `xml:"UploadId"`
	Initiator            owner        `xml:"Initiator"`
	Owner                owner        `xml:"Owner"`
	StorageClass         string       `xml:"StorageClass"`
	PartNumberMarker     int          `xml:"PartNumberMarker"`
	NextPartNumberMarker int          `xml:"NextPartNumberMarker"`
	MaxParts             int          `xml:"MaxParts"`
	IsTruncated          bool         `xml:"IsTruncated"`
	ChecksumAlgorithm    string       `xml:"ChecksumAlgorithm,omitempty"`
	ChecksumType         string       `xml:"ChecksumType,omitempty"`
	Parts                []listedPart `xml:"Part"`
}

type listedPart struct {
	Number       int    `xml:"PartNumber"`
	LastModified string `xml:"LastModified"`
	ETag         string `xml:"ETag"`
	Size         int64  `xml:"Size"`
	sums
}

func (x *exchange) listParts() error {
	b, u, err := x.upload("ListMultipartUploadParts")
	if err != nil {
		return err
	}
	_, l, err := x.page("max-parts")
	if err != nil {
		return err
	}
	marker, _ := strconv.Atoi(x.query.Get("part-number-marker")) // 0: from the first
	rec, _ := b.record()
	out := listPartsResult{
		XMLNS: namespace, Bucket: x.bucket, Key: x.key, UploadID: u.ID, Initiator: owner{u.By, u.ByID}, Owner: owner{ID: canonicalID(rec.Account)},
		StorageClass: "STANDARD", PartNumberMarker: marker, MaxParts: l, ChecksumAlgorithm: string(u.Algorithm), ChecksumType: u.Type,
	}
	b.mu.RLock()
	parts := maps.Clone(u.parts)
	b.mu.RUnlock()
	for _, n := range slices.Sorted(maps.Keys(parts)) {
		if n <= marker {
			continue
		}
		if len(out.Parts) == l {
			out.IsTruncated = l > 0
			break
		}
		p := parts[n]
		one := listedPart{Number: n, LastModified: stamp(p.Time), ETag: quoted(hex.EncodeToString(p.MD5)), Size: p.Size}
		if u.Algorithm != "" {
			one.sums = newSums(u.Algorithm, checksum.Encode(p.Sum), "")
		}
		out.Parts, out.NextPartNumberMarker = append(out.Parts, one), n
	}
	return x.xml(http.StatusOK, out)
}

// page reads how many entries a list may have.
func (x *exchange) page(parameter string) (given bool, n int, err error) {
	text := x.query.Get(parameter)
	if text == "" {
		return false, defaultPage, nil
	}
	n, err = strconv.Atoi(text)
	if err != nil || n < 0 {
		return true, 0, invalidArgument(parameter, text, "Argument %s must be an integer between 0 and 2147483647", parameter)
	}
	return true, min(n, defaultPage), nil
}

type listUploadsResult struct {
	XMLName            xml.Name       `xml:"ListMultipartUploadsResult"`
	XMLNS              string         `xml:"xmlns,attr"`
	Bucket             string         `xml:"Bucket"`
	KeyMarker          string         `xml:"KeyMarker"`
	UploadIDMarker     string         `xml:"UploadIdMarker"`
	NextKeyMarker      string         `xml:"NextKeyMarker,omitempty"`
	NextUploadIDMarker string         `xml:"NextUploadIdMarker,omitempty"`
	Prefix             string         `xml:"Prefix"`
	Delimiter          string         `xml:"Delimiter,omitempty"`
	MaxUploads         int            `xml:"MaxUploads"`
	EncodingType       string         `xml:"EncodingType,omitempty"`
	IsTruncated        bool           `xml:"IsTruncated"`
	Uploads            []listedUpload `xml:"Upload"`
	CommonPrefixes     []commonPrefix `xml:"CommonPrefixes"`
}

type listedUpload struct {
	Key               string `xml:"Key"`
	UploadID          string `xml:"UploadId"`
	Initiator         owner  `xml:"Initiator"`
	Owner             owner  `xml:"Owner"`
	StorageClass      string `xml:"StorageClass"`
	Initiated         string `xml:"Initiated"`
	ChecksumAlgorithm string `xml:"ChecksumAlgorithm,omitempty"`
	ChecksumType      string `xml:"ChecksumType,omitempty"`
}

func (x *exchange) listMultipartUploads() error {
	b, l, err := x.listing("ListBucketMultipartUploads", "max-uploads")
	if err != nil {
		return err
	}
	keyMarker, idMarker := x.query.Get("key-marker"), x.query.Get("upload-id-marker")
	rec, _ := b.record()
	out := listUploadsResult{
		XMLNS: namespace, Bucket: x.bucket, KeyMarker: l.encoded(keyMarker), UploadIDMarker: idMarker, Prefix: l.encoded(l.prefix),
		Delimiter: l.encoded(l.delimiter), MaxUploads: l.max, EncodingType: l.encoding(),
	}
	b.mu.RLock()
	all := slices.Collect(maps.Values(b.uploads))
	b.mu.RUnlock()
	slices.SortFunc(all, func(a, b *upload) int {
		if c := bytes.Compare(a.Key, b.Key); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	n, shown := 0, ""
	for _, u := range all {
		key := string(u.Key)
		if !strings.HasPrefix(key, l.prefix) || key < keyMarker || key == keyMarker && (idMarker == "" || u.ID <= idMarker) {
			continue
		}
		group := l.group(key)
		if group != "" && (group == shown || strings.HasPrefix(keyMarker, group)) {
			continue
		}
		if n == l.max {
			out.IsTruncated = l.max > 0
			break
		}
		n++
		if group != "" {
			shown, out.NextKeyMarker, out.NextUploadIDMarker = group, l.encoded(group), ""
			out.CommonPrefixes = append(out.CommonPrefixes, commonPrefix{l.encoded(group)})
			continue
		}
		out.NextKeyMarker, out.NextUploadIDMarker = l.encoded(key), u.ID
		out.Uploads = append(out.Uploads, listedUpload{
			Key: l.encoded(key), UploadID: u.ID, Initiator: owner{u.By, u.ByID}, Owner: owner{ID: canonicalID(rec.Account)}, StorageClass: "STANDARD",
			Initiated: stamp(u.Time), ChecksumAlgorithm: string(u.Algorithm), ChecksumType: u.Type,
		})
	}
	if !out.IsTruncated {
		out.NextKeyMarker, out.NextUploadIDMarker = "", ""
	}
	return x.xml(http.StatusOK, out)
}
