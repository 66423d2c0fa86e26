package admin_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"furl/internal/admin"
	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/code"
	"furl/internal/cwlogs"
	"furl/internal/iam"
	"furl/internal/lambda"
	"furl/internal/logs"
	"furl/internal/sandbox"
	"furl/internal/sigv4"
	"furl/internal/state"
	"furl/internal/store/sqlite"
)

const (
	account   = "000000000000"
	region    = "us-east-1"
	domain    = "localhost"
	rootKeyID = "AKIAROOTROOTROOTROOT"
	greeter   = "arn:aws:lambda:us-east-1:000000000000:function:greeter"
)

// server is furl's control plane without environments. Every call is the
// account's root's.
type server struct {
	t      *testing.T
	state  *state.State
	authz  *authz.Authorizer
	logs   *logs.Log
	admin  *admin.Client
	lambda *lambda.Client
	iam    *iam.Client
}

func newServer(t *testing.T, dual bool) *server {
	t.Helper()
	dir := t.TempDir()
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "data"), sqlite.Options{})
	check(t, err)
	t.Cleanup(func() { check(t, db.Close()) })
	st, err := state.Open(t.Context(), db, state.Options{SealKey: make([]byte, state.SealKeySize), Logger: slog.New(slog.DiscardHandler)})
	check(t, err)
	t.Cleanup(func() { check(t, st.Close()) })
	log, err := logs.Open(filepath.Join(dir, "logs"), logs.Options{})
	check(t, err)
	t.Cleanup(func() { check(t, log.Close()) })

	s := &server{t: t, state: st, logs: log}
	s.authz = authz.New(authz.Options{Verifier: sigv4.NewVerifier(time.Now), Region: region, DualURLAuth: dual})
	functionURL := func(id string) string { return "http://" + id + ".lambda-url." + region + "." + domain + "/" }
	functions := lambda.New(lambda.Options{
		State: st, Blobs: db, Region: region, FunctionURL: functionURL, CodeURL: func(string) string { return "" },
		Unpack: func(context.Context, *state.Version) error { return nil },
		Limits: code.DefaultLimits(), Logger: slog.New(slog.DiscardHandler), Now: time.Now,
	})
	t.Cleanup(func() { check(t, functions.Close()) })
	api, err := awsapi.NewServer(awsapi.Hooks{Authenticate: asRoot},
		lambda.Operations(functions), iam.Operations(iam.New(st, time.Now)),
		admin.Operations(admin.New(admin.Options{
			State: st, Authz: s.authz, Logs: log, Home: cwlogs.Home{Account: account, Region: region}, Region: region, Domain: domain, Version: "1.2.3",
			Isolation: admin.IsolationStatus{Driver: "process", Level: "best-effort"},
			Egress:    func() admin.EgressStatus { return admin.EgressStatus{Policy: "development"} },
			Probe: func(context.Context) sandbox.Report {
				return sandbox.Report{Features: []sandbox.Feature{{Name: "a", OK: true}, {Name: "b", Detail: "not here", Hint: "buy it"}}}
			},
			RootKeyID: rootKeyID, FunctionURL: functionURL, Now: time.Now,
		})))
	check(t, err)
	h := httptest.NewServer(api)
	t.Cleanup(h.Close)
	config := awsapi.ClientConfig{Endpoint: h.URL, HTTP: h.Client(), Sign: nameService}
	s.admin, err = admin.NewClient(config)
	check(t, err)
	s.lambda, err = lambda.NewClient(config)
	check(t, err)
	s.iam, err = iam.NewClient(config)
	check(t, err)
	return s
}

func asRoot(r *http.Request, _ string, _ []byte) (context.Context, error) {
	return authz.WithCaller(r.Context(), authz.RootCaller(account, rootKeyID), authz.Env{}), nil
}

