package policy_test

import (
	"strings"
	"testing"

	"furl/internal/policy"
)

func user(name string) policy.Principal {
	return policy.Principal{Type: policy.User, Account: account, ARN: "arn:aws:iam::" + account + ":user/" + name, ID: "AIDA" + strings.ToUpper(name)}
}

func session(role, name string) policy.Principal {
	return policy.Principal{
		Type: policy.AssumedRole, Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/" + role + "/" + name,
		IssuerARN: "arn:aws:iam::" + account + ":role/path/" + role, ID: "AROA" + strings.ToUpper(role) + ":" + name,
	}
}

func federated(name string) policy.Principal {
	return policy.Principal{
		Type: policy.FederatedUser, Account: account, ARN: "arn:aws:sts::" + account + ":federated-user/" + name,
		IssuerARN: "arn:aws:iam::" + account + ":user/bob", ID: "AIDABOB",
	}
}

func root(id string) policy.Principal {
	return policy.Principal{Type: policy.Root, Account: id, ARN: "arn:aws:iam::" + id + ":root", ID: id}
}

func foreign(p policy.Principal) policy.Principal {
	p.Account = stranger
	p.ARN = strings.ReplaceAll(p.ARN, account, stranger)
	p.IssuerARN = strings.ReplaceAll(p.IssuerARN, account, stranger)
	return p
}

func service(name string) policy.Principal { return policy.Principal{Type: policy.Service, ARN: name} }

func request(caller policy.Principal) policy.Request {
	return policy.Request{Action: invoke, Resource: function, ResourceAccount: account, Principal: caller}
}

// to writes a statement of a resource policy for the function.
func to(effect, principal string) string {
	return `{"Effect":"` + effect + `","Principal":` + principal + `,"Action":"lambda:InvokeFunctionUrl","Resource":"` + function + `"}`
}

func aws(principal string) string { return `{"AWS":"` + principal + `"}` }

// Statements of identity policies, boundaries and session policies.
const (
	allows  = `{"Effect":"Allow","Action":"lambda:*","Resource":"*"}`
	denies  = `{"Effect":"Deny","Action":"lambda:InvokeFunctionUrl","Resource":"*"}`
	ignores = `{"Effect":"Allow","Action":"s3:*","Resource":"*"}`
)

// verdict is short for the outcomes in the tables.
type verdict struct {
	allowed, explicit bool
	by                policy.SourceType
}

func implicit(by policy.SourceType) verdict { return verdict{by: by} }
func explicit(by policy.SourceType) verdict { return verdict{explicit: true, by: by} }

var allowed = verdict{allowed: true}

func (v verdict) decision() policy.Decision {
	return policy.Decision{Allowed: v.allowed, ExplicitDeny: v.explicit, DeniedBy: v.by}
}

// decisionCase is a request for the function with statements of each sort of policy; "" means no such policy.
type decisionCase struct {
	name                                  string
	caller                                policy.Principal
	identity, resource, boundary, session string
	want                                  verdict
}

const (
	accountARN = "arn:aws:iam::" + account + ":root"
	identity   = policy.IdentityPolicy
	resource   = policy.ResourcePolicy
	boundary   = policy.PermissionsBoundary
	sessions   = policy.SessionPolicy
)

func testDecisions(t *testing.T, cases []decisionCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := policy.Input{Request: request(c.caller)}
			if c.identity != "" {
				in.Identity = []policy.Source{source(t, policy.Identity, ignores), source(t, policy.Identity, c.identity)}
			}
			if c.resource != "" {
				s := source(t, policy.Resource, c.resource)
				in.Resource = &s
			}
			if c.boundary != "" {
				s := source(t, policy.ManagedIdentity, c.boundary)
				in.Boundary = &s
			}
			if c.session != "" {
				in.Session = []policy.Source{source(t, policy.Session, c.session)}
			}
			check(t, in, c.want)
		})
	}
}

