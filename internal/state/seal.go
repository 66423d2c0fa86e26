package state

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
)

// Secret is the secret half of an access key. It prints as "redacted" however
// it is formatted; Reveal gives the text to the signature check.
type Secret struct{ text string }

// NewSecret wraps a secret text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return s.text }

func (Secret) String() string { return "redacted" }

// GoString keeps %#v from printing the field.
func (Secret) GoString() string { return "redacted" }

// LogValue keeps structured logs from printing the field.
func (Secret) LogValue() slog.Value { return slog.StringValue("redacted") }

// MarshalText keeps encoders from writing the field.
func (Secret) MarshalText() ([]byte, error) { return []byte("redacted"), nil }

// SealKeySize is the size of the key that seals secrets, in bytes.
const SealKeySize = 32

// sealer encrypts secrets under a key that is not in the store. The owner of
// a secret is bound in, so a sealed secret cannot be moved to another key.
type sealer struct{ aead cipher.AEAD }

func newSealer(key []byte) (*sealer, error) {
	if len(key) != SealKeySize {
		return nil, fmt.Errorf("state: the sealing key has %d bytes, want %d", len(key), SealKeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("state: sealing key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("state: sealing key: %w", err)
	}
	return &sealer{aead}, nil
}

func (s *sealer) seal(secret Secret, k *AccessKey) []byte {
	return s.aead.Seal(nil, nil, []byte(secret.text), k.owner())
}

// errSealed says that a secret cannot be opened with this server's key.
var errSealed = errors.New("the secret does not open with this server's sealing key")

func (s *sealer) open(k *AccessKey) (Secret, error) {
	b, err := s.aead.Open(nil, nil, k.Sealed, k.owner())
	if err != nil {
		return Secret{}, errSealed
	}
	return Secret{string(b)}, nil
}

func (k *AccessKey) owner() []byte {
	return []byte("access-key\x00" + k.Account + "\x00" + k.User + "\x00" + k.ID)
}

// NewSealKey makes a key for sealing secrets.
func NewSealKey() []byte {
	key := make([]byte, SealKeySize)
	rand.Read(key) // never fails: crypto/rand ends the process instead
	return key
}
