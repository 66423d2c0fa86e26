package admin

import (
	"context"
	"time"

	"furl/internal/awsapi"
)

// Version is the version of the API and the second part of its paths.
const Version = "2026-11-01"

const root = "/_furl/" + Version

// API is the service: one method for every operation that is served.
type API interface {
	ExplainURL(ctx context.Context, in *ExplainURLRequest) (*ExplainURLResponse, error)
	GetLogs(ctx context.Context, in *GetLogsRequest) (*GetLogsResponse, error)
	GetStatus(ctx context.Context, in *GetStatusRequest) (*GetStatusResponse, error)
	CreateAccount(ctx context.Context, in *CreateAccountRequest) (*AccountKey, error)
	ListAccounts(ctx context.Context, in *ListAccountsRequest) (*ListAccountsResponse, error)
	CreateAccountKey(ctx context.Context, in *CreateAccountKeyRequest) (*AccountKey, error)
	DeleteAccountKey(ctx context.Context, in *DeleteAccountKeyRequest) error
	RevokeSession(ctx context.Context, in *RevokeSessionRequest) error
}

// Operations describes the service on the wire and calls a. A nil a serves to
// make a client.
func Operations(a API) awsapi.Service {
	return awsapi.Service{
		Name:        "furl",
		SigningName: "furl",
		Version:     Version,
		Protocol:    awsapi.RESTJSON,
		Constraints: constraints(),
		Operations: []awsapi.Operation{
			awsapi.Op(awsapi.OpMeta{Name: "ExplainUrl", Method: "POST", URI: root + "/explain"}, a, API.ExplainURL),
			awsapi.Op(awsapi.OpMeta{Name: "GetLogs", Method: "GET", URI: root + "/functions/{FunctionName}/logs"}, a, API.GetLogs),
			awsapi.Op(awsapi.OpMeta{Name: "GetStatus", Method: "GET", URI: root + "/status"}, a, API.GetStatus),
			awsapi.Op(awsapi.OpMeta{Name: "CreateAccount", Method: "POST", URI: root + "/accounts"}, a, API.CreateAccount),
			awsapi.Op(awsapi.OpMeta{Name: "ListAccounts", Method: "GET", URI: root + "/accounts"}, a, API.ListAccounts),
			awsapi.Op(awsapi.OpMeta{Name: "CreateAccountKey", Method: "POST", URI: root + "/account-keys"}, a, API.CreateAccountKey),
			awsapi.OpVoid(awsapi.OpMeta{Name: "DeleteAccountKey", Method: "POST", URI: root + "/account-keys/delete", Status: 204}, a, API.DeleteAccountKey),
			awsapi.OpVoid(awsapi.OpMeta{Name: "RevokeSession", Method: "POST", URI: root + "/sessions/revoke", Status: 204}, a, API.RevokeSession),
		},
	}
}

// Client is an API that calls the operations over HTTP.
type Client struct{ calls *awsapi.Client }

var _ API = (*Client)(nil)

// NewClient makes a client of the service; c says where and how.
func NewClient(c awsapi.ClientConfig) (*Client, error) {
	calls, err := awsapi.NewClient(Operations(nil), c)
	if err != nil {
		return nil, err
	}
	return &Client{calls}, nil
}

// ExplainURL calls the operation ExplainUrl.
func (c *Client) ExplainURL(ctx context.Context, in *ExplainURLRequest) (*ExplainURLResponse, error) {
	return awsapi.Call[ExplainURLRequest, ExplainURLResponse](ctx, c.calls, "ExplainUrl", in)
}

// GetLogs calls the operation of that name.
func (c *Client) GetLogs(ctx context.Context, in *GetLogsRequest) (*GetLogsResponse, error) {
	return awsapi.Call[GetLogsRequest, GetLogsResponse](ctx, c.calls, "GetLogs", in)
}

// GetStatus calls the operation of that name.
func (c *Client) GetStatus(ctx context.Context, in *GetStatusRequest) (*GetStatusResponse, error) {
	return awsapi.Call[GetStatusRequest, GetStatusResponse](ctx, c.calls, "GetStatus", in)
}

// CreateAccount calls the operation of that name.
func (c *Client) CreateAccount(ctx context.Context, in *CreateAccountRequest) (*AccountKey, error) {
	return awsapi.Call[CreateAccountRequest, AccountKey](ctx, c.calls, "CreateAccount", in)
}

