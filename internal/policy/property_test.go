package policy_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"furl/internal/policy"
)

// generator makes requests and policies from a vocabulary small enough that they often meet.
type generator struct{ *rand.Rand }

func (g generator) pick(list ...string) string { return list[g.IntN(len(list))] }

func (g generator) often(percent int) bool { return g.IntN(100) < percent }

// some is one value or a list of up to three.
func (g generator) some(pick func() string) any {
	if g.often(50) {
		return pick()
	}
	list := []string{}
	for range 1 + g.IntN(3) {
		list = append(list, pick())
	}
	return list
}

func (g generator) action() string {
	return g.pick("lambda:InvokeFunctionUrl", "lambda:*", "LAMBDA:invokefunction*", "*", "*:*", "*:GetObject", "s3:Get?bject", "lambda:GetFunction", "sts:*", "iam:*")
}

func (g generator) resource() string {
	return g.pick("*", function, function+":prod", function+"*", "arn:aws:lambda:*:*:function:*", "arn:aws:Lambda:US-*-1:111122223333:*",
		"arn:aws:lambda", "arn:aws:lambda:us-east-1", "arn:aws:lambda:us-*", "arn:aws:iam::*:user/${aws:username}", "arn:aws:s3:::b/${aws:username, 'nobody'}/*", "arn:aws:s3:::b/${*}", "arn:aws:s3:::b/?*")
}

func (g generator) principal() any {
	if g.often(20) {
		return "*"
	}
	p := map[string]any{}
	if g.often(80) {
		p["AWS"] = g.some(func() string {
			return g.pick("*", account, stranger, "arn:aws:iam::"+account+":root", user("bob").ARN, foreign(user("bob")).ARN, session("r", "s").ARN, session("r", "s").IssuerARN, foreign(session("r", "s")).IssuerARN, federated("ann").ARN)
		})
	}
	if g.often(30) || len(p) == 0 {
		p["Service"] = g.some(func() string { return g.pick("s3.amazonaws.com", "lambda.amazonaws.com") })
	}
	if g.often(20) {
		p["Federated"] = "accounts.google.com"
	}
	return p
}

func (g generator) condition() map[string]any {
	block := map[string]any{}
	for range g.IntN(3) {
		operator, value := g.operator()
		block[operator] = map[string]any{g.pick("aws:username", "AWS:UserName", "aws:TagKeys", "aws:SourceIp", "n", "when", "arn", "flag", "nowhere"): g.some(value)}
	}
	return block
}

func (g generator) operator() (string, func() string) {
	from := func(list ...string) func() string { return func() string { return g.pick(list...) } }
	var name string
	var values func() string
	switch g.IntN(7) {
	case 0:
		name, values = g.pick("StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"), from("bob", "BOB", "team", "${aws:username}", "${nowhere, 'bob'}", "${nowhere}", "b*", "")
	case 1:
		name, values = g.pick("StringLike", "StringNotLike"), from("b*", "*", "?ob", "${aws:username}", "${aws:TagKeys}", "t${*}", "*a*", "${$}x")
	case 2:
		name, values = g.pick("NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericGreaterThanEquals"), from("1", "2.5", "-3", "x")
	case 3:
		name, values = g.pick("DateLessThan", "DateGreaterThanEquals"), from("2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z", "2020-06-01T12:00:00+02:00")
	case 4:
		name, values = g.pick("ArnLike", "ArnNotLike", "ArnEquals", "ArnNotEquals"), from("arn:aws:s3:::b", "arn:aws:s3:::*", "arn:*:s3:*", "arn:aws:s3:::${aws:username}", "x")
	case 5:
		name, values = g.pick("IpAddress", "NotIpAddress"), from("10.0.0.0/8", "10.1.2.3/32", "2001:db8::/32", "x/y")
	default:
		name, values = g.pick("Bool", "Null"), from("true", "false")
	}
	if name != "Null" && g.often(20) {
		name += "IfExists"
	}
	if g.often(30) {
		name = g.pick("ForAllValues:", "ForAnyValue:") + name
	}
	return name, values
}

