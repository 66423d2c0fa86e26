package awsapi_test

import (
	"testing"

	"furl/internal/awsapi"
)

func TestPatterns(t *testing.T) {
	const (
		urlName   = `(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?([a-zA-Z0-9-_]{1,64})(:((?!\d+$)[0-9a-zA-Z-_]+))?`
		qualifier = `((?!^\d+$)^[0-9a-zA-Z-_]+$)`
		bucket    = `[0-9A-Za-z\.\-_]*(?<!\.)`
		document  = `[\u0009\u000A\u000D\u0020-\u00FF]+`
		either    = `a|b`
		fileArn   = `x$|^y`
		alias     = `^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`
	)
	tests := []struct {
		pattern, text string
		want          bool
	}{
		{urlName, "f", true},
		{urlName, "f:live", true},
		{urlName, "f:1", false},
		{urlName, "f:1a", true},
		{urlName, "f:$LATEST", false},
		{urlName, "function:f", true},
		{urlName, "function:1", true}, // a function called 1
		{urlName, "function:f:1", false},
		{urlName, "123456789012:function:f:live", true},
		{urlName, "arn:aws:lambda:us-east-1:123456789012:function:f", true},
		{urlName, "arn:aws:lambda:us-east-1:123456789012:function:f:7", false},
		{urlName, "arn:aws:lambda:us-east-1:123456789012:function:f:v7", true},
		{urlName, "f\n", false},
		{qualifier, "live", true},
		{qualifier, "7", false},
		{qualifier, "7a", true},
		{qualifier, "$LATEST", false},
		{qualifier, "", false},
		{bucket, "b", true},
		{bucket, "b.c", true},
		{bucket, "b.", false},
		{bucket, "", true},
		{document, "{\t\r\n}ÿ", true},
		{document, "\u0100", false},
		{document, "\x0b", false},
		{either, "a", true},
		{either, "ab", false},
		{fileArn, "x", true},
		{fileArn, "y", true},
		{fileArn, "xy", false},
		{alias, "my-account-1", true},
		{alias, "my--account", false},
		{alias, "-account", false},
		{alias, "account-", false},
		{alias, "ab", false},
		{alias, "Account", false},
	}
	for _, test := range tests {
		got, err := awsapi.MatchPattern(test.pattern, test.text)
		if err != nil || got != test.want {
			t.Errorf("%s on %q: %v, %v, want %v", test.pattern, test.text, got, err, test.want)
		}
	}
}

func TestUnknownLookaround(t *testing.T) {
	for _, pattern := range []string{`(?!a)b`, `a(?=b)`, `(?<!a)b`, `(a`} {
		if err := awsapi.CheckPattern(pattern); err == nil {
			t.Errorf("%s passes", pattern)
		}
	}
}
