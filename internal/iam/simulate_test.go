package iam_test

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"furl/internal/authz/authztest"
	"furl/internal/iam"
)

// oneLine is a policy in one line, as those are whose positions were recorded.
const oneLine = `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "lambda:Get*", "Resource": "*"}, {"Effect": "Deny", "Action": "lambda:GetPolicy", "Resource": "*", "Condition": {"StringEquals": {"aws:username": "ann"}}}]}`

func simulateFor(t *testing.T, h *house, in *iam.SimulatePrincipalPolicyRequest) *iam.SimulatePolicyResponse {
	t.Helper()
	out, err := h.as(h.Root).SimulatePrincipalPolicy(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSimulatePrincipalPolicy(t *testing.T) {
	h := newHouse(t)
	root, ctx := h.as(h.Root), t.Context()
	if err := errors.Join(
		createUser("ann")(ctx, root), createGroup("crew")(ctx, root), createPolicy("pol", allowAll)(ctx, root),
		createRole("runner", lambdaTrust)(ctx, root), addToGroup("ann", "crew")(ctx, root),
		putUserPolicy("ann", "p", oneLine)(ctx, root), attachUser("ann", policies+"pol")(ctx, root),
		root.PutGroupPolicy(ctx, &iam.PutGroupPolicyRequest{GroupName: "crew", PolicyName: "g", PolicyDocument: denyNothing}),
		putRolePolicy("runner", "p", oneLine)(ctx, root),
		root.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryRequest{RoleName: "runner", PermissionsBoundary: "arn:aws:iam::aws:policy/AmazonS3FullAccess"}),
	); err != nil {
		t.Fatal(err)
	}
	out := simulateFor(t, h, &iam.SimulatePrincipalPolicyRequest{
		PolicySourceArn: users + "ann", ActionNames: []string{"lambda:GetPolicy", "s3:Nothing", "lambda:GetFunction"}, MaxItems: new(2),
	})
	if len(out.EvaluationResults) != 2 || !*out.IsTruncated {
		t.Fatalf("%+v", out)
	}
	denied := out.EvaluationResults[0]
	if denied.EvalDecision != "explicitDeny" || *denied.EvalResourceName != "*" || len(denied.MatchedStatements) != 1 || len(denied.MissingContextValues) != 0 {
		t.Errorf("%+v", denied)
	}
	st := denied.MatchedStatements[0]
	if *st.SourcePolicyId != "user_ann_p" || *st.SourcePolicyType != "IAM Policy" || *st.StartPosition.Line != 1 || *st.StartPosition.Column != 105 {
		t.Errorf("%s %s %+v", *st.SourcePolicyId, *st.SourcePolicyType, *st.StartPosition)
	}
	if g := out.EvaluationResults[1]; g.EvalDecision != "explicitDeny" || *g.MatchedStatements[0].SourcePolicyId != "group_crew_g" {
		t.Errorf("%+v", g)
	}
	rest := simulateFor(t, h, &iam.SimulatePrincipalPolicyRequest{
		PolicySourceArn: users + "ann", ActionNames: []string{"lambda:GetPolicy", "s3:Nothing", "lambda:GetFunction"}, Marker: out.Marker,
	})
	if len(rest.EvaluationResults) != 1 || rest.EvaluationResults[0].EvalDecision != "allowed" || len(rest.EvaluationResults[0].MatchedStatements) != 2 {
		t.Fatalf("%+v", rest)
	}
	if first := rest.EvaluationResults[0].MatchedStatements[0]; *first.StartPosition.Column != 42 { // just after its brace
		t.Errorf("the first statement begins at column %d", *first.StartPosition.Column)
	}
	bounded := simulateFor(t, h, &iam.SimulatePrincipalPolicyRequest{PolicySourceArn: roles + "runner", ActionNames: []string{"lambda:GetFunction"}}).EvaluationResults[0]
	if bounded.EvalDecision != "implicitDeny" || *bounded.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary ||
		!reflect.DeepEqual(bounded.MissingContextValues, []string{"aws:username"}) {
		t.Errorf("%+v", bounded)
	}
}

func TestSimulateCustomPolicy(t *testing.T) {
	h := newHouse(t)
	conditional := document(`{"Effect":"Allow","Action":"lambda:*","Resource":"*","Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"},"ForAnyValue:StringEquals":{"aws:TagKeys":["a"]}}}`)
	simulate := func(entries ...iam.ContextEntry) iam.EvaluationResult {
		t.Helper()
		out, err := h.as(h.Root).SimulateCustomPolicy(t.Context(), &iam.SimulateCustomPolicyRequest{
			PolicyInputList: []string{conditional}, ActionNames: []string{"lambda:InvokeFunctionUrl"}, ContextEntries: entries,
		})
		if err != nil {
			t.Fatal(err)
		}
		return out.EvaluationResults[0]
	}
	if r := simulate(); r.EvalDecision != "implicitDeny" || !reflect.DeepEqual(r.MissingContextValues, []string{"aws:TagKeys", "lambda:FunctionUrlAuthType"}) {
		t.Errorf("%+v", r)
	}
	keys := []iam.ContextEntry{
		{ContextKeyName: new("lambda:FunctionUrlAuthType"), ContextKeyValues: []string{"NONE"}, ContextKeyType: new(iam.ContextKeyTypeEnum("string"))},
		{ContextKeyName: new("aws:TagKeys"), ContextKeyValues: []string{"a", "b"}, ContextKeyType: new(iam.ContextKeyTypeEnum("stringList"))},
	}
	if r := simulate(keys...); r.EvalDecision != "allowed" || *r.MatchedStatements[0].SourcePolicyId != "PolicyInputList.1" {
		t.Errorf("%+v", r)
	}
	out, err := h.as(h.Root).GetContextKeysForCustomPolicy(t.Context(), &iam.GetContextKeysForCustomPolicyRequest{PolicyInputList: []string{conditional, oneLine}})
	if err != nil || !reflect.DeepEqual(out.ContextKeyNames, []string{"aws:TagKeys", "aws:username", "lambda:FunctionUrlAuthType"}) {
		t.Errorf("%+v, %v", out, err)
	}
	_, err = h.as(h.Root).SimulateCustomPolicy(t.Context(), &iam.SimulateCustomPolicyRequest{PolicyInputList: []string{`{`}, ActionNames: []string{"a:b"}})
	authztest.Refused(t, err, "InvalidInput", "Syntax errors in policy.")
}

// What an auditor reads shows every identity with what it has.
func TestAccountDetails(t *testing.T) {
	h := newHouse(t)
	root, ctx := h.as(h.Root), t.Context()
	if err := errors.Join(
		createUser("ann")(ctx, root), createGroup("crew")(ctx, root), createPolicy("pol", allowAll)(ctx, root),
		createRole("runner", lambdaTrust)(ctx, root), addToGroup("ann", "crew")(ctx, root), putUserPolicy("ann", "p", oneLine)(ctx, root),
		attachUser("ann", power)(ctx, root), root.CreateAccountAlias(ctx, &iam.CreateAccountAliasRequest{AccountAlias: "our-account"}),
	); err != nil {
		t.Fatal(err)
	}
	all := &iam.GetAccountAuthorizationDetailsResponse{}
	for in := (&iam.GetAccountAuthorizationDetailsRequest{MaxItems: new(2)}); ; {
		page, err := root.GetAccountAuthorizationDetails(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		all.UserDetailList = append(all.UserDetailList, page.UserDetailList...)
		all.GroupDetailList = append(all.GroupDetailList, page.GroupDetailList...)
		all.RoleDetailList = append(all.RoleDetailList, page.RoleDetailList...)
		all.Policies = append(all.Policies, page.Policies...)
		if in.Marker = page.Marker; !*page.IsTruncated {
			break
		}
	}
	if len(all.UserDetailList) != 1 || len(all.GroupDetailList) != 1 || len(all.RoleDetailList) != 1 || len(all.Policies) != 2 {
		t.Fatalf("%+v", all)
	}
	u := all.UserDetailList[0]
	if !reflect.DeepEqual(u.GroupList, []string{"crew"}) || *u.AttachedManagedPolicies[0].PolicyArn != power || *u.UserPolicyList[0].PolicyName != "p" {
		t.Errorf("%+v", u)
	}
	summary, err := root.GetAccountSummary(ctx, &iam.GetAccountSummaryRequest{})
	if err != nil || summary.SummaryMap["Users"] != 1 || summary.SummaryMap["Policies"] != 1 || summary.SummaryMap["RolePolicySizeQuota"] != 10240 {
		t.Errorf("%v, %v", summary, err)
	}
	h.expect(h.Root,
		call{"not this alias", func(ctx context.Context, c *iam.Client) error {
			return c.DeleteAccountAlias(ctx, &iam.DeleteAccountAliasRequest{AccountAlias: "another"})
		}, "NoSuchEntity", "The account alias another cannot be found."},
		call{"password", func(ctx context.Context, c *iam.Client) error {
			return c.DeleteLoginProfile(ctx, &iam.DeleteLoginProfileRequest{UserName: new("ann")})
		}, "NoSuchEntity", "Login Profile for User ann cannot be found."},
	)
	aliases, err := root.ListAccountAliases(ctx, &iam.ListAccountAliasesRequest{})
	if err != nil || !reflect.DeepEqual(aliases.AccountAliases, []string{"our-account"}) {
		t.Errorf("%+v, %v", aliases, err)
	}
}
