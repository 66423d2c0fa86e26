package lambda_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"furl/internal/authz/authztest"
	"furl/internal/lambda"
)

// layers begins the ARNs of the account's layers.
const layers = "arn:aws:lambda:us-east-1:" + authztest.Account + ":layer:"

func publishLayer(name string, change ...func(*lambda.PublishLayerVersionRequest)) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		return only(c.PublishLayerVersion(ctx, newLayer(name, change...)))
	}
}

func newLayer(name string, change ...func(*lambda.PublishLayerVersionRequest)) *lambda.PublishLayerVersionRequest {
	in := &lambda.PublishLayerVersionRequest{LayerName: name, Content: lambda.LayerVersionContentInput{ZipFile: creation("x").Code.ZipFile}}
	for _, f := range change {
		f(in)
	}
	return in
}

func shareLayer(name string, version int64, principal string) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		return only(c.AddLayerVersionPermission(ctx, &lambda.AddLayerVersionPermissionRequest{
			LayerName: name, VersionNumber: version, StatementId: "s", Action: "lambda:GetLayerVersion", Principal: principal,
		}))
	}
}

func TestLayers(t *testing.T) {
	h := newHouse(t)
	c, ctx := h.as(h.Root), t.Context()
	first := must(c.PublishLayerVersion(ctx, newLayer("lib", func(in *lambda.PublishLayerVersionRequest) {
		in.Description, in.LicenseInfo = new("one"), new("MIT")
		in.CompatibleRuntimes = []lambda.Runtime{"python3.12"}
	})))(t)
	if *first.LayerArn != layers+"lib" || *first.LayerVersionArn != layers+"lib:1" || *first.Version != 1 || *first.Description != "one" ||
		*first.LicenseInfo != "MIT" || !slices.Equal(first.CompatibleRuntimes, []lambda.Runtime{"python3.12"}) ||
		*first.Content.CodeSize == 0 || *first.Content.CodeSha256 == "" || *first.Content.Location == "" {
		t.Errorf("%+v %+v", first, first.Content)
	}
	must(c.PublishLayerVersion(ctx, newLayer(layers+"lib")))(t)
	must(c.PublishLayerVersion(ctx, newLayer("other")))(t)

	listed := must(c.ListLayerVersions(ctx, &lambda.ListLayerVersionsRequest{LayerName: "lib"}))(t)
	if len(listed.LayerVersions) != 2 || *listed.LayerVersions[0].Version != 2 {
		t.Errorf("versions: %+v", listed)
	}
	one := must(c.ListLayerVersions(ctx, &lambda.ListLayerVersionsRequest{LayerName: "lib", MaxItems: new(1)}))(t)
	rest := must(c.ListLayerVersions(ctx, &lambda.ListLayerVersionsRequest{LayerName: "lib", Marker: one.NextMarker}))(t)
	if len(one.LayerVersions) != 1 || len(rest.LayerVersions) != 1 || *rest.LayerVersions[0].Version != 1 {
		t.Errorf("pages: %+v, %+v", one, rest)
	}
	matching := must(c.ListLayers(ctx, &lambda.ListLayersRequest{CompatibleRuntime: new(lambda.Runtime("python3.12"))}))(t)
	if len(matching.Layers) != 1 || *matching.Layers[0].LayerName != "lib" || *matching.Layers[0].LatestMatchingVersion.Version != 1 {
		t.Errorf("layers for python3.12: %+v", matching)
	}

	// A function keeps what it has when the layer goes, and numbers do not come back.
	in := creation("hello", func(in *lambda.CreateFunctionRequest) { in.Layers = []string{layers + "lib:1"} })
	made := must(c.CreateFunction(ctx, in))(t)
	if len(made.Layers) != 1 || *made.Layers[0].Arn != layers+"lib:1" || *made.Layers[0].CodeSize != *first.Content.CodeSize {
		t.Errorf("layers of the function: %+v", made.Layers)
	}
	h.settle()
	for range 2 {
		if err := c.DeleteLayerVersion(ctx, &lambda.DeleteLayerVersionRequest{LayerName: "lib", VersionNumber: 1}); err != nil {
			t.Error(err)
		}
	}
	if kept := h.configured("hello"); len(kept.Layers) != 1 {
		t.Errorf("the function has lost its layer: %+v", kept)
	}
	if third := must(c.PublishLayerVersion(ctx, newLayer("lib")))(t); *third.Version != 3 {
		t.Errorf("version %d, want 3", *third.Version)
	}
	none := must(c.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationRequest{FunctionName: "hello", Layers: []string{}}))(t)
	if len(none.Layers) != 0 {
		t.Errorf("layers after they were taken off: %+v", none.Layers)
	}
}

