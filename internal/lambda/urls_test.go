package lambda_test

import (
	"context"
	"encoding/json"
	"reflect"
	"regexp"
	"testing"
	"time"

	"furl/internal/authz/authztest"
	"furl/internal/lambda"
)

func makeURL(name string, qualifier *string) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		return only(c.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigRequest{FunctionName: name, Qualifier: qualifier, AuthType: "NONE"}))
	}
}

func getURL(name string, qualifier *string) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		return only(c.GetFunctionUrlConfig(ctx, &lambda.GetFunctionUrlConfigRequest{FunctionName: name, Qualifier: qualifier}))
	}
}

func updateURL(name string, qualifier *string) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		return only(c.UpdateFunctionUrlConfig(ctx, &lambda.UpdateFunctionUrlConfigRequest{FunctionName: name, Qualifier: qualifier}))
	}
}

func deleteURL(name string, qualifier *string) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		return c.DeleteFunctionUrlConfig(ctx, &lambda.DeleteFunctionUrlConfigRequest{FunctionName: name, Qualifier: qualifier})
	}
}

func listURLs(name string) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		return only(c.ListFunctionUrlConfigs(ctx, &lambda.ListFunctionUrlConfigsRequest{FunctionName: name}))
	}
}

var urlForm = regexp.MustCompile(`^https://[a-z2-7]{26}0[a-z]{5}\.lambda-url\.us-east-1\.on\.aws/$`)

// present are the members of an answer that are there.
func present(t *testing.T, v any) map[string]any {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	for name, value := range m {
		if value == nil {
			delete(m, name)
		}
	}
	return m
}

// Which members an answer has is recorded on AWS: they differ from operation to
// operation.
func TestURLIsShown(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	c, ctx := h.as(h.Root), t.Context()
	created := must(c.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigRequest{FunctionName: prefix + "hello", AuthType: "NONE"}))(t)
	if !urlForm.MatchString(created.FunctionUrl) {
		t.Errorf("address %s", created.FunctionUrl)
	}
	base := map[string]any{
		"FunctionUrl": created.FunctionUrl, "FunctionArn": prefix + "hello", "AuthType": "NONE", "CreationTime": "2026-11-23T13:42:10.244654Z",
	}
	same := func(what string, got any, more map[string]any) {
		t.Helper()
		w := map[string]any{}
		for _, from := range []map[string]any{base, more} {
			for name, value := range from {
				w[name] = value
			}
		}
		if g := present(t, got); !reflect.DeepEqual(g, w) {
			t.Errorf("%s\n%v, want\n%v", what, g, w)
		}
	}
	same("CreateFunctionUrlConfig", created, nil)
	all := map[string]any{"InvokeMode": "BUFFERED", "LastModifiedTime": "2026-11-23T13:42:10.244654Z"}
	same("GetFunctionUrlConfig", must(c.GetFunctionUrlConfig(ctx, &lambda.GetFunctionUrlConfigRequest{FunctionName: "hello"}))(t), all)
	listed := must(c.ListFunctionUrlConfigs(ctx, &lambda.ListFunctionUrlConfigsRequest{FunctionName: "hello"}))(t)
	if len(listed.FunctionUrlConfigs) != 1 || listed.NextMarker != nil {
		t.Fatalf("ListFunctionUrlConfigs: %+v", listed)
	}
	same("ListFunctionUrlConfigs", listed.FunctionUrlConfigs[0], all)

	h.Clock.Advance(time.Second)
	const later = "2026-11-23T13:42:11.244654Z"
	base["AuthType"] = "AWS_IAM"
	updated := must(c.UpdateFunctionUrlConfig(ctx, &lambda.UpdateFunctionUrlConfigRequest{FunctionName: "hello", AuthType: new(lambda.FunctionUrlAuthTypeAwsIam)}))(t)
	same("UpdateFunctionUrlConfig", updated, map[string]any{"LastModifiedTime": later})
	updated = must(c.UpdateFunctionUrlConfig(ctx, &lambda.UpdateFunctionUrlConfigRequest{FunctionName: "hello", InvokeMode: new(lambda.InvokeModeResponseStream)}))(t)
	same("of the mode", updated, map[string]any{"LastModifiedTime": later, "InvokeMode": "RESPONSE_STREAM"})
	updated = must(c.UpdateFunctionUrlConfig(ctx, &lambda.UpdateFunctionUrlConfigRequest{FunctionName: "hello"}))(t)
	same("of nothing", updated, map[string]any{"LastModifiedTime": later, "InvokeMode": "RESPONSE_STREAM"})
}

