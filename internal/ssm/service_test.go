package ssm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/policy"
	"furl/internal/ssm"
	"furl/internal/state"
	"furl/internal/store/sqlite"
)

const (
	account = "000000000000"
	region  = "us-east-1"
	prefix  = "arn:aws:ssm:" + region + ":" + account + ":parameter/"
)

// server is Parameter Store without the rest of a server.
type server struct {
	*ssm.Client
	t       testing.TB
	service *ssm.Service
	dir     string
}

func newServer(t testing.TB) *server {
	t.Helper()
	s := &server{t: t, dir: filepath.Join(t.TempDir(), "data")}
	db, err := sqlite.Open(t.Context(), s.dir, sqlite.Options{Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	box, err := state.NewBox(make([]byte, state.SealKeySize), "parameter")
	must(t, err)
	now := time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)
	s.service = ssm.New(ssm.Options{Store: db, Box: box, Region: region, Now: func() time.Time { return now }})
	api, err := awsapi.NewServer(awsapi.Hooks{Authenticate: asRoot}, ssm.Operations(s.service))
	must(t, err)
	web := httptest.NewServer(api)
	t.Cleanup(web.Close)
	s.Client, err = ssm.NewClient(awsapi.ClientConfig{Endpoint: web.URL})
	must(t, err)
	return s
}

func root() *authz.Caller {
	return &authz.Caller{Principal: policy.Principal{Account: account, ARN: "arn:aws:iam::" + account + ":root"}}
}

func asRoot(r *http.Request, _ string, _ []byte) (context.Context, error) {
	return authz.WithCaller(r.Context(), root(), authz.Env{}), nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// refused checks an error's code and message.
func refused(t testing.TB, err error, code, message string) {
	t.Helper()
	e, ok := errors.AsType[*awsapi.Error](err)
	if !ok || e.Code != code || e.Status != 400 || !strings.Contains(e.Message, message) {
		t.Errorf("%v; want %s: %s", err, code, message)
	}
}

func (s *server) put(name, value string, more ...func(*ssm.PutParameterRequest)) (int64, error) {
	in := &ssm.PutParameterRequest{Name: name, Value: value, Type: new(ssm.ParameterTypeString)}
	for _, f := range more {
		f(in)
	}
	out, err := s.PutParameter(s.t.Context(), in)
	if err != nil {
		return 0, err
	}
	return *out.Version, nil
}

func overwrite(in *ssm.PutParameterRequest) { in.Overwrite, in.Type = new(true), nil }

func (s *server) get(name string) (string, error) {
	out, err := s.GetParameter(s.t.Context(), &ssm.GetParameterRequest{Name: name, WithDecryption: new(true)})
	if err != nil {
		return "", err
	}
	return fmt.Sprint(*out.Parameter.Name, "=", *out.Parameter.Value, " v", *out.Parameter.Version), nil
}

func (s *server) wants(name, want string) {
	s.t.Helper()
	if got, err := s.get(name); err != nil || got != want {
		s.t.Errorf("%s: %q, %v; want %q", name, got, err, want)
	}
}

func TestVersions(t *testing.T) {
	s, ctx := newServer(t), t.Context()
	for i, value := range []string{"one", "two", "three"} {
		more := overwrite
		if i == 0 {
			more = func(in *ssm.PutParameterRequest) { in.Description = new("first") }
		}
		if n, err := s.put("/app/name", value, more); err != nil || n != int64(i+1) {
			t.Fatal(n, err)
		}
	}
	_, err := s.put("/app/name", "four")
	refused(t, err, "ParameterAlreadyExists", "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")
	for _, name := range []string{"/app/name", prefix + "app/name", "/app/name:3"} {
		s.wants(name, "/app/name=three v3")
	}
	s.wants("/app/name:1", "/app/name=one v1")
	_, err = s.get("/app/name:4")
	refused(t, err, "ParameterVersionNotFound", "Systems Manager could not find version 4 of /app/name. Verify the version and try again.")
	_, err = s.get("/app/none")
	refused(t, err, "ParameterNotFound", "")

	labelled, err := s.LabelParameterVersion(ctx, &ssm.LabelParameterVersionRequest{Name: "/app/name", ParameterVersion: new(int64(2)), Labels: []string{"prod", "1st", "aws-x"}})
	must(t, err)
	if *labelled.ParameterVersion != 2 || !slices.Equal(labelled.InvalidLabels, []string{"1st", "aws-x"}) {
		t.Errorf("%+v", labelled)
	}
	s.wants("/app/name:prod", "/app/name=two v2")
	history, err := s.GetParameterHistory(ctx, &ssm.GetParameterHistoryRequest{Name: "/app/name"})
	must(t, err)
	if n := len(history.Parameters); n != 3 || *history.Parameters[0].Description != "first" || history.Parameters[2].Description != nil ||
		!slices.Equal(history.Parameters[1].Labels, []string{"prod"}) || *history.Parameters[0].LastModifiedUser != "arn:aws:iam::000000000000:root" {
		t.Errorf("%d %+v", n, history.Parameters)
	}
	unlabelled, err := s.UnlabelParameterVersion(ctx, &ssm.UnlabelParameterVersionRequest{Name: "/app/name", ParameterVersion: 2, Labels: []string{"prod", "none"}})
	must(t, err)
	if !slices.Equal(unlabelled.RemovedLabels, []string{"prod"}) || !slices.Equal(unlabelled.InvalidLabels, []string{"none"}) {
		t.Errorf("%+v", unlabelled)
	}
	_, err = s.get("/app/name:prod")
	refused(t, err, "ParameterVersionNotFound", "label prod")

	_, err = s.DeleteParameter(ctx, &ssm.DeleteParameterRequest{Name: "/app/name"})
	must(t, err)
	_, err = s.DeleteParameter(ctx, &ssm.DeleteParameterRequest{Name: "/app/name"})
	refused(t, err, "ParameterNotFound", "")
	if n, err := s.put("/app/name", "anew"); n != 1 || err != nil {
		t.Error(n, err)
	}
	_, err = s.get("/app/name:2")
	refused(t, err, "ParameterVersionNotFound", "version 2")
}

// Of more than a hundred versions the oldest goes, unless it has a label.
func TestMaxVersions(t *testing.T) {
	s, ctx := newServer(t), t.Context()
	for range 101 {
		_, err := s.put("p", "v", func(in *ssm.PutParameterRequest) { in.Overwrite = new(true) })
		must(t, err)
	}
	_, err := s.get("p:1")
	refused(t, err, "ParameterVersionNotFound", "")
	s.wants("p:2", "p=v v2")
	_, err = s.LabelParameterVersion(ctx, &ssm.LabelParameterVersionRequest{Name: "p", ParameterVersion: new(int64(2)), Labels: []string{"keep"}})
	must(t, err)
	_, err = s.put("p", "v", overwrite)
	refused(t, err, "ParameterMaxVersionLimitExceeded", "Version 2, the oldest version, can't be deleted")
	one, err := s.GetParameterHistory(ctx, &ssm.GetParameterHistoryRequest{Name: "p"})
	must(t, err)
	two, err := s.GetParameterHistory(ctx, &ssm.GetParameterHistoryRequest{Name: "p", NextToken: one.NextToken})
	must(t, err)
	if len(one.Parameters) != 50 || len(two.Parameters) != 50 || two.NextToken != nil || *two.Parameters[49].Version != 101 {
		t.Error(len(one.Parameters), len(two.Parameters))
	}
}

func TestRefusals(t *testing.T) {
	s := newServer(t)
	_, err := s.put("list", "a,b", func(in *ssm.PutParameterRequest) { in.Type = new(ssm.ParameterTypeStringList) })
	must(t, err)
	for _, tt := range []struct {
		name, value string
		change      func(*ssm.PutParameterRequest)
		code, text  string
	}{
		{"a/b", "v", nil, "ValidationException", "Parameter name must be a fully qualified name."},
		{"/aws/x", "v", nil, "AccessDeniedException", "No access to reserved parameter name: /aws/x."},
		{"awsome", "v", nil, "ValidationException", `can't be prefixed with "aws"`},
		{"/ssm/x", "v", nil, "ValidationException", `Parameter name: can't be prefixed with "ssm" (case-insensitive). If formed as a path`},
		{"/a//b", "v", nil, "ValidationException", "Parameter name: if formed as a path"},
		{"/a b", "v", nil, "ValidationException", "Parameter name: "},
		{"/a:1", "v", nil, "ValidationException", "Parameter name: "},
		{strings.Repeat("/x", 16), "v", nil, "HierarchyLevelLimitExceededException", "15"},
		{"/" + strings.Repeat("x", 1000), "v", nil, "ValidationException", "1011"},
		{"a", "", nil, "ValidationException", "greater than or equal to 1"},
		{"a", "v", func(in *ssm.PutParameterRequest) { in.Type = nil }, "ValidationException", "A parameter type is required when you create a parameter."},
		{"a", strings.Repeat("x", 4097), nil, "ValidationException", "Standard tier parameters support a maximum parameter value of 4096 characters."},
		{"a", strings.Repeat("x", 8193), func(in *ssm.PutParameterRequest) { in.Tier = new(ssm.ParameterTierIntelligentTiering) }, "ValidationException", "8192"},
		{"a", "12x", func(in *ssm.PutParameterRequest) { in.AllowedPattern = new(`\d+`) }, "ParameterPatternMismatchException", `Parameter value, cannot be validated against allowedPattern: \d+`},
		{"a", "v", func(in *ssm.PutParameterRequest) { in.AllowedPattern = new(`(`) }, "InvalidAllowedPatternException", ""},
		{"a", "v", func(in *ssm.PutParameterRequest) { in.KeyId = new("k") }, "ValidationException", "KeyId"},
		{"a", "v", func(in *ssm.PutParameterRequest) {
			in.Type, in.KeyId = new(ssm.ParameterTypeSecureString), new("k")
		}, "InvalidKeyId", "Invalid keyId k"},
		{"a", "v", func(in *ssm.PutParameterRequest) { in.DataType = new("aws:ec2:image") }, "ValidationException", "not supported"},
		{"a", "v", func(in *ssm.PutParameterRequest) { in.Policies = new(`[{"Type":"Expiration"}]`) }, "InvalidPolicyTypeException", ""},
		{"a", "v", func(in *ssm.PutParameterRequest) {
			in.Overwrite, in.Tags = new(true), []ssm.Tag{{Key: "k", Value: "v"}}
		}, "ValidationException", "Invalid request: tags and overwrite can't be used together."},
		{"a", "v", func(in *ssm.PutParameterRequest) { in.Tags = []ssm.Tag{{Key: "aws:x", Value: "v"}} }, "ValidationException", "reserved"},
		{"list", "v", func(in *ssm.PutParameterRequest) { in.Overwrite = new(true) }, "HierarchyTypeMismatchException", "StringList to String"},
	} {
		var more []func(*ssm.PutParameterRequest)
		if tt.change != nil {
			more = append(more, tt.change)
		}
		_, err := s.put(tt.name, tt.value, more...)
		refused(t, err, tt.code, tt.text)
	}
}

func TestTiers(t *testing.T) {
	s := newServer(t)
	long := strings.Repeat("é", 5000)
	_, err := s.put("p", long, func(in *ssm.PutParameterRequest) { in.Tier = new(ssm.ParameterTierIntelligentTiering) })
	must(t, err)
	out, err := s.PutParameter(t.Context(), &ssm.PutParameterRequest{Name: "p", Value: "short", Overwrite: new(true)})
	if err != nil || *out.Tier != ssm.ParameterTierAdvanced {
		t.Errorf("%+v, %v", out, err)
	}
	_, err = s.put("p", "short", overwrite, func(in *ssm.PutParameterRequest) { in.Tier = new(ssm.ParameterTierStandard) })
	refused(t, err, "ValidationException", "You can't downgrade a parameter")
}

// A SecureString is in clear neither in the answers without decryption nor on the disk.
func TestSecureString(t *testing.T) {
	s, ctx := newServer(t), t.Context()
	const secret = "correct horse battery staple"
	secure := func(in *ssm.PutParameterRequest) { in.Type = new(ssm.ParameterTypeSecureString) }
	_, err := s.put("/s", secret, secure)
	must(t, err)
	s.wants("/s", "/s="+secret+" v1")
	out, err := s.GetParameter(ctx, &ssm.GetParameterRequest{Name: "/s"})
	must(t, err)
	if strings.Contains(*out.Parameter.Value, secret) || len(*out.Parameter.Value) < 20 {
		t.Error(*out.Parameter.Value)
	}
	described, err := s.DescribeParameters(ctx, &ssm.DescribeParametersRequest{})
	must(t, err)
	if p := described.Parameters; len(p) != 1 || *p[0].KeyId != "alias/aws/ssm" || *p[0].ARN != prefix+"s" {
		t.Errorf("%+v", p)
	}
	must(t, filepath.WalkDir(s.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(secret)) {
			t.Errorf("%s holds the value", d.Name())
		}
		return err
	}))
}

