package policy_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"furl/internal/policy"
)

const (
	syntax    = "Syntax errors in policy."
	legacy    = "The policy failed legacy parsing"
	vendor    = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	qualified = "Resource vendor must be fully qualified and cannot contain regexes."
	noActions = "Policy statement must contain actions."
	noRes     = "Policy statement must contain resources."
	iamPath   = `IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, ` +
		"mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/."
)

// refusal checks that a document is refused with a text ("" means accepted).
func refusal(t *testing.T, kind policy.Kind, doc, want string) {
	t.Helper()
	p, err := policy.Parse([]byte(doc), kind)
	if want == "" {
		if err != nil {
			t.Errorf("refused: %v (%s)", err, hint(err))
		}
		return
	}
	if err == nil {
		t.Fatalf("accepted, want %q", want)
	}
	if err.Error() != want {
		t.Errorf("message %q, want %q (%s)", err, want, hint(err))
	}
	var fault *policy.SyntaxError
	if p != nil || !errors.As(err, &fault) || fault.Code() != "MalformedPolicyDocument" {
		t.Errorf("policy %v, error %#v", p, err)
	}
	if fault.Offset < 0 || fault.Offset > len(doc) || fault.At.Line < 1 || fault.At.Column < 1 {
		t.Errorf("fault outside of the document: %+v", fault)
	}
}

func hint(err error) string {
	var fault *policy.SyntaxError
	errors.As(err, &fault)
	return fault.Hint()
}

// statement writes one statement with overrides: an element set to "" is left out.
func statement(overrides ...string) string {
	elements := []string{"Effect", `"Allow"`, "Action", `"s3:ListBucket"`, "Resource", `"arn:aws:s3:::b"`}
	for i := 0; i < len(overrides); i += 2 {
		for j := 0; ; j += 2 {
			if j == len(elements) {
				elements = append(elements, overrides[i], overrides[i+1])
				break
			}
			if elements[j] == overrides[i] {
				elements[j+1] = overrides[i+1]
				break
			}
		}
	}
	var parts []string
	for i := 0; i < len(elements); i += 2 {
		if elements[i+1] != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", elements[i], elements[i+1]))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// refusalCase is a document with AWS's text about it; "" means that it is accepted.
type refusalCase struct{ name, doc, want string }

func testRefusals(t *testing.T, kind policy.Kind, cases []refusalCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { refusal(t, kind, c.doc, c.want) })
	}
}

func TestDocumentShape(t *testing.T) {
	testRefusals(t, policy.ManagedIdentity, []refusalCase{
		{"not JSON", `This is not a json document`, syntax},
		{"empty", ``, syntax},
		{"no version", `{"Statement":` + statement() + `}`, "Policy document must be version 2012-10-17 or greater."},
		{"old version", `{"Version":"2008-10-17","Statement":` + statement() + `}`, "Policy document must be version 2012-10-17 or greater."},
		{"unknown version", `{"Version":"2013-10-17","Statement":` + statement() + `}`, syntax},
		{"version of wrong type", `{"Version":2012,"Statement":` + statement() + `}`, syntax},
		{"no statement", `{"Version":"2012-10-17"}`, syntax},
		{"empty list of statements", version2012(``), syntax},
		{"statement of wrong type", version2012(`"afd"`), syntax},
		{"statement null", `{"Version":"2012-10-17","Statement":null}`, syntax},
		{"array at the top", `[]`, syntax},
		{"unknown top element", `{"Version":"2012-10-17","Statement":` + statement() + `,"Extra field":"value"}`, syntax},
		{"top element in lower case", `{"version":"2012-10-17","Statement":` + statement() + `}`, syntax},
		{"unknown statement element", version2012(statement("Extra field", `"value"`)), syntax},
		{"Id a list", `{"Version":"2012-10-17","Id":["x"],"Statement":` + statement() + `}`, syntax},
		{"Id an object", `{"Version":"2012-10-17","Id":{},"Statement":` + statement() + `}`, syntax},
		{"Id", `{"Version":"2012-10-17","Id":"x","Statement":` + statement() + `}`, ""},
		{"duplicate top element", `{"Version":"2012-10-17","Version":"2012-10-17","Statement":` + statement() + `}`, syntax},
		{"duplicate statement element", version2012(`{"Effect":"Allow","Effect":"Deny","Action":"*","Resource":"*"}`), syntax},
		{"duplicate operator", version2012(statement("Condition", `{"StringEquals":{"a":"1"},"StringEquals":{"b":"1"}}`)), syntax},
		{"duplicate by escape", version2012(`{"Effect":"Allow","\u0045ffect":"Allow","Action":"*","Resource":"*"}`), syntax},

		{"effect foreign", version2012(statement("Effect", `"invalid"`)), syntax},
		{"effect missing", version2012(statement("Effect", "")), syntax},
		{"effect a list", version2012(statement("Effect", `["Allow"]`)), syntax},
		{"effect denY", version2012(statement("Effect", `"denY"`)), legacy},
		{"effect allow", version2012(statement("Effect", `"allow"`, "Action", "", "Resource", `"arn:aws:s3:us-east-1::b"`)), legacy},
		{"effect before version", `{"Statement":` + statement("Effect", `"denY"`) + `}`, "Policy document must be version 2012-10-17 or greater."},
		{"effect before Sid", version2012(statement("Sid", `"a"`, "Effect", `"aLLow"`) + "," + statement("Sid", `"a"`)), legacy},
	})
}

