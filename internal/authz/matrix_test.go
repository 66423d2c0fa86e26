package authz_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"furl/internal/arn"
	"furl/internal/authz"
	"furl/internal/authz/authztest"
	"furl/internal/policy"
	"furl/internal/state"
)

// TestMatrix plays the tables in testdata/matrix: identities and policies are
// written to a real state, and every line asks for one thing as each of the
// callers. README.md there says how to read them.
func TestMatrix(t *testing.T) {
	files, err := filepath.Glob("testdata/matrix/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	cases := 0
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { cases += playMatrix(t, file) })
	}
	if cases < 300 {
		t.Errorf("%d cases, want 300 at least", cases)
	}
}

// matrix is a table while it is played.
type matrix struct {
	*authztest.House
	t         *testing.T
	resources map[string]policy.Source // by the name of the function
	sessions  map[string]policy.Source
	who       []string
}

func playMatrix(t *testing.T, file string) (cases int) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m := &matrix{House: authztest.New(t, false), t: t, resources: map[string]policy.Source{}, sessions: map[string]policy.Source{}}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		if strings.Contains(word, ":") && !strings.HasSuffix(word, ":") || word == "*" {
			cases += m.ask(fmt.Sprintf("%s:%d", filepath.Base(file), n), line)
		} else if err := m.set(word, strings.TrimSpace(rest)); err != nil {
			t.Fatalf("%s:%d: %s: %v", file, n, line, err)
		}
	}
	return cases
}

// account cuts the account off a name: bob@444455556666.
func account4(name string) (plain, account string) {
	plain, account, ok := strings.Cut(name, "@")
	if !ok {
		return name, authztest.Account
	}
	return plain, account
}

// set carries out a line that is no question.
func (m *matrix) set(word, rest string) error {
	head, text, _ := strings.Cut(rest, ": ")
	args := strings.Fields(head)
	ctx, always := m.t.Context(), func([]string) error { return nil }
	switch word {
	case "who":
		m.who = strings.Fields(rest)
		return nil
	case "user":
		name, account := account4(args[0])
		return m.State.CreateUser(ctx, &state.User{Account: account, Name: name, Path: "/", ID: "AIDA" + name + account, Tags: pairs(args[1:])})
	case "role":
		name, account := account4(args[0])
		trust := `{"Statement":{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}}`
		return m.State.CreateRole(ctx, &state.Role{Account: account, Name: name, Path: "/", ID: "AROA" + name, Trust: trust, Tags: pairs(args[1:])})
	case "group":
		return m.State.CreateGroup(ctx, &state.Group{Account: authztest.Account, Name: args[0], Path: "/", ID: "AGPA" + args[0]})
	case "member":
		return m.State.AddToGroup(ctx, authztest.Account, args[0], args[1], always)
	case "policy":
		if _, err := policy.Parse([]byte(document(text)), policy.ManagedIdentity); err != nil {
			return err
		}
		return m.State.CreateManagedPolicy(ctx, &state.ManagedPolicy{
			Account: authztest.Account, Name: args[0], Path: "/", ID: "ANPA" + args[0],
			Versions: []state.PolicyVersion{{ID: "v1", Document: document(text)}}, Default: "v1",
		})
	case "attach":
		name, account := account4(args[1])
		return m.State.Attach(ctx, state.EntityKind(args[0]), account, name, policyARN(args[2]), always)
	case "bound":
		name, account := account4(args[1])
		return m.State.SetBoundary(ctx, state.EntityKind(args[0]), account, name, policyARN(args[2]), func(string) error { return nil })
	case "inline":
		return m.inline(args[0], args[1], document(text))
	case "resource":
		p, err := policy.Parse([]byte(document(text)), policy.Resource)
		if err != nil {
			return err
		}
		ids := map[string]string{}
		for _, a := range p.PrincipalARNs() {
			ids[a], _ = m.State.Snapshot().PrincipalID(a)
		}
		m.resources[args[0]] = policy.Source{Name: "policy of " + args[0], Policy: p.BindPrincipals(ids)}
		return nil
	case "session":
		p, err := policy.Parse([]byte(document(text)), policy.Session)
		m.sessions[args[0]] = policy.Source{Name: args[0], Policy: p}
		return err
	}
	return fmt.Errorf("what is %q?", word)
}

func (m *matrix) inline(kind, name, doc string) (err error) {
	plain, account := account4(name)
	with := func(policies *map[string]string) error {
		if *policies == nil {
			*policies = map[string]string{}
		}
		(*policies)[fmt.Sprintf("p%d", len(*policies))] = doc
		return nil
	}
	switch kind {
	case "user":
		_, err = m.State.UpdateUser(m.t.Context(), account, plain, func(u *state.User) error { return with(&u.Policies) })
	case "role":
		_, err = m.State.UpdateRole(m.t.Context(), account, plain, func(r *state.Role) error { return with(&r.Policies) })
	default:
		_, err = m.State.UpdateGroup(m.t.Context(), account, plain, func(g *state.Group) error { return with(&g.Policies) })
	}
	return err
}

func pairs(args []string) map[string]string {
	all := map[string]string{}
	for _, a := range args {
		k, v, _ := strings.Cut(a, "=")
		all[k] = v
	}
	return all
}

// policyARN is a policy of the account, or one of AWS in capital letters.
func policyARN(name string) string {
	if name[0] >= 'A' && name[0] <= 'Z' {
		return "arn:aws:iam::aws:policy/" + name
	}
	return arn.Policy(authztest.Account, "/", name)
}