func TestPaths(t *testing.T) {
	s, ctx := newServer(t), t.Context()
	for _, name := range []string{"/a/b", "/a/c/d", "/a/c/e", "/ab", "a", "/b/x"} {
		_, err := s.put(name, "v")
		must(t, err)
	}
	by := func(path string, recursive bool, most *int) (names []string) {
		t.Helper()
		in := &ssm.GetParametersByPathRequest{Path: path, Recursive: &recursive, MaxResults: most}
		for {
			out, err := s.GetParametersByPath(ctx, in)
			must(t, err)
			for _, p := range out.Parameters {
				names = append(names, *p.Name)
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				return names
			}
		}
	}
	for _, tt := range []struct {
		path      string
		recursive bool
		want      string
	}{
		{"/", false, "/ab"},
		{"/", true, "/a/b /a/c/d /a/c/e /ab /b/x"},
		{"/a", false, "/a/b"},
		{"/a/", true, "/a/b /a/c/d /a/c/e"},
		{"/none", true, ""},
	} {
		if got := strings.Join(by(tt.path, tt.recursive, new(2)), " "); got != tt.want {
			t.Errorf("%s %t: %q, want %q", tt.path, tt.recursive, got, tt.want)
		}
	}
	_, err := s.GetParametersByPath(ctx, &ssm.GetParametersByPathRequest{Path: "a"})
	refused(t, err, "ValidationException", "Valid example: /get/parameters2-/by1./path0_.")
	_, err = s.GetParametersByPath(ctx, &ssm.GetParametersByPathRequest{Path: "/", NextToken: new("x")})
	refused(t, err, "InvalidNextToken", "")

	several, err := s.GetParameters(ctx, &ssm.GetParametersRequest{Names: []string{"a", "none", "/ab", "/a/b:2"}})
	must(t, err)
	if len(several.Parameters) != 2 || !slices.Equal(several.InvalidParameters, []string{"none", "/a/b:2"}) {
		t.Errorf("%+v", several)
	}
	_, err = s.GetParameters(ctx, &ssm.GetParametersRequest{Names: []string{"a", "a"}})
	refused(t, err, "ValidationException", "Duplicate")
	gone, err := s.DeleteParameters(ctx, &ssm.DeleteParametersRequest{Names: []string{"a", "none"}})
	must(t, err)
	if !slices.Equal(gone.DeletedParameters, []string{"a"}) || !slices.Equal(gone.InvalidParameters, []string{"none"}) {
		t.Errorf("%+v", gone)
	}
}

