package dataplane_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"furl/internal/authz/authztest"
	"furl/internal/sigv4"
	"furl/internal/state"
)

// signedSite is a signed URL and a user who may call it.
func signedSite(t *testing.T, s setting) (*site, authztest.Who) {
	t.Helper()
	s.url.AuthType = state.AuthIAM
	site := newSite(t, s)
	return site, site.User("alice", mayCall)
}

// bodyOf reads what a request is going to send.
func bodyOf(t *testing.T, r *http.Request) []byte {
	t.Helper()
	if r.GetBody == nil {
		return nil
	}
	body, err := r.GetBody()
	must(t, err)
	var b bytes.Buffer
	_, err = b.ReadFrom(body)
	must(t, err)
	return b.Bytes()
}

// sign signs a request for the site's clock, moved by shift.
func (s *site) sign(t *testing.T, r *http.Request, w authztest.Who, region, service string, shift time.Duration) {
	t.Helper()
	sigv4.Sign(r, credentials(w), region, service, s.Clock.Now().Add(shift), bodyOf(t, r))
}

func credentials(w authztest.Who) sigv4.Credentials {
	return sigv4.Credentials{AccessKeyID: w.KeyID, SecretAccessKey: w.Secret}
}

// presign signs in the query; the address has to be what the client dials.
func (s *site) presign(r *http.Request, w authztest.Who, shift, expires time.Duration) {
	r.URL.Host, r.Host = host, host // the signature covers the host of the URL
	sigv4.Presign(r, credentials(w), authztest.Region, "lambda", s.Clock.Now().Add(shift), expires, nil)
	r.URL.Host = s.address
}

