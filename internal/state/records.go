package state

import "time"

// schema is the version written into every record's "v" member.
const schema = 1

// LatestVersion is the qualifier of a function's unpublished version.
const LatestVersion = "$LATEST"

// Function is the record of one Lambda function: what belongs to the function
// as a whole, and the configuration of its unpublished version.
type Function struct {
	V       int       `json:"v"`
	Account string    `json:"account"`
	Region  string    `json:"region"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`

	Tags map[string]string `json:"tags,omitempty"`
	// ReservedConcurrency is nil when none is set; zero closes the function.
	ReservedConcurrency *int `json:"reservedConcurrency,omitempty"`

	Latest Version `json:"latest"`

	// Published is the highest number of a version that there ever was; numbers
	// are never used again. PublishedDigest tells what that version was made of.
	Published       int    `json:"published,omitempty"`
	PublishedDigest string `json:"publishedDigest,omitempty"`

	// RuntimeUpdates are when the runtimes of versions change, by their numbers; Auto where
	// there is no entry. RecursiveLoop is Allow, or empty for Terminate.
	RuntimeUpdates map[string]string `json:"runtimeUpdates,omitempty"`
	RecursiveLoop  string            `json:"recursiveLoop,omitempty"`
}

// Version is the configuration of one version of a function. The record of a
// published version never changes; that of $LATEST is part of its Function.
type Version struct {
	V      int    `json:"v,omitempty"` // of published versions, which are records of their own
	Number string `json:"number"`      // "$LATEST" or "1", "2", …

	Description  string `json:"description,omitempty"`
	Runtime      string `json:"runtime,omitempty"`
	Handler      string `json:"handler,omitempty"`
	Role         string `json:"role"`
	Timeout      int    `json:"timeout"`    // seconds
	MemorySize   int    `json:"memorySize"` // MB
	PackageType  string `json:"packageType"`
	Architecture string `json:"architecture"`
	// Layers are the function's, the first one lowest.
	Layers []LayerUse `json:"layers,omitempty"`
	// EphemeralStorage is the size of /tmp in MB.
	EphemeralStorage int `json:"ephemeralStorage"`
	// Environment is nil when the caller never gave one, which AWS tells
	// apart from an empty one.
	Environment map[string]string `json:"environment,omitzero"`
	TracingMode string            `json:"tracingMode,omitempty"`
	DeadLetter  string            `json:"deadLetter,omitempty"`
	SnapStart   string            `json:"snapStart,omitempty"`
	Logging     Logging           `json:"logging"`
	// VPC is kept for clients that read back what they wrote.
	VPC *VPC `json:"vpc,omitempty"`

	// CodeBlob is the SHA-256 (hex) of the deployment package in the store's blobs.
	CodeBlob string `json:"codeBlob"`
	CodeSize int64  `json:"codeSize"`
	// Unzipped is the size of the files in it.
	Unzipped int64 `json:"unzipped,omitempty"`

	RevisionID   string    `json:"revisionId"`
	LastModified time.Time `json:"lastModified"`

	// State is Pending until the code is ready on this server, then Active.
	State string `json:"state"`
	// UpdateStatus is empty before the function was first Active, then
	// InProgress or Successful.
	UpdateStatus string `json:"updateStatus,omitempty"`
}

// Values of Version.State and Version.UpdateStatus.
const (
	StatePending     = "Pending"
	StateActive      = "Active"
	StateFailed      = "Failed"
	UpdateInProgress = "InProgress"
	UpdateSuccessful = "Successful"
	UpdateFailed     = "Failed"
)

// Logging is where and how a version's lines are logged.
type Logging struct {
	Format           string `json:"format"` // Text or JSON
	Group            string `json:"group"`
	ApplicationLevel string `json:"applicationLevel,omitempty"`
	SystemLevel      string `json:"systemLevel,omitempty"`
}

// VPC is a VPC configuration as it was given.
type VPC struct {
	SubnetIDs        []string `json:"subnetIds,omitempty"`
	SecurityGroupIDs []string `json:"securityGroupIds,omitempty"`
	IPv6AllowedDual  *bool    `json:"ipv6AllowedForDualStack,omitempty"`
}

// Alias is the record of an alias: a name that leads to a version, or to two of
// which the second gets a share of the invocations.
type Alias struct {
	V        int    `json:"v"`
	Account  string `json:"account"`
	Region   string `json:"region"`
	Function string `json:"function"`
	Name     string `json:"name"`

	Description string `json:"description,omitempty"`
	Version     string `json:"version"` // "$LATEST" or a number
	// Other is the second version, empty when there is none, and Weight its share
	// of the invocations, from 0 to 1.
	Other      string  `json:"other,omitempty"`
	Weight     float64 `json:"weight,omitempty"`
	RevisionID string  `json:"revisionId"`
}