// ListAccounts calls the operation of that name.
func (c *Client) ListAccounts(ctx context.Context, in *ListAccountsRequest) (*ListAccountsResponse, error) {
	return awsapi.Call[ListAccountsRequest, ListAccountsResponse](ctx, c.calls, "ListAccounts", in)
}

// CreateAccountKey calls the operation of that name.
func (c *Client) CreateAccountKey(ctx context.Context, in *CreateAccountKeyRequest) (*AccountKey, error) {
	return awsapi.Call[CreateAccountKeyRequest, AccountKey](ctx, c.calls, "CreateAccountKey", in)
}

// DeleteAccountKey calls the operation of that name.
func (c *Client) DeleteAccountKey(ctx context.Context, in *DeleteAccountKeyRequest) error {
	return awsapi.CallVoid(ctx, c.calls, "DeleteAccountKey", in)
}

// RevokeSession calls the operation of that name.
func (c *Client) RevokeSession(ctx context.Context, in *RevokeSessionRequest) error {
	return awsapi.CallVoid(ctx, c.calls, "RevokeSession", in)
}

// ExplainURLRequest asks for the verdict on a call of a function URL. It names
// the URL, or else the function and the qualifier that the URL belongs to.
type ExplainURLRequest struct {
	Url          *string `shape:"Url"`
	FunctionName *string `shape:"FunctionName"`
	Qualifier    *string `shape:"Qualifier"`
	// As is who calls: the name or the ARN of a user, the ARN of a role or of one
	// of its sessions, "root" or the account's ARN, or "anonymous", which is the
	// default.
	As *string `shape:"As"`
	// AsKey is the id of the access key that the call is signed with.
	AsKey *string `shape:"AccessKeyId"`
	// Method is the HTTP method; GET if left out.
	Method *string `shape:"Method"`
	// SourceIp, UserAgent and Referer are condition values; left out the
	// address is 127.0.0.1 and the others are absent.
	SourceIp  *string `shape:"SourceIp"`
	UserAgent *string `shape:"Header"`
	Referer   *string `shape:"Header"`
	// Secure is whether the call comes over TLS; left out it is what the
	// scheme of the URL says.
	Secure *bool
}

// ExplainURLResponse is a verdict with its reasons.
type ExplainURLResponse struct {
	Allowed bool
	// Mode is "classic" or "dual": the actions that a call needs.
	Mode string
	// Reason is empty when the call is allowed, else one of the Reason constants.
	Reason string
	// Summary is the verdict in a sentence.
	Summary string
	// FunctionUrl, FunctionArn and AuthType are left out when no function URL
	// was found.
	FunctionUrl *string
	FunctionArn *string
	AuthType    *string
	// Principal is who the call counts as: an ARN, or "anonymous".
	Principal *string
	// MissingPermission is the action that nothing allows, for ImplicitDeny.
	MissingPermission *string
	// DualWouldRefuse says of a call that classic mode allows that AWS would
	// refuse it since October 2025.
	DualWouldRefuse bool
	// Decisions are the actions in the order in which they are asked for.
	Decisions []Decision
	// Fix are commands of the AWS CLI that together have the call allowed, here
	// and in dual mode; empty when nothing is to be done or no command can do it.
	Fix []string
	// Notes are further things to know.
	Notes []string
}

// Values of ExplainURLResponse.Reason.
const (
	// ReasonForeignHost: the host is no function URL of this server's region and domain.
	ReasonForeignHost = "ForeignHost"
	// ReasonUnknownURL: no function URL has this url-id, or not any more.
	ReasonUnknownURL = "UnknownUrl"
	// ReasonNoURL: the function has no URL.
	ReasonNoURL = "NoUrl"
	// ReasonUnknownKey: there is no such access key, or not any more.
	ReasonUnknownKey = "UnknownAccessKey"
	// ReasonInactiveKey: the access key was switched off.
	ReasonInactiveKey = "InactiveAccessKey"
	// ReasonSessionEnded: the temporary credentials have expired or were revoked,
	// or their role or user is gone.
	ReasonSessionEnded = "SessionEnded"
	// ReasonUnsigned: the URL demands a signature and the call has none.
	ReasonUnsigned = "Unsigned"
	// ReasonExplicitDeny: a Deny statement applies.
	ReasonExplicitDeny = "ExplicitDeny"
	// ReasonImplicitDeny: no Allow statement applies.
	ReasonImplicitDeny = "ImplicitDeny"
)