func TestURLWithAllMembers(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	c, ctx := h.as(h.Root), t.Context()
	cors := &lambda.Cors{
		AllowCredentials: new(false), AllowHeaders: []string{"x-a"}, AllowMethods: []string{"GET", "*"}, AllowOrigins: []string{"https://a"},
		ExposeHeaders: []string{}, MaxAge: new(0),
	}
	created := must(c.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigRequest{
		FunctionName: "hello", AuthType: "AWS_IAM", InvokeMode: new(lambda.InvokeModeBuffered), Cors: cors}))(t)
	if *created.InvokeMode != "BUFFERED" || !reflect.DeepEqual(created.Cors, cors) {
		t.Errorf("%+v", created)
	}
	update := func(in *lambda.Cors) *lambda.Cors {
		t.Helper()
		return must(c.UpdateFunctionUrlConfig(ctx, &lambda.UpdateFunctionUrlConfigRequest{FunctionName: "hello", Cors: in}))(t).Cors
	}
	if got := update(nil); !reflect.DeepEqual(got, cors) {
		t.Errorf("an update without CORS leaves %+v", got)
	}
	if got := update(&lambda.Cors{MaxAge: new(5)}); !reflect.DeepEqual(got, &lambda.Cors{MaxAge: new(5)}) {
		t.Errorf("an update replaces CORS as a whole, but leaves %+v", got)
	}
	if got := update(&lambda.Cors{}); got != nil {
		t.Errorf("an empty CORS leaves %+v", got)
	}
}

func TestURLRefusals(t *testing.T) {
	h := newHouse(t)
	h.create("hello", "bare")
	const missing = "ResourceNotFoundException"
	const noFunction, noResource = "Function does not exist", "The resource you requested does not exist."
	const mismatch = "The derived qualifier from the function name does not match the specified qualifier."
	const at = "1 validation error detected: Value "
	pattern := func(q string) string {
		return at + "'" + q + `' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)`
	}
	create := func(in lambda.CreateFunctionUrlConfigRequest) func(context.Context, *lambda.Client) error {
		return func(ctx context.Context, c *lambda.Client) error {
			in.FunctionName = "bare"
			if in.AuthType == "" {
				in.AuthType = "NONE"
			}
			return only(c.CreateFunctionUrlConfig(ctx, &in))
		}
	}
	h.expect(h.Root,
		call{"create", makeURL("hello", nil), "", ""},
		call{"exists", makeURL("hello", nil), "ResourceConflictException", "Failed to create function url config for [functionArn = " + prefix +
			"hello]. Error message:  FunctionUrlConfig exists for this Lambda function"},
		call{"create for none", makeURL("none", nil), missing, noFunction},
		call{"create for an alias", makeURL("hello", new("live")), missing, noFunction},
		call{"update for none", updateURL("none", nil), missing, noFunction},
		call{"update for an alias", updateURL("hello", new("live")), missing, noFunction},
		call{"update of none", updateURL("bare", nil), missing, noResource},
		call{"list for none", listURLs("none"), missing, noFunction},
		call{"list for an alias", listURLs("hello:live"), missing, noFunction},
		call{"list", listURLs("bare"), "", ""},
		call{"get for none", getURL("none", nil), missing, noResource},
		call{"get for an alias", getURL("hello", new("live")), missing, noResource},
		call{"get of none", getURL("bare", nil), missing, noResource},
		call{"delete for none", deleteURL("none", nil), missing, noResource},
		call{"delete for an alias", deleteURL("hello", new("live")), missing, noResource},
		call{"delete of none", deleteURL("bare", nil), missing, noResource},
		call{"version", makeURL("none", new("1")), "ValidationException", pattern("1")},
		call{"get of a version", getURL("none", new("1")), "ValidationException", pattern("1")},
		call{"update of $LATEST", updateURL("none", new("$LATEST")), "ValidationException", pattern("$LATEST")},
		call{"delete of $LATEST", deleteURL("none", new("$LATEST")), "ValidationException", pattern("$LATEST")},
		call{"create mismatch", makeURL("hello:a", new("b")), invalid, mismatch},
		call{"get mismatch", getURL("hello:a", new("b")), invalid, mismatch},
		call{"update mismatch", updateURL("hello:a", new("b")), invalid, mismatch},
		call{"delete mismatch", deleteURL("hello:a", new("b")), invalid, mismatch},
		call{"region", getURL("arn:aws:lambda:ap-southeast-1:111122223333:function:hello", nil), missing,
			"Functions from 'ap-southeast-1' are not reachable in this region ('us-east-1')"},
		call{"mode", create(lambda.CreateFunctionUrlConfigRequest{InvokeMode: new(lambda.InvokeMode("UNKNOWN"))}), "ValidationException",
			at + "'UNKNOWN' at 'invokeMode' failed to satisfy constraint: Member must satisfy enum value set: [RESPONSE_STREAM, BUFFERED]"},
		call{"auth type", create(lambda.CreateFunctionUrlConfigRequest{AuthType: "BASIC"}), "ValidationException",
			at + "'BASIC' at 'authType' failed to satisfy constraint: Member must satisfy enum value set: [NONE, AWS_IAM]"},
		call{"method", create(lambda.CreateFunctionUrlConfigRequest{Cors: &lambda.Cors{AllowMethods: []string{"GET", "OPTIONS"}}}), "ValidationException",
			at + "'[GET, OPTIONS]' at 'cors.allowMethods' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 6, " +
				"Member must have length greater than or equal to 0, Member must satisfy regular expression pattern: .*, Member must not be null]"},
		call{"age", create(lambda.CreateFunctionUrlConfigRequest{Cors: &lambda.Cors{MaxAge: new(86401)}}), "ValidationException",
			at + "'86401' at 'cors.maxAge' failed to satisfy constraint: Member must have value less than or equal to 86400"},
		call{"delete", deleteURL("hello", nil), "", ""},
		call{"gone", deleteURL("hello", nil), missing, noResource},
	)
}

