package admin

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/netip"
	"net/url"
	"strings"

	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/policy"
	"furl/internal/state"
)

// localhost is where a call comes from unless the request says otherwise.
const localhost = "127.0.0.1"

// keyState is what is known of the key that a call is signed with.
type keyState int

const (
	keyGood keyState = iota // or none is named
	keyUnknown
	keyInactive
	keyEnded // the session has: expired, revoked, or its role is gone
)

// scene is everything that the verdict on a call depends on, in a form in
// which a fix can change it: a scene is judged, changed and judged again
// without anything being changed on the server.
type scene struct {
	function  *state.FunctionEntry
	qualifier string
	url       *state.URLConfig // nil where the function has none
	// document is the resource policy, empty where there is none; bound are the
	// unique ids of the principals that it names.
	document string
	bound    map[string]string
	resource *policy.Source

	// caller is nil when nobody knows who calls.
	caller *authz.Caller
	// user or role is who calls, if an IAM user or a session of a role; policies
	// are its documents.
	user     *state.UserEntry
	role     *state.RoleEntry
	policies map[string]string
	key      keyState
	keyID    string

	env    authz.Env
	method string
}

// newScene finds out who calls what. Outside is the Reason when it is no
// function URL of this server, and about names it.
func (s *Service) newScene(ctx context.Context, in *ExplainURLRequest) (c *scene, outside, about string, err error) {
	c = &scene{method: strings.ToUpper(cmp.Or(value(in.Method), "GET"))}
	if outside, about, err = s.findURL(ctx, c, in); err != nil || outside != "" {
		return c, outside, about, err
	}
	c.env = authz.Env{
		Time:      s.now(),
		SourceIP:  cmp.Or(value(in.SourceIp), localhost),
		UserAgent: value(in.UserAgent),
		Referer:   value(in.Referer),
		Secure:    s.secure(in),
	}
	if _, err := netip.ParseAddr(c.env.SourceIP); err != nil {
		return nil, "", "", awsapi.ValidationException("SourceIp %s is not an IP address", c.env.SourceIP)
	}
	return c, "", "", s.findCaller(ctx, c, in)
}

// secure is whether the call comes over TLS: as the request says, else as the
// URL that it names, else as the URLs that the server gives out.
func (s *Service) secure(in *ExplainURLRequest) bool {
	switch {
	case in.Secure != nil:
		return *in.Secure
	case strings.Contains(value(in.Url), "://"):
		return strings.HasPrefix(strings.ToLower(*in.Url), "https://")
	}
	return strings.HasPrefix(s.url(""), "https://")
}

// findURL finds the function and its URL.
func (s *Service) findURL(ctx context.Context, c *scene, in *ExplainURLRequest) (outside, about string, err error) {
	if (in.Url == nil) == (in.FunctionName == nil) {
		return "", "", awsapi.ValidationException("name either a Url or a FunctionName")
	}
	snap := s.state.Snapshot()
	if in.FunctionName != nil {
		id, qualifier, err := s.resolve(ctx, *in.FunctionName, in.Qualifier)
		if err != nil {
			return "", "", err
		}
		f := snap.Function(id)
		if f == nil {
			return "", "", notFound("Function not found: %s", *in.FunctionName)
		}
		if qualifier != "" && f.Aliases[qualifier] == nil { // only aliases have URLs
			return "", "", notFound("Function %s has no alias %s", id.Name, qualifier)
		}
		c.setFunction(f, qualifier, f.URLs[qualifier])
		return "", "", nil
	}
	host, err := hostOf(*in.Url)
	if err != nil {
		return "", "", awsapi.ValidationException("Url %s is not a URL", *in.Url)
	}
	id, ok := strings.CutSuffix(host, ".lambda-url."+s.region+"."+s.domain)
	if !ok {
		return ReasonForeignHost, host, nil
	}
	route := snap.Route(id)
	if route == nil || route.URL.Account != account(ctx) {
		return ReasonUnknownURL, id, nil
	}
	c.setFunction(snap.Function(route.Target.Function.ID()), route.URL.Qualifier, route.URL)
	return "", "", nil
}

