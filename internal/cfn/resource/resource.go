// Package resource knows the types of resources that stacks can have, one small file a type: their properties, what a
// change of them replaces, how they are made, changed and deleted, and what functions of a template see of them. All is
// done by operations of the other services in the name of the stack's caller; package resource itself keeps nothing.
//
// Facts are from AWS's reference of each type.
package resource

import (
	"context"
	"strings"
)

// Invoker carries out an operation of a service in this process as the stack's caller: it is validated, authorised and
// audited like one from the network. Service is awsapi's name of it: "lambda", "iam", "logs", "s3", "ssm". In is a
// pointer to the operation's input, and the answer is one to its output. The error is an *awsapi.Error.
type Invoker interface {
	Invoke(ctx context.Context, service, operation string, in any) (out any, err error)
}

// Request is one step of a stack for one resource.
type Request struct {
	Account, Region, Partition    string
	StackName, StackID, LogicalID string
	// Suffix is what makes the names unique that are generated: 12 characters of A-Z and 0-9. It was written down before
	// the first try and is the same in each.
	Suffix string
	// PhysicalID is that of the resource: for Update and Delete, and for Create once Save was called with it.
	PhysicalID string
	// Properties are what the resource is to have, resolved; for Delete, what it has. Old are those before an Update.
	Properties, Old map[string]any
	// Attributes are those of the Result of the step before.
	Attributes map[string]any
	// Tags are the stack's, with those of CloudFormation itself, for types that have tags; OldTags those before.
	Tags, OldTags map[string]string
	// Again says that an earlier try may have been carried out, wholly or in part. What of its own work stands in the way
	// is adopted, not refused.
	Again bool
	// Invoke calls the operations.
	Invoke Invoker
	// Save writes down the physical id before the step ends.
	Save func(physicalID string) error
}

// Name is a generated name of at most so many characters: the stack's, the resource's, the suffix. What is too long is
// shortened as by AWS: the suffix stays, the stack's name gives way last.
func (r *Request) Name(most int) string {
	stack, logical := r.StackName, r.LogicalID
	if over := len(stack) + len(logical) + len(r.Suffix) + 2 - most; over > 0 {
		cut := min(over, max(0, len(logical)-min(len(logical), 24)))
		logical = logical[:len(logical)-cut]
		if over -= cut; over > 0 {
			stack = strings.TrimRight(stack[:max(1, len(stack)-over)], "-")
		}
	}
	return stack + "-" + logical + "-" + r.Suffix
}

// Result is what a resource is after a step.
type Result struct {
	// PhysicalID identifies it. One that differs from that before an Update is a replacement.
	PhysicalID string
	// Ref is what Ref gives; nil stands for the PhysicalID.
	Ref any
	// Attributes are what GetAtt gives: strings, or lists of strings, by name.
	Attributes map[string]any
}

// Type is what is known of one type of resource.
type Type struct {
	// Name is the type's: AWS::Lambda::Function.
	Name string
	// Properties are all that it has.
	Properties map[string]Property
	// Create makes one. With an error, a Result that is not nil says what was made nevertheless, which is to be deleted.
	Create func(context.Context, *Request) (*Result, error)
	// Update changes one in place. Nil: every change replaces.
	Update func(context.Context, *Request) (*Result, error)
	// Delete deletes one. What is gone already is deleted.
	Delete func(context.Context, *Request) error
	// Capability is the capability that a template with such properties, as written, needs: CAPABILITY_IAM,
	// CAPABILITY_NAMED_IAM, or none. Nil: none.
	Capability func(properties map[string]any) string
	// Replaces, if not nil, tells of a change of properties that are not create-only whether it replaces nevertheless.
	Replaces func(old, new map[string]any) bool
	// Attributes are the names that GetAtt knows.
	Attributes []string
}
