package logs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

const (
	// maxDirName leaves room to the 255 bytes that file systems allow.
	maxDirName = 200
	// nameFile holds the name of a group whose directory cannot tell it.
	nameFile = "name"
)

// dirName returns the name of a group's directory: any two groups have different ones, also on file systems that do not
// tell upper case from lower, and none means another place. A slash becomes "+", an upper-case letter "^" and the
// lower-case one, whatever is not usual in the names of groups "%" and its hexadecimal code. What becomes too long is
// named by its digest.
func dirName(group string) string {
	var b strings.Builder
	for i := range len(group) {
		c := group[i]
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '_', c == '.' && i > 0:
			b.WriteByte(c)
		case 'A' <= c && c <= 'Z':
			b.WriteByte('^')
			b.WriteByte(c - 'A' + 'a')
		case c == '/':
			b.WriteByte('+')
		default:
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	if b.Len() > 0 && b.Len() <= maxDirName {
		return b.String()
	}
	sum := sha256.Sum256([]byte(group))
	return "~" + hex.EncodeToString(sum[:])
}

// groupName is the reverse of dirName. It answers false for a directory that is none of a group, or that only its name
// file can tell.
func groupName(dir string) (string, bool) {
	var b strings.Builder
	for i := 0; i < len(dir); i++ {
		switch c := dir[i]; c {
		case '^':
			if i++; i < len(dir) {
				b.WriteString(strings.ToUpper(dir[i : i+1]))
			}
		case '+':
			b.WriteByte('/')
		case '%':
			code, err := strconv.ParseUint(dir[min(i+1, len(dir)):min(i+3, len(dir))], 16, 8)
			if err != nil {
				return "", false
			}
			b.WriteByte(byte(code))
			i += 2
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), dirName(b.String()) == dir
}

// isDigest tells whether a directory is named by its group's digest.
func isDigest(dir string) bool { return strings.HasPrefix(dir, "~") }
