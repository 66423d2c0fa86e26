package cwlogs_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/cwlogs"
	"furl/internal/logs"
	"furl/internal/policy"
	"furl/internal/state"
	"furl/internal/store/sqlite"
)

const (
	account = "000000000000"
	region  = "us-east-1"
)

var home = cwlogs.Home{Account: account, Region: region}

// server is CloudWatch Logs without the rest of a server.
type server struct {
	*cwlogs.Client
	t     testing.TB
	state *state.State
	logs  *logs.Log
	url   string
	now   func() time.Time
}

func newServer(t testing.TB) *server {
	t.Helper()
	dir := t.TempDir()
	db, err := sqlite.Open(t.Context(), filepath.Join(dir, "data"), sqlite.Options{})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	s := &server{t: t, now: time.Now}
	s.state, err = state.Open(t.Context(), db, state.Options{SealKey: make([]byte, state.SealKeySize), Logger: slog.New(slog.DiscardHandler)})
	must(t, err)
	t.Cleanup(func() { must(t, s.state.Close()) })
	s.logs, err = logs.Open(filepath.Join(dir, "logs"), logs.Options{Retain: home.Retention(s.state)})
	must(t, err)
	t.Cleanup(func() { must(t, s.logs.Close()) })
	service := cwlogs.New(cwlogs.Options{
		State: s.state, Logs: s.logs, Home: home, Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return s.now() },
	})
	t.Cleanup(func() { must(t, service.Close()) })
	api, err := awsapi.NewServer(awsapi.Hooks{Authenticate: asRoot}, cwlogs.Operations(service))
	must(t, err)
	http := httptest.NewServer(api)
	t.Cleanup(http.Close)
	s.url = http.URL
	s.Client, err = cwlogs.NewClient(awsapi.ClientConfig{Endpoint: http.URL})
	must(t, err)
	return s
}

func asRoot(r *http.Request, _ string, _ []byte) (context.Context, error) {
	c := &authz.Caller{Principal: policy.Principal{Account: account, ARN: "arn:aws:iam::" + account + ":root"}}
	return authz.WithCaller(r.Context(), c, authz.Env{}), nil
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
	var e *awsapi.Error
	if !errors.As(err, &e) || e.Code != code || e.Status != 400 || !strings.Contains(e.Message, message) {
		t.Errorf("%v; want %s: %s", err, code, message)
	}
}

// group makes a log group with a stream.
func (s *server) group(group, stream string) {
	s.t.Helper()
	must(s.t, s.CreateLogGroup(s.t.Context(), &cwlogs.CreateLogGroupRequest{LogGroupName: group}))
	must(s.t, s.CreateLogStream(s.t.Context(), &cwlogs.CreateLogStreamRequest{LogGroupName: group, LogStreamName: stream}))
}

// put adds messages, a millisecond apart.
func (s *server) put(group, stream string, from time.Time, messages ...string) {
	s.t.Helper()
	in := &cwlogs.PutLogEventsRequest{LogGroupName: group, LogStreamName: stream}
	for i, m := range messages {
		in.LogEvents = append(in.LogEvents, cwlogs.InputLogEvent{Timestamp: from.UnixMilli() + int64(i), Message: m})
	}
	out, err := s.PutLogEvents(s.t.Context(), in)
	must(s.t, err)
	if out.NextSequenceToken == nil || len(*out.NextSequenceToken) != 56 || out.RejectedLogEventsInfo != nil {
		s.t.Errorf("%+v", out)
	}
}

