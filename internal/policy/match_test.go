package policy_test

import (
	"testing"

	"furl/internal/policy"
)

func TestActions(t *testing.T) {
	for _, c := range []struct {
		action, request string
		want            bool
	}{
		{`"lambda:InvokeFunctionUrl"`, "lambda:InvokeFunctionUrl", true},
		{`"LAMBDA:invokefunctionurl"`, "lambda:InvokeFunctionUrl", true},
		{`"lambda:InvokeFunctionUrl"`, "LAMBDA:INVOKEFUNCTIONURL", true},
		{`"lambda:InvokeFunction"`, "lambda:InvokeFunctionUrl", false},
		{`"lambda:InvokeFunction*"`, "lambda:InvokeFunctionUrl", true},
		{`"lambda:InvokeFunction*"`, "lambda:InvokeFunction", true},
		{`"lambda:InvokeFunction?"`, "lambda:InvokeFunction", false},
		{`"lambda:*Url"`, "lambda:InvokeFunctionUrl", true},
		{`"lambda:In?okeFunctionUrl"`, "lambda:InvokeFunctionUrl", true},
		{`"lambda:*"`, "lambda:Get", true},
		{`"lambda:*"`, "iam:Get", false},
		{`"*"`, "lambda:Get", true},
		{`"*:*"`, "lambda:Get", true},
		{`"*:Get"`, "lambda:Get", false},
		{`["s3:*","lambda:Get"]`, "lambda:Get", true},
		{`["s3:*","lambda:Put"]`, "lambda:Get", false},
		{`"lambda:"`, "lambda:Get", false},
	} {
		for element, want := range map[string]bool{"Action": c.want, "NotAction": !c.want} {
			in := policy.Input{
				Request:  policy.Request{Action: c.request, Resource: function, ResourceAccount: account, Principal: user("bob")},
				Identity: []policy.Source{source(t, policy.Identity, `{"Effect":"Allow","`+element+`":`+c.action+`,"Resource":"*"}`)},
			}
			if got := policy.Decide(in).Allowed; got != want {
				t.Errorf("%s %s on %s: %v, want %v", element, c.action, c.request, got, want)
			}
		}
	}
}

// resourceMatches asks a policy with one Resource or NotResource entry.
func resourceMatches(t *testing.T, kind policy.Kind, element, pattern, resource string) bool {
	t.Helper()
	in := policy.Input{Request: policy.Request{Action: "any:Thing", Resource: resource, ResourceAccount: account, Principal: user("bob")}}
	in.Request.Context = policy.ContextMap{"aws:username": policy.One("bob"), "star": policy.One("*"), "tags": policy.Many("bob")}
	s := `{"Effect":"Allow","Action":"*","` + element + `":` + pattern
	if kind == policy.Resource {
		p := source(t, kind, s+`,"Principal":"*"}`)
		in.Resource = &p
	} else {
		in.Identity = []policy.Source{source(t, kind, s+`}`)}
	}
	return policy.Decide(in).Allowed
}

