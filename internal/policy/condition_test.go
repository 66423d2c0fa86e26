package policy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"furl/internal/policy"
)

// one and many write request values; missing is a request without the key.
func one(v string) *policy.Value     { x := policy.One(v); return &x }
func many(v ...string) *policy.Value { x := policy.Many(v...); return &x }
func missing() *policy.Value         { return nil }
func conditionHolds(t *testing.T, version, condition string, ctx policy.ContextMap) bool {
	t.Helper()
	doc := fmt.Sprintf(`{"Version":%q,"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":%s}}`, version, condition)
	in := policy.Input{Request: request(user("bob")), Identity: []policy.Source{{Policy: parse(t, policy.Identity, doc)}}}
	in.Request.Context = ctx
	return policy.Decide(in).Allowed
}

// operatorCase asks one operator with one key; a nil request value is a request without the key.
type operatorCase struct {
	operator string
	policy   any // a value or a list of values
	request  *policy.Value
	want     bool
}

const yes, no = true, false

func testOperators(t *testing.T, cases []operatorCase) {
	t.Helper()
	for _, c := range cases {
		values, _ := json.Marshal(c.policy)
		t.Run(fmt.Sprintf("%s %s %v", c.operator, values, c.request), func(t *testing.T) {
			ctx := policy.ContextMap{}
			if c.request != nil {
				ctx.Set("Test:Key", *c.request)
			}
			condition := fmt.Sprintf(`{%q:{"tEst:kEY":%s}}`, c.operator, values)
			if got := conditionHolds(t, "2012-10-17", condition, ctx); got != c.want {
				t.Errorf("holds = %v, want %v", got, c.want)
			}
		})
	}
}

func TestStringsInConditions(t *testing.T) {
	testOperators(t, []operatorCase{
		{"StringEquals", "a", one("a"), yes},
		{"StringEquals", "a", one("A"), no},
		{"StringEquals", "a*", one("ab"), no},
		{"StringEquals", "a*", one("a*"), yes},
		{"StringEquals", []string{"a", "b"}, one("b"), yes},
		{"StringEquals", []string{"a", "b"}, one("c"), no},
		{"StringEquals", []string{}, one("c"), no},
		{"StringEquals", "", one(""), yes},
		{"StringEquals", "a", missing(), no},
		{"StringEquals", "a", many(), no},
		{"StringEquals", "a", many("a"), no},
		{"StringEqualsIfExists", "a", missing(), yes},
		{"StringEqualsIfExists", "a", many(), yes},
		{"StringEqualsIfExists", "a", one("b"), no},
		{"StringEqualsIfExists", "a", one("a"), yes},
		{"StringEqualsIfExists", "a", many("a"), no},
		{"stringEQUALS", "a", one("a"), yes},
		{"StringNotEquals", "a", one("b"), yes},
		{"StringNotEquals", "a", one("a"), no},
		{"StringNotEquals", []string{"a", "b"}, one("b"), no},
		{"StringNotEquals", []string{"a", "b"}, one("c"), yes},
		{"StringNotEquals", []string{}, one("c"), yes},
		{"StringNotEquals", "a", missing(), yes},
		{"StringNotEquals", "a", many("b"), no},
		{"StringNotEqualsIfExists", "a", missing(), yes},
		{"StringNotEqualsIfExists", "a", one("a"), no},
		{"StringEqualsIgnoreCase", "Ab", one("aB"), yes},
		{"StringEqualsIgnoreCase", "É", one("é"), yes},
		{"StringEqualsIgnoreCase", "a", one("b"), no},
		{"StringNotEqualsIgnoreCase", "Ab", one("aB"), no},
		{"StringNotEqualsIgnoreCase", "a", one("b"), yes},
		{"StringLike", "a*c", one("abbc"), yes},
		{"StringLike", "a*c", one("ac"), yes},
		{"StringLike", "a*c", one("acd"), no},
		{"StringLike", "a?c", one("abc"), yes},
		{"StringLike", "a?c", one("ac"), no},
		{"StringLike", "a?c", one("aéc"), yes},
		{"StringLike", "a??c", one("aéc"), no},
		{"StringLike", "*??xy", one("€xy"), no},
		{"StringLike", "*", one(""), yes},
		{"StringLike", "?", one(""), no},
		{"StringLike", "**", one("x"), yes},
		{"StringLike", "*a*b*", one("xxaxxbxx"), yes},
		{"StringLike", "*a*b*", one("xxbxxaxx"), no},
		{"StringLike", "abc", one("abc"), yes},
		{"StringLike", "A*", one("ab"), no},
		{"StringLike", "ab", one("abc"), no},
		{"StringNotLike", "a*", one("b"), yes},
		{"StringNotLike", "a*", one("ab"), no},
		{"StringNotLike", "a*", missing(), yes},
	})
}

