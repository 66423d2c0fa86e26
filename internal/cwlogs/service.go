// Package cwlogs is CloudWatch Logs' API over package logs: groups, streams, events, filter patterns, retention, tags.
// The lines themselves are in the files of the node that wrote them; what is known of groups and of the streams that
// clients made is in the state. It computes no metrics, delivers to no subscription and answers no Insights query.
package cwlogs

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/logs"
	"furl/internal/state"
)

// Home is the account and the region that a server belongs to.
type Home struct{ Account, Region string }

// Group is the name in package logs of a log group: its own, and of another account or region with these before it.
func (h Home) Group(id state.LogGroupID) string {
	if id.Account == h.Account && id.Region == h.Region {
		return id.Name
	}
	return id.Account + ":" + id.Region + ":" + id.Name
}

// id is the inverse of Group: no name of a group holds a colon.
func (h Home) id(group string) state.LogGroupID {
	parts := strings.SplitN(group, ":", 3)
	if len(parts) < 3 {
		return state.LogGroupID{Account: h.Account, Region: h.Region, Name: group}
	}
	return state.LogGroupID{Account: parts[0], Region: parts[1], Name: parts[2]}
}

// Retention returns what package logs asks for each group: how long its lines are kept.
func (h Home) Retention(st *state.State) func(group string) time.Duration {
	return func(group string) time.Duration {
		g := st.Snapshot().LogGroup(h.id(group))
		if g == nil {
			return 0
		}
		return days(g.Group.RetentionDays)
	}
}

func days(n int) time.Duration { return time.Duration(n) * 24 * time.Hour }

// Options are what New needs.
type Options struct {
	State  *state.State
	Logs   *logs.Log
	Home   Home
	Now    func() time.Time
	Logger *slog.Logger
	// Draining tells that the server is to end: live tails end then. Nil: never.
	Draining func() bool
}

// Service carries out the operations. It also gives the groups that functions make by logging their records.
type Service struct {
	state  *state.State
	logs   *logs.Log
	home   Home
	now    func() time.Time
	logger *slog.Logger
	ending func() bool

	stop    context.CancelFunc
	stopped sync.WaitGroup
}

var _ API = (*Service)(nil)

// New makes a Service, which runs until Close.
func New(o Options) *Service {
	ctx, stop := context.WithCancel(context.Background())
	s := &Service{state: o.State, logs: o.Logs, home: o.Home, now: o.Now, logger: o.Logger, ending: o.Draining, stop: stop}
	if s.ending == nil {
		s.ending = func() bool { return false }
	}
	s.stopped.Go(func() { s.adopt(ctx) })
	return s
}

// Close ends the service.
func (s *Service) Close() error {
	s.stop()
	s.stopped.Wait()
	return nil
}

// adoptEvery bounds how often the groups are looked through for new ones.
const adoptEvery = time.Second

