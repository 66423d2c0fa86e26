package policy

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

type family uint8

const (
	familyEquals family = iota
	familyEqualsFold
	familyLike
	familyNumeric
	familyDate
	familyBool
	familyBinary
	familyIP
	familyARN
	familyNull
)

// relation is what the request value must be to the policy value.
type relation uint8

const (
	equal relation = iota
	less
	lessOrEqual
	greater
	greaterOrEqual
)

func (r relation) holds(order int) bool {
	switch r {
	case less:
		return order < 0
	case lessOrEqual:
		return order <= 0
	case greater:
		return order > 0
	case greaterOrEqual:
		return order >= 0
	}
	return order == 0
}

// quantifier is a set operator.
type quantifier uint8

const (
	single quantifier = iota
	forAllValues
	forAnyValue
)

// operator is a condition operator taken apart, such as ForAnyValue:StringNotLikeIfExists.
type operator struct {
	family     family
	relation   relation
	negated    bool
	quantifier quantifier
	ifExists   bool
}

// parseOperator reads the name of an operator, letter case aside. Null knows no IfExists.
func parseOperator(name string) (operator, bool) {
	rest, set := strings.ToLower(name), single
	if s, found := strings.CutPrefix(rest, "forallvalues:"); found {
		rest, set = s, forAllValues
	} else if s, found := strings.CutPrefix(rest, "foranyvalue:"); found {
		rest, set = s, forAnyValue
	}
	rest, ifExists := strings.CutSuffix(rest, "ifexists")
	op, ok := plainOperator(rest)
	op.quantifier, op.ifExists = set, ifExists
	return op, ok && !(ifExists && op.family == familyNull)
}

func plainOperator(name string) (operator, bool) {
	switch name {
	case "stringequals":
		return operator{family: familyEquals}, true
	case "stringnotequals":
		return operator{family: familyEquals, negated: true}, true
	case "stringequalsignorecase":
		return operator{family: familyEqualsFold}, true
	case "stringnotequalsignorecase":
		return operator{family: familyEqualsFold, negated: true}, true
	case "stringlike":
		return operator{family: familyLike}, true
	case "stringnotlike":
		return operator{family: familyLike, negated: true}, true
	case "bool":
		return operator{family: familyBool}, true
	case "binaryequals":
		return operator{family: familyBinary}, true
	case "ipaddress":
		return operator{family: familyIP}, true
	case "notipaddress":
		return operator{family: familyIP, negated: true}, true
	case "arnequals", "arnlike":
		return operator{family: familyARN}, true
	case "arnnotequals", "arnnotlike":
		return operator{family: familyARN, negated: true}, true
	case "null":
		return operator{family: familyNull}, true
	}
	if rest, found := strings.CutPrefix(name, "numeric"); found {
		return orderedOperator(familyNumeric, rest)
	}
	if rest, found := strings.CutPrefix(name, "date"); found {
		return orderedOperator(familyDate, rest)
	}
	return operator{}, false
}

func orderedOperator(f family, name string) (operator, bool) {
	switch name {
	case "equals":
		return operator{family: f}, true
	case "notequals":
		return operator{family: f, negated: true}, true
	case "lessthan":
		return operator{family: f, relation: less}, true
	case "lessthanequals":
		return operator{family: f, relation: lessOrEqual}, true
	case "greaterthan":
		return operator{family: f, relation: greater}, true
	case "greaterthanequals":
		return operator{family: f, relation: greaterOrEqual}, true
	}
	return operator{}, false
}

// comparand is a compiled policy value of a condition. What an operator cannot read, in the policy or in the
// request, equals nothing: a positive operator fails on it, a negated one succeeds.
type comparand interface {
	matches(value string, ctx Context) bool
}

// newComparand compiles a policy value for an operator. Variables are for strings and ARNs only; about Bool AWS's
// documentation says both yes and no.
func newComparand(op operator, value string, variables bool) comparand {
	switch op.family {
	case familyEquals:
		return &equals{compilePattern(value, false, variables)}
	case familyEqualsFold:
		return &equalsFold{compilePattern(value, false, variables)}
	case familyLike:
		return &like{compilePattern(value, true, variables)}
	case familyARN:
		return &arnLike{compilePattern(value, true, variables)}
	case familyNumeric:
		if n, ok := parseNumber(value); ok {
			return &numberIs{op.relation, n}
		}
	case familyDate:
		if t, ok := parseDate(value); ok {
			return &dateIs{op.relation, t}
		}
	case familyBool:
		if b, ok := parseBool(value); ok {
			return boolIs(b)
		}
	case familyBinary:
		if b, err := base64.StdEncoding.DecodeString(value); err == nil {
			return binaryIs(b)
		}
	case familyIP:
		if p, ok := parsePrefix(value); ok {
			return &addressIn{p}
		}
	}
	return nothing{}
}

type equals struct{ pattern }

func (e *equals) matches(value string, ctx Context) bool {
	text, ok := e.resolve(ctx)
	return ok && text == value
}

type equalsFold struct{ pattern }

func (e *equalsFold) matches(value string, ctx Context) bool {
	text, ok := e.resolve(ctx)
	return ok && strings.EqualFold(text, value)
}

type like struct{ pattern }

func (l *like) matches(value string, ctx Context) bool { return l.match(value, ctx) }

type arnLike struct{ pattern }

func (a *arnLike) matches(value string, ctx Context) bool { return a.matchARN(value, ctx) }

type numberIs struct {
	relation relation
	number   number
}

func (n *numberIs) matches(value string, _ Context) bool {
	v, ok := parseNumber(value)
	return ok && n.relation.holds(v.compare(n.number))
}

type dateIs struct {
	relation relation
	date     time.Time
}

func (d *dateIs) matches(value string, _ Context) bool {
	v, ok := parseDate(value)
	return ok && d.relation.holds(v.Compare(d.date))
}

type boolIs bool

func (b boolIs) matches(value string, _ Context) bool {
	v, ok := parseBool(value)
	return ok && v == bool(b)
}

type binaryIs []byte

func (b binaryIs) matches(value string, _ Context) bool {
	v, err := base64.StdEncoding.DecodeString(value)
	return err == nil && bytes.Equal(v, b)
}

type addressIn struct{ prefix netip.Prefix }

func (a *addressIn) matches(value string, _ Context) bool {
	v, err := netip.ParseAddr(value)
	return err == nil && a.prefix.Contains(v.Unmap().WithZone(""))
}

// nothing stands for a policy value that its operator cannot read.
type nothing struct{}

func (nothing) matches(string, Context) bool { return false }

func parseBool(s string) (value, ok bool) {
	switch {
	case strings.EqualFold(s, "true"):
		return true, true
	case strings.EqualFold(s, "false"):
		return false, true
	}
	return false, false
}

// parsePrefix reads a CIDR block or a bare address, of IPv4, IPv6 or IPv4 mapped into IPv6.
func parsePrefix(s string) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, false
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}

// number is a decimal number; whole numbers are kept exactly.
type number struct {
	whole   int64
	decimal float64
	isWhole bool
}

func parseNumber(s string) (number, bool) {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return number{whole: i, decimal: float64(i), isWhole: true}, true
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && !strings.ContainsRune("+-.eE", rune(c)) {
			return number{}, false
		}
	}
	f, err := strconv.ParseFloat(s, 64)
	return number{decimal: f}, err == nil
}

func (n number) compare(m number) int {
	if n.isWhole && m.isWhole {
		return cmp.Compare(n.whole, m.whole)
	}
	return cmp.Compare(n.decimal, m.decimal)
}
