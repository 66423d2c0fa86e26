package payload_test

import (
	"encoding/json"
	"strings"
	"testing"

	"furl/internal/payload"
)

// isJSON says what this package's scanner thinks of data: a result that is JSON comes back without its outer spaces.
func isJSON(data string) bool {
	r, err := payload.ParseResponse([]byte(`{"statusCode": 200, "body": [` + data + `]}`))
	return err == nil && len(r.Body) > 0 && r.Body[0] == '['
}

// TestScanner compares the scanner's verdict with encoding/json's.
func TestScanner(t *testing.T) {
	cases := []string{
		`{}`, `{"a":1}`, `{"a":1,}`, `{,}`, `{"a"}`, `{"a":}`, `{"a" 1}`, `{a:1}`, `{1:2}`, `{"a":1 "b":2}`, `{"a":1`, `{`, `{"a":1]`,
		`[]`, `[1,]`, `[,1]`, `[1 2]`, `[1`, `[`, `[[[]]]`, `[1}`, `]`, `}`,
		`"a"`, `"a`, `"\x"`, `"\u12"`, `"\u12g4"`, `"\u12G4"`, `"\u1234"`, `"\`, `"\"`, "\"\n\"", "\"\x1f\"", "\"\x7f\"", "\"\xff\"", `"\/"`,
		`0`, `-0`, `01`, `-`, `+1`, `.5`, `1.`, `1.5`, `1e`, `1e+`, `1e+5`, `1E-5`, `1.5e5`, `--1`, `0x1`, `1a`, `NaN`, `Infinity`,
		`true`, `false`, `null`, `tru`, `trux`, `True`, `nul`, `truefalse`, `12345678901234567890`, "\u00a01", "\v1", "\ufeff1",
		` { "a" : [ 1 , "b" , null ] , "c" : { } } `, strings.Repeat("[", 50) + strings.Repeat("]", 50),
	}
	for _, c := range cases {
		if got, want := isJSON(c), json.Valid([]byte(`[`+c+`]`)); got != want {
			t.Errorf("%q: got %v, want %v", c, got, want)
		}
	}
}

// TestDepth makes sure that nesting is bounded, at the same depth as in encoding/json.
func TestDepth(t *testing.T) {
	for _, depth := range []int{9999, 10000, 10001, 10002} {
		for _, pair := range []string{"[]", `{"a":|}`} {
			opening, closing, ok := strings.Cut(pair, "|")
			inner := "1"
			if !ok {
				opening, closing, inner = "[", "]", ""
			}
			text := strings.Repeat(opening, depth) + inner + strings.Repeat(closing, depth)
			r, err := payload.ParseResponse([]byte(" " + text))
			if err != nil {
				t.Fatal(err)
			}
			if got, want := len(r.Body) == len(text), json.Valid([]byte(text)); got != want {
				t.Errorf("depth %d of %s: JSON %v, want %v", depth, pair, got, want)
			}
		}
	}
	if r, err := payload.ParseResponse([]byte(strings.Repeat("[", 1<<20))); err != nil || len(r.Body) != 1<<20 {
		t.Errorf("a million brackets: %v", err)
	}
}
