package authz

import (
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"furl/internal/state"
)

// Credentials are what a session signs with. Printed they show the id alone.
type Credentials struct {
	AccessKeyID string
	Secret      state.Secret
	Token       state.Secret
}

// LogValue is the id.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.AccessKeyID) }

// MaxPacked is how many bytes the policies and tags of a session may take when
// they are packed. Its token is in every request's header.
const MaxPacked = 4096

// maxToken bounds a token before anybody looks into it.
const maxToken = 12 << 10

// Forms of what a token seals.
const (
	plainForm  = 1
	packedForm = 2
)

// Sessions makes temporary credentials and knows them again, by a key that all
// of a server's nodes have and nobody else. A token is the session itself,
// sealed; the secret follows from the token. So nothing is stored, and any node
// can tell what credentials stand for without asking.
type Sessions struct {
	aead   cipher.AEAD
	secret []byte // of the secrets of access keys
	now    func() time.Time

	mu sync.Mutex
	// younger and older are the tokens that were opened of late, by their hash:
	// when the younger generation is full it becomes the older one.
	younger, older map[[sha256.Size]byte]*opened
}

// cachedSessions is how many sessions a generation of the cache holds.
const cachedSessions = 4096

// NewSessions makes Sessions of a key of state.SealKeySize bytes.
func NewSessions(key []byte, now func() time.Time) (*Sessions, error) {
	if len(key) != state.SealKeySize {
		return nil, fmt.Errorf("authz: the key of sessions has %d bytes, want %d", len(key), state.SealKeySize)
	}
	sealing, err := hkdf.Key(sha256.New, key, nil, "furl session token", 32)
	if err != nil {
		return nil, fmt.Errorf("authz: session key: %w", err)
	}
	secret, err := hkdf.Key(sha256.New, key, nil, "furl session secret", 32)
	if err != nil {
		return nil, fmt.Errorf("authz: session key: %w", err)
	}
	block, err := aes.NewCipher(sealing)
	if err != nil {
		return nil, fmt.Errorf("authz: session key: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("authz: session key: %w", err)
	}
	return &Sessions{aead: aead, secret: secret, now: now, younger: map[[sha256.Size]byte]*opened{}}, nil
}

// Issue makes credentials for a session, whose KeyID and Issued it sets.
func (s *Sessions) Issue(session *Session) (Credentials, error) {
	session.KeyID = newSessionKeyID(session.Account)
	session.Issued = s.now().Unix()
	plain, err := json.Marshal(session)
	if err != nil {
		return Credentials{}, fmt.Errorf("authz: session: %w", err)
	}
	form := byte(plainForm)
	if session.Policy != "" || len(session.Tags)+len(session.PolicyARNs) > 0 {
		form, plain = packedForm, pack(plain)
	}
	sealed := s.aead.Seal([]byte{form}, nil, plain, tokenOwner(form, session.KeyID))
	token := base64.RawURLEncoding.EncodeToString(sealed)
	return Credentials{AccessKeyID: session.KeyID, Secret: s.secretOf(token), Token: state.NewSecret(token)}, nil
}

func tokenOwner(form byte, keyID string) []byte {
	return append([]byte{form}, keyID...)
}

// secretOf is the secret access key of the session of a token.
func (s *Sessions) secretOf(token string) state.Secret {
	h := hmac.New(sha256.New, s.secret)
	h.Write([]byte(token))
	return state.NewSecret(base64.StdEncoding.EncodeToString(h.Sum(nil)[:30]))
}

var errToken = errors.New("authz: not a token of this server")

// open finds out what a token stands for. It says nothing of time, revocations
// or the issuer.
func (s *Sessions) open(keyID, token string) (*opened, error) {
	if len(token) > maxToken {
		return nil, errToken
	}
	hash := sha256.Sum256([]byte(token))
	if o := s.cached(hash); o != nil {
		if o.session.KeyID != keyID {
			return nil, errToken
		}
		return o, nil
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(sealed) == 0 {
		return nil, errToken
	}
	form := sealed[0]
	plain, err := s.aead.Open(nil, nil, sealed[1:], tokenOwner(form, keyID))
	if err != nil {
		return nil, errToken
	}
	if form == packedForm {
		if plain, err = unpack(plain); err != nil {
			return nil, err
		}
	}
	o, err := decodeSession(plain, strings.Clone(keyID))
	if err != nil {
		return nil, err
	}
	o.secret = s.secretOf(token)
	s.keep(hash, o)
	return o, nil
}

func (s *Sessions) cached(hash [sha256.Size]byte) *opened {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.younger[hash]; o != nil {
		return o
	}
	return s.older[hash]
}

func (s *Sessions) keep(hash [sha256.Size]byte, o *opened) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.younger) >= cachedSessions {
		s.older, s.younger = s.younger, make(map[[sha256.Size]byte]*opened)
	}
	s.younger[hash] = o
}

// seen is the session of an access key whose token was opened of late. It walks
// over all that are known: it is for explanations.
func (s *Sessions) seen(keyID string) *opened {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, generation := range []map[[sha256.Size]byte]*opened{s.younger, s.older} {
		for _, o := range generation {
			if o.session.KeyID == keyID {
				return o
			}
		}
	}
	return nil
}

// Packed is how many bytes the policies and tags of a session take, at most
// MaxPacked if they are to be sealed.
func Packed(session *Session) int {
	if session.Policy == "" && len(session.Tags)+len(session.PolicyARNs) == 0 {
		return 0
	}
	plain, err := json.Marshal(&Session{Policy: session.Policy, PolicyARNs: session.PolicyARNs, Tags: session.Tags, Transitive: session.Transitive})
	if err != nil { // plain data always has a JSON form
		return MaxPacked + 1
	}
	return len(pack(plain))
}

func pack(plain []byte) []byte {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil { // the level is one
		return plain
	}
	_, _ = w.Write(plain) // a Buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// maxUnpacked is more than the longest policy and the most tags.
const maxUnpacked = 512 << 10

func unpack(packed []byte) ([]byte, error) {
	plain, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxUnpacked))
	if err != nil {
		return nil, fmt.Errorf("authz: session: %w", err)
	}
	return plain, nil
}

// sessionKeyPrefix begins the id of every session's access key.
const sessionKeyPrefix = "ASIA"

// newSessionKeyID makes an access key's id that names its account, as AWS's do.
func newSessionKeyID(account string) string {
	var id [10]byte
	rand.Read(id[:]) // never fails: crypto/rand ends the process instead
	if n, err := strconv.ParseUint(account, 10, 40); err == nil {
		noise := uint64(binary.BigEndian.Uint16(id[4:6])) & 0x7f
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], 1<<47|n<<7|noise)
		copy(id[:6], b[2:])
	}
	return sessionKeyPrefix + base32.StdEncoding.EncodeToString(id[:])
}

// AccountOfKey is the account that the id of a session's access key names.
func AccountOfKey(id string) (account string, ok bool) {
	code, ok := strings.CutPrefix(id, sessionKeyPrefix)
	if !ok {
		return "", false
	}
	b, err := base32.StdEncoding.DecodeString(code)
	if err != nil || len(b) != 10 {
		return "", false
	}
	n := binary.BigEndian.Uint64(append([]byte{0, 0}, b[:6]...)) &^ (1 << 47) >> 7
	return fmt.Sprintf("%012d", n), n < 1e12
}
