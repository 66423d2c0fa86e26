//go:build linux

package namespace

// ParseSubordinate finds the longest range of a user in /etc/subuid or /etc/subgid.
func ParseSubordinate(text, name, id string) (first, count int) {
	return parseSubordinate(text, name, id)
}
