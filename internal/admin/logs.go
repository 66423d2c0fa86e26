package admin

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"furl/internal/awsapi"
	"furl/internal/cwlogs"
	"furl/internal/logs"
	"furl/internal/state"
)

const (
	// logPage is how many events a page holds if the request does not say.
	logPage = 1000
	// followWait is how long a request that follows waits for an event. It
	// delays a server's stop at most by this.
	followWait = 400 * time.Millisecond
	// followGather is how long it then waits for further ones.
	followGather = 20 * time.Millisecond
	// followBytes bounds the messages of an answer.
	followBytes = 1 << 20
)

// GetLogs shows what a function and the platform logged. A function that was
// removed still has its log.
func (s *Service) GetLogs(ctx context.Context, in *GetLogsRequest) (*GetLogsResponse, error) {
	id, _, err := s.resolve(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	match, err := matcher(in)
	if err != nil {
		return nil, err
	}
	group := state.LogGroupID{Account: id.Account, Region: id.Region, Name: "/aws/lambda/" + id.Name}
	q := logs.Query{
		Match:        match,
		StreamPrefix: value(in.LogStreamPrefix),
		Start:        milliseconds(in.StartTime),
		End:          milliseconds(in.EndTime),
		Limit:        logPage,
		Token:        value(in.NextToken),
		Backward:     value(in.Last),
	}
	if in.Limit != nil {
		q.Limit = *in.Limit
	}
	f := s.state.Snapshot().Function(id)
	if f != nil {
		group.Name = f.Function.Latest.Logging.Group
	}
	q.Group = s.home.Group(group)
	var page logs.Page
	if value(in.Follow) {
		page, err = s.follow(ctx, q)
	} else {
		page, err = s.logs.Read(ctx, q)
	}
	switch {
	case errors.Is(err, logs.ErrNoGroup) && f == nil:
		return nil, notFound("Function not found: %s", in.FunctionName)
	case errors.Is(err, logs.ErrNoGroup): // nothing was logged yet
	case errors.Is(err, logs.ErrToken):
		return nil, awsapi.ValidationException("The specified nextToken is invalid.")
	case err != nil:
		return nil, err
	}
	return renderLogs(group.Name, page), nil
}

// matcher tells which events a request wants, nil for all.
func matcher(in *GetLogsRequest) (func(*logs.Entry) bool, error) {
	pattern, err := cwlogs.ParsePattern(value(in.FilterPattern))
	if err != nil {
		return nil, awsapi.ValidationException("%s", err)
	}
	switch {
	case value(in.Errors):
		return func(e *logs.Entry) bool { return tellsFailure(e.Message) && pattern.Match(e.Message) }, nil
	case in.FilterPattern != nil:
		return func(e *logs.Entry) bool { return pattern.Match(e.Message) }, nil
	}
	return nil, nil
}

// failures are what the platform and the runtimes write of a failure, in both
// log formats: INIT_REPORT and REPORT lines of one, a timeout, what Python and
// Node.js say of errors.
var failures = [...]string{
	"Status: error", "Status: timeout", "Status: failure", "Task timed out", "[ERROR]", "[CRITICAL]", "\tERROR\t", "\tFATAL\t",
	"Traceback (most recent call last)", `"status":"error"`, `"status":"timeout"`, `"status":"failure"`, `"errorType"`,
	`"level":"ERROR"`, `"level": "ERROR"`, `"level":"FATAL"`, `"level": "FATAL"`, `"level":"CRITICAL"`, `"level": "CRITICAL"`,
}

// tellsFailure tells whether a message is about one.
func tellsFailure(message string) bool {
	return slices.ContainsFunc(failures[:], func(sign string) bool { return strings.Contains(message, sign) })
}

// follow gathers what arrived after the query's token, or arrives soon.
func (s *Service) follow(ctx context.Context, q logs.Query) (logs.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, followWait)
	defer cancel()
	page, size := logs.Page{Next: q.Token}, 0
	for e, err := range s.logs.Follow(ctx, q) {
		if err != nil {
			return logs.Page{}, err
		}
		if len(page.Entries) == 0 {
			defer time.AfterFunc(followGather, cancel).Stop()
		}
		page.Entries, page.Next = append(page.Entries, e), e.ID
		if size += len(e.Message); len(page.Entries) >= q.Limit || size >= followBytes {
			break
		}
	}
	return page, nil
}

func renderLogs(group string, page logs.Page) *GetLogsResponse {
	out := &GetLogsResponse{
		LogGroupName: group,
		Events:       make([]LogEvent, 0, len(page.Entries)),
		NextToken:    nonEmpty(page.Next),
	}
	for _, e := range page.Entries {
		out.Events = append(out.Events, LogEvent{
			EventId:       e.ID,
			Timestamp:     e.Time.UnixMilli(),
			LogStreamName: e.Stream,
			RequestId:     nonEmpty(e.RequestID),
			Message:       strings.TrimSuffix(e.Message, "\n"),
		})
	}
	return out
}

// milliseconds is the zero time for nil.
func milliseconds(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return time.UnixMilli(*ms)
}
