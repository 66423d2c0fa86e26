package lambda_test

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"furl/internal/lambda"
)

func publish(name string) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		return only(c.PublishVersion(ctx, &lambda.PublishVersionRequest{FunctionName: name}))
	}
}

func makeAlias(function, name, version string, weights map[string]float64) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		in := &lambda.CreateAliasRequest{FunctionName: function, Name: name, FunctionVersion: version}
		if weights != nil {
			in.RoutingConfig = &lambda.AliasRoutingConfiguration{AdditionalVersionWeights: weights}
		}
		return only(c.CreateAlias(ctx, in))
	}
}

func updateAlias(function, name string, change func(*lambda.UpdateAliasRequest)) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		in := &lambda.UpdateAliasRequest{FunctionName: function, Name: name}
		change(in)
		return only(c.UpdateAlias(ctx, in))
	}
}

func deleteVersion(name, qualifier string) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		return only(c.DeleteFunction(ctx, &lambda.DeleteFunctionRequest{FunctionName: name, Qualifier: &qualifier}))
	}
}

// configured shows a version.
func (h *house) configured(name string) *lambda.FunctionConfiguration {
	h.t.Helper()
	return must(h.as(h.Root).GetFunctionConfiguration(h.t.Context(), &lambda.GetFunctionConfigurationRequest{FunctionName: name}))(h.t)
}

// published makes "hello" with the versions 1 and 2, which differ in their timeout.
func published(t *testing.T) (*house, *lambda.Client) {
	h := newHouse(t)
	h.create("hello")
	c := h.as(h.Root)
	for _, timeout := range []int{11, 12} {
		must(c.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationRequest{FunctionName: "hello", Timeout: &timeout}))(t)
		h.settle()
		must(c.PublishVersion(t.Context(), &lambda.PublishVersionRequest{FunctionName: "hello"}))(t)
	}
	return h, c
}

func TestPublishVersion(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	c, ctx := h.as(h.Root), t.Context()
	before := h.configured("hello")
	h.Clock.Advance(time.Second)
	first := must(c.PublishVersion(ctx, &lambda.PublishVersionRequest{FunctionName: "hello", Description: new("one"), CodeSha256: before.CodeSha256}))(t)
	if *first.Version != "1" || *first.FunctionArn != prefix+"hello:1" || *first.Description != "one" || *first.State != "Active" ||
		*first.LastUpdateStatus != "Successful" || *first.LastModified == *before.LastModified {
		t.Errorf("%+v", first)
	}
	latest := h.configured("hello")
	if *latest.RevisionId == *before.RevisionId || *latest.RevisionId == *first.RevisionId {
		t.Errorf("$LATEST's revision was %s and is %s, that of 1 is %s; want three (recorded)", *before.RevisionId, *latest.RevisionId, *first.RevisionId)
	}
	// Publishing what was published answers with that (recorded).
	again := must(c.PublishVersion(ctx, &lambda.PublishVersionRequest{FunctionName: "hello", Description: new("two")}))(t)
	if !reflect.DeepEqual(again, first) {
		t.Errorf("published again: %+v\nwant %+v", again, first)
	}
	must(c.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationRequest{FunctionName: "hello", Description: new("changed"), Timeout: new(7)}))(t)
	h.settle()
	second := must(c.PublishVersion(ctx, &lambda.PublishVersionRequest{FunctionName: "hello"}))(t)
	if *second.Version != "2" || *second.Description != "changed" || *second.Timeout != 7 {
		t.Errorf("%+v", second)
	}
	if got := h.configured("hello:1"); *got.Timeout != 3 || *got.Description != "one" || *got.FunctionArn != prefix+"hello:1" {
		t.Errorf("version 1 has changed: %+v", got)
	}
	// A number is never used again.
	must(c.DeleteFunction(ctx, &lambda.DeleteFunctionRequest{FunctionName: "hello", Qualifier: new("2")}))(t)
	if third := must(c.PublishVersion(ctx, &lambda.PublishVersionRequest{FunctionName: "hello"}))(t); *third.Version != "3" {
		t.Errorf("version %s after 2 was deleted", *third.Version)
	}
	var listed []string
	for _, v := range must(c.ListVersionsByFunction(ctx, &lambda.ListVersionsByFunctionRequest{FunctionName: "hello"}))(t).Versions {
		listed = append(listed, *v.Version+" "+*v.FunctionArn)
	}
	want := []string{"$LATEST " + prefix + "hello:$LATEST", "1 " + prefix + "hello:1", "3 " + prefix + "hello:3"}
	if !reflect.DeepEqual(listed, want) {
		t.Errorf("versions %q", listed)
	}
	all := must(c.ListFunctions(ctx, &lambda.ListFunctionsRequest{FunctionVersion: new(lambda.FunctionVersionAll)}))(t).Functions
	if len(all) != 3 || *all[2].FunctionArn != prefix+"hello:3" {
		t.Errorf("ListFunctions of all versions: %+v", all)
	}
}

