package awsapi_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"furl/internal/awsapi"
)

// echo is a server that remembers the input it got, and a client of it.
type echo struct {
	server *awsapi.Server
	client *awsapi.Client
	op     string
	in     any
	err    error
}

// newEcho serves a service whose operations answer nothing, or an error if they must answer something.
func newEcho(t testing.TB, s awsapi.Service) *echo {
	e := new(echo)
	s = stub(s, func(_ context.Context, in any) (any, error) { e.in = in; return nil, nil })
	e.server = newServer(t, awsapi.Hooks{Done: func(_ context.Context, op *awsapi.Operation, _ *http.Request, _ any, _ int, err error, _ time.Duration) {
		if e.err = err; op != nil {
			e.op = op.Name
		}
	}}, s)
	e.client = newClient(t, s, e.server)
	return e
}

// check sends a request to the server, which must not fail, and must read the same from what the client makes of what it
// read.
func (e *echo) check(t *testing.T, r *http.Request) {
	e.op, e.in, e.err = "", nil, nil
	rec := httptest.NewRecorder()
	e.server.ServeHTTP(rec, r)
	var refusal *awsapi.Error
	if e.err != nil && !errors.As(e.err, &refusal) || rec.Code >= 500 {
		t.Fatalf("status %d, %v", rec.Code, e.err)
	}
	switch body := rec.Body.Bytes(); {
	case len(body) == 0:
	case rec.Header().Get("Content-Type") == "application/json" && !json.Valid(body),
		rec.Header().Get("Content-Type") == "text/xml" && xml.Unmarshal(body, new(struct{})) != nil:
		t.Fatalf("body %q", body)
	}
	if e.in == nil {
		return
	}
	first := e.in
	if _, err := e.client.Do(t.Context(), e.op, first); err != nil {
		if refusal == nil && e.in != first {
			t.Fatalf("again: %v", err)
		}
		return
	}
	if !reflect.DeepEqual(first, e.in) {
		t.Fatalf("first %#v, then %#v", first, e.in)
	}
}

// voids turns the toys' operations into ones that answer nothing, so that a fuzz target needs no output.
func voids(s awsapi.Service) awsapi.Service {
	for i, op := range s.Operations {
		if op.Name == "Everything" {
			s.Operations[i] = awsapi.OpVoid(op.OpMeta, toy{}, func(toy, context.Context, *everything) error { return nil })
		}
	}
	return s
}

func FuzzRestJSON(f *testing.F) {
	f.Add("POST", "/v1/everything", `{"Name":"n","Must":["a"],"Weights":{"a":1},"Parts":[{"Key":"k"}],"Blob":"AA==","Time":1.5,"Nested":[["a"],[]]}`, "")
	f.Add("POST", "/v1/everything", ` {"Name":"\u00e9","Must":null,"Part":{"Key":"a","value":null},"x":[{"y":"]"}]}`, "")
	f.Add("PUT", "/v1/things/arn%3Aa/parts/%2F?param=1&tagKeys=a&tagKeys=", `{"Body":"x"}`, "true")
	f.Add("POST", "/v1/raw/..", "\x00raw", "false")
	e := newEcho(f, voids(restToy(toy{})))
	f.Fuzz(func(t *testing.T, method, target, body, header string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || !utf8.ValidString(header) {
			return
		}
		r := httptest.NewRequest("GET", "/", strings.NewReader(body))
		r.Method, r.URL = method, u
		if header != "" {
			r.Header.Set("X-Flag", header)
			r.Header.Set("X-Toy", header)
		}
		e.check(t, r)
	})
}

func FuzzQuery(f *testing.F) {
	f.Add("Action=Everything&Version=2020-02-02&Name=n&Must.member.1=a&Parts.member.2.Key=k&Weights.entry.1.key=a&Weights.entry.1.value=1&ByName.entry.1.key=a&ByName.entry.1.value.Key=b")
	f.Add("Action=Everything&Version=2020-02-02&Name=n&Must=&Nested.member.1.member.1=a&Time=2025-11-25T02:26:54Z&Blob=AA==&Part.Key=&Bool=TRUE")
	f.Add("Action=Everything&Version=2020-02-02&.=&..=&Name.=&Must.member=&Parts.member.01.Key=&Parts.member.1.Key=")
	f.Add("Action=Void&Version=2020-02-02")
	e := newEcho(f, voids(queryToy(toy{})))
	f.Fuzz(func(t *testing.T, form string) {
		e.check(t, httptest.NewRequest("POST", "/", strings.NewReader(form)))
	})
}

// fuzzReply feeds answers to a client, which must not panic, and checks that what it reads survives a round trip.
func fuzzReply(f *testing.F, s awsapi.Service) {
	var status int
	var body []byte
	strange := newClient(f, s, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-Errortype", "Some:http://x")
		w.WriteHeader(status)
		_, _ = w.Write(body)
	}))
	var answer any
	honest := newClient(f, s, newServer(f, awsapi.Hooks{}, stub(s, func(context.Context, any) (any, error) { return answer, nil })))
	f.Fuzz(func(t *testing.T, ok bool, b []byte) {
		if status, body = 200, b; !ok {
			status = 400
		}
		in := &everything{Name: "n", Must: []string{}}
		out, err := awsapi.Call[everything, everything](t.Context(), strange, "Everything", in)
		if err != nil {
			return
		}
		answer = out
		again, err := awsapi.Call[everything, everything](t.Context(), honest, "Everything", in)
		if err != nil {
			t.Fatal(err)
		}
		// A required list is on the wire even if the first answer left it out.
		if out.Must == nil {
			out.Must = []string{}
		}
		if fmt.Sprintf("%#v", normal(again)) != fmt.Sprintf("%#v", normal(out)) {
			t.Fatalf("first %#v, then %#v", out, again)
		}
	})
}

