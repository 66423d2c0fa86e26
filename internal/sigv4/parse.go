package sigv4

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Parse reads the signature of a request from its Authorization header or its X-Amz-… query parameters. It returns
// ErrNone when the request carries neither, and another *Error when it cannot make sense of what it finds. Checks are
// made in AWS's order, and the first failure decides: path, query, presence, algorithm, parts, signed host, date,
// credential. The request may be signed by anybody: nothing is verified.
func Parse(r *http.Request) (*Auth, error) {
	path, query := target(r)
	if err := checkPath(path); err != nil {
		return nil, err
	}
	if err := checkQuery(query); err != nil {
		return nil, err
	}
	return parseTarget(r, query)
}

// ParseS3 is Parse for a request to S3, whose paths may hold anything. It takes those that are presigned in version 2 too.
func ParseS3(r *http.Request) (*Auth, error) {
	_, query := target(r)
	if err := checkQuery(query); err != nil {
		return nil, err
	}
	if a := parseVersion2(r, query); a != nil {
		return a, nil
	}
	return parseTarget(r, query)
}

func parseTarget(r *http.Request, query string) (*Auth, error) {
	authorization := strings.TrimSpace(r.Header.Get("Authorization"))
	fields, presigned := readQuery(query)
	switch {
	case presigned && authorization != "":
		return nil, &Error{Reason: Mismatch}
	case presigned:
		return parseQuery(r, fields)
	case authorization != "":
		return parseHeader(r, authorization)
	default:
		return nil, ErrNone
	}
}

// parseHeader reads the header form: the algorithm, a blank, and key=value pairs between commas.
func parseHeader(r *http.Request, authorization string) (*Auth, error) {
	name, rest, _ := strings.Cut(authorization, " ")
	if name != algorithm {
		return nil, unsupportedAlgorithm(name)
	}
	var credential, signedHeaders, signature optional
	for pair := range strings.SplitSeq(rest, ",") {
		pair = strings.TrimSpace(pair)
		if pair == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, missingEqualSign(authorization)
		}
		switch key { // the last of several counts
		case "Credential":
			credential.set(value)
		case "SignedHeaders":
			signedHeaders.set(value)
		case "Signature":
			signature.set(value)
		}
	}
	date := r.Header.Get(headerDate)
	if date == "" {
		date = r.Header.Get("Date")
	}
	var missing []string
	if !credential.present {
		missing = append(missing, "Credential")
	}
	if !signature.present {
		missing = append(missing, "Signature")
	}
	if !signedHeaders.present {
		missing = append(missing, "SignedHeaders")
	}
	if date == "" {
		missing = append(missing, "")
	}
	if missing != nil {
		return nil, missingFromHeader(missing, authorization)
	}
	a := &Auth{Signature: signature.value, SessionToken: r.Header.Get(headerToken)}
	if err := a.fill(signedHeaders.value, date, credential.value); err != nil {
		return nil, err
	}
	return a, nil
}

// optional is a string that may be absent, which is not the same as empty.
type optional struct {
	value   string
	present bool
}

func (o *optional) set(value string) { o.value, o.present = value, true }

// queryFields holds the decoded X-Amz-… parameters of a presigned request. The first of several counts.
type queryFields struct {
	algorithm, credential, date, expires, signedHeaders, signature, token optional
}

func (f *queryFields) field(name string) *optional {
	switch name {
	case queryAlgorithm:
		return &f.algorithm
	case queryCredential:
		return &f.credential
	case queryDate:
		return &f.date
	case queryExpires:
		return &f.expires
	case querySignedHeaders:
		return &f.signedHeaders
	case querySignature:
		return &f.signature
	case queryToken:
		return &f.token
	default:
		return nil
	}
}

// readQuery collects the parameters; it is the algorithm that makes a request a presigned one.
func readQuery(query string) (f queryFields, presigned bool) {
	for name, value := range params(query) {
		if o := f.field(decode(name)); o != nil && !o.present {
			o.set(decode(value))
		}
	}
	return f, f.algorithm.present
}

// parseQuery reads the query-string form.
func parseQuery(r *http.Request, f queryFields) (*Auth, error) {
	if f.algorithm.value != algorithm {
		return nil, &Error{MissingToken, "Missing Authentication Token"}
	}
	var missing []string
	if !f.credential.present {
		missing = append(missing, queryCredential)
	}
	if !f.signature.present {
		missing = append(missing, querySignature)
	}
	if !f.signedHeaders.present {
		missing = append(missing, querySignedHeaders)
	}
	if !f.date.present {
		missing = append(missing, queryDate)
	}
	if missing != nil {
		return nil, missingFromQuery(missing)
	}
	a := &Auth{
		Signature:    f.signature.value,
		SessionToken: f.token.value,
		Presigned:    true,
		Expires:      parseExpires(f.expires),
	}
	if !f.token.present {
		a.SessionToken = r.Header.Get(headerToken)
	}
	if err := a.fill(f.signedHeaders.value, f.date.value, f.credential.value); err != nil {
		return nil, err
	}
	return a, nil
}

// fill reads what both forms have in common, in the order in which AWS complains about it.
func (a *Auth) fill(signedHeaders, date, credential string) error {
	a.SignedHeaders = splitHeaders(signedHeaders)
	if !slices.Contains(a.SignedHeaders, "host") && !slices.Contains(a.SignedHeaders, ":authority") {
		return hostNotSigned()
	}
	var ok bool
	if a.Time, ok = parseTime(date); !ok {
		return badDate(date)
	}
	parts := strings.Split(credential, "/")
	if len(parts) != 5 {
		return badCredential(credential)
	}
	a.AccessKeyID, a.Date, a.Region, a.Service, a.Terminator = parts[0], parts[1], parts[2], parts[3], parts[4]
	return nil
}

// splitHeaders gives the names in lower case, sorted, each once: a name sent a thousand times must not make a thousand
// copies of its value in the canonical request.
func splitHeaders(list string) []string {
	names := strings.Split(strings.ToLower(list), ";")
	if !slices.IsSorted(names) {
		slices.Sort(names)
	}
	return slices.Compact(names)
}

// parseTime reads the time of signing in one of the forms that clients send: ISO 8601 basic, ISO 8601 extended, or the
// one of a Date header.
func parseTime(s string) (time.Time, bool) {
	for _, layout := range [...]string{basicFormat, time.RFC3339, http.TimeFormat, time.RFC1123Z} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC().Truncate(time.Second), true
		}
	}
	return time.Time{}, false
}

func parseExpires(o optional) time.Duration {
	if !o.present {
		return 0
	}
	n, err := strconv.ParseInt(o.value, 10, 64)
	if err != nil || n < 1 || n > int64(MaxExpires/time.Second) {
		return -1
	}
	return time.Duration(n) * time.Second
}
