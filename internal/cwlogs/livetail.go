package cwlogs

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"furl/internal/awsapi"
	"furl/internal/logs"
)

// Bounds of Live Tail: CloudWatch's.
const (
	tailEvery   = time.Second
	tailEvents  = 500 // in an update
	tailSession = 3 * time.Hour
)

// StartLiveTail sends what groups get from now on, once a second, until the client has enough or three hours have passed.
// Of more than 500 events a second the first 500 are sent, and the update says that it is a sample.
func (s *Service) StartLiveTail(ctx context.Context, in *StartLiveTailRequest, out awsapi.EventStream[StartLiveTailResponse, StartLiveTailResponseStream]) error {
	queries, err := s.tailQueries(ctx, in)
	if err != nil {
		return err
	}
	t := s.newTail(ctx, queries) // what comes after the client has heard of the session is in it
	defer t.close()
	if err := out.Begin(&StartLiveTailResponse{}); err != nil {
		return err
	}
	err = out.Send(&StartLiveTailResponseStream{SessionStart: &LiveTailSessionStart{
		RequestId: new(awsapi.RequestID(ctx)), SessionId: new(uuid.NewString()),
		LogGroupIdentifiers: in.LogGroupIdentifiers, LogStreamNames: in.LogStreamNames,
		LogStreamNamePrefixes: in.LogStreamNamePrefixes, LogEventFilterPattern: new(value(in.LogEventFilterPattern)),
	}})
	if err != nil {
		return err
	}
	tick, over := time.NewTicker(tailEvery), time.NewTimer(tailSession)
	defer tick.Stop()
	defer over.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil // the client is gone
		case <-t.ended:
			return nil // the server ends
		case <-over.C:
			return awsapi.Errorf(awsapi.Error{Code: "SessionTimeoutException", Status: 400}, "The session timed out.")
		case <-tick.C:
			if s.ending() {
				return nil
			}
			if err := out.Send(&StartLiveTailResponseStream{SessionUpdate: t.take()}); err != nil {
				return err
			}
		}
	}
}

// tailQuery is what is followed of one group.
type tailQuery struct {
	logs.Query
	arn string
}

// tailQueries checks a request and returns what to follow.
func (s *Service) tailQueries(ctx context.Context, in *StartLiveTailRequest) ([]tailQuery, error) {
	pattern, err := filterPattern(in.LogEventFilterPattern)
	if err != nil {
		return nil, err
	}
	some := in.LogStreamNames != nil || in.LogStreamNamePrefixes != nil
	if in.LogStreamNames != nil && in.LogStreamNamePrefixes != nil {
		return nil, InvalidParameterException("logStreamNames and logStreamNamePrefixes are mutually exclusive parameters.")
	}
	if some && len(in.LogGroupIdentifiers) > 1 {
		return nil, InvalidParameterException("Log streams can be specified only with a single log group.")
	}
	var queries []tailQuery
	for _, identifier := range in.LogGroupIdentifiers {
		g, err := s.find(s.identifier(ctx, identifier))
		if err != nil {
			return nil, err
		}
		queries = append(queries, tailQuery{arn: g.id.ARN(), Query: logs.Query{
			Group: g.key, Streams: in.LogStreamNames, Fresh: true,
			Match: func(e *logs.Entry) bool {
				return hasPrefix(e.Stream, in.LogStreamNamePrefixes) && pattern.Match(e.Message)
			},
		}})
	}
	return queries, nil
}

// tail gathers events between two updates.
type tail struct {
	stop     context.CancelFunc
	followed sync.WaitGroup
	ended    chan struct{} // closed when nothing more can come

	mu     sync.Mutex
	events []LiveTailSessionLogEvent
	more   bool // than an update holds
}

func (s *Service) newTail(ctx context.Context, queries []tailQuery) *tail {
	ctx, stop := context.WithCancel(ctx)
	t := &tail{stop: stop, ended: make(chan struct{})}
	for _, q := range queries {
		entries := s.logs.Follow(ctx, q.Query)
		t.followed.Go(func() {
			for e, err := range entries {
				if err != nil {
					s.logger.Warn("a live tail ends early", "log_group", q.Group, "err", err)
					return
				}
				t.add(q.arn, &e)
			}
		})
	}
	go func() {
		t.followed.Wait()
		close(t.ended)
	}()
	return t
}

func (t *tail) close() {
	t.stop()
	<-t.ended
}

func (t *tail) add(arn string, e *logs.Entry) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.events) >= tailEvents {
		t.more = true
		return
	}
	t.events = append(t.events, LiveTailSessionLogEvent{
		LogStreamName: &e.Stream, LogGroupIdentifier: &arn, Message: &e.Message,
		Timestamp: new(e.Time.UnixMilli()), IngestionTime: new(e.Ingested.UnixMilli()),
	})
}

// take returns the update with what was gathered since the last one.
func (t *tail) take() *LiveTailSessionUpdate {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := &LiveTailSessionUpdate{SessionMetadata: &LiveTailSessionMetadata{Sampled: new(t.more)}, SessionResults: t.events}
	if u.SessionResults == nil {
		u.SessionResults = []LiveTailSessionLogEvent{}
	}
	t.events, t.more = nil, false
	return u
}

// hasPrefix tells whether a name begins with one of the prefixes, or there are none.
func hasPrefix(name string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if len(name) >= len(prefix) && name[:len(prefix)] == prefix {
			return true
		}
	}
	return len(prefixes) == 0
}