func TestResources(t *testing.T) {
	const alias = function + ":prod"
	for _, c := range []struct {
		pattern, resource string
		want              bool
	}{
		{`"*"`, function, true},
		{`"*"`, "*", true},
		{`"` + function + `"`, function, true},
		{`"` + function + `"`, "*", false},
		{`"arn:aws:lambda:*:*:*"`, "*", false},
		{`"` + function + `"`, alias, false},
		{`"` + function + `:*"`, alias, true},
		{`"` + function + `:*"`, function, false},
		{`"` + function + `*"`, function, true},
		{`"` + function + `*"`, alias, true},
		{`"` + function + `?prod"`, alias, true},
		{`"arn:aws:lambda:*:*:function:f*"`, alias, true},
		{`"arn:aws:lambda:us-*-1:1111????3333:function:*"`, function, true},
		{`"arn:aws:lambda:US-EAST-1:111122223333:function:f"`, function, true},
		{`"arn:aws:Lambda:us-east-1:111122223333:function:f"`, function, true},
		{`"` + function + `"`, "arn:AWS:Lambda:us-East-1:111122223333:function:f", true},
		{`"arn:aws:lambda:us-east-1:111122223333:function:F"`, function, false},
		{`"arn:aws:lambda:us-east-1:111122223333:Function:f"`, function, false},
		{`"arn:aws:lambda:us-west-2:111122223333:function:f"`, function, false},
		{`"arn:aws:lambda::111122223333:function:f"`, function, false},
		{`"arn:aws-cn:lambda:us-east-1:111122223333:function:f"`, function, false},
		{`"arn:*:lambda:us-east-1:111122223333:function:f"`, function, true},
		{`"arn:aws:s3:::b/*"`, "arn:aws:s3:::b/a/b:c", true},
		{`"arn:aws:s3:::b/?"`, "arn:aws:s3:::b/ä", true},
		{`"arn:aws:s3:::b"`, "b", false},
		{`["arn:aws:s3:::a","arn:aws:s3:::b"]`, "arn:aws:s3:::b", true},
		{`["arn:aws:s3:::a","arn:aws:s3:::b"]`, "arn:aws:s3:::c", false},

		{`"arn:aws:iam::*:user/${aws:username}"`, "arn:aws:iam::111122223333:user/bob", true},
		{`"arn:aws:iam::*:user/${aws:username}"`, "arn:aws:iam::111122223333:user/eve", false},
		{`"arn:aws:iam::*:user/${aws:username}*"`, "arn:aws:iam::111122223333:user/bob2", true},
		{`"arn:aws:s3:::${aws:username}"`, "arn:aws:s3:::bob", true},
		{`"arn:aws:s3:::b/${star}"`, "arn:aws:s3:::b/x", false},
		{`"arn:aws:s3:::b/${star}"`, "arn:aws:s3:::b/*", true},
		{`"arn:aws:s3:::b/${*}"`, "arn:aws:s3:::b/x", false},
		{`"arn:aws:s3:::b/${nobody}"`, "arn:aws:s3:::b/", false},
		{`"arn:aws:s3:::b/${nobody, 'x'}"`, "arn:aws:s3:::b/x", true},
		{`"arn:aws:s3:::b/${tags}"`, "arn:aws:s3:::b/bob", false},
		{`"arn:aws:dynamodb:us-east-1:${aws:username}:table/x"`, "arn:aws:dynamodb:us-east-1:bob:table/x", false},
	} {
		for element, want := range map[string]bool{"Resource": c.want, "NotResource": !c.want} {
			if got := resourceMatches(t, policy.Identity, element, c.pattern, c.resource); got != want {
				t.Errorf("%s %s on %s: %v, want %v", element, c.pattern, c.resource, got, want)
			}
		}
	}
}

func TestShortARNs(t *testing.T) {
	for _, c := range []struct {
		pattern            string
		identity, resource bool
	}{
		{`"arn:aws:lambda"`, true, false},
		{`"arn:aws:lambda:us-east-1"`, true, false},
		{`"arn:aws:lambda:us-west-2"`, false, false},
		{`"arn:aws:lambda:us-east-*"`, true, true},
		{`"arn:aws:lambda:*"`, true, true},
		{`"arn:aws:lambda:us-east-1:111122223333"`, true, false},
		{`"arn:aws:lambda:us-east-1:11112222333?"`, true, true},
		{`"arn:aws:s3"`, false, false},
	} {
		for _, kind := range []policy.Kind{policy.Identity, policy.ManagedIdentity, policy.Session, policy.Boundary} {
			if got := resourceMatches(t, kind, "Resource", c.pattern, function); got != c.identity {
				t.Errorf("kind %d: %s: %v, want %v", kind, c.pattern, got, c.identity)
			}
		}
		if got := resourceMatches(t, policy.Resource, "Resource", c.pattern, function); got != c.resource {
			t.Errorf("resource policy: %s: %v, want %v", c.pattern, got, c.resource)
		}
	}
}

