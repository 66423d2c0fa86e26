package state

import (
	"net/url"
	"strings"
)

// The store's keys are text, tokens separated by "/" and escaped, so that no
// name can reach into another key:
//
//	fn/ACCOUNT/REGION/NAME               Function
//	fn/ACCOUNT/REGION/NAME/po/QUALIFIER  FunctionPolicy ("-" for unqualified)
//	fn/ACCOUNT/REGION/NAME/ur/QUALIFIER  URLConfig ("-" for unqualified)
//	url/ID                               owner's key: makes url-ids unique
//	iam/ACCOUNT/user/NAME                User (name in lower case)
//	iam/ACCOUNT/role/NAME                Role (name in lower case)
//	ak/ID                                AccessKey
//	cfg/server                           Server

// FunctionID names a function.
type FunctionID struct{ Account, Region, Name string }

const unqualified = "-"

func (id FunctionID) key() string {
	return "fn/" + id.Account + "/" + id.Region + "/" + url.PathEscape(id.Name)
}

func (id FunctionID) policyKey(qualifier string) string {
	return id.key() + "/po/" + qualifierToken(qualifier)
}

func (id FunctionID) urlKey(qualifier string) string {
	return id.key() + "/ur/" + qualifierToken(qualifier)
}

func qualifierToken(q string) string {
	if q == "" {
		return unqualified
	}
	return url.PathEscape(q)
}

func urlIDKey(id string) string { return "url/" + url.PathEscape(id) }

func userKey(account, name string) string { return entityKey(account, "user", name) }

func roleKey(account, name string) string { return entityKey(account, "role", name) }

// entityKey folds case because IAM's names are unique without regard to it.
func entityKey(account, kind, name string) string {
	return "iam/" + account + "/" + kind + "/" + url.PathEscape(strings.ToLower(name))
}

func accessKeyKey(id string) string { return "ak/" + url.PathEscape(id) }

const serverKey = "cfg/server"
