package state

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
)

// Box seals what a service keeps in the store by itself and what is secret: parameters, attributes of a stack's
// resources. Each purpose has a key of its own, which comes from the server's sealing key.
type Box struct{ aead cipher.AEAD }

// NewBox makes the box for one purpose; sealKey is the server's, SealKeySize bytes.
func NewBox(sealKey []byte, purpose string) (*Box, error) {
	if len(sealKey) != SealKeySize {
		return nil, fmt.Errorf("state: the sealing key has %d bytes, want %d", len(sealKey), SealKeySize)
	}
	key, err := hkdf.Key(sha256.New, sealKey, nil, "furl "+purpose, SealKeySize)
	if err != nil {
		return nil, fmt.Errorf("state: the key for %s: %w", purpose, err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("state: the key for %s: %w", purpose, err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("state: the key for %s: %w", purpose, err)
	}
	return &Box{aead}, nil
}

// Seal encrypts plain for its owner, usually the key of the record that it goes to: what is sealed for one owner does
// not open for another.
func (b *Box) Seal(plain []byte, owner string) []byte {
	return b.aead.Seal(nil, nil, plain, []byte(owner))
}

// Open is the inverse of Seal.
func (b *Box) Open(sealed []byte, owner string) ([]byte, error) {
	plain, err := b.aead.Open(nil, nil, sealed, []byte(owner))
	if err != nil {
		return nil, errors.New("state: " + errSealed.Error())
	}
	return plain, nil
}
