package cwlogs_test

import (
	"errors"
	"strings"
	"testing"

	"furl/internal/cwlogs"
)

// The messages and patterns are those of CloudWatch Logs' documentation, "Filter pattern syntax".

var unstructured = []string{
	"[ERROR 400] BAD REQUEST",
	"[ERROR 401] UNAUTHORIZED REQUEST",
	"[ERROR 419] MISSING ARGUMENTS",
	"[ERROR 420] INVALID ARGUMENTS",
	"INTERNAL SERVER ERROR 500",
	"[INFO] all good",
}

func TestTerms(t *testing.T) {
	tests := []struct{ pattern, want string }{
		{"", "012345"},
		{" ", "012345"},
		{"ERROR", "01234"},
		{"error", ""},
		{"ERROR ARGUMENTS", "23"},
		{"?ERROR ?INFO", "012345"},
		{"?ARGUMENTS ?INFO", "235"},
		{`"INTERNAL SERVER ERROR"`, "4"},
		{`"BAD REQUEST"`, "0"},
		{`"ERROR 401"`, "1"},
		{"ERROR -ARGUMENTS", "014"},
		{`-"ERROR" `, "5"},
		{"?INFO REQUEST", "01"}, // documented: the question mark is ignored beside others
		{"%ERROR 4[0-1]%", "012"},
		{`%BAD|good%`, "05"},
		{`%\[INFO\]%`, "5"},
		{`"[INFO]"`, "5"},
	}
	for _, tt := range tests {
		check(t, tt.pattern, tt.want, unstructured)
	}
}

// check tells of a pattern that does not select the messages whose numbers are wanted.
func check(t *testing.T, pattern, want string, messages []string) {
	t.Helper()
	p, err := cwlogs.ParsePattern(pattern)
	if err != nil {
		t.Errorf("%s: %v", pattern, err)
		return
	}
	got := ""
	for i, m := range messages {
		if p.Match(m) {
			got += string(rune('0' + i))
		}
	}
	if got != want {
		t.Errorf("%s selects %q, want %q", pattern, got, want)
	}
}

const trail = `{
	"eventType": "UpdateTrail",
	"sourceIPAddress": "111.111.111.111",
	"arrayKey": ["value", "another value"],
	"objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
	"SomeObject": null,
	"ThisFlag": true,
	"OtherFlag": false,
	"cluster.name": "c",
	"errorCode": 400,
	"code": "400",
	"latency": 1.5e2,
	"user": {"id": 1, "email": "John.Stiles@example.com"},
	"users": [{"id": 2, "email": "John.Doe@example.com"}, {"id": 3, "email": "Jane.Doe@example.com"}],
	"actions": ["GET", "PUT", "DELETE"],
	"coordinates": [[0, 1, 2], [4, 5, 6], [7, 8, 9]]
}`

