package admin_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"furl/internal/admin"
	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/iam"
	"furl/internal/lambda"
)

const (
	none    = lambda.FunctionUrlAuthTypeNone
	awsIAM  = lambda.FunctionUrlAuthTypeAwsIam
	anybody = ""
)

func allow(action, resource, condition string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Sid":"Mine","Effect":"Allow","Action":%q,"Resource":%q%s}]}`, action, resource, condition)
}

// refusal is a situation in which a call is refused.
type refusal struct {
	name string
	// before makes the situation and may fill in the request.
	before func(s *server, in *admin.ExplainURLRequest)
	as     string
	reason string
	// missing and named must be told: the action, and words in the verdict.
	missing string
	named   []string
}

func refusals() []refusal {
	deny := `{"Version":"2012-10-17","Statement":{"Sid":"Stop","Effect":"Deny","Action":"lambda:*","Resource":"*"}}`
	return []refusal{
		{name: "no URL", reason: admin.ReasonNoURL,
			before: func(s *server, _ *admin.ExplainURLRequest) {}},
		{name: "no URL for a user", as: "alice", reason: admin.ReasonNoURL,
			before: func(s *server, _ *admin.ExplainURLRequest) {}},
		{name: "NONE without a permission", reason: admin.ReasonImplicitDeny, missing: "lambda:InvokeFunctionUrl",
			before: func(s *server, _ *admin.ExplainURLRequest) { s.url(none) }},
		{name: "NONE with the usual statement id taken", reason: admin.ReasonImplicitDeny, missing: "lambda:InvokeFunctionUrl",
			named: []string{"FunctionURLAllowPublicAccess", "AWS_IAM"},
			before: func(s *server, _ *admin.ExplainURLRequest) {
				s.url(none)
				s.run("aws lambda add-permission --function-name greeter --statement-id FunctionURLAllowPublicAccess --action lambda:InvokeFunctionUrl --principal '*' --function-url-auth-type AWS_IAM")
			}},
		{name: "unsigned", reason: admin.ReasonUnsigned, named: []string{"awscurl"},
			before: func(s *server, _ *admin.ExplainURLRequest) { s.url(awsIAM) }},
		{name: "no policy", as: "alice", reason: admin.ReasonImplicitDeny, missing: "lambda:InvokeFunctionUrl", named: []string{"user/alice"},
			before: func(s *server, _ *admin.ExplainURLRequest) { s.url(awsIAM) }},
		{name: "condition", as: "alice", reason: admin.ReasonImplicitDeny, missing: "lambda:InvokeFunctionUrl",
			named: []string{"inline policy p of user alice", "Mine", "lambda:FunctionUrlAuthType", `"NONE"`},
			before: func(s *server, _ *admin.ExplainURLRequest) {
				s.url(awsIAM)
				s.policy("alice", "p", allow("lambda:InvokeFunctionUrl", greeter, `,"Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}`))
			}},
		{name: "resource", as: "arn:aws:iam::000000000000:user/alice", reason: admin.ReasonImplicitDeny, missing: "lambda:InvokeFunctionUrl",
			named: []string{"Mine", "function:other"},
			before: func(s *server, _ *admin.ExplainURLRequest) {
				s.url(awsIAM)
				s.policy("alice", "invoke-greeter-url", allow("lambda:InvokeFunctionUrl", greeter+"/../function:other", ""))
			}},
		{name: "a Deny alone", as: "alice", reason: admin.ReasonExplicitDeny, named: []string{"Stop", "explicit"},
			before: func(s *server, _ *admin.ExplainURLRequest) {
				s.url(awsIAM)
				s.policy("alice", "deny", deny)
				s.policy("alice", "p", allow("lambda:*", "*", ""))
			}},
		{name: "a Deny among others", as: "alice", reason: admin.ReasonExplicitDeny, named: []string{"Stop"},
			before: func(s *server, in *admin.ExplainURLRequest) {
				s.url(awsIAM)
				in.SourceIp = new("192.0.2.7")
				s.policy("alice", "p", `{"Version":"2012-10-17","Statement":[
					{"Effect":"Allow","Action":"s3:*","Resource":"*"},
					{"Sid":"Stop","Effect":"Deny","Action":"lambda:InvokeFunctionUrl","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}},
					{"Effect":"Allow","Action":"lambda:*","Resource":"*","Condition":{"StringLike":{"aws:UserAgent":"<&>'*"}}}]}`)
			}},
		{name: "inactive key", reason: admin.ReasonInactiveKey, named: []string{"alice"},
			before: func(s *server, in *admin.ExplainURLRequest) {
				s.url(awsIAM)
				s.policy("alice", "p", allow("lambda:*", "*", ""))
				in.AsKey = new(s.key("alice"))
				s.run("aws iam update-access-key --user-name alice --access-key-id " + *in.AsKey + " --status Inactive")
			}},
		{name: "inactive key without a policy", as: "alice", reason: admin.ReasonInactiveKey,
			before: func(s *server, in *admin.ExplainURLRequest) {
				s.url(awsIAM)
				in.AsKey = new(s.key("alice"))
				s.run("aws iam update-access-key --user-name alice --access-key-id " + *in.AsKey + " --status Inactive")
			}},
		{name: "quota used up", as: "alice", reason: admin.ReasonImplicitDeny, missing: "lambda:InvokeFunctionUrl",
			before: func(s *server, _ *admin.ExplainURLRequest) {
				s.url(awsIAM)
				s.policy("alice", "big", allow("s3:*", "arn:aws:s3:::"+strings.Repeat("x", 1800), ""))
			}},
		{name: "a name for quoting", as: "o.h+ara@example.com", reason: admin.ReasonImplicitDeny, missing: "lambda:InvokeFunctionUrl",
			before: func(s *server, _ *admin.ExplainURLRequest) {
				s.url(awsIAM)
				s.user("o.h+ara@example.com")
			}},
	}
}

