package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"strings"
	"sync"
)

// signingKey is what a secret becomes for one day, region and service.
type signingKey [sha256.Size]byte

func deriveKey(secret, date, region, service string) signingKey {
	key := mac([]byte("AWS4"+secret), date)
	key = mac(key[:], region)
	key = mac(key[:], service)
	return mac(key[:], terminator)
}

func mac(key []byte, text string) (sum signingKey) {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	h.Sum(sum[:0])
	return sum
}

// sign is the signature of a string to sign: bytes, not yet hex.
func (k signingKey) sign(stringToSign []byte) (sum [sha256.Size]byte) {
	h := hmac.New(sha256.New, k[:])
	h.Write(stringToSign)
	h.Sum(sum[:0])
	return sum
}

// keyID is what a signing key depends on besides the secret.
type keyID struct{ accessKey, date, region, service string }

// keyEntry remembers of the secret no more than it takes to see that it has changed.
type keyEntry struct {
	secret [sha256.Size]byte
	key    signingKey
}

// keyCache holds the signing keys in use. It keeps two generations of at most size entries: when the younger is full it
// becomes the older one, and what is still in use moves back when it is next put.
type keyCache struct {
	size int

	mu      sync.RWMutex
	younger map[keyID]keyEntry
	older   map[keyID]keyEntry
}

// get finds a signing key. fresh says that there is no need to put it again.
func (c *keyCache) get(id keyID, secret string) (key signingKey, fresh bool) {
	sum := sha256.Sum256([]byte(secret))
	c.mu.RLock()
	entry, fresh := c.younger[id]
	ok := fresh
	if !ok {
		entry, ok = c.older[id]
	}
	c.mu.RUnlock()
	if !ok || subtle.ConstantTimeCompare(entry.secret[:], sum[:]) == 0 {
		return deriveKey(secret, id.date, id.region, id.service), false
	}
	return entry.key, fresh
}

func (c *keyCache) put(id keyID, secret string, key signingKey) {
	entry := keyEntry{secret: sha256.Sum256([]byte(secret)), key: key}
	// The strings are parts of a request's header, which must not live as long as the cache.
	id = keyID{strings.Clone(id.accessKey), strings.Clone(id.date), strings.Clone(id.region), strings.Clone(id.service)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.younger[id]; !ok && len(c.younger) >= c.size || c.younger == nil {
		c.older, c.younger = c.younger, make(map[keyID]keyEntry)
	}
	c.younger[id] = entry
}
