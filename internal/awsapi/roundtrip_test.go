package awsapi_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"furl/internal/awsapi"
)

// filler makes random values that the wire can carry.
type filler struct {
	rand *rand.Rand
	xml  bool
}

// value fills v.
func (f *filler) value(v reflect.Value, tag string) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.UnixMilli(f.rand.Int64N(4e12)).UTC()))
		return
	case []byte:
		v.SetBytes([]byte(f.text(1, "") + "\x00\xff"))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(f.text(f.rand.IntN(9)+least(tag), tag))
	case reflect.Int:
		v.SetInt(int64(int32(f.rand.Uint32())))
	case reflect.Int64:
		v.SetInt(int64(f.rand.Uint64()))
	case reflect.Float64:
		v.SetFloat(f.rand.NormFloat64())
	case reflect.Bool:
		v.SetBool(f.rand.IntN(2) == 0)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 0, 3))
		for range f.rand.IntN(4) + least(tag) {
			element := reflect.New(v.Type().Elem()).Elem()
			f.value(element, tag)
			v.Set(reflect.Append(v, element))
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range f.rand.IntN(4) {
			key, element := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			f.value(key, "")
			f.value(element, "")
			v.SetMapIndex(key, element)
		}
	case reflect.Struct:
		f.structure(v)
	default:
		panic(fmt.Sprintf("cannot fill %s", v.Type()))
	}
}

// least is 1 where an empty value is no value: in labels, and lists in the query string.
func least(tag string) int {
	if strings.Contains(tag, "uri=") || strings.Contains(tag, "query=") {
		return 1
	}
	return 0
}

// structure fills the fields of a structure; half of the optional ones stay absent. The first is always there where
// forms are, which have no empty structures.
func (f *filler) structure(v reflect.Value) {
	for i := range v.NumField() {
		field, tag := v.Field(i), v.Type().Field(i).Tag.Get("aws")
		required := strings.Contains(tag, "required")
		switch {
		case tag == "status":
			field.Set(reflect.ValueOf(new([]int{200, 202}[f.rand.IntN(2)])))
		case !required && f.rand.IntN(2) == 0 && !(f.xml && i == 0):
		case field.Kind() == reflect.Pointer:
			field.Set(reflect.New(field.Type().Elem()))
			f.value(field.Elem(), tag)
		default:
			f.value(field, tag)
		}
	}
}

// text makes a string of a length; headers get what they can carry.
func (f *filler) text(length int, tag string) string {
	alphabet := []rune("ab:/?#%&=+ .\"'<>\\\n\t\réß世😀\u2028\u00a0")
	if strings.Contains(tag, "header=") {
		alphabet = []rune("ab:/?%=;,\"")
	} else if !f.xml {
		alphabet = append(alphabet, 0, 1, 0x7f)
	}
	var b strings.Builder
	for range length {
		b.WriteRune(alphabet[f.rand.IntN(len(alphabet))])
	}
	return b.String()
}

// roundTrip sends random inputs of every operation from a client to a server and random outputs back, and compares. The
// service's constraints are set aside, since random values do not meet them.
func roundTrip(t *testing.T, s awsapi.Service, rounds int) {
	s.Constraints = nil
	s.Operations = slices.DeleteFunc(s.Operations, awsapi.Operation.Streams) // which have tests of their own
	f := &filler{rand: rand.New(rand.NewPCG(1, 2)), xml: s.Protocol == awsapi.Query}
	var received, answer any
	for i, op := range s.Operations {
		s.Operations[i] = op.Answering(func(_ context.Context, in any) (any, error) {
			received = in
			return answer, nil
		})
	}
	server := newServer(t, awsapi.Hooks{}, s)
	client := newClient(t, s, server)
	for _, op := range s.Operations {
		in, out := op.Types()
		for range rounds {
			sent := reflect.New(in)
			f.value(sent.Elem(), "")
			received, answer = nil, nil
			if out != nil {
				v := reflect.New(out)
				f.value(v.Elem(), "")
				answer = v.Interface()
			}
			got, err := client.Do(t.Context(), op.Name, sent.Interface())
			if err != nil {
				t.Fatalf("%s: %v\n%#v", op.Name, err, sent.Interface())
			}
			if !reflect.DeepEqual(received, sent.Interface()) {
				t.Fatalf("%s: the server got\n%#v, the client sent\n%#v", op.Name, received, sent.Interface())
			}
			if !reflect.DeepEqual(got, answer) {
				t.Fatalf("%s: the client got\n%#v, the server answered\n%#v", op.Name, got, answer)
			}
		}
	}
}

func TestRoundTripOfToys(t *testing.T) {
	for _, s := range []awsapi.Service{restToy(toy{}), queryToy(toy{})} {
		t.Run(s.Name, func(t *testing.T) { roundTrip(t, s, 300) })
	}
}
