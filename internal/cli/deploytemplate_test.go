package cli_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"furl/internal/awsapi"
	"furl/internal/cfn"
	"furl/internal/sts"
)

const stackARN = "arn:aws:cloudformation:us-east-1:123456789012:stack/shop/1"

// fakeStacks is a server of stacks with one stack at most, and of buckets.
type fakeStacks struct {
	cfn.API

	mu      sync.Mutex
	objects map[string][]byte // by path
	puts    []string          // paths, in order
	stack   *cfn.Stack
	// refuse fails change sets with a reason; fail fails what they do.
	refuse, fail string
	asked        *cfn.CreateChangeSetInput
	events       []cfn.StackEvent // newest first
	calls        []string
}

func (f *fakeStacks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	have, ok := f.objects[r.URL.Path]
	switch {
	case r.Method == http.MethodPut:
		f.objects[r.URL.Path], _ = io.ReadAll(r.Body)
		f.puts = append(f.puts, r.URL.Path)
	case !ok:
		w.WriteHeader(http.StatusNotFound)
	default:
		w.Write(have)
	}
}

// fakeCaller says whose account it is.
type fakeCaller struct{ sts.API }

func (fakeCaller) GetCallerIdentity(context.Context, *sts.GetCallerIdentityRequest) (*sts.GetCallerIdentityResponse, error) {
	return &sts.GetCallerIdentityResponse{Account: new("123456789012")}, nil
}

func (f *fakeStacks) DescribeStacks(_ context.Context, in *cfn.DescribeStacksInput) (*cfn.DescribeStacksOutput, error) {
	if f.stack == nil {
		return nil, &awsapi.Error{Code: "ValidationError", Status: 400, Message: "Stack with id " + *in.StackName + " does not exist"}
	}
	return &cfn.DescribeStacksOutput{Stacks: []cfn.Stack{*f.stack}}, nil
}

func (f *fakeStacks) CreateChangeSet(_ context.Context, in *cfn.CreateChangeSetInput) (*cfn.CreateChangeSetOutput, error) {
	f.calls = append(f.calls, "plan "+string(*in.ChangeSetType))
	f.asked = in
	return &cfn.CreateChangeSetOutput{Id: new("arn:changeset"), StackId: new(stackARN)}, nil
}

func (f *fakeStacks) DescribeChangeSet(_ context.Context, in *cfn.DescribeChangeSetInput) (*cfn.DescribeChangeSetOutput, error) {
	if f.refuse != "" {
		return &cfn.DescribeChangeSetOutput{Status: new(cfn.ChangeSetStatusFailed), StatusReason: &f.refuse}, nil
	}
	f.calls = append(f.calls, "look")
	if len(f.calls)%2 == 0 {
		return &cfn.DescribeChangeSetOutput{Status: new(cfn.ChangeSetStatusCreateInProgress)}, nil
	}
	change := func(action cfn.ChangeAction, replace cfn.Replacement, id string, property *string) cfn.Change {
		return cfn.Change{ResourceChange: &cfn.ResourceChange{
			Action: &action, Replacement: &replace, LogicalResourceId: &id, ResourceType: new("AWS::Lambda::Function"),
			Details: []cfn.ResourceChangeDetail{{Target: &cfn.ResourceTargetDefinition{Attribute: new(cfn.ResourceAttributeProperties), Name: property}}},
		}}
	}
	return &cfn.DescribeChangeSetOutput{Status: new(cfn.ChangeSetStatusCreateComplete), Changes: []cfn.Change{
		change(cfn.ChangeActionAdd, "", "New", nil), change(cfn.ChangeActionModify, cfn.ReplacementTrue, "Fn", new("FunctionName")),
	}}, nil
}

func (f *fakeStacks) DeleteChangeSet(context.Context, *cfn.DeleteChangeSetInput) (*cfn.DeleteChangeSetOutput, error) {
	f.calls = append(f.calls, "drop")
	return &cfn.DeleteChangeSetOutput{}, nil
}

func (f *fakeStacks) DeleteStack(context.Context, *cfn.DeleteStackInput) error {
	f.calls = append(f.calls, "delete")
	f.event(stackARN, "shop", "AWS::CloudFormation::Stack", "DELETE_COMPLETE", "")
	return nil
}

