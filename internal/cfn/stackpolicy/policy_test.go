package stackpolicy_test

import (
	"testing"

	"furl/internal/cfn/stackpolicy"
)

const (
	allowAll    = `{"Effect":"Allow","Principal":"*","Action":"Update:*","Resource":"*"}`
	denyReplace = `{"Effect":"Deny","Principal":"*","Action":["Update:Replace","Update:Delete"],"Resource":"LogicalResourceId/Data*"}`
	denyRoles   = `{"Effect":"Deny","Principal":"*","Action":"Update:*","Resource":"*","Condition":{"StringEquals":{"ResourceType":["AWS::IAM::Role"]}}}`
	denyIAM     = `{"Effect":"Deny","Principal":"*","Action":"Update:*","Resource":"*","Condition":{"StringLike":{"ResourceType":["AWS::IAM::*"]}}}`
	notFunction = `{"Effect":"Allow","Principal":"*","NotAction":"Update:Delete","NotResource":"LogicalResourceId/Fn"}`
)

func policyOf(statements ...string) string {
	text := `{"Statement":[`
	for i, s := range statements {
		if i > 0 {
			text += ","
		}
		text += s
	}
	return text + "]}"
}

func TestCheck(t *testing.T) {
	const refused = "Action not allowed by stack policy"
	bucket := stackpolicy.Resource{LogicalID: "DataBucket", Type: "AWS::S3::Bucket"}
	role := stackpolicy.Resource{LogicalID: "Role", Type: "AWS::IAM::Role"}
	fn := stackpolicy.Resource{LogicalID: "Fn", Type: "AWS::Lambda::Function"}
	for _, tt := range []struct {
		name, policy, action string
		r                    stackpolicy.Resource
		want                 string
	}{
		{"none", "", stackpolicy.Replace, bucket, ""},
		{"all", policyOf(allowAll), stackpolicy.Delete, bucket, ""},
		{"another action", policyOf(allowAll, denyReplace), stackpolicy.Modify, bucket, ""},
		{"denied", policyOf(allowAll, denyReplace), stackpolicy.Replace, bucket,
			"Action denied by stack policy: Statement [#2] does not allow [Update:Replace, Update:Delete] for resource [LogicalResourceId/DataBucket]"},
		{"another resource", policyOf(allowAll, denyReplace), stackpolicy.Replace, fn, ""},
		{"type", policyOf(allowAll, denyRoles), stackpolicy.Modify, role,
			"Action denied by stack policy: Statement [#2] does not allow [Update:*] for resource [LogicalResourceId/Role]"},
		{"another type", policyOf(allowAll, denyRoles), stackpolicy.Modify, fn, ""},
		{"type like", policyOf(denyIAM, allowAll), stackpolicy.Modify, role,
			"Action denied by stack policy: Statement [#1] does not allow [Update:*] for resource [LogicalResourceId/Role]"},
		{"by default", policyOf(denyReplace), stackpolicy.Modify, fn, refused},
		{"not resource", policyOf(notFunction), stackpolicy.Modify, fn, refused},
		{"not action", policyOf(notFunction), stackpolicy.Delete, bucket, refused},
		{"neither", policyOf(notFunction), stackpolicy.Modify, bucket, ""},
		{"one statement without a list", `{"Statement":` + allowAll + `}`, stackpolicy.Modify, fn, ""},
	} {
		p, err := stackpolicy.Parse(tt.policy)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := p.Refusal(tt.action, tt.r); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		`{`, `[]`, `{}`, `{"Statement":[]}`, policyOf(allowAll) + policyOf(allowAll), `{"Other":1,"Statement":` + allowAll + `}`,
		policyOf(`{"Effect":"Maybe","Principal":"*","Action":"Update:*","Resource":"*"}`),
		policyOf(`{"Effect":"Allow","Principal":"me","Action":"Update:*","Resource":"*"}`),
		policyOf(`{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}`),
		policyOf(`{"Effect":"Allow","Principal":"*","Resource":"*"}`),
		policyOf(`{"Effect":"Allow","Principal":"*","Action":"Update:*"}`),
		policyOf(`{"Effect":"Allow","Principal":"*","Action":"Update:*","NotAction":"Update:*","Resource":"*"}`),
		policyOf(`{"Effect":"Allow","Principal":"*","Action":"Update:*","Resource":"arn:aws:s3:::b"}`),
		policyOf(`{"Effect":"Allow","Principal":"*","Action":"Update:*","Resource":"*","Condition":{"Bool":{"ResourceType":"a"}}}`),
		policyOf(`{"Effect":"Allow","Principal":"*","Action":"Update:*","Resource":"*","Condition":{"StringEquals":{"Other":"a"}}}`),
	} {
		if _, err := stackpolicy.Parse(text); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(policyOf(allowAll, denyReplace), "DataBucket")
	f.Add(policyOf(denyRoles, notFunction), "Fn")
	f.Add(`{"Statement":{"Effect":"Allow","Action":"*","Resource":"LogicalResourceId/*a*b*"}}`, "xaxbx")
	f.Fuzz(func(t *testing.T, text, id string) {
		p, err := stackpolicy.Parse(text)
		if err != nil {
			return
		}
		r := stackpolicy.Resource{LogicalID: id, Type: id}
		if once, again := p.Refusal(stackpolicy.Modify, r), p.Refusal(stackpolicy.Modify, r); once != again {
			t.Errorf("%q and %q", once, again)
		}
	})
}
