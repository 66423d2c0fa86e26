package admin_test

import (
	"fmt"
	"testing"
	"time"

	"furl/internal/admin"
	"furl/internal/logs"
)

const group = "/aws/lambda/greeter"

// append logs messages, a second apart.
func (s *server) append(from time.Time, messages ...string) {
	for i, m := range messages {
		s.logs.Append(group, "2026/11/23/[$LATEST]abc", logs.Event{Time: from.Add(time.Duration(i) * time.Second), Message: m, RequestID: "r"})
	}
}

func (s *server) getLogs(in *admin.GetLogsRequest) (messages []string, next *string) {
	s.t.Helper()
	in.FunctionName = "greeter"
	out, err := s.admin.GetLogs(s.t.Context(), in)
	check(s.t, err)
	for _, e := range out.Events {
		messages = append(messages, e.Message)
	}
	if out.LogGroupName != group {
		s.t.Errorf("group %s", out.LogGroupName)
	}
	return messages, out.NextToken
}

func TestGetLogs(t *testing.T) {
	s := newServer(t, false)
	s.function()
	if got, next := s.getLogs(&admin.GetLogsRequest{}); len(got) != 0 || next != nil {
		t.Errorf("before anything was logged: %q, %v", got, next)
	}
	begin := time.UnixMilli(1_800_000_000_000)
	s.append(begin, "a", "b", "c", "d")
	tests := []struct {
		name string
		in   admin.GetLogsRequest
		want string
	}{
		{"all", admin.GetLogsRequest{}, "[a b c d]"},
		{"since", admin.GetLogsRequest{StartTime: new(begin.Add(time.Second).UnixMilli())}, "[b c d]"},
		{"until", admin.GetLogsRequest{EndTime: new(begin.Add(2 * time.Second).UnixMilli())}, "[a b]"},
		{"the last", admin.GetLogsRequest{Last: new(true), Limit: new(2)}, "[c d]"},
		{"a stream", admin.GetLogsRequest{LogStreamPrefix: new("2026/11/23/")}, "[a b c d]"},
		{"another stream", admin.GetLogsRequest{LogStreamPrefix: new("2025")}, "[]"},
		{"following", admin.GetLogsRequest{Follow: new(true), Limit: new(3)}, "[a b c]"},
	}
	for _, tt := range tests {
		if got, _ := s.getLogs(&tt.in); fmt.Sprint(got) != tt.want {
			t.Errorf("%s: %v, want %s", tt.name, got, tt.want)
		}
	}
	first, next := s.getLogs(&admin.GetLogsRequest{Limit: new(3)})
	if next == nil {
		t.Fatal("a page that is not the last has no token")
	}
	rest, end := s.getLogs(&admin.GetLogsRequest{Limit: new(3), NextToken: next})
	if fmt.Sprint(first, rest) != "[a b c] [d]" || end != nil {
		t.Errorf("pages %v %v, then %v", first, rest, end)
	}
	if _, err := s.admin.GetLogs(t.Context(), &admin.GetLogsRequest{FunctionName: "greeter", NextToken: new("nonsense")}); !isCode(err, "ValidationException") {
		t.Errorf("a bad token: %v", err)
	}
	if _, err := s.admin.GetLogs(t.Context(), &admin.GetLogsRequest{FunctionName: "other"}); !isCode(err, "ResourceNotFoundException") {
		t.Errorf("an unknown function: %v", err)
	}
	check(t, s.state.DeleteFunction(t.Context(), s.state.Snapshot().AllFunctions()[0].Function.ID()))
	if got, _ := s.getLogs(&admin.GetLogsRequest{Limit: new(1)}); fmt.Sprint(got) != "[a]" {
		t.Errorf("the log of a function that was removed: %v", got)
	}
}

// TestFollow: a request that follows waits for events, and its token goes on.
func TestFollow(t *testing.T) {
	s := newServer(t, false)
	s.function()
	begin := time.UnixMilli(1_800_000_000_000)
	s.append(begin, "a")
	got, next := s.getLogs(&admin.GetLogsRequest{Follow: new(true)})
	if fmt.Sprint(got) != "[a]" || next == nil {
		t.Fatalf("%v, %v", got, next)
	}
	// What arrives late is not missed, though it happened before.
	go s.append(begin.Add(-time.Minute), "late")
	for range 100 {
		got, after := s.getLogs(&admin.GetLogsRequest{Follow: new(true), NextToken: next})
		if len(got) == 0 {
			if *after != *next {
				t.Fatalf("a page without events moved the token from %s to %s", *next, *after)
			}
			continue
		}
		if fmt.Sprint(got) != "[late]" || *after == *next {
			t.Fatalf("%v, token %s after %s", got, *after, *next)
		}
		return
	}
	t.Fatal("the event did not come")
}