func TestSignedRequests(t *testing.T) {
	const (
		mismatch = `{"message":"The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."}`
		invalid  = `{"message":"The security token included in the request is invalid."}`
	)
	signed := func(shift time.Duration) func(*testing.T, *site, *http.Request, authztest.Who) {
		return func(t *testing.T, s *site, r *http.Request, w authztest.Who) {
			s.sign(t, r, w, authztest.Region, "lambda", shift)
		}
	}
	presigned := func(shift, expires time.Duration) func(*testing.T, *site, *http.Request, authztest.Who) {
		return func(_ *testing.T, s *site, r *http.Request, w authztest.Who) {
			r.Body, r.GetBody, r.ContentLength = http.NoBody, nil, 0
			s.presign(r, w, shift, expires)
		}
	}
	for _, c := range []struct {
		name   string
		change func(*testing.T, *site, *http.Request, authztest.Who)
		status int
		kind   string // x-amzn-ErrorType
		body   string
		reason string
	}{
		{"header", signed(0), 200, "", "", ""},
		{"five minutes old", signed(-5 * time.Minute), 200, "", "", ""},
		{"five minutes young", signed(5 * time.Minute), 200, "", "", ""},
		{"older", signed(-5*time.Minute - time.Second), 403, "InvalidSignatureException",
			`{"message":"Signature expired: 20261123T133709Z is now earlier than 20261123T133710Z (20261123T134210Z - 5 min.)"}`,
			"signature: expired: Signature expired: 20261123T133709Z is now earlier than 20261123T133710Z (20261123T134210Z - 5 min.)"},
		{"younger", signed(5*time.Minute + time.Second), 403, "InvalidSignatureException",
			`{"message":"Signature not yet current: 20261123T134711Z is still later than 20261123T134710Z (20261123T134210Z + 5 min.)"}`,
			"signature: not-yet-current: Signature not yet current: 20261123T134711Z is still later than 20261123T134710Z (20261123T134210Z + 5 min.)"},
		{"presigned", presigned(0, time.Hour), 200, "", "", ""},
		{"presigned long ago for long", presigned(-time.Hour, 2*time.Hour), 200, "", "", ""},
		{"presigned and run out", presigned(-time.Hour, 59*time.Minute), 403, "InvalidSignatureException",
			`{"message":"Signature expired: 20261123T124210Z is now earlier than 20261123T124310Z (20261123T134210Z - 59 min.)"}`,
			"signature: expired: Signature expired: 20261123T124210Z is now earlier than 20261123T124310Z (20261123T134210Z - 59 min.)"},
		{"both forms", func(t *testing.T, s *site, r *http.Request, w authztest.Who) {
			presigned(0, time.Hour)(t, s, r, w)
			signed(0)(t, s, r, w)
		}, 403, "InvalidSignatureException", "", "signature: mismatch"},
		{"another region", func(t *testing.T, s *site, r *http.Request, w authztest.Who) {
			s.sign(t, r, w, "eu-west-1", "lambda", 0)
		}, 403, "InvalidSignatureException", `{"message":"Credential should be scoped to a valid region. "}`,
			"signature: bad-scope: Credential should be scoped to a valid region. "},
		{"another service", func(t *testing.T, s *site, r *http.Request, w authztest.Who) {
			s.sign(t, r, w, authztest.Region, "execute-api", 0)
		}, 403, "InvalidSignatureException", `{"message":"Credential should be scoped to correct service: 'lambda'. "}`,
			"signature: bad-scope: Credential should be scoped to correct service: 'lambda'. "},
		{"unknown key", func(t *testing.T, s *site, r *http.Request, w authztest.Who) {
			w.KeyID = "AKIAIOSFODNN7EXAMPLE"
			signed(0)(t, s, r, w)
		}, 403, "UnrecognizedClientException", invalid, "signature: invalid-token"},
		{"inactive key", func(t *testing.T, s *site, r *http.Request, w authztest.Who) {
			signed(0)(t, s, r, w)
			must(t, s.State.UpdateAccessKey(t.Context(), w.KeyID, func(k *state.AccessKey) error { k.Active = false; return nil }))
		}, 403, "UnrecognizedClientException", invalid, "signature: invalid-token"},
		{"deleted user", func(t *testing.T, s *site, r *http.Request, w authztest.Who) {
			signed(0)(t, s, r, w)
			s.Remove(w)
		}, 403, "UnrecognizedClientException", invalid, "signature: invalid-token"},
		{"session token of nobody", func(t *testing.T, s *site, r *http.Request, w authztest.Who) {
			signed(0)(t, s, r, w)
			r.Header.Set("X-Amz-Security-Token", "FwoGZXIvYXdzEXAMPLE")
		}, 403, "UnrecognizedClientException", `{"message":"The security token included in the request is invalid"}`, "signature: invalid-token"},
		{"wrong secret", func(t *testing.T, s *site, r *http.Request, w authztest.Who) {
			w.Secret += "x"
			signed(0)(t, s, r, w)
		}, 403, "InvalidSignatureException", mismatch, "signature: mismatch"},
		{"another body", func(t *testing.T, s *site, r *http.Request, w authztest.Who) {
			signed(0)(t, s, r, w)
			r.Body, r.ContentLength = http.NoBody, 0
		}, 403, "InvalidSignatureException", mismatch, "signature: mismatch"},
		{"another query", func(t *testing.T, s *site, r *http.Request, w authztest.Who) {
			signed(0)(t, s, r, w)
			r.URL.RawQuery = "name=Eve"
		}, 403, "InvalidSignatureException", mismatch, "signature: mismatch"},
		{"another scheme of authorization", func(_ *testing.T, _ *site, r *http.Request, _ authztest.Who) {
			r.Header.Set("Authorization", "hunter2")
		}, 403, "IncompleteSignatureException", `{"message":"Unsupported AWS 'algorithm': 'hunter2'."}`, "signature: incomplete"},
		{"path above the root", func(t *testing.T, s *site, r *http.Request, w authztest.Who) {
			signed(0)(t, s, r, w)
			r.URL.Opaque = "/a/../../b"
		}, 400, "", "", "signature: malformed-url"},
		{"not allowed", func(t *testing.T, s *site, r *http.Request, w authztest.Who) {
			must(t, s.SetPolicy("alice", strings.Replace(mayCall, ":function:hello", ":function:other", 1)))
			signed(0)(t, s, r, w)
		}, 403, "AccessDeniedException", `{"Message":"Forbidden"}`, "lambda:InvokeFunctionUrl is refused because no identity-based policy allows the lambda:InvokeFunctionUrl action"},
		{"root", func(t *testing.T, s *site, r *http.Request, _ authztest.Who) { signed(0)(t, s, r, s.Root) }, 200, "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, alice := signedSite(t, setting{function: returns(`"called"`)})
			r := s.request("POST", "/pay?name=John", "amount=1", "Content-Type", "text/plain")
			c.change(t, s, r, alice)
			if c.status == 200 {
				c.body = "called"
			}
			a := s.do(r)
			if a.StatusCode != c.status || a.Header.Get("X-Amzn-Errortype") != c.kind || a.body != c.body {
				t.Errorf("got  %s\nwant %d %s %s", a.show(), c.status, c.kind, c.body)
			}
			if reason, _ := a.record["reason"].(string); reason != c.reason {
				t.Errorf("recorded %q,\nwant     %q", reason, c.reason)
			}
			for key, value := range a.record {
				if text, ok := value.(string); ok && (strings.Contains(text, "hunter2") || strings.Contains(text, "Signature=")) {
					t.Errorf("the record's %s holds what authorizes: %s", key, text)
				}
			}
		})
	}
}