func TestFilters(t *testing.T) {
	s, ctx := newServer(t), t.Context()
	for _, name := range []string{"/a/b", "/a/c/d", "e"} {
		_, err := s.put(name, "v", func(in *ssm.PutParameterRequest) { in.Tags = []ssm.Tag{{Key: "n", Value: name[len(name)-1:]}} })
		must(t, err)
	}
	for _, tt := range []struct {
		key, option string
		values      []string
		want        string
	}{
		{"Name", "", []string{"e", "/a/b"}, "/a/b e"},
		{"Name", "BeginsWith", []string{"/a"}, "/a/b /a/c/d"},
		{"Name", "Contains", []string{"c"}, "/a/c/d"},
		{"Path", "OneLevel", []string{"/a"}, "/a/b"},
		{"Path", "Recursive", []string{"/a"}, "/a/b /a/c/d"},
		{"Type", "Equals", []string{"StringList"}, ""},
		{"tag:n", "Equals", []string{"d", "e"}, "/a/c/d e"},
		{"tag:m", "", nil, ""},
		{"tag:n", "", nil, "/a/b /a/c/d e"},
	} {
		f := ssm.ParameterStringFilter{Key: tt.key, Values: tt.values}
		if tt.option != "" {
			f.Option = &tt.option
		}
		out, err := s.DescribeParameters(ctx, &ssm.DescribeParametersRequest{ParameterFilters: []ssm.ParameterStringFilter{f}})
		must(t, err)
		var names []string
		for _, p := range out.Parameters {
			names = append(names, *p.Name)
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("%s %s %q: %q, want %q", tt.key, tt.option, tt.values, got, tt.want)
		}
	}
	bad := func(code string, f ssm.ParameterStringFilter) {
		t.Helper()
		_, err := s.DescribeParameters(ctx, &ssm.DescribeParametersRequest{ParameterFilters: []ssm.ParameterStringFilter{f}})
		refused(t, err, code, "")
	}
	bad("InvalidFilterKey", ssm.ParameterStringFilter{Key: "Label", Values: []string{"x"}})
	bad("InvalidFilterOption", ssm.ParameterStringFilter{Key: "Type", Option: new("Contains"), Values: []string{"x"}})
	bad("InvalidFilterValue", ssm.ParameterStringFilter{Key: "Type"})
	bad("ValidationException", ssm.ParameterStringFilter{Key: "Nothing", Values: []string{"x"}})
}

