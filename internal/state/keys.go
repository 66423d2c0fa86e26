package state

import (
	"net/url"
	"strings"
)

// The store's keys are text, tokens separated by "/" and escaped, so that no
// name can reach into another key:
//
//	fn/ACCOUNT/REGION/NAME               Function
//	fn/ACCOUNT/REGION/NAME/ve/NUMBER     Version
//	fn/ACCOUNT/REGION/NAME/al/ALIAS      Alias ("%2D" for the alias -)
//	fn/ACCOUNT/REGION/NAME/po/QUALIFIER  FunctionPolicy ("-" for unqualified, "%2D" for the alias -)
//	fn/ACCOUNT/REGION/NAME/pc/QUALIFIER  Provision (likewise)
//	fn/ACCOUNT/REGION/NAME/ur/QUALIFIER  URLConfig (likewise)
//	fn/ACCOUNT/REGION/NAME/ei/QUALIFIER  EventConfig ("$LATEST" for unqualified)
//	url/ID                               owner's key: makes url-ids unique
//	ly/ACCOUNT/REGION/NAME               Layer
//	ly/ACCOUNT/REGION/NAME/ve/NUMBER     LayerVersion
//	iam/ACCOUNT/user/NAME                User (name in lower case)
//	iam/ACCOUNT/role/NAME                Role (name in lower case)
//	iam/ACCOUNT/group/NAME               Group (name in lower case)
//	iam/ACCOUNT/policy/NAME              ManagedPolicy (name in lower case)
//	iam/ACCOUNT/account                  AccountNames
//	use/ID                               Used, of an access key or a role
//	ak/ID                                AccessKey
//	acct/ID                              Account
//	rv/ID                                Revocation
//	lg/ACCOUNT/REGION/NAME               LogGroup
//	lg/ACCOUNT/REGION/NAME/st/STREAM     LogStream
//	cfg/server                           Server

// FunctionID names a function.
type FunctionID struct{ Account, Region, Name string }

// Tokens of no qualifier, and of the alias that is named like that token.
const (
	unqualified = "-"
	dash        = "%2D"
)

func (id FunctionID) key() string {
	return "fn/" + id.Account + "/" + id.Region + "/" + url.PathEscape(id.Name)
}

func (id FunctionID) versionKey(number string) string { return id.key() + "/ve/" + number }

func (id FunctionID) aliasKey(name string) string { return id.key() + "/al/" + qualifierToken(name) }

// qualifierKey is the key of the record that a qualifier names: the function, a
// published version, or an alias.
func (id FunctionID) qualifierKey(qualifier string) string {
	switch {
	case qualifier == "" || qualifier == LatestVersion:
		return id.key()
	case IsVersion(qualifier):
		return id.versionKey(qualifier)
	}
	return id.aliasKey(qualifier)
}

// IsVersion tells a version's number from an alias's name.
func IsVersion(qualifier string) bool {
	for i := range len(qualifier) {
		if qualifier[i] < '0' || qualifier[i] > '9' {
			return false
		}
	}
	return qualifier != ""
}

func (id FunctionID) policyKey(qualifier string) string {
	return id.key() + "/po/" + qualifierToken(qualifier)
}

func (id FunctionID) urlKey(qualifier string) string {
	return id.key() + "/ur/" + qualifierToken(qualifier)
}

func (id FunctionID) eventKey(qualifier string) string {
	return id.key() + "/ei/" + qualifierToken(qualifier)
}

// qualifierToken is the token of a qualifier, or of none.
func qualifierToken(q string) string {
	switch q {
	case "":
		return unqualified
	case unqualified:
		return dash
	}
	return url.PathEscape(q)
}

func urlIDKey(id string) string { return "url/" + url.PathEscape(id) }

func userKey(account, name string) string { return entityKey(account, "user", name) }

func roleKey(account, name string) string { return entityKey(account, "role", name) }

func groupKey(account, name string) string { return entityKey(account, "group", name) }

func managedKey(account, name string) string { return entityKey(account, "policy", name) }

func accountKey(account string) string { return "iam/" + account + "/account" }

func usedKey(id string) string { return "use/" + url.PathEscape(id) }

// entityKey folds case because IAM's names are unique without regard to it.
func entityKey(account, kind, name string) string {
	return "iam/" + account + "/" + kind + "/" + url.PathEscape(strings.ToLower(name))
}

func accessKeyKey(id string) string { return "ak/" + url.PathEscape(id) }

const serverKey = "cfg/server"
