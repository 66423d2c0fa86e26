package awsapi_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"furl/internal/awsapi"
)

func identity(s string) string { return s }

func TestPagesCoverEverythingOnce(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var items []string
		for i := range random.IntN(30) {
			items = append(items, fmt.Sprintf("key-%02d", i))
		}
		size := random.IntN(9) + 1
		var got []string
		p := awsapi.Paging{Operation: "List", Size: 5, MaxItems: new(size), Most: 7}
		for {
			page, next, err := awsapi.Page(items, identity, p)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) > min(size, 7) || next != nil && len(page) != min(size, 7) {
				t.Fatalf("a page of %d, %d asked for", len(page), size)
			}
			got = append(got, page...)
			if next == nil {
				break
			}
			p.Marker = next
		}
		if !slices.Equal(got, items) {
			t.Fatalf("got %v of %v", got, items)
		}
	}
}

func TestPageSizes(t *testing.T) {
	items := []string{"a", "b", "c", "d"}
	tests := []struct {
		p    awsapi.Paging
		want int
	}{
		{awsapi.Paging{}, 4},
		{awsapi.Paging{Size: 2}, 2},
		{awsapi.Paging{Most: 3}, 3},
		{awsapi.Paging{Size: 2, MaxItems: new(3)}, 3},
		{awsapi.Paging{Size: 2, Most: 3, MaxItems: new(9)}, 3},
		{awsapi.Paging{Size: 4, MaxItems: new(4)}, 4},
		{awsapi.Paging{Size: 2, Marker: new("")}, 2},
	}
	for _, test := range tests {
		page, next, err := awsapi.Page(items, identity, test.p)
		if err != nil || len(page) != test.want || (next == nil) != (test.want == 4) {
			t.Errorf("%+v: %v, %v, %v", test.p, page, next, err)
		}
	}
}

func TestMarkerOutlivesItsItem(t *testing.T) {
	_, next, err := awsapi.Page([]string{"a", "b", "c"}, identity, awsapi.Paging{Operation: "List", Size: 2})
	if err != nil {
		t.Fatal(err)
	}
	page, next, err := awsapi.Page([]string{"a", "aa", "c", "d"}, identity, awsapi.Paging{Operation: "List", Size: 2, Marker: next})
	if err != nil || next != nil || !slices.Equal(page, []string{"c", "d"}) {
		t.Errorf("%v, %v, %v", page, next, err)
	}
}

func TestMarkerOfAnother(t *testing.T) {
	_, next, err := awsapi.Page([]string{"a", "b"}, identity, awsapi.Paging{Operation: "ListUsers", Size: 1})
	if err != nil {
		t.Fatal(err)
	}
	tampered := []byte(*next)
	tampered[len(tampered)-1] ^= 1
	for _, p := range []awsapi.Paging{
		{Operation: "ListRoles", Marker: next},
		{Operation: "ListUsers", Marker: new(string(tampered))},
		{Operation: "ListUsers", Marker: new("b")},
		{Operation: "ListUsers", Marker: new("not base64!")},
		{Operation: "ListUsers", Marker: new(*next + "=")},
	} {
		_, _, err := awsapi.Page([]string{"a", "b"}, identity, p)
		var e *awsapi.Error
		if !errors.As(err, &e) || e.Code != "ValidationError" || e.Message != "Invalid Marker." || e.Status != 400 {
			t.Errorf("%s: %v", *p.Marker, err)
		}
	}
}