func TestUserDecisions(t *testing.T) {
	bob, sam := user("bob"), session("r", "s")
	testDecisions(t, []decisionCase{
		// A user in the account of the function.
		{"user, nothing", bob, "", "", "", "", implicit(identity)},
		{"user, identity", bob, allows, "", "", "", allowed},
		{"user, other identity", bob, ignores, "", "", "", implicit(identity)},
		{"user, identity denies", bob, allows + "," + denies, "", "", "", explicit(identity)},
		{"user, resource by ARN", bob, "", to("Allow", aws(bob.ARN)), "", "", allowed},
		{"user, resource by another ARN", bob, "", to("Allow", aws(bob.ARN+"by")), "", "", implicit(identity)},
		{"user, resource by unique id", bob, "", to("Allow", aws("AIDABOBBOBBOBBOBBOBBO")), "", "", implicit(identity)},
		{"user, resource by account", bob, "", to("Allow", aws(account)), "", "", implicit(identity)},
		{"user, resource by root", bob, "", to("Allow", aws(accountARN)), "", "", implicit(identity)},
		{"user, resource by root and identity", bob, allows, to("Allow", aws(accountARN)), "", "", allowed},
		{"user, resource by everyone", bob, "", to("Allow", `"*"`), "", "", allowed},
		{"user, resource by everyone of AWS", bob, "", to("Allow", aws("*")), "", "", allowed},
		{"user, resource of another account", bob, "", to("Allow", aws(stranger)), "", "", implicit(identity)},
		{"user, resource by service", bob, "", to("Allow", `{"Service":"s3.amazonaws.com"}`), "", "", implicit(identity)},
		{"user, resource denies", bob, allows, to("Deny", aws(bob.ARN)), "", "", explicit(resource)},
		{"user, resource denies account", bob, allows, to("Deny", aws(account)), "", "", explicit(resource)},
		{"user, resource denies everyone", bob, allows, to("Deny", `"*"`), "", "", explicit(resource)},
		{"user, resource denies and allows", bob, allows, to("Allow", aws(bob.ARN)) + "," + to("Deny", `"*"`), "", "", explicit(resource)},
		{"user, resource denies others", bob, allows, to("Deny", aws("arn:aws:iam::111122223333:user/eve")), "", "", allowed},
		{"user, identity denies what resource allows", bob, denies, to("Allow", aws(bob.ARN)), "", "", explicit(identity)},

		{"user, boundary alone", bob, "", "", allows, "", implicit(identity)},
		{"user, boundary and identity", bob, allows, "", allows, "", allowed},
		{"user, boundary lacks", bob, allows, "", ignores, "", implicit(boundary)},
		{"user, boundary denies", bob, allows, "", allows + "," + denies, "", explicit(boundary)},
		{"user, boundary lacks, resource by ARN", bob, "", to("Allow", aws(bob.ARN)), ignores, "", allowed},
		{"user, boundary lacks, resource by everyone", bob, "", to("Allow", `"*"`), ignores, "", allowed},
		{"user, boundary lacks, resource by account", bob, allows, to("Allow", aws(account)), ignores, "", implicit(boundary)},
		{"user, boundary denies, resource by ARN", bob, "", to("Allow", aws(bob.ARN)), denies, "", explicit(boundary)},

		// NotPrincipal.
		{"user, NotPrincipal names it", bob, allows, `{"Effect":"Deny","NotPrincipal":` + aws(bob.ARN) + `,"Action":"*","Resource":"*"}`, "", "", allowed},
		{"user, NotPrincipal names its account", bob, allows, `{"Effect":"Deny","NotPrincipal":` + aws(account) + `,"Action":"*","Resource":"*"}`, "", "", allowed},
		{"user, NotPrincipal names another", bob, allows, `{"Effect":"Deny","NotPrincipal":` + aws(stranger) + `,"Action":"*","Resource":"*"}`, "", "", explicit(resource)},
		{"user, NotPrincipal names it, boundary", bob, allows, `{"Effect":"Deny","NotPrincipal":` + aws(bob.ARN) + `,"Action":"*","Resource":"*"}`, allows, "", explicit(resource)},
		{"session, NotPrincipal names its role", sam, allows, `{"Effect":"Deny","NotPrincipal":` + aws(sam.IssuerARN) + `,"Action":"*","Resource":"*"}`, "", "", allowed},
		{"anonymous, NotPrincipal", policy.Principal{}, "", to("Allow", `"*"`) + `,{"Effect":"Deny","NotPrincipal":` + aws(account) + `,"Action":"*","Resource":"*"}`, "", "", explicit(resource)},
	})
}

