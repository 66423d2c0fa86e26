package s3

import (
	"encoding/xml"
	"maps"
	"net/http"
	"slices"
	"time"
)

type lifecycleDocument struct {
	XMLName xml.Name       `xml:"LifecycleConfiguration"`
	XMLNS   string         `xml:"xmlns,attr,omitempty"`
	Rules   []ruleDocument `xml:"Rule"`
}

type ruleDocument struct {
	ID         string          `xml:"ID,omitempty"`
	Prefix     *string         `xml:"Prefix"`
	Filter     *filterDocument `xml:"Filter"`
	Status     string          `xml:"Status"`
	Expiration *struct {
		Days                      int    `xml:"Days,omitempty"`
		Date                      string `xml:"Date,omitempty"`
		ExpiredObjectDeleteMarker bool   `xml:"ExpiredObjectDeleteMarker,omitempty"`
	} `xml:"Expiration"`
	Noncurrent *struct {
		NoncurrentDays          int `xml:"NoncurrentDays,omitempty"`
		NewerNoncurrentVersions int `xml:"NewerNoncurrentVersions,omitempty"`
	} `xml:"NoncurrentVersionExpiration"`
	Abort *struct {
		DaysAfterInitiation int `xml:"DaysAfterInitiation"`
	} `xml:"AbortIncompleteMultipartUpload"`
	Unknown []unknown `xml:",any"` // transitions
}

type conditionDocument struct {
	Prefix                *string `xml:"Prefix"`
	Tags                  []tag   `xml:"Tag"`
	ObjectSizeGreaterThan *int64  `xml:"ObjectSizeGreaterThan"`
	ObjectSizeLessThan    *int64  `xml:"ObjectSizeLessThan"`
}

type filterDocument struct {
	conditionDocument
	And     *conditionDocument `xml:"And"`
	Unknown []unknown          `xml:",any"`
}

// rule reads a rule of the document.
func (d *ruleDocument) rule() (r LifecycleRule, err error) {
	r = LifecycleRule{ID: d.ID, Enabled: d.Status == "Enabled"}
	if err := refused(d.Unknown); err != nil {
		return r, err
	}
	if d.Status != "Enabled" && d.Status != "Disabled" || d.Prefix != nil && d.Filter != nil || d.Prefix == nil && d.Filter == nil {
		return r, malformedXML()
	}
	where := conditionDocument{Prefix: d.Prefix}
	if f := d.Filter; f != nil {
		if err := refused(f.Unknown); err != nil {
			return r, err
		}
		where = f.conditionDocument
		if f.And != nil {
			where = *f.And
		}
	}
	if where.Prefix != nil {
		r.Prefix = *where.Prefix
	}
	if r.Tags, err = tagMap(where.Tags); err != nil {
		return r, err
	}
	r.ObjectSizeGreaterThan, r.ObjectSizeLessThan = where.ObjectSizeGreaterThan, where.ObjectSizeLessThan
	if e := d.Expiration; e != nil {
		r.ExpirationDays, r.ExpiredObjectDeleteMarker = e.Days, e.ExpiredObjectDeleteMarker
		if e.Days == 0 && e.Date == "" && !e.ExpiredObjectDeleteMarker {
			return r, malformedXML()
		}
		if e.Date != "" {
			if r.ExpirationDate, err = day(e.Date); err != nil {
				return r, err
			}
		}
	}
	if n := d.Noncurrent; n != nil {
		r.NoncurrentDays, r.NewerNoncurrentVersions = n.NoncurrentDays, n.NewerNoncurrentVersions
	}
	if d.Abort != nil {
		r.DaysAfterInitiation = d.Abort.DaysAfterInitiation
	}
	return r, nil
}

// show is the inverse of rule; a prefix is shown in a filter, whichever way it came.
func (r *LifecycleRule) show() ruleDocument {
	d := ruleDocument{ID: r.ID, Status: "Disabled"}
	if r.Enabled {
		d.Status = "Enabled"
	}
	where := conditionDocument{ObjectSizeGreaterThan: r.ObjectSizeGreaterThan, ObjectSizeLessThan: r.ObjectSizeLessThan}
	n := len(r.Tags)
	for _, key := range slices.Sorted(maps.Keys(r.Tags)) {
		where.Tags = append(where.Tags, tag{key, r.Tags[key]})
	}
	for _, size := range []*int64{r.ObjectSizeGreaterThan, r.ObjectSizeLessThan} {
		if size != nil {
			n++
		}
	}
	if r.Prefix != "" || n == 0 {
		where.Prefix = &r.Prefix
		n++
	}
	d.Filter = &filterDocument{conditionDocument: where}
	if n > 1 {
		d.Filter = &filterDocument{And: &where}
	}
	if r.ExpirationDays > 0 || r.ExpirationDate != nil || r.ExpiredObjectDeleteMarker {
		d.Expiration = &struct {
			Days                      int    `xml:"Days,omitempty"`
			Date                      string `xml:"Date,omitempty"`
			ExpiredObjectDeleteMarker bool   `xml:"ExpiredObjectDeleteMarker,omitempty"`
		}{Days: r.ExpirationDays, ExpiredObjectDeleteMarker: r.ExpiredObjectDeleteMarker}
		if r.ExpirationDate != nil {
			d.Expiration.Date = r.ExpirationDate.UTC().Format(time.RFC3339)
		}
	}
	if r.NoncurrentDays > 0 {
		d.Noncurrent = &struct {
			NoncurrentDays          int `xml:"NoncurrentDays,omitempty"`
			NewerNoncurrentVersions int `xml:"NewerNoncurrentVersions,omitempty"`
		}{r.NoncurrentDays, r.NewerNoncurrentVersions}
	}
	if r.DaysAfterInitiation > 0 {
		d.Abort = &struct {
			DaysAfterInitiation int `xml:"DaysAfterInitiation"`
		}{r.DaysAfterInitiation}
	}
	return d
}

func (x *exchange) getLifecycle() error {
	b, err := x.s.setting(x.ctx, x.bucket, "GetLifecycleConfiguration")
	if err != nil {
		return err
	}
	if len(b.Lifecycle) == 0 {
		return failure(404, "NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist").WithMember("BucketName", x.bucket)
	}
	doc := lifecycleDocument{XMLNS: namespace}
	for i := range b.Lifecycle {
		doc.Rules = append(doc.Rules, b.Lifecycle[i].show())
	}
	x.w.Header().Set("X-Amz-Transition-Default-Minimum-Object-Size", "all_storage_classes_128K")
	return x.xml(http.StatusOK, doc)
}

func (x *exchange) putLifecycle() error {
	var in lifecycleDocument
	if err := x.needed("LifecycleConfiguration", &in); err != nil {
		return err
	}
	request := &PutBucketLifecycleConfigurationRequest{Bucket: x.bucket}
	for i := range in.Rules {
		r, err := in.Rules[i].rule()
		if err != nil {
			return err
		}
		request.Rules = append(request.Rules, r)
	}
	return x.done(x.s.PutBucketLifecycleConfiguration(x.ctx, request))
}
