// Package oidc checks the ID tokens of OpenID Connect issuers that a server is
// configured to trust. It fetches an issuer's keys when a token needs them and
// keeps them for a while. It knows no AWS: what a token opens is for others to
// say.
package oidc

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// DefaultAudience is the audience of an issuer that is configured without one:
// what clients ask for who mean AWS.
const DefaultAudience = "sts.amazonaws.com"

// Issuer is an issuer to trust and the audiences that its tokens must be for.
type Issuer struct {
	URL       string
	Audiences []string
}

// ParseIssuer reads URL or URL=AUDIENCE. The URL is https, or http on loopback,
// where nobody is between.
func ParseIssuer(text string) (Issuer, error) {
	address, audience, given := strings.Cut(text, "=")
	if !given {
		audience = DefaultAudience
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return Issuer{}, errors.New("want URL or URL=AUDIENCE, for example https://token.actions.githubusercontent.com")
	case audience == "":
		return Issuer{}, errors.New("the audience is empty")
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return Issuer{}, errors.New("want an https URL; http will do on loopback only")
	}
	return Issuer{URL: strings.TrimSuffix(address, "/"), Audiences: []string{audience}}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Name is the issuer without its scheme, as AWS names identity providers and
// their condition keys.
func (i Issuer) Name() string {
	_, name, _ := strings.Cut(i.URL, "://")
	return name
}

// Merge puts the audiences of issuers of the same URL together.
func Merge(issuers []Issuer) []Issuer {
	var merged []Issuer
	for _, one := range issuers {
		i := slices.IndexFunc(merged, func(m Issuer) bool { return m.URL == one.URL })
		if i < 0 {
			merged = append(merged, Issuer{URL: one.URL, Audiences: slices.Clone(one.Audiences)})
			continue
		}
		merged[i].Audiences = append(merged[i].Audiences, one.Audiences...)
	}
	return merged
}

// Options configure a Verifier.
type Options struct {
	Issuers []Issuer
	// HTTP fetches keys; nil: a client of its own that follows no redirects to
	// elsewhere and gives up after a few seconds.
	HTTP *http.Client
	Now  func() time.Time
}

// Verifier checks tokens. It is safe for concurrent use.
type Verifier struct {
	http *http.Client
	now  func() time.Time

	issuers map[string]*keySet // by the issuer's URL
}

// New makes a Verifier. It fetches nothing yet.
func New(o Options) *Verifier {
	v := &Verifier{http: o.HTTP, now: o.Now, issuers: map[string]*keySet{}}
	if v.http == nil {
		v.http = &http.Client{
			Timeout: fetchTimeout,
			CheckRedirect: func(r *http.Request, via []*http.Request) error {
				if len(via) > maxRedirects || r.URL.Scheme != via[0].URL.Scheme {
					return errors.New("redirected too often, or to another scheme")
				}
				return nil
			},
		}
	}
	for _, one := range Merge(o.Issuers) {
		v.issuers[one.URL] = &keySet{issuer: one, turn: make(chan struct{}, 1)}
	}
	return v
}

const (
	fetchTimeout = 10 * time.Second
	maxRedirects = 3
)

// Token is what a good token says.
type Token struct {
	Issuer  Issuer
	Subject string
	// Audience is the one of its audiences that the server trusts the issuer for.
	Audience string
	// AuthorizedParty and Methods are the claims azp and amr.
	AuthorizedParty string
	Methods         []string
}

// Errors of Verify.
var (
	// ErrMalformed: not a token of a kind that can be checked.
	ErrMalformed = errors.New("oidc: not a signed JSON web token")
	// ErrUnknownIssuer: nobody trusts the token's issuer.
	ErrUnknownIssuer = errors.New("oidc: the issuer is not configured")
	// ErrAudience: the token is for somebody else.
	ErrAudience = errors.New("oidc: the token is for another audience")
	// ErrKeys: the issuer's keys cannot be had.
	ErrKeys = errors.New("oidc: the issuer's keys cannot be fetched")
	// ErrSignature: none of the issuer's keys made the signature.
	ErrSignature = errors.New("oidc: the signature is not the issuer's")
	// ErrNoSubject: the claim sub is missing.
	ErrNoSubject = errors.New("oidc: the token has no subject")
)

// TimeError is a token outside of its time.
type TimeError struct {
	// Now is the server's clock, Bound the token's exp, or its nbf or iat where
	// NotYet.
	Now, Bound time.Time
	NotYet     bool
}

// Error says so.
func (e *TimeError) Error() string {
	if e.NotYet {
		return fmt.Sprintf("oidc: the token is not valid before %s", e.Bound.Format(time.RFC3339))
	}
	return fmt.Sprintf("oidc: the token expired at %s", e.Bound.Format(time.RFC3339))
}

// keySet is an issuer with its keys as they were last fetched.
type keySet struct {
	issuer Issuer

	turn chan struct{} // of capacity 1, full while one fetches for all who wait

	mu      sync.Mutex
	keys    []key
	fetched time.Time
	// tried is when fetching was last begun, well or not.
	tried time.Time
}
