package policy_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"furl/internal/policy"
)

func FuzzParse(f *testing.F) {
	for kind := range uint8(7) {
		f.Add([]byte(version2012(statement("Condition", `{"ForAllValues:StringLike":{"aws:TagKeys":["a*","${aws:username, 'x'}"]},"DateLessThan":{"a":"2020-01-01T00:00:00.5+01:00"}}`))), kind)
		f.Add([]byte(version2012(to("Deny", `{"AWS":["*","111122223333"],"Service":"s3.amazonaws.com"}`))), kind)
		f.Add([]byte(`{"Version":"2012-10-17","Id":"x","Statement":{"Sid":"a","Effect":"Allow","Principal":{"Federated":"accounts.google.com"},"Action":"sts:AssumeRole"}}`), kind)
		f.Add([]byte(`{"Statement":[{"Effect":"Allow","NotAction":["\u0061:b"],"NotResource":"arn:aws:iam","Condition":{"Null":{"k":[true,1e5,"x"]}}}]}`), kind)
		f.Add([]byte(`[[[["\`), kind)
	}
	f.Fuzz(func(t *testing.T, doc []byte, kind uint8) {
		p, err := policy.Parse(doc, policy.Kind(kind))
		if err != nil {
			var fault *policy.SyntaxError
			if !errors.As(err, &fault) || fault.Message == "" || fault.At.Line < 1 || fault.At.Column < 1 {
				t.Fatalf("error %#v", err)
			}
			return
		}
		if !json.Valid(doc) {
			t.Fatal("accepted what is not JSON")
		}
		if p.Size() > utf8.RuneCount(doc) || p.Size() <= 0 {
			t.Fatalf("size %d", p.Size())
		}
		lines := strings.Split(string(doc), "\n")
		for _, s := range p.Statements() {
			if brace := []rune(lines[s.Start.Line-1])[s.Start.Column-2]; brace != '{' {
				t.Fatalf("statement starts after %q", brace)
			}
			if brace := []rune(lines[s.End.Line-1])[s.End.Column-2]; brace != '}' {
				t.Fatalf("statement ends with %q", brace)
			}
		}
		ids := map[string]string{}
		for _, arn := range p.PrincipalARNs() {
			ids[arn] = "AIDANOBODY"
		}
		in := policy.Input{Request: request(user("bob")), Resource: &policy.Source{Policy: p.BindPrincipals(ids)}}
		if policy.Explain(in).Decision != policy.Decide(in) {
			t.Fatal("Explain and Decide differ")
		}
	})
}

// FuzzDecide asks any documents any questions, and lets the seed drive the comparison with the naive evaluator.
func FuzzDecide(f *testing.F) {
	f.Add(uint64(1), version2012(statement()), version2012(to("Allow", `"*"`)), "s3:ListBucket", "arn:aws:s3:::b", "aws:username", "bob")
	f.Add(uint64(2), version2012(statement("Resource", `"arn:aws:s3:::${aws:username}*"`, "Condition", `{"StringNotLike":{"k":"a?*"}}`)), `{}`, "s3:ListBucket", "arn:aws:s3:::\xffb", "k", "\xfeb")
	f.Add(uint64(3), version2012(statement("Condition", `{"IpAddress":{"k":"10.0.0.0/8"},"NumericLessThan":{"k":"5"},"DateLessThan":{"k":"5"}}`)), `{}`, "s3:ListBucket", "*", "k", "::ffff:10.0.0.1")
	f.Add(uint64(4), version2012(statement("Condition", `{"ArnLike":{"k":"arn:*:s3:::*"},"BinaryEquals":{"k":"QQ=="},"Bool":{"k":"true"}}`)), `{}`, "", "a:b:c:d:e", "k", "arn:aws:s3:::x")
	f.Fuzz(func(t *testing.T, seed uint64, identity, resource, action, resourceARN, key, value string) {
		g := generator{rand.New(rand.NewPCG(seed, 2))}
		checkProperties(t, g)
		in := policy.Input{Request: policy.Request{Action: action, Resource: resourceARN, ResourceAccount: account, Principal: g.caller()}}
		ctx := policy.ContextMap{}
		ctx.Set(key, policy.One(value))
		in.Request.Context = ctx
		if p, err := policy.Parse([]byte(identity), policy.Identity); err == nil {
			in.Identity = []policy.Source{{Policy: p}}
		}
		if p, err := policy.Parse([]byte(resource), policy.Resource); err == nil {
			in.Resource = &policy.Source{Policy: p}
		}
		x := policy.Explain(in)
		if d := policy.Decide(in); d != x.Decision {
			t.Fatalf("Decide %+v, Explain %+v", d, x.Decision)
		}
		if !strings.Contains(x.String(), "allowed: ") && !strings.Contains(x.String(), "denied: ") {
			t.Fatalf("explanation %q", x.String())
		}
		deny := source(t, policy.Resource, `{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}`)
		in.Resource = &deny
		if d := policy.Decide(in); d.Allowed && !strings.EqualFold(action, "sts:GetCallerIdentity") {
			t.Fatalf("allowed past a Deny of everything: %+v", d)
		}
	})
}
