package lambda

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"regexp"
	"slices"

	"furl/internal/awsapi"
	"furl/internal/state"
)

// maxURLPage is the most that a page of URL configurations holds.
const maxURLPage = 50

// TagURLID is the tag of a function that chooses the url-id of the URL that it
// gets next; with ":" and an alias's name behind it, of the alias's. AWS has no
// such thing.
const TagURLID = "furl:url-id"

// CreateFunctionUrlConfig gives a function its address. Every URL gets a new
// one, so that an address that was deleted never answers again, unless a tag of
// the function chooses it.
func (s *Service) CreateFunctionUrlConfig(ctx context.Context, in *CreateFunctionUrlConfigRequest) (*CreateFunctionUrlConfigResponse, error) {
	r, err := s.resolve(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	f, _ := s.lookup(r)
	if f == nil {
		return nil, noFunctionForURL()
	}
	id, err := chooseURLID(f.Function.Tags, r.qualifier)
	if err != nil {
		return nil, err
	}
	now := s.now()
	u := &state.URLConfig{
		ID:           id,
		Account:      r.id.Account,
		Region:       r.id.Region,
		Function:     r.id.Name,
		Qualifier:    r.qualifier,
		AuthType:     string(in.AuthType),
		InvokeMode:   string(value(in.InvokeMode)),
		CORS:         corsState(in.Cors),
		Created:      now,
		LastModified: now,
	}
	if err := s.state.CreateURL(ctx, u); err != nil {
		if errors.Is(err, state.ErrTaken) {
			return nil, ResourceConflictException("The url-id '%s', which the function's tag %s chooses, is taken by another function URL.", id, urlIDTag(r.qualifier))
		}
		if errors.Is(err, state.ErrExists) {
			return nil, ResourceConflictException("Failed to create function url config for [functionArn = %s]. "+
				"Error message:  FunctionUrlConfig exists for this Lambda function", r.arn())
		}
		return nil, stateError(err, noFunctionForURL())
	}
	return &CreateFunctionUrlConfigResponse{
		FunctionUrl:  s.url(u.ID),
		FunctionArn:  r.arn(),
		AuthType:     in.AuthType,
		Cors:         corsAnswer(u.CORS),
		CreationTime: urlTime(u.Created),
		InvokeMode:   in.InvokeMode,
	}, nil
}

// GetFunctionUrlConfig shows a URL's configuration.
func (s *Service) GetFunctionUrlConfig(ctx context.Context, in *GetFunctionUrlConfigRequest) (*GetFunctionUrlConfigResponse, error) {
	r, u, err := s.findURL(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	listed := s.renderURL(r.arn(), u)
	return &GetFunctionUrlConfigResponse{
		FunctionUrl:      listed.FunctionUrl,
		FunctionArn:      listed.FunctionArn,
		AuthType:         listed.AuthType,
		Cors:             listed.Cors,
		CreationTime:     listed.CreationTime,
		LastModifiedTime: listed.LastModifiedTime,
		InvokeMode:       listed.InvokeMode,
	}, nil
}

// UpdateFunctionUrlConfig changes what the request names; the address stays.
func (s *Service) UpdateFunctionUrlConfig(ctx context.Context, in *UpdateFunctionUrlConfigRequest) (*UpdateFunctionUrlConfigResponse, error) {
	r, err := s.resolve(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	if f, _ := s.lookup(r); f == nil {
		return nil, noFunctionForURL()
	}
	u, err := s.state.UpdateURL(ctx, r.id, r.qualifier, func(u *state.URLConfig) error {
		if in.AuthType != nil {
			u.AuthType = string(*in.AuthType)
		}
		if in.InvokeMode != nil {
			u.InvokeMode = string(*in.InvokeMode)
		}
		if in.Cors != nil {
			u.CORS = corsState(in.Cors)
		}
		u.LastModified = s.now()
		return nil
	})
	if err != nil {
		return nil, stateError(err, noResource())
	}
	return &UpdateFunctionUrlConfigResponse{
		FunctionUrl:      s.url(u.ID),
		FunctionArn:      r.arn(),
		AuthType:         FunctionUrlAuthType(u.AuthType),
		Cors:             corsAnswer(u.CORS),
		CreationTime:     urlTime(u.Created),
		LastModifiedTime: urlTime(u.LastModified),
		InvokeMode:       nonEmpty(InvokeMode(u.InvokeMode)),
	}, nil
}

// DeleteFunctionUrlConfig takes a function's address away. The permissions
// that opened it stay, as on AWS.
func (s *Service) DeleteFunctionUrlConfig(ctx context.Context, in *DeleteFunctionUrlConfigRequest) error {
	r, err := s.resolve(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return err
	}
	return stateError(s.state.DeleteURL(ctx, r.id, r.qualifier), noResource())
}

// ListFunctionUrlConfigs lists a function's URLs: its own and its aliases'.
func (s *Service) ListFunctionUrlConfigs(ctx context.Context, in *ListFunctionUrlConfigsRequest) (*ListFunctionUrlConfigsResponse, error) {
	r, err := s.resolve(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	f, _ := s.lookup(r)
	if f == nil {
		return nil, noFunctionForURL()
	}
	all := make([]*state.URLConfig, 0, len(f.URLs))
	for _, u := range f.URLs {
		all = append(all, u)
	}
	qualifier := func(u *state.URLConfig) string { return u.Qualifier }
	slices.SortFunc(all, func(a, b *state.URLConfig) int { return cmp.Compare(a.Qualifier, b.Qualifier) })
	page, next, err := awsapi.Page(all, qualifier, awsapi.Paging{
		Operation: "ListFunctionUrlConfigs " + r.id.Name, Marker: in.Marker, MaxItems: in.MaxItems, Size: maxURLPage, Most: maxURLPage,
	})
	if err != nil {
		return nil, err
	}
	out := &ListFunctionUrlConfigsResponse{FunctionUrlConfigs: make([]FunctionUrlConfig, 0, len(page)), NextMarker: next}
	for _, u := range page {
		out.FunctionUrlConfigs = append(out.FunctionUrlConfigs, s.renderURL(ref{r.id, u.Qualifier}.arn(), u))
	}
	return out, nil
}

// findURL resolves a name to a URL that exists.
func (s *Service) findURL(ctx context.Context, name string, qualifier *string) (ref, *state.URLConfig, error) {
	r, err := s.resolve(ctx, name, qualifier)
	if err != nil {
		return ref{}, nil, err
	}
	f, _ := s.lookup(r)
	if f == nil || f.URLs[r.qualifier] == nil {
		return ref{}, nil, noResource()
	}
	return r, f.URLs[r.qualifier], nil
}

func noFunctionForURL() *awsapi.Error { return ResourceNotFoundException("Function does not exist") }

func noResource() *awsapi.Error {
	return ResourceNotFoundException("The resource you requested does not exist.")
}

func (s *Service) renderURL(functionARN string, u *state.URLConfig) FunctionUrlConfig {
	return FunctionUrlConfig{
		FunctionUrl:      s.url(u.ID),
		FunctionArn:      functionARN,
		AuthType:         FunctionUrlAuthType(u.AuthType),
		Cors:             corsAnswer(u.CORS),
		CreationTime:     urlTime(u.Created),
		LastModifiedTime: urlTime(u.LastModified),
		InvokeMode:       new(InvokeMode(orDefault(u.InvokeMode, state.InvokeBuffered))),
	}
}

// corsState is nil for an empty configuration, which switches CORS off.
func corsState(c *Cors) *state.CORS {
	if c == nil {
		return nil
	}
	out := &state.CORS{
		AllowCredentials: c.AllowCredentials,
		AllowHeaders:     c.AllowHeaders,
		AllowMethods:     c.AllowMethods,
		AllowOrigins:     c.AllowOrigins,
		ExposeHeaders:    c.ExposeHeaders,
		MaxAge:           c.MaxAge,
	}
	if out.AllowCredentials == nil && out.AllowHeaders == nil && out.AllowMethods == nil &&
		out.AllowOrigins == nil && out.ExposeHeaders == nil && out.MaxAge == nil {
		return nil
	}
	return out
}

func corsAnswer(c *state.CORS) *Cors {
	if c == nil {
		return nil
	}
	return &Cors{
		AllowCredentials: c.AllowCredentials,
		AllowHeaders:     c.AllowHeaders,
		AllowMethods:     c.AllowMethods,
		AllowOrigins:     c.AllowOrigins,
		ExposeHeaders:    c.ExposeHeaders,
		MaxAge:           c.MaxAge,
	}
}

// urlIDTag is the key of the tag that chooses the url-id of a function's URL, or
// of one of its aliases'.
func urlIDTag(qualifier string) string {
	if qualifier == "" {
		return TagURLID
	}
	return TagURLID + ":" + qualifier
}

// chooseURLID is the url-id that a tag chooses, else a new one.
func chooseURLID(tags map[string]string, qualifier string) (string, error) {
	key := urlIDTag(qualifier)
	id, chosen := tags[key]
	if !chosen {
		return newURLID(), nil
	}
	if !urlIDPattern().MatchString(id) {
		return "", InvalidParameterValueException("The tag %s has the value '%s', which is no url-id: want 1 to 32 lower-case letters and digits.", key, id)
	}
	return id, nil
}

func urlIDPattern() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9]{1,32}$`) }

// newURLID makes a url-id of the form that AWS's have: 26 characters of
// base32, a zero, five letters. It is not to be guessed: 154 random bits.
func newURLID() string {
	const (
		base32  = "abcdefghijklmnopqrstuvwxyz234567"
		letters = "abcdefghijklmnopqrstuvwxyz"
	)
	var random [40]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	id := make([]byte, 0, 32)
	for _, b := range random[:26] {
		id = append(id, base32[b%32])
	}
	id = append(id, '0')
	for _, b := range random[26:] {
		// 234 is the largest multiple of 26 in a byte: the rest would favour
		// the first letters.
		if b < 234 && len(id) < 32 {
			id = append(id, letters[b%26])
		}
	}
	if len(id) < 32 { // about once in ten million
		return newURLID()
	}
	return string(id)
}
