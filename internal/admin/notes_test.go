package admin_test

import (
	"reflect"
	"strings"
	"testing"

	"furl/internal/admin"
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

func TestStatus(t *testing.T) {
	s := newServer(t, true)
	s.function()
	s.url(none)
	s.user("alice")
	out, err := s.admin.GetStatus(t.Context(), &admin.GetStatusRequest{Runtimes: []string{"python3.12"}})
	check(t, err)
	want := admin.GetStatusResponse{
		Version: "1.2.3", Mode: "dual", Account: account, Region: region, Domain: domain, StartTime: out.StartTime, UptimeSeconds: out.UptimeSeconds,
		Functions: 1, FunctionUrls: 1, Users: 1, IsolationDriver: "process",
	}
	if out.StartTime.IsZero() || len(out.Runtimes) != 0 {
		t.Errorf("started %v, runtimes %v", out.StartTime, out.Runtimes)
	}
	out.Runtimes = nil
	if !reflect.DeepEqual(*out, want) {
		t.Errorf("status %+v, want %+v", *out, want)
	}
}
