package s3_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"furl/internal/authz/authztest"
)

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// inChunks replaces a signed request's body by chunks with signatures, as the SDK for Java sends them, and a trailer.
func inChunks(p *place, who authztest.Who, trailer string, chunks ...string) func(*http.Request) {
	return func(r *http.Request) {
		now := p.house.Clock.Now()
		day, at := now.Format("20060102"), now.Format("20060102T150405Z")
		scope := day + "/" + authztest.Region + "/s3/aws4_request"
		key := mac(mac(mac(mac([]byte("AWS4"+who.Secret), day), authztest.Region), "s3"), "aws4_request")
		_, previous, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
		sign := func(kind, what string) string {
			previous = hex.EncodeToString(mac(key, strings.Join([]string{kind, at, scope, previous, what}, "\n")))
			return previous
		}
		var body strings.Builder
		for _, chunk := range append(chunks, "") {
			fmt.Fprintf(&body, "%x;chunk-signature=%s\r\n%s", len(chunk), sign("AWS4-HMAC-SHA256-PAYLOAD", hexHash("")+"\n"+hexHash(chunk)), chunk)
			if chunk != "" {
				body.WriteString("\r\n")
			}
		}
		if trailer != "" {
			fmt.Fprintf(&body, "%s\r\nx-amz-trailer-signature:%s\r\n", trailer, sign("AWS4-HMAC-SHA256-TRAILER", hexHash(trailer+"\n")))
		}
		body.WriteString("\r\n")
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body.String())), int64(body.Len())
		r.GetBody = nil
	}
}

// TestSignedChunks uploads in signed chunks, with and without a signed trailer.
func TestSignedChunks(t *testing.T) {
	p := newPlace(t)
	root := p.house.Root
	p.want(root, call{method: "PUT", target: "/bucket"}, 200, "")
	large := strings.Repeat("0123456789abcdef", 20_000)
	length := []string{"X-Amz-Decoded-Content-Length", fmt.Sprint(len(large) + 3)}
	upload := call{method: "PUT", target: "/bucket/k", payload: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", headers: length}
	upload.edit = inChunks(p, root, "", large, "end")
	p.want(root, upload, 200, "")
	p.want(root, call{method: "GET", target: "/bucket/k"}, 200, large+"end")

	trailing := call{method: "PUT", target: "/bucket/t", payload: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
		headers: []string{"X-Amz-Decoded-Content-Length", "9", "X-Amz-Trailer", "x-amz-checksum-crc32c"}}
	trailing.edit = inChunks(p, root, "x-amz-checksum-crc32c:4waSgw==", "12345", "6789")
	if a := p.want(root, trailing, 200, ""); a.header.Get("X-Amz-Checksum-Crc32c") != "4waSgw==" {
		t.Errorf("the checksum is not told: %v", a.header)
	}
	trailing.edit = inChunks(p, root, "x-amz-checksum-crc32c:4waSgw==", "12345", "678x")
	p.want(root, trailing, 400, "<Code>BadDigest</Code>")
	trailing.edit = inChunks(p, root, "x-amz-checksum-crc32c:", "12345", "6789")
	p.want(root, trailing, 400, "<Code>MalformedTrailerError</Code>")

	thief := root
	thief.Secret = "another"
	upload.edit = inChunks(p, thief, "", large, "end")
	p.want(root, upload, 403, "<Code>SignatureDoesNotMatch</Code>")
	p.want(root, call{method: "GET", target: "/bucket/t"}, 200, "123456789")
}
