package cwlogs

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"math/big"
	"slices"
	"strings"
	"time"

	"furl/internal/awsapi"
	"furl/internal/logs"
)

// Bounds of a batch of events.
const (
	maxBatch      = 1 << 20 // bytes, with eventOverhead for each event
	eventOverhead = 26
	maxSpan       = 24 * time.Hour
	maxPast       = 14 * 24 * time.Hour
	maxFuture     = 2 * time.Hour
)

// PutLogEvents adds events to a stream. They are on disk when it returns.
func (s *Service) PutLogEvents(ctx context.Context, in *PutLogEventsRequest) (*PutLogEventsResponse, error) {
	if err := checkNames(in.LogGroupName, in.LogStreamName); err != nil {
		return nil, err
	}
	g, err := s.find(s.own(ctx, in.LogGroupName))
	if err != nil {
		return nil, err
	}
	if err := s.wantStream(ctx, g, in.LogStreamName); err != nil {
		return nil, err
	}
	now := s.now()
	accepted, rejected, err := sortOut(in.LogEvents, now, days(g.RetentionDays))
	if err != nil {
		return nil, err
	}
	if !s.logs.Offer(g.key, in.LogStreamName, accepted...) {
		return nil, throttled()
	}
	if len(accepted) > 0 {
		if err := s.logs.Sync(ctx); err != nil {
			return nil, err
		}
	}
	return &PutLogEventsResponse{NextSequenceToken: new(sequenceToken(now)), RejectedLogEventsInfo: rejected}, nil
}

// throttled refuses events for which a group has no room now.
func throttled() *awsapi.Error {
	return awsapi.Errorf(awsapi.Error{Code: "ThrottlingException", Status: 400}, "Rate exceeded")
}