func TestLayerErrors(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	must(h.as(h.Root).PublishLayerVersion(t.Context(), newLayer("lib")))(t)
	must(h.as(h.Root).PublishLayerVersion(t.Context(), newLayer("lib")))(t)
	const invalid, missing = "InvalidParameterValueException", "ResourceNotFoundException"
	use := func(arns ...string) func(context.Context, *lambda.Client) error {
		return configure("hello", func(in *lambda.UpdateFunctionConfigurationRequest) { in.Layers = arns })
	}
	h.expect(h.Root,
		call{"no content", publishLayer("x", func(in *lambda.PublishLayerVersionRequest) { in.Content.ZipFile = nil }), invalid,
			"Please provide a source for layer code."},
		call{"no zip", publishLayer("x", func(in *lambda.PublishLayerVersionRequest) { in.Content.ZipFile = []byte("no") }), invalid,
			"Could not unzip uploaded file. Please check your file, then try to upload again."},
		call{"two versions of one", use(layers+"lib:1", layers+"lib:2"), invalid,
			"Two different versions of the same layer are not allowed to be referenced in the same function. " +
				layers + "lib:1 and " + layers + "lib:2 are versions of the same layer."},
		call{"unknown version", use(layers + "lib:9"), invalid, "Layer version " + layers + "lib:9 does not exist."},
		call{"another region", use(strings.Replace(layers, "us-east-1", "eu-west-1", 1) + "lib:1"), invalid,
			"Layers are not in the same region as the function. Layers are expected to be in region us-east-1."},
		call{"version of none", func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetLayerVersion(ctx, &lambda.GetLayerVersionRequest{LayerName: "none", VersionNumber: 1}))
		}, missing, "The resource you requested does not exist."},
		call{"version zero", func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetLayerVersion(ctx, &lambda.GetLayerVersionRequest{LayerName: "lib"}))
		}, invalid, "Layer Version Cannot be less than 1."},
		call{"policy of none", func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetLayerVersionPolicy(ctx, &lambda.GetLayerVersionPolicyRequest{LayerName: "lib", VersionNumber: 1}))
		}, missing, "No policy is associated with the given resource."},
		call{"share", shareLayer("lib", 1, "444455556666"), "", ""},
		call{"share once more", shareLayer("lib", 1, "*"), "ResourceConflictException", "The statement id (s) provided already exists. " +
			"Please provide a new statement id, or remove the existing statement."},
		call{"share none", shareLayer("lib", 7, "*"), missing, "Layer version " + layers + "lib:7 does not exist."},
	)
	shown := must(h.as(h.Root).GetLayerVersionPolicy(t.Context(), &lambda.GetLayerVersionPolicyRequest{LayerName: "lib", VersionNumber: 1}))(t)
	want := `{"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"s","Effect":"Allow",` +
		`"Principal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":"lambda:GetLayerVersion","Resource":"` + layers + `lib:1"}]}`
	if *shown.Policy != want {
		t.Errorf("policy %s\nwant %s", *shown.Policy, want)
	}
	h.expect(h.Root,
		call{"stale", func(ctx context.Context, c *lambda.Client) error {
			return c.RemoveLayerVersionPermission(ctx, &lambda.RemoveLayerVersionPermissionRequest{
				LayerName: "lib", VersionNumber: 1, StatementId: "s", RevisionId: new("stale")})
		}, "PreconditionFailedException", "The Revision Id provided does not match the latest Revision Id. " +
			"Call the GetLayerPolicy API to retrieve the latest Revision Id"},
		call{"unshare", func(ctx context.Context, c *lambda.Client) error {
			return c.RemoveLayerVersionPermission(ctx, &lambda.RemoveLayerVersionPermissionRequest{
				LayerName: "lib", VersionNumber: 1, StatementId: "s", RevisionId: shown.RevisionId})
		}, "", ""},
	)
}

