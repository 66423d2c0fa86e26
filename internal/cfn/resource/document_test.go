package resource_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"furl/internal/cfn/resource"
)

var update = flag.Bool("update", false, "write the table of types anew")

// The reference has a line for each type: what it says is what the code does.
const (
	typesDocument = "../../../docs/reference/resource-types.md"
	begin         = "| type | properties | a change replaces | `Fn::GetAtt` |\n|---|---|---|---|\n"
)

func TestDocument(t *testing.T) {
	var table strings.Builder
	for _, name := range resource.Names() {
		kind := resource.Lookup(name)
		var keep, replace []string
		for _, property := range slices.Sorted(maps.Keys(kind.Properties)) {
			if p := kind.Properties[property]; p.CreateOnly || kind.Update == nil {
				replace = append(replace, property)
			} else {
				keep = append(keep, property)
			}
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", name, listed(keep), listed(replace), listed(kind.Attributes))
	}
	text, err := os.ReadFile(typesDocument)
	ok(t, err)
	before, rest, found := strings.Cut(string(text), begin)
	_, after, _ := strings.Cut(rest, "\n\n")
	want := before + begin + table.String() + "\n" + after
	if !found {
		t.Fatalf("%s has no table", typesDocument)
	}
	if *update {
		ok(t, os.WriteFile(typesDocument, []byte(want), 0o644))
		return
	}
	if string(text) != want {
		t.Errorf("%s is not what the types are: go test ./internal/cfn/resource -run TestDocument -update", typesDocument)
	}
}

func listed(names []string) string {
	if len(names) == 0 {
		return "–"
	}
	return strings.Join(names, ", ")
}
