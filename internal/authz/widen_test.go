package authz_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"furl/internal/authz"
	"furl/internal/authz/authztest"
	"furl/internal/policy"
	"furl/internal/state"
)

// One more Deny, wherever it is put, never allows anybody anything more, and one
// more boundary or session policy neither.
func TestRestrictionsNeverWiden(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	for range 12 {
		w := newWidening(t, rand.New(rand.NewPCG(seed, 2)))
		before := w.allowed()
		for step := range 12 {
			what, err := w.restrict()
			if err != nil {
				t.Fatal(err)
			}
			after := w.allowed()
			for asked := range after {
				if !before[asked] {
					t.Fatalf("seed %d, step %d: %s allows %s", seed, step, what, asked)
				}
			}
			before = after
		}
	}
}

// widening is a house with identities whose policies were drawn.
type widening struct {
	matrix
	rand *rand.Rand
}

func newWidening(t *testing.T, r *rand.Rand) *widening {
	t.Helper()
	w := &widening{matrix{House: authztest.New(t, false), t: t, resources: map[string]policy.Source{}, sessions: map[string]policy.Source{}}, r}
	lines := [][2]string{
		{"user", "u"}, {"user", "v"}, {"user", "x@444455556666"}, {"role", "r"}, {"group", "g"},
		{"policy", "m: " + w.statements("")}, {"policy", "n: " + w.statements("")},
		{"member", "u g"}, {"attach", "group g m"}, {"attach", "role r n"}, {"attach", "user v m"},
		{"inline", "user u: " + w.statements("")}, {"inline", "group g: " + w.statements("")}, {"inline", "role r: " + w.statements("")},
		{"inline", "user x@444455556666: " + w.statements("")}, {"session", "s: " + w.statements("")},
		{"resource", "a: " + w.statements(" by *")}, {"resource", "b: " + w.statements(" by user:u,role:r,user:x@444455556666")},
	}
	for _, line := range lines {
		if err := w.set(line[0], line[1]); err != nil {
			t.Fatal(line, err)
		}
	}
	return w
}

func (w *widening) pick(list ...string) string { return list[w.rand.IntN(len(list))] }

func (w *widening) statement(effect, by string) string {
	return fmt.Sprintf("%s %s on %s%s%s", effect, w.pick("lambda:*", "lambda:Get*", "lambda:InvokeFunction", "not lambda:GetFunction"),
		w.pick("*", "fn:a", "fn:b", "fn:?"), by, w.pick("", "", " if StringEquals aws:username u", " if Bool aws:SecureTransport false", " if StringNotEquals aws:PrincipalType User"))
}

func (w *widening) statements(by string) string {
	return w.statement("allow", by) + " ; " + w.statement(w.pick("allow", "allow", "deny"), by)
}

// restrict adds a Deny to what a user, a group or a role has, or a boundary.
func (w *widening) restrict() (what string, err error) {
	switch w.rand.IntN(5) {
	case 0:
		doc := w.statement("allow", "")
		name := fmt.Sprint("bound", w.rand.Int())
		if err := w.set("policy", name+": "+doc); err != nil {
			return "", err
		}
		what = w.pick("user u", "user v", "role r") + " " + name
		if bounded(w.State.Snapshot(), what) {
			return "nothing", nil // another boundary may well allow more
		}
		return what, w.set("bound", what)
	case 1:
		_, err = w.State.UpdateManagedPolicy(w.t.Context(), authztest.Account, w.pick("m", "n"), func(p *state.ManagedPolicy) error {
			p.Latest++
			p.Default = fmt.Sprint("v", p.Latest+1)
			what = w.statement("deny", "")
			doc := p.Versions[len(p.Versions)-1].Document
			doc = doc[:len(doc)-len(`],"Version":"2012-10-17"}`)] + "," + document(what)[len(`{"Statement":[`):]
			p.Versions = append(p.Versions, state.PolicyVersion{ID: p.Default, Document: doc})
			return nil
		})
		return "a new version with " + what, err
	default:
		what = w.pick("user u", "user v", "group g", "role r") + ": " + w.statement("deny", "")
		return what, w.set("inline", what)
	}
}

func bounded(snap *state.Snapshot, what string) bool {
	switch what[:6] {
	case "user u":
		return snap.User(authztest.Account, "u").Boundary != nil
	case "user v":
		return snap.User(authztest.Account, "v").Boundary != nil
	}
	return snap.Role(authztest.Account, "r").Boundary != nil
}

// allowed is all that anybody may do.
func (w *widening) allowed() map[string]bool {
	all := map[string]bool{}
	for _, who := range []string{"u", "v", "x@444455556666", "r/s", "r/s[s]", "root", "anonymous"} {
		c := w.caller(who)
		for _, action := range []string{"lambda:GetFunction", "lambda:GetPolicy", "lambda:InvokeFunction", "s3:GetObject"} {
			for _, name := range []string{"a", "b", "c"} {
				acc := authz.Access{Action: action, Resource: resource("fn:" + name), Account: authztest.Account}
				if p, ok := w.resources[name]; ok {
					acc.Policy = &p
				}
				d := w.Judge.Allow(c, authz.Env{}, acc)
				if x := w.Judge.Explain(c, authz.Env{}, acc); x.Decision != d {
					w.t.Fatalf("Allow says %+v, Explain %+v", d, x.Decision)
				}
				if d.Allowed {
					all[who+" "+action+" "+name] = true
				}
			}
		}
	}
	return all
}
