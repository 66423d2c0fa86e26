package dataplane

import "strings"

// hostMark is the label that makes a name a function URL's.
const hostMark = "lambda-url"

// SplitHost takes a Host header apart. urlHost reports whether it names a
// function URL of any region and domain; id is the url-id in lower case when it
// is one of this region and domain, empty otherwise.
func SplitHost(host, region, domain string) (id string, urlHost bool) {
	name := hostName(host)
	label, rest, ok := strings.Cut(name, ".")
	if !ok {
		return "", false
	}
	mark, rest, _ := strings.Cut(rest, ".")
	if !strings.EqualFold(mark, hostMark) {
		return "", false
	}
	if !strings.EqualFold(rest, region+"."+domain) || !validID(label) {
		return "", true
	}
	return strings.ToLower(label), true
}

// hostName cuts the port and a final dot off a Host header.
func hostName(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	return strings.TrimSuffix(host, ".")
}

// idLength is the length of a url-id.
const idLength = 32

// validID holds for what can be a url-id: 32 letters and digits.
func validID(label string) bool {
	if len(label) != idLength {
		return false
	}
	for i := range len(label) {
		c := label[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// plainID holds for letters in lower case and digits.
func plainID(label string) bool {
	return validID(label) && label == strings.ToLower(label)
}
