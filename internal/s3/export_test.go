package s3

import (
	"bytes"
	"encoding/xml"
)

// ReadLifecycle reads a document with lifecycle rules.
func ReadLifecycle(body []byte) ([]LifecycleRule, error) {
	var in lifecycleDocument
	if err := readXML(bytes.NewReader(body), "LifecycleConfiguration", &in); err != nil {
		return nil, err
	}
	var rules []LifecycleRule
	for i := range in.Rules {
		r, err := in.Rules[i].rule()
		if err == nil {
			err = r.check()
		}
		if err != nil {
			return nil, err
		}
		rules = append(rules, r)
	}
	return rules, nil
}

// ShowLifecycle is the inverse of ReadLifecycle.
func ShowLifecycle(rules []LifecycleRule) ([]byte, error) {
	var doc lifecycleDocument
	for i := range rules {
		doc.Rules = append(doc.Rules, rules[i].show())
	}
	return xml.Marshal(doc)
}

// ReadComplete and ReadDelete read the documents of CompleteMultipartUpload and DeleteObjects; they return how many parts
// and objects there are.
func ReadComplete(body []byte) (int, error) {
	var in completeDocument
	err := readXML(bytes.NewReader(body), "CompleteMultipartUpload", &in)
	return len(in.Parts), err
}

func ReadDelete(body []byte) (int, error) {
	var in deleteDocument
	err := readXML(bytes.NewReader(body), "Delete", &in)
	return len(in.Objects), err
}

// ParseRange is parseRange.
func ParseRange(text string, size int64) (from, to int64, ok bool) { return parseRange(text, size) }

// ValidBucket is validBucket.
func ValidBucket(name string) bool { return validBucket(name) }

// IsPublic is isPublic.
func IsPublic(document string) bool { return isPublic(document) }