func TestSessionDecisions(t *testing.T) {
	sam, fed := session("r", "s"), federated("ann")
	testDecisions(t, []decisionCase{
		// A role's session.
		{"session, nothing", sam, "", "", "", "", implicit(identity)},
		{"session, identity", sam, allows, "", "", "", allowed},
		{"session, resource by session", sam, "", to("Allow", aws(sam.ARN)), "", "", allowed},
		{"session, resource by other session", sam, "", to("Allow", aws(sam.ARN+"2")), "", "", implicit(identity)},
		{"session, resource by role", sam, "", to("Allow", aws(sam.IssuerARN)), "", "", allowed},
		{"session, resource by role without its path", sam, "", to("Allow", aws("arn:aws:iam::111122223333:role/r")), "", "", implicit(identity)},
		{"session, resource by account", sam, "", to("Allow", aws(account)), "", "", implicit(identity)},
		{"session, resource by everyone", sam, "", to("Allow", `"*"`), ignores, ignores, allowed},
		{"session, resource denies role", sam, allows, to("Deny", aws(sam.IssuerARN)), "", "", explicit(resource)},
		{"session, resource denies session", sam, allows, to("Deny", aws(sam.ARN)), "", "", explicit(resource)},
		{"session, boundary lacks, resource by role", sam, "", to("Allow", aws(sam.IssuerARN)), ignores, "", implicit(boundary)},
		{"session, boundary has, resource by role", sam, "", to("Allow", aws(sam.IssuerARN)), allows, "", allowed},
		{"session, boundary lacks, resource by session", sam, "", to("Allow", aws(sam.ARN)), ignores, "", allowed},
		{"session, session policy", sam, allows, "", "", allows, allowed},
		{"session, session policy lacks", sam, allows, "", "", ignores, implicit(sessions)},
		{"session, session policy denies", sam, allows, "", "", denies, explicit(sessions)},
		{"session, session policy alone", sam, "", "", "", allows, implicit(identity)},
		{"session, session policy lacks, resource by role", sam, allows, to("Allow", aws(sam.IssuerARN)), "", ignores, implicit(sessions)},
		{"session, session policy has, resource by role", sam, "", to("Allow", aws(sam.IssuerARN)), "", allows, allowed},
		{"session, session policy lacks, resource by session", sam, "", to("Allow", aws(sam.ARN)), "", ignores, allowed},
		{"session, all three needed", sam, allows, "", allows, allows, allowed},
		{"session, boundary named before session policy", sam, allows, "", ignores, ignores, implicit(boundary)},

		// A session of GetFederationToken.
		{"federated, no session policy", fed, allows, "", "", "", implicit(sessions)},
		{"federated, session policy", fed, allows, "", "", allows, allowed},
		{"federated, session policy alone", fed, "", "", "", allows, implicit(identity)},
		{"federated, resource by its ARN", fed, "", to("Allow", aws(fed.ARN)), "", "", allowed},
		{"federated, resource by user", fed, "", to("Allow", aws(fed.IssuerARN)), "", allows, allowed},
		{"federated, resource by user, no session policy", fed, "", to("Allow", aws(fed.IssuerARN)), "", "", implicit(sessions)},
	})
}

