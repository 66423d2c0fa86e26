package iam

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/state"
)

// listPage is the size of a page when the request names none.
const listPage = 100

// Service carries out the operations.
type Service struct {
	state *state.State
	now   func() time.Time
}

var _ API = (*Service)(nil)

// New makes a Service.
func New(st *state.State, now func() time.Time) *Service {
	return &Service{state: st, now: now}
}

// created is the time of what is made now: IAM keeps whole seconds.
func (s *Service) created() time.Time { return s.now().UTC().Truncate(time.Second) }

// account is the account that the operation's caller belongs to.
func account(ctx context.Context) string { return authz.FromContext(ctx).Principal.Account }

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// newID makes a unique id of AWS's form: a prefix that tells what it is and
// random characters of base32.
func newID(prefix string, length int) string {
	const base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	random := make([]byte, length-len(prefix))
	rand.Read(random) // never fails: crypto/rand ends the process instead
	id := []byte(prefix)
	for _, b := range random {
		id = append(id, base32[b%32])
	}
	return string(id)
}

// stateError turns what a transaction answers into the API's errors; missing
// is the answer for a record that is not there.
func stateError(err error, missing *awsapi.Error) error {
	switch {
	case errors.Is(err, state.ErrNotFound):
		return missing
	case errors.Is(err, state.ErrConflict):
		return ConcurrentModificationException("Request was submitted too many times concurrently. Please retry.")
	}
	return err
}

// tagMap reads the tags of a request. Keys are unique without regard to case.
func tagMap(tags []Tag) (map[string]string, error) {
	if len(tags) == 0 {
		return nil, nil
	}
	folded := map[string]bool{}
	out := make(map[string]string, len(tags))
	for _, t := range tags {
		key := fold(t.Key)
		if folded[key] {
			return nil, InvalidInputException("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		folded[key] = true
		out[t.Key] = t.Value
	}
	return out, nil
}