func TestJSON(t *testing.T) {
	for pattern, want := range map[string]bool{
		`{ $.eventType = "UpdateTrail" }`:     true,
		`{$.eventType="UpdateTrail"}`:         true,
		`{ $.eventType = UpdateTrail }`:       true,
		`{ $.eventType = "Update*" }`:         true,
		`{ $.eventType = *Trail }`:            true,
		`{ $.eventType = * }`:                 true,
		`{ $.eventType = "updateTrail" }`:     false,
		`{ $.eventType != "UpdateTrail" }`:    false,
		`{ $.sourceIPAddress != 123.123.* }`:  true,
		`{ $.sourceIPAddress = 111.111.* }`:   true,
		`{ $.arrayKey[0] = "value" }`:         true,
		`{ $.arrayKey[1] = "value" }`:         false,
		`{ $.arrayKey[7] = "value" }`:         false,
		`{ $.arrayKey = "value" }`:            false,
		`{ $.arrayKey[*] = "another value" }`: true,
		`{ $.objectList[1].id = 2 }`:          true,
		`{ $.objectList[*].id = 2 }`:          true,
		`{ $.objectList[*].id = 3 }`:          false,
		`{ $.SomeObject IS NULL }`:            true,
		`{ $.eventType IS NULL }`:             false,
		`{ $.SomeOtherObject IS NULL }`:       false,
		`{ $.SomeOtherObject NOT EXISTS }`:    true,
		`{ $.SomeObject NOT EXISTS }`:         false,
		`{ $.SomeObject EXISTS }`:             true,
		`{ $.ThisFlag IS TRUE }`:              true,
		`{ $.ThisFlag IS FALSE }`:             false,
		`{ $.OtherFlag IS FALSE }`:            true,
		`{ $.errorCode >= 400 }`:              true,
		`{ $.errorCode > 400 }`:               false,
		`{ $.errorCode = 4e2 }`:               true,
		`{ $.errorCode = "400" }`:             false,
		`{ $.errorCode != "x" }`:              true,
		`{ $.code = 400 }`:                    true,
		`{ $.code > 300 }`:                    false,
		`{ $.latency = 150 }`:                 true,
		`{ $.latency < -1 }`:                  false,
		`{ $.missing != 1 }`:                  false,
		`{ $['cluster.name'] = "c" }`:         true,
		`{ $.["cluster.name"] = "c" }`:        true,
		`{ $.user.id = 1 }`:                   true,
		`{ ($.user.id = 1) && ($.users[0].email = "John.Doe@example.com") }`:                         true,
		`{ $.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = "nonmatch" }`:           true,
		`{ ($.user.id = 2 && $.users[0].email = "nonmatch") || $.actions[2] = "GET" }`:               false,
		`{ ($.user.email = "John.Stiles@example.com" || $.coordinates[0][1] = 9) && $.user.id = 2 }`: false,
		`{ $.coordinates[0][1] = 1 }`: true,
		`{ $.actions[*] = %DEL.*% }`:  true,
		`{ $.eventType = %Trail% }`:   true,
		`{ $.sourceIPAddress = %111\.1[0-9]{2}\..*% && $.eventType != %^Create% }`: true,
		`{ $.user.* = 1 }`: true,
		`{ $.user.id = 1 && $.user.id = 2 || $.ThisFlag IS TRUE }`:    true,
		`{ $.user.id = 1 || $.user.id = 2 && $.OtherFlag IS TRUE }`:   true,
		`{ ($.user.id = 1 || $.user.id = 2) && $.OtherFlag IS TRUE }`: false,
		`{ $.user = 1 }`: false,
	} {
		p, err := cwlogs.ParsePattern(pattern)
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
		} else if got := p.Match(trail); got != want {
			t.Errorf("%s: %t", pattern, got)
		} else if p.Match("no JSON") || p.Match(`["a"]`) || p.Match(trail+"x") {
			t.Errorf("%s selects what is no object", pattern)
		}
	}
}

func TestFields(t *testing.T) {
	requests := []string{
		`127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534`,
		`127.0.0.1 Prod frank [10/Oct/2000:13:35:22 -0700] "GET /about-us/index.html HTTP/1.0" 500 5324`,
		`127.0.0.1 Prod frank [10/Oct/2000:13:50:35 -0700] "GET /apache_pb.gif HTTP/1.0" 200 4355`,
		`10.0.0.9 Prod - [10/Oct/2000:13:50:35 -0700] "PUT /x HTTP/1.0" 410 12`,
	}
	for _, tt := range []struct{ pattern, want string }{
		{`[ip, user, username, timestamp, request, status_code, bytes]`, "0123"},
		{`[ip, user, username, timestamp, request =*.html*, status_code = 4*, bytes]`, "0"},
		{`[ip, user, username, timestamp, request, status_code = 404 || status_code = 410, bytes]`, "03"},
		{`[ip, user, username, timestamp, request, status_code >= 400 && status_code != 410, bytes > 2000]`, "1"},
		{`[..., status_code=4*, bytes]`, "03"},
		{`[ip=10.*, ...]`, "3"},
		{`[ip, ..., bytes < 100]`, "3"},
		{`[ip=%127\.0\.0\.[1-9]%, user, username, timestamp, request =*.html*, status_code = 4*, bytes]`, "0"},
		{`[,,,,request="PUT *",,]`, "3"},
		{`[a, b, c, d, e, f, g, h]`, ""},
	} {
		check(t, tt.pattern, tt.want, requests)
	}
	words := []string{"ERROR 401 UNAUTHORIZED REQUEST", "WARN disk", "INFO", "[ERROR] x", "FATALERROR y"}
	for _, tt := range []struct{ pattern, want string }{
		{`[w1=ERROR, w2]`, "03"},
		{`[w1=ERROR || w1=WARN, w2]`, "013"},
		{`[w1!=ERROR&&w1!=WARN, w2]`, "4"},
		{`[w1=%ERROR%, w2]`, "034"},
		{`[w1]`, "01234"},
		{`[w1=INFO]`, "2"},
		{`[...]`, "01234"},
	} {
		check(t, tt.pattern, tt.want, words)
	}
}

