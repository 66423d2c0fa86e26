package admin

import (
	"context"
	"time"

	"furl/internal/arn"
	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/cwlogs"
	"furl/internal/environment"
	"furl/internal/logs"
	"furl/internal/sandbox"
	"furl/internal/state"
)

// Options are what New needs.
type Options struct {
	State *state.State
	Authz *authz.Authorizer
	Logs  *logs.Log
	// Home is where the log's groups are those of.
	Home cwlogs.Home
	// Pool is the node's; nil where there are no functions to run.
	Pool   *environment.Pool
	Region string
	// Domain follows the region in a function URL's host.
	Domain string
	// Version is the program's own.
	Version string
	// Isolation and Egress are what functions run in and reach; the counts of
	// Egress are asked for each time.
	Isolation IsolationStatus
	Egress    func() EgressStatus
	// Queue counts the events of asynchronous invocations; nil where there are none.
	Queue func(context.Context) (QueueStatus, error)
	// Probe tries what the sandboxes have.
	Probe func(context.Context) sandbox.Report
	// RootKeyID is the id of the root's access key, which is not in the state.
	RootKeyID string
	// FunctionURL is the address of a url-id, with its final slash.
	FunctionURL func(id string) string
	Now         func() time.Time
}

// Service carries out the operations.
type Service struct {
	state    *state.State
	authz    *authz.Authorizer
	logs     *logs.Log
	home     cwlogs.Home
	pool     *environment.Pool
	region   string
	domain   string
	version  string
	isolated IsolationStatus
	egress   func() EgressStatus
	queue    func(context.Context) (QueueStatus, error)
	probe    func(context.Context) sandbox.Report
	rootKey  string
	url      func(id string) string
	now      func() time.Time
	started  time.Time
}

var _ API = (*Service)(nil)

// New makes a Service. The server counts as started now.
func New(o Options) *Service {
	return &Service{
		state:    o.State,
		authz:    o.Authz,
		logs:     o.Logs,
		home:     o.Home,
		pool:     o.Pool,
		region:   o.Region,
		domain:   o.Domain,
		version:  o.Version,
		isolated: o.Isolation,
		egress:   o.Egress,
		queue:    o.Queue,
		probe:    o.Probe,
		rootKey:  o.RootKeyID,
		url:      o.FunctionURL,
		now:      o.Now,
		started:  o.Now(),
	}
}

// Access says what a request asks for: one action of furl's own, on everything.
func (s *Service) Access(ctx context.Context, in any) ([]authz.Access, error) {
	switch in.(type) {
	case *ExplainURLRequest:
		return one(ctx, "ExplainUrl"), nil
	case *GetLogsRequest:
		return one(ctx, "GetLogs"), nil
	case *GetStatusRequest:
		return one(ctx, "GetStatus"), nil
	case *CreateAccountRequest:
		return s.onServer("CreateAccount"), nil
	case *ListAccountsRequest:
		return s.onServer("ListAccounts"), nil
	case *CreateAccountKeyRequest:
		return s.onServer("CreateAccountKey"), nil
	case *DeleteAccountKeyRequest:
		return s.onServer("DeleteAccountKey"), nil
	}
	if in, ok := in.(*RevokeSessionRequest); ok { // a matter of the session's account
		acc := one(ctx, "RevokeSession")
		if owner, ok := authz.AccountOfKey(in.AccessKeyId); ok {
			acc[0].Account = owner
		}
		return acc, nil
	}
	return nil, awsapi.InternalFailure()
}

// onServer is an action on the server as a whole, which is a matter of the
// account that its data directory belongs to.
func (s *Service) onServer(action string) []authz.Access {
	return []authz.Access{{Action: "furl:" + action, Resource: "*", Account: s.state.Snapshot().FirstAccount()}}
}

func one(ctx context.Context, action string) []authz.Access {
	return []authz.Access{{Action: "furl:" + action, Resource: "*", Account: account(ctx)}}
}

// account is the account that the operation's caller belongs to.
func account(ctx context.Context) string { return authz.FromContext(ctx).Principal.Account }

// mode names what calls of function URLs are judged by.
func (s *Service) mode() string {
	if s.authz.Dual() {
		return "dual"
	}
	return "classic"
}

// notFound refuses a request about something that is not there: 404.
func notFound(format string, args ...any) *awsapi.Error {
	return awsapi.Errorf(awsapi.Error{
		Code: "ResourceNotFoundException", Status: 404, Type: "User", MessageMember: "Message",
	}, format, args...)
}

// resolve reads the name of a function in any of its spellings. The id is that
// of a function of the caller's account, which may not exist.
func (s *Service) resolve(ctx context.Context, name string, qualifier *string) (state.FunctionID, string, error) {
	n, err := arn.ParseFunctionName(name)
	if err != nil {
		return state.FunctionID{}, "", awsapi.ValidationException("%s is not a function name", name)
	}
	id := state.FunctionID{Account: account(ctx), Region: s.region, Name: n.Name}
	if n.Account != "" && n.Account != id.Account || n.Region != "" && n.Region != s.region {
		return id, "", notFound("Function not found: %s", name)
	}
	q := n.Qualifier
	if qualifier != nil {
		if q != "" && q != *qualifier {
			return id, "", awsapi.ValidationException("The derived qualifier from the function name does not match the specified qualifier.")
		}
		q = *qualifier
	}
	return id, q, nil
}

// value returns what p points at, or nothing.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// nonEmpty returns nil for "", which leaves the member out of an answer.
func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
