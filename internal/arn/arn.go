// Package arn takes Amazon Resource Names and the spellings of a Lambda function's name apart and puts them together.
// It knows their syntax only: whether the thing named exists, or may be named by this caller, is for others to say.
package arn

import (
	"errors"
	"fmt"
	"strings"
)

// DefaultPartition is the partition of every ARN that furl makes.
const DefaultPartition = "aws"

// ErrSyntax is what every error of this package wraps.
var ErrSyntax = errors.New("not a valid name")

// ARN is an Amazon Resource Name, arn:partition:service:region:account:resource. Region and Account are empty where a
// service leaves them out (IAM has no region). Resource is all that follows the fifth colon, colons and slashes included.
type ARN struct {
	Partition string
	Service   string
	Region    string
	Account   string
	Resource  string
}

// Parse takes an ARN apart. Partition, service and resource must not be empty; nothing else is asked of the parts, so
// the patterns of a policy (arn:aws:lambda:*:*:function:*) parse too.
func Parse(s string) (ARN, error) {
	rest, ok := strings.CutPrefix(s, "arn:")
	if !ok {
		return ARN{}, fmt.Errorf("arn: %q does not begin with arn: %w", s, ErrSyntax)
	}
	parts := strings.SplitN(rest, ":", 5)
	if len(parts) < 5 {
		return ARN{}, fmt.Errorf("arn: %q has fewer than six parts: %w", s, ErrSyntax)
	}
	a := ARN{Partition: parts[0], Service: parts[1], Region: parts[2], Account: parts[3], Resource: parts[4]}
	if a.Partition == "" || a.Service == "" || a.Resource == "" {
		return ARN{}, fmt.Errorf("arn: %q lacks a partition, a service or a resource: %w", s, ErrSyntax)
	}
	return a, nil
}

// String puts the ARN together again; Parse of the result gives the same ARN.
func (a ARN) String() string {
	return "arn:" + a.Partition + ":" + a.Service + ":" + a.Region + ":" + a.Account + ":" + a.Resource
}

// Function is the ARN of a Lambda function. The qualifier is a version number, an alias or $LATEST; an empty one gives
// the unqualified ARN.
func Function(region, account, name, qualifier string) string {
	a := "arn:" + DefaultPartition + ":lambda:" + region + ":" + account + ":function:" + name
	if qualifier != "" {
		a += ":" + qualifier
	}
	return a
}

// User is the ARN of an IAM user. The path begins and ends with a slash; an empty one means "/".
func User(account, path, name string) string { return iam(account, "user", path, name) }

// Role is the ARN of an IAM role. The path begins and ends with a slash; an empty one means "/".
func Role(account, path, name string) string { return iam(account, "role", path, name) }

// Group is the ARN of an IAM group; path begins and ends with a slash.
func Group(account, path, name string) string { return iam(account, "group", path, name) }

// Policy is the ARN of a managed policy of an account; path begins and ends with
// a slash.
func Policy(account, path, name string) string { return iam(account, "policy", path, name) }

// InstanceProfile is the ARN of an instance profile; path begins and ends with a
// slash.
func InstanceProfile(account, path, name string) string {
	return iam(account, "instance-profile", path, name)
}

// AssumedRole is the ARN of a role's session. It carries the role's name without its path.
func AssumedRole(account, role, session string) string {
	return "arn:" + DefaultPartition + ":sts::" + account + ":assumed-role/" + role + "/" + session
}

// Root is the ARN that stands for an account as a whole.
func Root(account string) string {
	return "arn:" + DefaultPartition + ":iam::" + account + ":root"
}

func iam(account, kind, path, name string) string {
	if path == "" {
		path = "/"
	}
	return "arn:" + DefaultPartition + ":iam::" + account + ":" + kind + path + name
}