func TestCrossAccountDecisions(t *testing.T) {
	sam, eve := session("r", "s"), foreign(user("bob"))
	testDecisions(t, []decisionCase{
		// Root.
		{"root", root(account), "", "", "", "", allowed},
		{"root, identity does not bind", root(account), denies, "", denies, denies, allowed},
		{"root, resource denies", root(account), "", to("Deny", aws(accountARN)), "", "", explicit(resource)},
		{"root, resource denies everyone", root(account), "", to("Deny", `"*"`), "", "", explicit(resource)},
		{"foreign root", root(stranger), "", "", "", "", implicit(resource)},
		{"foreign root, resource", root(stranger), "", to("Allow", aws(stranger)), "", "", allowed},

		// Another account: both sides must allow.
		{"foreign user, nothing", eve, "", "", "", "", implicit(resource)},
		{"foreign user, identity alone", eve, allows, "", "", "", implicit(resource)},
		{"foreign user, resource alone", eve, "", to("Allow", aws(eve.ARN)), "", "", implicit(identity)},
		{"foreign user, resource by ARN", eve, allows, to("Allow", aws(eve.ARN)), "", "", allowed},
		{"foreign user, resource by account", eve, allows, to("Allow", aws(stranger)), "", "", allowed},
		{"foreign user, resource by everyone", eve, allows, to("Allow", `"*"`), "", "", allowed},
		{"foreign user, resource by everyone alone", eve, "", to("Allow", `"*"`), "", "", implicit(identity)},
		{"foreign user, resource for the owner", eve, allows, to("Allow", aws(account)), "", "", implicit(resource)},
		{"foreign user, identity denies", eve, denies, to("Allow", aws(eve.ARN)), "", "", explicit(identity)},
		{"foreign user, resource denies", eve, allows, to("Deny", aws(stranger)), "", "", explicit(resource)},
		{"foreign user, boundary lacks", eve, allows, to("Allow", aws(eve.ARN)), ignores, "", implicit(boundary)},
		{"foreign session, role", foreign(sam), allows, to("Allow", aws(foreign(sam).IssuerARN)), "", "", allowed},
		{"foreign session, role alone", foreign(sam), "", to("Allow", aws(foreign(sam).IssuerARN)), "", "", implicit(identity)},
		{"foreign session, session alone", foreign(sam), "", to("Allow", aws(foreign(sam).ARN)), "", "", implicit(identity)},
		{"foreign session, session policy lacks", foreign(sam), allows, to("Allow", aws(foreign(sam).ARN)), "", ignores, implicit(sessions)},
	})
}

func TestDecisionsWithoutAccount(t *testing.T) {
	bob := user("bob")
	testDecisions(t, []decisionCase{
		// Callers without an account.
		{"anonymous", policy.Principal{}, "", "", "", "", implicit(resource)},
		{"anonymous, everyone", policy.Principal{}, "", to("Allow", `"*"`), "", "", allowed},
		{"anonymous, everyone of AWS", policy.Principal{}, "", to("Allow", aws("*")), "", "", allowed},
		{"anonymous, account", policy.Principal{}, "", to("Allow", aws(account)), "", "", implicit(resource)},
		{"anonymous, denied", policy.Principal{}, "", to("Allow", `"*"`) + "," + to("Deny", `"*"`), "", "", explicit(resource)},
		{"anonymous, identity does not help", policy.Principal{}, allows, "", "", "", implicit(resource)},
		{"service", service("s3.amazonaws.com"), "", to("Allow", `{"Service":"s3.amazonaws.com"}`), "", "", allowed},
		{"service, list", service("s3.amazonaws.com"), "", to("Allow", `{"Service":["sns.amazonaws.com","s3.amazonaws.com"]}`), "", "", allowed},
		{"service, another", service("s3.amazonaws.com"), "", to("Allow", `{"Service":"sns.amazonaws.com"}`), "", "", implicit(resource)},
		{"service, everyone", service("s3.amazonaws.com"), "", to("Allow", `"*"`), "", "", allowed},
		{"service, denied", service("s3.amazonaws.com"), "", to("Allow", `"*"`) + "," + to("Deny", `{"Service":"s3.amazonaws.com"}`), "", "", explicit(resource)},
		{"service, account", service("s3.amazonaws.com"), "", to("Allow", aws(account)), "", "", implicit(resource)},
		{"canonical user names nobody", bob, "", to("Allow", `{"CanonicalUser":"79a5"}`), "", "", implicit(identity)},
		{"user without account", policy.Principal{Type: policy.User}, allows, to("Allow", `"*"`), "", "", implicit(identity)},
	})
}