func TestActionsOnSave(t *testing.T) {
	testRefusals(t, policy.ManagedIdentity, []refusalCase{
		{"action without vendor", version2012(statement("Action", `"invalid"`)), vendor},
		{"action empty", version2012(statement("Action", "", "NotAction", `""`)), vendor},
		{"action vendor with blank", version2012(statement("Action", `"a a:ListBucket"`)), "Vendor a a is not valid"},
		{"action vendor wildcard", version2012(statement("Action", `"s*:ListBucket"`)), "Vendor s* is not valid"},
		{"action vendor empty", version2012(statement("Action", `":ListBucket"`)), "Vendor  is not valid"},
		{"action two colons", version2012(statement("Action", `"s3:List:Bucket"`)), "Actions/Condition can contain only one colon."},
		{"action two colons in second", version2012(statement("Action", `"s3s:ListBucket"`) + "," + statement("Action", `"s:3s:ListBucket"`)), "Actions/Condition can contain only one colon."},
		{"action with variable", version2012(statement("Action", `"s3:${aws:username}"`)), "Actions/Condition can contain only one colon."},
		{"action missing", version2012(statement("Action", "")), noActions},
		{"action empty list", version2012(statement("Action", `[]`)), noActions},
		{"action and resource missing", version2012(statement("Action", "", "Resource", "")), noActions},
		{"action missing in first", version2012(`{"Effect":"Deny"},` + statement()), noActions},
		{"action nested list", version2012(statement("Action", `[[]]`)), syntax},
		{"action object", version2012(statement("Action", `{}`)), syntax},
		{"action null", version2012(statement("Action", `null`)), syntax},
		{"action and NotAction", version2012(statement("NotAction", `"iam:dsf"`)), syntax},
		{"empty action and NotAction", version2012(statement("Action", `[]`, "NotAction", `"s3s:ListBucket"`)), syntax},
		{"action before missing resource", version2012(statement("Action", `"invalid"`, "Resource", "")), vendor},
		{"action odd but fine", version2012(statement("Action", `"iam: asdf safdsf af "`)), ""},
		{"action star", version2012(statement("Action", `"*"`)), ""},
		{"action star of star", version2012(statement("Action", `"*:*"`)), ""},
		{"action vendor dash", version2012(statement("Action", `"s3-s:ListBucket"`)), ""},
		{"action vendor dot", version2012(statement("Action", `"s3.s:ListBucket"`)), ""},
		{"unknown service", version2012(statement("Action", `"aaaaaadsfdsafsadfsadfaaaaa:ListBucket"`)), ""},
	})
}

