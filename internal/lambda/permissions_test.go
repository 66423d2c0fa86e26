package lambda_test

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"furl/internal/lambda"
)

// permission is the request for a statement that lets everybody invoke.
func permission(function, sid string, change ...func(*lambda.AddPermissionRequest)) *lambda.AddPermissionRequest {
	in := &lambda.AddPermissionRequest{FunctionName: function, StatementId: sid, Action: "lambda:InvokeFunction", Principal: "*"}
	for _, c := range change {
		c(in)
	}
	return in
}

func add(function, sid string, change ...func(*lambda.AddPermissionRequest)) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		return only(c.AddPermission(ctx, permission(function, sid, change...)))
	}
}

func remove(function, sid string, change ...func(*lambda.RemovePermissionRequest)) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		in := &lambda.RemovePermissionRequest{FunctionName: function, StatementId: sid}
		for _, change := range change {
			change(in)
		}
		return c.RemovePermission(ctx, in)
	}
}

// The statements are those that AWS makes (recorded), byte for byte.
func TestStatements(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	bob := h.User("bob")
	const head = `{"Sid":"s","Effect":"Allow","Principal":`
	const invoke = `,"Action":"lambda:InvokeFunction","Resource":"` + prefix + `hello"`
	for _, tt := range []struct {
		name, want string
		change     func(*lambda.AddPermissionRequest)
	}{
		{"everybody", head + `"*"` + invoke + `}`, func(*lambda.AddPermissionRequest) {}},
		{"URL", head + `"*","Action":"lambda:InvokeFunctionUrl","Resource":"` + prefix + `hello","Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}}`,
			func(in *lambda.AddPermissionRequest) {
				in.Action, in.FunctionUrlAuthType = "lambda:InvokeFunctionUrl", new(lambda.FunctionUrlAuthTypeNone)
			}},
		{"via URL", head + `"*"` + invoke + `,"Condition":{"Bool":{"lambda:InvokedViaFunctionUrl":"true"}}}`,
			func(in *lambda.AddPermissionRequest) { in.InvokedViaFunctionUrl = new(true) }},
		{"service", head + `{"Service":"s3.amazonaws.com"}` + invoke + `,"Condition":{"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::b"}}}`,
			func(in *lambda.AddPermissionRequest) {
				in.Principal, in.SourceArn = "s3.amazonaws.com", new("arn:aws:s3:::b")
			}},
		{"service of Alexa", head + `{"Service":"alexa-appkit.amazon.com"}` + invoke + `,"Condition":{"StringEquals":{"lambda:EventSourceToken":"t"}}}`,
			func(in *lambda.AddPermissionRequest) {
				in.Principal, in.EventSourceToken = "alexa-appkit.amazon.com", new("t")
			}},
		{"account", head + `{"AWS":"arn:aws:iam::444455556666:root"}` + invoke + `}`,
			func(in *lambda.AddPermissionRequest) { in.Principal = "444455556666" }},
		{"user", head + `{"AWS":"` + bob.ARN + `"}` + invoke + `}`, func(in *lambda.AddPermissionRequest) { in.Principal = bob.ARN }},
		{"role", head + `{"AWS":"` + role + `"}` + invoke + `}`, func(in *lambda.AddPermissionRequest) { in.Principal = role }},
		{"session", head + `{"AWS":"arn:aws:sts::111122223333:assumed-role/runner/s"}` + invoke + `}`,
			func(in *lambda.AddPermissionRequest) {
				in.Principal = "arn:aws:sts::111122223333:assumed-role/runner/s"
			}},
		{"all conditions", head + `"*","Action":"lambda:InvokeFunctionUrl","Resource":"` + prefix + `hello","Condition":{"StringEquals":` +
			`{"AWS:SourceAccount":"111111111111","lambda:FunctionUrlAuthType":"NONE","aws:PrincipalOrgID":"o-1234567890"},"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::b"}}}`,
			func(in *lambda.AddPermissionRequest) {
				in.Action, in.FunctionUrlAuthType = "lambda:InvokeFunctionUrl", new(lambda.FunctionUrlAuthTypeNone)
				in.SourceAccount, in.PrincipalOrgID, in.SourceArn = new("111111111111"), new("o-1234567890"), new("arn:aws:s3:::b")
			}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, ctx := h.as(h.Root), t.Context()
			out := must(c.AddPermission(ctx, permission("hello", "s", tt.change)))(t)
			if *out.Statement != tt.want {
				t.Errorf("statement\n%s, want\n%s", *out.Statement, tt.want)
			}
			got := must(c.GetPolicy(ctx, &lambda.GetPolicyRequest{FunctionName: "hello"}))(t)
			if want := `{"Version":"2012-10-17","Id":"default","Statement":[` + tt.want + `]}`; *got.Policy != want {
				t.Errorf("policy\n%s, want\n%s", *got.Policy, want)
			}
			if err := remove("hello", "s")(ctx, c); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestPolicyRevisions(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	c, ctx := h.as(h.Root), t.Context()
	revision := func() string {
		t.Helper()
		id := *must(c.GetPolicy(ctx, &lambda.GetPolicyRequest{FunctionName: "hello"}))(t).RevisionId
		if !regexp.MustCompile(`^[0-9a-f-]{36}$`).MatchString(id) {
			t.Errorf("revision %q", id)
		}
		return id
	}
	function := *must(c.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationRequest{FunctionName: "hello"}))(t).RevisionId
	const failed = "PreconditionFailedException"
	const stale = "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest Revision Id"
	at := func(id string) func(*lambda.AddPermissionRequest) {
		return func(in *lambda.AddPermissionRequest) { in.RevisionId = &id }
	}
	from := func(id string) func(*lambda.RemovePermissionRequest) {
		return func(in *lambda.RemovePermissionRequest) { in.RevisionId = &id }
	}
	h.expect(h.Root,
		call{"none yet", add("hello", "s1", at("wrong")), failed, stale},
		call{"of the function (recorded)", add("hello", "s1", at(function)), "", ""},
	)
	first := revision()
	h.expect(h.Root, call{"of the policy", add("hello", "s2", at(first)), "", ""})
	if revision() == first {
		t.Error("the revision stays although the policy has changed")
	}
	h.expect(h.Root,
		call{"stale", add("hello", "s3", at(first)), failed, stale},
		call{"stale removal", remove("hello", "s1", from(first)), failed, stale},
		call{"removal", remove("hello", "s1", from(revision())), "", ""},
	)
	after := *must(c.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationRequest{FunctionName: "hello"}))(t).RevisionId
	if after != function {
		t.Error("the function's revision has changed with its policy (recorded: it does not)")
	}
}

func TestPermissionRefusals(t *testing.T) {
	h := newHouse(t)
	h.create("hello", "bare")
	const missing = "ResourceNotFoundException"
	const latest = "We currently do not support adding policies for $LATEST."
	const principal = "The provided principal was invalid. Please check the principal and try again."
	const noPolicy, noResource = "No policy is associated with the given resource.", "The resource you requested does not exist."
	const at = "1 validation error detected: Value "
	on := func(q string) func(*lambda.AddPermissionRequest) {
		return func(in *lambda.AddPermissionRequest) { in.Qualifier = &q }
	}
	off := func(q string) func(*lambda.RemovePermissionRequest) {
		return func(in *lambda.RemovePermissionRequest) { in.Qualifier = &q }
	}
	to := func(p string) func(*lambda.AddPermissionRequest) {
		return func(in *lambda.AddPermissionRequest) { in.Principal = p }
	}
	get := func(name string, q *string) func(context.Context, *lambda.Client) error {
		return func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetPolicy(ctx, &lambda.GetPolicyRequest{FunctionName: name, Qualifier: q}))
		}
	}
	h.expect(h.Root,
		call{"add", add("hello", "s1"), "", ""},
		call{"exists", add("hello", "s1"), "ResourceConflictException",
			"The statement id (s1) provided already exists. Please provide a new statement id, or remove the existing statement."},
		call{"another", add("hello", "s2"), "", ""},
		call{"bad id", add("hello", "example.com"), "ValidationException",
			at + "'example.com' at 'statementId' failed to satisfy constraint: Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)"},
		call{"bad action", add("hello", "s", func(in *lambda.AddPermissionRequest) { in.Action = "s3:Get" }), "ValidationException",
			at + "'s3:Get' at 'action' failed to satisfy constraint: Member must satisfy regular expression pattern: (lambda:[*]|lambda:[a-zA-Z]+|[*])"},
		call{"mismatch", add("hello:a", "s", on("42")), invalid, "The derived qualifier from the function name does not match the specified qualifier."},
		call{"$LATEST", add("hello:$LATEST", "s", on("$LATEST")), invalid, latest},
		call{"missing function", add("none", "s"), missing, "Function not found: " + prefix + "none"},
		call{"missing alias", add("hello:live", "s"), missing, "Cannot find alias arn: " + prefix + "hello:live"},
		call{"missing version", add("hello", "s", on("42")), missing, "Function not found: " + prefix + "hello:42"},
		call{"odd qualifier", add("hello", "s", on("with-$-inside")), missing, "Function not found: " + prefix + "hello:with-$-inside"},
		call{"bad qualifier", add("hello", "s", on("a?")), "ValidationException",
			at + `'a?' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: \$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+`},
		call{"foreign service", add("hello", "s", to("invalid.nonaws.com")), invalid, principal},
		call{"no service", add("hello", "s", to("*.amazonaws.com")), invalid, principal},
		call{"no user", add("hello", "s", to("arn:aws:iam::111122223333:user/nobody")), invalid, principal},
		call{"no role", add("hello", "s", to("arn:aws:iam::111122223333:role/nobody")), invalid, principal},
		call{"no principal", add("hello", "s", to("arn:aws:s3:::bucket")), invalid, principal},
		call{"eleven digits", add("hello", "s", to("11112222333")), invalid, principal},
		call{"auth type of another action", add("hello", "s", func(in *lambda.AddPermissionRequest) {
			in.FunctionUrlAuthType = new(lambda.FunctionUrlAuthTypeNone)
		}), invalid, "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action"},
		call{"via URL of another action", add("hello", "s", func(in *lambda.AddPermissionRequest) {
			in.Action, in.InvokedViaFunctionUrl = "lambda:InvokeFunctionUrl", new(true)
		}), invalid, "InvokedViaFunctionUrl is only supported for lambda:InvokeFunction action"},

		call{"get of none", get("none", nil), missing, noResource},
		call{"get of no policy", get("bare", nil), missing, noResource},
		call{"get of a version", get("hello", new("77")), missing, noResource},
		call{"get of an alias", get("hello:live", nil), missing, noResource},
		call{"remove from none", remove("none", "s1"), missing, "No policy found for: " + prefix + "none"},
		call{"remove from no policy", remove("bare", "s1"), missing, noPolicy},
		call{"remove from a missing alias", remove("hello", "s1", off("live")), missing, "Cannot find alias arn: " + prefix + "hello:live"},
		call{"remove a missing one", remove("hello", "s.9"), missing, "Statement s.9 is not found in resource policy."},
		call{"remove", remove("hello", "s1"), "", ""},
		call{"still a policy", get("hello", nil), "", ""},
		call{"remove the last", remove("hello", "s2"), "", ""},
		call{"no policy any more", get("hello", nil), missing, noResource},
		call{"remove twice", remove("hello", "s2"), missing, noPolicy},
	)
}