func TestNumbersInConditions(t *testing.T) {
	testOperators(t, []operatorCase{
		{"NumericEquals", "10", one("10"), yes},
		{"NumericEquals", "10", one("10.0"), yes},
		{"NumericEquals", 10, one("1e1"), yes},
		{"NumericEquals", "9007199254740993", one("9007199254740992"), no},
		{"NumericEquals", "10", one("ten"), no},
		{"NumericEquals", "ten", one("10"), no},
		{"NumericEquals", "0x10", one("16"), no},
		{"NumericEquals", "Inf", one("Inf"), no},
		{"NumericNotEquals", "10", one("11"), yes},
		{"NumericNotEquals", "10", one("10"), no},
		{"NumericNotEquals", "10", one("ten"), yes},
		{"NumericLessThan", "10", one("9.99"), yes},
		{"NumericLessThan", "10", one("10"), no},
		{"NumericLessThanEquals", "10", one("10"), yes},
		{"NumericLessThanEquals", "10", one("11"), no},
		{"NumericGreaterThan", "10", one("11"), yes},
		{"NumericGreaterThan", "-10", one("-10"), no},
		{"NumericGreaterThanEquals", "10", one("10"), yes},
		{"NumericGreaterThanEquals", "10", one("9"), no},
		{"NumericLessThan", []string{"5", "10"}, one("7"), yes},
		{"NumericLessThanIfExists", "10", missing(), yes},
		{"NumericLessThan", "10", missing(), no},
		{"NumericNotEquals", "10", missing(), yes},
	})
}

func TestDatesInConditions(t *testing.T) {
	testOperators(t, []operatorCase{
		{"DateEquals", "2020-01-01T00:00:00Z", one("2020-01-01T00:00:00Z"), yes},
		{"DateEquals", "2020-01-01T00:00:00Z", one("1577836800"), yes},
		{"DateEquals", 1577836800, one("2020-01-01T01:00:00+01:00"), yes},
		{"DateEquals", "2020-01-01", one("2019-12-31T16:00:00-08:00"), yes},
		{"DateEquals", "2020-01", one("2020-01-01T00:00Z"), yes},
		{"DateEquals", "2020T", one("2020-01-01T00Z"), yes},
		{"DateEquals", "2020-01-01T00:00:00.5Z", one("2020-01-01T00:00:00.500Z"), yes},
		{"DateEquals", "2020-01-01T00:00:00Z", one("yesterday"), no},
		{"DateNotEquals", "2020-01-01T00:00:00Z", one("2020-01-01T00:00:01Z"), yes},
		{"DateNotEquals", "2020-01-01T00:00:00Z", one("2020-01-01T00:00:00Z"), no},
		{"DateNotEquals", "2020-01-01T00:00:00Z", missing(), yes},
		{"DateLessThan", "2020-01-01T00:00:00Z", one("2019-12-31T23:59:59Z"), yes},
		{"DateLessThan", "2020-01-01T00:00:00Z", one("2020-01-01T00:00:00Z"), no},
		{"DateLessThanEquals", "2020-01-01T00:00:00Z", one("2020-01-01T00:00:00Z"), yes},
		{"DateLessThanEquals", "2020-01-01T00:00:00Z", one("2020-01-01T00:00:00.1Z"), no},
		{"DateGreaterThan", "2020-01-01T00:00:00Z", one("2020-01-01T00:00:01Z"), yes},
		{"DateGreaterThan", "2020-01-01T00:00:00Z", one("2020-01-01T00:00:00Z"), no},
		{"DateGreaterThanEquals", "2020-01-01T00:00:00Z", one("2020-01-01T00:00:00Z"), yes},
		{"DateGreaterThanEquals", "-0001", one("0"), yes},
		{"DateLessThan", "2020-01-01T00:00:00Z", missing(), no},
	})
}

