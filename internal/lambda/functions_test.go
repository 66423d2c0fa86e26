package lambda_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"furl/internal/lambda"
	"furl/internal/state"
)

// fields is an answer as its wire form shows it, without what is drawn at
// random, which is checked for its form.
func fields(t *testing.T, v any) map[string]any {
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
	if id, _ := m["RevisionId"].(string); !regexp.MustCompile(`^[0-9a-f-]{36}$`).MatchString(id) {
		t.Errorf("RevisionId %q", id)
	}
	delete(m, "RevisionId")
	return m
}

// object reads the JSON object of an expected answer; @ stands for the
// function's ARN.
func object(t *testing.T, text, arn string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(strings.ReplaceAll(text, "@", arn)), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// want compares an answer with the expected one.
func want(t *testing.T, what string, got any, text, arn string) {
	t.Helper()
	g, w := fields(t, got), object(t, text, arn)
	if !reflect.DeepEqual(g, w) {
		b, _ := json.Marshal(g)
		t.Errorf("%s\ngot  %s\nwant %v", what, b, w)
	}
}

// listed is a plain function as ListFunctions shows it (recorded), with room
// for more at the end.
func listed() string {
	return `{"FunctionName":"hello","FunctionArn":"@","Runtime":"python3.12","Role":"` + role + `","Handler":"lambda_function.handler",
	"CodeSize":` + fmt.Sprint(len(hello())) + `,"Description":"","Timeout":3,"MemorySize":128,"LastModified":"2026-11-23T13:42:10.244+0000",
	"CodeSha256":"` + sum(hello()) + `","Version":"$LATEST","TracingConfig":{"Mode":"PassThrough"},"PackageType":"Zip","Architectures":["x86_64"],
	"EphemeralStorage":{"Size":512},"SnapStart":{"ApplyOn":"None","OptimizationStatus":"Off"},
	"LoggingConfig":{"LogFormat":"Text","LogGroup":"/aws/lambda/hello","ApplicationLogLevel":null,"SystemLogLevel":null}%s}`
}

// with puts a runtime's version and further members into listed.
func with(c *lambda.FunctionConfiguration, more string) string {
	version := ""
	if c.RuntimeVersionConfig != nil {
		version = *c.RuntimeVersionConfig.RuntimeVersionArn
	}
	return fmt.Sprintf(listed(), `,"RuntimeVersionConfig":{"RuntimeVersionArn":"`+version+`","Error":null}`+more)
}

const (
	creatingText = `,"State":"Pending","StateReason":"The function is being created.","StateReasonCode":"Creating"`
	activeText   = `,"State":"Active","LastUpdateStatus":"Successful"`
	updatingText = `,"State":"Active","LastUpdateStatus":"InProgress","LastUpdateStatusReason":"The function is being created.","LastUpdateStatusReasonCode":"Creating"`
)

func TestFunctionIsShown(t *testing.T) {
	h := newHouse(t)
	c, ctx := h.as(h.Root), t.Context()
	release := h.hold()
	created := must(c.CreateFunction(ctx, creation("hello")))(t)
	want(t, "CreateFunction", created, with(created, creatingText), prefix+"hello")
	if v := *created.RuntimeVersionConfig.RuntimeVersionArn; !regexp.MustCompile(`^arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}$`).MatchString(v) {
		t.Errorf("RuntimeVersionArn %q", v)
	}
	release(nil)
	h.settle()

	config := must(c.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationRequest{FunctionName: "hello"}))(t)
	want(t, "GetFunctionConfiguration", config, with(config, activeText), prefix+"hello")
	if *config.RevisionId == *created.RevisionId {
		t.Error("becoming active is a new revision on AWS (recorded)")
	}
	got := must(c.GetFunction(ctx, &lambda.GetFunctionRequest{FunctionName: "hello", Qualifier: new("$LATEST")}))(t)
	want(t, "GetFunction", got.Configuration, with(config, activeText), prefix+"hello:$LATEST")
	if *got.Code.RepositoryType != "S3" || !strings.HasPrefix(*got.Code.Location, "https://code.example/") || got.Tags != nil || got.Concurrency != nil {
		t.Errorf("GetFunction: %+v", got)
	}
	list := must(c.ListFunctions(ctx, &lambda.ListFunctionsRequest{}))(t)
	if len(list.Functions) != 1 || list.NextMarker != nil {
		t.Fatalf("ListFunctions: %+v", list)
	}
	want(t, "ListFunctions", list.Functions[0], fmt.Sprintf(listed(), ""), prefix+"hello")
	list = must(c.ListFunctions(ctx, &lambda.ListFunctionsRequest{FunctionVersion: new(lambda.FunctionVersionAll)}))(t)
	want(t, "ListFunctions of versions", list.Functions[0], fmt.Sprintf(listed(), ""), prefix+"hello:$LATEST")
}

