package policy_test

import (
	"slices"
	"strings"
	"testing"

	"furl/internal/policy"
)

// named gives a policy a name that explanations show.
func named(t *testing.T, name string, kind policy.Kind, statements string) policy.Source {
	t.Helper()
	s := source(t, kind, statements)
	s.Name = name
	return s
}

func TestExplain(t *testing.T) {
	resource := named(t, "function policy of f", policy.Resource,
		`{"Sid":"public","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunctionUrl","Resource":"`+function+`",
		  "Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":["NONE"]}}},
		 {"Sid":"ann","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::111122223333:user/ann"],"Service":"s3.amazonaws.com"},"Action":"lambda:*","Resource":"`+function+`"},
		 {"Sid":"others","Effect":"Deny","NotPrincipal":{"AWS":"111122223333"},"Action":"*","Resource":"*"}`)
	in := policy.Input{
		Request: request(user("bob")),
		Identity: []policy.Source{named(t, "inline policy p of user bob", policy.Identity,
			`{"Effect":"Allow","Action":["lambda:Get*","lambda:InvokeFunction"],"Resource":"*"},
			 {"Effect":"Allow","Action":"lambda:InvokeFunctionUrl","Resource":["`+function+`:prod"]},
			 {"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b"},
			 {"Effect":"Deny","NotAction":["lambda:*"],"NotResource":"`+function+`",
			  "Condition":{"Bool":{"aws:MultiFactorAuthPresent":"false"},"StringLike":{"aws:TagKeys":"${aws:username}*"},"StringEquals":{"aws:TagKeys":"x"}}}`)},
		Resource: &resource,
	}
	in.Request.Context = policy.ContextMap{"lambda:functionurlauthtype": policy.One("AWS_IAM"), "aws:tagkeys": policy.Many("a", "b")}
	x := policy.Explain(in)

	if got, want := strings.Join(x.MissingKeys, " "), "aws:MultiFactorAuthPresent aws:username"; got != want {
		t.Errorf("MissingKeys = %s, want %s", got, want)
	}
	var failures []string
	for _, s := range x.Statements {
		for _, f := range s.Failures {
			failures = append(failures, s.String()+": "+f.String())
		}
	}
	want := []string{
		`statement 1 "public" of function policy of f: Condition StringEquals lambda:FunctionUrlAuthType is "NONE", the request has "AWS_IAM"`,
		`statement 2 "ann" of function policy of f: Principal is ["AWS:arn:aws:iam::111122223333:user/ann", "Service:s3.amazonaws.com"], the request has "arn:aws:iam::111122223333:user/bob"`,
		`statement 3 "others" of function policy of f: NotPrincipal is "AWS:111122223333", the request has "arn:aws:iam::111122223333:user/bob"`,
		`statement 1 of inline policy p of user bob: Action is ["lambda:Get*", "lambda:InvokeFunction"], the request has "lambda:InvokeFunctionUrl"`,
		`statement 2 of inline policy p of user bob: Resource is "` + function + `:prod", the request has "` + function + `"`,
		`statement 3 of inline policy p of user bob: Action is "s3:*", the request has "lambda:InvokeFunctionUrl"`,
		`statement 3 of inline policy p of user bob: Resource is "arn:aws:s3:::b", the request has "` + function + `"`,
		`statement 4 of inline policy p of user bob: NotAction is "lambda:*", the request has "lambda:InvokeFunctionUrl"`,
		`statement 4 of inline policy p of user bob: NotResource is "` + function + `", the request has "` + function + `"`,
		`statement 4 of inline policy p of user bob: Condition Bool aws:MultiFactorAuthPresent is "false", the request does not have this key`,
		`statement 4 of inline policy p of user bob: Condition StringLike aws:TagKeys is "${aws:username}*", a key with several values needs ForAllValues or ForAnyValue`,
		`statement 4 of inline policy p of user bob: Condition StringEquals aws:TagKeys is "x", a key with several values needs ForAllValues or ForAnyValue`,
	}
	if !slices.Equal(failures, want) {
		t.Errorf("failures:\n%s\nwant:\n%s", strings.Join(failures, "\n"), strings.Join(want, "\n"))
	}
	if len(x.Deciding()) != 0 {
		t.Errorf("statements decided an implicit deny: %v", x.Deciding())
	}
	const text = `denied: no identity-based policy allows lambda:InvokeFunctionUrl on arn:aws:lambda:us-east-1:111122223333:function:f for arn:aws:iam::111122223333:user/bob
  near miss: statement 1 "public" of function policy of f: Condition StringEquals lambda:FunctionUrlAuthType is "NONE", the request has "AWS_IAM"
  near miss: statement 2 "ann" of function policy of f: Principal is ["AWS:arn:aws:iam::111122223333:user/ann", "Service:s3.amazonaws.com"], the request has "arn:aws:iam::111122223333:user/bob"
  near miss: statement 2 of inline policy p of user bob: Resource is "arn:aws:lambda:us-east-1:111122223333:function:f:prod", the request has "arn:aws:lambda:us-east-1:111122223333:function:f"
  near miss: statement 1 of inline policy p of user bob: Action is ["lambda:Get*", "lambda:InvokeFunction"], the request has "lambda:InvokeFunctionUrl"
`
	if got := x.String(); got != text {
		t.Errorf("explanation:\n%s\nwant:\n%s", got, text)
	}
}

