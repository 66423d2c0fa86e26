package lambda

import (
	"strings"

	"furl/internal/arn"
	"furl/internal/policy"
	"furl/internal/state"
)

// role returns the role of an ARN, nil if there is none.
func (s *Service) role(roleARN string) *state.RoleEntry {
	a, err := arn.Parse(roleARN)
	if err != nil {
		return nil
	}
	r := s.state.Snapshot().Role(a.Account, a.Resource[strings.LastIndexByte(a.Resource, '/')+1:])
	if r == nil || r.ARN != roleARN {
		return nil
	}
	return r
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
	if !assumable(r) {
		return InvalidParameterValueException("%s Its trust policy does not allow sts:AssumeRole to lambda.amazonaws.com.", refused)
	}
	return nil
}

// TrustPolicy is the trust policy of a role that functions can run with.
const TrustPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// assumable asks a role's trust policy whether Lambda may assume it.
func assumable(r *state.RoleEntry) bool {
	return policy.Decide(policy.Input{
		Request: policy.Request{
			Action:          "sts:AssumeRole",
			Resource:        r.ARN,
			ResourceAccount: r.Role.Account,
			Principal:       policy.Principal{Type: policy.Service, ARN: "lambda.amazonaws.com"},
			Context:         policy.ContextMap{},
		},
		Resource: &r.Trust,
	}).Allowed
}
