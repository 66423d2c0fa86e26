package cwlogs_test

import (
	"errors"
	"log/slog"
	"reflect"
	"testing"

	"furl/internal/authz"
	"furl/internal/authz/authztest"
	"furl/internal/awsapi"
	"furl/internal/cwlogs"
	"furl/internal/logs"
)

const groupARN = "arn:aws:logs:us-east-1:111122223333:log-group:"

// house is CloudWatch Logs behind signatures and policies.
type house struct {
	*authztest.House
	service *cwlogs.Service
	url     string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{House: authztest.New(t, false)}
	log, err := logs.Open(t.TempDir(), logs.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, log.Close()) })
	h.service = cwlogs.New(cwlogs.Options{
		State: h.State, Logs: log, Home: cwlogs.Home{Account: authztest.Account, Region: authztest.Region},
		Now: h.Clock.Now, Logger: slog.New(slog.DiscardHandler),
	})
	t.Cleanup(func() { must(t, h.service.Close()) })
	h.url = h.Serve(authztest.Served{Service: cwlogs.Operations(h.service), Access: h.service.Access})
	return h
}

// TestAccess knows what every operation asks for.
func TestAccess(t *testing.T) {
	h := newHouse(t)
	g, arn := new("g"), groupARN+"g"
	caller := &authz.Caller{}
	caller.Principal.Account = authztest.Account
	ctx := authz.WithCaller(t.Context(), caller, authz.Env{})
	tried := map[string]bool{}
	for _, tt := range []struct {
		in               any
		action, resource string
	}{
		{&cwlogs.CreateLogGroupRequest{LogGroupName: "g"}, "CreateLogGroup", arn + ":log-stream:"},
		{&cwlogs.DeleteLogGroupRequest{LogGroupName: "g"}, "DeleteLogGroup", arn + ":log-stream:"},
		{&cwlogs.DescribeLogGroupsRequest{}, "DescribeLogGroups", groupARN + ":log-stream:"},
		{&cwlogs.ListLogGroupsRequest{}, "ListLogGroups", groupARN + ":log-stream:"},
		{&cwlogs.PutLogGroupDeletionProtectionRequest{LogGroupIdentifier: arn}, "PutLogGroupDeletionProtection", arn + ":log-stream:"},
		{&cwlogs.CreateLogStreamRequest{LogGroupName: "g", LogStreamName: "s"}, "CreateLogStream", arn + ":log-stream:s"},
		{&cwlogs.DeleteLogStreamRequest{LogGroupName: "g", LogStreamName: "s"}, "DeleteLogStream", arn + ":log-stream:s"},
		{&cwlogs.DescribeLogStreamsRequest{LogGroupName: g}, "DescribeLogStreams", arn + ":log-stream:"},
		{&cwlogs.PutLogEventsRequest{LogGroupName: "g", LogStreamName: "s"}, "PutLogEvents", arn + ":log-stream:s"},
		{&cwlogs.GetLogEventsRequest{LogGroupName: g, LogStreamName: "s"}, "GetLogEvents", arn + ":log-stream:s"},
		{&cwlogs.FilterLogEventsRequest{LogGroupIdentifier: &arn}, "FilterLogEvents", arn + ":log-stream:"},
		{&cwlogs.StartLiveTailRequest{LogGroupIdentifiers: []string{arn}}, "StartLiveTail", arn + ":log-stream:"},
		{&cwlogs.PutRetentionPolicyRequest{LogGroupName: "g"}, "PutRetentionPolicy", arn + ":log-stream:"},
		{&cwlogs.DeleteRetentionPolicyRequest{LogGroupName: "g"}, "DeleteRetentionPolicy", arn + ":log-stream:"},
		{&cwlogs.TagResourceRequest{ResourceArn: arn}, "TagResource", arn},
		{&cwlogs.UntagResourceRequest{ResourceArn: arn}, "UntagResource", arn},
		{&cwlogs.ListTagsForResourceRequest{ResourceArn: arn}, "ListTagsForResource", arn},
		{&cwlogs.TagLogGroupRequest{LogGroupName: "g"}, "TagLogGroup", arn},
		{&cwlogs.UntagLogGroupRequest{LogGroupName: "g"}, "UntagLogGroup", arn},
		{&cwlogs.ListTagsLogGroupRequest{LogGroupName: "g"}, "ListTagsLogGroup", arn + ":log-stream:"},
		{&cwlogs.DescribeMetricFiltersRequest{LogGroupName: g}, "DescribeMetricFilters", arn + ":log-stream:"},
		{&cwlogs.DescribeSubscriptionFiltersRequest{LogGroupName: "g"}, "DescribeSubscriptionFilters", arn + ":log-stream:"},
		{&cwlogs.DescribeResourcePoliciesRequest{}, "DescribeResourcePolicies", "*"},
		{&cwlogs.DescribeIndexPoliciesRequest{LogGroupIdentifiers: []string{"g"}}, "DescribeIndexPolicies", arn + ":log-stream:"},
		{&cwlogs.GetDataProtectionPolicyRequest{LogGroupIdentifier: "g"}, "GetDataProtectionPolicy", arn + ":log-stream:"},
		{&cwlogs.TestMetricFilterRequest{}, "TestMetricFilter", "*"},
	} {
		tried[tt.action] = true
		got, err := h.service.Access(ctx, tt.in)
		if err != nil || len(got) != 1 || got[0].Action != "logs:"+tt.action || got[0].Resource != tt.resource || got[0].Account != authztest.Account {
			t.Errorf("%s: %+v, %v", tt.action, got, err)
		}
	}
	for m := range reflect.TypeFor[cwlogs.API]().Methods() {
		if !tried[m.Name] {
			t.Errorf("%s is not tried", m.Name)
		}
	}
}