// URLConfig is the record of a function URL: one per function and qualifier.
type URLConfig struct {
	V int `json:"v"`
	// ID is the url-id, the leftmost label of the host.
	ID       string `json:"id"`
	Account  string `json:"account"`
	Region   string `json:"region"`
	Function string `json:"function"`
	// Qualifier is an alias name, or empty for $LATEST.
	Qualifier  string `json:"qualifier,omitempty"`
	AuthType   string `json:"authType"`             // NONE or AWS_IAM
	InvokeMode string `json:"invokeMode,omitempty"` // empty: never set, acts as BUFFERED
	CORS       *CORS  `json:"cors,omitempty"`

	Created      time.Time `json:"created"`
	LastModified time.Time `json:"lastModified"`
}

// Values of URLConfig.AuthType and URLConfig.InvokeMode.
const (
	AuthNone             = "NONE"
	AuthIAM              = "AWS_IAM"
	InvokeBuffered       = "BUFFERED"
	InvokeResponseStream = "RESPONSE_STREAM"
)

// CORS is a URL's cross-origin configuration. Nil members were not given.
type CORS struct {
	AllowCredentials *bool    `json:"allowCredentials,omitempty"`
	AllowHeaders     []string `json:"allowHeaders,omitzero"`
	AllowMethods     []string `json:"allowMethods,omitzero"`
	AllowOrigins     []string `json:"allowOrigins,omitzero"`
	ExposeHeaders    []string `json:"exposeHeaders,omitzero"`
	MaxAge           *int     `json:"maxAge,omitempty"` // seconds
}

// FunctionPolicy is the resource policy of one function and qualifier.
type FunctionPolicy struct {
	V         int    `json:"v"`
	Account   string `json:"account"`
	Region    string `json:"region"`
	Function  string `json:"function"`
	Qualifier string `json:"qualifier,omitempty"`
	// Document is the policy exactly as GetPolicy returns it.
	Document   string `json:"document"`
	RevisionID string `json:"revisionId"`
	// PrincipalIDs maps the ARNs of users and roles that the document names
	// to the unique ids they had when it was written, so that a principal
	// made anew under the same name gains nothing.
	PrincipalIDs map[string]string `json:"principalIds,omitempty"`
}

// User is the record of an IAM user. Its names are unique without regard to case.
type User struct {
	V       int       `json:"v"`
	Account string    `json:"account"`
	Name    string    `json:"name"`
	Path    string    `json:"path"`
	ID      string    `json:"id"` // AIDA…
	Created time.Time `json:"created"`

	Tags     map[string]string `json:"tags,omitempty"`
	Policies map[string]string `json:"policies,omitempty"` // inline: name → document
	// Keys are the ids of the user's access keys, oldest first.
	Keys []string `json:"keys,omitempty"`
	// Attached are the ARNs of managed policies, in the order of attachment;
	// Boundary is the one that bounds the user, or empty.
	Attached []string `json:"attached,omitempty"`
	Boundary string   `json:"boundary,omitempty"`
	// Groups are the unique ids of the user's groups, in the order of joining.
	Groups []string `json:"groups,omitempty"`
}

// Role is the record of an IAM role.
type Role struct {
	V           int       `json:"v"`
	Account     string    `json:"account"`
	Name        string    `json:"name"`
	Path        string    `json:"path"`
	ID          string    `json:"id"` // AROA…
	Created     time.Time `json:"created"`
	Description string    `json:"description,omitempty"`
	// MaxSession is in seconds.
	MaxSession int               `json:"maxSession"`
	Trust      string            `json:"trust"` // the trust policy as it was given
	Tags       map[string]string `json:"tags,omitempty"`
	Policies   map[string]string `json:"policies,omitempty"`
	// Attached and Boundary: see User.
	Attached []string `json:"attached,omitempty"`
	Boundary string   `json:"boundary,omitempty"`
	// PrincipalIDs: see FunctionPolicy.
	PrincipalIDs map[string]string `json:"principalIds,omitempty"`
}

// AccessKey is the record of a long-term access key.
type AccessKey struct {
	V       int       `json:"v"`
	ID      string    `json:"id"` // AKIA…
	Account string    `json:"account"`
	User    string    `json:"user"`
	Active  bool      `json:"active"`
	Created time.Time `json:"created"`
	// Sealed is the secret, encrypted under the server's key, which is not in the store.
	Sealed []byte `json:"sealed"`
}

// Server is the record of what a data directory belongs to.
type Server struct {
	V       int       `json:"v"`
	Account string    `json:"account"`
	Region  string    `json:"region"`
	Created time.Time `json:"created"`
}
