package arn_test

import (
	"errors"
	"testing"

	"furl/internal/arn"
)

func TestParse(t *testing.T) {
	tests := []struct {
		in   string
		want arn.ARN
	}{
		{"arn:aws:lambda:us-east-1:111122223333:function:hello:live",
			arn.ARN{Partition: "aws", Service: "lambda", Region: "us-east-1", Account: "111122223333", Resource: "function:hello:live"}},
		{"arn:aws:iam::111122223333:user/team/alice",
			arn.ARN{Partition: "aws", Service: "iam", Account: "111122223333", Resource: "user/team/alice"}},
		{"arn:aws-cn:s3:::bucket/key", arn.ARN{Partition: "aws-cn", Service: "s3", Resource: "bucket/key"}},
		{"arn:aws:lambda:*:*:function:*",
			arn.ARN{Partition: "aws", Service: "lambda", Region: "*", Account: "*", Resource: "function:*"}},
	}
	for _, tt := range tests {
		got, err := arn.Parse(tt.in)
		if err != nil || got != tt.want {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", tt.in, got, err, tt.want)
		}
		if got.String() != tt.in {
			t.Errorf("Parse(%q).String() = %q", tt.in, got)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{
		"", "arn", "arn:", "ARN:aws:s3:::b", "aws:s3:::b", "arn:aws:s3::b",
		"arn::s3:::b", "arn:aws::::b", "arn:aws:s3:::", "arn:aws:lambda:us-east-1:111122223333",
	} {
		if got, err := arn.Parse(in); !errors.Is(err, arn.ErrSyntax) {
			t.Errorf("Parse(%q) = %+v, %v; want ErrSyntax", in, got, err)
		}
	}
}

func TestBuild(t *testing.T) {
	const account = "111122223333"
	tests := []struct{ got, want string }{
		{arn.Function("eu-west-1", account, "hello", ""), "arn:aws:lambda:eu-west-1:111122223333:function:hello"},
		{arn.Function("eu-west-1", account, "hello", "$LATEST"), "arn:aws:lambda:eu-west-1:111122223333:function:hello:$LATEST"},
		{arn.User(account, "/", "alice"), "arn:aws:iam::111122223333:user/alice"},
		{arn.User(account, "", "alice"), "arn:aws:iam::111122223333:user/alice"},
		{arn.User(account, "/team/a/", "alice"), "arn:aws:iam::111122223333:user/team/a/alice"},
		{arn.Role(account, "/service-role/", "r"), "arn:aws:iam::111122223333:role/service-role/r"},
		{arn.AssumedRole(account, "r", "s"), "arn:aws:sts::111122223333:assumed-role/r/s"},
		{arn.Root(account), "arn:aws:iam::111122223333:root"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
		if a, err := arn.Parse(tt.got); err != nil || a.String() != tt.got {
			t.Errorf("Parse(%q) = %q, %v", tt.got, a, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "arn:", "arn:aws:iam::1:root", "arn:aws:lambda:us-east-1:111122223333:function:f:1", "arn:::::::"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := arn.Parse(s)
		if err != nil {
			if a != (arn.ARN{}) {
				t.Errorf("Parse(%q) = %+v beside %v", s, a, err)
			}
			return
		}
		if a.String() != s {
			t.Errorf("Parse(%q).String() = %q", s, a)
		}
	})
}
