package cli_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"furl/internal/admin"
	"furl/internal/awsapi"
	"furl/internal/lambda"
)

// fakeLambda answers what a test is about; anything else panics, which the
// server answers as an internal failure.
type fakeLambda struct {
	lambda.API
	invoke func(*lambda.InvocationRequest) (*lambda.InvocationResponse, error)

	mu sync.Mutex
	// conflicts is how many updates are still refused; settling is how many
	// looks at the function still find it changing.
	conflicts, settling int
	config              lambda.FunctionConfiguration
	calls               []string
}

func (f *fakeLambda) Invoke(_ context.Context, in *lambda.InvocationRequest) (*lambda.InvocationResponse, error) {
	return f.invoke(in)
}

func (f *fakeLambda) GetFunctionConfiguration(context.Context, *lambda.GetFunctionConfigurationRequest) (*lambda.FunctionConfiguration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, "get")
	c := f.config
	if f.settling > 0 {
		f.settling--
		c.LastUpdateStatus = new(lambda.LastUpdateStatusInProgress)
	}
	return &c, nil
}

func (f *fakeLambda) UpdateFunctionCode(_ context.Context, in *lambda.UpdateFunctionCodeRequest) (*lambda.FunctionConfiguration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, "update")
	if f.conflicts > 0 {
		f.conflicts--
		f.settling = 3
		return nil, lambda.ResourceConflictException("The operation cannot be performed at this time. An update is in progress for resource: x")
	}
	f.config.LastUpdateStatus = new(lambda.LastUpdateStatusSuccessful)
	return &f.config, nil
}

// fakeAdmin answers what a test is about.
type fakeAdmin struct {
	admin.API
	explain func(*admin.ExplainURLRequest) (*admin.ExplainURLResponse, error)
	logs    func(*admin.GetLogsRequest) (*admin.GetLogsResponse, error)
}

func (f *fakeAdmin) ExplainURL(_ context.Context, in *admin.ExplainURLRequest) (*admin.ExplainURLResponse, error) {
	return f.explain(in)
}

func (f *fakeAdmin) GetLogs(_ context.Context, in *admin.GetLogsRequest) (*admin.GetLogsResponse, error) {
	return f.logs(in)
}

func (f *fakeAdmin) GetStatus(context.Context, *admin.GetStatusRequest) (*admin.GetStatusResponse, error) {
	return nil, awsapi.AccessDenied("no")
}

// fakeServer serves the fakes; it returns the environment of a user of it.
func fakeServer(t *testing.T, l lambda.API, a admin.API) []string {
	t.Helper()
	api, err := awsapi.NewServer(awsapi.Hooks{}, lambda.Operations(l), admin.Operations(a))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(api)
	t.Cleanup(s.Close)
	return []string{"HOME=" + t.TempDir(), "FURL_ENDPOINT=" + s.URL, "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=x"}
}

func TestInvoke(t *testing.T) {
	f := &fakeLambda{}
	environ := fakeServer(t, f, &fakeAdmin{})
	f.invoke = func(in *lambda.InvocationRequest) (*lambda.InvocationResponse, error) {
		out := &lambda.InvocationResponse{StatusCode: new(200), ExecutedVersion: new("$LATEST"), Payload: in.Payload}
		if strings.Contains(string(in.Payload), "fail") {
			out.FunctionError, out.Payload = new("Unhandled"), []byte(`{"errorMessage": "boom"}`)
		}
		if in.LogType != nil {
			out.LogResult = new(base64.StdEncoding.EncodeToString([]byte("START\nseen\n")))
		}
		return out, nil
	}
	file := write(t, map[string]string{"event.json": `{"from": "file"}`}) + "/event.json"
	furlWith(t, environ, "invoke", "f").matches(t, 0, `\A\{\}\n\z`, "")
	furlWith(t, environ, "invoke", "f", "--data", `{"a": [1,  2]}`).matches(t, 0, `\A\{"a": \[1,  2\]\}\n\z`, "")
	furlWith(t, environ, "invoke", "f", "--data", "@"+file).matches(t, 0, `\A\{"from": "file"\}\n\z`, "")
	furlIn(t, `"from stdin"`, environ, "invoke", "f", "--data", "-").matches(t, 0, `\A"from stdin"\n\z`, "")
	furlWith(t, environ, "invoke", "f", "--logs").matches(t, 0, `\A\{\}\n\z`, `\ASTART\nseen\n\z`)
	furlWith(t, environ, "invoke", "f", "--data", `"fail"`).matches(t, 1, `\A\{"errorMessage": "boom"\}\n\z`, `\Afurl: the function failed: Unhandled\n\z`)
	furlWith(t, environ, "invoke", "f", "--data", "@/no/such/file").matches(t, 1, "", "/no/such/file")
	var got struct {
		StatusCode                                int
		ExecutedVersion, FunctionError, LogResult string
		Payload                                   map[string]string
	}
	out := furlWith(t, environ, "invoke", "f", "--data", `"fail"`, "--logs", "--json")
	if err := json.Unmarshal([]byte(out.stdout), &got); err != nil || out.code != 1 || got.FunctionError != "Unhandled" || got.Payload["errorMessage"] != "boom" || got.LogResult != "START\nseen\n" {
		t.Errorf("%d %s %v", out.code, out.stdout, err)
	}
}