func TestTags(t *testing.T) {
	s, ctx := newServer(t), t.Context()
	_, err := s.put("p", "v")
	must(t, err)
	_, err = s.AddTagsToResource(ctx, &ssm.AddTagsToResourceRequest{ResourceType: "Parameter", ResourceId: "p", Tags: []ssm.Tag{{Key: "b", Value: "1"}, {Key: "a", Value: "2"}}})
	must(t, err)
	_, err = s.RemoveTagsFromResource(ctx, &ssm.RemoveTagsFromResourceRequest{ResourceType: "Parameter", ResourceId: "p", TagKeys: []string{"b", "c"}})
	must(t, err)
	out, err := s.ListTagsForResource(ctx, &ssm.ListTagsForResourceRequest{ResourceType: "Parameter", ResourceId: "p"})
	if err != nil || !slices.Equal(out.TagList, []ssm.Tag{{Key: "a", Value: "2"}}) {
		t.Errorf("%+v, %v", out, err)
	}
	_, err = s.ListTagsForResource(ctx, &ssm.ListTagsForResourceRequest{ResourceType: "Parameter", ResourceId: "q"})
	refused(t, err, "InvalidResourceId", "")
	_, err = s.ListTagsForResource(ctx, &ssm.ListTagsForResourceRequest{ResourceType: "Document", ResourceId: "p"})
	refused(t, err, "InvalidResourceType", "")
}