func TestVariablesNeedTheVersion(t *testing.T) {
	for version, want := range map[string]bool{"2012-10-17": true, "2008-10-17": false} {
		p := parse(t, policy.Identity, `{"Version":"`+version+`","Statement":`+statement("Action", `"*"`, "Resource", `"arn:aws:s3:::${aws:username}"`)+`}`)
		in := policy.Input{
			Request: policy.Request{
				Action: "s3:GetObject", Resource: "arn:aws:s3:::bob", Principal: user("bob"),
				Context: policy.ContextMap{"aws:username": policy.One("bob")},
			},
			Identity: []policy.Source{{Policy: p}},
		}
		if got := policy.Decide(in).Allowed; got != want {
			t.Errorf("version %s: %v, want %v", version, got, want)
		}
		in.Request.Resource = "arn:aws:s3:::${aws:username}"
		if got := policy.Decide(in).Allowed; got == want {
			t.Errorf("version %s, literal: %v, want %v", version, got, !want)
		}
	}
}

// TestFunctionURLs is the walk through the permissions of a function URL, alias URLs included.
func TestFunctionURLs(t *testing.T) {
	public := `{"Sid":"urlPermission","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunctionUrl","Resource":"` + function + `",
		"Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}}`
	viaURL := `{"Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction","Resource":"` + function + `",
		"Condition":{"Bool":{"lambda:InvokedViaFunctionUrl":"true"}}}`
	fromBucket := `{"Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"` + function + `",
		"Condition":{"StringEquals":{"AWS:SourceAccount":"111122223333"},"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::b"}}}`
	guarded := `{"Effect":"Allow","Action":"lambda:InvokeFunctionUrl","Resource":"` + function + `","Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":"AWS_IAM"}}}`
	plain := `{"Effect":"Allow","Action":"lambda:InvokeFunctionUrl","Resource":"` + function + `"}`
	url := func(authType string) policy.ContextMap {
		return policy.ContextMap{"lambda:functionurlauthtype": policy.One(authType)}
	}
	for _, c := range []struct {
		name               string
		caller             policy.Principal
		action, resource   string
		ctx                policy.ContextMap
		identity, function string
		want               bool
	}{
		{"NONE, public", policy.Principal{}, invoke, function, url("NONE"), "", public, true},
		{"NONE, no permission", policy.Principal{}, invoke, function, url("NONE"), "", viaURL, false},
		{"AWS_IAM, the public statement does not fit", policy.Principal{}, invoke, function, url("AWS_IAM"), "", public, false},
		{"second action, via URL", policy.Principal{}, "lambda:InvokeFunction", function, policy.ContextMap{"lambda:invokedviafunctionurl": policy.One("true")}, "", viaURL, true},
		{"second action, direct call", user("bob"), "lambda:InvokeFunction", function, nil, "", viaURL, false},
		{"AWS_IAM, identity with condition", user("bob"), invoke, function, url("AWS_IAM"), guarded, "", true},
		{"AWS_IAM, identity without condition", user("bob"), invoke, function, url("AWS_IAM"), plain, "", true},
		{"AWS_IAM, condition for the other type", user("bob"), invoke, function, url("NONE"), guarded, "", false},
		{"alias, identity names the function", user("bob"), invoke, function + ":prod", url("AWS_IAM"), plain, "", false},
		{"bucket event", service("s3.amazonaws.com"), "lambda:InvokeFunction", function,
			policy.ContextMap{"aws:sourceaccount": policy.One(account), "aws:sourcearn": policy.One("arn:aws:s3:::b")}, "", fromBucket, true},
		{"bucket event of another account", service("s3.amazonaws.com"), "lambda:InvokeFunction", function,
			policy.ContextMap{"aws:sourceaccount": policy.One(stranger), "aws:sourcearn": policy.One("arn:aws:s3:::b")}, "", fromBucket, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := policy.Input{Request: policy.Request{Action: c.action, Resource: c.resource, ResourceAccount: account, Principal: c.caller}}
			if c.ctx != nil {
				in.Request.Context = c.ctx
			}
			if c.identity != "" {
				in.Identity = []policy.Source{source(t, policy.Identity, c.identity)}
			}
			if c.function != "" {
				s := source(t, policy.Resource, c.function)
				in.Resource = &s
			}
			if got := policy.Decide(in).Allowed; got != c.want {
				t.Errorf("allowed = %v, want %v", got, c.want)
			}
		})
	}
}