// More than nine versions are in the order of their numbers, on every page.
func TestListVersionsInOrder(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	c, ctx := h.as(h.Root), t.Context()
	for i := range 11 {
		must(c.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationRequest{FunctionName: "hello", Timeout: new(i + 1)}))(t)
		h.settle()
		must(c.PublishVersion(ctx, &lambda.PublishVersionRequest{FunctionName: "hello"}))(t)
	}
	var got []string
	in := &lambda.ListVersionsByFunctionRequest{FunctionName: "hello", MaxItems: new(5)}
	for {
		page := must(c.ListVersionsByFunction(ctx, in))(t)
		for _, v := range page.Versions {
			got = append(got, *v.Version)
		}
		if in.Marker = page.NextMarker; in.Marker == nil {
			break
		}
	}
	if want := []string{"$LATEST", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}

// A name that another one begins with comes before it, on every page.
func TestListFunctionsInOrder(t *testing.T) {
	h := newHouse(t)
	want := []string{"a", "a-b", "a_b", "ab"}
	h.create(want...)
	for _, all := range []*lambda.FunctionVersion{nil, new(lambda.FunctionVersionAll)} {
		var got []string
		in := &lambda.ListFunctionsRequest{MaxItems: new(1), FunctionVersion: all}
		for range want {
			page := must(h.as(h.Root).ListFunctions(t.Context(), in))(t)
			for _, f := range page.Functions {
				got = append(got, *f.FunctionName)
			}
			if in.Marker = page.NextMarker; in.Marker == nil {
				break
			}
		}
		if !slices.Equal(got, want) || in.Marker != nil {
			t.Errorf("%q", got)
		}
	}
}

// CreateFunction with Publish answers with the version's number and the function's
// ARN, UpdateFunctionCode with the version (recorded).
func TestPublishAtOnce(t *testing.T) {
	h := newHouse(t)
	c, ctx := h.as(h.Root), t.Context()
	release := h.hold()
	created := must(c.CreateFunction(ctx, creation("hello", func(in *lambda.CreateFunctionRequest) { in.Publish = new(true) })))(t)
	if *created.Version != "1" || *created.FunctionArn != prefix+"hello" || *created.State != "Pending" {
		t.Errorf("%+v", created)
	}
	if got := h.configured("hello:1"); *got.State != "Pending" || got.LastUpdateStatus != nil {
		t.Errorf("version 1 before its code is ready: %+v", got)
	}
	release(nil)
	h.settle()
	if got := h.configured("hello:1"); *got.State != "Active" || *got.LastUpdateStatus != "Successful" {
		t.Errorf("version 1: %+v", got)
	}
	release = h.hold()
	zip := pack(map[string]string{"lambda_function.py": "def handler(e, c): return 2\n"})
	updated := must(c.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeRequest{FunctionName: "hello", ZipFile: zip, Publish: new(true)}))(t)
	if *updated.Version != "2" || *updated.FunctionArn != prefix+"hello:2" || *updated.State != "Pending" || *updated.CodeSha256 != sum(zip) {
		t.Errorf("%+v", updated)
	}
	if got := h.configured("hello"); *got.LastUpdateStatus != "InProgress" || *got.State != "Active" {
		t.Errorf("$LATEST meanwhile: %+v", got)
	}
	release(nil)
	h.settle()
	if got := h.configured("hello:2"); *got.State != "Active" || *got.RevisionId != *updated.RevisionId {
		t.Errorf("version 2: %+v", got)
	}
}