func (f *fakeStacks) event(physical, id, kind, status, reason string) {
	e := cfn.StackEvent{
		StackId: stackARN, StackName: "shop", EventId: "e" + strconv.Itoa(len(f.events)), Timestamp: time.Unix(0, 0), PhysicalResourceId: &physical,
		LogicalResourceId: &id, ResourceType: &kind, ResourceStatus: new(cfn.ResourceStatus(status)),
	}
	if reason != "" {
		e.ResourceStatusReason = &reason
	}
	f.events = slices.Insert(f.events, 0, e)
}

func (f *fakeStacks) ExecuteChangeSet(context.Context, *cfn.ExecuteChangeSetInput) (*cfn.ExecuteChangeSetOutput, error) {
	f.calls = append(f.calls, "execute")
	f.event("x", "Fn", "AWS::Lambda::Function", "CREATE_IN_PROGRESS", "")
	if f.fail != "" {
		f.event("x", "Fn", "AWS::Lambda::Function", "CREATE_FAILED", f.fail)
		f.event(stackARN, "shop", "AWS::CloudFormation::Stack", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [Fn].")
		f.event(stackARN, "shop", "AWS::CloudFormation::Stack", "ROLLBACK_COMPLETE", "")
		return &cfn.ExecuteChangeSetOutput{}, nil
	}
	f.event("x", "Fn", "AWS::Lambda::Function", "CREATE_COMPLETE", "")
	f.event(stackARN, "shop", "AWS::CloudFormation::Stack", "CREATE_COMPLETE", "")
	f.stack = &cfn.Stack{StackName: "shop", StackId: new(stackARN), StackStatus: cfn.StackStatusCreateComplete, CreationTime: time.Unix(0, 0),
		Parameters: []cfn.Parameter{{ParameterKey: new("Old")}, {ParameterKey: new("Gone")}, {ParameterKey: new("New")}},
		Outputs:    []cfn.Output{{OutputKey: new("Url"), OutputValue: new("http://u/")}, {OutputKey: new("A"), OutputValue: new("b")}}}
	return &cfn.ExecuteChangeSetOutput{}, nil
}

// DescribeStackEvents gives one event a page.
func (f *fakeStacks) DescribeStackEvents(_ context.Context, in *cfn.DescribeStackEventsInput) (*cfn.DescribeStackEventsOutput, error) {
	at := 0
	if in.NextToken != nil {
		at, _ = strconv.Atoi(*in.NextToken)
	}
	out := &cfn.DescribeStackEventsOutput{}
	if at < len(f.events) {
		out.StackEvents = f.events[at : at+1]
	}
	if at+1 < len(f.events) {
		out.NextToken = new(strconv.Itoa(at + 1))
	}
	return out, nil
}

func (f *fakeStacks) serve(t *testing.T) []string {
	t.Helper()
	f.objects = map[string][]byte{}
	api, err := awsapi.NewServer(awsapi.Hooks{}, cfn.Operations(f), sts.Operations(fakeCaller{}))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Authorization"), "/s3/aws4_request") {
			f.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return []string{"HOME=" + t.TempDir(), "FURL_ENDPOINT=" + s.URL, "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=x"}
}

const plainTemplate = "Parameters: {Old: {Type: String}, New: {Type: String}}\nResources: {Role: {Type: AWS::IAM::Role}}\n"

func TestDeployTemplate(t *testing.T) {
	f := &fakeStacks{}
	environ := f.serve(t)
	file := write(t, map[string]string{"shop.yaml": plainTemplate}) + "/shop.yaml"
	furlWith(t, environ, "deploy", file, "--parameter", "Old=1", "--parameter", "New=a=b").matches(t, 0,
		`\AA    b\nUrl  http://u/\n\z`, `\ACREATE_COMPLETE +AWS::Lambda::Function +Fn\nCREATE_COMPLETE +AWS::CloudFormation::Stack +shop\nstack shop created\n\z`)
	if got := *f.asked.TemplateBody; got != plainTemplate || f.asked.StackName != "shop" || len(f.asked.Capabilities) != 3 || len(f.puts) != 0 {
		t.Errorf("asked for %+v with %s, put %v", f.asked, got, f.puts)
	}
	if p := f.asked.Parameters; len(p) != 2 || *p[0].ParameterKey != "New" || *p[0].ParameterValue != "a=b" {
		t.Errorf("parameters %+v", p)
	}
	var out struct {
		StackName, StackId, StackStatus, Action string
		Outputs                                 map[string]string
	}
	again := furlWith(t, environ, "deploy", file, "--json", "--parameter", "New=c").ok(t)
	if err := json.Unmarshal([]byte(again), &out); err != nil || out.Action != "updated" || out.StackId != stackARN || out.Outputs["Url"] != "http://u/" {
		t.Errorf("%s %v", again, err)
	}
	if p := f.asked.Parameters; len(p) != 2 || *p[0].ParameterKey != "New" || *p[1].ParameterKey != "Old" || !*p[1].UsePreviousValue {
		t.Errorf("parameters %+v", p)
	}
	if got, want := strings.Join(f.calls, " "), "plan CREATE look look execute plan UPDATE look look execute"; got != want {
		t.Errorf("calls %s, want %s", got, want)
	}
	f.refuse = "The submitted information didn't contain changes. Submit different information to create a change set."
	furlWith(t, environ, "deploy", file).matches(t, 0, `\AA    b\nUrl  http://u/\n\z`, `\Astack shop unchanged\n\z`)
	f.refuse = "No."
	furlWith(t, environ, "deploy", file).matches(t, 1, `\A\z`, `\Afurl: stack shop: No\.\n\z`)
}

func TestDeployTemplateFails(t *testing.T) {
	f := &fakeStacks{fail: "no such role"}
	environ := f.serve(t)
	dir := write(t, map[string]string{"shop.yaml": plainTemplate, "bad.yml": "a: [", "data.json": "{}", "x.json": `{"Resources": {"A": {"Type": "T", "Type": "T"}}}`})
	furlWith(t, environ, "deploy", dir+"/shop.yaml").matches(t, 1, `\A\z`,
		`CREATE_FAILED +AWS::Lambda::Function +Fn  no such role\nROLLBACK_IN_PROG.*\nROLLBACK_COMPLETE.*\nfurl: stack shop ended as ROLLBACK_COMPLETE: Fn: no such role\n\z`)
	f.stack = &cfn.Stack{StackName: "shop", StackId: new(stackARN), StackStatus: cfn.StackStatusRollbackComplete}
	furlWith(t, environ, "deploy", dir+"/shop.yaml").matches(t, 1, "", `hint: .*furl rm --stack shop`)
	furlWith(t, environ, "rm", "--stack", "shop").matches(t, 0, "", `stack shop removed\n\z`)
	f.stack = nil
	furlWith(t, environ, "rm", "--stack", "shop").matches(t, 1, "", `there is no stack shop`)
	furlWith(t, environ, "deploy", dir+"/bad.yml").matches(t, 1, "", `bad\.yml: Template format error: YAML not well-formed`)
	furlWith(t, environ, "deploy", dir+"/shop.yaml", "--memory", "128").matches(t, 2, "", `--memory is not for templates`)
	furlWith(t, environ, "deploy", dir, "--diff").matches(t, 2, "", `--diff is not for functions`)
	furlWith(t, environ, "deploy", dir+"/shop.yaml", "--parameter", "x").matches(t, 2, "", `want NAME=VALUE`)
}

func TestDeployDiff(t *testing.T) {
	f := &fakeStacks{}
	environ := f.serve(t)
	file := write(t, map[string]string{"shop.yaml": plainTemplate}) + "/shop.yaml"
	furlWith(t, environ, "deploy", file, "--diff").matches(t, 0,
		`\Astack shop would be made\n  add       AWS::Lambda::Function         New \[Properties\]\n  replace   AWS::Lambda::Function         Fn \[FunctionName\]\n\z`, `\A\z`)
	if got, want := strings.Join(f.calls, " "), "plan CREATE look look drop delete"; got != want {
		t.Errorf("calls %s, want %s", got, want)
	}
	var out struct {
		StackName string
		Changes   []struct{ Action, Replacement, LogicalResourceId string }
	}
	text := furlWith(t, environ, "deploy", file, "--diff", "--json").ok(t)
	if err := json.Unmarshal([]byte(text), &out); err != nil || len(out.Changes) != 2 || out.Changes[1].Replacement != "True" {
		t.Errorf("%s %v", text, err)
	}
}

// TestDeployPacksCode: what a template names on this machine goes into the bucket once, and the template names it there.
func TestDeployPacksCode(t *testing.T) {
	f := &fakeStacks{}
	environ := f.serve(t)
	dir := write(t, map[string]string{
		"shop/template.yaml": `
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {CodeUri: src, Runtime: python3.12}}
Resources:
  A: {Type: AWS::Serverless::Function, Properties: {Handler: app.handler}}
  B: {Type: AWS::Lambda::Function, Properties: {Code: ./src, Role: !GetAtt R.Arn}}
  C: {Type: AWS::Lambda::Function, Properties: {Code: {ZipFile: x}}}
  D: {Type: AWS::Serverless::Function, Properties: {CodeUri: s3://there/key}}
  L: {Type: AWS::Lambda::LayerVersion, Properties: {Content: layer.zip}}
  N: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: nested/inner.yaml}}
  R: {Type: AWS::IAM::Role}
`,
		"shop/src/app.py":        "def handler(e, c): return 1\n",
		"shop/nested/inner.yaml": "Resources: {F: {Type: AWS::Serverless::Function}}\n",
		"shop/nested/main.py":    "x = 1\n",
		"shop/layer.zip":         "not really",
	})
	furlWith(t, environ, "deploy", filepath.Join(dir, "shop", "template.yaml")).ok(t)
	if f.asked.StackName != "shop" {
		t.Errorf("stack %s", f.asked.StackName)
	}
	const bucket = "furl-deploy-123456789012-us-east-1"
	if len(f.puts) != 5 || f.puts[0] != "/"+bucket {
		t.Fatalf("put %v", f.puts)
	}
	var doc struct {
		Globals   struct{ Function struct{ CodeUri string } }
		Resources map[string]struct {
			Properties struct {
				CodeUri, TemplateURL string
				Code, Content        struct{ S3Bucket, S3Key string }
			}
		}
	}
	if err := json.Unmarshal([]byte(*f.asked.TemplateBody), &doc); err != nil {
		t.Fatal(err)
	}
	source := doc.Resources["B"].Properties.Code
	if source.S3Bucket != bucket || doc.Globals.Function.CodeUri != "s3://"+bucket+"/"+source.S3Key || doc.Resources["A"].Properties.CodeUri != "" {
		t.Errorf("template %s", *f.asked.TemplateBody)
	}
	z := f.objects["/"+bucket+"/"+source.S3Key]
	if r, err := zip.NewReader(bytes.NewReader(z), int64(len(z))); err != nil || len(r.File) != 1 || r.File[0].Name != "app.py" {
		t.Errorf("%v, %v", r, err)
	}
	if layer := doc.Resources["L"].Properties.Content; string(f.objects["/"+bucket+"/"+layer.S3Key]) != "not really" {
		t.Errorf("layer %+v", layer)
	}
	nested := strings.TrimPrefix(doc.Resources["N"].Properties.TemplateURL, "https://s3.us-east-1.amazonaws.com")
	if inner := string(f.objects[nested]); !strings.Contains(inner, `"CodeUri":"s3://`+bucket+`/`) {
		t.Errorf("nested template %s at %s", inner, nested)
	}
	if doc.Resources["D"].Properties.CodeUri != "s3://there/key" {
		t.Error("the address of an object was changed")
	}
	before := *f.asked.TemplateBody
	furlWith(t, environ, "deploy", filepath.Join(dir, "shop", "template.yaml")).ok(t)
	if len(f.puts) != 5 || *f.asked.TemplateBody != before {
		t.Errorf("deployed unchanged, put %v", f.puts[5:])
	}
	if err := os.Remove(filepath.Join(dir, "shop", "layer.zip")); err != nil {
		t.Fatal(err)
	}
	furlWith(t, environ, "deploy", filepath.Join(dir, "shop", "template.yaml")).matches(t, 1, "", `resource L: Content: there is no file or directory .*layer\.zip`)
}