// TestFixes applies what an explanation suggests for each kind of refusal: the
// call must be allowed after it, here and in dual mode.
func TestFixes(t *testing.T) {
	for _, mode := range []string{"classic", "dual"} {
		for _, tt := range refusals() {
			t.Run(mode+"/"+tt.name, func(t *testing.T) {
				s := newServer(t, mode == "dual")
				s.function()
				s.user("alice")
				in := &admin.ExplainURLRequest{FunctionName: new("greeter")}
				if tt.as != anybody {
					in.As = &tt.as
				}
				tt.before(s, in)
				out := s.explain(in)
				if out.Allowed || out.Reason != tt.reason || out.Mode != mode {
					t.Fatalf("allowed %v, reason %s, mode %s; want refused, %s, %s", out.Allowed, out.Reason, out.Mode, tt.reason, mode)
				}
				if got := value(out.MissingPermission); got != tt.missing {
					t.Errorf("missing permission %q, want %q", got, tt.missing)
				}
				text, err := json.Marshal(out)
				check(t, err)
				all := strings.ReplaceAll(string(text), `\"`, `"`)
				for _, want := range tt.named {
					if !strings.Contains(all, want) {
						t.Errorf("the explanation does not name %q:\n%s", want, all)
					}
				}
				if len(out.Fix) == 0 {
					t.Fatal("no command is suggested")
				}
				for _, command := range out.Fix {
					s.run(command)
				}
				fix := out.Fix
				if out = s.explain(in); !out.Allowed || out.DualWouldRefuse || len(out.Fix) > 0 {
					t.Errorf("after %q: allowed %v, dual would refuse %v: %s", fix, out.Allowed, out.DualWouldRefuse, out.Summary)
				}
				s.agrees(in, out)
			})
		}
	}
}

// agrees checks an explanation against the verdict that the data plane gives.
func (s *server) agrees(in *admin.ExplainURLRequest, out *admin.ExplainURLResponse) {
	s.t.Helper()
	host := strings.TrimPrefix(*out.FunctionUrl, "http://")
	id, _, _ := strings.Cut(host, ".")
	route := s.state.Snapshot().Route(id)
	caller := authz.Anonymous()
	if u := s.state.Snapshot().User(account, strings.TrimPrefix(value(out.Principal), "arn:aws:iam::"+account+":user/")); u != nil {
		caller = authz.UserCaller(u, "")
	}
	env := authz.Env{SourceIP: "127.0.0.1"}
	if in.SourceIp != nil {
		env.SourceIP = *in.SourceIp
	}
	verdict := s.authz.URL(route, caller, env)
	if verdict.Allowed != out.Allowed || verdict.DualWouldRefuse != out.DualWouldRefuse {
		s.t.Errorf("the explanation says allowed %v, dual would refuse %v; the verdict is %+v", out.Allowed, out.DualWouldRefuse, verdict)
	}
}

