package s3

import (
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/sigv4"
)

// exchange is one request and its answer.
type exchange struct {
	s     *Service
	w     *answer
	r     *http.Request
	ctx   context.Context
	id    string
	query url.Values
	// bucket and key are what the request is about, empty for none.
	bucket, key string
	operation   string
	claim       *authz.Claim // nil for a request without a signature
	payload     string       // x-amz-content-sha256
	// objectSums says that the checksums in the headers are of an object, not of the body.
	objectSums bool
}

// answer is a response of which it is known whether it has begun.
type answer struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write begins the answer with 200 if nothing else did.
func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// hostID is what answers carry as x-amz-id-2: on AWS it is for its support.
func hostID(id string) string { return base64.StdEncoding.EncodeToString([]byte("furl " + id)) }

// ServeHTTP answers one request for which Handles holds.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	x := &exchange{s: s, w: &answer{ResponseWriter: w}, r: r, ctx: r.Context(), id: s.o.RequestID()}
	header := w.Header()
	header["x-amz-request-id"] = []string{x.id} // as AWS spells them
	header["x-amz-id-2"] = []string{hostID(x.id)}
	header.Set("Server", "AmazonS3")
	err := x.serve()
	if err != nil {
		x.refuse(err)
	}
	s.record(x.ctx, event{
		operation: x.operation, method: r.Method, path: r.URL.Path, remote: r.RemoteAddr, id: x.id,
		status: x.w.status, err: err, duration: time.Since(start),
	})
}

// serve carries the request out. A panic is an error.
func (x *exchange) serve() (err error) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			err = &awsapi.PanicError{Value: p, Stack: debug.Stack()}
		}
	}()
	if err := x.address(); err != nil {
		return err
	}
	route, err := x.route()
	if err != nil {
		return err
	}
	x.operation = route.operation
	if err := x.authenticate(); err != nil {
		return err
	}
	if err := x.checkHeaders(); err != nil {
		return err
	}
	return route.serve(x)
}

// drained is how much of a body is read that nobody wants, because many clients read no answer before they have sent it.
const drained = 8 << 20

// refuse answers with an error, unless the answer has begun.
func (x *exchange) refuse(err error) {
	e, _ := x.s.told(err)
	if x.w.status != 0 {
		panic(http.ErrAbortHandler) // the client sees that the content is cut off
	}
	if x.r.Header.Get("Expect") == "" && x.r.ContentLength != 0 {
		io.CopyN(io.Discard, x.r.Body, drained) // a body that ends early is no concern any more
	}
	header := x.w.Header()
	for name, values := range e.Header {
		header[name] = values
	}
	if e.Status == http.StatusNotModified || x.r.Method == http.MethodHead {
		x.w.WriteHeader(e.Status)
		return
	}
	body := errorXML(e, x.resource(), x.id)
	header.Set("Content-Type", "application/xml")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(e.Status)
	x.w.Write(body) // a client that is gone is nobody's concern
}

// resource is what an error is about.
func (x *exchange) resource() string {
	if x.bucket == "" {
		return "/"
	}
	return "/" + x.bucket + "/" + x.key
}

// errorXML is an error as S3 writes it.
func errorXML(e *awsapi.Error, resource, id string) []byte {
	var b strings.Builder
	b.WriteString(xml.Header + "<Error>")
	element := func(name, value string) {
		b.WriteString("<" + name + ">")
		xml.EscapeText(&b, []byte(value)) // a Builder never fails
		b.WriteString("</" + name + ">")
	}
	element("Code", e.Code)
	element("Message", e.Message)
	names := make([]string, 0, len(e.Members))
	for name := range e.Members {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		element(name, e.Members[name])
	}
	if _, ok := e.Members["Resource"]; !ok {
		element("Resource", resource)
	}
	element("RequestId", id)
	element("HostId", hostID(id))
	b.WriteString("</Error>")
	return []byte(b.String())
}

// xml answers with a document.
func (x *exchange) xml(status int, v any) error {
	body, err := xml.Marshal(v)
	if err != nil {
		return fmt.Errorf("s3: write an answer: %w", err)
	}
	body = append([]byte(xml.Header), body...)
	header := x.w.Header()
	header.Set("Content-Type", "application/xml")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	x.w.WriteHeader(status)
	x.w.Write(body) // a client that is gone is nobody's concern
	return nil
}

// empty answers without a body.
func (x *exchange) empty(status int) error {
	if status != http.StatusNoContent {
		x.w.Header().Set("Content-Length", "0")
	}
	x.w.WriteHeader(status)
	return nil
}

