package admin_test

import (
	"strings"
	"testing"

	"furl/internal/admin"
	"furl/internal/iam"
	"furl/internal/lambda"
)

const roleTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"000000000000"},"Action":"sts:AssumeRole"}]}`

// TestExplainSessions asks for a role, and follows the fixes until it may.
func TestExplainSessions(t *testing.T) {
	s := newServer(t, false)
	s.function()
	s.url(lambda.FunctionUrlAuthTypeAwsIam)
	role, err := s.iam.CreateRole(t.Context(), &iam.CreateRoleRequest{RoleName: "visitor", AssumeRolePolicyDocument: roleTrust})
	if err != nil {
		t.Fatal(err)
	}
	const session = "arn:aws:sts::000000000000:assumed-role/visitor/one"
	explain := func(as string) *admin.ExplainURLResponse {
		t.Helper()
		out, err := s.admin.ExplainURL(t.Context(), &admin.ExplainURLRequest{FunctionName: new("greeter"), As: &as})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	out := explain(session)
	if out.Allowed || out.Reason != admin.ReasonImplicitDeny || *out.Principal != session || *out.MissingPermission != "lambda:InvokeFunctionUrl" ||
		len(out.Fix) != 1 || !strings.HasPrefix(out.Fix[0], "aws iam put-role-policy --role-name visitor --policy-name invoke-greeter-url ") {
		t.Errorf("a session without permissions: %+v", out)
	}
	if out := explain(role.Role.Arn); out.Allowed || *out.Principal != "arn:aws:sts::000000000000:assumed-role/visitor/explain" {
		t.Errorf("a role without permissions: %+v", out)
	}
	s.run(out.Fix[0])
	if out := explain(session); !out.Allowed || out.DualWouldRefuse || len(out.Fix) != 0 {
		t.Errorf("a session after the fix: %+v", out)
	}
	const no = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`
	check(t, s.iam.PutRolePolicy(t.Context(), &iam.PutRolePolicyRequest{RoleName: "visitor", PolicyName: "no", PolicyDocument: no}))
	out = explain(session)
	if out.Reason != admin.ReasonExplicitDeny || len(out.Fix) != 1 || out.Fix[0] != "aws iam delete-role-policy --role-name visitor --policy-name no" {
		t.Errorf("a session that is denied: %+v", out)
	}
	s.run(out.Fix[0])
	if out := explain(session); !out.Allowed {
		t.Errorf("a session that is denied no more: %+v", out)
	}
	unknown, err := s.admin.ExplainURL(t.Context(), &admin.ExplainURLRequest{FunctionName: new("greeter"), AsKey: new("ASIAQAAAAAAAGPFFS2VW")})
	if err != nil || unknown.Reason != admin.ReasonUnknownKey || !strings.Contains(unknown.Summary, "does not store them") {
		t.Errorf("credentials that nobody saw: %+v, %v", unknown, err)
	}
}
