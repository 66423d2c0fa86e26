package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"furl/internal/admin"
	"furl/internal/cli"
)

// event is the nth of a log.
func event(n int, message string) admin.LogEvent {
	return admin.LogEvent{EventId: fmt.Sprint("id", n), Timestamp: 1_800_000_000_000 + int64(n), LogStreamName: "2027/01/15/[$LATEST]abcdef0123", Message: message}
}

func TestLogs(t *testing.T) {
	a := &fakeAdmin{}
	environ := fakeServer(t, &fakeLambda{}, a)
	a.logs = func(in *admin.GetLogsRequest) (*admin.GetLogsResponse, error) {
		if in.StartTime == nil {
			if in.Last == nil || !*in.Last || *in.Limit != 1000 {
				return nil, fmt.Errorf("want the last 1000 events, is asked for %+v", in)
			}
			return &admin.GetLogsResponse{LogGroupName: "g", Events: []admin.LogEvent{event(1, "one\n"), event(2, "two\nlines\n")}, NextToken: new("more")}, nil
		}
		if in.NextToken == nil {
			return &admin.GetLogsResponse{LogGroupName: "g", Events: []admin.LogEvent{event(1, "one\n")}, NextToken: new("more")}, nil
		}
		return &admin.GetLogsResponse{LogGroupName: "g", Events: []admin.LogEvent{event(2, "\x1b[31mtwo")}}, nil
	}
	furlWith(t, environ, "logs", "f").matches(t, 0, `\A2027-01-15 08:00:00\.001 abcdef one\n2027-01-15 08:00:00\.002 abcdef two\n    lines\n\z`, "")
	furlWith(t, environ, "logs", "f", "--since", "10m").matches(t, 0, `\A.* one\n.* \x1b\[31mtwo\n\z`, "")
	out := furlWith(t, environ, "logs", "f", "--json").ok(t)
	for line := range strings.Lines(out) {
		var e admin.LogEvent
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Message == "" || e.EventId == "" || e.Timestamp == 0 {
			t.Errorf("%s: %+v, %v", line, e, err)
		}
	}
}

// TestFollowLogs: events come as they arrive, none twice, until the command is
// told to stop.
func TestFollowLogs(t *testing.T) {
	a := &fakeAdmin{}
	environ := fakeServer(t, &fakeLambda{}, a)
	tokens := make(chan string, 100)
	a.logs = func(in *admin.GetLogsRequest) (*admin.GetLogsResponse, error) {
		if in.Follow == nil {
			return &admin.GetLogsResponse{LogGroupName: "g", Events: []admin.LogEvent{event(1, "one"), event(2, "two")}}, nil
		}
		tokens <- *in.NextToken
		if *in.NextToken == "id2" {
			return &admin.GetLogsResponse{LogGroupName: "g", Events: []admin.LogEvent{event(1, "one"), event(3, "three")}, NextToken: new("id3")}, nil
		}
		return &admin.GetLogsResponse{LogGroupName: "g", NextToken: in.NextToken}, nil
	}
	ctx, stop := context.WithCancel(t.Context())
	stdout, stderr := newOutput(), newOutput()
	ended := make(chan int, 1)
	go func() {
		ended <- cli.Run(ctx, environ, []string{"logs", "f", "-f"}, strings.NewReader(""), stdout, stderr)
	}()
	stdout.wait(t, " three$")
	for range 2 {
		if token := <-tokens; token != "id2" && token != "id3" {
			t.Errorf("followed from %s", token)
		}
	}
	go func() {
		for range tokens { // let it go on asking
		}
	}()
	stop()
	if code := <-ended; code != 0 {
		text, _ := stderr.now()
		t.Errorf("exit code %d: %s", code, text)
	}
	if text, _ := stdout.now(); strings.Count(text, "\n") != 3 {
		t.Errorf("%s", text)
	}
}
