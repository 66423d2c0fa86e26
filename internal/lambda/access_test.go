package lambda_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"furl/internal/authz/authztest"
	"furl/internal/awsapi"
	"furl/internal/lambda"
)

// access is what an operation must ask for.
type access struct {
	op, action, resource string
	do                   func(ctx context.Context, c *lambda.Client) error
}

func accesses() []access {
	const hello = prefix + "hello"
	return []access{
		{"CreateFunction", "lambda:CreateFunction", prefix + "new", creating("new")},
		{"GetFunction", "lambda:GetFunction", hello, func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetFunction(ctx, &lambda.GetFunctionRequest{FunctionName: "hello"}))
		}},
		{"GetFunction", "lambda:GetFunction", hello + ":$LATEST", func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetFunction(ctx, &lambda.GetFunctionRequest{FunctionName: hello, Qualifier: new("$LATEST")}))
		}},
		{"GetFunctionConfiguration", "lambda:GetFunctionConfiguration", prefix + "none", func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationRequest{FunctionName: "none"}))
		}},
		{"ListFunctions", "lambda:ListFunctions", "*", func(ctx context.Context, c *lambda.Client) error {
			return only(c.ListFunctions(ctx, &lambda.ListFunctionsRequest{}))
		}},
		{"UpdateFunctionCode", "lambda:UpdateFunctionCode", hello, recode("hello", func(*lambda.UpdateFunctionCodeRequest) {})},
		{"UpdateFunctionConfiguration", "lambda:UpdateFunctionConfiguration", hello,
			configure("hello", func(*lambda.UpdateFunctionConfigurationRequest) {})},
		{"Invoke", "lambda:InvokeFunction", hello, invoke(func(in *lambda.InvocationRequest) {
			in.InvocationType = new(lambda.InvocationTypeDryRun)
		})},
		{"CreateFunctionUrlConfig", "lambda:CreateFunctionUrlConfig", hello, makeURL("hello", nil)},
		{"CreateFunctionUrlConfig", "lambda:CreateFunctionUrlConfig", hello + ":live", makeURL("hello", new("live"))},
		{"GetFunctionUrlConfig", "lambda:GetFunctionUrlConfig", hello, getURL("hello", nil)},
		{"UpdateFunctionUrlConfig", "lambda:UpdateFunctionUrlConfig", hello, updateURL("hello", nil)},
		{"ListFunctionUrlConfigs", "lambda:ListFunctionUrlConfigs", hello, listURLs("hello")},
		{"ListFunctionUrlConfigs", "lambda:ListFunctionUrlConfigs", hello, listURLs("hello:live")},
		{"DeleteFunctionUrlConfig", "lambda:DeleteFunctionUrlConfig", hello, deleteURL("hello", nil)},
		{"AddPermission", "lambda:AddPermission", hello, add("hello", "s")},
		{"GetPolicy", "lambda:GetPolicy", hello, func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetPolicy(ctx, &lambda.GetPolicyRequest{FunctionName: "hello"}))
		}},
		{"RemovePermission", "lambda:RemovePermission", hello, remove("hello", "s")},
		{"PublishVersion", "lambda:PublishVersion", hello, publish("hello")},
		{"PublishVersion", "lambda:PublishVersion", hello, publish("hello:$LATEST")},
		{"ListVersionsByFunction", "lambda:ListVersionsByFunction", hello, func(ctx context.Context, c *lambda.Client) error {
			return only(c.ListVersionsByFunction(ctx, &lambda.ListVersionsByFunctionRequest{FunctionName: "hello"}))
		}},
		{"ListVersionsByFunction", "lambda:ListVersionsByFunction", hello, func(ctx context.Context, c *lambda.Client) error {
			return only(c.ListVersionsByFunction(ctx, &lambda.ListVersionsByFunctionRequest{FunctionName: "hello:1"}))
		}},
		{"CreateAlias", "lambda:CreateAlias", hello, makeAlias("hello", "test", "1", nil)},
		{"GetAlias", "lambda:GetAlias", hello, func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetAlias(ctx, &lambda.GetAliasRequest{FunctionName: "hello", Name: "test"}))
		}},
		{"UpdateAlias", "lambda:UpdateAlias", hello, updateAlias("hello", "test", func(*lambda.UpdateAliasRequest) {})},
		{"ListAliases", "lambda:ListAliases", hello, func(ctx context.Context, c *lambda.Client) error {
			return only(c.ListAliases(ctx, &lambda.ListAliasesRequest{FunctionName: "hello"}))
		}},
		{"DeleteAlias", "lambda:DeleteAlias", hello, func(ctx context.Context, c *lambda.Client) error {
			return c.DeleteAlias(ctx, &lambda.DeleteAliasRequest{FunctionName: "hello", Name: "test"})
		}},
		{"GetPolicy", "lambda:GetPolicy", hello + ":1", func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetPolicy(ctx, &lambda.GetPolicyRequest{FunctionName: "hello", Qualifier: new("1")}))
		}},
		{"TagResource", "lambda:TagResource", hello, func(ctx context.Context, c *lambda.Client) error {
			return c.TagResource(ctx, &lambda.TagResourceRequest{Resource: hello, Tags: map[string]string{"a": "b"}})
		}},
		{"UntagResource", "lambda:UntagResource", hello, func(ctx context.Context, c *lambda.Client) error {
			return c.UntagResource(ctx, &lambda.UntagResourceRequest{Resource: hello, TagKeys: []string{"a"}})
		}},
		{"ListTags", "lambda:ListTags", hello, func(ctx context.Context, c *lambda.Client) error {
			return only(c.ListTags(ctx, &lambda.ListTagsRequest{Resource: hello}))
		}},
		{"GetAccountSettings", "lambda:GetAccountSettings", "*", func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetAccountSettings(ctx, &lambda.GetAccountSettingsRequest{}))
		}},
		{"GetFunctionCodeSigningConfig", "lambda:GetFunctionCodeSigningConfig", hello, func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetFunctionCodeSigningConfig(ctx, &lambda.GetFunctionCodeSigningConfigRequest{FunctionName: "hello"}))
		}},
		{"GetFunctionCodeSigningConfig", "lambda:GetFunctionCodeSigningConfig", hello, func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetFunctionCodeSigningConfig(ctx, &lambda.GetFunctionCodeSigningConfigRequest{FunctionName: "hello:1"}))
		}},
		{"PutFunctionConcurrency", "lambda:PutFunctionConcurrency", hello, reserve("hello", 1)},
		{"GetFunctionConcurrency", "lambda:GetFunctionConcurrency", hello, func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyRequest{FunctionName: "hello"}))
		}},
		{"DeleteFunctionConcurrency", "lambda:DeleteFunctionConcurrency", hello, unreserve("hello")},
		{"PutResourcePolicy", "lambda:PutResourcePolicy", hello, putPolicy(hello, "{}")},
		{"GetResourcePolicy", "lambda:GetResourcePolicy", hello, func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetResourcePolicy(ctx, &lambda.GetResourcePolicyRequest{ResourceArn: hello}))
		}},
		{"DeleteResourcePolicy", "lambda:DeleteResourcePolicy", hello, func(ctx context.Context, c *lambda.Client) error {
			return c.DeleteResourcePolicy(ctx, &lambda.DeleteResourcePolicyRequest{ResourceArn: hello})
		}},
		{"PutProvisionedConcurrencyConfig", "lambda:PutProvisionedConcurrencyConfig", hello + ":1", provision("hello", "1", 1)},
		{"GetProvisionedConcurrencyConfig", "lambda:GetProvisionedConcurrencyConfig", hello + ":1", func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigRequest{FunctionName: "hello", Qualifier: "1"}))
		}},
		{"ListProvisionedConcurrencyConfigs", "lambda:ListProvisionedConcurrencyConfigs", hello, func(ctx context.Context, c *lambda.Client) error {
			return only(c.ListProvisionedConcurrencyConfigs(ctx, &lambda.ListProvisionedConcurrencyConfigsRequest{FunctionName: "hello"}))
		}},
		{"DeleteProvisionedConcurrencyConfig", "lambda:DeleteProvisionedConcurrencyConfig", hello + ":1", func(ctx context.Context, c *lambda.Client) error {
			return c.DeleteProvisionedConcurrencyConfig(ctx, &lambda.DeleteProvisionedConcurrencyConfigRequest{FunctionName: "hello", Qualifier: "1"})
		}},
		{"GetRuntimeManagementConfig", "lambda:GetRuntimeManagementConfig", hello, func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetRuntimeManagementConfig(ctx, &lambda.GetRuntimeManagementConfigRequest{FunctionName: "hello"}))
		}},
		{"PutRuntimeManagementConfig", "lambda:PutRuntimeManagementConfig", hello, func(ctx context.Context, c *lambda.Client) error {
			return only(c.PutRuntimeManagementConfig(ctx, &lambda.PutRuntimeManagementConfigRequest{FunctionName: "hello", UpdateRuntimeOn: "Auto"}))
		}},
		{"GetFunctionRecursionConfig", "lambda:GetFunctionRecursionConfig", hello, func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetFunctionRecursionConfig(ctx, &lambda.GetFunctionRecursionConfigRequest{FunctionName: "hello"}))
		}},
		{"PutFunctionRecursionConfig", "lambda:PutFunctionRecursionConfig", hello, func(ctx context.Context, c *lambda.Client) error {
			return only(c.PutFunctionRecursionConfig(ctx, &lambda.PutFunctionRecursionConfigRequest{FunctionName: "hello", RecursiveLoop: "Allow"}))
		}},
		{"PublishLayerVersion", "lambda:PublishLayerVersion", layers + "lib", publishLayer("lib")},
		{"GetLayerVersion", "lambda:GetLayerVersion", layers + "lib:1", func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetLayerVersion(ctx, &lambda.GetLayerVersionRequest{LayerName: "lib", VersionNumber: 1}))
		}},
		{"GetLayerVersionByArn", "lambda:GetLayerVersion", layers + "lib:1", func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetLayerVersionByArn(ctx, &lambda.GetLayerVersionByArnRequest{Arn: layers + "lib:1"}))
		}},
		{"ListLayers", "lambda:ListLayers", "*", func(ctx context.Context, c *lambda.Client) error {
			return only(c.ListLayers(ctx, &lambda.ListLayersRequest{}))
		}},
		{"ListLayerVersions", "lambda:ListLayerVersions", "*", func(ctx context.Context, c *lambda.Client) error {
			return only(c.ListLayerVersions(ctx, &lambda.ListLayerVersionsRequest{LayerName: "lib"}))
		}},
		{"AddLayerVersionPermission", "lambda:AddLayerVersionPermission", layers + "lib:1", shareLayer("lib", 1, "*")},
		{"GetLayerVersionPolicy", "lambda:GetLayerVersionPolicy", layers + "lib:1", func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetLayerVersionPolicy(ctx, &lambda.GetLayerVersionPolicyRequest{LayerName: "lib", VersionNumber: 1}))
		}},
		{"RemoveLayerVersionPermission", "lambda:RemoveLayerVersionPermission", layers + "lib:1", func(ctx context.Context, c *lambda.Client) error {
			return c.RemoveLayerVersionPermission(ctx, &lambda.RemoveLayerVersionPermissionRequest{LayerName: "lib", VersionNumber: 1, StatementId: "s"})
		}},
		{"DeleteLayerVersion", "lambda:DeleteLayerVersion", layers + "lib:1", func(ctx context.Context, c *lambda.Client) error {
			return c.DeleteLayerVersion(ctx, &lambda.DeleteLayerVersionRequest{LayerName: "lib", VersionNumber: 1})
		}},
		{"InvokeAsync", "lambda:InvokeAsync", hello, func(ctx context.Context, c *lambda.Client) error {
			return only(c.InvokeAsync(ctx, &lambda.InvokeAsyncRequest{FunctionName: "hello", InvokeArgs: []byte("{}")}))
		}},
		{"InvokeWithResponseStream", "lambda:InvokeFunction", hello + ":1", func(ctx context.Context, c *lambda.Client) error {
			in := &lambda.InvokeWithResponseStreamRequest{FunctionName: "hello:1", InvocationType: new(lambda.ResponseStreamingInvocationTypeDryRun)}
			return c.InvokeWithResponseStream(ctx, in, new(streamed))
		}},
		{"PutFunctionEventInvokeConfig", "lambda:PutFunctionEventInvokeConfig", hello, putEvents(func(in *lambda.PutFunctionEventInvokeConfigRequest) {
			in.MaximumRetryAttempts = new(1)
		})},
		{"UpdateFunctionEventInvokeConfig", "lambda:UpdateFunctionEventInvokeConfig", hello, updateEvents(func(in *lambda.UpdateFunctionEventInvokeConfigRequest) {
			in.MaximumRetryAttempts = new(1)
		})},
		{"GetFunctionEventInvokeConfig", "lambda:GetFunctionEventInvokeConfig", hello, getEvents("hello:1", nil)},
		{"ListFunctionEventInvokeConfigs", "lambda:ListFunctionEventInvokeConfigs", hello, func(ctx context.Context, c *lambda.Client) error {
			return only(c.ListFunctionEventInvokeConfigs(ctx, &lambda.ListFunctionEventInvokeConfigsRequest{FunctionName: "hello"}))
		}},
		{"DeleteFunctionEventInvokeConfig", "lambda:DeleteFunctionEventInvokeConfig", hello, deleteEvents("hello")},
		{"DeleteFunction", "lambda:DeleteFunction", hello, func(ctx context.Context, c *lambda.Client) error {
			return only(c.DeleteFunction(ctx, &lambda.DeleteFunctionRequest{FunctionName: "hello"}))
		}},
	}
}

