package s3_test

import (
	"reflect"
	"strings"
	"testing"

	"furl/internal/s3"
)

func TestReadXML(t *testing.T) {
	const good = `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Part><ETag>"a"</ETag><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>`
	for name, tt := range map[string]struct {
		body string
		ok   bool
	}{
		"good":             {good, true},
		"with a prolog":    {`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + good + "\n", true},
		"without names":    {strings.Replace(good, ` xmlns="http://s3.amazonaws.com/doc/2006-03-01/"`, "", 1), true},
		"another root":     {"<Delete></Delete>", false},
		"not closed":       {good[:len(good)-3], false},
		"text before":      {"x" + good, false},
		"text after":       {good + "x", false},
		"two":              {good + good, false},
		"document type":    {`<!DOCTYPE x [<!ENTITY e "eeee">]>` + good, false},
		"entity":           {strings.Replace(good, `"a"`, "&e;", 1), false},
		"number":           {strings.Replace(good, ">1<", ">one<", 1), false},
		"nothing":          {"", false},
		"other characters": {`<?xml version="1.0" encoding="UTF-16"?>` + good, false},
	} {
		t.Run(name, func(t *testing.T) {
			if n, err := s3.ReadComplete([]byte(tt.body)); (err == nil) != tt.ok || tt.ok && n != 1 {
				t.Errorf("%d parts, %v", n, err)
			}
		})
	}
}

func TestParseRange(t *testing.T) {
	for text, want := range map[string][3]int64{ // from, to, 1 for a range
		"": {}, "bytes=0-0": {0, 0, 1}, "bytes=2-": {2, 9, 1}, "bytes=-3": {7, 9, 1}, "bytes=-30": {0, 9, 1}, "bytes=5-100": {5, 9, 1},
		"bytes=9-": {9, 9, 1}, "bytes=10-": {10, 10, 1}, "bytes=-0": {10, 10, 1}, "bytes=4-2": {}, "bytes=a-b": {}, "bytes=1-2,4-5": {}, "items=1-2": {}, "bytes=--1": {},
		"bytes=99999999999999999999-": {},
	} {
		from, to, ok := s3.ParseRange(text, 10)
		if ok != (want[2] == 1) || ok && (from != want[0] || to != want[1]) {
			t.Errorf("%q: %d to %d, %v; want %v", text, from, to, ok, want)
		}
	}
}

func TestValidBucket(t *testing.T) {
	for name, want := range map[string]bool{
		"abc": true, "a.b-c.9": true, "2015-03-31": true, strings.Repeat("a", 63): true, "ab": false, strings.Repeat("a", 64): false, "Abc": false,
		"a_b": false, "-ab": false, "ab-": false, "a..b": false, ".ab": false, "127.0.0.1": false, "xn--abc": false, "abc--x-s3": false, "a/b": false,
		"_furl": false, "_url": false, "ab\x00": false, "..": false, "äbc": false,
	} {
		if s3.ValidBucket(name) != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
}

func TestIsPublic(t *testing.T) {
	statement := func(rest string) string {
		return `{"Statement":[{"Effect":"Deny","Principal":"*"},{"Effect":"Allow","Action":"s3:GetObject","Resource":"x",` + rest + `}]}`
	}
	for rest, want := range map[string]bool{
		`"Principal":"*"`: true, `"Principal":{"AWS":"*"}`: true, `"Principal":{"AWS":["123456789012","*"]}`: true, `"Principal":{"AWS":"123456789012"}`: false,
		`"NotPrincipal":{"AWS":"123456789012"}`: true, `"Principal":{"Service":"lambda.amazonaws.com"}`: false,
		`"Principal":"*","Condition":{"StringEquals":{"aws:SourceAccount":"123456789012"}}`: false,
		`"Principal":"*","Condition":{"StringLike":{"aws:SourceAccount":"*"}}`:              true,
		`"Principal":"*","Condition":{"StringNotEquals":{"aws:SourceAccount":"1"}}`:         true,
		`"Principal":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}`:               true,
		`"Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":["10.0.0.0/8"]}}`:         false,
		`"Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":["0.0.0.0/0"]}}`:          true,
	} {
		if s3.IsPublic(statement(rest)) != want {
			t.Errorf("%s: want %v", rest, want)
		}
	}
}

// FuzzXML reads documents; lifecycle rules that are taken are the same after they were shown.
func FuzzXML(f *testing.F) {
	f.Add([]byte(`<LifecycleConfiguration><Rule><ID>a</ID><Filter><And><Prefix>p</Prefix><Tag><Key>k</Key><Value>v</Value></Tag></And></Filter><Status>Enabled</Status><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>`))
	f.Add([]byte(`<LifecycleConfiguration><Rule><Prefix/><Status>Disabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>`))
	f.Add([]byte(`<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>`))
	f.Add([]byte(`<Delete><Object><Key>k</Key></Object><Quiet>true</Quiet></Delete>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if n, err := s3.ReadComplete(body); err == nil && n > len(body) {
			t.Errorf("%d parts in %d bytes", n, len(body))
		}
		if n, err := s3.ReadDelete(body); err == nil && n > len(body) {
			t.Errorf("%d objects in %d bytes", n, len(body))
		}
		rules, err := s3.ReadLifecycle(body)
		if err != nil {
			return
		}
		shown, err := s3.ShowLifecycle(rules)
		if err != nil {
			t.Fatal(err)
		}
		again, err := s3.ReadLifecycle(shown)
		if err != nil || !reflect.DeepEqual(rules, again) {
			t.Errorf("%+v, shown %s, read as %+v, %v", rules, shown, again, err)
		}
	})
}
