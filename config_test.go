package furl_test

import (
	"strings"
	"testing"

	"furl"
)

// TestStandards: what others than this machine can reach isolates its functions.
func TestStandards(t *testing.T) {
	tests := []struct {
		listen            string
		isolation, egress string
	}{
		{"", "best-effort", "development"},
		{"127.0.0.1:4566", "best-effort", "development"},
		{"127.0.0.1:4566,127.8.0.1:443", "best-effort", "development"},
		{"[::1]:4566", "best-effort", "development"},
		{"localhost:4566,LocalHost:1", "best-effort", "development"},
		{":4566", "required", "production"},
		{"0.0.0.0:4566", "required", "production"},
		{"[::]:4566", "required", "production"},
		{"127.0.0.1:4566,192.0.2.1:443", "required", "production"},
		{"furl.example:443", "required", "production"},
		{"localhost.example:443", "required", "production"},
	}
	for _, tt := range tests {
		c := furl.Config{}
		if tt.listen != "" {
			c.Listen = strings.Split(tt.listen, ",")
		}
		if got := furl.Defaults(c); got.Isolation != tt.isolation || got.Egress != tt.egress {
			t.Errorf("%q: isolation %s, egress %s; want %s, %s", tt.listen, got.Isolation, got.Egress, tt.isolation, tt.egress)
		}
		c.Isolation, c.Egress = "process", "none"
		if got := furl.Defaults(c); got.Isolation != "process" || got.Egress != "none" {
			t.Errorf("%q: what was chosen became isolation %s, egress %s", tt.listen, got.Isolation, got.Egress)
		}
	}
}