// grant makes the identity policy of a user anew.
func (h *house) grant(user string, statements ...string) {
	h.t.Helper()
	if err := h.SetPolicy(user, document(statements...)); err != nil {
		h.t.Fatal(err)
	}
}

func refused(who authztest.Who, action, resource string) string {
	return "User: " + who.ARN + " is not authorized to perform: " + action + " on resource: " + resource
}

func implicit(who authztest.Who, action, resource string) string {
	return refused(who, action, resource) + " because no identity-based policy allows the " + action + " action"
}

const denied = "AccessDeniedException"

// Every operation is refused to a user without a policy, allowed by a policy of
// exactly its action on exactly its resource, and refused by an explicit deny.
func TestEveryOperationIsAuthorized(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	caller := h.User("caller")
	pass := statement("Allow", "iam:PassRole", role)
	tried := map[string]bool{}
	for _, a := range accesses() {
		tried[a.op] = true
		t.Run(a.op, func(t *testing.T) {
			h.grant("caller", pass)
			authztest.Refused(t, a.do(t.Context(), h.as(caller)), denied, implicit(caller, a.action, a.resource))
			h.grant("caller", pass, statement("Allow", a.action, "*"), statement("Deny", a.action, a.resource))
			authztest.Refused(t, a.do(t.Context(), h.as(caller)), denied,
				refused(caller, a.action, a.resource)+" with an explicit deny in an identity-based policy")
			h.grant("caller", pass, statement("Allow", a.action, a.resource))
			if e, ok := errors.AsType[*awsapi.Error](a.do(t.Context(), h.as(caller))); ok && e.Code == denied {
				t.Errorf("allowed on %s: %v", a.resource, e)
			}
			h.settle()
		})
	}
	for m := range reflect.TypeFor[lambda.API]().Methods() {
		if !tried[m.Name] {
			t.Errorf("%s is not tried", m.Name)
		}
	}
}