// What is not given is not shown, and what is given empty is shown empty.
func TestFunctionSettingsAreShown(t *testing.T) {
	h := newHouse(t)
	c, ctx := h.as(h.Root), t.Context()
	in := creation("hello", func(in *lambda.CreateFunctionRequest) {
		in.Description, in.Timeout, in.MemorySize = new("greets"), new(900), new(10240)
		in.Architectures = []lambda.Architecture{lambda.ArchitectureArm64}
		in.EphemeralStorage = &lambda.EphemeralStorage{Size: 10240}
		in.TracingConfig = &lambda.TracingConfig{Mode: new(lambda.TracingModeActive)}
		in.SnapStart = &lambda.SnapStart{ApplyOn: new(lambda.SnapStartApplyOnPublishedVersions)}
		in.Environment = &lambda.Environment{Variables: map[string]string{}}
		in.VpcConfig = &lambda.VpcConfig{SubnetIds: []string{}, SecurityGroupIds: []string{}}
		in.Tags = map[string]string{"team": "a"}
		in.LoggingConfig = &lambda.LoggingConfig{LogFormat: new(lambda.LogFormatJson), SystemLogLevel: new(lambda.SystemLogLevelWarn)}
	})
	got := must(c.CreateFunction(ctx, in))(t)
	m := fields(t, got)
	for name, text := range map[string]string{
		"Description": `"greets"`, "Timeout": `900`, "MemorySize": `10240`, "Architectures": `["arm64"]`, "EphemeralStorage": `{"Size":10240}`,
		"TracingConfig": `{"Mode":"Active"}`, "SnapStart": `{"ApplyOn":"PublishedVersions","OptimizationStatus":"Off"}`,
		"Environment":   `{"Error":null,"Variables":{}}`,
		"VpcConfig":     `{"SubnetIds":[],"SecurityGroupIds":[],"VpcId":"","Ipv6AllowedForDualStack":null}`,
		"LoggingConfig": `{"LogFormat":"JSON","LogGroup":"/aws/lambda/hello","ApplicationLogLevel":"INFO","SystemLogLevel":"WARN"}`,
	} {
		var w any
		if err := json.Unmarshal([]byte(text), &w); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(m[name], w) {
			t.Errorf("%s is %v, want %v", name, m[name], w)
		}
	}
	h.settle()
	must(c.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyRequest{FunctionName: "hello", ReservedConcurrentExecutions: 7}))(t)
	shown := must(c.GetFunction(ctx, &lambda.GetFunctionRequest{FunctionName: "hello"}))(t)
	if shown.Tags["team"] != "a" || shown.Concurrency == nil || *shown.Concurrency.ReservedConcurrentExecutions != 7 {
		t.Errorf("GetFunction: tags %v, concurrency %v", shown.Tags, shown.Concurrency)
	}
}