func TestVersionRefusals(t *testing.T) {
	h, c := published(t)
	must(c.CreateAlias(t.Context(), &lambda.CreateAliasRequest{FunctionName: "hello", Name: "live", FunctionVersion: "1",
		RoutingConfig: &lambda.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.25}}}))(t)
	const (
		revision   = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
		missing    = "ResourceNotFoundException"
		validation = "ValidationException"
		conflict   = "ResourceConflictException"
	)
	h.expect(h.Root,
		call{"publish with another hash", func(ctx context.Context, c *lambda.Client) error {
			return only(c.PublishVersion(ctx, &lambda.PublishVersionRequest{FunctionName: "hello", CodeSha256: new("x")}))
		}, invalid, "CodeSHA256 (x) is different from current CodeSHA256 in $LATEST (" + sum(hello()) + "). Please try again with the CodeSHA256 in $LATEST."},
		call{"publish of another revision", func(ctx context.Context, c *lambda.Client) error {
			return only(c.PublishVersion(ctx, &lambda.PublishVersionRequest{FunctionName: "hello", RevisionId: new("x")}))
		}, "PreconditionFailedException", revision},
		call{"publish nothing", publish("none"), missing, "Function not found: " + prefix + "none"},
		call{"delete a version in use", deleteVersion("hello", "1"), conflict, "Unable to delete version because the following aliases reference it: [live]"},
		call{"delete its other version", deleteVersion("hello", "2"), conflict, "Unable to delete version because the following aliases reference it: [live]"},
		call{"delete an alias as a version", deleteVersion("hello", "live"), invalid, "Deletion of aliases is not currently supported."},
		call{"an alias twice", makeAlias("hello", "live", "1", nil), conflict, "Alias already exists: " + prefix + "hello:live"},
		call{"to no version", makeAlias("hello", "a", "10", nil), missing, "Function not found: " + prefix + "hello:10"},
		call{"of no function", makeAlias("none", "a", "1", nil), missing, "Function not found: " + prefix + "none:1"},
		call{"to no other version", makeAlias("hello", "a", "1", map[string]float64{"10": 0.5}), missing, "Function not found: " + prefix + "hello:10"},
		call{"to the same twice", makeAlias("hello", "a", "1", map[string]float64{"1": 0.5}), invalid,
			"Invalid function version 1. Function version 1 is already included in routing configuration."},
		call{"to three versions", makeAlias("hello", "a", "1", map[string]float64{"1": 0.5, "2": 0.5}), invalid,
			"Number of items in AdditionalVersionWeights cannot be greater than 1"},
		call{"to $LATEST and another", makeAlias("hello", "a", "$LATEST", map[string]float64{"1": 0.5}), invalid,
			"$LATEST is not supported for an alias pointing to more than 1 version"},
		call{"too much weight", makeAlias("hello", "a", "1", map[string]float64{"2": 2}), validation,
			"1 validation error detected: Value '{2=2.0}' at 'routingConfig.additionalVersionWeights' failed to satisfy constraint: " +
				"Map value must satisfy constraint: [Member must have value less than or equal to 1.0, " +
				"Member must have value greater than or equal to 0.0, Member must not be null]"},
		call{"a numeric name", makeAlias("hello", "12", "1", nil), validation,
			"1 validation error detected: Value '12' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)"},
		call{"no alias", func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetAlias(ctx, &lambda.GetAliasRequest{FunctionName: "hello", Name: "none"}))
		}, missing, "Cannot find alias arn: " + prefix + "hello:none"},
		call{"update no alias", updateAlias("hello", "none", func(*lambda.UpdateAliasRequest) {}), missing, "Alias not found: " + prefix + "hello:none"},
		call{"update to no version", updateAlias("hello", "live", func(in *lambda.UpdateAliasRequest) { in.FunctionVersion = new("9") }), missing,
			"Function not found: " + prefix + "hello:9"},
		call{"update to its other version", updateAlias("hello", "live", func(in *lambda.UpdateAliasRequest) { in.FunctionVersion = new("2") }), invalid,
			"Invalid function version 2. Function version 2 is already included in routing configuration."},
		call{"update of another revision", updateAlias("hello", "live", func(in *lambda.UpdateAliasRequest) { in.RevisionId = new("x") }),
			"PreconditionFailedException", revision},
		call{"tags of a version", func(ctx context.Context, c *lambda.Client) error {
			return only(c.ListTags(ctx, &lambda.ListTagsRequest{Resource: prefix + "hello:1"}))
		}, invalid, "Tags on function aliases and versions are not supported. Please specify a function ARN."},
		call{"tags of nothing", func(ctx context.Context, c *lambda.Client) error {
			return only(c.ListTags(ctx, &lambda.ListTagsRequest{Resource: prefix + "none"}))
		}, missing, "Function not found: " + prefix + "none"},
		call{"no tags", func(ctx context.Context, c *lambda.Client) error {
			return c.TagResource(ctx, &lambda.TagResourceRequest{Resource: prefix + "hello", Tags: map[string]string{}})
		}, invalid, "An error occurred and the request cannot be processed."},
	)
}

