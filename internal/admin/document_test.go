package admin_test

import (
	"os/exec"
	"testing"

	"furl/internal/admin"
	"furl/internal/policy"
)

// FuzzDocument: of whatever is accepted as a policy a statement can be taken
// away, and the rest is a policy still.
func FuzzDocument(f *testing.F) {
	for _, doc := range []string{
		`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`,
		`{"Statement":[{"Effect":"Deny","Action":["s3:*"],"Resource":"*"},{"Sid":"<&>","Effect":"Allow","NotAction":"iam:*","Resource":"*"}]}`,
		`{ "Id" : "x", "Statement" : [ {"Effect":"Allow","Action":"lambda:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":true}}} ] }`,
	} {
		f.Add([]byte(doc), 0)
	}
	f.Fuzz(func(t *testing.T, doc []byte, index int) {
		p, err := policy.Parse(doc, policy.Identity)
		if err != nil || index < 0 || index >= len(p.Statements()) {
			return
		}
		left, n, err := admin.DropStatement(string(doc), index)
		if err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		if n != len(p.Statements())-1 {
			t.Fatalf("%s: %d statements are left of %d", doc, n, len(p.Statements()))
		}
		if n == 0 {
			return
		}
		rest, err := policy.Parse([]byte(left), policy.Identity)
		if err != nil || len(rest.Statements()) != n {
			t.Fatalf("%s: what is left is no policy of %d statements: %s: %v", doc, n, left, err)
		}
	})
}

func TestAddStatement(t *testing.T) {
	for _, doc := range []string{
		"",
		`{"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"a","Effect":"Allow","Principal":"*","Action":"lambda:*","Resource":"` + greeter + `"}]}`,
	} {
		before := 0
		if doc != "" {
			before = 1
		}
		text, err := admin.AddPublic(doc, greeter)
		check(t, err)
		p, err := policy.Parse([]byte(text), policy.Resource)
		if err != nil || len(p.Statements()) != before+1 {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestShellQuote(t *testing.T) {
	for _, s := range []string{"", "plain-word_1.2:3/4", "two words", "it's", `"$HOME" \n`, "a*b?", "line\nbreak", "*", "!", "~", "é", "'"} {
		out, err := exec.Command("sh", "-c", "printf %s "+admin.ShellQuote(s)).Output()
		if err != nil || string(out) != s {
			t.Errorf("%q: the shell reads %q: %v", s, out, err)
		}
	}
}
