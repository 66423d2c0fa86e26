package authz

import (
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"furl/internal/forwarded"
	"furl/internal/policy"
	"furl/internal/state"
)

// Access is one thing that a caller asks for.
type Access struct {
	Action   string // lambda:GetFunction
	Resource string // an ARN, or "*" for actions without a resource
	// Account owns the resource.
	Account string
	// Policy is the resource's own policy, nil where it has none.
	Policy *policy.Source
	// Tags are the resource's own: aws:ResourceTag.
	Tags map[string]string
	// FunctionARN and URLAuthType are condition keys of actions around function
	// URLs; ViaURL marks an invocation through one. They are members, not Keys,
	// to keep maps off the request path.
	FunctionARN string
	URLAuthType string
	ViaURL      bool
	// Keys are further condition keys of this action.
	Keys policy.ContextMap
	// Terse has a refusal say nothing of the reason, as those of STS.
	Terse bool
}

// Env is what conditions can ask of a request beside its caller and action.
type Env struct {
	Time      time.Time
	SourceIP  string
	Secure    bool
	UserAgent string // empty: no such header
	Referer   string // empty: no such header
	// Forwarded is what a trusted proxy said of the client. SourceIP and Secure
	// follow from it already.
	Forwarded forwarded.Client
	// Via is the AWS service that makes the request in the name of its caller,
	// empty where the caller makes it itself: aws:CalledVia.
	Via string
}

// NewEnv takes a request's condition values from the connection it came on, or
// from what a trusted proxy said of its client.
func NewEnv(r *http.Request, now time.Time) Env {
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		ip = r.RemoteAddr
	}
	client := forwarded.From(r.Context())
	return Env{
		Time:      now,
		SourceIP:  ip,
		Secure:    client.Proto == "https" || client.Proto == "" && r.TLS != nil,
		Forwarded: client,
		UserAgent: r.UserAgent(),
		Referer:   r.Referer(),
	}
}

// Allow judges one access.
func (a *Authorizer) Allow(c *Caller, env Env, acc Access) policy.Decision {
	return policy.Decide(a.input(c, env, acc))
}

// Explain judges one access and says why, statement by statement.
func (a *Authorizer) Explain(c *Caller, env Env, acc Access) policy.Explanation {
	return policy.Explain(a.input(c, env, acc))
}

func (a *Authorizer) input(c *Caller, env Env, acc Access) policy.Input {
	return policy.Input{
		Request: policy.Request{
			Action:          acc.Action,
			Resource:        acc.Resource,
			ResourceAccount: acc.Account,
			Principal:       c.Principal,
			Context:         &keys{caller: c, env: env, access: acc, region: a.region},
		},
		Identity: c.Policies,
		Resource: acc.Policy,
		Boundary: c.Boundary,
		Session:  c.Session,
	}
}

// Denied is AWS's text for a refused API call.
func Denied(c *Caller, acc Access, d policy.Decision) string {
	text := "User: " + c.Principal.ARN + " is not authorized to perform: " + acc.Action + " on resource: " + acc.Resource
	if acc.Terse {
		return text
	}
	return text + " " + d.Reason(acc.Action)
}

// globalRegion is the region of requests to IAM, which has none of its own.
const globalRegion = "us-east-1"

// keys answers for the condition keys of a request, each when it is asked for.
type keys struct {
	caller *Caller
	env    Env
	access Access
	region string
}

// Lookup gives the value of a condition key; the table follows AWS's global
// condition keys for users, roots and anonymous callers.
func (k *keys) Lookup(key string) (policy.Value, bool) {
	if v, ok := k.access.Keys.Lookup(key); ok {
		return v, true
	}
	v, ok := k.value(key)
	return policy.One(v), ok
}