func TestGroups(t *testing.T) {
	s, ctx := newServer(t), t.Context()
	create := func(name string) error {
		return s.CreateLogGroup(ctx, &cwlogs.CreateLogGroupRequest{LogGroupName: name, Tags: map[string]string{"n": "v"}})
	}
	must(t, create("a/2"))
	must(t, create("a/1"))
	must(t, create("b"))
	refused(t, create("b"), "ResourceAlreadyExistsException", "The specified log group already exists")
	refused(t, create(strings.Repeat("x", 513)), "InvalidParameterException", "both must have length less than or equal to 512")
	refused(t, create("a b"), "InvalidParameterException", `1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: `+
		`Member must satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+`)
	refused(t, s.CreateLogGroup(ctx, &cwlogs.CreateLogGroupRequest{LogGroupName: "k", KmsKeyId: new("arn:aws:kms:x")}), "InvalidParameterException", "KMS")

	page, err := s.DescribeLogGroups(ctx, &cwlogs.DescribeLogGroupsRequest{LogGroupNamePrefix: new("a/"), Limit: new(1)})
	must(t, err)
	g := page.LogGroups[0]
	if *g.LogGroupName != "a/1" || *g.Arn != "arn:aws:logs:us-east-1:000000000000:log-group:a/1:*" || *g.StoredBytes != 0 || g.RetentionInDays != nil {
		t.Errorf("%+v", g)
	}
	page, err = s.DescribeLogGroups(ctx, &cwlogs.DescribeLogGroupsRequest{LogGroupNamePrefix: new("a/"), Limit: new(1), NextToken: page.NextToken})
	if must(t, err); len(page.LogGroups) != 1 || *page.LogGroups[0].LogGroupName != "a/2" || page.NextToken != nil {
		t.Errorf("%+v", page)
	}
	_, err = s.DescribeLogGroups(ctx, &cwlogs.DescribeLogGroupsRequest{NextToken: new("x")})
	refused(t, err, "InvalidParameterException", "The specified nextToken is invalid.")

	must(t, s.PutRetentionPolicy(ctx, &cwlogs.PutRetentionPolicyRequest{LogGroupName: "b", RetentionInDays: 7}))
	refused(t, s.PutRetentionPolicy(ctx, &cwlogs.PutRetentionPolicyRequest{LogGroupName: "b", RetentionInDays: 8}),
		"InvalidParameterException", "Value '8' at 'retentionInDays' failed")
	refused(t, s.PutRetentionPolicy(ctx, &cwlogs.PutRetentionPolicyRequest{LogGroupName: "c", RetentionInDays: 7}),
		"ResourceNotFoundException", "The specified log group does not exist.")
	page, err = s.DescribeLogGroups(ctx, &cwlogs.DescribeLogGroupsRequest{LogGroupIdentifiers: []string{"b"}})
	if must(t, err); len(page.LogGroups) != 1 || *page.LogGroups[0].RetentionInDays != 7 {
		t.Errorf("%+v", page)
	}
	must(t, s.DeleteRetentionPolicy(ctx, &cwlogs.DeleteRetentionPolicyRequest{LogGroupName: "b"}))

	list, err := s.ListLogGroups(ctx, &cwlogs.ListLogGroupsRequest{LogGroupNamePattern: new("^a/1|xxx")})
	if must(t, err); len(list.LogGroups) != 1 {
		t.Errorf("%+v", list)
	}
	protect := func(on bool) {
		must(t, s.PutLogGroupDeletionProtection(ctx, &cwlogs.PutLogGroupDeletionProtectionRequest{LogGroupIdentifier: "b", DeletionProtectionEnabled: on}))
	}
	protect(true)
	refused(t, s.DeleteLogGroup(ctx, &cwlogs.DeleteLogGroupRequest{LogGroupName: "b"}), "ValidationException", "protection")
	protect(false)
	must(t, s.DeleteLogGroup(ctx, &cwlogs.DeleteLogGroupRequest{LogGroupName: "b"}))
	refused(t, s.DeleteLogGroup(ctx, &cwlogs.DeleteLogGroupRequest{LogGroupName: "b"}), "ResourceNotFoundException", "The specified log group does not exist.")
}

