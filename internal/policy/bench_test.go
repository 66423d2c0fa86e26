package policy_test

import (
	"testing"

	"furl/internal/policy"
)

// urlContext is what a context on the request path looks like: a struct that answers when asked.
type urlContext struct{ authType, sourceIP string }

func (c *urlContext) Lookup(key string) (policy.Value, bool) {
	switch key {
	case "lambda:functionurlauthtype":
		return policy.One(c.authType), true
	case "aws:sourceip":
		return policy.One(c.sourceIP), true
	}
	return policy.Value{}, false
}

// publicURL is a call of a public function URL: one statement with a condition.
func publicURL(t testing.TB) policy.Input {
	t.Helper()
	resource := source(t, policy.Resource, `{"Sid":"urlPermission","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunctionUrl","Resource":"`+function+`",
		"Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}}`)
	in := policy.Input{Request: request(policy.Principal{}), Resource: &resource}
	in.Request.Context = &urlContext{"NONE", "203.0.113.7"}
	return in
}

// signedURL is a call by a user whose identity policy has three statements.
func signedURL(t testing.TB) policy.Input {
	t.Helper()
	in := policy.Input{
		Request: request(user("bob")),
		Identity: []policy.Source{source(t, policy.Identity, `
			{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::bucket/*"},
			{"Effect":"Allow","Action":"lambda:Invoke*","Resource":"arn:aws:lambda:*:111122223333:function:*","Condition":{"IpAddress":{"aws:SourceIp":"203.0.113.0/24"}}},
			{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}}`)},
	}
	in.Request.Context = &urlContext{"AWS_IAM", "203.0.113.7"}
	return in
}

func TestDecideDoesNotAllocate(t *testing.T) {
	for name, in := range map[string]policy.Input{"public": publicURL(t), "signed": signedURL(t)} {
		if !policy.Decide(in).Allowed {
			t.Errorf("%s: refused", name)
		}
		if n := testing.AllocsPerRun(100, func() { policy.Decide(in) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	for name, in := range map[string]policy.Input{"public": publicURL(b), "signed": signedURL(b)} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				policy.Decide(in)
			}
		})
	}
}

func BenchmarkExplain(b *testing.B) {
	in := signedURL(b)
	b.ReportAllocs()
	for b.Loop() {
		policy.Explain(in)
	}
}

func BenchmarkParse(b *testing.B) {
	doc := []byte(version2012(statement("Condition", `{"StringLike":{"aws:username":["a*","b*"]}}`) + "," + statement("Sid", `"two"`)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := policy.Parse(doc, policy.Identity); err != nil {
			b.Fatal(err)
		}
	}
}
