package awsapi

import (
	"encoding/base64"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// setText reads a scalar from its textual form: a label, a parameter, a header or an XML element.
func setText(p *plan, v reflect.Value, text string) error {
	switch p.kind {
	case stringKind:
		v.SetString(text)
	case intKind, longKind:
		n, err := strconv.ParseInt(text, 10, p.bits())
		if err != nil {
			return wrongType("STRING_VALUE", p)
		}
		v.SetInt(n)
	case floatKind:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return wrongType("STRING_VALUE", p)
		}
		v.SetFloat(f)
	case boolKind:
		switch {
		case strings.EqualFold(text, "true"):
			v.SetBool(true)
		case strings.EqualFold(text, "false"):
			v.SetBool(false)
		default:
			return wrongType("STRING_VALUE", p)
		}
	case blobKind:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return wrongType("STRING_VALUE", p)
		}
		v.SetBytes(b)
	case timeKind:
		t, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return wrongType("STRING_VALUE", p)
		}
		v.Set(reflect.ValueOf(t.UTC()))
	default:
		return wrongType("STRING_VALUE", p)
	}
	return nil
}

// text returns a scalar's textual form. Times are UTC with seconds, and a fraction if there is one.
func text(p *plan, v reflect.Value) string {
	switch p.kind {
	case stringKind:
		return v.String()
	case intKind, longKind:
		return strconv.FormatInt(v.Int(), 10)
	case floatKind:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	case boolKind:
		return strconv.FormatBool(v.Bool())
	case blobKind:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	case timeKind:
		return v.Interface().(time.Time).UTC().Format("2006-01-02T15:04:05.999Z")
	}
	return ""
}

// bits is the size of an integer on the wire.
func (p *plan) bits() int {
	if p.kind == intKind {
		return 32
	}
	return 64
}

// typeWords are the kinds as AWS's messages call them.
var typeWords = [...]string{
	stringKind: "a String", intKind: "an Integer", longKind: "a Long", floatKind: "a Double", boolKind: "a Boolean",
	blobKind: "a Blob", timeKind: "a Timestamp", listKind: "a List", mapKind: "a Map", structKind: "a Structure",
}

// wrongType is the error of a value whose token cannot become what the plan wants:
// STRING_VALUE can not be converted to an Integer.
func wrongType(token string, p *plan) *Error {
	return SerializationException("%s can not be converted to %s", token, typeWords[p.kind])
}
