package lambda_test

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"testing"
	"time"

	"furl/internal/lambda"
	"furl/internal/state"
)

func configure(name string, change func(*lambda.UpdateFunctionConfigurationRequest)) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		in := &lambda.UpdateFunctionConfigurationRequest{FunctionName: name}
		change(in)
		return only(c.UpdateFunctionConfiguration(ctx, in))
	}
}

func recode(name string, change func(*lambda.UpdateFunctionCodeRequest)) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		in := &lambda.UpdateFunctionCodeRequest{FunctionName: name, ZipFile: hello()}
		change(in)
		return only(c.UpdateFunctionCode(ctx, in))
	}
}

// An update is under way until the new code is ready; every step is a revision
// of its own (recorded).
func TestUpdateIsShown(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	c, ctx := h.as(h.Root), t.Context()
	before := must(c.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationRequest{FunctionName: "hello"}))(t)
	release := h.hold()
	updating := must(c.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationRequest{FunctionName: "hello"}))(t)
	want(t, "UpdateFunctionConfiguration of nothing", updating, with(updating, updatingText), prefix+"hello")
	release(nil)
	h.settle()
	after := must(c.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationRequest{FunctionName: "hello"}))(t)
	want(t, "after it", after, with(after, activeText), prefix+"hello")
	if *before.RevisionId == *updating.RevisionId || *updating.RevisionId == *after.RevisionId || *before.RevisionId == *after.RevisionId {
		t.Errorf("revisions %s, %s, %s", *before.RevisionId, *updating.RevisionId, *after.RevisionId)
	}
}

func TestUpdateFunctionConfiguration(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	h.role("other", lambda.TrustPolicy)
	c, ctx := h.as(h.Root), t.Context()
	h.Clock.Advance(time.Second)
	got := must(c.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationRequest{
		FunctionName: prefix + "hello:$LATEST", Role: new("arn:aws:iam::111122223333:role/other"), Handler: new("h.h"), Description: new("d"),
		Timeout: new(5), MemorySize: new(256), Runtime: new(lambda.RuntimePython313),
		Environment: &lambda.Environment{Variables: map[string]string{"AB": "c"}},
	}))(t)
	if *got.Role != "arn:aws:iam::111122223333:role/other" || *got.Handler != "h.h" || *got.Description != "d" || *got.Timeout != 5 ||
		*got.MemorySize != 256 || *got.Runtime != "python3.13" || got.Environment.Variables["AB"] != "c" ||
		*got.FunctionArn != prefix+"hello" || *got.LastModified != "2026-11-23T13:42:11.244+0000" {
		t.Errorf("%+v", got)
	}
	h.settle()
	// What an update does not name stays.
	got = must(c.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationRequest{FunctionName: "hello", Timeout: new(6)}))(t)
	if *got.Handler != "h.h" || *got.Timeout != 6 || *got.MemorySize != 256 || got.Environment.Variables["AB"] != "c" {
		t.Errorf("%+v", got)
	}
	h.settle()
	got = must(c.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationRequest{
		FunctionName: "hello", Environment: &lambda.Environment{}}))(t)
	if got.Environment.Variables["AB"] != "c" {
		t.Errorf("%+v after an environment without variables", got.Environment)
	}
	h.settle()
	got = must(c.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationRequest{
		FunctionName: "hello", Environment: &lambda.Environment{Variables: map[string]string{}}}))(t)
	if got.Environment != nil {
		t.Errorf("%+v after the variables were taken away", got.Environment)
	}
}

func TestLoggingConfig(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	c := h.as(h.Root)
	const group = "/aws/lambda/hello"
	config := func(format, group, application, system string) *lambda.LoggingConfig {
		l := &lambda.LoggingConfig{LogFormat: new(lambda.LogFormat(format)), LogGroup: &group}
		if application != "" {
			l.ApplicationLogLevel, l.SystemLogLevel = new(lambda.ApplicationLogLevel(application)), new(lambda.SystemLogLevel(system))
		}
		return l
	}
	for _, tt := range []struct {
		name     string
		in, want *lambda.LoggingConfig
	}{
		{"JSON", &lambda.LoggingConfig{LogFormat: new(lambda.LogFormatJson)}, config("JSON", group, "INFO", "INFO")},
		{"one level", &lambda.LoggingConfig{ApplicationLogLevel: new(lambda.ApplicationLogLevelDebug)}, config("JSON", group, "DEBUG", "INFO")},
		{"group", &lambda.LoggingConfig{LogGroup: new("g")}, config("JSON", "g", "DEBUG", "INFO")},
		{"other level", &lambda.LoggingConfig{SystemLogLevel: new(lambda.SystemLogLevelWarn)}, config("JSON", "g", "DEBUG", "WARN")},
		{"nothing", &lambda.LoggingConfig{}, config("JSON", "g", "DEBUG", "WARN")},
		{"Text", &lambda.LoggingConfig{LogFormat: new(lambda.LogFormatText)}, config("Text", "g", "", "")},
		{"JSON and a level", &lambda.LoggingConfig{LogFormat: new(lambda.LogFormatJson), SystemLogLevel: new(lambda.SystemLogLevelDebug)}, config("JSON", "g", "INFO", "DEBUG")},
	} {
		got := must(c.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationRequest{FunctionName: "hello", LoggingConfig: tt.in}))(t)
		if !reflect.DeepEqual(got.LoggingConfig, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, fieldsOf(got.LoggingConfig), fieldsOf(tt.want))
		}
		h.settle()
	}
}