func TestBooleansInConditions(t *testing.T) {
	testOperators(t, []operatorCase{
		{"Bool", "true", one("true"), yes},
		{"Bool", true, one("TRUE"), yes},
		{"Bool", "False", one("false"), yes},
		{"Bool", "false", one("true"), no},
		{"Bool", "true", one("1"), no},
		{"Bool", "1", one("1"), no},
		{"Bool", []string{"true", "false"}, one("false"), yes},
		{"Bool", "false", missing(), no},
		{"BoolIfExists", "false", missing(), yes},
		{"BoolIfExists", "false", one("true"), no},
	})
}

func TestBinariesInConditions(t *testing.T) {
	testOperators(t, []operatorCase{
		{"BinaryEquals", "QmluYXJ5", one("QmluYXJ5"), yes},
		{"BinaryEquals", "QmluYXJ5", one("QmluYXJ6"), no},
		{"BinaryEquals", "QmluYXJ5", one("not base64!"), no},
		{"BinaryEquals", "not base64!", one("not base64!"), no},
	})
}

func TestAddressesInConditions(t *testing.T) {
	testOperators(t, []operatorCase{
		{"IpAddress", "203.0.113.0/24", one("203.0.113.77"), yes},
		{"IpAddress", "203.0.113.7/24", one("203.0.113.77"), yes},
		{"IpAddress", "203.0.113.0/24", one("203.0.114.1"), no},
		{"IpAddress", "203.0.113.7", one("203.0.113.7"), yes},
		{"IpAddress", "203.0.113.7", one("203.0.113.8"), no},
		{"IpAddress", "203.0.113.0/24", one("::ffff:203.0.113.7"), yes},
		{"IpAddress", "::ffff:203.0.113.0/120", one("203.0.113.7"), yes},
		{"IpAddress", "::ffff:203.0.113.7", one("203.0.113.7"), yes},
		{"IpAddress", "2001:db8::/32", one("2001:DB8::1"), yes},
		{"IpAddress", "2001:db8::/32", one("fe80::1%eth0"), no},
		{"IpAddress", "fe80::/10", one("fe80::1%eth0"), yes},
		{"IpAddress", "2001:db8::1", one("2001:db8::1"), yes},
		{"IpAddress", "2001:db8::1", one("2001:db8::2"), no},
		{"IpAddress", []string{"10.0.0.0/8", "2001:db8::/32"}, one("10.9.8.7"), yes},
		{"IpAddress", "0.0.0.0/0", one("1.2.3.4"), yes},
		{"IpAddress", "0.0.0.0/0", one("::1"), no},
		{"IpAddress", "garbage", one("1.2.3.4"), no},
		{"IpAddress", "fe80::1%eth0", one("fe80::1"), no},
		{"IpAddress", "10.0.0.0/33", one("10.0.0.1"), no},
		{"IpAddress", "10.0.0.0/8", one("garbage"), no},
		{"IpAddress", "10.0.0.0/8", missing(), no},
		{"NotIpAddress", "10.0.0.0/8", one("10.1.1.1"), no},
		{"NotIpAddress", "10.0.0.0/8", one("11.1.1.1"), yes},
		{"NotIpAddress", []string{"10.0.0.0/8", "garbage"}, one("11.1.1.1"), yes},
		{"NotIpAddress", []string{"10.0.0.0/8", "11.0.0.0/8"}, one("11.1.1.1"), no},
		{"NotIpAddress", "10.0.0.0/8", missing(), yes},
	})
}