func TestTags(t *testing.T) {
	s, ctx := newServer(t), t.Context()
	s.group("g", "s")
	arn := "arn:aws:logs:us-east-1:000000000000:log-group:g"
	must(t, s.TagResource(ctx, &cwlogs.TagResourceRequest{ResourceArn: arn, Tags: map[string]string{"a": "1", "b": "2"}}))
	must(t, s.TagLogGroup(ctx, &cwlogs.TagLogGroupRequest{LogGroupName: "g", Tags: map[string]string{"b": "3", "c": "4"}}))
	must(t, s.UntagResource(ctx, &cwlogs.UntagResourceRequest{ResourceArn: arn, TagKeys: []string{"a", "x"}}))
	must(t, s.UntagLogGroup(ctx, &cwlogs.UntagLogGroupRequest{LogGroupName: "g", Tags: []string{"c"}}))
	out, err := s.ListTagsForResource(ctx, &cwlogs.ListTagsForResourceRequest{ResourceArn: arn})
	if must(t, err); fmt.Sprint(out.Tags) != "map[b:3]" {
		t.Errorf("%v", out.Tags)
	}
	many := map[string]string{}
	for i := range 50 {
		many[fmt.Sprint("k", i)] = ""
	}
	refused(t, s.TagResource(ctx, &cwlogs.TagResourceRequest{ResourceArn: arn, Tags: many}), "TooManyTagsException", "50")
	_, err = s.ListTagsForResource(ctx, &cwlogs.ListTagsForResourceRequest{ResourceArn: "arn:aws:logs:us-east-1:000000000000:destination:d"})
	refused(t, err, "ResourceNotFoundException", "The specified resource does not exist.")
	_, err = s.ListTagsLogGroup(ctx, &cwlogs.ListTagsLogGroupRequest{LogGroupName: "x"})
	refused(t, err, "ResourceNotFoundException", "The specified log group does not exist.")
}

// streamNames lists the streams of a group page by page.
func (s *server) streamNames(in cwlogs.DescribeLogStreamsRequest) string {
	s.t.Helper()
	var names []string
	for {
		out, err := s.DescribeLogStreams(s.t.Context(), &in)
		must(s.t, err)
		for _, l := range out.LogStreams {
			names = append(names, *l.LogStreamName)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			return strings.Join(names, " ")
		}
	}
}

