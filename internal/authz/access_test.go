package authz_test

import (
	"crypto/tls"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"furl/internal/authz"
	"furl/internal/authz/authztest"
	"furl/internal/policy"
	"furl/internal/state"
)

// keyed are the condition keys of one request for each sort of caller; an empty
// value is a key that is not there (IAM reference 3.8).
type keyed struct{ key, user, root, anonymous string }

func keys(bob authztest.Who) []keyed {
	same := func(key, value string) keyed { return keyed{key, value, value, value} }
	return []keyed{
		{"aws:PrincipalType", "User", "Account", "Anonymous"},
		{"aws:userid", bob.ID, "111122223333", ""},
		{"aws:username", "bob", "", ""},
		{"aws:PrincipalArn", bob.ARN, "arn:aws:iam::111122223333:root", ""},
		{"aws:PrincipalAccount", "111122223333", "111122223333", ""},
		{"aws:PrincipalIsAWSService", "false", "false", ""},
		{"aws:PrincipalTag/TEAM", "blue", "", ""},
		{"aws:PrincipalTag/cost", "", "", ""},
		{"aws:TokenIssueTime", "", "", ""},
		{"aws:MultiFactorAuthPresent", "", "", ""},
		{"aws:PrincipalOrgID", "", "", ""},
		same("AWS:CurrentTime", "2026-11-23T13:42:10Z"),
		same("aws:EpochTime", "1795441330"),
		same("aws:SecureTransport", "true"),
		same("aws:SourceIp", "192.0.2.7"),
		same("aws:UserAgent", "curl/8"),
		same("aws:Referer", "https://a.example/"),
		same("aws:RequestedRegion", "us-east-1"),
		same("aws:ViaAWSService", "false"),
		same("aws:ResourceAccount", "444455556666"),
		same("aws:ResourceTag/stage", "test"),
		same("aws:ResourceTag/other", ""),
		same("iam:ResourceTag/stage", ""),
		same("aws:SourceArn", ""),
		same("aws:SourceAccount", ""),
		same("lambda:FunctionUrlAuthType", "AWS_IAM"),
		same("lambda:FunctionArn", "arn:f"),
		same("lambda:InvokedViaFunctionUrl", ""),
		same("lambda:Principal", "*"),
	}
}

// denies reports whether a Deny under a condition applies: a way to look at a
// condition key that works for root as well.
func denies(t *testing.T, h *authztest.House, c *authz.Caller, acc authz.Access, env authz.Env, condition string) bool {
	t.Helper()
	p, err := policy.Parse(fmt.Appendf(nil, `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{%s}}}`, condition), policy.Resource)
	if err != nil {
		t.Fatal(err)
	}
	acc.Policy = &policy.Source{Name: "p", Policy: p}
	return h.Judge.Allow(c, env, acc).ExplicitDeny
}

