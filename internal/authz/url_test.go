package authz_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"furl/internal/arn"
	"furl/internal/authz"
	"furl/internal/authz/authztest"
	"furl/internal/policy"
	"furl/internal/sigv4"
	"furl/internal/state"
)

// scene is one call of a function URL as seen by both modes. In the policies @
// is the ARN of what the URL is on, ^ that of the function, and % bob's ARN.
type scene struct {
	name string
	auth string // AuthType, NONE if empty
	// alias puts the URL, and the resource policy, on the alias "live".
	alias    bool
	resource string // statements of the resource policy, none if empty
	function string // on an alias: statements of the function's own policy
	identity string // statements of the caller's own policy
	// caller is anonymous if empty.
	caller        string
	classic, dual string
}

// What becomes of a call.
const (
	allowed  = "allowed"
	tolerant = "allowed, but not by dual"
	unsigned = "not signed"

	urlIdentity       = "InvokeFunctionUrl: no identity-based policy"
	urlResource       = "InvokeFunctionUrl: no resource-based policy"
	invokeIdentity    = "InvokeFunction: no identity-based policy"
	invokeResource    = "InvokeFunction: no resource-based policy"
	urlDenied         = "InvokeFunctionUrl: denied by identity-based policy"
	urlDeniedThere    = "InvokeFunctionUrl: denied by resource-based policy"
	invokeDenied      = "InvokeFunction: denied by identity-based policy"
	invokeDeniedThere = "InvokeFunction: denied by resource-based policy"
)

// st is a statement of a resource policy.
func st(effect, principal, action, condition string) string {
	return fmt.Sprintf(`{"Effect":%q,"Principal":%s,"Action":"lambda:%s","Resource":"@","Condition":{%s}}`, effect, principal, action, condition)
}

// own is a statement of an identity policy.
func own(effect, action, resource, condition string) string {
	return fmt.Sprintf(`{"Effect":%q,"Action":"lambda:%s","Resource":%q,"Condition":{%s}}`, effect, action, resource, condition)
}

const (
	everybody = `"*"`
	bobsARN   = `{"AWS":"%"}`
	account   = `{"AWS":"111122223333"}`
	isOpen    = `"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}`
	isSigned  = `"StringEquals":{"lambda:FunctionUrlAuthType":"AWS_IAM"}`
	viaURL    = `"Bool":{"lambda:InvokedViaFunctionUrl":"true"}`
	iam       = state.AuthIAM
)

var (
	openURL = st("Allow", everybody, "InvokeFunctionUrl", isOpen)
	openRun = st("Allow", everybody, "InvokeFunction", viaURL)
)

