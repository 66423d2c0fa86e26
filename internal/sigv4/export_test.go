package sigv4

import "net/http"

// Forms gives every canonical request that Verify tries for a request, the likeliest first.
func Forms(r *http.Request, a *Auth, payload string) []string {
	var forms []string
	c := newCanonical(r, a.SignedHeaders, payload)
	for _, path := range c.paths() {
		for _, reading := range c.queries(a.Presigned) {
			forms = append(forms, string(c.append(nil, path, reading)))
		}
	}
	return forms
}

// StringToSign gives the string to sign for a canonical request.
func StringToSign(a *Auth, canonicalRequest string) string {
	return string(appendStringToSign(nil, a, []byte(canonicalRequest)))
}

// CanonicalPath gives the first canonical URI that Verify tries for a path as it is on the request line.
func CanonicalPath(path string) string {
	c := canonical{path: path}
	return string(appendPath(nil, c.paths()[0]))
}

// CanonicalQuery gives the canonical query string, with + read as a blank or as itself.
func CanonicalQuery(raw string, literalPlus bool) string {
	return string(appendQuery(nil, raw, queryReading{literalPlus: literalPlus}))
}

// CanonicalHeaders gives the canonical headers.
func CanonicalHeaders(r *http.Request, names ...string) string {
	return string(appendHeaders(nil, r, names))
}

// CachedKeys counts the signing keys that a Verifier remembers.
func (v *Verifier) CachedKeys() int {
	v.keys.mu.RLock()
	defer v.keys.mu.RUnlock()
	return len(v.keys.younger) + len(v.keys.older)
}

// MaxCachedKeys is the most that CachedKeys may say.
const MaxCachedKeys = 2 * cachedKeys
