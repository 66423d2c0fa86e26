package state

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"furl/internal/store"
)

// LogGroup is the record of a log group. Its lines are not in the store but in the files of the nodes that wrote them.
type LogGroup struct {
	V       int       `json:"v"`
	Account string    `json:"account"`
	Region  string    `json:"region"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`

	// RetentionDays is how long lines are kept, 0 for ever.
	RetentionDays int               `json:"retentionDays,omitempty"`
	Tags          map[string]string `json:"tags,omitempty"`
	// Class and KMSKey are kept for clients that read back what they wrote; an empty class is STANDARD.
	Class  string `json:"class,omitempty"`
	KMSKey string `json:"kmsKey,omitempty"`
	// Protected groups are not deleted.
	Protected bool `json:"protected,omitempty"`
}

// LogStream is the record of a log stream that a client made. Those of functions have none: they are where their lines
// are.
type LogStream struct {
	V       int       `json:"v"`
	Account string    `json:"account"`
	Region  string    `json:"region"`
	Group   string    `json:"group"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
}

// LogGroupEntry is a log group with the streams that have records, by name.
type LogGroupEntry struct {
	Group   *LogGroup
	Streams map[string]*LogStream
}

// LogGroupID names a log group.
type LogGroupID struct{ Account, Region, Name string }

// ID returns the name under which the group is stored.
func (g *LogGroup) ID() LogGroupID { return LogGroupID{g.Account, g.Region, g.Name} }

// ARN is the group's ARN, without the ":*" that some of AWS's answers add.
func (id LogGroupID) ARN() string {
	return "arn:aws:logs:" + id.Region + ":" + id.Account + ":log-group:" + id.Name
}

func (id LogGroupID) key() string {
	return "lg/" + id.Account + "/" + id.Region + "/" + url.PathEscape(id.Name)
}

func (id LogGroupID) streamKey(name string) string { return id.key() + "/st/" + url.PathEscape(name) }

// LogGroup returns a log group, nil if there is none.
func (s *Snapshot) LogGroup(id LogGroupID) *LogGroupEntry {
	g, _ := s.logGroups.get(s.seed, id.key())
	return g
}

// LogGroups returns the log groups of an account and region, sorted by name.
func (s *Snapshot) LogGroups(account, region string) []*LogGroupEntry {
	var all []*LogGroupEntry
	for _, g := range s.logGroups.all() {
		if g.Group.Account == account && g.Group.Region == region {
			all = append(all, g)
		}
	}
	slices.SortFunc(all, func(a, b *LogGroupEntry) int { return cmp.Compare(a.Group.Name, b.Group.Name) })
	return all
}

// CreateLogGroup stores a new log group. ErrExists if there is one of that name.
func (s *State) CreateLogGroup(ctx context.Context, g *LogGroup) error {
	g.V = schema
	return create(ctx, s, g.ID().key(), g)
}

// UpdateLogGroup lets change edit a log group. ErrNotFound if there is none.
func (s *State) UpdateLogGroup(ctx context.Context, id LogGroupID, change func(*LogGroup) error) (*LogGroup, error) {
	return update(ctx, s, id.key(), change)
}

// DeleteLogGroup removes a log group with its streams, if check allows it; check's error ends it. ErrNotFound if there
// is none.
func (s *State) DeleteLogGroup(ctx context.Context, id LogGroupID, check func(*LogGroup) error) error {
	return retry(ctx, func() error {
		g, rev, err := read[LogGroup](ctx, s, id.key())
		if err != nil {
			return err
		}
		if err := check(g); err != nil {
			return err
		}
		return s.commit(ctx, store.Txn{
			If: []store.Cond{{Key: id.key(), Rev: rev}},
			Do: []store.Op{del(id.key()), {Key: id.key() + "/", Prefix: true}},
		})
	})
}

// CreateLogStream stores a new log stream. ErrNotFound if the group is gone, ErrExists if there is a stream of that name.
func (s *State) CreateLogStream(ctx context.Context, l *LogStream) error {
	l.V = schema
	id := LogGroupID{l.Account, l.Region, l.Group}
	op, err := put(id.streamKey(l.Name), l)
	if err != nil {
		return err
	}
	err = s.commit(ctx, store.Txn{
		If: []store.Cond{{Key: id.key(), Rev: store.Exists}, {Key: op.Key, Rev: store.Absent}},
		Do: []store.Op{op},
	})
	var conflict *store.ConflictError
	switch {
	case !errors.As(err, &conflict):
		return err
	case conflict.Key == id.key():
		return ErrNotFound
	}
	return ErrExists
}

// DeleteLogStream removes the record of a log stream, if it has one.
func (s *State) DeleteLogStream(ctx context.Context, id LogGroupID, name string) error {
	return s.commit(ctx, store.Txn{Do: []store.Op{del(id.streamKey(name))}})
}

// logGroupChange is the part of a change that is about log groups.
type logGroupChange struct {
	groups *edit[*LogGroupEntry]
	// touched are the entries that are this change's own copies.
	touched map[string]*LogGroupEntry
}

func newLogGroupChange(prev *Snapshot) *logGroupChange {
	return &logGroupChange{groups: newEdit(prev.seed, prev.logGroups), touched: map[string]*LogGroupEntry{}}
}

func (c *logGroupChange) apply(rec store.Rec, token []string) error {
	if len(token) != 3 && len(token) != 5 {
		return fmt.Errorf("a log group's key with %d tokens", len(token))
	}
	key := "lg/" + strings.Join(token[:3], "/")
	switch {
	case len(token) == 5 && token[3] == "st":
		return c.applyStream(rec, key, token[4])
	case len(token) == 5:
		return fmt.Errorf("a child %q that this version of furl does not know", token[3])
	case rec.Val == nil:
		c.groups.del(key)
		delete(c.touched, key)
		return nil
	}
	g, err := decode[LogGroup](rec)
	if err != nil {
		return err
	}
	c.touch(key).Group = g
	return nil
}

func (c *logGroupChange) applyStream(rec store.Rec, key, token string) error {
	if rec.Val == nil {
		if _, had := c.groups.get(key); !had {
			return nil
		}
		name, err := url.PathUnescape(token)
		if err != nil {
			return fmt.Errorf("a log stream's key: %w", err)
		}
		delete(c.touch(key).Streams, name)
		return nil
	}
	l, err := decode[LogStream](rec)
	if err != nil {
		return err
	}
	c.touch(key).Streams[l.Name] = l
	return nil
}

// touch returns the change's own copy of a group's entry.
func (c *logGroupChange) touch(key string) *LogGroupEntry {
	if e, ok := c.touched[key]; ok {
		return e
	}
	e := &LogGroupEntry{Streams: map[string]*LogStream{}}
	if old, had := c.groups.get(key); had {
		e.Group, e.Streams = old.Group, maps.Clone(old.Streams)
	}
	c.touched[key] = e
	c.groups.set(key, e)
	return e
}

// finish returns the log groups after the change.
func (c *logGroupChange) finish() index[*LogGroupEntry] {
	for key, e := range c.touched {
		if e.Group == nil { // a stream without its group: the guards forbid it
			c.groups.del(key)
		}
	}
	return c.groups.ix
}