// Decision is what the policies say of one action.
type Decision struct {
	Action   string
	Resource string
	Allowed  bool
	// Required is false for lambda:InvokeFunction in classic mode, which is
	// explained but does not decide.
	Required bool
	// Reason is the end of AWS's refusal, "because no … allows the … action" or
	// "with an explicit deny in …"; empty when allowed.
	Reason     string
	Statements []Statement
	// MissingKeys are condition keys that the policies name and the call does
	// not have.
	MissingKeys []string
}

// Statement is one statement that was considered.
type Statement struct {
	// Policy is the name of the policy, PolicyType its role in the decision.
	Policy     string
	PolicyType string
	// Index is the statement's place in the policy, from 1.
	Index  int
	Sid    *string
	Effect string
	// Applies is whether the statement is about this call. Why lists what does
	// not fit when it does not.
	Applies bool
	Why     []string
}

// GetLogsRequest asks for lines of a function's log group, in the order of
// time.
type GetLogsRequest struct {
	FunctionName string `aws:"uri=FunctionName,required" shape:"FunctionName"`
	// StartTime and EndTime are milliseconds since 1970; the end is not
	// included. Left out they do not bound.
	StartTime *int64 `aws:"query=startTime"`
	EndTime   *int64 `aws:"query=endTime"`
	// LogStreamPrefix leaves out streams whose name does not begin with it.
	LogStreamPrefix *string `aws:"query=logStreamPrefix" shape:"LogStreamPrefix"`
	// NextToken goes on where an earlier answer ended.
	NextToken *string `aws:"query=nextToken" shape:"Token"`
	// Limit is how many events to answer at most; 1000 if left out.
	Limit *int `aws:"query=limit" shape:"Limit"`
	// FilterPattern selects events as CloudWatch Logs' filter patterns do, Errors
	// those that tell of a failure.
	FilterPattern *string `aws:"query=filterPattern" shape:"FilterPattern"`
	Errors        *bool   `aws:"query=errors"`
	// Last asks for the latest events rather than the earliest.
	Last *bool `aws:"query=last"`
	// Follow asks for events in the order of arrival, so that those that come
	// late are not missed, and waits a moment where there is none. The token of
	// any event, which is its EventId, is then a place to begin after.
	Follow *bool `aws:"query=follow"`
}

// GetLogsResponse is a page of a function's log.
type GetLogsResponse struct {
	LogGroupName string
	Events       []LogEvent
	// NextToken goes on where this page ends. It is left out when there is
	// nothing more at present, but with Follow never after the first event.
	NextToken *string
}

// LogEvent is one event of a log: a line that the function printed, or one of
// the platform's own.
type LogEvent struct {
	// EventId is unique in the log group.
	EventId string
	// Timestamp is in milliseconds since 1970.
	Timestamp     int64
	LogStreamName string
	// RequestId is left out outside of invocations.
	RequestId *string
	Message   string
}

// GetStatusRequest asks how the server does.
type GetStatusRequest struct {
	// Runtimes are the managed runtimes to look for interpreters of, "*" for
	// all that there are. Looking takes a moment, so that none is looked for
	// unless it is asked for.
	Runtimes []string `aws:"query=runtime" shape:"Runtimes"`
	// Probe asks what the sandboxes of this server do without, which is tried
	// anew and takes a moment as well.
	Probe *bool `aws:"query=probe"`
}

// GetStatusResponse is how the server does.
type GetStatusResponse struct {
	Version string
	// Mode is "classic" or "dual".
	Mode      string
	Account   string
	Region    string
	Domain    string
	StartTime time.Time
	// UptimeSeconds is how long the server has been running.
	UptimeSeconds int64
	// Functions, FunctionUrls, Users and Roles count what there is.
	Functions    int
	FunctionUrls int
	Users        int
	Roles        int
	// Isolation is what functions run in.
	Isolation IsolationStatus
	// Egress is what they reach over the network.
	Egress EgressStatus
	// Environments counts the execution environments that are alive.
	Environments EnvironmentCounts
	// Queue counts the events of asynchronous invocations.
	Queue QueueStatus
	// Blanks counts the interpreters that wait for a function, by runtime.
	Blanks []BlankCount
	// ColdStarts counts the environments that were started, by runtime.
	ColdStarts []ColdStartCount
	// Runtimes are those asked for that the server has an interpreter for, in
	// order of version.
	Runtimes []Runtime
	// MissingRuntimes are those asked for by name that it has none for.
	MissingRuntimes []MissingRuntime
}