// document spells statements out:
//
//	allow ACTIONS on RESOURCES [by PRINCIPALS] [if OPERATOR KEY VALUES [and …]] ; …
func document(text string) string {
	var statements []any
	for _, short := range strings.Split(text, " ; ") {
		body, condition, _ := strings.Cut(short, " if ")
		words := strings.Fields(body)
		st := map[string]any{"Effect": map[string]string{"allow": "Allow", "deny": "Deny"}[words[0]]}
		element := "Action"
		for i, word := range words[1:] {
			switch {
			case word == "on", word == "by", word == "notby", word == "noton":
				element = map[string]string{"on": "Resource", "noton": "NotResource", "by": "Principal", "notby": "NotPrincipal"}[word]
			case word == "not":
				element = "NotAction"
			case words[i] == "by" || words[i] == "notby":
				st[element] = principals(word)
			default:
				st[element] = list(word, resource)
			}
		}
		if condition != "" {
			st["Condition"] = conditions(condition)
		}
		statements = append(statements, st)
	}
	text2, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		panic(err)
	}
	return string(text2)
}

func list(text string, spell func(string) string) []string {
	all := strings.Split(text, ",")
	if strings.Contains(text, "${") { // a comma may be part of a variable
		all = []string{text}
	}
	for i := range all {
		all[i] = spell(all[i])
	}
	return all
}

// resource spells fn:NAME out, the ARN of a function.
func resource(short string) string {
	if name, ok := strings.CutPrefix(short, "fn:"); ok {
		return arn.Function(authztest.Region, authztest.Account, name, "")
	}
	return short
}

func principals(text string) any {
	if text == "*" {
		return "*"
	}
	all := map[string][]string{}
	for _, short := range strings.Split(text, ",") {
		kind, name, _ := strings.Cut(short, ":")
		plain, account := account4(name)
		switch kind {
		case "service":
			all["Service"] = append(all["Service"], name)
		case "user":
			all["AWS"] = append(all["AWS"], arn.User(account, "/", plain))
		case "role":
			all["AWS"] = append(all["AWS"], arn.Role(account, "/", plain))
		case "session":
			role, session, _ := strings.Cut(plain, "/")
			all["AWS"] = append(all["AWS"], arn.AssumedRole(account, role, session))
		default: // account
			all["AWS"] = append(all["AWS"], name)
		}
	}
	return all
}

func conditions(text string) map[string]map[string][]string {
	all := map[string]map[string][]string{}
	for _, one := range strings.Split(text, " and ") {
		f := strings.Fields(one)
		if all[f[0]] == nil {
			all[f[0]] = map[string][]string{}
		}
		all[f[0]][f[1]] = strings.Split(f[2], "|")
	}
	return all
}

// caller is somebody by the name that the tables give them.
func (m *matrix) caller(who string) *authz.Caller {
	snap := m.State.Snapshot()
	plain, account := account4(who)
	switch role, session, isRole := strings.Cut(plain, "/"); {
	case plain == "anonymous":
		return authz.Anonymous()
	case plain == "root":
		return authz.RootCaller(account, "AKIAROOT")
	case strings.HasPrefix(plain, "service:"):
		return &authz.Caller{Principal: policy.Principal{Type: policy.Service, ARN: strings.TrimPrefix(plain, "service:")}}
	case isRole:
		name, bound, bounded := strings.Cut(strings.TrimSuffix(session, "]"), "[")
		c := authz.RoleCaller(snap.Role(account, role), name)
		if bounded {
			c.Session = []policy.Source{m.sessions[bound]}
		}
		return c
	}
	return authz.UserCaller(snap.User(account, plain), "AKIA")
}

// ask plays a question: ACTION RESOURCE [KEY=VALUE…] : VERDICT…
func (m *matrix) ask(where, line string) int {
	question, verdicts, _ := strings.Cut(line, " : ")
	words, want := strings.Fields(question), strings.Fields(verdicts)
	if len(want) != len(m.who) {
		m.t.Fatalf("%s: %d verdicts for %d callers", where, len(want), len(m.who))
	}
	acc := authz.Access{Action: words[0], Resource: resource(words[1]), Account: authztest.Account, Keys: policy.ContextMap{}, Tags: map[string]string{}}
	if p, ok := m.resources[strings.TrimPrefix(words[1], "fn:")]; ok {
		acc.Policy = &p
	}
	env := authz.Env{Time: time.Date(2026, 11, 23, 13, 42, 10, 0, time.UTC), SourceIP: "192.0.2.1"}
	for _, word := range words[2:] {
		key, v, _ := strings.Cut(word, "=")
		switch tag, isTag := strings.CutPrefix(key, "tag:"); {
		case isTag:
			acc.Tags[tag] = v
		case key == "ip":
			env.SourceIP = v
		case key == "agent":
			env.UserAgent = v
		case key == "secure":
			env.Secure = v == "true"
		case strings.Contains(v, "|"):
			acc.Keys.Set(key, policy.Many(strings.Split(v, "|")...))
		default:
			acc.Keys.Set(key, policy.One(v))
		}
	}
	for i, who := range m.who {
		c := m.caller(who)
		d := m.Judge.Allow(c, env, acc)
		if got := code(d); got != want[i] {
			x := m.Judge.Explain(c, env, acc)
			m.t.Errorf("%s: as %s: got %s, want %s\n%s", where, who, got, want[i], &x)
		}
	}
	return len(want)
}

// code is a decision as the tables have it.
func code(d policy.Decision) string {
	if d.Allowed {
		return "A"
	}
	letter := map[policy.SourceType]string{
		policy.IdentityPolicy: "i", policy.ResourcePolicy: "r", policy.PermissionsBoundary: "b", policy.SessionPolicy: "s",
	}[d.DeniedBy]
	if d.ExplicitDeny {
		return strings.ToUpper(letter)
	}
	return letter
}
