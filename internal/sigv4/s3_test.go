package sigv4_test

import (
	"bytes"
	"crypto/sha256"
	"net/http"
	"testing"
	"time"

	"furl/internal/sigv4"
)

const (
	s3Key    = "AKIAIOSFODNN7EXAMPLE"
	s3Secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// TestChunkSignatures uses the two examples of the S3 API reference, "Signature calculations for the Authorization header:
// transferring payload in multiple chunks".
func TestChunkSignatures(t *testing.T) {
	at := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	auth := func(signature string) *sigv4.Auth {
		return &sigv4.Auth{AccessKeyID: s3Key, Date: "20130524", Region: "us-east-1", Service: "s3", Terminator: "aws4_request", Time: at, Signature: signature}
	}
	contents := [][]byte{bytes.Repeat([]byte("a"), 65536), bytes.Repeat([]byte("a"), 1024), nil}
	tests := map[string]struct {
		seed, trailer string
		chunks        []string
	}{
		"signed": {seed: "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9", chunks: []string{
			"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
			"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
			"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
		}},
		"with a trailer": {seed: "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e", chunks: []string{
			"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
			"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
			"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
		}, trailer: "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			chunks := sigv4.NewChunks(auth(tt.seed), s3Secret)
			for i, signature := range tt.chunks {
				if !chunks.Chunk(signature, sha256.Sum256(contents[i])) {
					t.Errorf("chunk %d is refused", i)
				}
			}
			if tt.trailer != "" && !chunks.Trailer(tt.trailer, sha256.Sum256([]byte("x-amz-checksum-crc32c:sOO8/Q==\n"))) {
				t.Error("the trailer is refused")
			}
			chunks = sigv4.NewChunks(auth(tt.seed), s3Secret)
			if chunks.Chunk(tt.chunks[0], sha256.Sum256([]byte("b"))) {
				t.Error("another content is taken")
			}
			if sigv4.NewChunks(auth(tt.seed), s3Secret).Chunk(tt.chunks[1], sha256.Sum256(contents[1])) {
				t.Error("a chunk in the place of another is taken")
			}
		})
	}
}

// TestS3Form uses the examples of the S3 API reference, "Signature calculations: using a single chunk" and "… query parameters".
func TestS3Form(t *testing.T) {
	verifier := sigv4.NewVerifier(func() time.Time { return time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC) })
	scope := sigv4.Scope{Service: "s3", Regions: []string{"us-east-1"}, Skew: time.Minute, HonourExpires: true, S3: true}
	request := func(method, target string, headers ...string) *http.Request {
		r, err := http.NewRequest(method, "http://examplebucket.s3.amazonaws.com"+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.RequestURI = target
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		return r
	}
	const credential = "AWS4-HMAC-SHA256 Credential=" + s3Key + "/20130524/us-east-1/s3/aws4_request,SignedHeaders="
	tests := map[string]*http.Request{
		"PUT of a key with a dollar": request("PUT", "/test%24file.text", "Date", "Fri, 24 May 2013 00:00:00 GMT", "X-Amz-Date", "20130524T000000Z",
			"X-Amz-Storage-Class", "REDUCED_REDUNDANCY", "X-Amz-Content-Sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
			"Authorization", credential+"date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
		"the same not encoded": request("PUT", "/test$file.text", "Date", "Fri, 24 May 2013 00:00:00 GMT", "X-Amz-Date", "20130524T000000Z",
			"X-Amz-Storage-Class", "REDUCED_REDUNDANCY", "X-Amz-Content-Sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
			"Authorization", credential+"date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
		"GET lifecycle": request("GET", "/?lifecycle", "X-Amz-Date", "20130524T000000Z",
			"X-Amz-Content-Sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
			"Authorization", credential+"host;x-amz-content-sha256;x-amz-date,Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
		"presigned": request("GET", "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="+s3Key+"%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"+
			"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"),
	}
	for name, r := range tests {
		t.Run(name, func(t *testing.T) {
			a, err := sigv4.ParseS3(r)
			if err == nil {
				err = verifier.CheckScope(a, scope)
			}
			if err == nil {
				err = verifier.Verify(r, a, scope, s3Secret, [32]byte{})
			}
			if err != nil {
				t.Fatal(err)
			}
			if verifier.Verify(r, a, scope, s3Secret+"x", [32]byte{}) == nil {
				t.Error("another secret is taken")
			}
			r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD-2")
			if verifier.Verify(r, a, scope, s3Secret, [32]byte{}) == nil {
				t.Error("another payload is taken")
			}
		})
	}
	if _, err := sigv4.ParseS3(request("GET", "/../../x", "Authorization", credential+"host,Signature=0", "X-Amz-Date", "20130524T000000Z")); err != nil {
		t.Errorf("a path with dots: %v", err)
	}
}

// TestVersion2 uses the example of the S3 developer guide, "Query string request authentication alternative".
func TestVersion2(t *testing.T) {
	const expires = 1175139620
	scope := sigv4.Scope{Service: "s3", S3: true, Bucket: "johnsmith"}
	const target = "/photos/puppy.jpg?AWSAccessKeyId=" + s3Key + "&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620"
	check := func(method, target string, now int64, edit func(*http.Request)) error {
		verifier := sigv4.NewVerifier(func() time.Time { return time.Unix(now, 0) })
		r, err := http.NewRequest(method, "http://johnsmith.s3.amazonaws.com"+target, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.RequestURI = target
		edit(r)
		a, err := sigv4.ParseS3(r)
		if err == nil {
			err = verifier.CheckScope(a, scope)
		}
		if err == nil {
			err = verifier.Verify(r, a, scope, s3Secret, [32]byte{})
		}
		return err
	}
	same := func(*http.Request) {}
	if err := check("GET", target, expires, same); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"expired":          check("GET", target, expires+1, same),
		"another method":   check("PUT", target, expires, same),
		"another key":      check("GET", "/photos/p"+target[len("/photos/pu"):], expires, same),
		"longer life":      check("GET", target[:len(target)-1]+"9", expires, same),
		"an operation":     check("GET", target+"&acl", expires, same),
		"another version":  check("GET", target+"&versionId=1", expires, same),
		"a field of S3's":  check("GET", target, expires, func(r *http.Request) { r.Header.Set("X-Amz-Copy-Source", "b/k") }),
		"one in the query": check("GET", target+"&x-amz-copy-source=b/k", expires, same),
	} {
		if err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