func TestExtract(t *testing.T) {
	for _, tt := range []struct{ pattern, message, name, want string }{
		{`[ip, ..., size]`, `1.2.3.4 a b "c d"`, "$size", "c d"},
		{`[ip, ..., size]`, `1.2.3.4 a b "c d"`, "$ip", "1.2.3.4"},
		{`[, rest]`, `a b c`, "$rest", "b c"},
		{`{ $.a.b > 1 }`, `{"a":{"b":2}}`, "$.a.b", "2"},
		{`{ $.a = "x" }`, `{"a":"x"}`, "$.a", "x"},
	} {
		p, err := cwlogs.ParsePattern(tt.pattern)
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
		} else if got := p.Extract(tt.message)[tt.name]; got != tt.want {
			t.Errorf("%s: %s is %q, want %q", tt.pattern, tt.name, got, tt.want)
		}
	}
}

func TestBadPatterns(t *testing.T) {
	for _, pattern := range []string{
		`foo:bar`, `"open`, `- ERROR`, `?`, `%open`, `%a(b)%`, `%a!%`, `%%`, `%[%`, `%a% %b% %c%`,
		`{`, `{}`, `{ a = 1 }`, `{ $ = 1 }`, `{ $. = 1 }`, `{ $.a }`, `{ $.a = }`, `{ $.a ~ 1 }`, `{ $.a > x }`, `{ $.a > "1" }`,
		`{ $.a = 1 } x`, `{ $.a = 1 &&  }`, `{ ($.a = 1 }`, `{ $.a = 1) }`, `{ $.a[x] = 1 }`, `{ $.a[-1] = 1 }`, `{ $.a[1 = 1 }`,
		`{ $.a IS SET }`, `{ $.a NOT NULL }`, `{ $['a = 1 }`, strings.Repeat("(", 9) + `$.a=1`,
		`[`, `[a`, `[a,`, `[a b]`, `[a=]`, `[a > x]`, `[a, ..., b, ...]`, `[a] b`, `[a=1 || b=2]`,
		`{` + strings.Repeat("(", 1000) + `$.a = 1` + strings.Repeat(")", 1000) + `}`,
	} {
		if _, err := cwlogs.ParsePattern(pattern); !errors.Is(err, cwlogs.ErrPattern) {
			t.Errorf("%.40s: %v", pattern, err)
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, seed := range []string{
		`ERROR -"a b" ?c %d+%`, `{ ($.a.b[0] = "x*" || $.c IS NULL) && $['d'] >= 1e3 }`, `[ip, ..., s=4* || s!=%x%, "b"]`, `{ $.*[*] NOT EXISTS }`,
	} {
		f.Add(seed, `{"a":{"b":["xy"]},"d":1000}`)
		f.Add(seed, `1.2.3.4 "a b" [c d] 404`)
	}
	f.Fuzz(func(t *testing.T, pattern, message string) {
		p, err := cwlogs.ParsePattern(pattern)
		if err != nil {
			if !errors.Is(err, cwlogs.ErrPattern) {
				t.Errorf("%v is no ErrPattern", err)
			}
			return
		}
		if first := p.Match(message); first != p.Match(message) {
			t.Error("not the same twice")
		}
		p.Extract(message)
	})
}