func TestAliases(t *testing.T) {
	h, c := published(t)
	ctx := t.Context()
	weights := &lambda.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.25}}
	made := must(c.CreateAlias(ctx, &lambda.CreateAliasRequest{FunctionName: "hello", Name: "live", FunctionVersion: "1", RoutingConfig: weights}))(t)
	if *made.AliasArn != prefix+"hello:live" || *made.Description != "" || *made.FunctionVersion != "1" || !reflect.DeepEqual(made.RoutingConfig, weights) {
		t.Errorf("%+v", made)
	}
	if got := must(c.GetAlias(ctx, &lambda.GetAliasRequest{FunctionName: "hello", Name: "live"}))(t); !reflect.DeepEqual(got, made) {
		t.Errorf("got %+v", got)
	}
	if got := h.configured("hello:live"); *got.Version != "1" || *got.Timeout != 11 || *got.FunctionArn != prefix+"hello:live" {
		t.Errorf("what the alias leads to: %+v", got)
	}
	updated := must(c.UpdateAlias(ctx, &lambda.UpdateAliasRequest{FunctionName: "hello", Name: "live", RevisionId: made.RevisionId, Description: new("d"),
		RoutingConfig: &lambda.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}}}))(t)
	if updated.RoutingConfig != nil || *updated.Description != "d" || *updated.RevisionId == *made.RevisionId {
		t.Errorf("%+v", updated)
	}
	must(c.UpdateAlias(ctx, &lambda.UpdateAliasRequest{FunctionName: "hello", Name: "live", FunctionVersion: new("2")}))(t)
	if got := h.configured("hello:live"); *got.Timeout != 12 {
		t.Errorf("after the alias moved: %+v", got)
	}
	for _, name := range []string{"a", "b"} {
		must(c.CreateAlias(ctx, &lambda.CreateAliasRequest{FunctionName: "hello", Name: name, FunctionVersion: "1"}))(t)
	}
	page := must(c.ListAliases(ctx, &lambda.ListAliasesRequest{FunctionName: "hello", MaxItems: new(2)}))(t)
	if len(page.Aliases) != 2 || page.NextMarker == nil || *page.NextMarker != prefix+"hello:live" {
		t.Errorf("first page %+v", page)
	}
	page = must(c.ListAliases(ctx, &lambda.ListAliasesRequest{FunctionName: "hello", Marker: page.NextMarker}))(t)
	if len(page.Aliases) != 1 || *page.Aliases[0].Name != "live" || page.NextMarker != nil {
		t.Errorf("last page %+v", page)
	}
	if got := must(c.ListAliases(ctx, &lambda.ListAliasesRequest{FunctionName: "hello", FunctionVersion: new("1")}))(t).Aliases; len(got) != 2 {
		t.Errorf("aliases of version 1: %+v", got)
	}
}