func TestListFunctionsPages(t *testing.T) {
	h := newHouse(t)
	var names []string
	for i := range 53 {
		name := fmt.Sprintf("f%02d", i)
		names = append(names, name)
		f := &state.Function{Account: "111122223333", Region: "us-east-1", Name: name,
			Latest: state.Version{Number: state.LatestVersion, Role: role, State: state.StateActive}}
		if err := h.State.CreateFunction(t.Context(), f); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		max   *int
		pages []int
	}{{nil, []int{50, 3}}, {new(1000), []int{50, 3}}, {new(30), []int{30, 23}}, {new(50), []int{50, 3}}} {
		var got []string
		var pages []int
		in := &lambda.ListFunctionsRequest{MaxItems: tt.max}
		for {
			out, err := h.as(h.Root).ListFunctions(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range out.Functions {
				got = append(got, *f.FunctionName)
			}
			pages = append(pages, len(out.Functions))
			if in.Marker = out.NextMarker; in.Marker == nil {
				break
			}
		}
		if !reflect.DeepEqual(pages, tt.pages) || !reflect.DeepEqual(got, names) {
			t.Errorf("pages of %v: %v with %v", tt.max, pages, got)
		}
	}
}

func TestReadRefusals(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	get := func(name string, qualifier *string) func(context.Context, *lambda.Client) error {
		return func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetFunction(ctx, &lambda.GetFunctionRequest{FunctionName: name, Qualifier: qualifier}))
		}
	}
	config := func(name string, qualifier *string) func(context.Context, *lambda.Client) error {
		return func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationRequest{FunctionName: name, Qualifier: qualifier}))
		}
	}
	list := func(in lambda.ListFunctionsRequest) func(context.Context, *lambda.Client) error {
		return func(ctx context.Context, c *lambda.Client) error { return only(c.ListFunctions(ctx, &in)) }
	}
	const missing = "ResourceNotFoundException"
	const mismatch = "The derived qualifier from the function name does not match the specified qualifier."
	const region = "Functions from 'ap-southeast-1' are not reachable in this region ('us-east-1')"
	long := strings.Repeat("a", 100)
	h.expect(h.Root,
		call{"name", get("hello", nil), "", ""},
		call{"name and qualifier", get("hello:$LATEST", nil), "", ""},
		call{"function:name", get("function:hello", nil), "", ""},
		call{"account:function:name", get("111122223333:function:hello", nil), "", ""},
		call{"ARN", get(prefix+"hello", new("$LATEST")), "", ""},
		call{"ARN and qualifier", get(prefix+"hello:$LATEST", new("$LATEST")), "", ""},
		call{"missing", get("none", nil), missing, "Function not found: " + prefix + "none"},
		call{"missing version", get("hello", new("7")), missing, "Function not found: " + prefix + "hello:7"},
		call{"missing alias", config("hello:live", nil), missing, "Function not found: " + prefix + "hello:live"},
		call{"other letters", config("hello", new("$latest")), missing, "Function not found: " + prefix + "hello:$latest"},
		call{"function alone", config("function", nil), missing, "Function not found: " + prefix + "function"},
		call{"long name", config(long, nil), missing, "Function not found: " + prefix + long},
		call{"region", get("arn:aws:lambda:ap-southeast-1:111122223333:function:hello", nil), missing, region},
		call{"region first", get("arn:aws:lambda:ap-southeast-1:111122223333:function:hello:a", new("b")), missing, region},
		call{"mismatch", get("hello:live", new("test")), invalid, mismatch},
		call{"account first", get("arn:aws:lambda:ap-southeast-1:444455556666:function:hello:a", new("b")), "AccessDeniedException",
			"User: arn:aws:iam::111122223333:root is not authorized to perform: lambda:GetFunction on resource: " +
				"arn:aws:lambda:ap-southeast-1:444455556666:function:hello:b because no resource-based policy allows the lambda:GetFunction action"},
		call{"bad name", get("a b", nil), "ValidationException", "1 validation error detected: Value 'a b' at 'functionName' failed to satisfy constraint: " +
			`Member must satisfy regular expression pattern: (arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?` +
			`(function:)?([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?`},
		call{"bad qualifier", get("hello", new("?")), "ValidationException",
			`1 validation error detected: Value '?' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: \$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+`},
		call{"bad version", list(lambda.ListFunctionsRequest{FunctionVersion: new(lambda.FunctionVersion("invalid"))}), "ValidationException",
			"1 validation error detected: Value 'invalid' at 'functionVersion' failed to satisfy constraint: Member must satisfy enum value set: [ALL]"},
		call{"bad marker", list(lambda.ListFunctionsRequest{Marker: new("x")}), invalid, "Invalid Marker."},
	)
}

