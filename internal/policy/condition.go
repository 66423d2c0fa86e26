package policy

// condition is one operator over one key with its policy values. All conditions of a statement must hold.
type condition struct {
	op operator
	// opName and name are the operator and the key as written, key is the key in lower case.
	opName, name, key string
	texts             []string
	values            []comparand
	// wantsMissing and wantsPresent are what a Null test asks for.
	wantsMissing, wantsPresent bool
}

// outcome says how a test came out, and why when it failed without a comparison.
type outcome uint8

const (
	holds outcome = iota
	fails
	// failsMissing: the request does not have the key.
	failsMissing
	// failsMultivalued: the key is multivalued and the operator has no ForAllValues or ForAnyValue.
	failsMultivalued
)

// test evaluates the condition. A missing key fails positive operators and satisfies negated ones, IfExists and
// ForAllValues; ForAnyValue fails on it even with IfExists (seen on AWS). A multivalued key without a set operator
// always fails.
func (c *condition) test(ctx Context) outcome {
	v, ok := lookup(ctx, c.key)
	missing := !ok || v.Len() == 0
	switch {
	case c.op.family == familyNull:
		return verdictOf(missing && c.wantsMissing || !missing && c.wantsPresent)
	case c.op.quantifier == forAllValues:
		return verdictOf(missing || isNullSet(v) || c.all(v, ctx))
	case c.op.quantifier == forAnyValue && (missing || isNullSet(v)):
		return failsMissing
	case c.op.quantifier == forAnyValue:
		return verdictOf(c.any(v, ctx))
	case missing && (c.op.negated || c.op.ifExists):
		return holds
	case missing:
		return failsMissing
	case v.multi:
		return failsMultivalued
	}
	return verdictOf(c.compare(v.At(0), ctx))
}

func verdictOf(ok bool) outcome {
	if ok {
		return holds
	}
	return fails
}

// isNullSet reports what AWS calls a null data set, such as an empty string: to set operators it is a missing key.
func isNullSet(v Value) bool { return v.Len() == 1 && v.At(0) == "" }

// compare tests one request value: it must fit one of the policy values or, negated, none of them.
func (c *condition) compare(value string, ctx Context) bool {
	for _, want := range c.values {
		if want.matches(value, ctx) {
			return !c.op.negated
		}
	}
	return c.op.negated
}

func (c *condition) all(v Value, ctx Context) bool {
	for i := range v.Len() {
		if !c.compare(v.At(i), ctx) {
			return false
		}
	}
	return true
}

func (c *condition) any(v Value, ctx Context) bool {
	for i := range v.Len() {
		if c.compare(v.At(i), ctx) {
			return true
		}
	}
	return false
}
