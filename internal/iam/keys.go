package iam

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"

	"furl/internal/awsapi"
	"furl/internal/state"
)

// maxKeys is how many access keys a user may have.
const maxKeys = 2

func noKey(id string) *awsapi.Error {
	return NoSuchEntityException("The Access Key with id %s cannot be found", id)
}

// CreateAccessKey makes an access key for a user, the caller where the request
// names none. Its secret is shown this once.
func (s *Service) CreateAccessKey(ctx context.Context, in *CreateAccessKeyRequest) (*CreateAccessKeyResponse, error) {
	user, err := s.existingUser(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	var random [30]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	secret := base64.StdEncoding.EncodeToString(random[:])
	k := &state.AccessKey{
		ID:      newID("AKIA", 20),
		Account: user.Account,
		User:    user.Name,
		Active:  true,
		Created: s.created(),
	}
	err = s.state.CreateAccessKey(ctx, k, state.NewSecret(secret), func(u *state.User) error {
		if len(u.Keys) >= maxKeys {
			return LimitExceededException("Cannot exceed quota for AccessKeysPerUser: %d", maxKeys)
		}
		return nil
	})
	if errors.Is(err, state.ErrExists) { // an id drawn twice: as likely as guessing one
		return s.CreateAccessKey(ctx, in)
	}
	if err != nil {
		return nil, stateError(err, noUser(user.Name))
	}
	return &CreateAccessKeyResponse{AccessKey: AccessKey{
		UserName:        user.Name,
		AccessKeyId:     k.ID,
		Status:          StatusTypeActive,
		SecretAccessKey: secret,
		CreateDate:      &k.Created,
	}}, nil
}

func (s *Service) existingUser(ctx context.Context, name *string) (*state.User, error) {
	n, err := userOrCaller(ctx, name)
	if err != nil {
		return nil, err
	}
	u := s.state.Snapshot().User(account(ctx), n)
	if u == nil {
		return nil, noUser(n)
	}
	return u.User, nil
}

// ListAccessKeys lists a user's access keys without their secrets.
func (s *Service) ListAccessKeys(ctx context.Context, in *ListAccessKeysRequest) (*ListAccessKeysResponse, error) {
	user, err := s.existingUser(ctx, in.UserName)
	if err != nil {
		return nil, err
	}
	ids := slices.Sorted(slices.Values(user.Keys))
	page, next, err := paginate(ids, in.Marker, in.MaxItems, "ListAccessKeys", func(id string) string { return id })
	if err != nil {
		return nil, err
	}
	out := &ListAccessKeysResponse{AccessKeyMetadata: []AccessKeyMetadata{}, IsTruncated: new(next != nil), Marker: next}
	snap := s.state.Snapshot()
	for _, id := range page {
		if k := snap.AccessKey(id); k != nil {
			out.AccessKeyMetadata = append(out.AccessKeyMetadata, AccessKeyMetadata{
				UserName:    &user.Name,
				AccessKeyId: &k.Key.ID,
				Status:      new(status(k.Key)),
				CreateDate:  &k.Key.Created,
			})
		}
	}
	return out, nil
}

func status(k *state.AccessKey) StatusType {
	if k.Active {
		return StatusTypeActive
	}
	return StatusTypeInactive
}

// UpdateAccessKey switches an access key on or off. Without a user's name it is
// one of the caller's own, whoever has the key.
func (s *Service) UpdateAccessKey(ctx context.Context, in *UpdateAccessKeyRequest) error {
	user, err := s.existingUser(ctx, in.UserName)
	if err != nil {
		return err
	}
	err = s.state.UpdateAccessKey(ctx, in.AccessKeyId, func(k *state.AccessKey) error {
		if k.Account != user.Account || k.User != user.Name {
			return noKey(in.AccessKeyId)
		}
		k.Active = in.Status == StatusTypeActive
		return nil
	})
	return stateError(err, noKey(in.AccessKeyId))
}

// DeleteAccessKey removes an access key; about the user's name see UpdateAccessKey.
func (s *Service) DeleteAccessKey(ctx context.Context, in *DeleteAccessKeyRequest) error {
	user, err := s.existingUser(ctx, in.UserName)
	if err != nil {
		return err
	}
	err = s.state.DeleteAccessKey(ctx, user.Account, user.Name, in.AccessKeyId)
	return stateError(err, noKey(in.AccessKeyId))
}

// GetAccessKeyLastUsed says when and for what an access key of the account was
// used last, up to a minute late.
func (s *Service) GetAccessKeyLastUsed(ctx context.Context, in *GetAccessKeyLastUsedRequest) (*GetAccessKeyLastUsedResponse, error) {
	k := s.state.Snapshot().AccessKey(in.AccessKeyId)
	if k == nil || k.Key.Account != account(ctx) {
		return nil, noKey(in.AccessKeyId)
	}
	out := &GetAccessKeyLastUsedResponse{
		UserName:          nonEmpty(k.Key.User),
		AccessKeyLastUsed: &AccessKeyLastUsed{ServiceName: "N/A", Region: "N/A"},
	}
	if u := s.state.LastUse(k.Key.ID); u != nil {
		out.AccessKeyLastUsed = &AccessKeyLastUsed{LastUsedDate: &u.At, ServiceName: u.Service, Region: u.Region}
	}
	return out, nil
}