// EnvironmentCounts counts execution environments, and who waits for them.
type EnvironmentCounts struct {
	// Idle ones wait for an event; Frozen of them use no processor meanwhile.
	Idle     int
	Frozen   int
	Busy     int
	Starting int
	// Parked are interpreters without a function.
	Parked int
	// Waiting are invocations that have no environment yet.
	Waiting int
}

// QueueStatus counts the events of asynchronous invocations.
type QueueStatus struct {
	// Events are all that have not ended; Running of them are with their function.
	Events  int
	Running int
	// OldestDueSeconds is how long the event waits that has been due for the longest
	// time, 0 when none is.
	OldestDueSeconds int64
}

// IsolationStatus is what functions run in.
type IsolationStatus struct {
	// Driver is namespace, confined or process; Level is what was asked for,
	// required or best-effort or a driver.
	Driver string
	Level  string
	// Because is why the level is what it is; left out when it was asked for, or
	// is best-effort.
	Because *string
	// Reason is why no stronger driver was taken, and Remedy what helps; left out
	// when the strongest was taken or another one asked for.
	Reason *string
	Remedy *string
	// Without are things that sandboxes do without, for GetStatusRequest.Probe.
	Without []string
}

// EgressStatus is what functions reach over the network.
type EgressStatus struct {
	// Policy is development, production or none. Enforced is whether the driver
	// can hold functions to it; else they have the server's network.
	Policy   string
	Enforced bool
	// Connections were made, Refused were not allowed.
	Connections int64
	Refused     int64
	BytesOut    int64
	BytesIn     int64
	// Allow are the rules beyond the policy, as they were given, HostPorts the
	// ports of the machine's loopback that functions reach.
	Allow     []string
	HostPorts []int
}

// BlankCount counts the interpreters that wait for a function.
type BlankCount struct {
	Runtime string
	Count   int
}

// ColdStartCount counts the environments of a runtime that were started: from an
// interpreter that waited ready, or with one that had to be started first.
type ColdStartCount struct {
	Runtime   string
	Stocked   int64
	Unstocked int64
}

// Runtime is a managed runtime and what runs it.
type Runtime struct {
	Runtime string
	Path    string
	Version string
}

// MissingRuntime is a managed runtime that cannot be run.
type MissingRuntime struct {
	Runtime string
	// Reason is what is wrong with the interpreter; left out when there is none.
	Reason *string
}

// constraints are the restrictions on what requests hold.
func constraints() map[string]awsapi.Constraint {
	return map[string]awsapi.Constraint{
		"AccountId":       {Min: new(12.0), Max: new(12.0), Pattern: `\d{12}`},
		"AccountName":     {Min: new(1.0), Max: new(64.0), Pattern: `[\w+=,.@ -]+`},
		"AccessKeyId":     {Min: new(16.0), Max: new(128.0), Pattern: `[\w]+`},
		"As":              {Min: new(1.0), Max: new(2048.0)},
		"FunctionName":    {Min: new(1.0), Max: new(170.0)},
		"Header":          {Max: new(8192.0)},
		"Limit":           {Min: new(1.0), Max: new(10000.0)},
		"FilterPattern":   {Max: new(1024.0)},
		"LogStreamPrefix": {Max: new(512.0)},
		"Method":          {Min: new(1.0), Max: new(32.0)},
		"Qualifier":       {Min: new(1.0), Max: new(128.0)},
		"Runtime":         {Min: new(1.0), Max: new(64.0)},
		"Runtimes":        {Max: new(32.0), Member: "Runtime"},
		"SourceIp":        {Min: new(2.0), Max: new(45.0)},
		"Token":           {Min: new(1.0), Max: new(256.0)},
		"Url":             {Min: new(1.0), Max: new(8192.0)},
	}
}
