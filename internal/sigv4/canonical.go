package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
)

// canonical is a request on its way to canonical form. Path and query are still raw, since signers do not agree on how
// to read them; the rest has one form only.
type canonical struct {
	method, path, query string
	// tail is what follows the query: headers, names of the signed headers, payload hash.
	tail []byte
	// s3 is Scope.S3.
	s3 bool
}

// newCanonical takes the names of the signed headers, sorted and in lower case, and the last line of the canonical
// request: the payload's hash in hex, or what stands for it.
func newCanonical(r *http.Request, names []string, payload string) canonical {
	c := canonical{method: r.Method, tail: make([]byte, 0, 512)}
	if c.method == "" {
		c.method = http.MethodGet // what net/http sends for it
	}
	c.path, c.query = target(r)
	c.tail = appendHeaders(c.tail, r, names)
	c.tail = append(c.tail, '\n')
	for i, name := range names {
		if i > 0 {
			c.tail = append(c.tail, ';')
		}
		c.tail = append(c.tail, name...)
	}
	c.tail = append(c.tail, '\n')
	c.tail = append(c.tail, payload...)
	return c
}

// append appends the canonical request for one reading of the path and the query.
func (c *canonical) append(dst []byte, path string, reading queryReading) []byte {
	dst = append(dst, c.method...)
	dst = append(dst, '\n')
	if c.s3 {
		dst = append(dst, path...)
	} else {
		dst = appendPath(dst, path)
	}
	dst = append(dst, '\n')
	dst = appendQuery(dst, c.query, reading)
	dst = append(dst, '\n')
	return append(dst, c.tail...)
}

// paths gives the readings of the path, the likelier first. Some signers normalise it, some do not; both bind the
// function to the path on the wire, so either may be accepted.
func (c *canonical) paths() []string {
	if c.s3 {
		return pathsS3(c.path)
	}
	clean, ok := normalise(c.path)
	switch {
	case !ok:
		return []string{c.path}
	case clean == c.path:
		return []string{clean}
	default:
		return []string{clean, c.path}
	}
}

// queries gives the readings of the query, the likelier first.
func (c *canonical) queries(presigned bool) []queryReading {
	readings := []queryReading{{signature: presigned}}
	if presigned && strings.Contains(c.query, queryToken+"=") {
		readings = append(readings, queryReading{signature: true, token: true})
	}
	if strings.Contains(c.query, "+") {
		for _, reading := range readings {
			reading.literalPlus = true
			readings = append(readings, reading)
		}
	}
	return readings
}

// appendStringToSign appends the string to sign for the scope and time of a.
func appendStringToSign(dst []byte, a *Auth, canonicalRequest []byte) []byte {
	sum := sha256.Sum256(canonicalRequest)
	dst = append(dst, algorithm+"\n"...)
	dst = a.Time.UTC().AppendFormat(dst, basicFormat)
	dst = append(dst, '\n')
	dst = append(dst, a.Date...)
	dst = append(dst, '/')
	dst = append(dst, a.Region...)
	dst = append(dst, '/')
	dst = append(dst, a.Service...)
	dst = append(dst, '/')
	dst = append(dst, a.Terminator...)
	dst = append(dst, '\n')
	return hex.AppendEncode(dst, sum[:])
}
