package resource_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/cfn/resource"
	"furl/internal/iam"
	"furl/internal/policy"
	"furl/internal/ssm"
	"furl/internal/state"
	"furl/internal/store/sqlite"
)

// identities are IAM and Parameter Store as a stack's owner calls them, and what was called.
type identities struct {
	t      *testing.T
	api    *awsapi.Server
	called []string
	fail   string // the operation that fails
}

func newIdentities(t *testing.T) *identities {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "data"), sqlite.Options{})
	ok(t, err)
	t.Cleanup(func() { ok(t, db.Close()) })
	st, err := state.Open(t.Context(), db, state.Options{SealKey: make([]byte, state.SealKeySize), Logger: slog.New(slog.DiscardHandler)})
	ok(t, err)
	t.Cleanup(func() { ok(t, st.Close()) })
	box, err := state.NewBox(make([]byte, state.SealKeySize), "parameter")
	ok(t, err)
	parameters := ssm.New(ssm.Options{Store: db, Box: box, Region: "us-east-1", Now: time.Now})
	i := &identities{t: t}
	i.api, err = awsapi.NewServer(awsapi.Hooks{RequestID: func() string { return "id" }}, iam.Operations(iam.New(st, time.Now)), ssm.Operations(parameters))
	ok(t, err)
	return i
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Invoke is of resource.Invoker.
func (i *identities) Invoke(ctx context.Context, service, operation string, in any) (any, error) {
	i.called = append(i.called, operation)
	if operation == i.fail {
		return nil, awsapi.ValidationException("told to fail")
	}
	caller := &authz.Caller{Principal: policy.Principal{Account: "000000000000", ARN: "arn:aws:iam::000000000000:root"}}
	return i.api.Call(authz.WithCaller(ctx, caller, authz.Env{}), service, operation, in)
}

// request is a request for a resource of the stack "demo".
func (i *identities) request(logical string, properties map[string]any) *resource.Request {
	return &resource.Request{
		Account: "000000000000", Region: "us-east-1", Partition: "aws", StackName: "demo", LogicalID: logical, Suffix: "ABCDEFGHIJKL",
		Properties: properties, Tags: map[string]string{"aws:cloudformation:stack-name": "demo", "team": "a"}, Invoke: i,
		Save: func(string) error { return nil },
	}
}

func (i *identities) create(kind, logical string, properties map[string]any) *resource.Result {
	i.t.Helper()
	out, err := resource.Lookup(kind).Create(i.t.Context(), i.request(logical, properties))
	ok(i.t, err)
	return out
}

// update changes properties, and checks which operations that takes.
func (i *identities) update(kind, id string, old, next map[string]any, want string) *resource.Result {
	i.t.Helper()
	r := i.request("Any", next)
	r.PhysicalID, r.Old, r.OldTags = id, old, r.Tags
	i.called = nil
	out, err := resource.Lookup(kind).Update(i.t.Context(), r)
	ok(i.t, err)
	called := slices.DeleteFunc(i.called, func(op string) bool { return strings.HasPrefix(op, "Get") || strings.HasPrefix(op, "List") })
	if got := strings.Join(called, " "); got != want {
		i.t.Errorf("update of %s calls %q, want %q", kind, got, want)
	}
	return out
}

func (i *identities) delete(kind, id string, properties map[string]any) {
	i.t.Helper()
	r := i.request("Any", properties)
	r.PhysicalID = id
	for range 2 { // what is absent is deleted
		ok(i.t, resource.Lookup(kind).Delete(i.t.Context(), r))
	}
}

// asks calls an operation and returns what it answers.
func asks[Out any](i *identities, operation string, in any) *Out {
	i.t.Helper()
	service := "iam"
	if strings.Contains(operation, "Parameter") || operation == "ListTagsForResource" {
		service = "ssm"
	}
	out, err := i.Invoke(i.t.Context(), service, operation, in)
	ok(i.t, err)
	return out.(*Out)
}

func (i *identities) absent(operation string, in any) {
	i.t.Helper()
	_, err := i.Invoke(i.t.Context(), "iam", operation, in)
	if e, isError := errors.AsType[*awsapi.Error](err); !isError || e.Code != "NoSuchEntity" {
		i.t.Errorf("%s: %v, want none", operation, err)
	}
}

func document(action string) map[string]any {
	return map[string]any{"Version": "2012-10-17", "Statement": []any{
		map[string]any{"Effect": "Allow", "Action": action, "Resource": "*"},
	}}
}

