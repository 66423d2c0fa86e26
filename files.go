package furl

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"furl/internal/authz"
	"furl/internal/state"
)

// Names in the data directory beside the store's own.
const (
	serverFile  = "server.json"
	rootKeyFile = "root-access-key"
	sealKeyFile = "seal.key"
	caDir       = "ca"
	codeDir     = "code"
	logsDir     = "logs"
	workDir     = "work"
	bodyDir     = "uploads"
)

// ServerInfo is what a running server says of itself in server.json in its
// data directory, so that the command line finds it.
type ServerInfo struct {
	PID      int    `json:"pid"`
	Endpoint string `json:"endpoint"`
	Account  string `json:"account"`
	Region   string `json:"region"`
	Domain   string `json:"domain"`
	TLS      bool   `json:"tls"`
	// CABundle is the file of the trusted authorities, the local one included.
	CABundle string `json:"caBundle"`
	// CACert is the file of the local authority alone.
	CACert  string `json:"caCert"`
	Version string `json:"version"`
}

// ErrNoServer says that no server runs on a data directory.
var ErrNoServer = errors.New("no server is running on this data directory")

// dialTimeout is how long a server on this machine has to take a connection.
const dialTimeout = 2 * time.Second

// ReadServerInfo returns what the server that runs on a data directory says of
// itself, ErrNoServer if none does.
func ReadServerInfo(dir string) (ServerInfo, error) {
	b, err := os.ReadFile(filepath.Join(dir, serverFile))
	if errors.Is(err, fs.ErrNotExist) {
		return ServerInfo{}, ErrNoServer
	}
	if err != nil {
		return ServerInfo{}, fmt.Errorf("furl: %w", err)
	}
	var info ServerInfo
	if err := json.Unmarshal(b, &info); err != nil {
		return ServerInfo{}, fmt.Errorf("furl: %s: %w", serverFile, err)
	}
	if !info.running() {
		return ServerInfo{}, ErrNoServer
	}
	return info, nil
}

// running reports whether the server still is. One that was killed leaves its
// file behind, and its process id may be another program's by now, so the
// server must answer at its address as well.
func (i ServerInfo) running() bool {
	if i.PID <= 0 {
		return false
	}
	// EPERM means that the process exists but is another user's.
	if err := syscall.Kill(i.PID, 0); err != nil && !errors.Is(err, syscall.EPERM) {
		return false
	}
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(i.Endpoint, "http://"), dialTimeout)
	if err != nil {
		return !errors.Is(err, syscall.ECONNREFUSED) // a busy server is a server
	}
	conn.Close()
	return true
}

func (i ServerInfo) write(dir string) error {
	b, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, serverFile), append(b, '\n'))
}

// RootKey is the access key of the account's root.
type RootKey struct {
	AccessKeyID     string       `json:"AccessKeyId"`
	SecretAccessKey state.Secret `json:"-"`
}

// rootKeyOnDisk is the file's form: the only place that holds the secret in
// the open, readable by its owner alone.
type rootKeyOnDisk struct {
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string `json:"SecretAccessKey"`
}

// ReadRootKey returns the root key in a data directory; fs.ErrNotExist if no
// server ever started there.
func ReadRootKey(dir string) (RootKey, error) {
	path := filepath.Join(dir, rootKeyFile)
	b, err := os.ReadFile(path)
	if err != nil {
		return RootKey{}, fmt.Errorf("furl: root key: %w", err)
	}
	var k rootKeyOnDisk
	if err := json.Unmarshal(b, &k); err != nil || k.AccessKeyID == "" || k.SecretAccessKey == "" {
		return RootKey{}, fmt.Errorf("furl: %s does not hold a root key; remove it to have a new one made", path)
	}
	return RootKey{k.AccessKeyID, state.NewSecret(k.SecretAccessKey)}, nil
}

// openRootKey returns the configured root key, or the one in the data
// directory, made at the first start.
func openRootKey(c Config) (key RootKey, made bool, err error) {
	if c.RootAccessKeyID != "" {
		return RootKey{c.RootAccessKeyID, state.NewSecret(c.RootSecretAccessKey)}, false, nil
	}
	key, err = ReadRootKey(c.DataDir)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, false, err
	}
	disk := newRootKey()
	b, err := json.MarshalIndent(disk, "", "  ")
	if err != nil {
		return RootKey{}, false, fmt.Errorf("furl: root key: %w", err)
	}
	if err := writeFile(filepath.Join(c.DataDir, rootKeyFile), append(b, '\n')); err != nil {
		return RootKey{}, false, fmt.Errorf("furl: root key: %w", err)
	}
	return RootKey{disk.AccessKeyID, state.NewSecret(disk.SecretAccessKey)}, true, nil
}

// newRootKey makes a key of AWS's form: an id of 20 characters and a secret of
// 40 from the base64 alphabet.
func newRootKey() rootKeyOnDisk {
	var id [10]byte
	var secret [30]byte
	rand.Read(id[:]) // never fails: crypto/rand ends the process instead
	rand.Read(secret[:])
	return rootKeyOnDisk{
		AccessKeyID:     "AKIA" + base32.StdEncoding.EncodeToString(id[:]),
		SecretAccessKey: base64.StdEncoding.EncodeToString(secret[:]),
	}
}

func (k RootKey) authz(account string) authz.RootKey {
	return authz.RootKey{Account: account, ID: k.AccessKeyID, Secret: k.SecretAccessKey}
}

// openSealKey loads the key that seals secrets in the store, or makes it when
// the data directory is new. A directory that has a store but lost its key is
// refused: a new key could open nothing in it.
func openSealKey(dir string, isNew bool) ([]byte, error) {
	path := filepath.Join(dir, sealKeyFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if !isNew {
			return nil, fmt.Errorf("furl: %s is missing: the access keys in this data directory cannot be opened without it; restore it from a backup", path)
		}
		key := state.NewSealKey()
		if err := writeFile(path, []byte(hex.EncodeToString(key)+"\n")); err != nil {
			return nil, fmt.Errorf("furl: seal key: %w", err)
		}
		return key, nil
	}
	if err != nil {
		return nil, fmt.Errorf("furl: seal key: %w", err)
	}
	key, err := hex.DecodeString(string(trimNewline(b)))
	if err != nil || len(key) != state.SealKeySize {
		return nil, fmt.Errorf("furl: %s is damaged: want %d bytes in hexadecimal; restore it from a backup", path, state.SealKeySize)
	}
	return key, nil
}

func trimNewline(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\n' {
		return b[:n-1]
	}
	return b
}

// writeFile replaces a file that only its owner may read, durably and in one step.
func writeFile(path string, data []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