func TestARNsInConditions(t *testing.T) {
	testOperators(t, []operatorCase{
		{"ArnEquals", "arn:aws:s3:::bucket", one("arn:aws:s3:::bucket"), yes},
		{"ArnEquals", "arn:aws:s3:::buck*", one("arn:aws:s3:::bucket"), yes},
		{"ArnLike", "arn:aws:sns:*:111122223333:t?pic", one("arn:aws:sns:eu-west-1:111122223333:topic"), yes},
		{"ArnLike", "arn:aws:sns:*:topic", one("arn:aws:sns:eu-west-1:111122223333:topic"), no},
		{"ArnLike", "arn:*:topic", one("arn:aws:sns:eu-west-1:111122223333:topic"), no},
		{"ArnLike", "*", one("arn:aws:sns:eu-west-1:111122223333:topic"), no},
		{"ArnLike", "arn:aws:sns:*:*:*", one("arn:aws:sns:eu-west-1:111122223333:a:b:c"), yes},
		{"ArnLike", "arn:aws:sns:*:*:*", one("not an arn"), no},
		{"ArnLike", "arn:aws:sns:*:*:*", one("arn:aws:SNS:eu-west-1:111122223333:a"), no},
		{"ArnLike", "arn:aws:iam::*:role/*", one("arn:aws:iam::111122223333:role/a/b"), yes},
		{"ArnNotEquals", "arn:aws:s3:::bucket", one("arn:aws:s3:::bucket"), no},
		{"ArnNotEquals", "arn:aws:s3:::bucket", one("arn:aws:s3:::other"), yes},
		{"ArnNotLike", "arn:aws:s3:::b*", one("arn:aws:s3:::bucket"), no},
		{"ArnNotLike", "arn:aws:s3:::b*", one("lambda.amazonaws.com"), yes},
		{"ArnNotLike", "arn:aws:s3:::b*", missing(), yes},
	})
}

func TestNullInConditions(t *testing.T) {
	testOperators(t, []operatorCase{
		{"Null", "true", missing(), yes},
		{"Null", "true", many(), yes},
		{"Null", "true", one(""), no},
		{"Null", true, one("x"), no},
		{"Null", "false", one("x"), yes},
		{"Null", "False", missing(), no},
		{"Null", []string{"true", "false"}, missing(), yes},
		{"Null", "maybe", missing(), no},
		{"ForAnyValue:Null", "false", many("x"), yes},
		{"ForAllValues:Null", "true", missing(), yes},
	})
}

func TestSetsInConditions(t *testing.T) {
	testOperators(t, []operatorCase{
		{"ForAllValues:StringEquals", []string{"a", "b"}, many("a", "b"), yes},
		{"ForAllValues:StringEquals", []string{"a", "b"}, many("a", "c"), no},
		{"ForAllValues:StringEquals", []string{"a", "b"}, many("b"), yes},
		{"ForAllValues:StringEquals", []string{}, many("b"), no},
		{"ForAllValues:StringEquals", "a", missing(), yes},
		{"ForAllValues:StringEquals", "a", many(), yes},
		{"ForAllValues:StringEquals", "a", many(""), yes},
		{"ForAllValues:StringEquals", "a", many("a", ""), no},
		{"ForAllValues:StringEquals", "a", one("a"), yes},
		{"ForAllValues:StringEquals", "a", one("b"), no},
		{"ForAllValues:StringNotEquals", "a", many("b", "c"), yes},
		{"ForAllValues:StringNotEquals", "a", many("a", "c"), no},
		{"ForAllValues:StringNotEquals", "a", missing(), yes},
		{"ForAnyValue:StringEquals", []string{"a", "b"}, many("x", "b"), yes},
		{"ForAnyValue:StringEquals", []string{"a", "b"}, many("x", "y"), no},
		{"ForAnyValue:StringEquals", "a", missing(), no},
		{"ForAnyValue:StringEquals", "a", many(), no},
		{"ForAnyValue:StringEquals", "", many(""), no},
		{"ForAnyValue:StringEqualsIfExists", "a", missing(), no},
		{"ForAnyValue:StringEquals", "a", one("a"), yes},
		{"ForAnyValue:StringNotEquals", "a", many("a", "b"), yes},
		{"ForAnyValue:StringNotEquals", "a", many("a"), no},
		{"ForAnyValue:StringNotEquals", "a", missing(), no},
		{"ForAnyValue:StringLike", "a*", many("b", "ab"), yes},
		{"foranyvalue:stringlike", "a*", many("b", "ab"), yes},
	})
}