// statement makes a statement; effect "" leaves that open as well.
func (g generator) statement(kind policy.Kind, effect string) map[string]any {
	if effect == "" {
		effect = "Allow"
		if g.often(25) {
			effect = "Deny"
		}
	}
	s := map[string]any{"Effect": effect}
	action := "Action"
	if g.often(15) {
		action = "NotAction"
	}
	s[action] = g.some(g.action)
	if kind == policy.Trust {
		s[action] = g.some(func() string { return g.pick("sts:AssumeRole", "sts:*", "sts:TagSession") })
		p := g.principal()
		if p == "*" {
			p = map[string]any{"AWS": "*"}
		}
		s["Principal"] = p
	} else {
		s[g.pick("Resource", "Resource", "Resource", "NotResource")] = g.some(g.resource)
	}
	if kind == policy.Resource {
		s["Principal"] = g.principal()
		if effect == "Deny" && g.often(40) {
			s["NotPrincipal"] = s["Principal"]
			delete(s, "Principal")
		}
	}
	if g.often(50) {
		s["Condition"] = g.condition()
	}
	return s
}

func (g generator) document(kind policy.Kind) string {
	statements := []any{}
	for range 1 + g.IntN(3) {
		statements = append(statements, g.statement(kind, ""))
	}
	doc := map[string]any{"Version": g.pick("2012-10-17", "2012-10-17", "2012-10-17", "2008-10-17"), "Statement": statements}
	return marshal(doc)
}

