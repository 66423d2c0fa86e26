package furl_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"furl"
	"furl/internal/iam"
	"furl/internal/lambda"
	"furl/internal/sigv4"
)

// apiCall is a request to the control plane and how it is signed.
type apiCall struct {
	service string // whose protocol it speaks: lambda, iam or sts
	scope   string // the service it is signed for, that very one if empty
	region  string // us-east-1 if empty
	key     sigv4.Credentials
	age     time.Duration
	change  func(*http.Request) // after signing
}

// apiRefusal is a refusal in the spelling of any protocol.
type apiRefusal struct {
	status        int
	code, message string
}

// make builds the request: ListFunctions, ListUsers or GetCallerIdentity.
func (c apiCall) make(t *testing.T, endpoint string) *http.Request {
	t.Helper()
	method, path, body := http.MethodGet, "/2015-03-31/functions", ""
	switch c.service {
	case "iam":
		method, path, body = http.MethodPost, "/", "Action=ListUsers&Version=2010-05-08"
	case "sts":
		method, path, body = http.MethodPost, "/", "Action=GetCallerIdentity&Version=2011-06-15"
	}
	r, err := http.NewRequestWithContext(t.Context(), method, endpoint+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	}
	scope, region := c.scope, c.region
	if scope == "" {
		scope = c.service
	}
	if region == "" {
		region = "us-east-1"
	}
	if c.key.AccessKeyID != "" {
		sigv4.Sign(r, c.key, region, scope, time.Now().Add(-c.age), []byte(body))
	}
	if c.change != nil {
		c.change(r)
	}
	return r
}

// send sends a request and reads the refusal; a success has none.
func send(t *testing.T, r *http.Request) apiRefusal {
	t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode < 300 {
		return apiRefusal{}
	}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/xml") {
		var doc struct {
			Error struct{ Type, Code, Message string }
		}
		if err := xml.Unmarshal(body, &doc); err != nil || doc.Error.Type != "Sender" {
			t.Errorf("%s: %v", body, err)
		}
		return apiRefusal{resp.StatusCode, doc.Error.Code, doc.Error.Message}
	}
	var doc map[string]string
	if err := json.Unmarshal(body, &doc); err != nil {
		t.Errorf("%s: %v", body, err)
	}
	return apiRefusal{resp.StatusCode, resp.Header.Get("X-Amzn-Errortype"), doc["message"] + doc["Message"]}
}