// check compares both ways to a decision with the wanted one.
func check(t *testing.T, in policy.Input, want verdict) {
	t.Helper()
	if got := policy.Decide(in); got != want.decision() {
		t.Errorf("Decide = %+v, want %+v", got, want.decision())
	}
	x := policy.Explain(in)
	if x.Decision != want.decision() {
		t.Errorf("Explain = %+v, want %+v\n%s", x.Decision, want.decision(), x.String())
	}
}

func TestUniqueIDsAsPrincipals(t *testing.T) {
	const id = "AIDABCDEFGHIJKLMNOPQR"
	in := policy.Input{Request: request(user("bob"))}
	s := source(t, policy.Resource, to("Allow", aws(id)))
	in.Resource = &s
	check(t, in, implicit(policy.IdentityPolicy))
	in.Request.Principal.ID = id
	check(t, in, allowed)

	const roleID = "AROABCDEFGHIJKLMNOPQR"
	s = source(t, policy.Resource, to("Allow", aws(roleID)))
	in.Request.Principal = session("r", "s")
	in.Request.Principal.ID = roleID + ":s"
	check(t, in, allowed)
	b := source(t, policy.ManagedIdentity, ignores)
	in.Boundary = &b
	check(t, in, implicit(policy.PermissionsBoundary))
}

func TestTrustPolicies(t *testing.T) {
	const roleARN = "arn:aws:iam::111122223333:role/r"
	bob := user("bob")
	assume := `{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"` + roleARN + `"}`
	trust := func(principal string) string {
		return `{"Effect":"Allow","Principal":` + principal + `,"Action":["sts:AssumeRole","sts:AssumeRoleWithWebIdentity"]}`
	}
	provider := "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"
	web := policy.Principal{Type: policy.WebIdentity, ARN: provider}
	for _, c := range []struct {
		name            string
		caller          policy.Principal
		identity, trust string
		want            verdict
	}{
		{"by ARN", bob, ignores, trust(aws(bob.ARN)), allowed},
		{"by account alone", bob, ignores, trust(aws(account)), implicit(policy.IdentityPolicy)},
		{"by account and identity", bob, assume, trust(aws(account)), allowed},
		{"by everyone", bob, ignores, trust(aws("*")), allowed},
		{"identity alone", bob, assume, trust(`{"Service":"lambda.amazonaws.com"}`), implicit(policy.TrustPolicy)},
		{"another user", bob, assume, trust(aws("arn:aws:iam::111122223333:user/eve")), implicit(policy.TrustPolicy)},
		{"denied", bob, assume, trust(aws(account)) + `,{"Effect":"Deny","Principal":` + aws(bob.ARN) + `,"Action":"sts:*"}`, explicit(policy.TrustPolicy)},
		{"chained by role", session("q", "s"), ignores, trust(aws(session("q", "s").IssuerARN)), allowed},
		{"foreign, trust alone", foreign(bob), ignores, trust(aws(stranger)), implicit(policy.IdentityPolicy)},
		{"foreign, both", foreign(bob), assume, trust(aws(stranger)), allowed},
		{"foreign, identity alone", foreign(bob), assume, trust(aws(account)), implicit(policy.TrustPolicy)},
		{"root is not trusted by itself", root(account), ignores, trust(`{"Service":"lambda.amazonaws.com"}`), implicit(policy.TrustPolicy)},
		{"root of a trusted account", root(account), ignores, trust(aws(account)), allowed},
		{"service", service("lambda.amazonaws.com"), ignores, trust(`{"Service":"lambda.amazonaws.com"}`), allowed},
		{"service not trusted", service("lambda.amazonaws.com"), ignores, trust(`{"Service":"ec2.amazonaws.com"}`), implicit(policy.TrustPolicy)},
		{"web identity", web, ignores, trust(`{"Federated":"` + provider + `"}`), allowed},
		{"web identity of another provider", web, ignores, trust(`{"Federated":"accounts.google.com"}`), implicit(policy.TrustPolicy)},
		{"web identity, account", web, ignores, trust(aws(account)), implicit(policy.TrustPolicy)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := source(t, policy.Trust, c.trust)
			action := "sts:AssumeRole"
			if c.caller.Type == policy.WebIdentity {
				action = "sts:AssumeRoleWithWebIdentity"
			}
			check(t, policy.Input{
				Request:  policy.Request{Action: action, Resource: roleARN, ResourceAccount: account, Principal: c.caller},
				Identity: []policy.Source{source(t, policy.Identity, c.identity)},
				Resource: &s,
			}, c.want)
		})
	}
}