// An alias has a URL and a policy of its own, and takes them with it.
func TestAliasOwnsItsURLAndPolicy(t *testing.T) {
	h, c := published(t)
	ctx := t.Context()
	must(c.CreateAlias(ctx, &lambda.CreateAliasRequest{FunctionName: "hello", Name: "live", FunctionVersion: "1",
		RoutingConfig: &lambda.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.25}}}))(t)
	made := must(c.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigRequest{FunctionName: "hello", Qualifier: new("live"), AuthType: "NONE"}))(t)
	if made.FunctionArn != prefix+"hello:live" {
		t.Errorf("%+v", made)
	}
	must(c.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigRequest{FunctionName: "hello", AuthType: "NONE"}))(t)
	must(c.AddPermission(ctx, &lambda.AddPermissionRequest{FunctionName: "hello", Qualifier: new("live"), StatementId: "s",
		Action: "lambda:InvokeFunctionUrl", Principal: "*", FunctionUrlAuthType: new(lambda.FunctionUrlAuthTypeNone)}))(t)
	id := made.FunctionUrl[len("https://"):][:32]
	r := h.State.Snapshot().Route(id)
	if r == nil || r.ARN != prefix+"hello:live" || r.Policy == nil || r.Target.Version.Number != "1" || r.Other.Version.Number != "2" || r.Weight != 0.25 {
		t.Fatalf("route %+v", r)
	}
	for random, want := range map[float64]string{0: "2", 0.2499: "2", 0.25: "1", 0.999: "1"} {
		if got := r.Pick(random).Version.Number; got != want {
			t.Errorf("version %s at %g, want %s", got, random, want)
		}
	}
	must(c.UpdateAlias(ctx, &lambda.UpdateAliasRequest{FunctionName: "hello", Name: "live", FunctionVersion: new("$LATEST"),
		RoutingConfig: &lambda.AliasRoutingConfiguration{}}))(t)
	if r := h.State.Snapshot().Route(id); r.Target.Version.Number != "$LATEST" || r.Other != nil {
		t.Errorf("route after the alias moved %+v", r)
	}
	must(c.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationRequest{FunctionName: "hello", Timeout: new(20)}))(t)
	h.settle()
	if r := h.State.Snapshot().Route(id); r.Target.Version.Timeout != 20 {
		t.Errorf("route of an alias of $LATEST does not follow it: %+v", r.Target.Version)
	}
	if err := c.DeleteAlias(ctx, &lambda.DeleteAliasRequest{FunctionName: "hello", Name: "live"}); err != nil {
		t.Fatal(err)
	}
	f := h.State.Snapshot().Function(r.Target.Function.ID())
	if h.State.Snapshot().Route(id) != nil || f.Policies["live"] != nil || len(f.URLs) != 1 {
		t.Errorf("left of the alias: %+v", f)
	}
	if err := c.DeleteAlias(ctx, &lambda.DeleteAliasRequest{FunctionName: "hello", Name: "live"}); err != nil {
		t.Errorf("deleting it again: %v (recorded: succeeds)", err)
	}
}

func TestTags(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	c, ctx := h.as(h.Root), t.Context()
	tags := func() map[string]string {
		return must(c.ListTags(ctx, &lambda.ListTagsRequest{Resource: prefix + "hello"}))(t).Tags
	}
	if got := tags(); len(got) != 0 {
		t.Errorf("tags %v", got)
	}
	for _, add := range []map[string]string{{"a": "1", "b": "2"}, {"b": "3"}} {
		if err := c.TagResource(ctx, &lambda.TagResourceRequest{Resource: prefix + "hello", Tags: add}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.UntagResource(ctx, &lambda.UntagResourceRequest{Resource: prefix + "hello", TagKeys: []string{"a", "none"}}); err != nil {
		t.Fatal(err)
	}
	if got := tags(); !reflect.DeepEqual(got, map[string]string{"b": "3"}) {
		t.Errorf("tags %v", got)
	}
}

func TestGetAccountSettings(t *testing.T) {
	_, c := published(t)
	must(c.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyRequest{FunctionName: "hello", ReservedConcurrentExecutions: 30}))(t)
	got := must(c.GetAccountSettings(t.Context(), &lambda.GetAccountSettingsRequest{}))(t)
	size := int64(3 * len(hello())) // $LATEST and two versions
	if *got.AccountLimit.ConcurrentExecutions != 1000 || *got.AccountLimit.UnreservedConcurrentExecutions != 970 ||
		*got.AccountUsage.FunctionCount != 1 || *got.AccountUsage.TotalCodeSize != size {
		t.Errorf("%+v %+v", got.AccountLimit, got.AccountUsage)
	}

}