func fieldsOf(l *lambda.LoggingConfig) []any {
	out := []any{*l.LogFormat, *l.LogGroup}
	if l.ApplicationLogLevel != nil {
		out = append(out, *l.ApplicationLogLevel, *l.SystemLogLevel)
	}
	return out
}

func TestUpdateFunctionCode(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	c, ctx := h.as(h.Root), t.Context()
	before := must(c.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationRequest{FunctionName: "hello"}))(t)
	next := pack(map[string]string{"lambda_function.py": "def handler(e, c): return 1\n"})

	dry := must(c.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeRequest{FunctionName: "hello", ZipFile: next, DryRun: new(true)}))(t)
	now := must(c.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationRequest{FunctionName: "hello"}))(t)
	if *dry.CodeSha256 != sum(next) || !reflect.DeepEqual(now, before) {
		t.Errorf("a dry run shows %s and leaves %+v", *dry.CodeSha256, now)
	}
	got := must(c.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeRequest{
		FunctionName: "hello", ZipFile: next, RevisionId: before.RevisionId, Architectures: []lambda.Architecture{"arm64"}}))(t)
	if *got.CodeSha256 != sum(next) || *got.CodeSize != int64(len(next)) || got.Architectures[0] != "arm64" || *got.LastUpdateStatus != "InProgress" {
		t.Errorf("%+v", got)
	}
	h.settle()
	got = must(c.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeRequest{FunctionName: "hello", ZipFile: hello()}))(t)
	if got.Architectures[0] != "arm64" {
		t.Errorf("architectures %v after an update that names none", got.Architectures)
	}
}

func TestUpdateRefusals(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	const missing, conflict, failed = "ResourceNotFoundException", "ResourceConflictException", "PreconditionFailedException"
	const stale = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"
	const qualified = "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. " +
		"Please specify either a function name or an unqualified function ARN."
	type config = lambda.UpdateFunctionConfigurationRequest
	type source = lambda.UpdateFunctionCodeRequest
	same := func(*config) {}
	h.expect(h.Root,
		call{"configuration of none", configure("none", same), missing, "Function not found: " + prefix + "none"},
		call{"code of none", recode("none", func(*source) {}), missing, "Function not found: " + prefix + "none"},
		call{"configuration of an alias", configure("hello:live", same), invalid, qualified},
		call{"code of a version", recode("hello:1", func(*source) {}), invalid, qualified},
		call{"stale configuration", configure("hello", func(in *config) { in.RevisionId = new("wrong") }), failed, stale},
		call{"stale code", recode("hello", func(in *source) { in.RevisionId = new("wrong") }), failed, stale},
		call{"stale dry run", recode("hello", func(in *source) { in.RevisionId, in.DryRun = new("wrong"), new(true) }), failed, stale},
		call{"runtime", configure("hello", func(in *config) { in.Runtime = new(lambda.Runtime("non-existent-runtime")) }), invalid,
			"Value non-existent-runtime" + runtime},
		call{"level of text", configure("hello", func(in *config) {
			in.LoggingConfig = &lambda.LoggingConfig{SystemLogLevel: new(lambda.SystemLogLevelInfo)}
		}), invalid, levels},
		call{"reserved variable", configure("hello", func(in *config) {
			in.Environment = &lambda.Environment{Variables: map[string]string{"AWS_REGION": ""}}
		}), invalid, reserved + "AWS_REGION"},
		call{"layer", configure("hello", func(in *config) { in.Layers = []string{layer} }), invalid, "Layer version " + layer + " does not exist."},
		call{"image configuration", configure("hello", func(in *config) { in.ImageConfig = &lambda.ImageConfig{} }), invalid,
			"Please don't provide ImageConfig when creating or updating a function with packageType Zip."},
		call{"role of another account", configure("hello", func(in *config) { in.Role = new("arn:aws:iam::444455556666:role/r") }),
			"AccessDeniedException", "Cross-account pass role is not allowed."},
		call{"image", recode("hello", func(in *source) { in.ZipFile, in.ImageUri = nil, new("image") }), invalid,
			"Please don't provide ImageUri when updating a function with packageType Zip."},
		call{"bucket", recode("hello", func(in *source) { in.ZipFile, in.S3Bucket, in.S3Key = nil, new("bucket"), new("k") }), invalid, noBucket},
		call{"no code", recode("hello", func(in *source) { in.ZipFile = nil }), invalid, "Please provide a source for function code."},
		call{"no zip", recode("hello", func(in *source) { in.ZipFile = []byte("no zip") }), invalid, noUnzip},
		call{"no zip, dry", recode("hello", func(in *source) { in.ZipFile, in.DryRun = []byte("no zip"), new(true) }), invalid, noUnzip},
	)
	release := h.hold()
	const busy = "The operation cannot be performed at this time. An update is in progress for resource: " + prefix + "hello"
	const pending = "The operation cannot be performed at this time. The function is currently in the following state: Pending"
	h.expect(h.Root,
		call{"update", configure("hello", same), "", ""},
		call{"configuration meanwhile", configure("hello", same), conflict, busy},
		call{"code meanwhile", recode("hello", func(*source) {}), conflict, busy},
		call{"create", creating("new"), "", ""},
		call{"configuration of a new one", configure("new", same), conflict, pending},
		call{"code of a new one", recode("new", func(*source) {}), conflict, pending},
	)
	release(nil)
	h.settle()
}