func TestConditionsAreANDed(t *testing.T) {
	ctx := policy.ContextMap{"a": policy.One("1"), "b": policy.One("2")}
	for condition, want := range map[string]bool{
		`{}`:                                 true,
		`{"x":{}}`:                           true,
		`{"StringEquals":{"a":"1","b":"2"}}`: true,
		`{"StringEquals":{"a":"1","b":"x"}}`: false,
		`{"StringEquals":{"a":"1"},"StringLike":{"b":"?"}}`:   true,
		`{"StringEquals":{"a":"x"},"StringLike":{"b":"?"}}`:   false,
		`{"StringEquals":{"a":"1"},"stringequals":{"A":"2"}}`: false,
	} {
		if got := conditionHolds(t, "2012-10-17", condition, ctx); got != want {
			t.Errorf("%s holds = %v, want %v", condition, got, want)
		}
	}
	if conditionHolds(t, "2012-10-17", `{"StringEquals":{"a":"1"}}`, nil) {
		t.Error("holds without a context")
	}
}

func TestTagKeysIgnoreCase(t *testing.T) {
	ctx := policy.ContextMap{}
	ctx.Set("aws:PrincipalTag/Team", policy.One("Blue"))
	if !conditionHolds(t, "2012-10-17", `{"StringEquals":{"AWS:principaltag/TEAM":"Blue"}}`, ctx) {
		t.Error("the key of a tag ignores letter case")
	}
	if conditionHolds(t, "2012-10-17", `{"StringEquals":{"aws:PrincipalTag/Team":"blue"}}`, ctx) {
		t.Error("the value of a tag does not")
	}
}