func scenes() []scene {
	both := func(resource, condition string) string {
		return own("Allow", "InvokeFunctionUrl", resource, condition) + "," + own("Allow", "InvokeFunction", resource, viaURL)
	}
	bothFor := func(principal string) string {
		return st("Allow", principal, "InvokeFunctionUrl", isSigned) + "," + st("Allow", principal, "InvokeFunction", viaURL)
	}
	return []scene{
		// NONE: the resource policy alone decides, about everybody alike.
		{name: "open, no policy", classic: urlResource, dual: urlResource},
		{name: "open, URL alone", resource: openURL, classic: tolerant, dual: invokeResource},
		{name: "open, run alone", resource: openRun, classic: urlResource, dual: urlResource},
		{name: "open, both", resource: openURL + "," + openRun, classic: allowed, dual: allowed},
		{name: "open, no conditions", resource: st("Allow", everybody, "*", ""), classic: allowed, dual: allowed},
		{name: "open, both, run for direct calls too", resource: openURL + "," + st("Allow", everybody, "InvokeFunction", ""), classic: allowed, dual: allowed},
		{name: "open, wrong AuthType", resource: st("Allow", everybody, "InvokeFunctionUrl", isSigned), classic: urlResource, dual: urlResource},
		{name: "open, run for direct calls only", resource: openURL + "," + st("Allow", everybody, "InvokeFunction", `"Null":{"lambda:InvokedViaFunctionUrl":"true"}`),
			classic: tolerant, dual: invokeResource},
		{name: "open, for the account", resource: st("Allow", account, "*", ""), classic: urlResource, dual: urlResource},
		{name: "open, for bob, not signed", resource: bothFor(bobsARN), classic: urlResource, dual: urlResource},
		{name: "open, for bob, by bob", resource: bothFor(bobsARN), caller: "bob", classic: urlResource, dual: urlResource},
		{name: "open, by bob who may do all", identity: own("Allow", "*", "*", ""), caller: "bob", classic: urlResource, dual: urlResource},
		{name: "open, by root", caller: "root", classic: urlResource, dual: urlResource},
		{name: "open, by root who is let in like all", resource: openURL + "," + openRun, caller: "root", classic: allowed, dual: allowed},
		{name: "open, denied again", resource: openURL + "," + openRun + "," + st("Deny", everybody, "InvokeFunctionUrl", ""), classic: urlDeniedThere, dual: urlDeniedThere},
		{name: "open, run denied", resource: openURL + "," + openRun + "," + st("Deny", everybody, "InvokeFunction", ""), classic: tolerant, dual: invokeDeniedThere},
		{name: "open, from this address", resource: st("Allow", everybody, "*", `"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}`), classic: allowed, dual: allowed},
		{name: "open, from another", resource: st("Allow", everybody, "*", `"IpAddress":{"aws:SourceIp":"198.51.100.0/24"}`), classic: urlResource, dual: urlResource},
		{name: "open, over TLS only", resource: st("Allow", everybody, "*", `"Bool":{"aws:SecureTransport":"true"}`), classic: urlResource, dual: urlResource},
		{name: "open, until later", resource: st("Allow", everybody, "*", `"DateLessThan":{"aws:CurrentTime":"2026-11-23T13:42:11Z"}`), classic: allowed, dual: allowed},
		{name: "open, until earlier", resource: st("Allow", everybody, "*", `"DateLessThan":{"aws:CurrentTime":"2026-11-23T13:42:10Z"}`), classic: urlResource, dual: urlResource},
		{name: "open, for a service's account", resource: st("Allow", everybody, "*", `"StringEquals":{"AWS:SourceAccount":"111122223333"}`), classic: urlResource, dual: urlResource},
		{name: "open, by the name of the function", resource: st("Allow", everybody, "InvokeFunctionUrl", `"ArnEquals":{"lambda:FunctionArn":"^"}`), classic: tolerant, dual: invokeResource},
		{name: "open, by its tags", resource: st("Allow", everybody, "*", `"StringEquals":{"aws:ResourceTag/stage":"test"}`), classic: allowed, dual: allowed},
		{name: "open, by other tags", resource: st("Allow", everybody, "*", `"StringEquals":{"aws:ResourceTag/stage":"prod"}`), classic: urlResource, dual: urlResource},

		// AWS_IAM: a signature, and a policy on either side.
		{name: "signed, not signed", auth: iam, resource: st("Allow", everybody, "*", ""), classic: unsigned, dual: unsigned},
		{name: "signed, no policy", auth: iam, caller: "bob", classic: urlIdentity, dual: urlIdentity},
		{name: "signed, URL alone", auth: iam, caller: "bob", identity: own("Allow", "InvokeFunctionUrl", "@", ""), classic: tolerant, dual: invokeIdentity},
		{name: "signed, right AuthType", auth: iam, caller: "bob", identity: own("Allow", "InvokeFunctionUrl", "@", isSigned), classic: tolerant, dual: invokeIdentity},
		{name: "signed, wrong AuthType", auth: iam, caller: "bob", identity: both("@", isOpen), classic: urlIdentity, dual: urlIdentity},
		{name: "signed, both", auth: iam, caller: "bob", identity: both("@", isSigned), classic: allowed, dual: allowed},
		{name: "signed, both without a condition", auth: iam, caller: "bob", identity: own("Allow", "*", "@", ""), classic: allowed, dual: allowed},
		{name: "signed, action in other letters", auth: iam, caller: "bob", identity: own("Allow", "invokefunction*", "@", ""), classic: allowed, dual: allowed},
		{name: "signed, all of Lambda", auth: iam, caller: "bob", identity: own("Allow", "*", "*", ""), classic: allowed, dual: allowed},
		{name: "signed, another function", auth: iam, caller: "bob", identity: both("@x", isSigned), classic: urlIdentity, dual: urlIdentity},
		{name: "signed, its qualifiers only", auth: iam, caller: "bob", identity: both("@:*", isSigned), classic: urlIdentity, dual: urlIdentity},
		{name: "signed, whatever begins like it", auth: iam, caller: "bob", identity: both("@*", isSigned), classic: allowed, dual: allowed},
		{name: "signed, denied", auth: iam, caller: "bob", identity: own("Allow", "*", "*", "") + "," + own("Deny", "InvokeFunctionUrl", "@", ""), classic: urlDenied, dual: urlDenied},
		{name: "signed, run denied", auth: iam, caller: "bob", identity: own("Allow", "*", "*", "") + "," + own("Deny", "InvokeFunction", "*", ""), classic: tolerant, dual: invokeDenied},
		{name: "signed, direct calls denied", auth: iam, caller: "bob", identity: own("Allow", "*", "*", "") + "," +
			own("Deny", "InvokeFunction", "*", `"Null":{"lambda:InvokedViaFunctionUrl":"true"}`), classic: allowed, dual: allowed},
		{name: "signed, named", auth: iam, caller: "bob", resource: bothFor(bobsARN), classic: allowed, dual: allowed},
		{name: "signed, named for the URL, allowed to run", auth: iam, caller: "bob", resource: st("Allow", bobsARN, "InvokeFunctionUrl", ""),
			identity: own("Allow", "InvokeFunction", "*", ""), classic: allowed, dual: allowed},
		{name: "signed, named but denied", auth: iam, caller: "bob", resource: bothFor(bobsARN), identity: own("Deny", "*", "*", ""), classic: urlDenied, dual: urlDenied},
		{name: "signed, another named", auth: iam, caller: "alice", resource: bothFor(bobsARN), classic: urlIdentity, dual: urlIdentity},
		{name: "signed, account named", auth: iam, caller: "bob", resource: bothFor(account), classic: urlIdentity, dual: urlIdentity},
		{name: "signed, account named and allowed", auth: iam, caller: "bob", resource: bothFor(account), identity: both("@", isSigned), classic: allowed, dual: allowed},
		{name: "signed, everybody", auth: iam, caller: "bob", resource: bothFor(everybody), classic: allowed, dual: allowed},
		{name: "signed, everybody, run only for others", auth: iam, caller: "bob", resource: st("Allow", everybody, "InvokeFunctionUrl", ""), classic: tolerant, dual: invokeIdentity},
		{name: "signed, denied there", auth: iam, caller: "bob", resource: st("Deny", bobsARN, "*", ""), identity: own("Allow", "*", "*", ""), classic: urlDeniedThere, dual: urlDeniedThere},
		{name: "signed, by one's name", auth: iam, caller: "bob", identity: own("Allow", "*", "arn:aws:lambda:*:*:function:${aws:username}-*", ""), classic: allowed, dual: allowed},
		{name: "signed, by another's name", auth: iam, caller: "alice", identity: own("Allow", "*", "arn:aws:lambda:*:*:function:${aws:username}-*", ""), classic: urlIdentity, dual: urlIdentity},
		{name: "signed, by one's tag", auth: iam, caller: "bob", resource: st("Allow", everybody, "*", `"StringEquals":{"aws:PrincipalTag/Team":"blue"}`), classic: allowed, dual: allowed},
		{name: "signed, by another's tag", auth: iam, caller: "alice", resource: st("Allow", everybody, "*", `"StringEquals":{"aws:PrincipalTag/Team":"blue"}`), classic: urlIdentity, dual: urlIdentity},
		{name: "signed, by a tag like the function's", auth: iam, caller: "bob", identity: own("Allow", "*", "*", `"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}`), classic: allowed, dual: allowed},

		// An alias has an ARN and a policy of its own.
		{name: "alias, the function's ARN", auth: iam, alias: true, caller: "bob", identity: both("^", isSigned), classic: urlIdentity, dual: urlIdentity},
		{name: "alias, its ARN", auth: iam, alias: true, caller: "bob", identity: both("@", isSigned), classic: allowed, dual: allowed},
		{name: "alias, all qualifiers", auth: iam, alias: true, caller: "bob", identity: both("^:*", isSigned), classic: allowed, dual: allowed},
		{name: "alias, all that begins like the function", auth: iam, alias: true, caller: "bob", identity: both("^*", isSigned), classic: allowed, dual: allowed},
		{name: "alias, another", auth: iam, alias: true, caller: "bob", identity: both("^:test", isSigned), classic: urlIdentity, dual: urlIdentity},
		{name: "alias, the function's policy", alias: true, function: openURL + "," + openRun, classic: urlResource, dual: urlResource},
		{name: "alias, its policy", alias: true, resource: openURL + "," + openRun, classic: allowed, dual: allowed},
		{name: "alias, the function named", alias: true, resource: st("Allow", everybody, "*", `"ArnEquals":{"lambda:FunctionArn":"^"}`), classic: tolerant, dual: invokeResource},

		// Root is bound by the resource's policy alone.
		{name: "root", auth: iam, caller: "root", classic: allowed, dual: allowed},
		{name: "root, denied there", auth: iam, caller: "root", resource: st("Deny", everybody, "InvokeFunctionUrl", ""), classic: urlDeniedThere, dual: urlDeniedThere},
		{name: "root, run denied there", auth: iam, caller: "root", resource: st("Deny", account, "InvokeFunction", ""), classic: tolerant, dual: invokeDeniedThere},
		{name: "root, another denied", auth: iam, caller: "root", resource: st("Deny", bobsARN, "*", ""), classic: allowed, dual: allowed},
	}
}