// Every operation names its action and the parameter's ARN.
func TestAccess(t *testing.T) {
	s := newServer(t)
	_, err := s.put("/a/b", "v", func(in *ssm.PutParameterRequest) { in.Tags = []ssm.Tag{{Key: "k", Value: "v"}} })
	must(t, err)
	ctx := authz.WithCaller(t.Context(), root(), authz.Env{})
	for _, tt := range []struct {
		in   any
		want string
	}{
		{&ssm.PutParameterRequest{Name: "n", Tags: []ssm.Tag{{}}}, "ssm:PutParameter " + prefix + "n, ssm:AddTagsToResource " + prefix + "n"},
		{&ssm.GetParameterRequest{Name: "/a/b:1"}, "ssm:GetParameter " + prefix + "a/b"},
		{&ssm.GetParameterRequest{Name: prefix + "a/b"}, "ssm:GetParameter " + prefix + "a/b"},
		{&ssm.GetParameterRequest{Name: "arn:aws:ssm:us-east-1:111111111111:parameter/a/b"}, "ssm:GetParameter arn:aws:ssm:us-east-1:111111111111:parameter/a/b"},
		{&ssm.GetParametersRequest{Names: []string{"a", "/b"}}, "ssm:GetParameters " + prefix + "a, ssm:GetParameters " + prefix + "b"},
		{&ssm.GetParametersByPathRequest{Path: "/a"}, "ssm:GetParametersByPath " + prefix + "a"},
		{&ssm.GetParameterHistoryRequest{Name: "x"}, "ssm:GetParameterHistory " + prefix + "x"},
		{&ssm.DescribeParametersRequest{}, "ssm:DescribeParameters arn:aws:ssm:us-east-1:000000000000:*"},
		{&ssm.DeleteParameterRequest{Name: "x"}, "ssm:DeleteParameter " + prefix + "x"},
		{&ssm.DeleteParametersRequest{Names: []string{"x"}}, "ssm:DeleteParameters " + prefix + "x"},
		{&ssm.LabelParameterVersionRequest{Name: "x"}, "ssm:LabelParameterVersion " + prefix + "x"},
		{&ssm.UnlabelParameterVersionRequest{Name: "x"}, "ssm:UnlabelParameterVersion " + prefix + "x"},
		{&ssm.AddTagsToResourceRequest{ResourceId: "x"}, "ssm:AddTagsToResource " + prefix + "x"},
		{&ssm.RemoveTagsFromResourceRequest{ResourceId: "x"}, "ssm:RemoveTagsFromResource " + prefix + "x"},
		{&ssm.ListTagsForResourceRequest{ResourceId: "x"}, "ssm:ListTagsForResource " + prefix + "x"},
	} {
		accesses, err := s.service.Access(ctx, tt.in)
		must(t, err)
		var got []string
		for _, a := range accesses {
			got = append(got, a.Action+" "+a.Resource)
		}
		if got := strings.Join(got, ", "); got != tt.want {
			t.Errorf("%T: %s, want %s", tt.in, got, tt.want)
		}
	}
	accesses, err := s.service.Access(ctx, &ssm.GetParameterRequest{Name: "/a/b"})
	if err != nil || accesses[0].Tags["k"] != "v" {
		t.Errorf("%+v, %v", accesses, err)
	}
}