func (k *keys) value(key string) (string, bool) {
	switch key {
	case "aws:currenttime":
		return k.env.Time.UTC().Format("2006-01-02T15:04:05Z"), true
	case "aws:epochtime":
		return strconv.FormatInt(k.env.Time.Unix(), 10), true
	case "aws:securetransport":
		return strconv.FormatBool(k.env.Secure), true
	case "aws:sourceip":
		return k.env.SourceIP, k.env.SourceIP != ""
	case "aws:useragent":
		return k.env.UserAgent, k.env.UserAgent != ""
	case "aws:referer":
		return k.env.Referer, k.env.Referer != ""
	case "aws:requestedregion":
		if k.iam() {
			return globalRegion, true
		}
		return k.region, true
	case "aws:viaawsservice":
		return strconv.FormatBool(k.env.Via != ""), true
	case "aws:calledvia", "aws:calledviafirst", "aws:calledvialast":
		return k.env.Via, k.env.Via != ""
	case "aws:resourceaccount":
		return k.access.Account, k.access.Account != ""
	case "lambda:functionurlauthtype":
		return k.access.URLAuthType, k.access.URLAuthType != ""
	case "lambda:functionarn":
		return k.access.FunctionARN, k.access.FunctionARN != ""
	case "lambda:invokedviafunctionurl":
		return "true", k.access.ViaURL
	}
	if tag, ok := strings.CutPrefix(key, "aws:resourcetag/"); ok {
		return lookupFold(k.access.Tags, tag)
	}
	if tag, ok := strings.CutPrefix(key, "iam:resourcetag/"); ok && k.iam() {
		return lookupFold(k.access.Tags, tag)
	}
	return k.principalValue(key)
}

// iam reports whether the request is for an action of IAM.
func (k *keys) iam() bool { return strings.HasPrefix(k.access.Action, "iam:") }

// principalValue answers for the keys about the caller. Anonymous callers have
// a type and nothing else.
func (k *keys) principalValue(key string) (string, bool) {
	p := k.caller.Principal
	if key == "aws:principaltype" {
		return principalType(p.Type), true
	}
	if p.Type == policy.Anonymous {
		return "", false
	}
	switch key {
	case "aws:userid":
		return k.caller.UserID(), true
	case "aws:username":
		return k.caller.UserName, k.caller.UserName != ""
	case "aws:principalarn":
		if p.Type == policy.AssumedRole {
			return p.IssuerARN, true
		}
		return p.ARN, true
	case "aws:principalaccount":
		return p.Account, true
	case "aws:principalisawsservice":
		return "false", true
	}
	if tag, ok := strings.CutPrefix(key, "aws:principaltag/"); ok {
		return lookupFold(k.caller.Tags, tag)
	}
	if k.caller.Temporary != nil {
		return k.caller.Temporary.value(key)
	}
	return "", false
}

func principalType(t policy.PrincipalType) string {
	switch t {
	case policy.Root:
		return "Account"
	case policy.User:
		return "User"
	case policy.AssumedRole:
		return "AssumedRole"
	case policy.FederatedUser:
		return "FederatedUser"
	case policy.Service:
		return "Service"
	default:
		return "Anonymous"
	}
}

// lookupFold finds a tag whose key differs at most in case, as condition keys
// do. Of several, the first in order counts, so that the verdict is always the
// same.
func lookupFold(tags map[string]string, key string) (value string, found bool) {
	var first string
	for k, v := range tags {
		if strings.EqualFold(k, key) && (!found || k < first) {
			first, value, found = k, v, true
		}
	}
	return value, found
}

// RequestTags are the condition keys about the tags that a request gives,
// aws:RequestTag/key and aws:TagKeys; nil where it gives none.
func RequestTags(tags map[string]string) policy.ContextMap {
	if len(tags) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(tags))
	keys := TagKeys(names)
	for _, name := range slices.Backward(names) { // as in lookupFold, the first counts
		keys.Set("aws:RequestTag/"+name, policy.One(tags[name]))
	}
	return keys
}

// TagKeys is the condition key about the names of the tags that a request gives
// or takes.
func TagKeys(names []string) policy.ContextMap {
	keys := policy.ContextMap{}
	keys.Set("aws:TagKeys", policy.Many(names...))
	return keys
}

// FunctionAccess is an action on a function, or on one of its versions or
// aliases where qualifier is not empty, under the resource policy of that ARN.
func FunctionAccess(action string, f *state.FunctionEntry, qualifier, resource string) Access {
	acc := Access{Action: action, Resource: resource, Account: f.Function.Account, Tags: f.Function.Tags}
	if p := f.Policies[qualifier]; p != nil {
		acc.Policy = &p.Source
	}
	return acc
}