func TestStreams(t *testing.T) {
	s, ctx := newServer(t), t.Context()
	s.group("g", "b")
	for _, name := range []string{"a", "ab", "c"} {
		must(t, s.CreateLogStream(ctx, &cwlogs.CreateLogStreamRequest{LogGroupName: "g", LogStreamName: name}))
	}
	refused(t, s.CreateLogStream(ctx, &cwlogs.CreateLogStreamRequest{LogGroupName: "g", LogStreamName: "a"}),
		"ResourceAlreadyExistsException", "The specified log stream already exists")
	now := time.Now()
	s.put("g", "a", now.Add(-time.Minute), "x")
	s.put("g", "c", now.Add(-time.Hour), "x")
	s.logs.Append("g", "function's", logs.Event{Time: now.Add(-2 * time.Hour), Message: "x"})
	byTime := cwlogs.OrderByLastEventTime
	for _, tt := range []struct {
		in   cwlogs.DescribeLogStreamsRequest
		want string
	}{
		{cwlogs.DescribeLogStreamsRequest{}, "a ab b c function's"},
		{cwlogs.DescribeLogStreamsRequest{Descending: new(true)}, "function's c b ab a"},
		{cwlogs.DescribeLogStreamsRequest{LogStreamNamePrefix: new("a")}, "a ab"},
		{cwlogs.DescribeLogStreamsRequest{OrderBy: &byTime}, "ab b function's c a"},
		{cwlogs.DescribeLogStreamsRequest{OrderBy: &byTime, Descending: new(true)}, "a c function's b ab"},
	} {
		tt.in.LogGroupName, tt.in.Limit = new("g"), new(2)
		if got := s.streamNames(tt.in); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
	_, err := s.DescribeLogStreams(ctx, &cwlogs.DescribeLogStreamsRequest{LogGroupName: new("g"), LogStreamNamePrefix: new("a"), OrderBy: &byTime})
	refused(t, err, "InvalidParameterException", "Cannot order by LastEventTime with a logStreamNamePrefix.")
	_, err = s.DescribeLogStreams(ctx, &cwlogs.DescribeLogStreamsRequest{LogGroupName: new("x")})
	refused(t, err, "ResourceNotFoundException", "The specified log group does not exist.")

	for _, name := range []string{"a", "function's", "b"} {
		must(t, s.DeleteLogStream(ctx, &cwlogs.DeleteLogStreamRequest{LogGroupName: "g", LogStreamName: name}))
	}
	refused(t, s.DeleteLogStream(ctx, &cwlogs.DeleteLogStreamRequest{LogGroupName: "g", LogStreamName: "a"}),
		"ResourceNotFoundException", "The specified log stream does not exist.")
	if got := s.streamNames(cwlogs.DescribeLogStreamsRequest{LogGroupName: new("g")}); got != "ab c" {
		t.Errorf("%q after the deletions", got)
	}
	out, err := s.FilterLogEvents(ctx, &cwlogs.FilterLogEventsRequest{LogGroupName: new("g")})
	if must(t, err); len(out.Events) != 1 || *out.Events[0].LogStreamName != "c" {
		t.Errorf("%+v", out.Events)
	}
}

func TestPutLogEvents(t *testing.T) {
	s, ctx := newServer(t), t.Context()
	s.group("g", "s")
	must(t, s.PutRetentionPolicy(ctx, &cwlogs.PutRetentionPolicyRequest{LogGroupName: "g", RetentionInDays: 7}))
	now := time.Now()
	at := func(d time.Duration, message string) cwlogs.InputLogEvent {
		return cwlogs.InputLogEvent{Timestamp: now.Add(d).UnixMilli(), Message: message}
	}
	put := func(events ...cwlogs.InputLogEvent) (*cwlogs.PutLogEventsResponse, error) {
		return s.PutLogEvents(ctx, &cwlogs.PutLogEventsRequest{LogGroupName: "g", LogStreamName: "s", LogEvents: events, SequenceToken: new("any")})
	}
	const day = 24 * time.Hour
	out, err := put(at(-15*day, "old"), at(-8*day, "expired"), at(-time.Hour, "in"), at(time.Hour, "in"), at(3*time.Hour, "new"), at(4*time.Hour, "newer"))
	must(t, err)
	if r := out.RejectedLogEventsInfo; r == nil || *r.TooOldLogEventEndIndex != 1 || *r.ExpiredLogEventEndIndex != 2 || *r.TooNewLogEventStartIndex != 4 {
		t.Errorf("%+v", r)
	}
	got, err := s.GetLogEvents(ctx, &cwlogs.GetLogEventsRequest{LogGroupName: new("g"), LogStreamName: "s"})
	if must(t, err); len(got.Events) != 2 {
		t.Errorf("%d events", len(got.Events))
	}
	long := strings.Repeat("x", 1<<19)
	for _, tt := range []struct {
		events  []cwlogs.InputLogEvent
		message string
	}{
		{[]cwlogs.InputLogEvent{at(0, "a"), at(-1*time.Second, "b")}, "Log events in a single PutLogEvents request must be in chronological order."},
		{[]cwlogs.InputLogEvent{at(-2*day, "a"), at(0, "b")}, "cannot span more than 24 hours"},
		{[]cwlogs.InputLogEvent{at(0, long), at(0, long)}, "Upload too large: 1048628 bytes exceeds limit of 1048576"},
		{[]cwlogs.InputLogEvent{at(0, long+long)}, "Log event too large: 1048602 bytes exceeds limit of 1048576"},
		{nil, "1 validation error detected: Value '[]' at 'logEvents'"},
	} {
		if tt.events == nil {
			tt.events = []cwlogs.InputLogEvent{}
		}
		_, err := put(tt.events...)
		refused(t, err, "InvalidParameterException", tt.message)
	}
	_, err = s.PutLogEvents(ctx, &cwlogs.PutLogEventsRequest{LogGroupName: "x", LogStreamName: "s", LogEvents: []cwlogs.InputLogEvent{at(0, "a")}})
	refused(t, err, "ResourceNotFoundException", "The specified log group does not exist.")
	_, err = s.PutLogEvents(ctx, &cwlogs.PutLogEventsRequest{LogGroupName: "g", LogStreamName: "x", LogEvents: []cwlogs.InputLogEvent{at(0, "a")}})
	refused(t, err, "ResourceNotFoundException", "The specified log stream does not exist.")
}

// TestGetLogEvents walks to both ends of a stream, where the token stays what it is.
func TestGetLogEvents(t *testing.T) {
	s, ctx := newServer(t), t.Context()
	s.group("g", "s")
	get := func(in cwlogs.GetLogEventsRequest) (*cwlogs.GetLogEventsResponse, string) {
		t.Helper()
		in.LogGroupName, in.LogStreamName, in.Limit = new("g"), "s", new(2)
		out, err := s.GetLogEvents(ctx, &in)
		must(t, err)
		var messages []string
		for _, e := range out.Events {
			messages = append(messages, *e.Message)
		}
		return out, strings.Join(messages, "")
	}
	empty, _ := get(cwlogs.GetLogEventsRequest{})
	s.put("g", "s", time.Now(), "1", "2", "3", "4", "5")
	if _, got := get(cwlogs.GetLogEventsRequest{NextToken: empty.NextForwardToken}); got != "12" {
		t.Errorf("%q after the token of an empty stream", got)
	}
	out, got := get(cwlogs.GetLogEventsRequest{})
	if got != "45" {
		t.Errorf("latest %q", got)
	}
	for _, want := range []string{"23", "1", ""} {
		token := out.NextBackwardToken
		if out, got = get(cwlogs.GetLogEventsRequest{NextToken: token}); got != want {
			t.Errorf("backward %q, want %q", got, want)
		}
		if same := *token == *out.NextBackwardToken; same != (want == "") {
			t.Errorf("%q: the same token again: %t", want, same)
		}
	}
	if _, got := get(cwlogs.GetLogEventsRequest{NextToken: out.NextForwardToken}); got != "23" { // the page before was 1
		t.Errorf("forward again %q", got)
	}
	out, _ = get(cwlogs.GetLogEventsRequest{StartFromHead: new(true)})
	for _, want := range []string{"34", "5", ""} {
		token := out.NextForwardToken
		if out, got = get(cwlogs.GetLogEventsRequest{NextToken: token}); got != want {
			t.Errorf("forward %q, want %q", got, want)
		}
		if same := *token == *out.NextForwardToken; same != (want == "") {
			t.Errorf("%q: the same token again: %t", want, same)
		}
	}
	_, err := s.GetLogEvents(ctx, &cwlogs.GetLogEventsRequest{LogGroupName: new("g"), LogStreamName: "s", NextToken: new("invalid-token")})
	refused(t, err, "InvalidParameterException", "The specified nextToken is invalid.")
	_, err = s.GetLogEvents(ctx, &cwlogs.GetLogEventsRequest{LogGroupName: new("g"), LogStreamName: "x"})
	refused(t, err, "ResourceNotFoundException", "The specified log stream does not exist.")
	_, err = s.GetLogEvents(ctx, &cwlogs.GetLogEventsRequest{LogGroupName: new("g"), LogGroupIdentifier: new("g"), LogStreamName: "x"})
	refused(t, err, "InvalidParameterException", "mutually exclusive")
}

func TestFilterLogEvents(t *testing.T) {
	s := newServer(t)
	s.group("g", "a")
	must(t, s.CreateLogStream(t.Context(), &cwlogs.CreateLogStreamRequest{LogGroupName: "g", LogStreamName: "ab"}))
	begin := time.Now().Truncate(time.Millisecond)
	s.put("g", "a", begin, "1 GET", "2 PUT", "3 GET")
	s.put("g", "ab", begin.Add(time.Millisecond), "4 GET", "5 PUT")
	ms := func(n int64) *int64 { return new(begin.UnixMilli() + n) }
	for _, tt := range []struct {
		name string
		in   cwlogs.FilterLogEventsRequest
		want string
	}{
		{"all, interleaved", cwlogs.FilterLogEventsRequest{}, "12435"},
		{"latest first", cwlogs.FilterLogEventsRequest{StartFromHead: new(false)}, "53421"},
		{"one stream", cwlogs.FilterLogEventsRequest{LogStreamNames: []string{"ab"}}, "45"},
		{"a prefix", cwlogs.FilterLogEventsRequest{LogStreamNamePrefix: new("a")}, "12435"},
		{"from", cwlogs.FilterLogEventsRequest{StartTime: ms(2)}, "35"},
		{"to, included", cwlogs.FilterLogEventsRequest{EndTime: ms(1)}, "124"},
		{"pattern", cwlogs.FilterLogEventsRequest{FilterPattern: new("PUT")}, "25"},
		{"pattern and stream", cwlogs.FilterLogEventsRequest{FilterPattern: new("-PUT"), LogStreamNames: []string{"a"}}, "13"},
		{"an ARN", cwlogs.FilterLogEventsRequest{LogGroupIdentifier: new("arn:aws:logs:us-east-1:000000000000:log-group:g")}, "12435"},
	} {
		in, got, ids := tt.in, "", map[string]bool{}
		if in.LogGroupIdentifier == nil {
			in.LogGroupName = new("g")
		}
		for in.Limit = new(2); ; {
			out, err := s.FilterLogEvents(t.Context(), &in)
			must(t, err)
			for _, e := range out.Events {
				got += (*e.Message)[:1]
				ids[*e.EventId] = true
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				break
			}
		}
		if got != tt.want || len(ids) != len(tt.want) {
			t.Errorf("%s: %q, want %q; %d ids", tt.name, got, tt.want, len(ids))
		}
	}
	refuse := func(in cwlogs.FilterLogEventsRequest, code, message string) {
		t.Helper()
		in.LogGroupName = new("g")
		_, err := s.FilterLogEvents(t.Context(), &in)
		refused(t, err, code, message)
	}
	refuse(cwlogs.FilterLogEventsRequest{Limit: new(10001)}, "InvalidParameterException",
		"1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000")
	refuse(cwlogs.FilterLogEventsRequest{FilterPattern: new("{")}, "InvalidParameterException", "Invalid filter pattern")
	refuse(cwlogs.FilterLogEventsRequest{NextToken: new("x")}, "InvalidParameterException", "The specified nextToken is invalid.")
	refuse(cwlogs.FilterLogEventsRequest{LogStreamNames: []string{"x"}}, "ResourceNotFoundException", "The specified log stream does not exist.")
}

// TestFunctionsGroups has groups appear that nobody made: what functions log to.
func TestFunctionsGroups(t *testing.T) {
	s, ctx := newServer(t), t.Context()
	s.logs.Append("/aws/lambda/f", "2026/11/23/[$LATEST]abc", logs.Event{Message: "hello\n"})
	s.logs.Append("111111111111:us-east-1:/aws/lambda/f", "s", logs.Event{Message: "not ours\n"})
	out, err := s.FilterLogEvents(ctx, &cwlogs.FilterLogEventsRequest{LogGroupName: new("/aws/lambda/f")})
	if must(t, err); len(out.Events) != 1 || *out.Events[0].Message != "hello\n" {
		t.Errorf("%+v", out.Events)
	}
	page, err := s.DescribeLogGroups(ctx, &cwlogs.DescribeLogGroupsRequest{})
	if must(t, err); len(page.LogGroups) != 1 || *page.LogGroups[0].LogGroupName != "/aws/lambda/f" || *page.LogGroups[0].StoredBytes == 0 {
		t.Errorf("%+v", page.LogGroups)
	}
	refused(t, s.CreateLogGroup(ctx, &cwlogs.CreateLogGroupRequest{LogGroupName: "/aws/lambda/f"}), "ResourceAlreadyExistsException", "")
	must(t, s.PutRetentionPolicy(ctx, &cwlogs.PutRetentionPolicyRequest{LogGroupName: "/aws/lambda/f", RetentionInDays: 1}))
	must(t, s.DeleteLogGroup(ctx, &cwlogs.DeleteLogGroupRequest{LogGroupName: "/aws/lambda/f"}))
	if s.logs.Has("/aws/lambda/f") || !s.logs.Has("111111111111:us-east-1:/aws/lambda/f") {
		t.Error("the deletion took the wrong lines")
	}
	_, err = s.FilterLogEvents(ctx, &cwlogs.FilterLogEventsRequest{LogGroupName: new("/aws/lambda/f")})
	refused(t, err, "ResourceNotFoundException", "The specified log group does not exist.")
}

// TestRetentionHides reads nothing that is older than the group keeps, also before it is deleted.
func TestRetentionHides(t *testing.T) {
	s, ctx := newServer(t), t.Context()
	s.group("g", "s")
	s.put("g", "s", time.Now().Add(-47*time.Hour), "old")
	s.put("g", "s", time.Now(), "new")
	must(t, s.PutRetentionPolicy(ctx, &cwlogs.PutRetentionPolicyRequest{LogGroupName: "g", RetentionInDays: 1}))
	out, err := s.FilterLogEvents(ctx, &cwlogs.FilterLogEventsRequest{LogGroupName: new("g")})
	if must(t, err); len(out.Events) != 1 || *out.Events[0].Message != "new" {
		t.Errorf("%+v", out.Events)
	}
	if keep := home.Retention(s.state)("g"); keep != 24*time.Hour {
		t.Errorf("kept for %v", keep)
	}
}

// session collects what a live tail sends, until it has seen enough events.
type session struct {
	want     int
	start    *cwlogs.LiveTailSessionStart
	begun    func()
	messages []string
}

var errEnough = errors.New("enough")

func (s *session) Begin(*cwlogs.StartLiveTailResponse) error { return nil }

func (s *session) Send(e *cwlogs.StartLiveTailResponseStream) error {
	if e.SessionStart != nil {
		s.start = e.SessionStart
		s.begun()
		return nil
	}
	for _, r := range e.SessionUpdate.SessionResults {
		s.messages = append(s.messages, *r.LogStreamName+" "+*r.Message)
	}
	if len(s.messages) >= s.want {
		return errEnough
	}
	return nil
}

func TestStartLiveTail(t *testing.T) {
	s, ctx := newServer(t), t.Context()
	s.group("g", "a")
	s.put("g", "a", time.Now(), "ERROR before")
	got := &session{want: 2}
	got.begun = func() {
		// A late event is a new one too.
		s.logs.Append("g", "a", logs.Event{Message: "ERROR 1", Time: time.Now().Add(-time.Hour)}, logs.Event{Message: "INFO 2"})
		s.logs.Append("g", "b", logs.Event{Message: "ERROR 3"})
	}
	arn := "arn:aws:logs:us-east-1:000000000000:log-group:g"
	err := s.StartLiveTail(ctx, &cwlogs.StartLiveTailRequest{LogGroupIdentifiers: []string{arn}, LogEventFilterPattern: new("ERROR")}, got)
	slices.Sort(got.messages)
	if !errors.Is(err, errEnough) || strings.Join(got.messages, ",") != "a ERROR 1,b ERROR 3" || got.start.LogGroupIdentifiers[0] != arn {
		t.Errorf("%v, %q, %+v", err, got.messages, got.start)
	}
	err = s.StartLiveTail(ctx, &cwlogs.StartLiveTailRequest{LogGroupIdentifiers: []string{"x"}}, got)
	refused(t, err, "ResourceNotFoundException", "The specified log group does not exist.")
}

// TestWithout asks for what there is none of, as Terraform does.
func TestWithout(t *testing.T) {
	s, ctx := newServer(t), t.Context()
	s.group("g", "s")
	filters, err := s.DescribeMetricFilters(ctx, &cwlogs.DescribeMetricFiltersRequest{LogGroupName: new("g")})
	if must(t, err); filters.MetricFilters == nil || len(filters.MetricFilters) != 0 {
		t.Errorf("%+v", filters)
	}
	_, err = s.DescribeSubscriptionFilters(ctx, &cwlogs.DescribeSubscriptionFiltersRequest{LogGroupName: "g"})
	must(t, err)
	_, err = s.DescribeSubscriptionFilters(ctx, &cwlogs.DescribeSubscriptionFiltersRequest{LogGroupName: "x"})
	refused(t, err, "ResourceNotFoundException", "The specified log group does not exist.")
	_, err = s.DescribeResourcePolicies(ctx, &cwlogs.DescribeResourcePoliciesRequest{})
	must(t, err)
	_, err = s.DescribeIndexPolicies(ctx, &cwlogs.DescribeIndexPoliciesRequest{LogGroupIdentifiers: []string{"g"}})
	must(t, err)
	_, err = s.GetDataProtectionPolicy(ctx, &cwlogs.GetDataProtectionPolicyRequest{LogGroupIdentifier: "g"})
	must(t, err)
	test, err := s.TestMetricFilter(ctx, &cwlogs.TestMetricFilterRequest{FilterPattern: "[ip, ..., s=4*]", LogEventMessages: []string{"1.1.1.1 x 200", "2.2.2.2 y 404"}})
	if must(t, err); len(test.Matches) != 1 || *test.Matches[0].EventNumber != 2 || test.Matches[0].ExtractedValues["$ip"] != "2.2.2.2" {
		t.Errorf("%+v", test)
	}
}
