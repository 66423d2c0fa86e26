//go:build linux

package namespace_test

import (
	"fmt"
	"strings"
	"testing"

	"furl/internal/sandbox/namespace"
)

func TestParseSubordinate(t *testing.T) {
	tests := []struct {
		name, text   string
		first, count int
	}{
		{"by name", "root:1:2\nalice:100000:65536\n", 100000, 65536},
		{"by id", "1000:165536:65536", 165536, 65536},
		{"the longest", "alice:100000:10\nalice:200000:500\n1000:300000:20\n", 200000, 500},
		{"nobody's", "bob:100000:65536\n", 0, 0},
		{"a name that begins so", "alice2:100000:65536\nalic:1:2\n", 0, 0},
		{"nothing", "", 0, 0},
		{"root's id is no subordinate", "alice:0:65536\n", 0, 0},
		{"beyond the last id", "alice:4294967000:296\n", 0, 0},
		{"up to the last id", "alice:4294967000:295\n", 4294967000, 295},
		{"other forms", "alice\nalice:1\nalice:1:2:3\nalice:x:1\nalice:1:-1\nalice:-1:1\n# alice:1:2\nalice:7:0\n", 0, 0},
		{"spaces around", "  alice:100:7\t\r\n", 100, 7},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if first, count := namespace.ParseSubordinate(tt.text, "alice", "1000"); first != tt.first || count != tt.count {
				t.Errorf("%d ids from %d, want %d from %d", count, first, tt.count, tt.first)
			}
		})
	}
}

// FuzzParseSubordinate: whatever the file holds, the range is one of its own and
// has neither root's id nor one that is none.
func FuzzParseSubordinate(f *testing.F) {
	for _, s := range []string{"alice:100000:65536\n", "1000:1:1", "alice:4294967295:1\nalice:0:1", ":::", "alice:١:2"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, count := namespace.ParseSubordinate(text, "alice", "1000")
		if count == 0 && first == 0 {
			return
		}
		if first < 1 || count < 1 || first+count > 1<<32-1 {
			t.Fatalf("%q: %d ids from %d", text, count, first)
		}
		line := strings.ReplaceAll(text, "0", "")
		if !strings.Contains(line, strings.ReplaceAll(fmt.Sprint(first), "0", "")) {
			t.Fatalf("%q does not name %d", text, first)
		}
	})
}
