package sts_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"furl/internal/authz"
	"furl/internal/authz/authztest"
	"furl/internal/oidc"
	"furl/internal/oidc/oidctest"
	"furl/internal/sts"
)

const (
	other    = "444455556666"
	allowAll = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
)

// trust is a trust policy of one statement.
func trust(principal, more string, actions ...string) string {
	if len(actions) == 0 {
		actions = []string{"sts:AssumeRole"}
	}
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":%s,"Action":["%s"]%s}}`,
		principal, strings.Join(actions, `","`), more)
}

func aws(arn string) string { return fmt.Sprintf(`{"AWS":%q}`, arn) }

func account(id string) string { return aws("arn:aws:iam::" + id + ":root") }

func may(action, resource string) string {
	return fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":%q,"Resource":%q}}`, action, resource)
}

func roleARN(name string) string { return "arn:aws:iam::111122223333:role/" + name }

// house is STS as a server offers it.
type house struct {
	*authztest.House
	t       *testing.T
	address string
	issuer  *oidctest.Issuer
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{House: authztest.New(t, false), t: t, issuer: oidctest.New(t)}
	issuer, err := oidc.ParseIssuer(h.issuer.URL)
	if err != nil {
		t.Fatal(err)
	}
	service := sts.New(sts.Options{
		State: h.State, Sessions: h.Sessions, Authz: h.Judge, RootKey: h.Root.KeyID, Now: h.Clock.Now,
		Identities: oidc.New(oidc.Options{Issuers: []oidc.Issuer{issuer}, Now: h.Clock.Now}),
	})
	h.address = h.Serve(authztest.Served{Service: sts.Operations(service), Access: service.Access})
	return h
}

