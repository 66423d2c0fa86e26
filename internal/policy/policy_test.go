package policy_test

import (
	"errors"
	"strings"
	"testing"

	"furl/internal/policy"
)

const (
	account  = "111122223333"
	stranger = "444455556666"
	function = "arn:aws:lambda:us-east-1:111122223333:function:f"
	invoke   = "lambda:InvokeFunctionUrl"
)

// parse compiles a document that must be valid.
func parse(t testing.TB, kind policy.Kind, doc string) *policy.Policy {
	t.Helper()
	p, err := policy.Parse([]byte(doc), kind)
	if err != nil {
		var fault *policy.SyntaxError
		errors.As(err, &fault)
		t.Fatalf("Parse(%s): %v (%s)", doc, err, fault.Hint())
	}
	return p
}

// version2012 wraps statements in a document that supports variables.
func version2012(statements string) string {
	return `{"Version":"2012-10-17","Statement":[` + statements + `]}`
}

func source(t testing.TB, kind policy.Kind, statements string) policy.Source {
	t.Helper()
	return policy.Source{Name: "test", Policy: parse(t, kind, version2012(statements))}
}

func TestStatements(t *testing.T) {
	// Recorded on AWS: the statement of this document is reported from column 41 to column 113.
	p := parse(t, policy.ManagedIdentity, `{"Version": "2012-10-17", "Statement": {"Sid": "", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}}`)
	want := policy.Statement{Effect: policy.Allow, Start: policy.Position{Line: 1, Column: 41}, End: policy.Position{Line: 1, Column: 113}}
	if got := p.Statements(); len(got) != 1 || got[0] != want {
		t.Errorf("Statements() = %+v, want [%+v]", got, want)
	}

	p = parse(t, policy.Identity, `{"Statement":[
  {"Sid":"one","Effect":"Allow","Action":"a:é","Resource":"*"},
  {"Sid":"two","Effect":"Deny",
 "Action":"a:b","Resource":"*"}]}`)
	got := p.Statements()
	if got[0].Sid != "one" || got[0].Effect.String() != "Allow" || got[0].Start != (policy.Position{Line: 2, Column: 4}) || got[0].End != (policy.Position{Line: 2, Column: 63}) {
		t.Errorf("first statement %+v", got[0])
	}
	if got[1].Index != 1 || got[1].Sid != "two" || got[1].Effect.String() != "Deny" || got[1].Start != (policy.Position{Line: 3, Column: 4}) || got[1].End != (policy.Position{Line: 4, Column: 32}) {
		t.Errorf("second statement %+v", got[1])
	}
	if p.Kind() != policy.Identity {
		t.Errorf("Kind() = %v", p.Kind())
	}
}

func TestSize(t *testing.T) {
	tight := `{"Statement":{"Effect":"Allow","Action":"a:é","Resource":"*"}}`
	loose := strings.ReplaceAll(strings.ReplaceAll(tight, ":\"", " :\t\""), ",", "\r\n,")
	for _, doc := range []string{tight, loose} {
		if got, want := parse(t, policy.Identity, doc).Size(), len(tight)-1; got != want {
			t.Errorf("Size(%q) = %d, want %d", doc, got, want)
		}
	}
}

func TestContextKeys(t *testing.T) {
	p := parse(t, policy.Resource, version2012(`
		{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/${aws:PrincipalTag/Team, 'x'}/${*}",
		 "Condition":{"StringEquals":{"aws:SourceIp":"${AWS:UserName}"},"Bool":{"aws:SecureTransport":true},"ArnLike":{"AWS:SourceArn":"${s3:Key}"}}}`))
	want := "aws:PrincipalTag/Team aws:SecureTransport AWS:SourceArn aws:SourceIp aws:username s3:Key"
	if got := strings.Join(p.ContextKeys(), " "); got != want {
		t.Errorf("ContextKeys() = %s, want %s", got, want)
	}
}

func TestPrincipalARNs(t *testing.T) {
	p := parse(t, policy.Resource, version2012(`
		{"Effect":"Allow","Action":"a:b","Resource":"*","Principal":{"AWS":["arn:aws:iam::111122223333:user/bob","arn:aws:iam::111122223333:role/p/r",
		 "arn:aws:iam::111122223333:root","111122223333","arn:aws:sts::111122223333:assumed-role/r/s","AIDAABCDEFGHIJKLMNOPQ","*"],
		 "Service":"s3.amazonaws.com","CanonicalUser":"79a5"}},
		{"Effect":"Deny","Action":"a:b","Resource":"*","NotPrincipal":{"AWS":"arn:aws:iam::111122223333:user/bob"}}`))
	want := "arn:aws:iam::111122223333:role/p/r arn:aws:iam::111122223333:user/bob"
	if got := strings.Join(p.PrincipalARNs(), " "); got != want {
		t.Errorf("PrincipalARNs() = %s, want %s", got, want)
	}
}

func TestBindPrincipals(t *testing.T) {
	bob := user("bob")
	doc := version2012(`{"Effect":"Allow","Principal":{"AWS":"` + bob.ARN + `"},"Action":"*","Resource":"*"}`)
	free := parse(t, policy.Resource, doc)
	bound := free.BindPrincipals(map[string]string{bob.ARN: "AIDAOLD"})
	elsewhere := free.BindPrincipals(map[string]string{"arn:aws:iam::111122223333:user/eve": "AIDAEVE"})
	for _, c := range []struct {
		name   string
		policy *policy.Policy
		id     string
		want   bool
	}{
		{"by name", free, "AIDANEW", true},
		{"same user", bound, "AIDAOLD", true},
		{"deleted and created anew", bound, "AIDANEW", false},
		{"no id", bound, "", false},
		{"other principal bound", elsewhere, "AIDANEW", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			caller := bob
			caller.ID = c.id
			d := policy.Decide(policy.Input{Request: request(caller), Resource: &policy.Source{Policy: c.policy}})
			if d.Allowed != c.want {
				t.Errorf("allowed = %v, want %v", d.Allowed, c.want)
			}
		})
	}

	renamed := user("robert")
	renamed.ID = "AIDAOLD"
	bound = parse(t, policy.Resource, version2012(`{"Effect":"Deny","Principal":{"AWS":"`+bob.ARN+`"},"Action":"*","Resource":"*"}`)).
		BindPrincipals(map[string]string{bob.ARN: "AIDAOLD"})
	if d := policy.Decide(policy.Input{Request: request(renamed), Resource: &policy.Source{Policy: bound}}); !d.ExplicitDeny {
		t.Error("a Deny of a user is got around by another name")
	}

	role := session("r", "s")
	doc = version2012(`{"Effect":"Allow","Principal":{"AWS":"` + role.IssuerARN + `"},"Action":"*","Resource":"*"},
		{"Effect":"Deny","NotPrincipal":{"AWS":"` + role.IssuerARN + `"},"Action":"*","Resource":"*"}`)
	bound = parse(t, policy.Resource, doc).BindPrincipals(map[string]string{role.IssuerARN: "AROAR"})
	if d := policy.Decide(policy.Input{Request: request(role), Resource: &policy.Source{Policy: bound}}); !d.Allowed {
		t.Error("session of the bound role is refused")
	}
	role.ID = "AROANEW:s"
	if d := policy.Decide(policy.Input{Request: request(role), Resource: &policy.Source{Policy: bound}}); !d.ExplicitDeny {
		t.Error("a role created anew passes for the old one")
	}
}