func TestVariables(t *testing.T) {
	ctx := policy.ContextMap{
		"aws:username":            policy.One("bob"),
		"aws:principalarn":        policy.One("arn:aws:iam::111122223333:user/bob"),
		"aws:principaltag/a team": policy.One("blue"),
		"star":                    policy.One("*"),
		"broken":                  policy.One("\xff"),
		"list":                    policy.Many("bob"),
		"value":                   policy.One("bob"),
		"glob":                    policy.One("home/bob/x"),
		"literal":                 policy.One("${aws:username}"),
		"odd":                     policy.One("*?$"),
		"dollar":                  policy.One("${x"),
		"arn":                     policy.One("arn:aws:iam::111122223333:user/bob"),
		"bucket":                  policy.One("arn:aws:s3:::bob-data"),
		"empty":                   policy.One(""),
		"upper":                   policy.One("BOB"),
	}
	for _, c := range []struct {
		version, condition string
		want               bool
	}{
		{"2012-10-17", `{"StringEquals":{"value":"${aws:username}"}}`, true},
		{"2012-10-17", `{"StringEquals":{"value":"${AWS:UserName}"}}`, true},
		{"2012-10-17", `{"StringEquals":{"value":"${ aws:username }"}}`, true},
		{"2008-10-17", `{"StringEquals":{"value":"${aws:username}"}}`, false},
		{"2008-10-17", `{"StringEquals":{"literal":"${aws:username}"}}`, true},
		{"2008-10-17", `{"StringLike":{"literal":"${aws:*}"}}`, true},
		{"2012-10-17", `{"StringEquals":{"literal":"${$}{aws:username}"}}`, true},
		{"2012-10-17", `{"StringEquals":{"odd":"${*}${?}${$}"}}`, true},
		{"2012-10-17", `{"StringLike":{"odd":"${*}${?}${$}"}}`, true},
		{"2012-10-17", `{"StringLike":{"value":"${*}"}}`, false},
		{"2012-10-17", `{"StringLike":{"value":"b${?}b"}}`, false},
		{"2012-10-17", `{"StringLike":{"value":"${star}"}}`, false},
		{"2012-10-17", `{"StringLike":{"star":"${star}"}}`, true},
		{"2012-10-17", `{"StringLike":{"value":"${broken}"}}`, false},
		{"2012-10-17", `{"StringNotLike":{"value":"${broken}"}}`, true},
		{"2012-10-17", `{"StringLike":{"glob":"home/${aws:username}/*"}}`, true},
		{"2012-10-17", `{"StringNotLike":{"glob":"home/${aws:username}/*"}}`, false},
		{"2012-10-17", `{"StringEquals":{"value":"${list}"}}`, false},
		{"2012-10-17", `{"StringEquals":{"value":"${list, 'bob'}"}}`, true},
		{"2012-10-17", `{"StringEquals":{"value":"${nobody}"}}`, false},
		{"2012-10-17", `{"StringNotEquals":{"value":"${nobody}"}}`, true},
		{"2012-10-17", `{"StringEquals":{"value":["${nobody}","bob"]}}`, true},
		{"2012-10-17", `{"StringEquals":{"value":"${nobody, 'bob'}"}}`, true},
		{"2012-10-17", `{"StringEquals":{"value":"${nobody,'bob'}"}}`, true},
		{"2012-10-17", `{"StringEquals":{"value":"${aws:username, 'eve'}"}}`, true},
		{"2012-10-17", `{"StringEquals":{"empty":"${nobody, ''}"}}`, true},
		{"2012-10-17", `{"StringEquals":{"x{y}z":"1"}}`, false},
		{"2012-10-17", `{"StringEquals":{"value":"${nobody, 'b}ob'}"}}`, false},
		{"2012-10-17", `{"StringEquals":{"value":"${nobody, bob}"}}`, false},
		{"2012-10-17", `{"StringEquals":{"value":"${nobody,}"}}`, false},
		{"2012-10-17", `{"StringEquals":{"value":"${}"}}`, false},
		{"2012-10-17", `{"StringEquals":{"dollar":"${x"}}`, true},
		{"2012-10-17", `{"StringEqualsIgnoreCase":{"upper":"${aws:username}"}}`, true},
		{"2012-10-17", `{"StringEqualsIgnoreCase":{"upper":"${nobody}"}}`, false},
		{"2012-10-17", `{"StringEquals":{"aws:PrincipalTag/A Team":"blue"}}`, true},
		{"2012-10-17", `{"StringLike":{"glob":"*/${aws:username}/?"}}`, true},
		{"2012-10-17", `{"ArnEquals":{"arn":"${aws:PrincipalArn}"}}`, true},
		{"2012-10-17", `{"ArnLike":{"bucket":"arn:aws:s3:::${aws:username}-*"}}`, true},
		{"2012-10-17", `{"ArnLike":{"bucket":"arn:aws:s3:::${nobody}*"}}`, false},
		{"2012-10-17", `{"ArnNotLike":{"bucket":"arn:aws:s3:::${nobody}*"}}`, true},
		{"2012-10-17", `{"NumericEquals":{"n":"${n}"}}`, false},
	} {
		t.Run(c.version+" "+c.condition, func(t *testing.T) {
			if got := conditionHolds(t, c.version, c.condition, ctx); got != c.want {
				t.Errorf("holds = %v, want %v", got, c.want)
			}
		})
	}
}

// TestWildcardsAreNotExponential would not end with a matcher that tries every way.
func TestWildcardsAreNotExponential(t *testing.T) {
	ctx := policy.ContextMap{"k": policy.One(strings.Repeat("a", 20000))}
	condition := `{"StringLike":{"k":"` + strings.Repeat("a*", 2000) + `b"}}`
	if conditionHolds(t, "2012-10-17", condition, ctx) {
		t.Error("matches")
	}
}

func TestValue(t *testing.T) {
	if v := policy.One("a"); v.Len() != 1 || v.At(0) != "a" || v.Multivalued() {
		t.Errorf("One: %+v", v)
	}
	if v := policy.Many("a", "b"); v.Len() != 2 || v.At(1) != "b" || !v.Multivalued() {
		t.Errorf("Many: %+v", v)
	}
}