// adopt gives groups without a record one: those that were there before, and those that functions make.
func (s *Service) adopt(ctx context.Context) {
	for {
		for _, info := range s.logs.Groups() {
			id := s.home.id(info.Name)
			if s.state.Snapshot().LogGroup(id) != nil {
				continue
			}
			if err := s.record(ctx, id, info); err != nil && ctx.Err() == nil {
				s.logger.Warn("a log group gets no record yet", "log_group", info.Name, "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(adoptEvery):
		}
		select {
		case <-ctx.Done():
			return
		case <-s.logs.Appeared():
		}
	}
}

// record gives a group its record.
func (s *Service) record(ctx context.Context, id state.LogGroupID, info logs.GroupInfo) error {
	g := s.unrecorded(id, info)
	err := s.state.CreateLogGroup(ctx, g)
	if errors.Is(err, state.ErrExists) {
		return nil
	}
	return err
}

// unrecorded is the record that a group with lines gets if it has none.
func (s *Service) unrecorded(id state.LogGroupID, info logs.GroupInfo) *state.LogGroup {
	created := s.now()
	if first := info.First; !first.IsZero() && first.Before(created) {
		created = first
	}
	return &state.LogGroup{Account: id.Account, Region: id.Region, Name: id.Name, Created: created.UTC().Truncate(time.Millisecond)}
}

// group is a log group as operations see it.
type group struct {
	*state.LogGroup
	id      state.LogGroupID
	key     string // in package logs
	streams map[string]*state.LogStream
	held    bool // it has a record
}

// find returns a log group, or the error that there is none.
func (s *Service) find(id state.LogGroupID) (*group, error) {
	if strings.Contains(id.Name, ":") { // an identifier may hold one, but such a name would be another account's key
		return nil, noGroup()
	}
	g := &group{id: id, key: s.home.Group(id)}
	if e := s.state.Snapshot().LogGroup(id); e != nil {
		g.LogGroup, g.streams, g.held = e.Group, e.Streams, true
		return g, nil
	}
	if info, ok := s.logs.Group(g.key); ok {
		g.LogGroup = s.unrecorded(id, info)
		return g, nil
	}
	return nil, noGroup()
}

// hold is find for an operation that changes the group: it has a record then.
func (s *Service) hold(ctx context.Context, id state.LogGroupID) (*group, error) {
	g, err := s.find(id)
	if err != nil || g.held {
		return g, err
	}
	if info, ok := s.logs.Group(g.key); ok {
		if err := s.record(ctx, id, info); err != nil {
			return nil, stateError(err)
		}
	}
	return s.find(id)
}

// own is the id of a group of the caller's account.
func (s *Service) own(ctx context.Context, name string) state.LogGroupID {
	return state.LogGroupID{Account: account(ctx), Region: s.home.Region, Name: name}
}

// identified is the id of the group that a request names in one of two ways: by its name, or by an identifier, which is
// a name or an ARN.
func (s *Service) identified(ctx context.Context, name, identifier *string) (state.LogGroupID, error) {
	switch {
	case name != nil && identifier != nil:
		return state.LogGroupID{}, InvalidParameterException("LogGroup name and LogGroup ARN are mutually exclusive parameters.")
	case name != nil:
		return s.own(ctx, *name), nil
	case identifier != nil:
		return s.identifier(ctx, *identifier), nil
	}
	return state.LogGroupID{}, InvalidParameterException("Either LogGroup name or LogGroup ARN must be specified.")
}

// identifier is the id of the group with a name or an ARN.
func (s *Service) identifier(ctx context.Context, text string) state.LogGroupID {
	if id, ok := parseGroupARN(text); ok {
		return id
	}
	return s.own(ctx, text)
}

// parseGroupARN reads the ARN of a log group, with or without the ":*" at its end.
func parseGroupARN(text string) (state.LogGroupID, bool) {
	parts := strings.SplitN(text, ":", 8)
	if len(parts) < 7 || parts[0] != "arn" || parts[2] != "logs" || parts[5] != "log-group" || parts[6] == "" {
		return state.LogGroupID{}, false
	}
	if len(parts) == 8 && parts[7] != "*" {
		return state.LogGroupID{}, false
	}
	return state.LogGroupID{Account: parts[4], Region: parts[3], Name: parts[6]}, true
}

// account is the account that the operation's caller belongs to.
func account(ctx context.Context) string { return authz.FromContext(ctx).Principal.Account }

// maxName is the greatest length of the name of a group or a stream.
const maxName = 512

func checkNames(names ...string) error {
	for _, name := range names {
		if len(name) > maxName {
			return InvalidParameterException("Invalid LogGroup or LogStream, both must have length less than or equal to %d.", maxName)
		}
	}
	return nil
}

func noGroup() *awsapi.Error {
	return ResourceNotFoundException("The specified log group does not exist.")
}

func noStream() *awsapi.Error {
	return ResourceNotFoundException("The specified log stream does not exist.")
}

func invalidToken() *awsapi.Error {
	return InvalidParameterException("The specified nextToken is invalid.")
}

// stateError turns what a transaction answers about a group into the API's errors.
func stateError(err error) error {
	switch {
	case errors.Is(err, state.ErrNotFound):
		return noGroup()
	case errors.Is(err, state.ErrConflict):
		return OperationAbortedException("A conflicting operation is currently in progress against this resource. Please try again.")
	}
	return err
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func nonZero[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}