func (h *house) as(w authztest.Who) *sts.Client {
	h.t.Helper()
	c, err := sts.NewClient(h.Client(h.address, w))
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// session is who credentials are of.
func session(c *sts.Credentials) authztest.Who {
	return authztest.Who{KeyID: c.AccessKeyId, Secret: c.SecretAccessKey, Token: c.SessionToken}
}

// is checks whom credentials act as.
func (h *house) is(w authztest.Who, arn, id string) {
	h.t.Helper()
	out, err := h.as(w).GetCallerIdentity(h.t.Context(), &sts.GetCallerIdentityRequest{})
	if err != nil {
		h.t.Errorf("%s: %v", arn, err)
		return
	}
	if *out.Arn != arn || *out.UserId != id {
		h.t.Errorf("the credentials are of %s, %s; want %s, %s", *out.Arn, *out.UserId, arn, id)
	}
}

// assume assumes a role of the account's, and changes the request before.
func (h *house) assume(w authztest.Who, role string, change ...func(*sts.AssumeRoleRequest)) (*sts.AssumeRoleResponse, error) {
	h.t.Helper()
	in := &sts.AssumeRoleRequest{RoleArn: roleARN(role), RoleSessionName: "s1"}
	for _, f := range change {
		f(in)
	}
	return h.as(w).AssumeRole(h.t.Context(), in)
}

func TestGetCallerIdentity(t *testing.T) {
	h := newHouse(t)
	nobody := h.User("nobody")
	denied := h.User("denied", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`)
	for _, who := range []authztest.Who{h.Root, nobody, denied} {
		h.is(who, who.ARN, who.ID)
	}
}

func TestAssumeRole(t *testing.T) {
	h := newHouse(t)
	bob := h.User("bob", may("sts:AssumeRole", roleARN("worker")))
	r := h.Role(authztest.Account, "worker", trust(account(authztest.Account), ""), allowAll)
	out, err := h.assume(bob, "worker")
	if err != nil {
		t.Fatal(err)
	}
	const arn = "arn:aws:sts::111122223333:assumed-role/worker/s1"
	if u := out.AssumedRoleUser; u.Arn != arn || u.AssumedRoleId != r.Role.ID+":s1" || out.PackedPolicySize != nil || out.SourceIdentity != nil {
		t.Errorf("the answer is %+v", out)
	}
	if got := out.Credentials.Expiration.Sub(h.Clock.Now()); got > time.Hour || got < time.Hour-time.Second {
		t.Errorf("the credentials last %s", got)
	}
	h.is(session(out.Credentials), arn, r.Role.ID+":s1")
	h.Clock.Advance(time.Hour)
	if _, err := h.as(session(out.Credentials)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityRequest{}); err == nil {
		t.Error("the credentials outlive their time")
	}
}

// TestWhoMayAssume is what trust policies and identity policies come to.
func TestWhoMayAssume(t *testing.T) {
	h := newHouse(t)
	h.OtherAccount(other)
	open := h.User("open", may("sts:AssumeRole", "*"))
	closed := h.User("closed")
	denied := h.User("denied", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"sts:*","Resource":"*"}}`)
	hop := h.Role(authztest.Account, "hop", trust(account(authztest.Account), ""), may("sts:AssumeRole", "*"))
	stranger := h.RoleSession(h.Role(other, "stranger", trust(account(other), ""), may("sts:AssumeRole", "*")), "s")
	idle := h.RoleSession(h.Role(other, "idle", trust(account(other), "")), "s")

	h.Role(authztest.Account, "account", trust(account(authztest.Account), ""))
	h.Role(authztest.Account, "user", trust(aws(closed.ARN), ""))
	h.Role(authztest.Account, "role", trust(aws(hop.ARN), ""))
	h.Role(authztest.Account, "session", trust(aws("arn:aws:sts::111122223333:assumed-role/hop/s"), ""))
	h.Role(authztest.Account, "other", trust(account(other), ""))
	h.Role(authztest.Account, "everyone", trust(aws("*"), ""))
	h.Role(authztest.Account, "service", trust(`{"Service":"lambda.amazonaws.com"}`, ""))
	h.Role(authztest.Account, "external", trust(account(authztest.Account), `,"Condition":{"StringEquals":{"sts:ExternalId":"secret"}}`))
	h.Role(authztest.Account, "named", trust(account(authztest.Account), `,"Condition":{"StringLike":{"sts:RoleSessionName":"s?"}}`))
	withID := func(id string) func(*sts.AssumeRoleRequest) {
		return func(in *sts.AssumeRoleRequest) { in.ExternalId = &id }
	}
	none := func(*sts.AssumeRoleRequest) {}
	for _, tt := range []struct {
		who    authztest.Who
		name   string
		role   string
		change func(*sts.AssumeRoleRequest)
		ok     bool
	}{
		{open, "open", "account", none, true}, {closed, "closed", "account", none, false}, {denied, "denied", "account", none, false},
		{h.Root, "root", "account", none, true}, {stranger, "stranger", "account", none, false},
		{closed, "closed", "user", none, true}, {open, "open", "user", none, false},
		{h.RoleSession(hop, "s"), "hop", "role", none, true}, {h.RoleSession(hop, "s"), "hop", "session", none, true},
		{h.RoleSession(hop, "t"), "another session of hop", "session", none, false}, {open, "open", "role", none, false},
		{stranger, "stranger", "other", none, true}, {idle, "idle", "other", none, false}, {open, "open", "other", none, false},
		{closed, "closed", "everyone", none, true}, {denied, "denied", "everyone", none, false}, {idle, "idle", "everyone", none, false},
		{stranger, "stranger", "everyone", none, true}, {open, "open", "service", none, false}, {h.Root, "root", "service", none, false},
		{open, "open", "external", none, false}, {open, "open", "external", withID("guess"), false}, {open, "open", "external", withID("secret"), true},
		{open, "open", "named", none, true}, {open, "open", "named", func(in *sts.AssumeRoleRequest) { in.RoleSessionName = "other" }, false},
		{open, "open", "missing", none, false},
	} {
		_, err := h.assume(tt.who, tt.role, tt.change)
		if tt.ok {
			if err != nil {
				t.Errorf("%s assumes %s: %v", tt.name, tt.role, err)
			}
			continue
		}
		arn := tt.who.ARN
		authztest.Refused(t, err, "AccessDenied", "User: "+arn+" is not authorized to perform: sts:AssumeRole on resource: "+roleARN(tt.role))
	}
}

func TestAssumeRoleValidates(t *testing.T) {
	h := newHouse(t)
	bob := h.User("bob", may("sts:*", "*"))
	r := h.Role(authztest.Account, "worker", trust(account(authztest.Account), "", "sts:AssumeRole", "sts:TagSession"), may("sts:*", "*"))
	tags := func(keys ...string) []sts.Tag {
		var all []sts.Tag
		for _, k := range keys {
			all = append(all, sts.Tag{Key: k, Value: "v"})
		}
		return all
	}
	for _, tt := range []struct {
		name, code, message string
		change              func(*sts.AssumeRoleRequest)
	}{
		{"no ARN", "ValidationError", "something that is long is invalid", func(in *sts.AssumeRoleRequest) { in.RoleArn = "something that is long" }},
		{"name", "ValidationError", "1 validation error detected: Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: " +
			`Member must satisfy regular expression pattern: [\w+=,.@-]*`, func(in *sts.AssumeRoleRequest) { in.RoleSessionName = "Session1:2" }},
		{"short", "ValidationError", "1 validation error detected: Value '100' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900",
			func(in *sts.AssumeRoleRequest) { in.DurationSeconds = new(100) }},
		{"long", "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
			func(in *sts.AssumeRoleRequest) { in.DurationSeconds = new(3601) }},
		{"transitive", "InvalidParameterValue", "The specified transitive tag key must be included in the requested tags.",
			func(in *sts.AssumeRoleRequest) { in.Tags, in.TransitiveTagKeys = tags("a"), []string{"b"} }},
		{"duplicate", "InvalidParameterValue", "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
			func(in *sts.AssumeRoleRequest) { in.Tags = tags("a", "A") }},
		{"policy", "MalformedPolicyDocument", "The policy is not in the valid JSON format.", func(in *sts.AssumeRoleRequest) { in.Policy = new("{") }},
		{"no such policy", "NoSuchEntity", "Policy arn:aws:iam::111122223333:policy/none does not exist or is not attachable.",
			func(in *sts.AssumeRoleRequest) {
				in.PolicyArns = []sts.PolicyDescriptorType{{Arn: new("arn:aws:iam::111122223333:policy/none")}}
			}},
		{"source identity without permission", "AccessDenied", "User: " + bob.ARN + " is not authorized to perform: sts:SetSourceIdentity on resource: " + roleARN("worker"),
			func(in *sts.AssumeRoleRequest) { in.SourceIdentity = new("bob") }},
		{"MFA", "AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.",
			func(in *sts.AssumeRoleRequest) {
				in.SerialNumber, in.TokenCode = new("arn:aws:iam::111122223333:mfa/x"), new("123456")
			}},
	} {
		_, err := h.assume(bob, "worker", tt.change)
		t.Run(tt.name, func(t *testing.T) { authztest.Refused(t, err, tt.code, tt.message) })
	}
	chained := h.RoleSession(r, "s")
	_, err := h.assume(chained, "worker", func(in *sts.AssumeRoleRequest) { in.DurationSeconds = new(3601) })
	authztest.Refused(t, err, "ValidationError", "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining")
	_, err = h.assume(bob, "worker", func(in *sts.AssumeRoleRequest) {
		in.Policy = new(longPolicy())
	})
	if err == nil || !strings.HasPrefix(err.Error(), "PackedPolicyTooLarge") {
		t.Errorf("a long policy: %v", err)
	}
}

// longPolicy has text that cannot be packed.
func longPolicy() string {
	var b strings.Builder
	for n := uint64(1); b.Len() < 60000; n = n*6364136223846793005 + 1442695040888963407 {
		fmt.Fprintf(&b, `,"arn:aws:lambda:us-east-1:111122223333:function:%x"`, n)
	}
	return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":[` + b.String()[1:] + `]}}`
}

// TestTransitive follows tags and the source identity from session to session.
func TestTransitive(t *testing.T) {
	h := newHouse(t)
	bob := h.User("bob", may("sts:*", "*"))
	for _, name := range []string{"first", "second", "third"} {
		h.Role(authztest.Account, name, trust(account(authztest.Account), "", "sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"), may("sts:*", "*"))
	}
	h.Role(authztest.Account, "tagged", trust(account(authztest.Account), `,"Condition":{"StringEquals":{"aws:PrincipalTag/on":"1","aws:SourceIdentity":"bob"}}`, "sts:AssumeRole", "sts:SetSourceIdentity"))
	h.Role(authztest.Account, "dropped", trust(account(authztest.Account), `,"Condition":{"StringEquals":{"aws:PrincipalTag/off":"1"}}`, "sts:AssumeRole", "sts:SetSourceIdentity"))
	first, err := h.assume(bob, "first", func(in *sts.AssumeRoleRequest) {
		in.Tags, in.TransitiveTagKeys = []sts.Tag{{Key: "On", Value: "1"}, {Key: "off", Value: "1"}}, []string{"on"}
		in.SourceIdentity = new("bob")
	})
	if err != nil {
		t.Fatal(err)
	}
	if first.PackedPolicySize == nil || *first.PackedPolicySize < 1 || *first.PackedPolicySize > 5 || *first.SourceIdentity != "bob" {
		t.Errorf("the first answer is %+v", first)
	}
	if _, err := h.assume(session(first.Credentials), "dropped"); err != nil {
		t.Errorf("a session has its own tag no more: %v", err)
	}
	const conflict = "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session."
	for _, key := range []string{"On", "oN"} {
		_, err = h.assume(session(first.Credentials), "second", func(in *sts.AssumeRoleRequest) { in.Tags = []sts.Tag{{Key: key, Value: "2"}} })
		authztest.Refused(t, err, "InvalidParameterValue", conflict)
	}
	_, err = h.assume(session(first.Credentials), "second", func(in *sts.AssumeRoleRequest) { in.SourceIdentity = new("eve") })
	if err == nil {
		t.Error("the source identity was changed")
	}
	second, err := h.assume(session(first.Credentials), "second", func(in *sts.AssumeRoleRequest) { in.Tags = []sts.Tag{{Key: "new", Value: "2"}} })
	if err != nil {
		t.Fatal(err)
	}
	third, err := h.assume(session(second.Credentials), "third")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.assume(session(third.Credentials), "tagged"); err != nil {
		t.Errorf("the transitive tag or the source identity did not go on: %v", err)
	}
	if _, err := h.assume(session(third.Credentials), "dropped"); err == nil {
		t.Error("a tag went on that is not transitive")
	}
}

func TestGetSessionToken(t *testing.T) {
	h := newHouse(t)
	bob := h.User("bob", may("sts:AssumeRole", "*"))
	h.Role(authztest.Account, "worker", trust(account(authztest.Account), ""))
	for who, life := range map[authztest.Who]time.Duration{bob: 12 * time.Hour, h.Root: time.Hour} {
		out, err := h.as(who).GetSessionToken(t.Context(), &sts.GetSessionTokenRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if got := out.Credentials.Expiration.Sub(h.Clock.Now()); got > life || got < life-time.Second {
			t.Errorf("a session of %s lasts %s", who.ARN, got)
		}
		s := session(out.Credentials)
		h.is(s, who.ARN, who.ID)
		_, err = h.as(s).GetSessionToken(t.Context(), &sts.GetSessionTokenRequest{})
		authztest.Refused(t, err, "AccessDenied", "Cannot call GetSessionToken with session credentials")
		_, err = h.as(s).GetFederationToken(t.Context(), &sts.GetFederationTokenRequest{Name: "fred"})
		authztest.Refused(t, err, "AccessDenied", "Cannot call GetFederationToken with session credentials")
		if _, err := h.assume(s, "worker"); err != nil {
			t.Errorf("a session of %s: %v", who.ARN, err)
		}
	}
}

func TestGetFederationToken(t *testing.T) {
	h := newHouse(t)
	bob := h.User("bob", may("*", "*"))
	out, err := h.as(bob).GetFederationToken(t.Context(), &sts.GetFederationTokenRequest{Name: "fred", DurationSeconds: new(900)})
	if err != nil {
		t.Fatal(err)
	}
	const arn = "arn:aws:sts::111122223333:federated-user/fred"
	if u := out.FederatedUser; u.Arn != arn || u.FederatedUserId != "111122223333:fred" || *out.PackedPolicySize != 0 {
		t.Errorf("the answer is %+v", out)
	}
	h.is(session(out.Credentials), arn, "111122223333:fred")
	allowed := func(document *string, action string) bool {
		t.Helper()
		out, err := h.as(bob).GetFederationToken(t.Context(), &sts.GetFederationTokenRequest{Name: "fred", Policy: document})
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.as(session(out.Credentials)).GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoRequest{AccessKeyId: bob.KeyID})
		return err == nil
	}
	if allowed(nil, "") || allowed(new(may("lambda:*", "*")), "") || !allowed(new(may("sts:*", "*")), "") {
		t.Error("a federated user may not just what both policies allow")
	}
	mallory := h.User("mallory")
	_, err = h.as(mallory).GetFederationToken(t.Context(), &sts.GetFederationTokenRequest{Name: "fred"})
	authztest.Refused(t, err, "AccessDenied", "User: "+mallory.ARN+" is not authorized to perform: sts:GetFederationToken on resource: "+arn+
		" because no identity-based policy allows the sts:GetFederationToken action")
}

func TestGetAccessKeyInfo(t *testing.T) {
	h := newHouse(t)
	foreign := h.OtherAccount(other)
	theirs := h.RoleSession(h.Role(other, "r", trust(account(other), "")), "s")
	for _, tt := range []struct{ key, want string }{
		{h.Root.KeyID, authztest.Account}, {h.User("bob").KeyID, authztest.Account}, {foreign.KeyID, other}, {theirs.KeyID, other},
	} {
		out, err := h.as(h.Root).GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoRequest{AccessKeyId: tt.key})
		if err != nil || *out.Account != tt.want {
			t.Errorf("%s is of %v, %v; want %s", tt.key, out, err, tt.want)
		}
	}
	_, err := h.as(h.Root).GetAccessKeyInfo(t.Context(), &sts.GetAccessKeyInfoRequest{AccessKeyId: "AKIAIOSFODNN7EXAMPLE"})
	authztest.Refused(t, err, "ValidationError", "The access key AKIAIOSFODNN7EXAMPLE is of no account of this server")
	_, err = h.as(h.Root).DecodeAuthorizationMessage(t.Context(), &sts.DecodeAuthorizationMessageRequest{EncodedMessage: "x"})
	if err == nil || !strings.HasPrefix(err.Error(), "InvalidAuthorizationMessageException") {
		t.Errorf("a message is decoded: %v", err)
	}
}

