package sam_test

import (
	"os"
	"testing"

	"furl/internal/sam/samtest"
)

// TestTranslator expands AWS's published templates and some of the project's own as aws-sam-translator does.
// test/sam asks the translator itself; here are its answers of testdata/expected.json.
func TestTranslator(t *testing.T) {
	f, err := os.Open("testdata/expected.json")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	results, err := samtest.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	samtest.Compare(t, samtest.Templates(t, "testdata"), results)
}
