package policy

import (
	"fmt"
	"slices"
	"strings"
)

// isPartition reports whether AWS knows the partition; "*" stands for all.
func isPartition(p string) bool {
	switch p {
	case anything, "aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f", "aws-eusc":
		return true
	}
	return false
}

// iamPaths are the resource types of IAM, in the order of AWS's message.
const iamPaths = "user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, " +
	"sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/"

// firstResourceFault is the complaint about the format of Resource and NotResource entries that AWS would make, and
// the number of statements before it. Of several bad entries in one list AWS names the one that sorts first
// (derived from moto's recorded cases).
func firstResourceFault(doc *document) (*SyntaxError, int) {
	for i := range doc.statements {
		l := doc.statements[i].resources()
		for _, resource := range slices.Sorted(slices.Values(l.values)) {
			if text := resourceFault(resource); text != "" {
				return refuse(l.start, text, ""), i
			}
		}
	}
	return nil, len(doc.statements)
}

// resourceFault is AWS's text about a Resource entry of the wrong format, or nothing. AWS does not look at the
// first field, and it accepts ARNs with fields missing.
func resourceFault(resource string) string {
	if resource == anything {
		return ""
	}
	_, rest, found := strings.Cut(resource, ":")
	if !found {
		return fmt.Sprintf("Resource %s must be in ARN format or \"*\".", resource)
	}
	partition, rest, found := strings.Cut(rest, ":")
	if !isPartition(partition) {
		return fmt.Sprintf("Partition \"%s\" is not valid for resource \"arn:%s:%s\".", partition, partition, padFields(rest))
	}
	service, rest, hasRegion := strings.Cut(rest, ":")
	if !found || strings.ContainsAny(service, "*?") {
		return textResourceVendor
	}
	region, rest, _ := strings.Cut(rest, ":")
	_, path, _ := strings.Cut(rest, ":")
	switch {
	case service == "iam" && hasRegion && region != "":
		return fmt.Sprintf("IAM resource %s cannot contain region information.", resource)
	case service == "s3" && hasRegion && region != "" && !strings.HasPrefix(path, "accesspoint/"):
		return fmt.Sprintf("Resource %s can not contain region information.", resource)
	case service == "iam" && !startsIAMPath(path):
		return fmt.Sprintf("IAM resource path must either be \"*\" or start with %s.", iamPaths)
	}
	return ""
}

// padFields writes the fields after the partition as AWS shows them: missing ones as "*".
func padFields(rest string) string {
	fields := strings.SplitN(rest, ":", 4)
	if len(fields) == 1 && fields[0] == "" {
		fields[0] = anything
	}
	for len(fields) < 4 {
		fields = append(fields, anything)
	}
	return strings.Join(fields, ":")
}

func startsIAMPath(path string) bool {
	return path == anything || slices.ContainsFunc(strings.Split(iamPaths, ", "), func(prefix string) bool {
		return strings.HasPrefix(path, prefix)
	})
}

// failsLegacyParsing reports an ARN that has an empty service, or too few colons while two of them touch.
func failsLegacyParsing(resource string) bool {
	if resource == anything {
		return false
	}
	fields := strings.Split(resource, ":")
	if len(fields) > 2 && fields[2] == "" {
		return true
	}
	return len(fields) < 6 && strings.Contains(resource, "::")
}
