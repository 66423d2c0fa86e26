package dataplane_test

import (
	"strings"
	"testing"

	"furl/internal/dataplane"
)

const id = "2cxn22odiwguak4feg4jtt7cwm0ziblr"

func TestSplitHost(t *testing.T) {
	for _, c := range []struct {
		host, id string
		urlHost  bool
	}{
		{id + ".lambda-url.us-east-1.localhost", id, true},
		{id + ".lambda-url.us-east-1.localhost:4566", id, true},
		{id + ".lambda-url.us-east-1.localhost.", id, true},
		{strings.ToUpper(id) + ".Lambda-URL.US-EAST-1.LocalHost:80", id, true},
		{id + ".lambda-url.eu-west-1.localhost", "", true},
		{id + ".lambda-url.us-east-1.on.aws", "", true},
		{id + ".lambda-url.us-east-1.localhost.evil.example", "", true},
		{id + ".lambda-url.us-east-1", "", true},
		{id + ".lambda-url", "", true},
		{"x.lambda-url.us-east-1.localhost", "x", true}, // chosen by a user
		{"Orders2.lambda-url.us-east-1.localhost:4566", "orders2", true},
		{".lambda-url.us-east-1.localhost", "", true},
		{"x" + id + ".lambda-url.us-east-1.localhost", "", true},
		{strings.Replace(id, "2", "-", 1) + ".lambda-url.us-east-1.localhost", "", true},
		{strings.Repeat("\u212a", 10) + "ab.lambda-url.us-east-1.localhost", "", true}, // kelvin signs fold to k
		{"a." + id + ".lambda-url.us-east-1.localhost", "", false},
		{"lambda-url.us-east-1.localhost", "", false},
		{"localhost:4566", "", false},
		{"127.0.0.1:4566", "", false},
		{"[::1]:4566", "", false},
		{"[::1]", "", false},
		{"", "", false},
		{".", "", false},
		{":", "", false},
	} {
		got, urlHost := dataplane.SplitHost(c.host, "us-east-1", "localhost")
		if got != c.id || urlHost != c.urlHost {
			t.Errorf("SplitHost(%q) = %q, %v; want %q, %v", c.host, got, urlHost, c.id, c.urlHost)
		}
	}
}

func FuzzSplitHost(f *testing.F) {
	for _, host := range []string{id + ".lambda-url.us-east-1.localhost:4566", "localhost", "[::1]:80", "a.lambda-url.", "..:"} {
		f.Add(host)
	}
	f.Fuzz(func(t *testing.T, host string) {
		got, urlHost := dataplane.SplitHost(host, "us-east-1", "localhost")
		if got == "" {
			return
		}
		if !urlHost || len(got) > 32 || got != strings.ToLower(got) {
			t.Fatalf("SplitHost(%q) = %q, %v", host, got, urlHost)
		}
		// An id is taken from the first label only, and nothing else may vary.
		want := got + ".lambda-url.us-east-1.localhost"
		name, _, _ := strings.Cut(strings.ToLower(host), ":")
		if strings.TrimSuffix(name, ".") != want {
			t.Fatalf("SplitHost(%q) gave an id", host)
		}
	})
}
