package awsmanaged_test

import (
	"slices"
	"strings"
	"testing"

	"furl/internal/policy"
	"furl/internal/policy/awsmanaged"
)

func TestCatalog(t *testing.T) {
	c, err := awsmanaged.Load()
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, p := range c.All() {
		if c.Get(p.ARN) != p {
			t.Errorf("%s is not found by its ARN %s", p.Name, p.ARN)
		}
		if !strings.HasPrefix(p.ID, "ANPA") || len(p.ID) != 21 || ids[p.ID] {
			t.Errorf("%s has the id %q", p.Name, p.ID)
		}
		ids[p.ID] = true
		if p.Description == "" || p.Updated.Before(p.Created) || p.Compiled.Kind() != policy.ManagedIdentity {
			t.Errorf("%+v", p)
		}
	}
	if !slices.IsSortedFunc(c.All(), func(a, b *awsmanaged.Policy) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("not sorted")
	}
}

// What the policies are attached for they must allow, and nothing beyond.
func TestWhatPoliciesAllow(t *testing.T) {
	c, err := awsmanaged.Load()
	if err != nil {
		t.Fatal(err)
	}
	const (
		function = "arn:aws:lambda:us-east-1:111122223333:function:f"
		user     = "arn:aws:iam::111122223333:user/bob"
		group    = "arn:aws:logs:us-east-1:111122223333:log-group:/aws/lambda/f:log-stream:s"
	)
	for _, test := range []struct {
		name, action, resource string
		allowed                bool
	}{
		{"AdministratorAccess", "iam:CreateUser", user, true},
		{"AWSDenyAll", "iam:GetUser", user, false},
		{"PowerUserAccess", "lambda:InvokeFunctionUrl", function, true},
		{"PowerUserAccess", "iam:CreateUser", user, false},
		{"PowerUserAccess", "iam:ListRoles", "arn:aws:iam::111122223333:role/", true},
		{"IAMFullAccess", "iam:CreateUser", user, true},
		{"IAMFullAccess", "lambda:GetFunction", function, false},
		{"IAMReadOnlyAccess", "iam:GetUser", user, true},
		{"IAMReadOnlyAccess", "iam:CreateUser", user, false},
		{"AWSLambda_FullAccess", "lambda:DeleteFunction", function, true},
		{"AWSLambda_FullAccess", "iam:CreateRole", user, false},
		{"AWSLambda_FullAccess", "logs:FilterLogEvents", group, true},
		{"AWSLambda_ReadOnlyAccess", "lambda:GetFunction", function, true},
		{"AWSLambda_ReadOnlyAccess", "lambda:InvokeFunction", function, false},
		{"service-role/AWSLambdaBasicExecutionRole", "logs:PutLogEvents", group, true},
		{"service-role/AWSLambdaBasicExecutionRole", "logs:GetLogEvents", group, false},
		{"service-role/AWSLambdaRole", "lambda:InvokeFunction", function, true},
		{"service-role/AWSLambdaRole", "lambda:GetFunction", function, false},
		{"ReadOnlyAccess", "lambda:GetFunctionUrlConfig", function, true},
		{"ReadOnlyAccess", "lambda:InvokeFunctionUrl", function, false},
		{"SecurityAudit", "lambda:GetPolicy", function, true},
		{"SecurityAudit", "lambda:GetFunction", function, false},
		{"CloudWatchLogsFullAccess", "logs:DeleteLogGroup", group, true},
		{"CloudWatchLogsReadOnlyAccess", "logs:DeleteLogGroup", group, false},
		{"CloudWatchLogsReadOnlyAccess", "logs:FilterLogEvents", group, true},
	} {
		p := c.Get(awsmanaged.Prefix + "/" + test.name)
		if p == nil {
			t.Errorf("no %s", test.name)
			continue
		}
		got := policy.Decide(policy.Input{
			Request: policy.Request{Action: test.action, Resource: test.resource, Principal: policy.Principal{
				Type: policy.User, Account: "111122223333", ARN: user, ID: "AIDAX",
			}},
			Identity: []policy.Source{{Policy: p.Compiled}},
		})
		if got.Allowed != test.allowed {
			t.Errorf("%s: %s on %s: %+v", test.name, test.action, test.resource, got)
		}
	}
}