// hostOf is the host of a URL, or of a host alone, in lower case.
func hostOf(text string) (string, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return "", err
	}
	if u.Hostname() == "" {
		return "", errors.New("it has no host")
	}
	return strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), nil
}

func (c *scene) setFunction(f *state.FunctionEntry, qualifier string, u *state.URLConfig) {
	c.function, c.qualifier, c.url = f, qualifier, u
	if p := f.Policies[qualifier]; p != nil {
		c.document, c.bound, c.resource = p.Record.Document, p.Record.PrincipalIDs, &p.Source
	}
}

// findCaller finds who calls from As and AsKey.
func (s *Service) findCaller(ctx context.Context, c *scene, in *ExplainURLRequest) error {
	if err := s.findPrincipal(ctx, c, value(in.As)); err != nil {
		return err
	}
	if in.AsKey == nil {
		return nil
	}
	named := in.As != nil
	before, user := c.caller, c.user
	c.keyID = *in.AsKey
	if !s.findKey(ctx, c) {
		if !named || user == nil {
			c.caller, c.user, c.role, c.policies = nil, nil, nil, nil
		}
		return nil
	}
	if named && before.Principal.ARN != c.caller.Principal.ARN {
		return awsapi.ValidationException("the access key %s belongs to %s, not to %s", c.keyID, c.caller.Principal.ARN, *in.As)
	}
	return nil
}

// findPrincipal finds who As names.
func (s *Service) findPrincipal(ctx context.Context, c *scene, as string) error {
	owner := authz.RootCaller(account(ctx), "")
	switch as {
	case "", "anonymous":
		c.caller = authz.Anonymous()
		return nil
	case "root", owner.Principal.ARN:
		c.caller = owner
		return nil
	}
	if strings.HasPrefix(as, "arn:") {
		return s.findARN(c, account(ctx), as)
	}
	u := s.state.Snapshot().User(account(ctx), as)
	if u == nil {
		return notFound("The user %s cannot be found.", as)
	}
	c.setUser(u, "")
	return nil
}

// findKey finds the key's owner; false if there is no such key.
func (s *Service) findKey(ctx context.Context, c *scene) bool {
	if asking := authz.FromContext(ctx); c.keyID == s.rootKey || c.keyID == asking.AccessKeyID && asking.Principal.Type == policy.Root {
		c.caller, c.user, c.policies = authz.RootCaller(account(ctx), c.keyID), nil, nil
		return true
	}
	if _, session := authz.AccountOfKey(c.keyID); session {
		return s.findSession(c, account(ctx))
	}
	snap := s.state.Snapshot()
	k := snap.AccessKey(c.keyID)
	if k == nil || k.Key.Account != account(ctx) {
		c.key = keyUnknown
		return false
	}
	if k.Key.User == state.RootUser {
		c.caller, c.user, c.policies = authz.RootCaller(account(ctx), c.keyID), nil, nil
		return true
	}
	u := snap.User(k.Key.Account, k.Key.User)
	if u == nil {
		c.key = keyUnknown
		return false
	}
	c.setUser(u, c.keyID)
	if !k.Key.Active {
		c.key = keyInactive
	}
	return true
}

func (c *scene) setUser(u *state.UserEntry, keyID string) {
	c.user, c.policies = u, maps.Clone(u.User.Policies)
	c.caller = authz.UserCaller(u, keyID)
}

// activeKeys counts the keys that the user could sign with.
func (s *Service) activeKeys(u *state.UserEntry) int {
	n := 0
	for _, id := range u.User.Keys {
		if k := s.state.Snapshot().AccessKey(id); k != nil && k.Key.Active {
			n++
		}
	}
	return n
}
