package s3

import (
	"encoding/xml"
	"errors"
	"io"
	"time"

	"furl/internal/s3/checksum"
)

// namespace is of all documents but errors.
const namespace = "http://s3.amazonaws.com/doc/2006-03-01/"

// maxXML bounds the documents that requests carry, in bytes: one that completes an upload of 10,000 parts has about two
// million.
const maxXML = 4 << 20

// timeFormat is the form of times in documents.
const timeFormat = "2006-01-02T15:04:05.000Z"

func stamp(t time.Time) string { return t.UTC().Format(timeFormat) }

// readXML reads a document with this root. What is malformed in it is MalformedXML; entities of its own are too.
func readXML(r io.Reader, root string, v any) error {
	d := xml.NewDecoder(r)
	for {
		token, err := d.Token()
		if err != nil {
			return xmlError(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if t.Name.Local != root {
				return malformedXML()
			}
			if err := d.DecodeElement(v, &t); err != nil {
				return xmlError(err)
			}
			return endXML(d)
		case xml.Directive:
			return malformedXML()
		case xml.CharData:
			if len(trimSpace(t)) > 0 {
				return malformedXML()
			}
		}
	}
}

// endXML refuses what follows a document.
func endXML(d *xml.Decoder) error {
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return xmlError(err)
		}
		if t, ok := token.(xml.CharData); !ok || len(trimSpace(t)) > 0 {
			return malformedXML()
		}
	}
}

func trimSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\n' || b[0] == '\r' || b[0] == '\t') {
		b = b[1:]
	}
	return b
}

// xmlError is MalformedXML, but for errors of the body itself.
func xmlError(err error) error {
	if e := bodyError(err); e != err && !errors.Is(err, io.ErrUnexpectedEOF) {
		return e
	}
	return malformedXML()
}

// unknown collects the elements that a document should not have, or that are not offered.
type unknown struct{ XMLName xml.Name }

// refused is the error about an unknown element.
func refused(list []unknown) error {
	if len(list) == 0 {
		return nil
	}
	return notImplemented(list[0].XMLName.Local)
}

type owner struct {
	ID          string `xml:"ID"`
	DisplayName string `xml:"DisplayName,omitempty"`
}

type listAllMyBucketsResult struct {
	XMLName           xml.Name     `xml:"ListAllMyBucketsResult"`
	XMLNS             string       `xml:"xmlns,attr"`
	Owner             owner        `xml:"Owner"`
	Buckets           []listBucket `xml:"Buckets>Bucket"`
	ContinuationToken string       `xml:"ContinuationToken,omitempty"`
	Prefix            string       `xml:"Prefix,omitempty"`
}

type listBucket struct {
	Name         string `xml:"Name"`
	CreationDate string `xml:"CreationDate"`
	BucketRegion string `xml:"BucketRegion,omitempty"`
	BucketArn    string `xml:"BucketArn,omitempty"`
}

type deleteDocument struct {
	Objects []struct {
		Key              string `xml:"Key"`
		VersionID        string `xml:"VersionId"`
		ETag             string `xml:"ETag"`
		LastModifiedTime string `xml:"LastModifiedTime"`
		Size             string `xml:"Size"`
	} `xml:"Object"`
	Quiet bool `xml:"Quiet"`
}

type deleteResult struct {
	XMLName xml.Name      `xml:"DeleteResult"`
	XMLNS   string        `xml:"xmlns,attr"`
	Deleted []deleted     `xml:"Deleted"`
	Errors  []deleteError `xml:"Error"`
}

type deleted struct {
	Key                   string `xml:"Key"`
	VersionID             string `xml:"VersionId,omitempty"`
	DeleteMarker          bool   `xml:"DeleteMarker,omitempty"`
	DeleteMarkerVersionID string `xml:"DeleteMarkerVersionId,omitempty"`
}

type deleteError struct {
	Key       string `xml:"Key"`
	VersionID string `xml:"VersionId,omitempty"`
	Code      string `xml:"Code"`
	Message   string `xml:"Message"`
}

// sums are the elements of a checksum: one of them at most has a value.
type sums struct {
	CRC32     string `xml:"ChecksumCRC32,omitempty"`
	CRC32C    string `xml:"ChecksumCRC32C,omitempty"`
	CRC64NVME string `xml:"ChecksumCRC64NVME,omitempty"`
	SHA1      string `xml:"ChecksumSHA1,omitempty"`
	SHA256    string `xml:"ChecksumSHA256,omitempty"`
	Type      string `xml:"ChecksumType,omitempty"`
}

func newSums(algorithm checksum.Algorithm, value, kind string) sums {
	s := sums{Type: kind}
	*s.of(algorithm) = value
	return s
}

// of is the element of an algorithm.
func (s *sums) of(algorithm checksum.Algorithm) *string {
	switch algorithm {
	case checksum.CRC32:
		return &s.CRC32
	case checksum.CRC32C:
		return &s.CRC32C
	case checksum.SHA1:
		return &s.SHA1
	case checksum.SHA256:
		return &s.SHA256
	default:
		return &s.CRC64NVME
	}
}

type copyResult struct {
	XMLName      xml.Name
	XMLNS        string `xml:"xmlns,attr"`
	LastModified string `xml:"LastModified"`
	ETag         string `xml:"ETag"`
	sums
}

func newCopyResult(name, tag string, at time.Time, sum *Checksum) copyResult {
	r := copyResult{XMLName: xml.Name{Local: name}, XMLNS: namespace, LastModified: stamp(at), ETag: quoted(tag)}
	if sum != nil {
		r.sums = newSums(sum.Algorithm, sum.Value, sum.Type)
	}
	return r
}

type tagging struct {
	XMLName xml.Name  `xml:"Tagging"`
	XMLNS   string    `xml:"xmlns,attr,omitempty"`
	Tags    []tag     `xml:"TagSet>Tag"`
	Unknown []unknown `xml:",any"`
}

type tag struct {
	Key   string `xml:"Key"`
	Value string `xml:"Value"`
}
