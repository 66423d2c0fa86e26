package admin_test

import (
	"reflect"
	"strings"
	"testing"

	"furl/internal/admin"
	"furl/internal/iam"
	"furl/internal/lambda"
)

// TestExplainConditions: what the request says of the call reaches conditions.
func TestExplainConditions(t *testing.T) {
	s := newServer(t, false)
	s.function()
	s.url(awsIAM)
	s.user("alice")
	s.policy("alice", "p", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"lambda:*","Resource":"*","Condition":{
		"IpAddress":{"aws:SourceIp":"192.0.2.0/24"},"StringEquals":{"aws:UserAgent":"tester","aws:Referer":"https://example.com/"},"Bool":{"aws:SecureTransport":"true"}}}]}`)
	good := func() *admin.ExplainURLRequest {
		return &admin.ExplainURLRequest{FunctionName: new("greeter"), As: new("alice"), SourceIp: new("192.0.2.7"),
			UserAgent: new("tester"), Referer: new("https://example.com/"), Secure: new(true)}
	}
	if out := s.explain(good()); !out.Allowed {
		t.Fatalf("%+v", out)
	}
	for name, spoil := range map[string]func(*admin.ExplainURLRequest){
		"aws:SourceIp":        func(in *admin.ExplainURLRequest) { in.SourceIp = nil },
		"aws:UserAgent":       func(in *admin.ExplainURLRequest) { in.UserAgent = new("other") },
		"aws:Referer":         func(in *admin.ExplainURLRequest) { in.Referer = nil },
		"aws:SecureTransport": func(in *admin.ExplainURLRequest) { in.Secure = nil },
	} {
		in := good()
		spoil(in)
		out := s.explain(in)
		why := strings.Join(out.Decisions[0].Statements[0].Why, "; ")
		if out.Allowed || !strings.Contains(why, name) {
			t.Errorf("%s: allowed %v, why %q", name, out.Allowed, why)
		}
	}
	in := good()
	in.FunctionName, in.Secure = nil, nil
	in.Url = new(strings.Replace(*s.explain(good()).FunctionUrl, "http:", "https:", 1))
	if out := s.explain(in); !out.Allowed {
		t.Errorf("an https URL does not count as secure: %s", out.Summary)
	}
}

func TestNotes(t *testing.T) {
	s := newServer(t, false)
	s.function()
	s.user("alice")
	_, err := s.lambda.CreateFunctionUrlConfig(t.Context(), &lambda.CreateFunctionUrlConfigRequest{
		FunctionName: "greeter", AuthType: awsIAM, Cors: &lambda.Cors{AllowOrigins: []string{"*"}},
	})
	check(t, err)
	tests := []struct {
		in   admin.ExplainURLRequest
		note string
	}{
		{admin.ExplainURLRequest{Method: new("options")}, "preflight"},
		{admin.ExplainURLRequest{}, "awscurl --service lambda --region us-east-1 http://"},
		{admin.ExplainURLRequest{As: new("alice")}, "no active access key"},
	}
	for _, tt := range tests {
		tt.in.FunctionName = new("greeter")
		notes := strings.Join(s.explain(&tt.in).Notes, "\n")
		if !strings.Contains(notes, tt.note) {
			t.Errorf("%+v: notes %q, want %q", tt.in, notes, tt.note)
		}
	}
	s.key("alice")
	if notes := s.explain(&admin.ExplainURLRequest{FunctionName: new("greeter"), As: new("alice")}).Notes; len(notes) != 0 {
		t.Errorf("notes %q, want none", notes)
	}
}

// TestNameUsedAgain: a statement for a user that was deleted says that it is not
// about the one who has the name now.
func TestNameUsedAgain(t *testing.T) {
	s := newServer(t, false)
	s.function()
	s.url(awsIAM)
	s.user("alice")
	s.run("aws lambda add-permission --function-name greeter --statement-id Alice --action lambda:InvokeFunctionUrl --principal arn:aws:iam::000000000000:user/alice --function-url-auth-type AWS_IAM")
	in := &admin.ExplainURLRequest{FunctionName: new("greeter"), As: new("alice")}
	if out := s.explain(in); !out.Allowed {
		t.Fatalf("%+v", out)
	}
	check(t, s.iam.DeleteUser(t.Context(), &iam.DeleteUserRequest{UserName: "alice"}))
	s.user("alice")
	out := s.explain(in)
	if why := strings.Join(out.Decisions[0].Statements[0].Why, "; "); out.Allowed || !strings.Contains(why, "was deleted: the present user alice (AIDA") {
		t.Errorf("allowed %v, why %q", out.Allowed, why)
	}
}

// TestThrottledNote: permission alone does not help where nothing may run.
func TestThrottledNote(t *testing.T) {
	s := newServer(t, false)
	s.function()
	s.url(awsIAM)
	in := &admin.ExplainURLRequest{FunctionName: new("greeter"), As: new("root")}
	const want = "reserved concurrency is 0: every call is throttled (429)"
	for _, step := range []struct {
		reserved int
		noted    bool
	}{{1, false}, {0, true}} {
		_, err := s.lambda.PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyRequest{FunctionName: "greeter", ReservedConcurrentExecutions: step.reserved})
		check(t, err)
		out := s.explain(in)
		if got := strings.Contains(strings.Join(out.Notes, "\n"), want); got != step.noted || !out.Allowed {
			t.Errorf("reserved %d: allowed %v, notes %q", step.reserved, out.Allowed, out.Notes)
		}
	}
}

func TestStatus(t *testing.T) {
	s := newServer(t, true)
	s.function()
	s.url(none)
	s.user("alice")
	out, err := s.admin.GetStatus(t.Context(), &admin.GetStatusRequest{Runtimes: []string{"python3.12"}})
	check(t, err)
	want := admin.GetStatusResponse{
		Version: "1.2.3", Mode: "dual", Account: account, Region: region, Domain: domain, StartTime: out.StartTime, UptimeSeconds: out.UptimeSeconds,
		Functions: 1, FunctionUrls: 1, Users: 1,
		Isolation: admin.IsolationStatus{Driver: "process", Level: "best-effort"}, Egress: admin.EgressStatus{Policy: "development"},
		Blanks: []admin.BlankCount{}, ColdStarts: []admin.ColdStartCount{},
	}
	if out.StartTime.IsZero() || len(out.Runtimes) != 0 {
		t.Errorf("started %v, runtimes %v", out.StartTime, out.Runtimes)
	}
	out.Runtimes = nil
	if !reflect.DeepEqual(*out, want) {
		t.Errorf("status %+v, want %+v", *out, want)
	}
	out, err = s.admin.GetStatus(t.Context(), &admin.GetStatusRequest{Probe: new(true)})
	check(t, err)
	if got, want := strings.Join(out.Isolation.Without, "; "), "b: not here (buy it)"; got != want {
		t.Errorf("without %q, want %q", got, want)
	}
}
