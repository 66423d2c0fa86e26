package lambda

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"furl/internal/store"
)

// downloadLife is how long the address of a deployment package works.
const downloadLife = 10 * time.Minute

// downloadPath begins the path of every download.
const downloadPath = "/_furl/code/"

// Downloads hands out deployment packages to whoever has an address that
// GetFunction gave out, as AWS does with presigned URLs of S3. Addresses are
// good for ten minutes and not beyond a restart.
type Downloads struct {
	blobs    store.Blobs
	endpoint string
	now      func() time.Time
	key      [32]byte
}

// NewDownloads makes addresses below endpoint, which has no final slash.
func NewDownloads(blobs store.Blobs, endpoint string, now func() time.Time) *Downloads {
	d := &Downloads{blobs: blobs, endpoint: endpoint, now: now}
	rand.Read(d.key[:]) // never fails: crypto/rand ends the process instead
	return d
}

// URL is an address from which a deployment package can be downloaded now.
func (d *Downloads) URL(sha string) string {
	expires := strconv.FormatInt(d.now().Add(downloadLife).Unix(), 10)
	query := url.Values{"Expires": {expires}, "Signature": {d.sign(sha, expires)}}
	return d.endpoint + downloadPath + sha + "?" + query.Encode()
}

func (d *Downloads) sign(sha, expires string) string {
	mac := hmac.New(sha256.New, d.key[:])
	mac.Write([]byte(sha + "\n" + expires))
	return hex.EncodeToString(mac.Sum(nil))
}

// Handles reports whether a request is for a download.
func (d *Downloads) Handles(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, downloadPath)
}

// ServeHTTP sends the deployment package of an address that is still good.
func (d *Downloads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sha := strings.TrimPrefix(r.URL.Path, downloadPath)
	expires := r.URL.Query().Get("Expires")
	at, err := strconv.ParseInt(expires, 10, 64)
	good := hmac.Equal([]byte(r.URL.Query().Get("Signature")), []byte(d.sign(sha, expires)))
	if err != nil || !good || d.now().Unix() > at {
		http.Error(w, "the address is not good, or no longer: ask GetFunction for a new one", http.StatusForbidden)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "only GET and HEAD", http.StatusMethodNotAllowed)
		return
	}
	blob, err := d.blobs.Open(r.Context(), sha)
	if err != nil {
		http.Error(w, "the deployment package is gone", http.StatusNotFound)
		return
	}
	defer blob.Close()
	w.Header().Set("Content-Type", "application/zip")
	if r.Method == http.MethodGet {
		io.Copy(w, blob) // a client that has gone cannot be told
	}
}
