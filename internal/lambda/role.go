package lambda

import (
	"strings"

	"furl/internal/authz"
	"furl/internal/state"
)

// role returns the role of an ARN, nil if there is none.
func (s *Service) role(roleARN string) *state.RoleEntry {
	return s.state.Snapshot().RoleByARN(roleARN)
}

// checkRole refuses a role that Lambda could not assume. AWS's sentence comes
// first, because clients look for it; what is wrong here and how to mend it
// follows.
func (s *Service) checkRole(role string) error {
	const refused = "The role defined for the function cannot be assumed by Lambda."
	r := s.role(role)
	if r == nil {
		return InvalidParameterValueException("%s There is no role %s. Create it with: aws iam create-role --role-name %s "+
			"--assume-role-policy-document '%s'", refused, role, role[strings.LastIndexByte(role, '/')+1:], TrustPolicy)
	}
	if !authz.Trusts(r, "lambda.amazonaws.com") {
		return InvalidParameterValueException("%s Its trust policy does not allow sts:AssumeRole to lambda.amazonaws.com.", refused)
	}
	return nil
}

// TrustPolicy is the trust policy of a role that functions can run with.
const TrustPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
