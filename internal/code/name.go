package code

import (
	"errors"
	"fmt"
	"path"
	"strings"
)

// Bounds on names: what Linux allows for one element, and for a whole name so much less than PATH_MAX that the tree can
// be mounted and opened anywhere.
const (
	maxElement = 255
	maxName    = 1024
)

// cleanName returns an entry's name without a trailing slash, "./" and doubled slashes; "." is the tree itself. A name
// that could mean a place outside of the tree, here or on another system, is an error. Bytes that are no UTF-8 are kept:
// file systems of Linux keep them too.
func cleanName(name string) (string, error) {
	switch {
	case name == "":
		return "", errors.New("it has no name")
	case len(name) > maxName:
		return "", fmt.Errorf("its name is longer than %d bytes", maxName)
	case strings.IndexByte(name, 0) >= 0:
		return "", errors.New("its name holds a NUL byte")
	case strings.IndexByte(name, '\\') >= 0:
		return "", errors.New("its name holds a backslash; names in a zip archive are separated by slashes")
	case name[0] == '/':
		return "", errors.New("its name is absolute")
	case len(name) > 1 && name[1] == ':' && isLetter(name[0]):
		return "", errors.New("its name begins with a drive letter")
	}
	for element := range strings.SplitSeq(name, "/") {
		if element == ".." {
			return "", errors.New(`its name holds ".."`)
		}
		if len(element) > maxElement {
			return "", fmt.Errorf("a part of its name is longer than %d bytes", maxElement)
		}
	}
	return path.Clean(name), nil
}

func isLetter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