// Code that cannot be made ready is a failed function, which better code heals.
func TestUnpackingFails(t *testing.T) {
	h := newHouse(t)
	c, ctx := h.as(h.Root), t.Context()
	h.hold()(errors.New("no room"))
	h.create("hello")
	got := must(c.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationRequest{FunctionName: "hello"}))(t)
	if *got.State != "Failed" || *got.StateReasonCode != "InternalError" || *got.StateReason == "" || got.LastUpdateStatus != nil {
		t.Errorf("%+v", got)
	}
	h.hold()(errors.New("no room"))
	must(c.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeRequest{FunctionName: "hello", ZipFile: hello()}))(t)
	h.settle()
	got = must(c.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationRequest{FunctionName: "hello"}))(t)
	if *got.State != "Active" || *got.LastUpdateStatus != "Failed" || *got.LastUpdateStatusReasonCode != "InternalError" {
		t.Errorf("%+v", got)
	}
	h.hold()(nil)
	must(c.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeRequest{FunctionName: "hello", ZipFile: hello()}))(t)
	h.settle()
	got = must(c.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationRequest{FunctionName: "hello"}))(t)
	if *got.State != "Active" || *got.LastUpdateStatus != "Successful" || got.LastUpdateStatusReason != nil {
		t.Errorf("%+v", got)
	}
}

// What becomes of a function's code is no matter of the next function's under
// the same name.
func TestUnpackingFailsForAnother(t *testing.T) {
	h := newHouse(t)
	c, ctx := h.as(h.Root), t.Context()
	started, release := make(chan struct{}), make(chan struct{})
	first := true
	h.unpack = func(context.Context, string) error {
		if first {
			first = false
			close(started)
			<-release
			return errors.New("no room")
		}
		return nil
	}
	must(c.CreateFunction(ctx, creation("hello")))(t)
	<-started
	must(c.DeleteFunction(ctx, &lambda.DeleteFunctionRequest{FunctionName: "hello"}))(t)
	other := pack(map[string]string{"lambda_function.py": "other"})
	must(c.CreateFunction(ctx, creation("hello", withCode(lambda.FunctionCode{ZipFile: other}))))(t)
	close(release)
	h.settle()
	got := must(c.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationRequest{FunctionName: "hello"}))(t)
	if *got.State != "Active" || *got.CodeSha256 != sum(other) {
		t.Errorf("state %s of %s", *got.State, *got.CodeSha256)
	}
}

// A server that stopped while a function was being made ready goes on with it.
func TestUnfinishedFunctionsGoOn(t *testing.T) {
	h := newHouse(t)
	h.hold()
	must(h.as(h.Root).CreateFunction(t.Context(), creation("hello")))(t)
	if err := h.service.Close(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan string, 1)
	next := lambda.New(lambda.Options{
		State: h.State, Blobs: h.Store, Pool: h.pool, Logger: h.logger(), Now: h.Clock.Now,
		Unpack: func(_ context.Context, v *state.Version) error { ready <- v.CodeBlob; return nil },
	})
	defer next.Close()
	select {
	case <-ready:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing was unpacked")
	}
	h.settle()
}

func TestDownloads(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	sha := h.State.Snapshot().AllFunctions()[0].Function.Latest.CodeBlob
	web, address := h.downloads()
	good := address.URL(sha)
	if status, body := get(t, good); status != 200 || !bytes.Equal(body, hello()) {
		t.Errorf("a good address: %d, %d bytes", status, len(body))
	}
	other := address.URL("00" + sha[2:])
	for name, tt := range map[string]struct {
		url    string
		status int
	}{
		"unsigned":         {web + "/_furl/code/" + sha, 403},
		"another's":        {good[:len(good)-4] + "0000", 403},
		"of another blob":  {web + "/_furl/code/" + sha + other[len(web+"/_furl/code/"+sha):], 403},
		"of a missing one": {other, 404},
	} {
		if status, _ := get(t, tt.url); status != tt.status {
			t.Errorf("%s: %d, want %d", name, status, tt.status)
		}
	}
	h.Clock.Advance(10*time.Minute + time.Second)
	if status, _ := get(t, good); status != 403 {
		t.Errorf("after ten minutes: %d", status)
	}
}
