package stack_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"furl/internal/cfn/resource"
)

// thing is what exists in a cloud.
type thing struct {
	owner      string // who made it: stack, logical id, suffix
	properties map[string]any
	tags       map[string]string
}

// cloud is where the resources of tests are.
type cloud struct {
	mu     sync.Mutex
	things map[string]*thing
	calls  []string // "create A", as they took effect
	fuse   *fuse
	// fails tells of a call, "create A", the text of its error; hold, if not nil, is called before each.
	fails map[string]string
	hold  func(call string)
	// partial holds for calls that fail with something made.
	partial map[string]bool
}

func newCloud() *cloud {
	return &cloud{things: map[string]*thing{}, fails: map[string]string{}, partial: map[string]bool{}, fuse: newFuse(0)}
}

// types are those of the cloud: a Thing is changed in place unless its Name changes, a Fixed is always replaced.
func (c *cloud) types(name string) *resource.Type {
	t := &resource.Type{Name: name, Attributes: []string{"Arn", "Value"}, Create: c.create, Delete: c.delete,
		Properties: map[string]resource.Property{
			"Name": {CreateOnly: true}, "Value": {}, "Size": {Kind: resource.Number}, "List": {Kind: resource.List},
		}}
	switch name {
	case "Test::Thing":
		t.Update = c.update
		t.Properties["Tags"] = resource.Property{Kind: resource.JSON}
	case "Test::Fixed":
	default:
		return nil
	}
	return t
}

// call is one call, which effect takes effect of.
func (c *cloud) call(verb string, r *resource.Request, effect func() error) error {
	name := verb + " " + r.LogicalID
	c.mu.Lock()
	hold := c.hold
	c.mu.Unlock()
	if hold != nil {
		hold(name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.fuse.step(); err != nil {
		return err
	}
	failure, fails := c.fails[name]
	if !fails || c.partial[name] {
		if err := effect(); err != nil {
			return err
		}
		c.calls = append(c.calls, name)
	}
	if err := c.fuse.step(); err != nil {
		return err
	}
	if fails {
		return fmt.Errorf("%s", failure)
	}
	return nil
}

func result(id string, properties map[string]any) *resource.Result {
	return &resource.Result{PhysicalID: id, Attributes: map[string]any{"Arn": "arn:" + id, "Value": properties["Value"]}}
}

func (c *cloud) create(_ context.Context, r *resource.Request) (*resource.Result, error) {
	id, _ := r.Properties["Name"].(string)
	if id == "" {
		id = r.Name(200)
	}
	owner := strings.Join([]string{r.StackID, r.LogicalID, r.Suffix}, " ")
	made := false
	err := c.call("create", r, func() error {
		if was := c.things[id]; was != nil && (!r.Again || was.owner != owner) {
			return fmt.Errorf("%s already exists", id)
		}
		made = true
		c.things[id] = &thing{owner, maps.Clone(r.Properties), maps.Clone(r.Tags)}
		return nil
	})
	if err != nil && !made {
		return nil, err
	}
	return result(id, r.Properties), err
}

func (c *cloud) update(_ context.Context, r *resource.Request) (*resource.Result, error) {
	err := c.call("update", r, func() error {
		was := c.things[r.PhysicalID]
		if was == nil {
			return fmt.Errorf("%s does not exist", r.PhysicalID)
		}
		was.properties, was.tags = maps.Clone(r.Properties), maps.Clone(r.Tags)
		return nil
	})
	return result(r.PhysicalID, r.Properties), err
}

func (c *cloud) delete(_ context.Context, r *resource.Request) error {
	return c.call("delete", r, func() error {
		delete(c.things, r.PhysicalID)
		return nil
	})
}

// ids are what exists, sorted.
func (c *cloud) ids() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.things))
}

// log gives what was called since the last time, and forgets it.
func (c *cloud) log() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := c.calls
	c.calls = nil
	return calls
}

// value is a property of what has a physical id.
func (c *cloud) value(id, property string) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.things[id]; t != nil {
		return t.properties[property]
	}
	return nil
}

// fail has calls fail from now on, and only those.
func (c *cloud) fail(calls ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fails = map[string]string{}
	for _, call := range calls {
		c.fails[call] = call + " was refused"
	}
}