func TestResourcesOnSave(t *testing.T) {
	testRefusals(t, policy.ManagedIdentity, []refusalCase{
		{"resource not an ARN", version2012(statement("Resource", `"invalid resource"`)), `Resource invalid resource must be in ARN format or "*".`},
		{"resource empty", version2012(statement("Resource", `""`)), `Resource  must be in ARN format or "*".`},
		{"resource in list", version2012(statement("Resource", `["adf"]`)), `Resource adf must be in ARN format or "*".`},
		{"resource before action prefix", version2012(statement("Action", `"s:3:ListBucket"`, "Resource", `"sdfsadf"`)), `Resource sdfsadf must be in ARN format or "*".`},
		{"NotResource", version2012(statement("Resource", "", "NotResource", `"x"`)), `Resource x must be in ARN format or "*".`},
		{"resource missing", version2012(statement("Resource", "")), noRes},
		{"resource empty list", version2012(statement("Resource", `[]`)), noRes},
		{"resource object", version2012(statement("Resource", `{"a":"b"}`)), syntax},
		{"resource mixed list", version2012(statement("Resource", `["adfdf",{}]`)), syntax},
		{"resource and NotResource", version2012(statement("NotResource", `[]`)), syntax},
		{"partition, two fields", version2012(statement("Resource", `"a:bsdfdsafsad"`)), `Partition "bsdfdsafsad" is not valid for resource "arn:bsdfdsafsad:*:*:*:*".`},
		{"partition, three fields", version2012(statement("Resource", `"a:b:cadfsdf"`)), `Partition "b" is not valid for resource "arn:b:cadfsdf:*:*:*".`},
		{"partition, eight fields", version2012(statement("Resource", `"a:b:c:d:e:f:g:h"`)), `Partition "b" is not valid for resource "arn:b:c:d:e:f:g:h".`},
		{"partition, arn left out", version2012(statement("Resource", `"aws:s3:::b"`)), `Partition "s3" is not valid for resource "arn:s3:::b:*".`},
		{"partition, first in order", version2012(statement("Resource", `["arn:error:s3::b","arn:error:s3:::b"]`)), `Partition "error" is not valid for resource "arn:error:s3:::b".`},
		{"partition of China", version2012(statement("Resource", `"arn:aws-cn:s3:::b"`)), ""},
		{"partition any", version2012(statement("Resource", `"arn:*:s3:::b"`)), ""},
		{"vendor missing", version2012(statement("Resource", `"arn:aws"`)), qualified},
		{"vendor wildcard", version2012(statement("Resource", `"arn:aws:*:*:*:*"`)), qualified},
		{"vendor with ?", version2012(statement("Resource", `"arn:aws:s?:::b"`)), qualified},
		{"IAM path", version2012(statement("Resource", `"arn:aws:iam:::b"`)), iamPath},
		{"IAM path star", version2012(statement("Resource", `"arn:aws:iam::111122223333:*"`)), ""},
		{"IAM user", version2012(statement("Resource", `"arn:aws:iam:::user/b"`)), ""},
		{"IAM user variable", version2012(statement("Resource", `"arn:aws:iam::*:user/${aws:username}"`)), ""},
		{"IAM region", version2012(statement("Resource", `"arn:aws:iam:us-east-1::b"`)), "IAM resource arn:aws:iam:us-east-1::b cannot contain region information."},
		{"S3 region", version2012(statement("Resource", `"arn:aws:s3:us-east-1::b"`)), "Resource arn:aws:s3:us-east-1::b can not contain region information."},
		{"S3 access point", version2012(statement("Resource", `"arn:aws:s3:us-east-1:111122223333:accesspoint/x"`)), ""},
		{"region elsewhere", version2012(statement("Resource", `"arn:aws:ec2:us-east-1::b"`)), ""},
		{"colon missing", version2012(statement("Resource", `"arn:aws:s3::b"`)), legacy},
		{"colon missing, no action", version2012(statement("Action", "", "Resource", `"arn:aws:s3::b"`)), legacy},
		{"colon missing in NotResource", version2012(statement("Resource", "", "NotResource", `"arn:aws:s3::b"`)), legacy},
		{"service empty", version2012(statement("Resource", `"arn:aws::::b"`)), legacy},
		{"service empty, short", version2012(statement("Resource", `"arn:aws::fdsasf"`)), legacy},
		{"short but fine", version2012(statement("Resource", `"arn:aws:fdsasf"`)), ""},
		{"legacy before a later partition", version2012(statement("Resource", `"arn:aws:s3::b"`) + "," + statement("Resource", `"arn:x:s3:::b"`)), legacy},
		{"partition before a later legacy", version2012(statement("Resource", `"arn:x:s3:::b"`) + "," + statement("Resource", `"arn:aws:s3::b"`)), `Partition "x" is not valid for resource "arn:x:s3:::b".`},
		{"bucket and star", version2012(statement("Resource", `["arn:aws:s3:::b","*"]`)), ""},
		{"unknown resource service", version2012(statement("Resource", `"arn:aws:invalid-service:us-east-1::b"`)), ""},
	})
}