func marshal(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// with adds a statement to a document.
func with(doc string, statement map[string]any) string {
	var d map[string]any
	if err := json.Unmarshal([]byte(doc), &d); err != nil {
		panic(err)
	}
	d["Statement"] = append(d["Statement"].([]any), statement)
	return marshal(d)
}

func (g generator) caller() policy.Principal {
	rootSession := federated("ann")
	rootSession.IssuerARN = "arn:aws:iam::" + account + ":root"
	list := []policy.Principal{
		user("bob"), user("bob"), user("eve"), session("r", "s"), session("r", "s"), federated("ann"), rootSession, root(account), root(stranger),
		foreign(user("bob")), foreign(session("r", "s")), service("s3.amazonaws.com"), {}, {Type: policy.WebIdentity, ARN: "accounts.google.com"}, {Type: policy.User},
	}
	return list[g.IntN(len(list))]
}

func (g generator) context() policy.ContextMap {
	ctx := policy.ContextMap{}
	for key, values := range map[string][]string{
		"aws:username": {"bob", "Bob", "b*", ""}, "aws:sourceip": {"10.1.2.3", "2001:db8::1", "192.0.2.1"}, "n": {"1", "2.5", "7", "x"},
		"when": {"2019-01-01T00:00:00Z", "2025-01-01T00:00:00Z"}, "arn": {"arn:aws:s3:::b", "arn:aws:s3:::bob", "x"}, "flag": {"true", "FALSE", "x"},
	} {
		if g.often(60) {
			ctx[key] = policy.One(g.pick(values...))
		}
	}
	if g.often(60) {
		var tags []string
		for range g.IntN(3) {
			tags = append(tags, g.pick("team", "bob", "", "data"))
		}
		ctx["aws:tagkeys"] = policy.Many(tags...)
	}
	return ctx
}

func (g generator) input() naiveInput {
	n := naiveInput{ctx: g.context(), trust: g.often(20)}
	n.request = policy.Request{
		Action:          g.pick("lambda:InvokeFunctionUrl", "lambda:InvokeFunctionUrl", "lambda:GetFunction", "s3:GetObject", "STS:GetCallerIdentity"),
		Resource:        g.pick(function, function, function+":prod", "*", "arn:aws:s3:::b/bob/x", "arn:aws:s3:::b/*", "arn:aws:iam::111122223333:user/bob"),
		ResourceAccount: g.pick(account, account, account, ""),
		Principal:       g.caller(),
	}
	for range g.IntN(3) {
		n.identity = append(n.identity, g.document(policy.Identity))
	}
	if g.often(25) {
		n.session = append(n.session, g.document(policy.Session))
	}
	if g.often(25) {
		n.boundary = g.document(policy.Boundary)
	}
	switch {
	case n.trust:
		n.request.Action = g.pick("sts:AssumeRole", "sts:TagSession")
		n.resource = g.document(policy.Trust)
	case g.often(70):
		n.resource = g.document(policy.Resource)
	}
	return n
}

// compile makes the package's input of the documents.
func (n *naiveInput) compile(t testing.TB) policy.Input {
	t.Helper()
	in := policy.Input{Request: n.request}
	in.Request.Context = n.ctx
	for _, doc := range n.identity {
		in.Identity = append(in.Identity, policy.Source{Policy: parse(t, policy.Identity, doc)})
	}
	for _, doc := range n.session {
		in.Session = append(in.Session, policy.Source{Policy: parse(t, policy.Session, doc)})
	}
	if n.boundary != "" {
		in.Boundary = &policy.Source{Policy: parse(t, policy.Boundary, n.boundary)}
	}
	if n.resource != "" {
		in.Resource = &policy.Source{Policy: parse(t, n.resourceKind(), n.resource)}
	}
	return in
}

func (n *naiveInput) resourceKind() policy.Kind {
	if n.trust {
		return policy.Trust
	}
	return policy.Resource
}

// documents are the documents that can be given another statement.
func (n *naiveInput) documents() (docs []*string, kinds []policy.Kind) {
	for i := range n.identity {
		docs, kinds = append(docs, &n.identity[i]), append(kinds, policy.Identity)
	}
	for i := range n.session {
		docs, kinds = append(docs, &n.session[i]), append(kinds, policy.Session)
	}
	if n.boundary != "" {
		docs, kinds = append(docs, &n.boundary), append(kinds, policy.Boundary)
	}
	if n.resource != "" {
		docs, kinds = append(docs, &n.resource), append(kinds, n.resourceKind())
	}
	return docs, kinds
}

func (n *naiveInput) String() string {
	return fmt.Sprintf("request %+v\ncontext %+v\nresource %s\nidentity %s\nboundary %s\nsession %s",
		n.request, n.ctx, n.resource, strings.Join(n.identity, "\n  "), n.boundary, strings.Join(n.session, "\n  "))
}

// checkProperties holds the evaluator against the naive one and against what must be true of every decision.
func checkProperties(t *testing.T, g generator) policy.Decision {
	t.Helper()
	n := g.input()
	in := n.compile(t)
	before := policy.Decide(in)
	if want := n.decide(); before != want {
		t.Fatalf("Decide = %+v, naive %+v\n%s", before, want, &n)
	}
	x := policy.Explain(in)
	if x.Decision != before {
		t.Fatalf("Decide = %+v, Explain %+v\n%s", before, x.Decision, &n)
	}
	if x.ExplicitDeny != (len(x.Deciding()) > 0 && !x.Allowed) {
		t.Fatalf("%+v decided by %v\n%s", before, x.Deciding(), &n)
	}
	docs, kinds := n.documents()
	if len(docs) == 0 {
		return before
	}
	i := g.IntN(len(docs))
	doc := *docs[i]
	*docs[i] = with(doc, g.statement(kinds[i], "Deny"))
	if after := policy.Decide(n.compile(t)); after.Allowed && !before.Allowed {
		t.Fatalf("one more Deny allows: %+v, then %+v\n%s", before, after, &n)
	}
	*docs[i] = with(doc, g.statement(kinds[i], "Allow"))
	after := policy.Decide(n.compile(t))
	if before.ExplicitDeny && !after.ExplicitDeny {
		t.Fatalf("one more Allow lifts a Deny: %+v, then %+v\n%s", before, after, &n)
	}
	if before.Allowed && !after.Allowed {
		t.Fatalf("one more Allow denies: %+v, then %+v\n%s", before, after, &n)
	}
	return before
}

func TestProperties(t *testing.T) {
	rounds := 2000
	if testing.Short() {
		rounds = 1500
	}
	seen := map[policy.Decision]int{}
	for seed := range uint64(rounds) {
		seen[checkProperties(t, generator{rand.New(rand.NewPCG(seed, 1))})]++
	}
	// All outcomes must come up, or the comparison proves little.
	if len(seen) != 11 {
		t.Errorf("%d different decisions in %d rounds: %v", len(seen), rounds, seen)
	}
	t.Log(seen)
}