// TestDeployWaitsForOthers: an update that is under way is waited for, and the
// deployment tried again.
func TestDeployWaitsForOthers(t *testing.T) {
	f := &fakeLambda{conflicts: 2, config: lambda.FunctionConfiguration{
		FunctionName: new("app"), FunctionArn: new("arn"), Runtime: new(lambda.Runtime("python3.12")), Handler: new("lambda_function.lambda_handler"),
		State: new(lambda.StateActive),
	}}
	environ := fakeServer(t, f, &fakeAdmin{})
	dir := write(t, map[string]string{"lambda_function.py": handlerText})
	furlWith(t, environ, "deploy", dir).matches(t, 0, `^arn$`, `^function app updated`)
	if got, want := strings.Join(f.calls, " "), "get update get get get get update get get get get update get"; got != want {
		t.Errorf("calls %s, want %s", got, want)
	}
}

func TestExplainText(t *testing.T) {
	a := &fakeAdmin{}
	environ := fakeServer(t, &fakeLambda{}, a)
	var asked admin.ExplainURLRequest
	out := &admin.ExplainURLResponse{
		Mode: "classic", Reason: admin.ReasonImplicitDeny, Summary: "no identity-based policy allows it",
		FunctionUrl: new("http://u/"), FunctionArn: new("arn:f"), AuthType: new("AWS_IAM"), Principal: new("arn:alice"), MissingPermission: new("lambda:InvokeFunctionUrl"),
		Decisions: []admin.Decision{
			{Action: "lambda:InvokeFunctionUrl", Required: true, Reason: "because no policy allows it", Statements: []admin.Statement{
				{Policy: "inline policy p", Index: 2, Sid: new("S"), Effect: "Allow", Why: []string{"Action is a, the request has b"}},
				{PolicyType: "resource-based policy", Index: 1, Effect: "Deny", Applies: true},
			}},
			{Action: "lambda:InvokeFunction", Allowed: true},
		},
		Notes: []string{"a note"}, Fix: []string{"aws iam put-user-policy"},
	}
	a.explain = func(in *admin.ExplainURLRequest) (*admin.ExplainURLResponse, error) {
		asked = *in
		return out, nil
	}
	got := furlWith(t, environ, "explain", "http://u/", "--as", "alice", "--source-ip", "192.0.2.7", "--method", "POST")
	const want = `refused: no identity-based policy allows it
  url       http://u/ (AWS_IAM)
  function  arn:f
  caller    arn:alice
  mode      classic

lambda:InvokeFunctionUrl: not allowed, because no policy allows it
  Allow: statement 2 "S" of inline policy p does not apply
      Action is a, the request has b
  Deny: statement 1 of the resource-based policy applies

lambda:InvokeFunction: allowed (dual mode and AWS since October 2025 ask for it; this server does not)
  no policy has a say in it

missing permission: lambda:InvokeFunctionUrl on arn:f

note: a note

to have it allowed:
  aws iam put-user-policy
`
	if got.stdout != want || got.code != 1 || got.stderr != "" {
		t.Errorf("code %d, stderr %q, stdout\n%s", got.code, got.stderr, got.stdout)
	}
	if *asked.Url != "http://u/" || asked.FunctionName != nil || *asked.As != "alice" || *asked.SourceIp != "192.0.2.7" || *asked.Method != "POST" || asked.AsKey != nil {
		t.Errorf("asked for %+v", asked)
	}
	out.Allowed, out.Reason = true, ""
	furlWith(t, environ, "explain", "f").matches(t, 0, `^to have dual mode and today's AWS allow it too:$`, "")
	if asked.FunctionName == nil || asked.Url != nil {
		t.Errorf("asked for %+v", asked)
	}
	out.Allowed, out.Reason = false, admin.ReasonNoURL
	furlWith(t, environ, "explain", "f").matches(t, 1, "", `^furl: no identity.*\nhint: aws iam put-user-policy\n\z`)
}