func TestConditionKeys(t *testing.T) {
	h := authztest.New(t, false)
	bob := h.User("bob")
	_, err := h.State.UpdateUser(t.Context(), authztest.Account, "bob", func(u *state.User) error {
		u.Tags = map[string]string{"Team": "blue"}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "https://x.example/", nil)
	r.RemoteAddr, r.TLS = "192.0.2.7:4711", new(tls.ConnectionState)
	r.Header.Set("User-Agent", "curl/8")
	r.Header.Set("Referer", "https://a.example/")
	env := authz.NewEnv(r, h.Clock.Now())
	acc := authz.Access{
		Action: "lambda:AddPermission", Resource: "arn:aws:lambda:us-east-1:444455556666:function:f", Account: "444455556666",
		Tags: map[string]string{"stage": "test"}, FunctionARN: "arn:f", URLAuthType: "AWS_IAM", Keys: policy.ContextMap{},
	}
	acc.Keys.Set("lambda:Principal", policy.One("*"))
	user := authz.UserCaller(h.State.Snapshot().User(authztest.Account, "bob"), bob.KeyID)
	check := func(who string, c *authz.Caller, key, want string) {
		t.Helper()
		if want == "" {
			if !denies(t, h, c, acc, env, fmt.Sprintf(`"Null":{%q:"true"}`, key)) {
				t.Errorf("%s has %s", who, key)
			}
		} else if !denies(t, h, c, acc, env, fmt.Sprintf(`"StringEquals":{%q:%q}`, key, want)) {
			t.Errorf("%s: %s is not %s", who, key, want)
		}
	}
	for _, k := range keys(bob) {
		check("bob", user, k.key, k.user)
		check("root", authz.RootCaller(authztest.Account, "AKIA"), k.key, k.root)
		check("anonymous", authz.Anonymous(), k.key, k.anonymous)
	}
	acc.ViaURL = true
	check("via a URL, bob", user, "lambda:InvokedViaFunctionUrl", "true")
}

// What a request does not have is no key, and IAM is in one region.
func TestConditionKeysThatVary(t *testing.T) {
	h := authztest.New(t, false)
	r := httptest.NewRequest("GET", "http://x.example/", nil)
	r.RemoteAddr = "[2001:db8::7]:4711"
	r.Header.Del("User-Agent")
	env := authz.NewEnv(r, h.Clock.Now())
	judge := authz.New(authz.Options{Region: "eu-west-1"})
	house := *h
	house.Judge = judge
	root := authz.RootCaller(authztest.Account, "AKIA")
	tags := map[string]string{"Stage": "a", "stage": "b"}
	for _, tt := range []struct{ action, condition string }{
		{"lambda:GetFunction", `"Null":{"aws:UserAgent":"true","aws:Referer":"true","lambda:FunctionArn":"true","lambda:FunctionUrlAuthType":"true"}`},
		{"lambda:GetFunction", `"Bool":{"aws:SecureTransport":"false"},"IpAddress":{"aws:SourceIp":"2001:db8::/64"}`},
		{"lambda:GetFunction", `"StringEquals":{"aws:RequestedRegion":"eu-west-1"}`},
		{"iam:GetUser", `"StringEquals":{"aws:RequestedRegion":"us-east-1"}`},
		{"iam:GetUser", `"StringEquals":{"iam:ResourceTag/stage":"a","aws:ResourceTag/stage":"a"}`},
	} {
		for range 8 { // the order of a map must not matter
			if !denies(t, &house, root, authz.Access{Action: tt.action, Resource: "*", Tags: tags}, env, tt.condition) {
				t.Errorf("%s: %s does not hold", tt.action, tt.condition)
			}
		}
	}
}

func TestRequestTags(t *testing.T) {
	if keys := authz.RequestTags(nil); keys != nil {
		t.Errorf("no tags: %v", keys)
	}
	keys := authz.RequestTags(map[string]string{"Team": "blue", "cost": "1"})
	if v, ok := keys.Lookup("aws:requesttag/team"); !ok || v.At(0) != "blue" || v.Multivalued() {
		t.Errorf("aws:RequestTag/Team %v", v)
	}
	if v, ok := keys.Lookup("aws:tagkeys"); !ok || !v.Multivalued() || v.Len() != 2 || v.At(0) != "Team" || v.At(1) != "cost" {
		t.Errorf("aws:TagKeys %v", v)
	}
}

// AWS's texts of refusals (IAM reference 1.11).
func TestDenied(t *testing.T) {
	h := authztest.New(t, false)
	bob := h.User("bob", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"lambda:DeleteFunction","Resource":"*"}}`)
	c := authz.UserCaller(h.State.Snapshot().User(authztest.Account, "bob"), bob.KeyID)
	const f = "arn:aws:lambda:us-east-1:111122223333:function:f"
	const other = "arn:aws:lambda:us-east-1:444455556666:function:f"
	for _, tt := range []struct {
		acc  authz.Access
		want string
	}{
		{authz.Access{Action: "lambda:GetFunction", Resource: f, Account: authztest.Account},
			"User: " + bob.ARN + " is not authorized to perform: lambda:GetFunction on resource: " + f + " because no identity-based policy allows the lambda:GetFunction action"},
		{authz.Access{Action: "lambda:DeleteFunction", Resource: f, Account: authztest.Account},
			"User: " + bob.ARN + " is not authorized to perform: lambda:DeleteFunction on resource: " + f + " with an explicit deny in an identity-based policy"},
		{authz.Access{Action: "lambda:GetFunction", Resource: other, Account: "444455556666"},
			"User: " + bob.ARN + " is not authorized to perform: lambda:GetFunction on resource: " + other + " because no resource-based policy allows the lambda:GetFunction action"},
	} {
		d := h.Judge.Allow(c, authz.Env{Time: time.Now()}, tt.acc)
		if got := authz.Denied(c, tt.acc, d); d.Allowed || got != tt.want {
			t.Errorf("%v %s, want %s", d.Allowed, got, tt.want)
		}
	}
}