// stage is a House with its two judges and some users.
type stage struct {
	*authztest.House
	t             *testing.T
	classic, dual *authz.Authorizer
	alice, bob    authztest.Who
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{House: authztest.New(t, false), t: t}
	s.classic = s.Judge
	s.dual = authz.New(authz.Options{Verifier: sigv4.NewVerifier(s.Clock.Now), Region: authztest.Region, DualURLAuth: true})
	s.alice, s.bob = s.User("alice"), s.User("bob")
	_, err := s.State.UpdateUser(t.Context(), authztest.Account, "bob", func(u *state.User) error {
		u.Tags = map[string]string{"team": "blue"}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// route makes a function with a URL.
func (s *stage) route(name string, sc scene) *state.Route {
	s.t.Helper()
	ctx, id := s.t.Context(), state.FunctionID{Account: authztest.Account, Region: authztest.Region, Name: name}
	f := &state.Function{Account: id.Account, Region: id.Region, Name: name, Tags: map[string]string{"stage": "test", "Team": "blue"},
		Latest: state.Version{Number: state.LatestVersion, Role: "r", State: state.StateActive}}
	u := &state.URLConfig{ID: name, Account: id.Account, Region: id.Region, Function: name, AuthType: sc.auth}
	if u.AuthType == "" {
		u.AuthType = state.AuthNone
	}
	if sc.alias {
		u.Qualifier = "live"
	}
	if err := s.State.CreateFunction(ctx, f); err != nil {
		s.t.Fatal(err)
	}
	if sc.alias {
		err := s.State.CreateAlias(ctx, &state.Alias{Account: id.Account, Region: id.Region, Function: name, Name: "live", Version: state.LatestVersion})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.State.CreateURL(ctx, u); err != nil {
		s.t.Fatal(err)
	}
	s.write(id, u.Qualifier, sc.resource)
	if sc.alias {
		s.write(id, "", sc.function)
	}
	return s.State.Snapshot().Route(name)
}

// write gives a function a resource policy, bound to bob as he is now.
func (s *stage) write(id state.FunctionID, qualifier, statements string) {
	s.t.Helper()
	if statements == "" {
		return
	}
	err := s.State.UpdatePolicy(s.t.Context(), id, qualifier, func(*state.FunctionPolicy) (*state.FunctionPolicy, error) {
		return &state.FunctionPolicy{
			Document:     s.fill(statements, id.Name, qualifier),
			PrincipalIDs: map[string]string{s.bob.ARN: s.bob.ID},
		}, nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// fill makes a document of statements.
func (s *stage) fill(statements, function, qualifier string) string {
	bare := arn.Function(authztest.Region, authztest.Account, function, "")
	doc := `{"Version":"2012-10-17","Statement":[` + statements + `]}`
	return strings.NewReplacer("@", arn.Function(authztest.Region, authztest.Account, function, qualifier), "^", bare, "%", s.bob.ARN).Replace(doc)
}

// caller is a caller by name, with an identity policy.
func (s *stage) caller(name, identity, function, qualifier string) *authz.Caller {
	s.t.Helper()
	switch name {
	case "":
		return authz.Anonymous()
	case "root":
		return authz.RootCaller(authztest.Account, s.Root.KeyID)
	}
	if identity == "" {
		identity = `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`
	}
	if err := s.SetPolicy(name, s.fill(identity, function, qualifier)); err != nil {
		s.t.Fatal(err)
	}
	return authz.UserCaller(s.State.Snapshot().User(authztest.Account, name), "AKIA")
}

func (s *stage) env() authz.Env { return authz.Env{Time: s.Clock.Now(), SourceIP: "192.0.2.7"} }

// say puts a verdict into words.
func say(v authz.URLVerdict) string {
	action := strings.TrimPrefix(v.Refused, "lambda:")
	switch {
	case v.Allowed && v.DualWouldRefuse:
		return tolerant
	case v.Allowed:
		return allowed
	case v.Unsigned:
		return unsigned
	case v.Decision.ExplicitDeny:
		return action + ": denied by " + v.Decision.DeniedBy.String()
	}
	return action + ": no " + v.Decision.DeniedBy.String()
}

func TestURL(t *testing.T) {
	s := newStage(t)
	for i, sc := range scenes() {
		t.Run(sc.name, func(t *testing.T) {
			route := s.route(fmt.Sprint("bob-", i), sc)
			c := s.caller(sc.caller, sc.identity, route.URL.Function, route.URL.Qualifier)
			if got := say(s.classic.URL(route, c, s.env())); got != sc.classic {
				t.Errorf("classic: %s, want %s", got, sc.classic)
			}
			if got := say(s.dual.URL(route, c, s.env())); got != sc.dual {
				t.Errorf("dual: %s, want %s", got, sc.dual)
			}
			s.agree(route, c)
		})
	}
}

// agree checks that the explanations come to the verdict.
func (s *stage) agree(route *state.Route, c *authz.Caller) {
	s.t.Helper()
	for _, judge := range []*authz.Authorizer{s.classic, s.dual} {
		v := judge.URL(route, c, s.env())
		if v.Unsigned {
			continue
		}
		x := judge.ExplainURL(route, c, s.env())
		if len(x) != 2 || x[0].Request.Action != authz.ActionInvokeFunctionURL || x[1].Request.Action != authz.ActionInvokeFunction {
			s.t.Fatalf("%d explanations", len(x))
		}
		both := x[0].Allowed && x[1].Allowed
		if v.Allowed != (both || x[0].Allowed && !judge.Dual()) || v.DualWouldRefuse != (v.Allowed && !both) {
			s.t.Errorf("dual %v: the verdict is %+v, the explanations %v and %v", judge.Dual(), v, x[0].Decision, x[1].Decision)
		}
	}
}

// A user made anew under an old name is nobody that a policy names.
func TestURLOfOneMadeAnew(t *testing.T) {
	s := newStage(t)
	route := s.route("f", scene{auth: iam, resource: st("Allow", bobsARN, "*", "")})
	if got := say(s.classic.URL(route, s.caller("bob", "", "f", ""), s.env())); got != allowed {
		t.Fatalf("bob: %s", got)
	}
	old := s.caller("bob", "", "f", "")
	s.Remove(s.bob)
	s.Clock.Advance(time.Second)
	next := s.User("bob")
	if next.ARN != s.bob.ARN || next.ID == s.bob.ID {
		t.Fatalf("%+v after %+v", next, s.bob)
	}
	if got := say(s.classic.URL(route, s.caller("bob", "", "f", ""), s.env())); got != urlIdentity {
		t.Errorf("another bob: %s", got)
	}
	if got := say(s.classic.URL(route, old, s.env())); got != allowed {
		t.Errorf("a caller who was proven before: %s", got)
	}
}

// A policy source that was not compiled denies.
func TestURLWithoutACompiledPolicy(t *testing.T) {
	s := newStage(t)
	route := *s.route("f", scene{auth: iam})
	route.Policy = &policy.Source{Name: "broken"}
	if got := say(s.classic.URL(&route, s.caller("root", "", "", ""), s.env())); got != urlDeniedThere {
		t.Errorf("root: %s", got)
	}
}