func TestWebIdentity(t *testing.T) {
	h := newHouse(t)
	name := strings.TrimPrefix(h.issuer.URL, "http://")
	provider := "arn:aws:iam::111122223333:oidc-provider/" + name
	federated := fmt.Sprintf(`{"Federated":%q}`, provider)
	condition := fmt.Sprintf(`,"Condition":{"StringEquals":{%q:"sts.amazonaws.com"},"StringLike":{%q:"repo:me/*"}}`, name+":aud", name+":sub")
	r := h.Role(authztest.Account, "ci", trust(federated, condition, "sts:AssumeRoleWithWebIdentity"), allowAll)
	h.Role(authztest.Account, "elsewhere", trust(`{"Federated":"arn:aws:iam::111122223333:oidc-provider/issuer.test"}`, "", "sts:AssumeRoleWithWebIdentity"))
	h.Role(authztest.Account, "signed", trust(aws("*"), ""))
	token := func(sub, aud string, exp time.Duration) string {
		now := h.Clock.Now()
		return h.issuer.Token("RS256", map[string]any{"iss": h.issuer.URL, "sub": sub, "aud": aud, "iat": now.Unix(), "exp": now.Add(exp).Unix()})
	}
	assume := func(role, token string) (*sts.AssumeRoleWithWebIdentityResponse, error) {
		c := h.Client(h.address, h.Root)
		c.Sign = nil
		client, err := sts.NewClient(c)
		if err != nil {
			t.Fatal(err)
		}
		return client.AssumeRoleWithWebIdentity(t.Context(), &sts.AssumeRoleWithWebIdentityRequest{RoleArn: roleARN(role), RoleSessionName: "run-1", WebIdentityToken: token})
	}
	out, err := assume("ci", token("repo:me/app", "sts.amazonaws.com", time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if *out.Provider != provider || *out.Audience != "sts.amazonaws.com" || *out.SubjectFromWebIdentityToken != "repo:me/app" {
		t.Errorf("the answer is %+v", out)
	}
	h.is(session(out.Credentials), "arn:aws:sts::111122223333:assumed-role/ci/run-1", r.Role.ID+":run-1")
	const denied = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
	now := h.Clock.Now().Unix()
	for _, tt := range []struct{ name, role, token, code, message string }{
		{"another subject", "ci", token("repo:you/app", "sts.amazonaws.com", time.Hour), "AccessDenied", denied},
		{"another provider's role", "elsewhere", token("repo:me/app", "sts.amazonaws.com", time.Hour), "AccessDenied", denied},
		{"a role for signed callers", "signed", token("repo:me/app", "sts.amazonaws.com", time.Hour), "AccessDenied", denied},
		{"no role", "none", token("repo:me/app", "sts.amazonaws.com", time.Hour), "AccessDenied", denied},
		{"another audience", "ci", token("repo:me/app", "me", time.Hour), "InvalidIdentityToken", "Incorrect token audience"},
		{"no subject", "ci", token("", "sts.amazonaws.com", time.Hour), "InvalidIdentityToken", "Missing a required claim: sub."},
		{"no token", "ci", "abcd", "InvalidIdentityToken", "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)"},
		{"expired", "ci", token("repo:me/app", "sts.amazonaws.com", -time.Hour), "ExpiredTokenException",
			fmt.Sprintf("Token expired: current date/time %d must be before the expiration date/time %d", now, now-3600)},
	} {
		_, err := assume(tt.role, tt.token)
		t.Run(tt.name, func(t *testing.T) { authztest.Refused(t, err, tt.code, tt.message) })
	}
}

// TestSessionsOfOtherServers: a token is worth nothing under another key.
func TestSessionsOfOtherServers(t *testing.T) {
	h, g := newHouse(t), newHouse(t)
	r := h.Role(authztest.Account, "worker", trust(aws("*"), ""))
	g.Role(authztest.Account, "worker", trust(aws("*"), ""))
	w := g.Session(authz.Session{Kind: authz.RoleSession, Account: authztest.Account, Issuer: "worker", IssuerID: r.Role.ID, Name: "s", Expires: 1 << 40})
	_, err := h.as(w).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityRequest{})
	authztest.Refused(t, err, "InvalidClientTokenId", "The security token included in the request is invalid")
}
