package arn_test

import (
	"errors"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"furl/internal/arn"
)

func TestParseFunctionName(t *testing.T) {
	const account, region = "111122223333", "us-east-1"
	tests := []struct {
		in   string
		want arn.FunctionName
	}{
		{"hello", arn.FunctionName{Name: "hello"}},
		{"a.b-c_D9", arn.FunctionName{Name: "a.b-c_D9"}},
		{"hello:live", arn.FunctionName{Name: "hello", Qualifier: "live"}},
		{"hello:42", arn.FunctionName{Name: "hello", Qualifier: "42"}},
		{"hello:$LATEST", arn.FunctionName{Name: "hello", Qualifier: "$LATEST"}},
		{"hello:$LATEST.PUBLISHED", arn.FunctionName{Name: "hello", Qualifier: "$LATEST.PUBLISHED"}},
		{"function:hello", arn.FunctionName{Name: "hello"}},
		{"function:hello:live", arn.FunctionName{Name: "hello", Qualifier: "live"}},
		{account + ":function:hello", arn.FunctionName{Account: account, Name: "hello"}},
		{account + ":function:hello:1", arn.FunctionName{Account: account, Name: "hello", Qualifier: "1"}},
		{"arn:aws:lambda:us-east-1:111122223333:function:hello",
			arn.FunctionName{Partition: "aws", Region: region, Account: account, Name: "hello"}},
		{"arn:aws:lambda:us-east-1:111122223333:function:hello:$LATEST",
			arn.FunctionName{Partition: "aws", Region: region, Account: account, Name: "hello", Qualifier: "$LATEST"}},
		{"arn:aws-us-gov:lambda:us-gov-west-1:111122223333:function:hello:live",
			arn.FunctionName{Partition: "aws-us-gov", Region: "us-gov-west-1", Account: account, Name: "hello", Qualifier: "live"}},
		{"arn:aws-iso-b:lambda:us-isob-east-1:111122223333:function:hello",
			arn.FunctionName{Partition: "aws-iso-b", Region: "us-isob-east-1", Account: account, Name: "hello"}},
		{"arn:aws-eusc:lambda:eusc-de-east-1:111122223333:function:hello",
			arn.FunctionName{Partition: "aws-eusc", Region: "eusc-de-east-1", Account: account, Name: "hello"}},
		// Nothing may be left over for the name, so these are names.
		{"function", arn.FunctionName{Name: "function"}},
		{"arn:aws:lambda:us-east-1:111122223333:function",
			arn.FunctionName{Partition: "aws", Region: region, Account: account, Name: "function"}},
		{"function:function:function", arn.FunctionName{Name: "function", Qualifier: "function"}},
		{account, arn.FunctionName{Name: account}},
		{"us-east-1", arn.FunctionName{Name: region}},
		// Odd spellings that the pattern allows.
		{account + ":hello", arn.FunctionName{Account: account, Name: "hello"}},
		{"us-east-1:111122223333:function:hello", arn.FunctionName{Region: region, Account: account, Name: "hello"}},
		{"arn:aws:lambda:hello:1", arn.FunctionName{Partition: "aws", Name: "hello", Qualifier: "1"}},
		{"function:$LATEST", arn.FunctionName{Name: "function", Qualifier: "$LATEST"}},
		{"us-east-1:111122223333:$LATEST", arn.FunctionName{Region: region, Name: account, Qualifier: "$LATEST"}},
		{"arn:hello", arn.FunctionName{Name: "arn", Qualifier: "hello"}},
	}
	for _, tt := range tests {
		if got, err := arn.ParseFunctionName(tt.in); err != nil || got != tt.want {
			t.Errorf("ParseFunctionName(%q) = %+v, %v; want %+v", tt.in, got, err, tt.want)
		}
	}
}

func TestParseFunctionNameRefuses(t *testing.T) {
	for _, in := range []string{
		"", ":", "hello:", ":live", "hello:$latest", "hello:a.b", "hello:live:more", "héllo", "hello world", "hello\n",
		"function:", "function::live", "11112222333:function:hello", "arn:aws:lambda:us-east-1:111122223333:function:",
		"arn:aws:lambda:us-east-1:111122223333:layer:hello:1", "arn:aws:s3:::hello", "arn:gcp:lambda:us-east-1:111122223333:function:f",
		"arn:aws:lambda:us-east-1:1111:function:f", "arn:aws:lambda:nowhere:111122223333:function:f", "arn:aws:lambda:",
	} {
		if got, err := arn.ParseFunctionName(in); !errors.Is(err, arn.ErrSyntax) {
			t.Errorf("ParseFunctionName(%q) = %+v, %v; want ErrSyntax", in, got, err)
		}
	}
}

// namespaced is the pattern of the Lambda service model's NamespacedFunctionName.
const namespaced = `^(?:(arn:(aws[a-zA-Z-]*)?:lambda:)?((?:eusc-)?[a-z]{2}(?:(?:-gov)|(?:-iso(?:[a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?` +
	`(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?)$`

// checkAgainstPattern compares ParseFunctionName with the service model's pattern: the verdict and every group.
func checkAgainstPattern(t *testing.T, re *regexp.Regexp, s string) {
	t.Helper()
	got, err := arn.ParseFunctionName(s)
	m := re.FindStringSubmatch(s)
	if (m == nil) != (err != nil) {
		t.Fatalf("ParseFunctionName(%q) = %+v, %v; the pattern gives %q", s, got, err, m)
	}
	var want arn.FunctionName
	if m != nil {
		want = arn.FunctionName{
			Partition: m[2], Region: strings.TrimSuffix(m[3], ":"), Account: strings.TrimSuffix(m[4], ":"),
			Name: m[6], Qualifier: m[8],
		}
	}
	if got != want {
		t.Fatalf("ParseFunctionName(%q) = %+v, want %+v", s, got, want)
	}
}

func TestParseFunctionNameFollowsThePattern(t *testing.T) {
	re := regexp.MustCompile(namespaced)
	parts := []string{
		"arn", "aws", "aws-cn", "", "lambda", "us-east-1", "us-gov-west-1", "us-iso-east-1", "us-isoc-east-1", "us-isocc-east-1",
		"eusc-de-east-1", "eusc-eusc-1", "us--1", "us-east-12", "111122223333", "11112222333", "function", "hello", "a.b",
		"$LATEST", "$LATEST.PUBLISHED", "$latest", "live", "1", "s3",
	}
	rng := rand.New(rand.NewPCG(1, 2))
	matched := 0
	for range 50_000 {
		picked := make([]string, 1+rng.IntN(7))
		for i := range picked {
			picked[i] = parts[rng.IntN(len(parts))]
		}
		s := strings.Join(picked, ":")
		checkAgainstPattern(t, re, s)
		if re.MatchString(s) {
			matched++
		}
	}
	if matched < 500 {
		t.Errorf("only %d of the names matched the pattern: the test shows little", matched)
	}
}

func FuzzParseFunctionName(f *testing.F) {
	for _, s := range []string{
		"hello", "hello:live", "function", "function:hello:$LATEST", "111122223333:function:hello",
		"arn:aws:lambda:us-east-1:111122223333:function:hello:1", "us-gov-east-1:f", "arn::lambda:f", ":",
	} {
		f.Add(s)
	}
	re := regexp.MustCompile(namespaced)
	f.Fuzz(func(t *testing.T, s string) { checkAgainstPattern(t, re, s) })
}