func TestConditionsOnSave(t *testing.T) {
	testRefusals(t, policy.ManagedIdentity, []refusalCase{
		{"condition a list", version2012(statement("Condition", `[]`)), syntax},
		{"condition a string", version2012(statement("Condition", `"a"`)), syntax},
		{"operator a string", version2012(statement("Condition", `{"a":"b"}`)), syntax},
		{"date operator a string", version2012(statement("Condition", `{"DateGreaterThan":"b"}`)), syntax},
		{"date operator a list", version2012(statement("Condition", `{"DateGreaterThan":[]}`)), syntax},
		{"key an object", version2012(statement("Condition", `{"DateGreaterThan":{"a":{}}}`)), syntax},
		{"value null", version2012(statement("Condition", `{"StringEquals":{"a":null}}`)), syntax},
		{"value null in list", version2012(statement("Condition", `{"StringEquals":{"a":["b",null]}}`)), syntax},
		{"unknown operator", version2012(statement("Condition", `{"x":{"a":"1"}}`)), syntax},
		{"operator with two colons", version2012(statement("Condition", `{"ForAnyValue::StringEqualsIfExists":{"a":"asf"}}`)), syntax},
		{"NullIfExists", version2012(statement("Condition", `{"NullIfExists":{"a":"true"}}`)), syntax},
		{"NumericLike", version2012(statement("Condition", `{"NumericLike":{"a":"1"}}`)), syntax},
		{"condition empty", version2012(statement("Condition", `{}`)), ""},
		{"unknown operators without keys", version2012(statement("Condition", `{"x":{},"y":{}}`)), ""},
		{"operator without keys", version2012(statement("Condition", `{"DateGreaterThan":{}}`)), ""},
		{"key without values", version2012(statement("Condition", `{"DateGreaterThan":{"a":[]}}`)), ""},
		{"numbers and booleans", version2012(statement("Condition", `{"NumericEquals":{"a":[1,2.5]},"Bool":{"b":true}}`)), ""},
		{"IfExists", version2012(statement("Condition", `{"ForAnyValue:StringEqualsIfExists":{"a":"asf"}}`)), ""},
		{"operator in other case", version2012(statement("Condition", `{"forallvalues:STRINGLIKEIFEXISTS":{"a":"asf"}}`)), ""},
		{"unknown key", version2012(statement("Condition", `{"StringEquals":{"no:such/key":"asf"}}`)), ""},
	})
}

