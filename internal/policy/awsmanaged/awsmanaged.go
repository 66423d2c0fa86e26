// Package awsmanaged holds the managed policies of AWS that users of functions attach: documents under
// arn:aws:iam::aws:policy that nobody can change. Broad ones such as ReadOnlyAccess name fewer services than AWS's
// do, those that anything here has to do with; they allow nothing that AWS's do not.
package awsmanaged

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"furl/internal/policy"
)

//go:embed policies/*.json
var files embed.FS

// Prefix begins the ARN of every policy of AWS; the path follows, then the name.
const Prefix = "arn:aws:iam::aws:policy"

// Policy is a managed policy of AWS.
type Policy struct {
	Name        string    `json:"name"`
	Path        string    `json:"path"`
	ID          string    `json:"id"` // ANPA…
	Description string    `json:"description"`
	Created     time.Time `json:"created"`
	Updated     time.Time `json:"updated"`
	// Version is the id of the one version there is, such as v3.
	Version string `json:"version"`
	// Raw is the document as the file has it; Document is the text that the API shows.
	Raw      json.RawMessage `json:"document"`
	Document string          `json:"-"`
	ARN      string          `json:"-"`
	Compiled *policy.Policy  `json:"-"`
}

// Catalog is every policy of AWS that is built in. It never changes.
type Catalog struct {
	byARN map[string]*Policy
	list  []*Policy
}

// Load reads and compiles the policies. It fails only if the program was built with a bad file.
func Load() (*Catalog, error) {
	entries, err := files.ReadDir("policies")
	if err != nil {
		return nil, fmt.Errorf("awsmanaged: list: %w", err)
	}
	c := &Catalog{byARN: make(map[string]*Policy, len(entries))}
	for _, e := range entries {
		p, err := read("policies/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("awsmanaged: %s: %w", e.Name(), err)
		}
		c.byARN[p.ARN] = p
		c.list = append(c.list, p)
	}
	slices.SortFunc(c.list, func(a, b *Policy) int { return strings.Compare(a.Name, b.Name) })
	return c, nil
}

func read(file string) (*Policy, error) {
	b, err := files.ReadFile(file)
	if err != nil {
		return nil, err
	}
	p := new(Policy)
	if err := json.Unmarshal(b, p); err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := json.Indent(&text, p.Raw, "", "    "); err != nil {
		return nil, err
	}
	p.Document = text.String()
	p.ARN = Prefix + p.Path + p.Name
	p.Compiled, err = policy.Parse([]byte(p.Document), policy.ManagedIdentity)
	return p, err
}

// Get returns the policy of an ARN, nil if there is none.
func (c *Catalog) Get(arn string) *Policy {
	if c == nil {
		return nil
	}
	return c.byARN[arn]
}

// All lists the policies by name. The list must not be changed.
func (c *Catalog) All() []*Policy {
	if c == nil {
		return nil
	}
	return c.list
}
