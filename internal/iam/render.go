package iam

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"furl/internal/state"
)

func fold(s string) string { return strings.ToLower(s) }

// renderTags lists tags by key, nil where there are none.
func renderTags(tags map[string]string) []Tag {
	var out []Tag
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, Tag{Key: k, Value: tags[k]})
	}
	return out
}

// renderUser is a user as it is listed; single answers add the tags.
func renderUser(u *state.User, arn string) User {
	return User{Path: &u.Path, UserName: &u.Name, UserId: u.ID, Arn: arn, CreateDate: u.Created}
}

// renderRole is what every answer shows of a role. Which further members an
// answer has differs between operations, as recorded on AWS.
func renderRole(r *state.Role, arn string) Role {
	return Role{
		Path:                     r.Path,
		RoleName:                 r.Name,
		RoleId:                   r.ID,
		Arn:                      arn,
		CreateDate:               r.Created,
		AssumeRolePolicyDocument: new(encodeDocument(r.Trust)),
		Description:              nonEmpty(r.Description),
	}
}

// encodeDocument percent-encodes a policy document, as IAM's answers carry it:
// everything but RFC 3986's unreserved characters, a blank as %20.
func encodeDocument(doc string) string {
	return strings.ReplaceAll(url.QueryEscape(doc), "+", "%20")
}