// header is a header field's value, or that of the query parameter that a presigned request has in its place.
func (x *exchange) header(name string) string {
	if v := strings.TrimSpace(x.r.Header.Get(name)); v != "" {
		return v
	}
	if !strings.HasPrefix(strings.ToLower(name), "x-amz-") {
		return ""
	}
	for parameter, values := range x.query {
		if strings.EqualFold(parameter, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// authenticate finds out who asks. A request without a signature is anonymous.
func (x *exchange) authenticate() error {
	env := authz.NewEnv(x.r, x.s.o.Now())
	claim, err := x.s.o.Authz.Claim(x.s.o.State.Snapshot(), x.r, sigv4.Scope{
		Service: "s3", Regions: []string{x.s.o.Region}, Skew: 15 * time.Minute, HonourExpires: true, S3: true, Bucket: x.s.signedBucket(x.r.Host),
	})
	if errors.Is(err, sigv4.ErrNone) {
		if x.r.Header.Get("Authorization") != "" || x.query.Has("X-Amz-Signature") {
			return accessDenied("Access Denied")
		}
		x.ctx = authz.WithCaller(x.ctx, authz.Anonymous(), env)
		if x.payload = sigv4.UnsignedPayload; strings.HasPrefix(x.r.Header.Get("X-Amz-Content-Sha256"), "STREAMING-UNSIGNED") {
			x.payload = sigv4.StreamingUnsignedTrailer
		}
		return nil
	}
	if err != nil {
		return x.signatureError(err)
	}
	auth := claim.Auth()
	switch x.payload = sigv4.PayloadS3(x.r, auth); {
	case x.payload == "":
		return invalidRequest("Missing required header for this request: x-amz-content-sha256")
	case auth.Version2 && !x.coveredByVersion2():
		return notImplemented("Signature Version 2")
	case !knownPayload(x.payload):
		return invalidArgument("x-amz-content-sha256", x.payload, "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "+
			"STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.")
	}
	caller, err := claim.Prove(x.r, [32]byte{})
	if err != nil {
		return x.signatureError(err)
	}
	x.claim = claim
	x.ctx = authz.WithCaller(x.ctx, caller, env)
	if auth.Version2 { // it covers all of them
		return nil
	}
	return x.checkSigned(auth)
}

// coveredByVersion2 reports whether a signature of that version covers what the request is for.
func (x *exchange) coveredByVersion2() bool {
	for _, name := range subresources() {
		if x.query.Has(name) && !sigv4.Version2Covers(name) {
			return false
		}
	}
	return !strings.HasPrefix(x.payload, "STREAMING-")
}

func knownPayload(payload string) bool {
	switch payload {
	case sigv4.UnsignedPayload, sigv4.StreamingPayload, sigv4.StreamingPayloadTrailer, sigv4.StreamingUnsignedTrailer:
		return true
	}
	return len(payload) == 64 && !strings.ContainsFunc(payload, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'f') && (r < 'A' || r > 'F')
	})
}

// checkSigned refuses header fields that mean something to S3 and that the signature does not cover.
func (x *exchange) checkSigned(auth *sigv4.Auth) error {
	var unsigned []string
	for name := range x.r.Header {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-amz-") && !slices.Contains(auth.SignedHeaders, name) && (name != "x-amz-content-sha256" || !auth.Presigned) {
			unsigned = append(unsigned, name)
		}
	}
	if len(unsigned) == 0 {
		return nil
	}
	slices.Sort(unsigned)
	return accessDenied("There were headers present in the request which were not signed").WithMember("HeadersNotSigned", strings.Join(unsigned, ", "))
}

func signatureMismatch() *awsapi.Error {
	return failure(403, "SignatureDoesNotMatch", "The request signature we calculated does not match the signature you provided. Check your key and signing method.")
}

// signatureError words a refused signature as S3 does.
func (x *exchange) signatureError(err error) error {
	e, ok := errors.AsType[*sigv4.Error](err)
	if !ok {
		return err
	}
	auth, _ := sigv4.ParseS3(x.r)
	now := x.s.o.Now().UTC()
	switch e.Reason {
	case sigv4.InvalidToken:
		if auth != nil && auth.SessionToken != "" {
			return failure(400, "InvalidToken", "The provided token is malformed or otherwise invalid.")
		}
		keyID := ""
		if auth != nil {
			keyID = auth.AccessKeyID
		}
		return failure(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.").WithMember("AWSAccessKeyId", keyID)
	case sigv4.ExpiredToken:
		return failure(400, "ExpiredToken", "The provided token has expired.")
	case sigv4.Expired, sigv4.NotYetCurrent:
		switch {
		case auth == nil || !auth.Presigned:
			return failure(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.").
				WithMember("ServerTime", now.Format(time.RFC3339)).WithMember("MaxAllowedSkewMilliseconds", "900000")
		case e.Reason == sigv4.NotYetCurrent:
			return accessDenied("Request is not yet valid")
		case auth.Version2:
			return accessDenied("Request has expired").WithMember("Expires", auth.Time.Format(time.RFC3339)).WithMember("ServerTime", now.Format(time.RFC3339))
		}
		return accessDenied("Request has expired").WithMember("X-Amz-Expires", strconv.Itoa(int(auth.Expires/time.Second))).
			WithMember("Expires", auth.Time.Add(auth.Expires).Format(time.RFC3339)).WithMember("ServerTime", now.Format(time.RFC3339))
	case sigv4.BadScope:
		if auth != nil && auth.Region != x.s.o.Region {
			return failure(400, "AuthorizationHeaderMalformed", "The authorization header is malformed; the region '%s' is wrong; expecting '%s'",
				auth.Region, x.s.o.Region).WithMember("Region", x.s.o.Region)
		}
		return failure(400, "AuthorizationHeaderMalformed", "The authorization header is malformed; %s", e.Message)
	case sigv4.Mismatch:
		return signatureMismatch()
	case sigv4.Incomplete, sigv4.MissingToken:
		if x.query.Has("X-Amz-Algorithm") {
			return failure(400, "AuthorizationQueryParametersError", "%s", e.Message)
		}
		return failure(400, "AuthorizationHeaderMalformed", "The authorization header is malformed; %s", e.Message)
	}
	return failure(400, "InvalidURI", "Couldn't parse the specified URI.")
}