// sortOut checks a batch and returns the events to add, and where the others are, nil if there are none. Events are
// rejected that are older or newer than is allowed, or older than the group keeps any.
func sortOut(events []InputLogEvent, now time.Time, keep time.Duration) ([]logs.Event, *RejectedLogEventsInfo, error) {
	if err := checkBatch(events); err != nil {
		return nil, nil, err
	}
	var rejected RejectedLogEventsInfo
	accepted := make([]logs.Event, 0, len(events))
	for i, e := range events {
		at := time.UnixMilli(e.Timestamp)
		switch age := now.Sub(at); {
		case age > maxPast:
			rejected.TooOldLogEventEndIndex = new(i + 1)
		case keep > 0 && age > keep:
			rejected.ExpiredLogEventEndIndex = new(i + 1)
		case -age > maxFuture:
			rejected.TooNewLogEventStartIndex = cmp.Or(rejected.TooNewLogEventStartIndex, new(i))
		default:
			accepted = append(accepted, logs.Event{Time: at, Message: e.Message})
		}
	}
	if n := len(accepted); n > 0 && accepted[n-1].Time.Sub(accepted[0].Time) > maxSpan {
		return nil, nil, InvalidParameterException("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
	}
	if rejected == (RejectedLogEventsInfo{}) {
		return accepted, nil, nil
	}
	return accepted, &rejected, nil
}

// checkBatch checks what a batch must keep to as a whole.
func checkBatch(events []InputLogEvent) error {
	size := 0
	for i, e := range events {
		if n := len(e.Message) + eventOverhead; n > maxBatch {
			return InvalidParameterException("Log event too large: %d bytes exceeds limit of %d", n, maxBatch)
		}
		size += len(e.Message) + eventOverhead
		if i > 0 && e.Timestamp < events[i-1].Timestamp {
			return InvalidParameterException("Log events in a single PutLogEvents request must be in chronological order.")
		}
	}
	if size > maxBatch {
		return InvalidParameterException("Upload too large: %d bytes exceeds limit of %d", size, maxBatch)
	}
	return nil
}

// GetLogEvents reads a stream, from its end or, if so asked, from its beginning. Both tokens are always there; the one in
// whose direction nothing is left is the one that was given.
func (s *Service) GetLogEvents(ctx context.Context, in *GetLogEventsRequest) (*GetLogEventsResponse, error) {
	id, err := s.identified(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	g, err := s.find(id)
	if err != nil {
		return nil, err
	}
	if err := s.wantStream(ctx, g, in.LogStreamName); err != nil {
		return nil, err
	}
	q := logs.Query{
		Group: g.key, Streams: []string{in.LogStreamName}, Limit: value(in.Limit),
		Start: s.from(g, in.StartTime), End: milliseconds(in.EndTime, 0),
		Backward: !value(in.StartFromHead),
	}
	given := place{backward: q.Backward}
	if in.NextToken != nil {
		var ok bool
		if given, ok = parsePlace(*in.NextToken); !ok {
			return nil, invalidToken()
		}
		q.Backward, q.Token = given.backward, given.token
	}
	page, err := s.read(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &GetLogEventsResponse{Events: make([]OutputLogEvent, 0, len(page.Entries))}
	for i := range page.Entries {
		e := &page.Entries[i]
		out.Events = append(out.Events, OutputLogEvent{
			Timestamp: new(e.Time.UnixMilli()), Message: &e.Message, IngestionTime: new(e.Ingested.UnixMilli()),
		})
	}
	first, last := given.token, given.token
	if n := len(page.Entries); n > 0 {
		first, last = page.Entries[0].ID, page.Entries[n-1].ID
	}
	out.NextBackwardToken = new(place{true, cmp.Or(first, firstPlace)}.String())
	out.NextForwardToken = new(place{false, cmp.Or(last, firstPlace)}.String())
	return out, nil
}

// firstPlace is before all events: the token in either direction of a stream that holds none.
var firstPlace = strings.Repeat("0", 40)

// place is where a page ends, and in which direction to go on.
type place struct {
	backward bool
	token    string // of package logs
}

// String is the token that clients get.
func (p place) String() string {
	if p.backward {
		return "b/" + p.token + "/s"
	}
	return "f/" + p.token + "/s"
}

// parsePlace is the inverse of String.
func parsePlace(text string) (place, bool) {
	token, ok := strings.CutSuffix(text, "/s")
	direction, token, found := strings.Cut(token, "/")
	b, err := hex.DecodeString(token)
	ok = ok && found && err == nil && len(b) == 20 && (direction == "f" || direction == "b")
	return place{backward: direction == "b", token: token}, ok
}

// read reads a page. A group that holds nothing is no error.
func (s *Service) read(ctx context.Context, q logs.Query) (logs.Page, error) {
	page, err := s.logs.Read(ctx, q)
	switch {
	case errors.Is(err, logs.ErrNoGroup):
		return logs.Page{}, nil
	case errors.Is(err, logs.ErrToken):
		return logs.Page{}, invalidToken()
	}
	return page, err
}

// from is the earliest time to read from: what was asked for, and nothing that the group does not keep.
func (s *Service) from(g *group, start *int64) time.Time {
	from := milliseconds(start, 0)
	if keep := days(g.RetentionDays); keep > 0 {
		if oldest := s.now().Add(-keep); oldest.After(from) {
			return oldest
		}
	}
	return from
}

// milliseconds is a time in milliseconds since 1970 and some more of them; the zero time for nil.
func milliseconds(ms *int64, more int64) time.Time {
	if ms == nil || *ms > 1<<53 { // no end
		return time.Time{}
	}
	return time.UnixMilli(*ms + more)
}

// earliestReverse is the earliest time from which FilterLogEvents reads backwards: CloudWatch's.
var earliestReverse = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// FilterLogEvents reads a group, the events of all its streams or of some, in the order of their times.
func (s *Service) FilterLogEvents(ctx context.Context, in *FilterLogEventsRequest) (*FilterLogEventsResponse, error) {
	id, err := s.identified(ctx, in.LogGroupName, in.LogGroupIdentifier)
	if err != nil {
		return nil, err
	}
	if in.LogStreamNames != nil && in.LogStreamNamePrefix != nil {
		return nil, InvalidParameterException("LogStream names and LogStream name prefix are mutually exclusive parameters.")
	}
	pattern, err := filterPattern(in.FilterPattern)
	if err != nil {
		return nil, err
	}
	g, err := s.find(id)
	if err != nil {
		return nil, err
	}
	for _, name := range in.LogStreamNames {
		if err := s.wantStream(ctx, g, name); err != nil {
			return nil, err
		}
	}
	q := logs.Query{
		Group: g.key, Streams: in.LogStreamNames, StreamPrefix: value(in.LogStreamNamePrefix), Limit: value(in.Limit),
		Start: s.from(g, in.StartTime), End: milliseconds(in.EndTime, 1), // an end that is included
		Match: func(e *logs.Entry) bool { return pattern.Match(e.Message) },
	}
	if in.StartFromHead != nil && !*in.StartFromHead {
		if in.StartTime != nil && time.UnixMilli(*in.StartTime).Before(earliestReverse) {
			return nil, InvalidParameterException("startFromHead can be false only if startTime is on or after 2024-01-01.")
		}
		q.Backward = true
	}
	if in.NextToken != nil {
		given, ok := parsePlace(*in.NextToken)
		if !ok {
			return nil, invalidToken()
		}
		q.Backward, q.Token = given.backward, given.token
	}
	page, err := s.read(ctx, q)
	if err != nil {
		return nil, err
	}
	return renderFiltered(page, q.Backward), nil
}

// filterPattern compiles the pattern of a request; without one everything is wanted.
func filterPattern(text *string) (*Pattern, error) {
	p, err := ParsePattern(value(text))
	if err != nil {
		return nil, InvalidParameterException("Invalid filter pattern: %s", strings.TrimPrefix(err.Error(), ErrPattern.Error()+": "))
	}
	return p, nil
}

// renderFiltered shows a page, with backward the latest event first.
func renderFiltered(page logs.Page, backward bool) *FilterLogEventsResponse {
	out := &FilterLogEventsResponse{
		Events:             make([]FilteredLogEvent, 0, len(page.Entries)),
		SearchedLogStreams: []SearchedLogStream{}, // AWS's answer since 2019
	}
	if backward {
		slices.Reverse(page.Entries)
	}
	for i := range page.Entries {
		e := &page.Entries[i]
		out.Events = append(out.Events, FilteredLogEvent{
			LogStreamName: &e.Stream, Timestamp: new(e.Time.UnixMilli()), Message: &e.Message,
			IngestionTime: new(e.Ingested.UnixMilli()), EventId: new(eventID(e.ID)),
		})
	}
	if page.Next != "" {
		out.NextToken = new(place{backward, page.Next}.String())
	}
	return out
}

// eventID is an event's id as CloudWatch writes them: 56 decimal digits.
func eventID(id string) string {
	n, ok := new(big.Int).SetString(id, 16)
	if !ok {
		return id
	}
	digits := n.String()
	return strings.Repeat("0", max(0, 56-len(digits))) + digits
}