// An address that was deleted never answers again, and what opened it stays.
func TestURLsAreNew(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	c, ctx := h.as(h.Root), t.Context()
	must(c.AddPermission(ctx, permission("hello", "s")))(t)
	seen := map[string]bool{}
	for range 3 {
		created := must(c.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigRequest{FunctionName: "hello", AuthType: "NONE"}))(t)
		seen[created.FunctionUrl] = true
		if route := h.State.Snapshot().Route(created.FunctionUrl[len("https://") : len("https://")+32]); route == nil || route.Policy == nil {
			t.Errorf("route %+v, want one with the policy", route)
		}
		if err := deleteURL("hello", nil)(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	if _, urls := h.State.Snapshot().Counts(); len(seen) != 3 || urls != 0 {
		t.Errorf("addresses %v, %d left", seen, urls)
	}
}

// A tag chooses the url-id of the function's URL, another one that of an
// alias's; what is taken or malformed is refused with the reason.
func TestURLWithChosenID(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	h.create("other")
	c, ctx := h.as(h.Root), t.Context()
	tag := func(name, key, value string) {
		t.Helper()
		arn := "arn:aws:lambda:us-east-1:" + authztest.Account + ":function:" + name
		if err := c.TagResource(ctx, &lambda.TagResourceRequest{Resource: arn, Tags: map[string]string{key: value}}); err != nil {
			t.Fatal(err)
		}
	}
	tag("hello", lambda.TagURLID, "orders1")
	created := must(c.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigRequest{FunctionName: "hello", AuthType: "NONE"}))(t)
	if created.FunctionUrl != "https://orders1.lambda-url.us-east-1.on.aws/" || h.State.Snapshot().Route("orders1") == nil {
		t.Errorf("%+v", created)
	}
	for _, bad := range []string{"", "Orders", "or-ders", "a.b", "123456789012345678901234567890123", "orders1"} {
		tag("other", lambda.TagURLID, bad)
		if err := makeURL("other", nil)(ctx, c); err == nil {
			t.Errorf("the url-id %q was given", bad)
		}
	}
	tag("other", lambda.TagURLID, "x")
	if err := makeURL("other", nil)(ctx, c); err != nil {
		t.Error(err)
	}
}
