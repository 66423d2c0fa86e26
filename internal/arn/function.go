package arn

import (
	"fmt"
	"strings"
)

// FunctionName is a FunctionName member of the Lambda API taken apart. Fields that the spelling leaves out are empty;
// Name never is.
type FunctionName struct {
	Partition string
	Region    string
	Account   string
	Name      string
	Qualifier string
}

// ParseFunctionName takes apart any spelling of a function's name: name, name:qualifier, function:name[:qualifier],
// account:function:name[:qualifier] and the ARN.
//
// It accepts exactly what the service model's NamespacedFunctionName pattern accepts, the widest of the patterns for
// this member, and gives each part to the same group. So a part that may be left out is left out when that is the only
// way to read the rest: "function" alone, and an ARN that ends in ":function", name a function called function. Lengths
// and the narrower patterns of single operations are not checked here.
func ParseFunctionName(s string) (FunctionName, error) {
	var f FunctionName
	rest := s
	if after, ok := strings.CutPrefix(rest, "arn:"); ok {
		if partition, after, ok := strings.Cut(after, ":lambda:"); ok && isPartition(partition) {
			f.Partition, rest = partition, after
		}
	}
	if region, after, ok := cutPart(rest, isRegion); ok {
		f.Region, rest = region, after
	}
	if account, after, ok := cutPart(rest, isAccount); ok {
		f.Account, rest = account, after
	}
	if _, after, ok := cutPart(rest, isFunction); ok {
		rest = after
	}
	name, qualifier, qualified := strings.Cut(rest, ":")
	if !isName(name) || qualified && !isQualifier(qualifier) {
		return FunctionName{}, fmt.Errorf("arn: %q does not name a function: %w", s, ErrSyntax)
	}
	f.Name, f.Qualifier = name, qualifier
	return f, nil
}

// cutPart cuts a part that precedes the name from s. What precedes $LATEST is not such a part, but the name itself.
func cutPart(s string, is func(string) bool) (part, rest string, ok bool) {
	part, rest, ok = strings.Cut(s, ":")
	return part, rest, ok && is(part) && !strings.HasPrefix(rest, "$")
}

// isPartition reports whether s matches (aws[a-zA-Z-]*)?
func isPartition(s string) bool {
	tail, ok := strings.CutPrefix(s, "aws")
	return s == "" || ok && all(tail, func(c byte) bool { return isLetter(c) || c == '-' })
}

// isRegion reports whether s matches (eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}
func isRegion(s string) bool {
	parts := strings.Split(s, "-")
	if len(parts) > 1 && parts[0] == "eusc" {
		parts = parts[1:]
	}
	if len(parts) == 4 {
		iso, ok := strings.CutPrefix(parts[1], "iso")
		if parts[1] != "gov" && !(ok && len(iso) <= 1 && all(iso, isLower)) {
			return false
		}
		parts = []string{parts[0], parts[2], parts[3]}
	}
	return len(parts) == 3 &&
		len(parts[0]) == 2 && all(parts[0], isLower) &&
		parts[1] != "" && all(parts[1], isLower) &&
		len(parts[2]) == 1 && all(parts[2], isDigit)
}

func isAccount(s string) bool { return len(s) == 12 && all(s, isDigit) }

func isFunction(s string) bool { return s == "function" }

// isName reports whether s matches [a-zA-Z0-9-_\.]+
func isName(s string) bool {
	return s != "" && all(s, func(c byte) bool { return isWord(c) || c == '.' })
}

// isQualifier reports whether s matches \$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+
func isQualifier(s string) bool {
	return s == "$LATEST" || s == "$LATEST.PUBLISHED" || s != "" && all(s, isWord)
}

func all(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func isLower(c byte) bool  { return 'a' <= c && c <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return isLower(c) || 'A' <= c && c <= 'Z' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) || c == '-' || c == '_' }