func TestDatesOnSave(t *testing.T) {
	testRefusals(t, policy.ManagedIdentity, []refusalCase{
		{"date a word", version2012(statement("Condition", `{"DateGreaterThan":{"a":"sdfdsf"}}`)), legacy},
		{"date a word, no action", version2012(statement("Action", "", "Resource", "", "Condition", `{"DateGreaterThan":{"a":"sdfdsf"}}`)), legacy},
		{"date before partition", version2012(statement("Resource", `"arn:error:s3:::b"`, "Condition", `{"DateGreaterThan":{"a":"sdfdsf"}}`)), legacy},
		{"date after version", `{"Statement":` + statement("Condition", `{"DateGreaterThan":{"a":"sdfdsf"}}`) + `}`, "Policy document must be version 2012-10-17 or greater."},
		{"date month 13", version2012(statement("Condition", `{"DateLessThanEquals":{"a":"234-13"}}`)), legacy},
		{"date zone of one digit", version2012(statement("Condition", `{"DateLessThanEquals":{"a":"2016-12-13t2:00:00.593194+1"}}`)), legacy},
		{"date fraction too long", version2012(statement("Condition", `{"DateLessThanEquals":{"a":"2016-12-13t2:00:00.1999999999+10:59"}}`)), legacy},
		{"date epoch too big", version2012(statement("Condition", `{"DateLessThan":{"a":"9223372036854775808"}}`)), legacy},
		{"date year too early", version2012(statement("Condition", `{"DateLessThan":{"a":"-292275055"}}`)), legacy},
		{"date hour 24", version2012(statement("Condition", `{"DateLessThan":{"a":"2020-01-01T24:00:00Z"}}`)), legacy},
		{"date minute 60", version2012(statement("Condition", `{"DateLessThan":{"a":"2020-01-01T00:60:00Z"}}`)), legacy},
		{"date second 60", version2012(statement("Condition", `{"DateLessThan":{"a":"2020-01-01T00:00:60Z"}}`)), legacy},
		{"date day 32", version2012(statement("Condition", `{"DateLessThan":{"a":"2020-01-32"}}`)), legacy},
		{"date four fields", version2012(statement("Condition", `{"DateLessThan":{"a":"2020-01-01-01"}}`)), legacy},
		{"date zone minutes", version2012(statement("Condition", `{"DateLessThan":{"a":"2020-01-01T00:00:00+01:60"}}`)), legacy},
		{"date junk after Z", version2012(statement("Condition", `{"DateLessThan":{"a":"2020-01-01T00:00:00Zx"}}`)), legacy},
		{"date without month", version2012(statement("Condition", `{"DateLessThan":{"a":"2020-"}}`)), legacy},
		{"date empty", version2012(statement("Condition", `{"DateLessThan":{"a":""}}`)), legacy},
		{"date 01T", version2012(statement("Condition", `{"DateGreaterThan":{"a":"01T"}}`)), ""},
		{"date with zone", version2012(statement("Condition", `{"DateLessThanEquals":{"a":"2016-12-13T21:20:37.593194+00:00"}}`)), ""},
		{"date with short hour and zone", version2012(statement("Condition", `{"DateLessThanEquals":{"a":"2016-12-13t2:00:00.593194+23"}}`)), ""},
		{"date earliest year", version2012(statement("Condition", `{"DateLessThan":{"a":"-292275054"}}`)), ""},
		{"date epoch as number", version2012(statement("Condition", `{"DateLessThan":{"a":1700000000}}`)), ""},
	})
}

func TestSidsAndPrincipalsOnSave(t *testing.T) {
	testRefusals(t, policy.ManagedIdentity, []refusalCase{
		{"Sid an object", version2012(statement("Sid", `{}`)), syntax},
		{"Sid a list", version2012(statement("Sid", `[]`)), syntax},
		{"Sid with dash", version2012(statement("Sid", `"autogenerated-id"`) + "," + statement("Sid", `"autogenerated-id"`)), "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"},
		{"Sid twice", version2012(statement("Sid", `"sdf"`) + "," + statement("Sid", `"sdf"`, "Action", "", "Resource", "")), "Statement IDs (SID) in a single policy must be unique."},
		{"Sid twice, no version", `{"Statement":[` + statement("Sid", `"sdf"`) + "," + statement("Sid", `"sdf"`) + `]}`, "Policy document must be version 2012-10-17 or greater."},
		{"Sid empty twice", version2012(statement("Sid", `""`) + "," + statement("Sid", `""`)), ""},

		{"principal", version2012(statement("Principal", `{"AWS":"*"}`)), "Policy document should not specify a principal."},
		{"NotPrincipal", version2012(statement("NotPrincipal", `"*"`)), "Policy document should not specify a principal."},
		{"principal a list", version2012(statement("Principal", `["*"]`)), syntax},
	})
}

func TestInlineDocumentsNeedNoVersion(t *testing.T) {
	for _, kind := range []policy.Kind{policy.Identity, policy.Session, policy.Boundary} {
		refusal(t, kind, `{"Statement":`+statement()+`}`, "")
		refusal(t, kind, `{"Version":"2008-10-17","Statement":`+statement()+`}`, "")
		refusal(t, kind, `{"Version":"2012-10-17","Statement":`+statement("Principal", `"*"`)+`}`, "Policy document should not specify a principal.")
	}
	refusal(t, policy.Session, `{`, "The policy is not in the valid JSON format.")
	refusal(t, policy.Session, `{}`, syntax)
}

