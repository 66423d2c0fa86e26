package payload_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"furl/internal/payload"
)

const nul8 = "\x00\x00\x00\x00\x00\x00\x00\x00"

func TestParsePrelude(t *testing.T) {
	octets := typed("application/octet-stream")
	cases := []struct {
		name, data string
		want       payload.Prelude
		rest       string
	}{
		{"full", `{"statusCode":201,"headers":{"Content-Type":"text/html","X-A":"b"},"cookies":["a=1"]}` + nul8 + "<p>",
			payload.Prelude{Status: 201, Header: []payload.HeaderField{{Name: "Content-Type", Value: "text/html"}, {Name: "X-A", Value: "b"}},
				Cookies: []string{"a=1"}}, "<p>"},
		{"empty object, row P2", `{}` + nul8, payload.Prelude{Status: 200, Header: octets}, ""},
		{"status instead of statusCode", `{"status":404}` + nul8, payload.Prelude{Status: 200, Header: octets}, ""},
		{"statusCode null, P3", `{"statusCode":null}` + nul8, payload.Prelude{Status: 200, Header: octets}, ""},
		{"numeric string", ` {"statusCode":"404"} ` + nul8, payload.Prelude{Status: 404, Header: octets}, ""},
		{"body begins with NULs", `{}` + nul8 + nul8 + "\x00x", payload.Prelude{Status: 200, Header: octets}, nul8 + "\x00x"},
		{"remapped, as when buffered", `{"headers":{"content-length":5,"transfer-encoding":"chunked","content-type":"t"}}` + nul8,
			payload.Prelude{Status: 200, Header: append(typed("t")[:0:0],
				payload.HeaderField{Name: "x-amzn-Remapped-content-length", Value: "5"}, payload.HeaderField{Name: "Content-Type", Value: "t"})}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			head := len(c.data) - len(c.rest)
			for n := range len(c.data) + 1 {
				p, rest, complete, err := payload.ParsePrelude([]byte(c.data[:n]))
				if err != nil {
					t.Fatalf("after %d bytes: %v", n, err)
				}
				if complete != (n >= head) {
					t.Fatalf("after %d bytes: complete %v", n, complete)
				}
				if complete && (!reflect.DeepEqual(p, c.want) || string(rest) != c.data[head:n]) {
					t.Fatalf("after %d bytes: got %v %q, want %v", n, p, rest, c.want)
				}
			}
		})
	}
}

func TestParsePreludeErrors(t *testing.T) {
	spaces := strings.Repeat(" ", payload.MaxPrelude)
	cases := []struct{ name, data, message string }{
		{"no object", "[", `stream begins with '[', not with a JSON object`},
		{"plain text", " hello", `stream begins with 'h'`},
		{"only NULs", nul8, `stream begins with '\x00'`},
		{"short delimiter", "{}\x00\x00x", "followed by fewer than 8 NUL bytes"},
		{"seven NULs", "{}" + nul8[:7] + "x", "followed by fewer than 8 NUL bytes"},
		{"no JSON", "{a}" + nul8, "prelude is not a JSON object"},
		{"text after it", "{} x" + nul8, "prelude is not a JSON object"},
		{"cut off", `{"a":` + nul8, "prelude is not a JSON object"},
		{"status", `{"statusCode":99}` + nul8, "statusCode is 99"},
		{"headers", `{"headers":[]}` + nul8, "headers is []"},
		{"header value", `{"headers":{"a":"\n"}}` + nul8, "control characters"},
		{"cookies", `{"cookies":{}}` + nul8, "cookies is {}"},
		{"too long", "{" + spaces, "no prelude within the first 65536 bytes"},
		{"too long, complete", "{" + spaces + "}" + nul8, "no prelude within the first 65536 bytes"},
		{"only spaces", spaces + " ", "no prelude within the first 65536 bytes"},
	}
	for _, c := range cases {
		p, rest, complete, err := payload.ParsePrelude([]byte(c.data))
		if err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: error %v, want %q", c.name, err, c.message)
		}
		if complete || rest != nil || !reflect.DeepEqual(p, payload.Prelude{}) {
			t.Errorf("%s: got %v %q %v beside an error", c.name, p, rest, complete)
		}
	}
	if _, _, complete, err := payload.ParsePrelude([]byte("{" + spaces[:payload.MaxPrelude-2] + "}" + nul8)); err != nil || !complete {
		t.Errorf("longest prelude: %v, %v", complete, err)
	}
}

func TestPreludeWriteHeader(t *testing.T) {
	p, rest, _, err := payload.ParsePrelude([]byte(`{"statusCode":202,"headers":{"content-type":"text/event-stream"},"cookies":["a=1"]}` + nul8 + "data: 1\n\n"))
	if err != nil {
		t.Fatal(err)
	}
	answer, body, wire := exchange(t, "GET", func(w http.ResponseWriter, _ *http.Request) {
		p.WriteHeader(w)
		_, _ = w.Write(rest)
		_ = http.NewResponseController(w).Flush()
	})
	if answer.StatusCode != 202 || string(body) != "data: 1\n\n" || answer.Header.Get("Content-Type") != "text/event-stream" ||
		answer.Header.Get("Set-Cookie") != "a=1" || answer.ContentLength != -1 {
		t.Errorf("got\n%s", wire)
	}
}