func TestExplainDecidingStatements(t *testing.T) {
	in := policy.Input{
		Request: request(user("bob")),
		Identity: []policy.Source{
			named(t, "a", policy.Identity, allows+`,{"Sid":"no","Effect":"Deny","Action":"*","Resource":"*"}`),
			named(t, "", policy.Identity, denies+","+allows),
		},
	}
	x := policy.Explain(in)
	if got, want := x.String(), "denied: lambda:InvokeFunctionUrl on "+function+" for arn:aws:iam::111122223333:user/bob, with an explicit deny in an identity-based policy\n"+
		"  by statement 2 \"no\" of a\n  by statement 1 of the identity-based policy\n"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if list := x.Deciding(); len(list) != 2 || list[0].Sid != "no" || list[0].Policy != "a" || list[0].Source != policy.IdentityPolicy || list[1].Index != 0 || !list[1].Applies() {
		t.Errorf("Deciding() = %+v", list)
	}
	if x.NearMisses() != nil {
		t.Error("near misses of an explicit deny")
	}

	in.Identity = []policy.Source{named(t, "a", policy.Identity, ignores), named(t, "b", policy.Identity, allows)}
	x = policy.Explain(in)
	if got, want := x.String(), "allowed: lambda:InvokeFunctionUrl on "+function+" for arn:aws:iam::111122223333:user/bob\n  by statement 1 of b\n"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}

	x = policy.Explain(policy.Input{Request: request(root(account))})
	if got, want := x.String(), "allowed: lambda:InvokeFunctionUrl on "+function+" for arn:aws:iam::111122223333:root\n  no permission is needed\n"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	x = policy.Explain(policy.Input{Request: request(policy.Principal{})})
	if got, want := x.String(), "denied: no resource-based policy allows lambda:InvokeFunctionUrl on "+function+" for an anonymous caller\n"; got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestNearMissesAreOfThePolicyThatIsMissing(t *testing.T) {
	boundary := named(t, "boundary", policy.ManagedIdentity, `{"Effect":"Allow","Action":"lambda:Get*","Resource":"*"}`)
	in := policy.Input{
		Request:  request(user("bob")),
		Identity: []policy.Source{named(t, "identity", policy.Identity, allows+`,{"Effect":"Allow","Action":"lambda:Put*","Resource":"*"}`)},
		Boundary: &boundary,
	}
	x := policy.Explain(in)
	if list := x.NearMisses(); len(list) != 1 || list[0].Policy != "boundary" {
		t.Errorf("NearMisses() = %v", list)
	}
}