// Where an action has no resource of its own, no ARN helps (service
// authorization reference).
func TestListFunctionsIsOnEverything(t *testing.T) {
	h := newHouse(t)
	caller := h.User("caller", document(statement("Allow", "lambda:ListFunctions", prefix+"*")))
	h.expect(caller, call{"list", func(ctx context.Context, c *lambda.Client) error {
		return only(c.ListFunctions(ctx, &lambda.ListFunctionsRequest{}))
	}, denied, implicit(caller, "lambda:ListFunctions", "*")})
}

func TestPassRole(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	h.role("other", lambda.TrustPolicy)
	const other = "arn:aws:iam::111122223333:role/other"
	caller := h.User("caller")
	functions := statement("Allow", "lambda:*", "*")
	pass := func(condition string) string {
		return `{"Effect":"Allow","Action":"iam:PassRole","Resource":"*","Condition":{` + condition + `}}`
	}
	change := configure("hello", func(in *lambda.UpdateFunctionConfigurationRequest) { in.Role = new(other) })
	for _, tt := range []struct {
		name, grant string
		ok          bool
	}{
		{"none", functions, false},
		{"another role", statement("Allow", "iam:PassRole", role), false},
		{"the role", statement("Allow", "iam:PassRole", other), true},
		{"to Lambda", pass(`"StringEquals":{"iam:PassedToService":"lambda.amazonaws.com"}`), true},
		{"to others", pass(`"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}`), false},
		{"for this function", pass(`"ArnEquals":{"iam:AssociatedResourceArn":"` + prefix + `hello"}`), true},
		{"for another function", pass(`"ArnEquals":{"iam:AssociatedResourceArn":"` + prefix + `other"}`), false},
		{"tagged", pass(`"StringEquals":{"aws:ResourceTag/team":"a"}`), true},
		{"tagged otherwise", pass(`"StringEquals":{"aws:ResourceTag/team":"b"}`), false},
	} {
		h.grant("caller", functions, tt.grant)
		c := call{tt.name, change, "", ""}
		if !tt.ok {
			c.code, c.message = denied, implicit(caller, "iam:PassRole", other)
		}
		h.expect(caller, c)
		h.settle()
	}
	h.grant("caller", functions)
	h.expect(caller,
		call{"create", creating("new"), denied, implicit(caller, "iam:PassRole", role)},
		call{"update without a role", configure("hello", func(*lambda.UpdateFunctionConfigurationRequest) {}), "", ""},
	)
	h.settle()
}