func TestSessionOfRootUser(t *testing.T) {
	caller := federated("ann")
	caller.IssuerARN = "arn:aws:iam::" + account + ":root"
	in := policy.Input{Request: request(caller)}
	check(t, in, implicit(policy.SessionPolicy))
	in.Session = []policy.Source{source(t, policy.Session, allows)}
	check(t, in, allowed)
}

func TestGetCallerIdentityNeedsNoPermission(t *testing.T) {
	deny := []policy.Source{source(t, policy.Identity, `{"Effect":"Deny","Action":"*","Resource":"*"}`)}
	for _, caller := range []policy.Principal{user("bob"), session("r", "s"), federated("f"), root(account)} {
		in := policy.Input{Request: policy.Request{Action: "sts:getCallerIdentity", Resource: "*", Principal: caller}, Identity: deny}
		check(t, in, allowed)
	}
	in := policy.Input{Request: policy.Request{Action: "sts:GetCallerIdentity", Resource: "*"}, Identity: deny}
	check(t, in, implicit(policy.ResourcePolicy))
}

func TestNoResourceAccountMeansTheCallersOwn(t *testing.T) {
	in := policy.Input{
		Request:  policy.Request{Action: "lambda:ListFunctions", Resource: "*", Principal: user("bob")},
		Identity: []policy.Source{source(t, policy.Identity, allows)},
	}
	check(t, in, allowed)
}

func TestNilPolicyDenies(t *testing.T) {
	in := policy.Input{Request: request(user("bob")), Identity: []policy.Source{source(t, policy.Identity, allows), {}}}
	check(t, in, explicit(policy.IdentityPolicy))
	in = policy.Input{Request: request(policy.Principal{}), Resource: &policy.Source{}}
	check(t, in, explicit(policy.ResourcePolicy))
}

func TestReason(t *testing.T) {
	for _, c := range []struct {
		decision verdict
		want     string
	}{
		{allowed, ""},
		{implicit(policy.IdentityPolicy), "because no identity-based policy allows the lambda:GetFunction action"},
		{implicit(policy.ResourcePolicy), "because no resource-based policy allows the lambda:GetFunction action"},
		{implicit(policy.PermissionsBoundary), "because no permissions boundary allows the lambda:GetFunction action"},
		{implicit(policy.SessionPolicy), "because no session policy allows the lambda:GetFunction action"},
		{implicit(policy.TrustPolicy), "because no role trust policy allows the lambda:GetFunction action"},
		{explicit(policy.IdentityPolicy), "with an explicit deny in an identity-based policy"},
		{explicit(policy.ResourcePolicy), "with an explicit deny in a resource-based policy"},
		{explicit(policy.PermissionsBoundary), "with an explicit deny in a permissions boundary"},
		{explicit(policy.SessionPolicy), "with an explicit deny in a session policy"},
		{explicit(policy.TrustPolicy), "with an explicit deny in a role trust policy"},
		{implicit(0), "because no policy allows the lambda:GetFunction action"},
	} {
		if got := c.decision.decision().Reason("lambda:GetFunction"); got != c.want {
			t.Errorf("%+v: %q, want %q", c.decision, got, c.want)
		}
	}
}
