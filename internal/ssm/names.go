package ssm

import (
	"context"
	"regexp"
	"strconv"
	"strings"

	"furl/internal/awsapi"
)

// Limits of a parameter's name, of AWS's documentation of PutParameter.
const (
	maxARN    = 1011 // of the name with its ARN before it
	maxLevels = 15
)

const requirements = `If formed as a path, it can consist of sub-paths divided by slash symbol; ` +
	`each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_`

// checkName checks the name of a parameter that is to be created.
func (s *Service) checkName(ctx context.Context, name string) error {
	id := parameterID{account(ctx), s.region, name}
	root, _, _ := strings.Cut(strings.ToLower(strings.TrimPrefix(name, "/")), "/")
	switch {
	case root == "aws" && strings.HasPrefix(name, "/"):
		return awsapi.AccessDenied("No access to reserved parameter name: %s.", name)
	case strings.HasPrefix(root, "aws"):
		return awsapi.ValidationException(`Parameter name: can't be prefixed with "aws" (case-insensitive). %s`, requirements)
	case strings.HasPrefix(root, "ssm"):
		return awsapi.ValidationException(`Parameter name: can't be prefixed with "ssm" (case-insensitive). %s`, requirements)
	case !wellFormed(name):
		return awsapi.ValidationException("Parameter name: %s", strings.ToLower(requirements[:1])+requirements[1:])
	case strings.Contains(name, "/") && !strings.HasPrefix(name, "/"):
		return awsapi.ValidationException("Parameter name must be a fully qualified name.")
	case strings.Count(name, "/") > maxLevels:
		return HierarchyLevelLimitExceededException("The hierarchy can have a maximum of %d levels.", maxLevels)
	case len(id.ARN()) > maxARN:
		return awsapi.ValidationException("Parameter name can't be longer than %d characters with its ARN.", maxARN)
	}
	return nil
}

// wellFormed reports whether a name consists of sub-paths of the characters that names have.
func wellFormed(name string) bool {
	for part := range strings.SplitSeq(strings.TrimPrefix(name, "/"), "/") {
		if part == "" || strings.ContainsFunc(part, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
		}) {
			return false
		}
	}
	return true
}

// reference is how a request names a parameter: by its name or ARN, with a selector or without.
type reference struct {
	parameterID
	// selector is the version or label that is asked for, with a colon before it; empty for the newest version.
	selector string
}

// refer reads a parameter's name or ARN.
func (s *Service) refer(ctx context.Context, text string) reference {
	id := parameterID{Account: account(ctx), Region: s.region}
	if rest, ok := strings.CutPrefix(text, "arn:aws:ssm:"); ok {
		parts := strings.SplitN(rest, ":", 3)
		if name, found := "", false; len(parts) == 3 {
			if name, found = strings.CutPrefix(parts[2], "parameter"); found {
				id.Region, id.Account, text = parts[0], parts[1], name
			}
		}
		name, selector, _ := strings.Cut(text, ":")
		// The ARN of a name without slashes has one nevertheless.
		if strings.Count(name, "/") == 1 {
			name = strings.TrimPrefix(name, "/")
		}
		id.Name = name
		return reference{id, colon(selector)}
	}
	name, selector, _ := strings.Cut(text, ":")
	id.Name = name
	return reference{id, colon(selector)}
}

func colon(selector string) string {
	if selector == "" {
		return ""
	}
	return ":" + selector
}

// number is the version that a selector names by its number; 0 if it is a label.
func (r reference) number() int64 {
	n, err := strconv.ParseInt(strings.TrimPrefix(r.selector, ":"), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// maxValue is how long a value may be, in characters, by tier.
func maxValue(tier ParameterTier) int {
	if tier == ParameterTierAdvanced {
		return 8192
	}
	return 4096
}

// checkPattern checks a value against the pattern that the parameter allows. Like AWS's, the pattern must match all of
// the value.
func checkPattern(pattern, value string) error {
	if pattern == "" {
		return nil
	}
	re, err := regexp.Compile(`^(?:` + pattern + `)$`)
	if err != nil {
		return InvalidAllowedPatternException("The request does not meet the regular expression requirement: %s", pattern)
	}
	if !re.MatchString(value) {
		return ParameterPatternMismatchException("Parameter value, cannot be validated against allowedPattern: %s", pattern)
	}
	return nil
}
