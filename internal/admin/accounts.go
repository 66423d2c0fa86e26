package admin

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"time"

	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/state"
)

// CreateAccountRequest asks for a new account in the server, beside the one that
// its data directory belongs to.
type CreateAccountRequest struct {
	// AccountId is 12 digits; left out the server chooses.
	AccountId *string `shape:"AccountId"`
	// Name is for people.
	Name *string `shape:"AccountName"`
}

// AccountKey is an access key of an account's root. Its secret is shown once.
type AccountKey struct {
	AccountId       string
	AccessKeyId     string
	SecretAccessKey string
}

// ListAccountsRequest asks for the accounts of the server.
type ListAccountsRequest struct{}

// ListAccountsResponse are the accounts of the server, its first one first.
type ListAccountsResponse struct{ Accounts []Account }

// Account is an account of the server.
type Account struct {
	AccountId  string
	Name       *string
	CreateDate time.Time
	// Keys are those of its root. The first account's is in the data directory
	// and in the server's environment, and nowhere else.
	Keys []RootKey
}

// RootKey is an access key of an account's root without its secret.
type RootKey struct {
	AccessKeyId string
	CreateDate  time.Time
}

// CreateAccountKeyRequest asks for one more access key of an account's root.
type CreateAccountKeyRequest struct {
	AccountId string `aws:"required" shape:"AccountId"`
}

// DeleteAccountKeyRequest takes an access key from an account's root.
type DeleteAccountKeyRequest struct {
	AccountId   string `aws:"required" shape:"AccountId"`
	AccessKeyId string `aws:"required" shape:"AccessKeyId"`
}

// RevokeSessionRequest ends temporary credentials before their time.
type RevokeSessionRequest struct {
	AccessKeyId string `aws:"required" shape:"AccessKeyId"`
}

// maxRootKeys is how many access keys an account's root may have, as on AWS.
const maxRootKeys = 2

// longestSession is more than any session lasts: that of a user, 36 hours.
const longestSession = 36*time.Hour + time.Hour

// CreateAccount makes an account with a root of its own.
func (s *Service) CreateAccount(ctx context.Context, in *CreateAccountRequest) (*AccountKey, error) {
	id := value(in.AccountId)
	if id == "" {
		id = randomAccount()
	}
	if s.state.Snapshot().HasAccount(id) {
		return nil, accountExists(id)
	}
	key, secret := newRootKey(s.created())
	err := s.state.CreateAccount(ctx, &state.Account{ID: id, Name: value(in.Name), Created: s.created()}, key, secret)
	if errors.Is(err, state.ErrExists) {
		return nil, accountExists(id)
	}
	if err != nil {
		return nil, err
	}
	return &AccountKey{id, key.ID, secret.Reveal()}, nil
}

// ListAccounts lists the accounts of the server.
func (s *Service) ListAccounts(context.Context, *ListAccountsRequest) (*ListAccountsResponse, error) {
	snap := s.state.Snapshot()
	own := snap.Server()
	first := Account{AccountId: own.Account, CreateDate: own.Created, Keys: []RootKey{{s.rootKey, own.Created}}}
	out := &ListAccountsResponse{Accounts: []Account{first}}
	for _, a := range snap.Accounts() {
		one := Account{AccountId: a.ID, Name: nonEmpty(a.Name), CreateDate: a.Created, Keys: []RootKey{}}
		for _, id := range a.Keys {
			if k := snap.AccessKey(id); k != nil {
				one.Keys = append(one.Keys, RootKey{id, k.Key.Created})
			}
		}
		out.Accounts = append(out.Accounts, one)
	}
	return out, nil
}

// CreateAccountKey makes one more access key of an account's root.
func (s *Service) CreateAccountKey(ctx context.Context, in *CreateAccountKeyRequest) (*AccountKey, error) {
	if err := s.foreign(in.AccountId); err != nil {
		return nil, err
	}
	key, secret := newRootKey(s.created())
	key.Account = in.AccountId
	err := s.state.CreateRootKey(ctx, key, secret, func(a *state.Account) error {
		if len(a.Keys) >= maxRootKeys {
			return awsapi.ValidationException("The root of account %s has %d access keys, which is the most; delete one first", a.ID, len(a.Keys))
		}
		return nil
	})
	if err != nil {
		return nil, accountError(err, in.AccountId)
	}
	return &AccountKey{in.AccountId, key.ID, secret.Reveal()}, nil
}

// DeleteAccountKey takes an access key from an account's root, but the last one:
// nobody could get in any more.
func (s *Service) DeleteAccountKey(ctx context.Context, in *DeleteAccountKeyRequest) error {
	if err := s.foreign(in.AccountId); err != nil {
		return err
	}
	err := s.state.DeleteRootKey(ctx, in.AccountId, in.AccessKeyId, func(a *state.Account) error {
		if len(a.Keys) == 1 {
			return awsapi.ValidationException("The access key %s is the last one of account %s; create another one first", in.AccessKeyId, a.ID)
		}
		return nil
	})
	if errors.Is(err, state.ErrNotFound) {
		return notFound("The account %s has no access key %s", in.AccountId, in.AccessKeyId)
	}
	return err
}

// RevokeSession ends temporary credentials before their time: the next request
// with them is refused.
func (s *Service) RevokeSession(ctx context.Context, in *RevokeSessionRequest) error {
	account, ok := authz.AccountOfKey(in.AccessKeyId)
	if !ok {
		return awsapi.ValidationException("%s is not the access key of a session, which begin with ASIA", in.AccessKeyId)
	}
	now := s.created()
	return s.state.Revoke(ctx, &state.Revocation{ID: in.AccessKeyId, Account: account, Created: now, Expires: now.Add(longestSession)})
}

// foreign refuses the server's first account, whose root's key is not in the
// state, and accounts that there are not.
func (s *Service) foreign(account string) error {
	snap := s.state.Snapshot()
	switch {
	case snap.FirstAccount() == account:
		return awsapi.ValidationException("The root key of account %s, which the server's data directory belongs to, is in the file root-access-key there", account)
	case snap.Account(account) == nil:
		return notFound("This server has no account %s", account)
	}
	return nil
}

func accountError(err error, account string) error {
	if errors.Is(err, state.ErrNotFound) {
		return notFound("This server has no account %s", account)
	}
	return err
}

func accountExists(id string) error {
	return awsapi.Errorf(awsapi.Error{Code: "ResourceConflictException", Status: 409, Type: "User", MessageMember: "Message"},
		"This server has an account %s already", id)
}

// created is the time of what is made now.
func (s *Service) created() time.Time { return s.now().UTC().Truncate(time.Second) }

// randomAccount makes an id of 12 digits, the first of which is not 0.
func randomAccount() string {
	const least = 100_000_000_000
	n, err := rand.Int(rand.Reader, big.NewInt(9*least))
	if err != nil { // crypto/rand's reader never fails
		return fmt.Sprint(int64(least))
	}
	return fmt.Sprint(n.Int64() + least)
}

// newRootKey makes an access key of AWS's form.
func newRootKey(created time.Time) (*state.AccessKey, state.Secret) {
	var id [10]byte
	var secret [30]byte
	rand.Read(id[:]) // never fails: crypto/rand ends the process instead
	rand.Read(secret[:])
	k := &state.AccessKey{ID: "AKIA" + base32.StdEncoding.EncodeToString(id[:]), User: state.RootUser, Active: true, Created: created}
	return k, state.NewSecret(base64.StdEncoding.EncodeToString(secret[:]))
}