// How each failure of a signature looks in each protocol (IAM reference 1.11).
func TestSignaturesOfTheControlPlane(t *testing.T) {
	s := serve(t, furl.Config{})
	root := sigv4.Credentials{AccessKeyID: s.key.AccessKeyID, SecretAccessKey: s.key.SecretAccessKey.Reveal()}
	bob := s.user(t, "bob")
	idle := s.user(t, "idle")
	err := s.iam.UpdateAccessKey(t.Context(), &iam.UpdateAccessKeyRequest{UserName: new("idle"), AccessKeyId: idle.AccessKeyID, Status: "Inactive"})
	if err != nil {
		t.Fatal(err)
	}
	stranger := sigv4.Credentials{AccessKeyID: "AKIAUNKNOWNUNKNOWNUN", SecretAccessKey: "s"}
	liar := sigv4.Credentials{AccessKeyID: bob.AccessKeyID, SecretAccessKey: "s"}
	session := sigv4.Credentials{AccessKeyID: bob.AccessKeyID, SecretAccessKey: bob.SecretAccessKey, SessionToken: "t"}
	const unknown = "The security token included in the request is invalid."
	const mismatch = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. " +
		"Consult the service documentation for details."
	halved := func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential") }
	none := apiRefusal{}
	for _, tt := range []struct {
		name string
		call apiCall
		want apiRefusal
	}{
		{"root", apiCall{service: "lambda", key: root}, none},
		{"root at IAM", apiCall{service: "iam", key: root}, none},
		{"IAM signed for another region", apiCall{service: "iam", key: root, region: "eu-west-1"}, none},
		{"STS signed for another region", apiCall{service: "sts", key: bob, region: "eu-west-1"}, none},
		{"IAM signed ten minutes ago", apiCall{service: "iam", key: root, age: 10 * time.Minute}, none},

		{"not signed", apiCall{service: "lambda"}, apiRefusal{403, "MissingAuthenticationTokenException", "Missing Authentication Token"}},
		{"not signed, IAM", apiCall{service: "iam"}, apiRefusal{403, "MissingAuthenticationToken", "Request is missing Authentication Token"}},
		{"not signed, STS", apiCall{service: "sts"}, apiRefusal{403, "MissingAuthenticationToken", "Request is missing Authentication Token"}},
		{"unknown key", apiCall{service: "lambda", key: stranger}, apiRefusal{403, "UnrecognizedClientException", unknown}},
		{"unknown key, IAM", apiCall{service: "iam", key: stranger}, apiRefusal{403, "InvalidClientTokenId", unknown}},
		{"inactive key", apiCall{service: "lambda", key: idle}, apiRefusal{403, "UnrecognizedClientException", unknown}},
		{"inactive key, STS", apiCall{service: "sts", key: idle}, apiRefusal{403, "InvalidClientTokenId", unknown}},
		{"session token", apiCall{service: "lambda", key: session}, apiRefusal{403, "UnrecognizedClientException", strings.TrimSuffix(unknown, ".")}},
		{"wrong secret", apiCall{service: "lambda", key: liar}, apiRefusal{403, "InvalidSignatureException", mismatch}},
		{"wrong secret, IAM", apiCall{service: "iam", key: liar}, apiRefusal{403, "SignatureDoesNotMatch", mismatch}},
		{"other service", apiCall{service: "lambda", key: root, scope: "sqs"},
			apiRefusal{403, "InvalidSignatureException", "Credential should be scoped to correct service: 'lambda'. "}},
		{"other service, IAM", apiCall{service: "iam", key: root, scope: "sqs"},
			apiRefusal{403, "SignatureDoesNotMatch", "Credential should be scoped to correct service: 'iam'. "}},
		{"other region", apiCall{service: "lambda", key: root, region: "eu-west-1"},
			apiRefusal{403, "InvalidSignatureException", "Credential should be scoped to a valid region. "}},
		{"incomplete", apiCall{service: "lambda", key: root, change: halved}, apiRefusal{403, "IncompleteSignatureException", ""}},
		{"incomplete, IAM", apiCall{service: "iam", key: root, change: halved}, apiRefusal{400, "IncompleteSignature", ""}},
		{"ten minutes ago", apiCall{service: "lambda", key: root, age: 10 * time.Minute}, apiRefusal{403, "InvalidSignatureException", ""}},
		{"ten minutes ahead", apiCall{service: "lambda", key: root, age: -10 * time.Minute}, apiRefusal{403, "InvalidSignatureException", ""}},
		{"twenty minutes ago, IAM", apiCall{service: "iam", key: root, age: 20 * time.Minute}, apiRefusal{403, "SignatureDoesNotMatch", ""}},

		{"not allowed", apiCall{service: "lambda", key: bob}, apiRefusal{403, "AccessDeniedException", "User: arn:aws:iam::000000000000:user/bob is not authorized " +
			"to perform: lambda:ListFunctions on resource: * because no identity-based policy allows the lambda:ListFunctions action"}},
		{"not allowed, IAM", apiCall{service: "iam", key: bob}, apiRefusal{403, "AccessDenied", "User: arn:aws:iam::000000000000:user/bob is not authorized " +
			"to perform: iam:ListUsers on resource: arn:aws:iam::000000000000:user/ because no identity-based policy allows the iam:ListUsers action"}},
		{"not asked, STS", apiCall{service: "sts", key: bob}, none},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := send(t, tt.call.make(t, s.info.Endpoint))
			if tt.want.message == "" { // a text with times or hashes in it
				got.message = ""
			}
			if got != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// user makes a user without policies and returns a key.
func (s *inProcess) user(t *testing.T, name string) sigv4.Credentials {
	t.Helper()
	if _, err := s.iam.CreateUser(t.Context(), &iam.CreateUserRequest{UserName: name}); err != nil {
		t.Fatal(err)
	}
	k, err := s.iam.CreateAccessKey(t.Context(), &iam.CreateAccessKeyRequest{UserName: &name})
	if err != nil {
		t.Fatal(err)
	}
	return sigv4.Credentials{AccessKeyID: k.AccessKey.AccessKeyId, SecretAccessKey: k.AccessKey.SecretAccessKey}
}

// records keeps what is logged.
type records struct {
	mu  sync.Mutex
	all []map[string]string
}

func (r *records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *records) WithGroup(string) slog.Handler            { return r }

func (r *records) Handle(_ context.Context, rec slog.Record) error {
	m := map[string]string{"msg": rec.Message, "level": rec.Level.String()}
	rec.Attrs(func(a slog.Attr) bool {
		m[a.Key] = a.Value.String()
		return true
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, m)
	return nil
}

// Every API call leaves a record of who did what, and none of a secret.
func TestAuditRecords(t *testing.T) {
	var audit records
	s := serve(t, furl.Config{Access: slog.New(&audit)})
	bob := s.user(t, "bob")
	if _, err := s.lambda.GetFunction(t.Context(), &lambda.GetFunctionRequest{FunctionName: "none"}); err == nil {
		t.Fatal("a function that is not there")
	}
	send(t, apiCall{service: "lambda"}.make(t, s.info.Endpoint))

	audit.mu.Lock()
	defer audit.mu.Unlock()
	want := []struct{ operation, status, principal, level string }{
		{"iam:CreateUser", "200", "arn:aws:iam::000000000000:root", "INFO"},
		{"iam:CreateAccessKey", "200", "arn:aws:iam::000000000000:root", "INFO"},
		{"lambda:GetFunction", "404", "arn:aws:iam::000000000000:root", "INFO"},
		{"lambda:ListFunctions", "403", "", "INFO"},
	}
	if len(audit.all) != len(want) {
		t.Fatalf("%d records: %v", len(audit.all), audit.all)
	}
	for i, w := range want {
		m := audit.all[i]
		if m["msg"] != "api" || m["operation"] != w.operation || m["status"] != w.status || m["principal"] != w.principal || m["level"] != w.level ||
			len(m["request_id"]) != 36 || (m["err"] == "") != (w.status == "200") {
			t.Errorf("record %d is %v, want %+v", i, m, w)
		}
		for name, value := range m {
			if strings.Contains(value, bob.SecretAccessKey) || strings.Contains(value, s.key.SecretAccessKey.Reveal()) {
				t.Errorf("%s gives a secret away", name)
			}
		}
	}
}