// normal replaces a structure's pointers by values that print, and drops what a round trip may round: fractions of
// times.
func normal(in *everything) []any {
	var flat []any
	v := reflect.ValueOf(*in)
	for i := range v.NumField() {
		value := v.Field(i)
		if value.Kind() == reflect.Pointer && !value.IsNil() {
			value = value.Elem()
		}
		switch x := value.Interface().(type) {
		case time.Time:
			flat = append(flat, x.Unix())
		case part:
			flat = append(flat, flatPart(x))
		case []part:
			for _, p := range x {
				flat = append(flat, flatPart(p))
			}
		case map[string]part:
			keys := map[string]any{}
			for k, p := range x {
				keys[k] = flatPart(p)
			}
			flat = append(flat, keys)
		default:
			flat = append(flat, x)
		}
	}
	return flat
}

// flatPart prints a part.
func flatPart(p part) string {
	if p.Value == nil {
		return fmt.Sprintf("%q", p.Key)
	}
	return fmt.Sprintf("%q=%q", p.Key, *p.Value)
}

func FuzzRestJSONResponse(f *testing.F) {
	f.Add(true, []byte(`{"Name":"n","Must":["a"],"Weights":{"a":1},"Parts":[{"Key":"k"}],"Blob":"AA==","Time":1.5}`))
	f.Add(false, []byte(`{"message":"m","Type":"User","Reason":"r","n":1}`))
	f.Add(false, []byte(`<html>`))
	s := restToy(toy{})
	s.Constraints = nil
	fuzzReply(f, s)
}

func FuzzQueryResponse(f *testing.F) {
	f.Add(true, []byte(`<EverythingResponse xmlns="x"><EverythingResult><Name>n</Name><Must><member>a</member></Must><Weights><entry><key>a</key><value>1</value></entry></Weights></EverythingResult></EverythingResponse>`))
	f.Add(true, []byte(`<?xml version="1.0"?><a><!-- c --><EverythingResult><Must/><Part><Key/></Part><Text><![CDATA[<]]></Text></EverythingResult></a>`))
	f.Add(false, []byte(`<ErrorResponse><Error><Type>Receiver</Type><Code>C</Code><Message>m</Message></Error></ErrorResponse>`))
	s := queryToy(toy{})
	s.Constraints = nil
	fuzzReply(f, s)
}

// FuzzJSONAgainstStandardLibrary compares the reader with encoding/json where the two must agree.
func FuzzJSONAgainstStandardLibrary(f *testing.F) {
	f.Add(`{"Tags":{"a":"b","a":"c","\u0041":"\n"}}`)
	f.Add(` { "Tags" : { } , "Tags" : null }`)
	f.Add(`{"Tags":{"a":"\ud800"},"Other":[[[{}]]]}`)
	type tags struct{ Tags map[string]string }
	s := awsapi.Service{Name: "tags", Operations: []awsapi.Operation{
		awsapi.OpVoid(awsapi.OpMeta{Name: "Tag", Method: "POST", URI: "/tags"}, toy{}, func(toy, context.Context, *tags) error { return nil }),
	}}
	e := newEcho(f, s)
	f.Fuzz(func(t *testing.T, body string) {
		e.in = nil
		send(t, e.server, wire{method: "POST", target: "/tags", body: body})
		var members map[string]json.RawMessage
		var want map[string]string
		err := json.Unmarshal([]byte(body), &members)
		if err == nil && members["Tags"] != nil {
			err = json.Unmarshal(members["Tags"], &want)
		}
		nulls := map[string]*string{}
		_ = json.Unmarshal(members["Tags"], &nulls)
		for _, value := range nulls {
			if value == nil {
				return // refused, which encoding/json does not
			}
		}
		if err != nil || !utf8.ValidString(body) {
			if e.in != nil && utf8.ValidString(body) && strings.TrimSpace(body) != "" {
				t.Fatalf("accepted, but %v", err)
			}
			return
		}
		if e.in == nil {
			t.Fatalf("refused: %v", e.err)
		}
		if got := e.in.(*tags).Tags; !reflect.DeepEqual(got, want) {
			t.Fatalf("got %#v, want %#v", got, want)
		}
	})
}

func FuzzJSONString(f *testing.F) {
	f.Add("a\"\\\n\r\t\x00\x7f<&>\u2028é😀")
	f.Add("\xff\xc3")
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal([]byte(awsapi.AppendJSONString(s)), &got); err != nil || got != strings.ToValidUTF8(s, "\uFFFD") && utf8.ValidString(s) {
			t.Fatalf("%q became %q, %v", s, got, err)
		}
	})
}

func FuzzMarker(f *testing.F) {
	f.Add("List", "a", "x")
	f.Fuzz(func(t *testing.T, operation, key, marker string) {
		_, next, err := awsapi.Page([]string{key, key + "z"}, identity, awsapi.Paging{Operation: operation, Size: 1})
		if err != nil || next == nil {
			t.Fatal(err)
		}
		page, _, err := awsapi.Page([]string{key, key + "z"}, identity, awsapi.Paging{Operation: operation, Marker: next})
		if err != nil || len(page) != 1 || page[0] != key+"z" {
			t.Fatalf("%v, %v", page, err)
		}
		if _, _, err := awsapi.Page([]string{key}, identity, awsapi.Paging{Operation: operation, Marker: &marker}); err == nil && marker != "" && marker != *next {
			t.Fatalf("marker %q passes", marker)
		}
	})
}
