package authz

import (
	"errors"
	"time"

	"furl/internal/policy"
	"furl/internal/state"
)

// Identity is who began something that goes on after its request, such as the
// operation of a stack: what of a Caller can be written down. As makes it a
// caller again, with the policies of that time. The zero Identity is nobody.
type Identity struct {
	Account string `json:"account"`
	// User and ID are the name and the unique id of a user. Root and sessions
	// have neither.
	User string `json:"user,omitempty"`
	ID   string `json:"id,omitempty"`
	// KeyID is the access key that the request was signed with.
	KeyID string `json:"key,omitempty"`
	// Session is the session that the caller acted in. It may end in the meantime:
	// as on AWS, what was begun goes on.
	Session *Session `json:"session,omitempty"`
	// Service is the AWS service that acts, cloudformation.amazonaws.com; Source
	// is the ARN of what it acts for.
	Service string `json:"service,omitempty"`
	Source  string `json:"source,omitempty"`
	// Assumed says that the service assumed the role of the session itself. Without
	// it the service acts in the name of the caller.
	Assumed bool `json:"assumed,omitempty"`
}

// Identity is what can be written down of the caller.
func (c *Caller) Identity() Identity {
	id := Identity{Account: c.Principal.Account, KeyID: c.AccessKeyID}
	switch {
	case c.Temporary != nil:
		session := *c.Temporary
		id.Session = &session
	case c.Principal.Type == policy.User:
		id.User, id.ID = c.UserName, c.Principal.ID
	}
	return id
}

// AssumedBy is the identity of a service in a session of a role that it assumes
// for a resource of ARN source. Whether the role lets it, As judges.
func AssumedBy(service, source string, r *state.RoleEntry, session string, now time.Time) Identity {
	return Identity{
		Account: r.Role.Account,
		Session: &Session{
			Kind: RoleSession, Account: r.Role.Account, Issuer: r.Role.Name, IssuerID: r.Role.ID, Name: session, Issued: now.Unix(),
		},
		Service: service,
		Source:  source,
		Assumed: true,
	}
}

// Through is the identity with a service that acts in its name for a resource of
// ARN source.
func (id Identity) Through(service, source string) Identity {
	id.Service, id.Source = service, source
	return id
}

// Env are the condition values of a request that the service makes in the
// identity's name.
func (id Identity) Env(now time.Time) Env {
	env := Env{Time: now, Secure: true, UserAgent: id.Service}
	if !id.Assumed {
		env.Via = id.Service
	}
	return env
}

// As is the caller that an identity acts as in a snapshot. It fails when the
// user, the role or the root key is gone, when the session was revoked, and when
// the role does not trust the service any more.
func (a *Authorizer) As(snap *state.Snapshot, id Identity) (*Caller, error) {
	switch {
	case id.Account == "" || !snap.HasAccount(id.Account) && id.Account != a.root.Account:
		return nil, errNoIdentity
	case id.Session != nil:
		return a.asSession(snap, id)
	case id.User == "":
		return RootCaller(id.Account, id.KeyID), nil
	}
	user := userByID(snap, id)
	if user == nil {
		return nil, errNoIdentity
	}
	return UserCaller(user, id.KeyID), nil
}

var (
	errNoIdentity = errors.New("authz: the one who began it is gone")
	errNoTrust    = errors.New("authz: the role does not trust the service")
)

// userByID finds a user who may have another name by now.
func userByID(snap *state.Snapshot, id Identity) *state.UserEntry {
	if u := snap.User(id.Account, id.User); u != nil && u.User.ID == id.ID {
		return u
	}
	for _, u := range snap.Users(id.Account) {
		if u.User.ID == id.ID {
			return u
		}
	}
	return nil
}

// asSession is As for a session.
func (a *Authorizer) asSession(snap *state.Snapshot, id Identity) (*Caller, error) {
	s := *id.Session
	s.KeyID = id.KeyID
	if id.KeyID != "" && snap.Revoked(id.KeyID) {
		return nil, errRevoked
	}
	if id.Assumed {
		role := snap.Role(s.Account, s.Issuer)
		if role == nil || !TrustsFor(role, id.Service, id.Source) {
			return nil, errNoTrust
		}
	} else if s.Kind == UserSession && s.Issuer != "" {
		if u := userByID(snap, Identity{Account: s.Account, User: s.Issuer, ID: s.IssuerID}); u != nil {
			s.Issuer = u.User.Name
		}
	}
	o := &opened{session: s}
	if err := o.compile(); err != nil {
		return nil, err
	}
	return o.caller(a, snap)
}