// A function's own policy lets in whom it names, for what it names, and nobody
// else.
func TestResourcePolicies(t *testing.T) {
	h := newHouse(t)
	h.create("hello", "other")
	alice, bob := h.User("alice"), h.User("bob")
	carol := h.User("carol", document(statement("Deny", "lambda:GetFunction", "*")))
	dave := h.User("dave", document(statement("Allow", "lambda:GetFunction", prefix+"hello")))
	get := func(name string) func(context.Context, *lambda.Client) error {
		return func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetFunction(ctx, &lambda.GetFunctionRequest{FunctionName: name}))
		}
	}
	dry := invoke(func(in *lambda.InvocationRequest) { in.InvocationType = new(lambda.InvocationTypeDryRun) })
	const action = "lambda:GetFunction"
	grant := func(sid, action, principal string) {
		t.Helper()
		must(h.as(h.Root).AddPermission(t.Context(), permission("hello", sid, func(in *lambda.AddPermissionRequest) {
			in.Action, in.Principal = action, principal
		})))(t)
	}
	revoke := func(sid string) {
		t.Helper()
		if err := remove("hello", sid)(t.Context(), h.as(h.Root)); err != nil {
			t.Fatal(err)
		}
	}

	grant("s", action, alice.ARN)
	h.expect(alice,
		call{"named", get("hello"), "", ""},
		call{"named, for another action", dry, denied, implicit(alice, "lambda:InvokeFunction", prefix+"hello")},
		call{"named, for another function", get("other"), denied, implicit(alice, action, prefix+"other")},
		call{"named, with a qualifier", get("hello:$LATEST"), denied, implicit(alice, action, prefix+"hello:$LATEST")},
	)
	h.expect(bob, call{"not named", get("hello"), denied, implicit(bob, action, prefix+"hello")})
	revoke("s")
	h.expect(alice, call{"named no more", get("hello"), denied, implicit(alice, action, prefix+"hello")})

	grant("s", action, authztest.Account)
	h.expect(bob, call{"account, without a policy of one's own", get("hello"), denied, implicit(bob, action, prefix+"hello")})
	h.expect(dave, call{"account, with one", get("hello"), "", ""})
	revoke("s")

	grant("s", action, "*")
	grant("i", "lambda:InvokeFunction", "*")
	h.expect(bob, call{"everybody", get("hello"), "", ""}, call{"everybody invokes", dry, "", ""})
	h.expect(carol, call{"everybody but the denied", get("hello"), denied,
		refused(carol, action, prefix+"hello") + " with an explicit deny in an identity-based policy"})
	revoke("i")

	// Who may call through a URL may not therefore call directly.
	must(h.as(h.Root).AddPermission(t.Context(), permission("hello", "u", func(in *lambda.AddPermissionRequest) {
		in.InvokedViaFunctionUrl = new(true)
	})))(t)
	h.expect(bob, call{"via the URL only", dry, denied, implicit(bob, "lambda:InvokeFunction", prefix+"hello")})
}