func TestDeleteFunction(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	remove := func(name string, qualifier *string) func(context.Context, *lambda.Client) error {
		return func(ctx context.Context, c *lambda.Client) error {
			out, err := c.DeleteFunction(ctx, &lambda.DeleteFunctionRequest{FunctionName: name, Qualifier: qualifier})
			if err == nil && *out.StatusCode != http.StatusNoContent {
				t.Errorf("status %d", *out.StatusCode)
			}
			return err
		}
	}
	const missing = "ResourceNotFoundException"
	h.expect(h.Root,
		call{"$LATEST", remove("hello", new("$LATEST")), invalid, "$LATEST version cannot be deleted without deleting the function."},
		call{"$LATEST in the name", remove("hello:$LATEST", nil), invalid, "$LATEST version cannot be deleted without deleting the function."},
		call{"alias", remove("hello", new("live")), invalid, "Deletion of aliases is not currently supported."},
		call{"version that is not there", remove("hello", new("1233")), "", ""},
		call{"still there", func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetFunction(ctx, &lambda.GetFunctionRequest{FunctionName: "hello"}))
		}, "", ""},
		call{"function", remove("hello", nil), "", ""},
		call{"gone", remove("hello", nil), missing, "Function not found: " + prefix + "hello"},
		call{"gone with a version", remove("hello", new("1233")), missing, "Function not found: " + prefix + "hello"},
	)
}

// A function takes its URLs and policies with it: one made anew under its name
// is closed.
func TestDeleteFunctionTakesAll(t *testing.T) {
	h := newHouse(t)
	c, ctx := h.as(h.Root), t.Context()
	h.create("hello")
	u := must(c.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigRequest{FunctionName: "hello", AuthType: "NONE"}))(t)
	id := strings.TrimPrefix(u.FunctionUrl[:len("https://")+32], "https://")
	must(c.AddPermission(ctx, permission("hello", "s")))(t)
	if h.State.Snapshot().Route(id) == nil {
		t.Fatal("the URL has no route")
	}
	must(c.DeleteFunction(ctx, &lambda.DeleteFunctionRequest{FunctionName: "hello"}))(t)
	if h.State.Snapshot().Route(id) != nil {
		t.Error("the URL is still there")
	}
	h.create("hello")
	h.expect(h.Root,
		call{"no policy", func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetPolicy(ctx, &lambda.GetPolicyRequest{FunctionName: "hello"}))
		}, "ResourceNotFoundException", "The resource you requested does not exist."},
		call{"no URL", func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetFunctionUrlConfig(ctx, &lambda.GetFunctionUrlConfigRequest{FunctionName: "hello"}))
		}, "ResourceNotFoundException", "The resource you requested does not exist."},
	)
}

// The bytes of the package are what GetFunction's address leads to.
func TestCodeIsKept(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	blob, err := h.Store.Open(t.Context(), h.State.Snapshot().AllFunctions()[0].Function.Latest.CodeBlob)
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(blob); err != nil || !bytes.Equal(b.Bytes(), hello()) {
		t.Errorf("%d bytes, %v; want the %d of the package", b.Len(), err, len(hello()))
	}
}