// What a function learns of its caller: who it is, and nothing that proves it.
func TestIdentityInTheEvent(t *testing.T) {
	s, alice := signedSite(t, setting{})
	r := s.request("GET", "/", "")
	s.sign(t, r, alice, authztest.Region, "lambda", 0)
	a := s.do(r)
	event := a.event(t)
	rc, _ := event["requestContext"].(map[string]any)
	authorizer, _ := rc["authorizer"].(map[string]any)
	got, _ := authorizer["iam"].(map[string]any)
	want := map[string]any{
		"accessKey": alice.KeyID, "accountId": authztest.Account, "callerId": alice.ID, "cognitoIdentity": nil,
		"principalOrgId": nil, "userArn": alice.ARN, "userId": alice.ID,
	}
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s is %v, want %v", key, got[key], value)
		}
	}
	if len(got) != len(want) || rc["accountId"] != authztest.Account {
		t.Errorf("identity %v, account %v", got, rc["accountId"])
	}
	if headers, _ := event["headers"].(map[string]any); headers["authorization"] != nil || headers["x-amz-date"] == nil {
		t.Errorf("headers %v: want x-amz-date and no authorization", headers)
	}
	if a.record["principal"] != alice.ARN {
		t.Errorf("recorded principal %v", a.record["principal"])
	}
}

// On an open URL a signature is data, even one that does not hold.
func TestOpenURLIgnoresSignatures(t *testing.T) {
	s := newSite(t, setting{policy: public})
	a := s.do(s.request("GET", "/", "", "Authorization", "AWS4-HMAC-SHA256 Credential=nonsense"))
	event := a.event(t)
	if headers, _ := event["headers"].(map[string]any); headers["authorization"] != "AWS4-HMAC-SHA256 Credential=nonsense" {
		t.Errorf("headers %v", headers)
	}
	if a.record["principal"] != nil {
		t.Errorf("recorded %v", a.record)
	}
}

// A refused request is refused before its body is read wherever it can be.
func TestRefusedBeforeTheBody(t *testing.T) {
	for _, c := range []struct {
		name    string
		setting setting
		header  string
		status  int
		told    bool // the client is told to send its body
	}{
		{"open and forbidden", setting{}, "", 403, false},
		{"open and allowed", setting{policy: public}, "", 100, true},
		{"not signed", setting{url: state.URLConfig{AuthType: state.AuthIAM}}, "", 403, false},
		{"unknown key", setting{url: state.URLConfig{AuthType: state.AuthIAM}},
			"X-Amz-Date: 20261123T134210Z\r\nAuthorization: AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261123/us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=00\r\n", 403, false},
		{"too large", setting{policy: public}, "Content-Length: 7000000\r\n", 413, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t, c.setting)
			if !strings.Contains(c.header, "Content-Length") {
				c.header += "Content-Length: 5\r\n"
			}
			a, closed := s.raw("POST / HTTP/1.1\r\nHost: HOST\r\nExpect: 100-continue\r\n" + c.header + "\r\n")
			if a.StatusCode != c.status {
				t.Errorf("answered %d, want %d", a.StatusCode, c.status)
			}
			// The body may still come, so the connection cannot be used again.
			if !c.told && !closed {
				t.Error("the connection stays open")
			}
		})
	}
}