// Whoever gives a function a layer must be allowed to read it.
func TestLayersAreAuthorized(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	must(h.as(h.Root).PublishLayerVersion(t.Context(), newLayer("lib")))(t)
	caller := h.User("caller", document(statement("Allow", "lambda:UpdateFunctionConfiguration", "*")))
	use := configure("hello", func(in *lambda.UpdateFunctionConfigurationRequest) { in.Layers = []string{layers + "lib:1"} })
	h.expect(caller, call{"without", use, denied, implicit(caller, "lambda:GetLayerVersion", layers+"lib:1")})
	h.grant("caller", statement("Allow", "lambda:UpdateFunctionConfiguration", "*"), statement("Allow", "lambda:GetLayerVersion", layers+"lib:1"))
	h.expect(caller, call{"with", use, "", ""})

	// Neither another spelling of the number nor of the layer leads around a policy.
	h.grant("caller", statement("Allow", "*", "*"), statement("Deny", "lambda:GetLayerVersion", layers+"lib:1"))
	spelled := configure("hello", func(in *lambda.UpdateFunctionConfigurationRequest) { in.Layers = []string{layers + "lib:01"} })
	h.expect(caller, call{"spelled otherwise", spelled, denied, "User: " + caller.ARN +
		" is not authorized to perform: lambda:GetLayerVersion on resource: " + layers + "lib:1 with an explicit deny in an identity-based policy"})
	other := h.OtherAccount("444455556666")
	h.expect(other, call{"another account's list", func(ctx context.Context, c *lambda.Client) error {
		return only(c.ListLayerVersions(ctx, &lambda.ListLayerVersionsRequest{LayerName: layers + "lib"}))
	}, denied, "User: " + other.ARN + " is not authorized to perform: lambda:ListLayerVersions on resource: * because no resource-based policy allows the lambda:ListLayerVersions action"})
}

func TestRuntimeAndRecursion(t *testing.T) {
	_, c := published(t)
	ctx := t.Context()
	if got := must(c.GetRuntimeManagementConfig(ctx, &lambda.GetRuntimeManagementConfigRequest{FunctionName: "hello", Qualifier: new("1")}))(t); *got.UpdateRuntimeOn != "Auto" || *got.FunctionArn != prefix+"hello:1" {
		t.Errorf("%+v", got)
	}
	must(c.PutRuntimeManagementConfig(ctx, &lambda.PutRuntimeManagementConfigRequest{
		FunctionName: "hello", Qualifier: new("1"), UpdateRuntimeOn: lambda.UpdateRuntimeOnFunctionUpdate}))(t)
	for qualifier, want := range map[string]lambda.UpdateRuntimeOn{"1": "FunctionUpdate", "2": "Auto", "$LATEST": "Auto"} {
		got := must(c.GetRuntimeManagementConfig(ctx, &lambda.GetRuntimeManagementConfigRequest{FunctionName: "hello", Qualifier: &qualifier}))(t)
		if *got.UpdateRuntimeOn != want {
			t.Errorf("%s: %s, want %s", qualifier, *got.UpdateRuntimeOn, want)
		}
	}
	if got := must(c.GetFunctionRecursionConfig(ctx, &lambda.GetFunctionRecursionConfigRequest{FunctionName: "hello"}))(t); *got.RecursiveLoop != "Terminate" {
		t.Errorf("%+v", got)
	}
	must(c.PutFunctionRecursionConfig(ctx, &lambda.PutFunctionRecursionConfigRequest{FunctionName: "hello", RecursiveLoop: lambda.RecursiveLoopAllow}))(t)
	if got := must(c.GetFunctionRecursionConfig(ctx, &lambda.GetFunctionRecursionConfigRequest{FunctionName: "hello"}))(t); *got.RecursiveLoop != "Allow" {
		t.Errorf("%+v", got)
	}
}