// nameService signs just enough for the server to know the service.
func nameService(r *http.Request, service string, _ []byte) error {
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=k/20260101/"+region+"/"+service+"/aws4_request, ")
	return nil
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// function stores the function greeter without a URL.
func (s *server) function() {
	s.t.Helper()
	check(s.t, s.state.CreateFunction(s.t.Context(), &state.Function{
		Account: account, Region: region, Name: "greeter", Created: time.Now(),
		Latest: state.Version{Number: state.LatestVersion, State: state.StateActive, Logging: state.Logging{Group: "/aws/lambda/greeter"}},
	}))
}

func (s *server) url(auth lambda.FunctionUrlAuthType) {
	s.t.Helper()
	_, err := s.lambda.CreateFunctionUrlConfig(s.t.Context(), &lambda.CreateFunctionUrlConfigRequest{FunctionName: "greeter", AuthType: auth})
	check(s.t, err)
}

func (s *server) user(name string) {
	s.t.Helper()
	_, err := s.iam.CreateUser(s.t.Context(), &iam.CreateUserRequest{UserName: name})
	check(s.t, err)
}

// key makes an access key and returns its id.
func (s *server) key(user string) string {
	s.t.Helper()
	out, err := s.iam.CreateAccessKey(s.t.Context(), &iam.CreateAccessKeyRequest{UserName: &user})
	check(s.t, err)
	return out.AccessKey.AccessKeyId
}

func (s *server) policy(user, name, document string) {
	s.t.Helper()
	check(s.t, s.iam.PutUserPolicy(s.t.Context(), &iam.PutUserPolicyRequest{UserName: user, PolicyName: name, PolicyDocument: document}))
}

func (s *server) explain(in *admin.ExplainURLRequest) *admin.ExplainURLResponse {
	s.t.Helper()
	out, err := s.admin.ExplainURL(s.t.Context(), in)
	check(s.t, err)
	return out
}

// run carries out a command of the AWS CLI. A real shell takes it apart.
func (s *server) run(command string) {
	s.t.Helper()
	out, err := exec.Command("sh", "-c", "set -- "+command+`; printf '%s\n' "$@"`).Output()
	check(s.t, err)
	words := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	flags := map[string]string{}
	for i := 3; i < len(words); i++ {
		name, ok := strings.CutPrefix(words[i], "--")
		if !ok {
			s.t.Fatalf("%s: want a flag, have %q", command, words[i])
		}
		if flags[name] = "true"; i+1 < len(words) && !strings.HasPrefix(words[i+1], "--") {
			i++
			flags[name] = words[i]
		}
	}
	check(s.t, s.call(words[1]+" "+words[2], flags))
}

func (s *server) call(operation string, f map[string]string) error {
	ctx, name := s.t.Context(), f["function-name"]
	optional := func(flag string) *string {
		if v, ok := f[flag]; ok {
			return &v
		}
		return nil
	}
	var err error
	switch operation {
	case "lambda create-function-url-config":
		_, err = s.lambda.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigRequest{FunctionName: name, AuthType: lambda.FunctionUrlAuthType(f["auth-type"])})
	case "lambda update-function-url-config":
		_, err = s.lambda.UpdateFunctionUrlConfig(ctx, &lambda.UpdateFunctionUrlConfigRequest{FunctionName: name, AuthType: new(lambda.FunctionUrlAuthType(f["auth-type"]))})
	case "lambda add-permission":
		in := &lambda.AddPermissionRequest{FunctionName: name, StatementId: f["statement-id"], Action: f["action"], Principal: f["principal"],
			FunctionUrlAuthType: (*lambda.FunctionUrlAuthType)(optional("function-url-auth-type"))}
		if f["invoked-via-function-url"] != "" {
			in.InvokedViaFunctionUrl = new(true)
		}
		_, err = s.lambda.AddPermission(ctx, in)
	case "lambda remove-permission":
		err = s.lambda.RemovePermission(ctx, &lambda.RemovePermissionRequest{FunctionName: name, StatementId: f["statement-id"]})
	case "iam put-user-policy":
		err = s.iam.PutUserPolicy(ctx, &iam.PutUserPolicyRequest{UserName: f["user-name"], PolicyName: f["policy-name"], PolicyDocument: f["policy-document"]})
	case "iam delete-user-policy":
		err = s.iam.DeleteUserPolicy(ctx, &iam.DeleteUserPolicyRequest{UserName: f["user-name"], PolicyName: f["policy-name"]})
	case "iam put-role-policy":
		err = s.iam.PutRolePolicy(ctx, &iam.PutRolePolicyRequest{RoleName: f["role-name"], PolicyName: f["policy-name"], PolicyDocument: f["policy-document"]})
	case "iam delete-role-policy":
		err = s.iam.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyRequest{RoleName: f["role-name"], PolicyName: f["policy-name"]})
	case "iam create-access-key":
		_, err = s.iam.CreateAccessKey(ctx, &iam.CreateAccessKeyRequest{UserName: optional("user-name")})
	case "iam update-access-key":
		err = s.iam.UpdateAccessKey(ctx, &iam.UpdateAccessKeyRequest{UserName: optional("user-name"), AccessKeyId: f["access-key-id"], Status: iam.StatusType(f["status"])})
	default:
		s.t.Fatalf("a fix has the unknown command aws %s", operation)
	}
	return err
}
