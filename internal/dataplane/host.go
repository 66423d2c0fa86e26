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

// maxID is the length of AWS's url-ids. Those that a user chose may be shorter.
const maxID = 32

// validID holds for what can be a url-id: 1 to 32 letters and digits.
func validID(label string) bool {
	if label == "" || len(label) > maxID {
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

// pathRoot is what a target in the path form begins with.
const pathRoot = "/_url/"

// IsPathForm reports whether a request target is in the path form:
// /_url/{url-id}, and whatever follows.
func IsPathForm(target string) bool { return strings.HasPrefix(target, pathRoot) }

// pathPrefix is what the function is not to see of a target in the path form.
func pathPrefix(target string) string {
	rest := target[len(pathRoot):]
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		rest = rest[:end]
	}
	return target[:len(pathRoot)+len(rest)]
}