// as is a client of somebody.
func (h *house) as(t *testing.T, w authztest.Who) *cwlogs.Client {
	t.Helper()
	c, err := cwlogs.NewClient(h.Client(h.url, w))
	must(t, err)
	return c
}

func TestPolicies(t *testing.T) {
	h := newHouse(t)
	writer := h.User("writer", `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["logs:CreateLogGroup","logs:CreateLogStream","logs:PutLogEvents"],"Resource":"`+groupARN+`/app/*:*"},
		{"Effect":"Allow","Action":"logs:FilterLogEvents","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"a"}}},
		{"Effect":"Allow","Action":"logs:TagResource","Resource":"`+groupARN+`/app/*"}]}`)
	c, ctx := h.as(t, writer), t.Context()
	denied := func(err error, action, resource string) {
		t.Helper()
		refused(t, err, "AccessDeniedException", "User: "+writer.ARN+" is not authorized to perform: logs:"+action+" on resource: "+resource+
			" because no identity-based policy allows the logs:"+action+" action")
	}
	create := func(name string, tags map[string]string) error {
		return c.CreateLogGroup(ctx, &cwlogs.CreateLogGroupRequest{LogGroupName: name, Tags: tags})
	}
	denied(create("other", nil), "CreateLogGroup", groupARN+"other:log-stream:")
	must(t, create("/app/a", map[string]string{"team": "a"}))
	must(t, create("/app/b", nil))
	must(t, c.CreateLogStream(ctx, &cwlogs.CreateLogStreamRequest{LogGroupName: "/app/a", LogStreamName: "s"}))
	_, err := c.PutLogEvents(ctx, &cwlogs.PutLogEventsRequest{LogGroupName: "/app/a", LogStreamName: "s",
		LogEvents: []cwlogs.InputLogEvent{{Timestamp: h.Clock.Now().UnixMilli(), Message: "m"}}})
	must(t, err)
	_, err = c.GetLogEvents(ctx, &cwlogs.GetLogEventsRequest{LogGroupName: new("/app/a"), LogStreamName: "s"})
	denied(err, "GetLogEvents", groupARN+"/app/a:log-stream:s")
	_, err = c.FilterLogEvents(ctx, &cwlogs.FilterLogEventsRequest{LogGroupName: new("/app/a")})
	must(t, err)
	_, err = c.FilterLogEvents(ctx, &cwlogs.FilterLogEventsRequest{LogGroupName: new("/app/b")})
	denied(err, "FilterLogEvents", groupARN+"/app/b:log-stream:")

	// Groups of another account have the same names and are others.
	other := h.as(t, h.OtherAccount("444455556666"))
	must(t, other.CreateLogGroup(ctx, &cwlogs.CreateLogGroupRequest{LogGroupName: "/app/a"}))
	_, err = other.FilterLogEvents(ctx, &cwlogs.FilterLogEventsRequest{LogGroupIdentifier: new(groupARN + "/app/a")})
	if e, ok := errors.AsType[*awsapi.Error](err); !ok || e.Code != "AccessDeniedException" {
		t.Errorf("another account's group: %v", err)
	}
	// The key of a group of theirs in the files is the name of no group here.
	for _, name := range []string{"444455556666:us-east-1:/app/a", groupARN + "444455556666:us-east-1:/app/a"} {
		_, err = h.as(t, h.Root).FilterLogEvents(ctx, &cwlogs.FilterLogEventsRequest{LogGroupIdentifier: &name})
		refused(t, err, "ResourceNotFoundException", "The specified log group does not exist.")
	}
	page, err := other.DescribeLogGroups(ctx, &cwlogs.DescribeLogGroupsRequest{})
	if must(t, err); len(page.LogGroups) != 1 || *page.LogGroups[0].LogGroupArn != "arn:aws:logs:us-east-1:444455556666:log-group:/app/a" {
		t.Errorf("%+v", page.LogGroups)
	}
}