func trust(service string) map[string]any {
	return map[string]any{"Version": "2012-10-17", "Statement": []any{
		map[string]any{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": map[string]any{"Service": service}},
	}}
}

func inlinePolicies(actions ...string) []any {
	var out []any
	for _, a := range actions {
		name, _, _ := strings.Cut(a, ":")
		out = append(out, map[string]any{"PolicyName": name, "PolicyDocument": document(a)})
	}
	return out
}

const (
	basic    = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
	readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"
)

func TestRole(t *testing.T) {
	i := newIdentities(t)
	first := map[string]any{
		"AssumeRolePolicyDocument": trust("lambda.amazonaws.com"), "Path": "/app/", "Description": "first", "MaxSessionDuration": int64(7200),
		"ManagedPolicyArns": []any{basic}, "PermissionsBoundary": readOnly, "Policies": inlinePolicies("s3:Get*", "sqs:Send*"),
		"Tags": []any{map[string]any{"Key": "k", "Value": "v"}},
	}
	out := i.create("AWS::IAM::Role", "Role", first)
	name := out.PhysicalID
	if name != "demo-Role-ABCDEFGHIJKL" || out.Attributes["Arn"] != "arn:aws:iam::000000000000:role/app/"+name || !strings.HasPrefix(out.Attributes["RoleId"].(string), "AROA") {
		t.Errorf("%+v", out)
	}
	role := asks[iam.GetRoleResponse](i, "GetRole", &iam.GetRoleRequest{RoleName: name}).Role
	if *role.MaxSessionDuration != 7200 || *role.Description != "first" || *role.PermissionsBoundary.PermissionsBoundaryArn != readOnly ||
		!slices.Equal(role.Tags, []iam.Tag{{Key: "k", Value: "v"}, {Key: "team", Value: "a"}}) {
		t.Errorf("%+v", role)
	}

	i.update("AWS::IAM::Role", name, first, first, "")
	second := map[string]any{
		"AssumeRolePolicyDocument": trust("cloudformation.amazonaws.com"), "Path": "/app/",
		"ManagedPolicyArns": []any{readOnly}, "Policies": inlinePolicies("s3:Put*", "sns:*"),
	}
	i.update("AWS::IAM::Role", name, first, second,
		"UpdateAssumeRolePolicy UpdateRole DeleteRolePermissionsBoundary PutRolePolicy PutRolePolicy DeleteRolePolicy AttachRolePolicy DetachRolePolicy UntagRole")
	policies := asks[iam.ListRolePoliciesResponse](i, "ListRolePolicies", &iam.ListRolePoliciesRequest{RoleName: name})
	if !slices.Equal(policies.PolicyNames, []string{"s3", "sns"}) {
		t.Error(policies.PolicyNames)
	}
	role = asks[iam.GetRoleResponse](i, "GetRole", &iam.GetRoleRequest{RoleName: name}).Role
	if *role.MaxSessionDuration != 3600 || role.PermissionsBoundary != nil || len(role.Tags) != 1 {
		t.Errorf("%+v", role)
	}
	i.delete("AWS::IAM::Role", name, second)
	i.absent("GetRole", &iam.GetRoleRequest{RoleName: name})
}

// A creation that fails half-way says what it made; the next try takes that up, and another's is refused.
func TestRoleAgain(t *testing.T) {
	i := newIdentities(t)
	properties := map[string]any{"RoleName": "own", "AssumeRolePolicyDocument": trust("lambda.amazonaws.com"), "ManagedPolicyArns": []any{basic}}
	i.fail = "AttachRolePolicy"
	create := resource.Lookup("AWS::IAM::Role").Create
	out, err := create(t.Context(), i.request("Role", properties))
	if err == nil || out == nil || out.PhysicalID != "own" {
		t.Fatalf("%+v, %v", out, err)
	}
	i.fail = ""
	r := i.request("Role", properties)
	if out, err := create(t.Context(), r); err == nil || out != nil {
		t.Errorf("%+v, %v", out, err)
	}
	r.Again = true
	if out, err := create(t.Context(), r); err != nil || out.Attributes["Arn"] != "arn:aws:iam::000000000000:role/own" {
		t.Errorf("%+v, %v", out, err)
	}
	attached := asks[iam.ListAttachedRolePoliciesResponse](i, "ListAttachedRolePolicies", &iam.ListAttachedRolePoliciesRequest{RoleName: "own"})
	if len(attached.AttachedPolicies) != 1 {
		t.Errorf("%+v", attached)
	}
}

func TestUserAndGroups(t *testing.T) {
	i := newIdentities(t)
	groups := map[string]any{"Path": "/g/", "Policies": inlinePolicies("s3:*"), "ManagedPolicyArns": []any{readOnly}}
	one := i.create("AWS::IAM::Group", "One", groups)
	two := i.create("AWS::IAM::Group", "Two", map[string]any{"GroupName": "two"})
	if one.Attributes["Arn"] != "arn:aws:iam::000000000000:group/g/demo-One-ABCDEFGHIJKL" || two.PhysicalID != "two" {
		t.Errorf("%+v %+v", one, two)
	}
	first := map[string]any{"Groups": []any{one.PhysicalID}, "Policies": inlinePolicies("sns:*")}
	user := i.create("AWS::IAM::User", "User", first)
	second := map[string]any{"Groups": []any{"two"}, "Path": "/u/", "PermissionsBoundary": readOnly}
	out := i.update("AWS::IAM::User", user.PhysicalID, first, second, "UpdateUser PutUserPermissionsBoundary DeleteUserPolicy AddUserToGroup RemoveUserFromGroup")
	if out.Attributes["Arn"] != "arn:aws:iam::000000000000:user/u/"+user.PhysicalID {
		t.Errorf("%+v", out)
	}
	_, err := resource.Lookup("AWS::IAM::User").Create(t.Context(), i.request("P", map[string]any{"LoginProfile": map[string]any{"Password": "x"}}))
	if err == nil || !strings.Contains(err.Error(), "LoginProfile") {
		t.Error(err)
	}
	other := map[string]any{"Path": "/h/"}
	i.update("AWS::IAM::Group", one.PhysicalID, groups, other, "UpdateGroup DeleteGroupPolicy DetachGroupPolicy")

	added := map[string]any{"GroupName": one.PhysicalID, "Users": []any{user.PhysicalID}}
	addition := i.create("AWS::IAM::UserToGroupAddition", "Add", added)
	moved := map[string]any{"GroupName": "two", "Users": []any{user.PhysicalID}}
	i.update("AWS::IAM::UserToGroupAddition", addition.PhysicalID, added, moved, "AddUserToGroup RemoveUserFromGroup")
	i.delete("AWS::IAM::UserToGroupAddition", addition.PhysicalID, moved)

	i.delete("AWS::IAM::User", user.PhysicalID, second)
	i.delete("AWS::IAM::Group", one.PhysicalID, other)
	i.absent("GetUser", &iam.GetUserRequest{UserName: &user.PhysicalID})
	i.absent("GetGroup", &iam.GetGroupRequest{GroupName: one.PhysicalID})
}

func TestPolicy(t *testing.T) {
	i := newIdentities(t)
	role := i.create("AWS::IAM::Role", "Role", map[string]any{"AssumeRolePolicyDocument": trust("lambda.amazonaws.com")}).PhysicalID
	user := i.create("AWS::IAM::User", "User", nil).PhysicalID
	first := map[string]any{"PolicyName": "p", "PolicyDocument": document("s3:*"), "Roles": []any{role}}
	id := i.create("AWS::IAM::Policy", "Policy", first).PhysicalID
	second := map[string]any{"PolicyName": "p", "PolicyDocument": document("s3:*"), "Roles": []any{role}, "Users": []any{user}}
	i.update("AWS::IAM::Policy", id, first, second, "PutUserPolicy")
	renamed := map[string]any{"PolicyName": "q", "PolicyDocument": document("s3:*"), "Users": []any{user}}
	i.update("AWS::IAM::Policy", id, second, renamed, "DeleteRolePolicy PutUserPolicy DeleteUserPolicy")
	i.delete("AWS::IAM::Policy", id, renamed)
	i.absent("GetUserPolicy", &iam.GetUserPolicyRequest{UserName: user, PolicyName: "q"})
	if _, err := resource.Lookup("AWS::IAM::Policy").Create(t.Context(), i.request("P", map[string]any{"PolicyName": "p", "PolicyDocument": document("s3:*")})); err == nil {
		t.Error("a policy of nobody is made")
	}

	inline := map[string]any{"PolicyName": "r", "RoleName": role, "PolicyDocument": document("s3:*")}
	out := i.create("AWS::IAM::RolePolicy", "RP", inline)
	if out.PhysicalID != "r|"+role {
		t.Errorf("%+v", out)
	}
	changed := map[string]any{"PolicyName": "r", "RoleName": role, "PolicyDocument": document("sns:*")}
	i.update("AWS::IAM::RolePolicy", out.PhysicalID, inline, changed, "PutRolePolicy")
	i.delete("AWS::IAM::RolePolicy", out.PhysicalID, changed)
	i.absent("GetRolePolicy", &iam.GetRolePolicyRequest{RoleName: role, PolicyName: "r"})
}

func TestManagedPolicy(t *testing.T) {
	i := newIdentities(t)
	role := i.create("AWS::IAM::Role", "Role", map[string]any{"AssumeRolePolicyDocument": trust("lambda.amazonaws.com")}).PhysicalID
	old := map[string]any{"PolicyDocument": document("s3:*"), "Path": "/x/", "Description": "d"}
	out := i.create("AWS::IAM::ManagedPolicy", "Managed", old)
	arn := out.PhysicalID
	if arn != "arn:aws:iam::000000000000:policy/x/demo-Managed-ABCDEFGHIJKL" || out.Attributes["DefaultVersionId"] != "v1" || out.Attributes["PolicyArn"] != arn {
		t.Errorf("%+v", out)
	}
	next := map[string]any{"PolicyDocument": document("s3:Get*"), "Path": "/x/", "Description": "d", "Roles": []any{role}}
	i.update("AWS::IAM::ManagedPolicy", arn, old, next, "CreatePolicyVersion AttachRolePolicy")
	i.update("AWS::IAM::ManagedPolicy", arn, old, next, "AttachRolePolicy") // the same step again
	for n, action := range []string{"s3:1", "s3:2", "s3:3", "s3:4"} {
		want := "CreatePolicyVersion"
		if n == 3 {
			want = "DeletePolicyVersion CreatePolicyVersion"
		}
		changed := map[string]any{"PolicyDocument": document(action), "Path": "/x/", "Description": "d", "Roles": []any{role}}
		out = i.update("AWS::IAM::ManagedPolicy", arn, next, changed, want)
		next = changed
	}
	if out.Attributes["DefaultVersionId"] != "v6" || out.Attributes["AttachmentCount"] != "1" {
		t.Errorf("%+v", out)
	}
	i.delete("AWS::IAM::ManagedPolicy", arn, next)
	i.absent("GetPolicy", &iam.GetPolicyRequest{PolicyArn: arn})
}

// An access key that an earlier try made, and whose secret nobody knows, goes; those that were there before stay.
func TestAccessKey(t *testing.T) {
	i := newIdentities(t)
	user := i.create("AWS::IAM::User", "User", nil).PhysicalID
	before := i.create("AWS::IAM::AccessKey", "Before", map[string]any{"UserName": user})
	if len(before.Attributes["SecretAccessKey"].(string)) != 40 {
		t.Errorf("%+v", before)
	}
	properties := map[string]any{"UserName": user, "Status": "Inactive"}
	r := i.request("Key", properties)
	r.Save = func(id string) error { r.PhysicalID = id; return nil }
	create := resource.Lookup("AWS::IAM::AccessKey").Create
	lost, err := create(t.Context(), r)
	ok(t, err)
	r.Again = true
	again, err := create(t.Context(), r)
	ok(t, err)
	keys := asks[iam.ListAccessKeysResponse](i, "ListAccessKeys", &iam.ListAccessKeysRequest{UserName: &user}).AccessKeyMetadata
	var ids []string
	for _, k := range keys {
		ids = append(ids, *k.AccessKeyId)
	}
	if slices.Contains(ids, lost.PhysicalID) || !slices.Contains(ids, again.PhysicalID) || !slices.Contains(ids, before.PhysicalID) {
		t.Errorf("%v: lost %s, again %s, before %s", ids, lost.PhysicalID, again.PhysicalID, before.PhysicalID)
	}
	u := i.request("Key", map[string]any{"UserName": user})
	u.PhysicalID, u.Old, u.Attributes = again.PhysicalID, properties, again.Attributes
	out, err := resource.Lookup("AWS::IAM::AccessKey").Update(t.Context(), u)
	if err != nil || out.Attributes["SecretAccessKey"] != again.Attributes["SecretAccessKey"] {
		t.Errorf("%+v, %v", out, err)
	}
	i.delete("AWS::IAM::AccessKey", again.PhysicalID, properties)
	i.delete("AWS::IAM::AccessKey", before.PhysicalID, properties)
	i.delete("AWS::IAM::User", user, nil)
}

func TestParameter(t *testing.T) {
	i := newIdentities(t)
	first := map[string]any{"Name": "/app/v", "Type": "String", "Value": "1", "Tags": map[string]any{"k": "v"}}
	out := i.create("AWS::SSM::Parameter", "P", first)
	if out.PhysicalID != "/app/v" || out.Attributes["Value"] != "1" {
		t.Errorf("%+v", out)
	}
	second := map[string]any{"Name": "/app/v", "Type": "String", "Value": "2", "Tags": map[string]any{"l": "v"}}
	out = i.update("AWS::SSM::Parameter", "/app/v", first, second, "PutParameter AddTagsToResource RemoveTagsFromResource")
	if out.Attributes["Value"] != "2" {
		t.Errorf("%+v", out)
	}
	got := asks[ssm.GetParameterResult](i, "GetParameter", &ssm.GetParameterRequest{Name: "/app/v"})
	tags := asks[ssm.ListTagsForResourceResult](i, "ListTagsForResource", &ssm.ListTagsForResourceRequest{ResourceType: "Parameter", ResourceId: "/app/v"})
	if *got.Parameter.Value != "2" || *got.Parameter.Version != 2 || !slices.Equal(tags.TagList, []ssm.Tag{{Key: "l", Value: "v"}, {Key: "team", Value: "a"}}) {
		t.Errorf("%+v %+v", got.Parameter, tags)
	}
	i.delete("AWS::SSM::Parameter", "/app/v", second)
	untagged := i.request("T", map[string]any{"Name": "tagged", "Type": "String", "Value": "1", "Tags": map[string]any{"k": "v"}})
	untagged.Tags = nil // of the stack
	_, err := resource.Lookup("AWS::SSM::Parameter").Create(t.Context(), untagged)
	ok(t, err)
	if id := i.create("AWS::SSM::Parameter", "Q", map[string]any{"Type": "StringList", "Value": "a,b"}).PhysicalID; id != "CFN-Q-ABCDEFGHIJKL" {
		t.Error(id)
	}
	_, err = resource.Lookup("AWS::SSM::Parameter").Create(t.Context(), i.request("S", map[string]any{"Type": "SecureString", "Value": "x"}))
	if err == nil || err.Error() != "SSM Parameters of type SecureString cannot be created using CloudFormation" {
		t.Error(err)
	}
}

func TestRepository(t *testing.T) {
	i := newIdentities(t)
	out := i.create("AWS::ECR::Repository", "R", nil)
	if out.PhysicalID != "demo-r-abcdefghijkl" || out.Attributes["Arn"] != "arn:aws:ecr:us-east-1:000000000000:repository/demo-r-abcdefghijkl" {
		t.Errorf("%+v", out)
	}
}

func TestCapabilities(t *testing.T) {
	for _, tt := range []struct{ kind, property, want string }{
		{"AWS::IAM::Role", "", "CAPABILITY_IAM"},
		{"AWS::IAM::Role", "RoleName", "CAPABILITY_NAMED_IAM"},
		{"AWS::IAM::User", "UserName", "CAPABILITY_NAMED_IAM"},
		{"AWS::IAM::Group", "GroupName", "CAPABILITY_NAMED_IAM"},
		{"AWS::IAM::ManagedPolicy", "ManagedPolicyName", "CAPABILITY_NAMED_IAM"},
		{"AWS::IAM::Policy", "PolicyName", "CAPABILITY_IAM"},
		{"AWS::IAM::AccessKey", "UserName", "CAPABILITY_IAM"},
		{"AWS::IAM::UserToGroupAddition", "", "CAPABILITY_IAM"},
		{"AWS::IAM::RolePolicy", "RoleName", "CAPABILITY_IAM"},
	} {
		if got := resource.Lookup(tt.kind).Capability(map[string]any{tt.property: "x"}); got != tt.want {
			t.Errorf("%s with %s needs %s, want %s", tt.kind, tt.property, got, tt.want)
		}
	}
}

// What a change of a property replaces, of AWS's reference ("Update requires: Replacement").
func TestReplacements(t *testing.T) {
	for kind, want := range map[string]string{
		"AWS::IAM::AccessKey":           "Serial UserName",
		"AWS::IAM::Group":               "GroupName",
		"AWS::IAM::GroupPolicy":         "GroupName PolicyName",
		"AWS::IAM::ManagedPolicy":       "Description ManagedPolicyName Path",
		"AWS::IAM::Policy":              "",
		"AWS::IAM::Role":                "Path RoleName",
		"AWS::IAM::RolePolicy":          "PolicyName RoleName",
		"AWS::IAM::User":                "UserName",
		"AWS::IAM::UserPolicy":          "PolicyName UserName",
		"AWS::IAM::UserToGroupAddition": "",
		"AWS::SSM::Parameter":           "Name",
		"AWS::ECR::Repository":          "EncryptionConfiguration RepositoryName",
	} {
		kind := resource.Lookup(kind)
		var got []string
		for name := range kind.Properties {
			if _, replace := kind.Changes(map[string]any{name: "1"}, map[string]any{name: "2"}); replace {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		if got := strings.Join(got, " "); got != want {
			t.Errorf("a change of %s replaces for %q, want %q", kind.Name, got, want)
		}
	}
}