// A policy that names the function holds for the function however its name is
// written: $LATEST is the function itself to the actions that change it.
func TestLatestIsNoWayAroundADeny(t *testing.T) {
	h := newHouse(t)
	h.create("prod")
	mallory := h.User("mallory", document(
		statement("Allow", "lambda:*", "*"),
		statement("Deny", "lambda:Update*", prefix+"prod")))
	for _, name := range []string{"prod", "prod:$LATEST", prefix + "prod:$LATEST"} {
		h.expect(mallory,
			call{name + ": code", func(ctx context.Context, c *lambda.Client) error {
				return only(c.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeRequest{FunctionName: name, ZipFile: hello()}))
			}, denied, refused(mallory, "lambda:UpdateFunctionCode", prefix+"prod") + " with an explicit deny in an identity-based policy"},
			call{name + ": configuration", func(ctx context.Context, c *lambda.Client) error {
				return only(c.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationRequest{FunctionName: name, Timeout: new(9)}))
			}, denied, refused(mallory, "lambda:UpdateFunctionConfiguration", prefix+"prod") + " with an explicit deny in an identity-based policy"})
	}
}

// Condition keys of the operations on function URLs and resource policies.
func TestConditions(t *testing.T) {
	h := newHouse(t)
	h.create("hello", "other")
	caller := h.User("caller")
	when := func(action, condition string) string {
		return `{"Effect":"Allow","Action":"lambda:` + action + `","Resource":"*","Condition":{` + condition + `}}`
	}
	const signed = `"StringEquals":{"lambda:FunctionUrlAuthType":"AWS_IAM"}`
	makes := func(auth lambda.FunctionUrlAuthType) func(context.Context, *lambda.Client) error {
		return func(ctx context.Context, c *lambda.Client) error {
			return only(c.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigRequest{FunctionName: "hello", AuthType: auth}))
		}
	}
	opens := func(auth *lambda.FunctionUrlAuthType) func(context.Context, *lambda.Client) error {
		return func(ctx context.Context, c *lambda.Client) error {
			return only(c.UpdateFunctionUrlConfig(ctx, &lambda.UpdateFunctionUrlConfigRequest{FunctionName: "hello", AuthType: auth}))
		}
	}
	no := func(action string) string { return implicit(caller, "lambda:"+action, prefix+"hello") }
	h.grant("caller", when("CreateFunctionUrlConfig", signed+`,"ArnEquals":{"lambda:FunctionArn":"`+prefix+`hello"}`),
		when("*FunctionUrlConfig*", signed))
	h.expect(caller,
		call{"create open", makes("NONE"), denied, no("CreateFunctionUrlConfig")},
		call{"get none", getURL("hello", nil), denied, no("GetFunctionUrlConfig")},
		call{"create signed", makes("AWS_IAM"), "", ""},
		call{"get", getURL("hello", nil), "", ""},
		call{"list", listURLs("hello"), "", ""},
		call{"open", opens(new(lambda.FunctionUrlAuthTypeNone)), denied, no("UpdateFunctionUrlConfig")},
		call{"change nothing", opens(nil), "", ""},
		call{"delete", deleteURL("hello", nil), "", ""},
	)
	const toEverybody = `"StringEquals":{"lambda:Principal":"*","lambda:FunctionUrlAuthType":"NONE"}`
	open := func(in *lambda.AddPermissionRequest) {
		in.Action, in.FunctionUrlAuthType = "lambda:InvokeFunctionUrl", new(lambda.FunctionUrlAuthTypeNone)
	}
	must(h.as(h.Root).AddPermission(t.Context(), permission("hello", "roots")))(t)
	h.grant("caller", when("AddPermission", toEverybody), when("RemovePermission", toEverybody))
	h.expect(caller,
		call{"add to everybody", add("hello", "s", open), "", ""},
		call{"add to an account", add("hello", "t", open, func(in *lambda.AddPermissionRequest) { in.Principal = "444455556666" }), denied, no("AddPermission")},
		call{"add for direct calls", add("hello", "t"), denied, no("AddPermission")},
		call{"remove what could not be added", remove("hello", "roots"), denied, no("RemovePermission")},
		call{"remove one's own", remove("hello", "s"), "", ""},
	)
	h.grant("caller", statement("Allow", "iam:PassRole", "*"), when("CreateFunction", `"StringEquals":{"aws:RequestTag/team":"a"}`),
		when("GetFunction", `"StringEquals":{"aws:ResourceTag/team":"a"}`))
	get := func(name string) func(context.Context, *lambda.Client) error {
		return func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetFunction(ctx, &lambda.GetFunctionRequest{FunctionName: name}))
		}
	}
	tagged := func(in *lambda.CreateFunctionRequest) { in.Tags = map[string]string{"team": "a"} }
	h.expect(caller, call{"create with a tag that may not be given", creating("new", tagged), denied, implicit(caller, "lambda:TagResource", prefix+"new")})
	h.grant("caller", statement("Allow", "iam:PassRole", "*"), when("CreateFunction", `"StringEquals":{"aws:RequestTag/team":"a"}`),
		when("TagResource", `"StringEquals":{"aws:RequestTag/team":"a"}`), when("GetFunction", `"StringEquals":{"aws:ResourceTag/team":"a"}`))
	h.expect(caller,
		call{"create without a tag", creating("new"), denied, implicit(caller, "lambda:CreateFunction", prefix+"new")},
		call{"create with the tag", creating("new", tagged), "", ""},
		call{"get with the tag", get("new"), "", ""},
		call{"get without", get("hello"), denied, no("GetFunction")},
	)
	h.settle()
}