func TestResourceDocuments(t *testing.T) {
	p := func(principal string) string { return version2012(statement("Principal", principal)) }
	testRefusals(t, policy.Resource, []refusalCase{
		{"everyone", p(`"*"`), ""},
		{"everyone of AWS", p(`{"AWS":"*"}`), ""},
		{"account", p(`{"AWS":"111122223333"}`), ""},
		{"root", p(`{"AWS":"arn:aws:iam::111122223333:root"}`), ""},
		{"user", p(`{"AWS":"arn:aws:iam::111122223333:user/path/bob"}`), ""},
		{"role of another partition", p(`{"AWS":"arn:aws-cn:iam::111122223333:role/r"}`), ""},
		{"session", p(`{"AWS":"arn:aws:sts::111122223333:assumed-role/r/s"}`), ""},
		{"federated user", p(`{"AWS":"arn:aws:sts::111122223333:federated-user/bob"}`), ""},
		{"unique id", p(`{"AWS":"AROAABCDEFGHIJKLMNOPQ"}`), ""},
		{"list", p(`{"AWS":["111122223333","444455556666"],"Service":["s3.amazonaws.com","alexa-appkit.amazon.com","logs.cn-north-1.amazonaws.com.cn"]}`), ""},
		{"provider", p(`{"Federated":["arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com","cognito-identity.amazonaws.com"]}`), ""},
		{"canonical user", p(`{"CanonicalUser":"79a59df9"}`), ""},
		{"any Sid", version2012(statement("Principal", `"*"`, "Sid", `"a b-c_d"`)), ""},
		{"NotPrincipal with Deny", version2012(statement("Effect", `"Deny"`, "NotPrincipal", `{"AWS":"111122223333"}`)), ""},

		{"none", version2012(statement()), "Missing required field Principal"},
		{"empty", p(`{}`), "Missing required field Principal cannot be empty!"},
		{"empty list", p(`{"AWS":[]}`), "Missing required field Principal cannot be empty!"},
		{"bare account", p(`"111122223333"`), syntax},
		{"number", p(`{"AWS":111122223333}`), syntax},
		{"both", version2012(statement("Principal", `"*"`, "NotPrincipal", `"*"`)), syntax},
		{"NotPrincipal with Allow", version2012(statement("NotPrincipal", `{"AWS":"*"}`)), "Allow with NotPrincipal is not allowed."},
		{"short account", p(`{"AWS":"11112222333"}`), `Invalid principal in policy: "AWS":"11112222333"`},
		{"word", p(`{"AWS":"bob"}`), `Invalid principal in policy: "AWS":"bob"`},
		{"wildcard in ARN", p(`{"AWS":"arn:aws:iam::111122223333:role/*"}`), `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:role/*"`},
		{"wildcard partition", p(`{"AWS":"arn:*:iam::111122223333:root"}`), `Invalid principal in policy: "AWS":"arn:*:iam::111122223333:root"`},
		{"group", p(`{"AWS":"arn:aws:iam::111122223333:group/g"}`), `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:group/g"`},
		{"user without name", p(`{"AWS":"arn:aws:iam::111122223333:user/"}`), `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/"`},
		{"session without name", p(`{"AWS":"arn:aws:sts::111122223333:assumed-role/r"}`), `Invalid principal in policy: "AWS":"arn:aws:sts::111122223333:assumed-role/r"`},
		{"nameless federated user", p(`{"AWS":"arn:aws:sts::111122223333:federated-user/"}`), `Invalid principal in policy: "AWS":"arn:aws:sts::111122223333:federated-user/"`},
		{"other sts ARN", p(`{"AWS":"arn:aws:sts::111122223333:self"}`), `Invalid principal in policy: "AWS":"arn:aws:sts::111122223333:self"`},
		{"service", p(`{"Service":"example.org"}`), `Invalid principal in policy: "SERVICE":"example.org"`},
		{"service star", p(`{"Service":"*"}`), `Invalid principal in policy: "SERVICE":"*"`},
		{"service wildcard", p(`{"Service":"*.amazonaws.com"}`), `Invalid principal in policy: "SERVICE":"*.amazonaws.com"`},
		{"federated star", p(`{"Federated":"*"}`), "Federated principals must be valid domain names or SAML metadata ARNs"},
		{"federated user ARN", p(`{"Federated":"arn:aws:iam::111122223333:user/bob"}`), "Federated principals must be valid domain names or SAML metadata ARNs"},
		{"unknown sort", p(`{"Group":"g"}`), `Invalid principal in policy: "GROUP":"g"`},
		{"no action", version2012(statement("Principal", `"*"`, "Action", "")), noActions},
		{"no resource", version2012(statement("Principal", `"*"`, "Resource", "")), noRes},
		{"Sid twice", version2012(statement("Principal", `"*"`, "Sid", `"a b"`) + "," + statement("Principal", `"*"`, "Sid", `"a b"`)), "Statement IDs (SID) in a single policy must be unique."},
		{"not JSON", `{`, syntax},
	})
}