func value(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

func TestExplainAllowed(t *testing.T) {
	s := newServer(t, false)
	s.function()
	s.url(none)
	s.run("aws lambda add-permission --function-name greeter --statement-id https --action lambda:InvokeFunctionUrl --principal '*' --function-url-auth-type NONE")
	out := s.explain(&admin.ExplainURLRequest{FunctionName: new(greeter)})
	if !out.Allowed || !out.DualWouldRefuse || out.Reason != "" {
		t.Fatalf("%+v", out)
	}
	if !strings.Contains(out.Summary, `"https"`) {
		t.Errorf("the summary does not name the statement: %s", out.Summary)
	}
	if len(out.Decisions) != 2 || !out.Decisions[0].Required || out.Decisions[1].Required {
		t.Errorf("decisions %+v", out.Decisions)
	}
	if len(out.Fix) != 1 || !strings.Contains(out.Fix[0], "--invoked-via-function-url") {
		t.Errorf("fix %q, want the permission that dual mode asks for", out.Fix)
	}
	s.run(out.Fix[0])
	if out = s.explain(&admin.ExplainURLRequest{Url: out.FunctionUrl}); !out.Allowed || out.DualWouldRefuse || len(out.Fix) > 0 {
		t.Errorf("%+v", out)
	}
}

func TestExplainSignedCallOfOpenURL(t *testing.T) {
	s := newServer(t, false)
	s.function()
	s.url(none)
	s.user("alice")
	s.policy("alice", "p", allow("lambda:*", "*", ""))
	out := s.explain(&admin.ExplainURLRequest{FunctionName: new("greeter"), As: new("alice"), AsKey: nil})
	if out.Allowed || value(out.Principal) != "anonymous" || len(out.Notes) == 0 {
		t.Errorf("a signature must not count on a URL with AuthType NONE: %+v", out)
	}
}

func TestExplainKeys(t *testing.T) {
	s := newServer(t, false)
	s.function()
	s.url(awsIAM)
	s.user("alice")
	s.user("bob")
	key := s.key("alice")
	in := func(as, key string) *admin.ExplainURLRequest {
		r := &admin.ExplainURLRequest{FunctionName: new("greeter"), AsKey: &key}
		if as != "" {
			r.As = &as
		}
		return r
	}
	if out := s.explain(in("", key)); value(out.Principal) != "arn:aws:iam::000000000000:user/alice" {
		t.Errorf("the key's owner is %s", value(out.Principal))
	}
	if out := s.explain(in("", rootKeyID)); !out.Allowed || value(out.Principal) != "arn:aws:iam::000000000000:root" {
		t.Errorf("the root's key: %+v", out)
	}
	out := s.explain(in("", "AKIAIOSFODNN7EXAMPLE"))
	if out.Reason != admin.ReasonUnknownKey || out.Principal != nil || len(out.Fix) > 0 || !strings.Contains(out.Summary, "AKIAIOSFODNN7EXAMPLE") {
		t.Errorf("an unknown key: %+v", out)
	}
	out = s.explain(in("alice", "AKIAIOSFODNN7EXAMPLE"))
	if out.Reason != admin.ReasonUnknownKey || len(out.Fix) != 2 || out.Fix[0] != "aws iam create-access-key --user-name alice" {
		t.Errorf("an unknown key of a known user: %+v", out)
	}
	if _, err := s.admin.ExplainURL(t.Context(), in("bob", key)); !isCode(err, "ValidationException") {
		t.Errorf("somebody else's key: %v", err)
	}
}

func TestExplainOutside(t *testing.T) {
	s := newServer(t, false)
	s.function()
	s.url(none)
	address := *s.explain(&admin.ExplainURLRequest{FunctionName: new("greeter")}).FunctionUrl
	check(t, s.lambda.DeleteFunctionUrlConfig(t.Context(), &lambda.DeleteFunctionUrlConfigRequest{FunctionName: "greeter"}))
	s.url(none)
	now := *s.explain(&admin.ExplainURLRequest{FunctionName: new("greeter")}).FunctionUrl
	for url, reason := range map[string]string{
		address:                                        admin.ReasonUnknownURL,
		strings.ToUpper(address) + "path?q=1":          admin.ReasonUnknownURL,
		"http://127.0.0.1:4566/":                       admin.ReasonForeignHost,
		strings.Replace(now, "us-", "eu-", 1):          admin.ReasonForeignHost,
		strings.Replace(now, "localhost", "on.aws", 1): admin.ReasonForeignHost,
	} {
		out := s.explain(&admin.ExplainURLRequest{Url: &url})
		if out.Allowed || out.Reason != reason || len(out.Fix) > 0 {
			t.Errorf("%s: %+v", url, out)
		}
		if reason == admin.ReasonUnknownURL && !slices.ContainsFunc(out.Notes, func(n string) bool { return strings.Contains(n, now) }) {
			t.Errorf("%s: the notes do not say where the function is now: %q", url, out.Notes)
		}
	}
	for _, spelling := range []string{strings.ToUpper(now), strings.TrimPrefix(now, "http://"), strings.Replace(now, "localhost", "localhost.:4566", 1)} {
		if out := s.explain(&admin.ExplainURLRequest{Url: &spelling}); value(out.FunctionArn) != greeter {
			t.Errorf("%s: %+v", spelling, out)
		}
	}
}

func TestExplainRefusesRequests(t *testing.T) {
	s := newServer(t, false)
	s.function()
	s.url(awsIAM)
	tests := []struct {
		name string
		in   admin.ExplainURLRequest
		code string
	}{
		{"nothing", admin.ExplainURLRequest{}, "ValidationException"},
		{"both", admin.ExplainURLRequest{Url: new("http://x/"), FunctionName: new("greeter")}, "ValidationException"},
		{"no function", admin.ExplainURLRequest{FunctionName: new("other")}, "ResourceNotFoundException"},
		{"another account", admin.ExplainURLRequest{FunctionName: new("arn:aws:lambda:us-east-1:111111111111:function:greeter")}, "ResourceNotFoundException"},
		{"no URL", admin.ExplainURLRequest{Url: new("http://[::1/")}, "ValidationException"},
		{"no alias", admin.ExplainURLRequest{FunctionName: new("greeter"), Qualifier: new("none")}, "ResourceNotFoundException"},
		{"a version", admin.ExplainURLRequest{FunctionName: new("greeter"), Qualifier: new("$LATEST")}, "ResourceNotFoundException"},
		{"no user", admin.ExplainURLRequest{FunctionName: new("greeter"), As: new("nobody")}, "ResourceNotFoundException"},
		{"a user on another path", admin.ExplainURLRequest{FunctionName: new("greeter"), As: new("arn:aws:iam::000000000000:user/team/alice")}, "ResourceNotFoundException"},
		{"no role", admin.ExplainURLRequest{FunctionName: new("greeter"), As: new("arn:aws:iam::000000000000:role/r")}, "ResourceNotFoundException"},
		{"a group", admin.ExplainURLRequest{FunctionName: new("greeter"), As: new("arn:aws:iam::000000000000:group/r")}, "ValidationException"},
		{"another account's root", admin.ExplainURLRequest{FunctionName: new("greeter"), As: new("arn:aws:iam::444455556666:root")}, "ResourceNotFoundException"},
		{"no address", admin.ExplainURLRequest{FunctionName: new("greeter"), SourceIp: new("example")}, "ValidationException"},
		{"no key id", admin.ExplainURLRequest{FunctionName: new("greeter"), AsKey: new("short")}, "ValidationException"},
	}
	s.user("alice")
	for _, tt := range tests {
		if _, err := s.admin.ExplainURL(t.Context(), &tt.in); !isCode(err, tt.code) {
			t.Errorf("%s: %v, want %s", tt.name, err, tt.code)
		}
	}
}

func isCode(err error, code string) bool {
	e, ok := err.(*awsapi.Error)
	return ok && e.Code == code
}

// TestAccess: each operation asks for its own action.
func TestAccess(t *testing.T) {
	service := admin.New(admin.Options{Now: time.Now})
	ctx := authz.WithCaller(t.Context(), authz.RootCaller(account, ""), authz.Env{})
	for in, want := range map[any]string{
		&admin.ExplainURLRequest{}: "furl:ExplainUrl",
		&admin.GetLogsRequest{}:    "furl:GetLogs",
		&admin.GetStatusRequest{}:  "furl:GetStatus",
	} {
		got, err := service.Access(ctx, in)
		if err != nil || len(got) != 1 || got[0].Action != want || got[0].Resource != "*" || got[0].Account != account {
			t.Errorf("%T: %+v, %v", in, got, err)
		}
	}
	if _, err := service.Access(ctx, &iam.GetUserRequest{}); err == nil {
		t.Error("an unknown request is allowed to ask for nothing")
	}
}
