package sts

import (
	"errors"
	"slices"
	"strings"

	"furl/internal/arn"
	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/policy"
)

// maxPolicies is how many managed policies a session may be given.
const maxPolicies = 10

// restrict gives a session the policies that are to bound it. Those given by
// ARN are of the session's account or AWS's own.
func (s *Service) restrict(session *authz.Session, document *string, policies []PolicyDescriptorType) error {
	if document != nil {
		if _, err := policy.Parse([]byte(*document), policy.Session); err != nil {
			var syntax *policy.SyntaxError
			if errors.As(err, &syntax) {
				return MalformedPolicyDocumentException("%s", syntax.Error())
			}
			return err
		}
		session.Policy = *document
	}
	if len(policies) > maxPolicies {
		return awsapi.ValidationException("1 validation error detected: Value at 'policyArns' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d", maxPolicies)
	}
	snap := s.State.Snapshot()
	for _, p := range policies {
		one := value(p.Arn)
		a, err := arn.Parse(one)
		if err != nil || a.Service != "iam" || !strings.HasPrefix(a.Resource, "policy/") {
			return awsapi.ValidationException("%s is invalid", one)
		}
		if a.Account != session.Account && a.Account != "aws" {
			return awsapi.ValidationException("The policy %s is of another account than the session", one)
		}
		if snap.CompiledPolicy(one) == nil {
			return awsapi.Errorf(awsapi.Error{Code: "NoSuchEntity", Status: 404, Fault: awsapi.Sender}, "Policy %s does not exist or is not attachable.", one)
		}
		session.PolicyARNs = append(session.PolicyARNs, one)
	}
	return nil
}

// invalidParameter is the refusal of tags.
func invalidParameter(text string) error {
	return awsapi.Errorf(awsapi.Error{Code: "InvalidParameterValue", Status: 400, Fault: awsapi.Sender}, "%s", text)
}

// sessionTags reads the tags that a session is to have and which of them go on
// from it. Tags that the caller's own session hands on cannot be changed.
func sessionTags(list []Tag, keys []string, c *authz.Caller) (tags map[string]string, transitive []string, err error) {
	folded := map[string]bool{}
	for _, t := range list {
		if key := strings.ToLower(t.Key); folded[key] {
			return nil, nil, invalidParameter("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		} else {
			folded[key] = true
		}
		if tags == nil {
			tags = map[string]string{}
		}
		tags[t.Key] = t.Value
	}
	for _, key := range keys {
		if !folded[strings.ToLower(key)] {
			return nil, nil, invalidParameter("The specified transitive tag key must be included in the requested tags.")
		}
	}
	transitive = slices.Clone(keys)
	if c.Temporary == nil {
		return tags, transitive, nil
	}
	for _, key := range c.Temporary.Transitive {
		if folded[strings.ToLower(key)] {
			return nil, nil, invalidParameter("One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
	}
	return tags, append(transitive, c.Temporary.Transitive...), nil
}

// inherited are the tags of a session with those that the caller's hands on.
func inherited(tags map[string]string, c *authz.Caller) map[string]string {
	if c.Temporary == nil || len(c.Temporary.Transitive) == 0 {
		return tags
	}
	all := map[string]string{}
	for key, v := range c.Temporary.Tags {
		if slices.ContainsFunc(c.Temporary.Transitive, func(t string) bool { return strings.EqualFold(t, key) }) {
			all[key] = v
		}
	}
	for key, v := range tags {
		all[key] = v
	}
	return all
}