func TestTrustDocuments(t *testing.T) {
	trust := func(overrides ...string) string {
		return statement(append([]string{"Resource", "", "Action", `"sts:AssumeRole"`, "Principal", `{"Service":"lambda.amazonaws.com"}`}, overrides...)...)
	}
	testRefusals(t, policy.Trust, []refusalCase{
		{"plain", version2012(trust()), ""},
		{"no version", `{"Statement":` + trust() + `}`, ""},
		{"everyone of AWS", version2012(trust("Principal", `{"AWS":"*"}`)), ""},
		{"all of sts", version2012(trust("Action", `["STS:AssumeRole","sts:TagSession","sts:*"]`)), ""},
		{"condition", version2012(trust("Condition", `{"StringEquals":{"sts:ExternalId":"x"}}`)), ""},
		{"date that no permission policy may hold", version2012(trust("Condition", `{"DateLessThan":{"aws:CurrentTime":"x"}}`)), ""},
		{"Sids", version2012(trust("Sid", `"a-b"`) + "," + trust("Sid", `""`) + "," + trust("Sid", `""`)), ""},
		{"NotAction", version2012(trust("Action", "", "NotAction", `"sts:TagSession"`)), ""},

		// Recorded: the comma before the closing brace.
		{"comma too many", `{"Version":"2012-10-17","Statement":[{"Action":"sts:AssumeRole","Principal":"*","Effect":"Allow",}]}`, "This policy contains invalid Json"},
		{"file name", `trust.json`, "This policy contains invalid Json"},
		{"version", `{"Version":"2012","Statement":` + trust() + `}`, "The policy must contain a valid version string"},
		{"version empty", `{"Version":"","Statement":` + trust() + `}`, "The policy must contain a valid version string"},
		{"no statement", `{"Version":"2012-10-17"}`, "Could not parse the policy: Statement is empty!"},
		{"empty statements", version2012(``), "Could not parse the policy: Statement is empty!"},
		{"Sid twice", version2012(trust("Sid", `"a"`) + "," + trust("Sid", `"a"`)), "The Statement Ids in the policy are not unique"},
		{"no effect", version2012(trust("Effect", "")), "Missing required field Effect"},
		{"effect", version2012(trust("Effect", `"allow"`)), "Invalid effect: allow"},
		{"no principal", version2012(trust("Principal", "")), "Missing required field Principal"},
		{"empty principal", version2012(trust("Principal", `{}`)), "Missing required field Principal cannot be empty!"},
		{"bare principal", version2012(trust("Principal", `"*"`)), "Principal must be a JSON object."},
		{"NotPrincipal with Allow", version2012(trust("Principal", "", "NotPrincipal", `{"AWS":"111122223333"}`)), "Allow with NotPrincipal is not allowed."},
		{"NotPrincipal with Deny", version2012(trust("Effect", `"Deny"`, "Principal", "", "NotPrincipal", `{"AWS":"111122223333"}`)), "AssumeRole policy must not contain NotPrincipal field."},
		{"no action", version2012(trust("Action", "")), "Missing required field Action"},
		{"empty action", version2012(trust("Action", `[]`)), "Missing required field Action"},
		{"action of s3", version2012(trust("Action", `"s3:GetObject"`)), "AssumeRole policy may only specify STS AssumeRole actions."},
		{"action star", version2012(trust("Action", `"*"`)), "AssumeRole policy may only specify STS AssumeRole actions."},
		{"NotAction of s3", version2012(trust("Action", "", "NotAction", `"s3:GetObject"`)), "AssumeRole policy may only specify STS AssumeRole actions."},
		{"resource", version2012(trust("Resource", `"*"`)), "Has prohibited field Resource"},
		{"NotResource", version2012(trust("NotResource", `"*"`)), "AssumeRole policy must not contain resources."},
		{"account", version2012(trust("Principal", `{"AWS":"arn:aws:iam::1:role/x"}`)), `Invalid principal in policy: "AWS":"arn:aws:iam::1:role/x"`},
		{"service", version2012(trust("Principal", `{"Service":"x"}`)), `Invalid principal in policy: "SERVICE":"x"`},
		{"canonical user", version2012(trust("Principal", `{"CanonicalUser":"79a5"}`)), `Invalid principal in policy: "CANONICALUSER":"79a5"`},
		{"unknown element", version2012(trust("Extra", `"x"`)), "Syntax error in policy."},
		{"unknown operator", version2012(trust("Condition", `{"x":{"a":"b"}}`)), "Syntax error in policy."},
		{"Action and NotAction", version2012(trust("NotAction", `"sts:TagSession"`)), "Syntax error in policy."},
		{"not an object", `"x"`, "Syntax error in policy."},
	})
}

