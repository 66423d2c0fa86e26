package egress

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	maxQueries = 64  // that a sandbox has under way
	maxWaiting = 256 // that wait for one of these to end, beyond which they fail
	maxQuery   = 4096
	queryTime  = 15 * time.Second // for an answer, all attempts together
	ownTTL     = 60               // seconds, of answers that are not forwarded
)

// question is a question to DNS, as a message that asks nothing else.
type question struct {
	id      uint16
	recurse bool
	asked   dnsmessage.Question
	name    string // in lower case, without the dot at its end
}

// Resolve answers one DNS message. furl's own names, HostName and the names of
// the host's /etc/hosts it answers itself; the rest it forwards as it came to
// the host's name servers. With the preset None it refuses names that no rule
// names. The answer is as long as it is: who asked over UDP may have to be told
// to ask again over TCP. What is not a question has no answer.
func (n *Network) Resolve(ctx context.Context, query []byte) []byte {
	ctx, leave, ok := n.gateway.enter(ctx)
	if !ok {
		return nil
	}
	defer leave()
	n.function.queries.Add(1)
	q, failure := parseQuery(query)
	if failure != nil || q == nil {
		return failure
	}
	opts := &n.gateway.opts
	switch {
	case q.name == HostName:
		return q.addresses([]netip.Addr{HostAddr()})
	case opts.Names(q.name):
		return q.addresses([]netip.Addr{GatewayAddr()})
	}
	rules := n.naming(q.name)
	if opts.Policy.Preset == None && len(rules) == 0 {
		n.complain("a name was not resolved for a function", slog.String("name", q.name),
			verdict{reason: "no rule names it", hint: "--egress-allow " + q.name + " allows it"})
		return q.reply(dnsmessage.RCodeRefused, nil)
	}
	answer := n.answer(ctx, query, q)
	if len(rules) > 0 {
		n.open(rules, q, answer)
	}
	return answer
}

// answer finds the answer to a question that is allowed.
func (n *Network) answer(ctx context.Context, query []byte, q *question) []byte {
	if known := n.gateway.hosts.get()[q.name]; known != nil && (q.asked.Type == dnsmessage.TypeA || q.asked.Type == dnsmessage.TypeAAAA) {
		return q.addresses(known)
	}
	ctx, cancel := context.WithTimeout(ctx, queryTime)
	defer cancel()
	if !n.acquire(ctx) {
		return q.reply(dnsmessage.RCodeServerFailure, nil)
	}
	defer func() { <-n.slots }()
	answer, err := n.gateway.resolve.forward(ctx, query, q)
	if err != nil {
		n.gateway.logger.Debug("a name could not be resolved for a function", "function", n.function.name, "name", q.name, "err", err)
		return q.reply(dnsmessage.RCodeServerFailure, nil)
	}
	return answer
}

// acquire takes a slot, waiting for one unless many wait already.
func (n *Network) acquire(ctx context.Context) bool {
	defer n.waiting.Add(-1)
	if n.waiting.Add(1) > maxWaiting {
		return false
	}
	select {
	case n.slots <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// naming are the rules that name a name.
func (n *Network) naming(name string) []Rule {
	var found []Rule
	for _, r := range n.function.rules {
		if r.names(name) {
			found = append(found, r)
		}
	}
	return found
}

// open opens to the sandbox the addresses that an answer gives for a name that
// rules name. Those that functions never reach stay closed: judge sees to it.
func (n *Network) open(rules []Rule, q *question, answer []byte) {
	now := time.Now()
	for _, found := range addressesOf(q, answer) {
		for _, r := range rules {
			n.grants.add(found.addr, r.ports, found.ttl, now)
		}
	}
}

// parseQuery reads a message that asks one question. Of others it returns what
// to answer, which is nothing when they are no questions at all.
func parseQuery(query []byte) (q *question, failure []byte) {
	var p dnsmessage.Parser
	h, err := p.Start(query)
	if err != nil || h.Response {
		return nil, nil
	}
	q = &question{id: h.ID, recurse: h.RecursionDesired}
	if h.OpCode != 0 {
		return nil, q.bare(dnsmessage.RCodeNotImplemented)
	}
	asked, err := p.Question()
	if err != nil || len(query) > maxQuery || !inPlace(query) {
		return nil, q.bare(dnsmessage.RCodeFormatError)
	}
	if p.SkipQuestion() != dnsmessage.ErrSectionDone || p.SkipAllAnswers() != nil || p.SkipAllAuthorities() != nil || p.SkipAllAdditionals() != nil {
		return nil, q.bare(dnsmessage.RCodeFormatError)
	}
	q.asked, q.name = asked, plainName(asked.Name)
	if asked.Class != dnsmessage.ClassINET || asked.Type == dnsmessage.TypeAXFR || asked.Type == typeIXFR {
		return nil, q.reply(dnsmessage.RCodeRefused, nil)
	}
	return q, nil
}

// inPlace says whether the name of a question, which was read, stands there as a
// whole. A name may go on elsewhere in the message (RFC 1035, section 4.1.4):
// were that in the ID, the name server would read another name than was judged,
// since it gets another ID.
func inPlace(query []byte) bool {
	const header = 12
	for at := header; query[at] != 0; at += 1 + int(query[at]) {
		if query[at] > 63 { // the name goes on elsewhere
			return false
		}
	}
	return true
}

// typeIXFR asks for what changed in a zone (RFC 1995).
const typeIXFR dnsmessage.Type = 251

// plainName is a name in lower case without the dot at its end.
func plainName(n dnsmessage.Name) string {
	s := lower(n.String())
	if len(s) > 0 {
		s = s[:len(s)-1]
	}
	return s
}

// addresses answers with those of the addresses that the question is about: A
// and AAAA have them, other types nothing.
func (q *question) addresses(all []netip.Addr) []byte {
	var answers []dnsmessage.Resource
	for _, a := range all {
		var body dnsmessage.ResourceBody
		switch {
		case q.asked.Type == dnsmessage.TypeA && a.Is4():
			body = &dnsmessage.AResource{A: a.As4()}
		case q.asked.Type == dnsmessage.TypeAAAA && a.Is6():
			body = &dnsmessage.AAAAResource{AAAA: a.As16()}
		default:
			continue
		}
		h := dnsmessage.ResourceHeader{Name: q.asked.Name, Class: dnsmessage.ClassINET, TTL: ownTTL}
		answers = append(answers, dnsmessage.Resource{Header: h, Body: body})
	}
	return q.reply(dnsmessage.RCodeSuccess, answers)
}

// reply is an answer that repeats the question.
func (q *question) reply(code dnsmessage.RCode, answers []dnsmessage.Resource) []byte {
	m := dnsmessage.Message{Header: q.header(code), Questions: []dnsmessage.Question{q.asked}, Answers: answers}
	packed, err := m.Pack()
	if err != nil { // a name that can be read and not be written
		return q.bare(dnsmessage.RCodeFormatError)
	}
	return packed
}

// bare is an answer to a question that could not be read.
func (q *question) bare(code dnsmessage.RCode) []byte {
	m := dnsmessage.Message{Header: q.header(code)}
	packed, err := m.Pack()
	if err != nil {
		return nil
	}
	return packed
}

func (q *question) header(code dnsmessage.RCode) dnsmessage.Header {
	return dnsmessage.Header{ID: q.id, Response: true, RecursionDesired: q.recurse, RecursionAvailable: true, RCode: code}
}