func TestPolicyIsFull(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	c, ctx := h.as(h.Root), t.Context()
	full := func(sid string) *lambda.AddPermissionRequest {
		return permission("hello", sid, func(in *lambda.AddPermissionRequest) { in.SourceArn = new("arn:aws:s3:::" + strings.Repeat("b", 9000)) })
	}
	must(c.AddPermission(ctx, full("s1")))(t)
	must(c.AddPermission(ctx, full("s2")))(t)
	before := *must(c.GetPolicy(ctx, &lambda.GetPolicyRequest{FunctionName: "hello"}))(t).Policy
	h.expect(h.Root, call{"third", func(ctx context.Context, c *lambda.Client) error { return only(c.AddPermission(ctx, full("s3"))) },
		"PolicyLengthExceededException", "The final policy size (27662) is bigger than the limit (20480)."})
	if after := *must(c.GetPolicy(ctx, &lambda.GetPolicyRequest{FunctionName: "hello"}))(t).Policy; after != before {
		t.Error("the refused statement is there")
	}
}

// A statement is about the user who bore the name when it was made. AWS shows
// the unique id of one who is gone.
func TestStatementsAreAboutWhoWasNamed(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	c, ctx := h.as(h.Root), t.Context()
	named := func(in *lambda.AddPermissionRequest) {
		in.Action, in.Principal = "lambda:GetFunction", "arn:aws:iam::111122223333:user/bob"
	}
	policy := func() string {
		t.Helper()
		return *must(c.GetPolicy(ctx, &lambda.GetPolicyRequest{FunctionName: "hello"}))(t).Policy
	}
	getFunction := func(ctx context.Context, c *lambda.Client) error {
		return only(c.GetFunction(ctx, &lambda.GetFunctionRequest{FunctionName: "hello"}))
	}
	bob := h.User("bob")
	must(c.AddPermission(ctx, permission("hello", "first", named)))(t)
	h.expect(bob, call{"bob", getFunction, "", ""})
	h.Remove(bob)
	if p := policy(); !strings.Contains(p, `"Principal":{"AWS":"`+bob.ID+`"}`) || strings.Contains(p, bob.ARN) {
		t.Errorf("after bob was deleted: %s", p)
	}

	h.Clock.Advance(1)
	next := h.User("bob")
	if next.ID == bob.ID {
		t.Fatal("the new bob is the old one")
	}
	denied := "User: " + next.ARN + " is not authorized to perform: lambda:GetFunction on resource: " + prefix + "hello because no identity-based policy allows the lambda:GetFunction action"
	h.expect(next, call{"another bob", getFunction, "AccessDeniedException", denied})
	must(c.AddPermission(ctx, permission("hello", "second", named)))(t)
	h.expect(next, call{"another bob, named", getFunction, "", ""})
	if p := policy(); !strings.Contains(p, `"Sid":"first","Effect":"Allow","Principal":{"AWS":"`+bob.ID+`"}`) ||
		!strings.Contains(p, `"Sid":"second","Effect":"Allow","Principal":{"AWS":"`+next.ARN+`"}`) {
		t.Errorf("both: %s", p)
	}
	if err := remove("hello", "second")(ctx, c); err != nil {
		t.Fatal(err)
	}
	h.expect(next, call{"another bob, named no more", getFunction, "AccessDeniedException", denied})
}