func TestJSON(t *testing.T) {
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	long := version2012(statement("Action", `["s3:`+strings.Repeat("a", policy.MaxDocumentSize)+`"]`))
	for _, c := range []struct{ name, doc, hint string }{
		{"nothing", " ", "line 1, column 2: expected a value"},
		{"text after", version2012(statement()) + "\n x", "line 2, column 2: text after the document"},
		{"deep", `{"Statement":` + deep + `}`, "line 1, column 46: nested too deeply"},
		{"long", long, "line 1, column 1: longer than 131072 characters"},
		{"not UTF-8", "{\"a\xff\":1}", "line 1, column 1: not UTF-8"},
		{"no colon", `{"a" 1}`, "line 1, column 6: expected ':'"},
		{"no comma in object", `{"Id":"a" "b":"c"}`, "line 1, column 11: expected ',' or '}'"},
		{"no comma in array", `{"Statement":["a" "b"]}`, "line 1, column 19: expected ',' or ']'"},
		{"comma at the end of an array", `{"Statement":["a",]}`, "line 1, column 19: expected a value"},
		{"open array", `{"Statement":[`, "line 1, column 15: expected a value"},
		{"open object", `{`, "line 1, column 2: expected the name of an element"},
		{"key not a string", `{1:2}`, "line 1, column 2: expected the name of an element"},
		{"value missing", `{"a":}`, "line 1, column 6: expected a value"},
		{"open string", `{"a":"b`, "line 1, column 6: string without end"},
		{"open escape", `{"a":"b\`, "line 1, column 6: string without end"},
		{"open key", `{"a`, "line 1, column 2: string without end"},
		{"bad escape", `{"a":"\x"}`, "line 1, column 6: invalid escape in a string"},
		{"line break in string", "{\"a\":\"b\nc\"}", "line 1, column 8: control character in a string"},
		{"word", `{"a":nope}`, `line 1, column 6: "nope" is not a value`},
		{"number", `{"a":01}`, `line 1, column 6: "01" is not a value`},
		{"duplicate", `{"a":1, "a":2}`, `line 1, column 9: duplicate element "a"`},
		{"unknown", "{\n \"Statemnt\":[]}", `line 2, column 2: unknown element "Statemnt"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := policy.Parse([]byte(c.doc), policy.Identity)
			if err == nil {
				t.Fatal("accepted")
			}
			if got := hint(err); got != c.hint {
				t.Errorf("hint %q, want %q", got, c.hint)
			}
		})
	}
	fault := &policy.SyntaxError{Message: "m", At: policy.Position{Line: 1, Column: 2}}
	if fault.Hint() != "line 1, column 2" || fault.Error() != "m" {
		t.Errorf("%q, %q", fault.Hint(), fault.Error())
	}
	accepted := "{\"Version\":\"2012-10-17\",\"Statement\":[\t\r\n" + statement("Action", `[ "s3\u003a\u0047et*" , "s3:\"\ud83d\ude00" ]`, "Condition", `{"NumericEquals":{"a":[-1.5e+3,0]}}`) + "]}"
	refusal(t, policy.Identity, accepted, "")
}
