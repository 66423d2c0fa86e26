// Package stack carries out what is asked of stacks: it makes, changes, deletes and rolls back their resources, in the
// order of what they need, several at once, and keeps what a stack is in the store.
//
// An operation is a saga. Before each step it is written down that the step is about to be taken, and with what; after
// it, what came of it, together with the event that tells of it. A server that ends in the middle goes on from there: a
// step that may have been taken is taken again, with Request.Again. What was made has a record from before its making
// to after its end, so nothing is lost. Every write asks that the operation is still the stack's own.
package stack

import (
	"time"

	"furl/internal/authz"
)

// Status is the state of a stack or of a resource, in CloudFormation's words.
type Status string

// The states of stacks; those of resources are among them.
const (
	ReviewInProgress = Status("REVIEW_IN_PROGRESS")

	CreateInProgress = Status("CREATE_IN_PROGRESS")
	CreateFailed     = Status("CREATE_FAILED")
	CreateComplete   = Status("CREATE_COMPLETE")

	RollbackInProgress = Status("ROLLBACK_IN_PROGRESS")
	RollbackFailed     = Status("ROLLBACK_FAILED")
	RollbackComplete   = Status("ROLLBACK_COMPLETE")

	DeleteInProgress = Status("DELETE_IN_PROGRESS")
	DeleteFailed     = Status("DELETE_FAILED")
	DeleteComplete   = Status("DELETE_COMPLETE")
	DeleteSkipped    = Status("DELETE_SKIPPED") // of resources that are retained

	UpdateInProgress        = Status("UPDATE_IN_PROGRESS")
	UpdateCleanupInProgress = Status("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
	UpdateComplete          = Status("UPDATE_COMPLETE")
	UpdateFailed            = Status("UPDATE_FAILED")

	UpdateRollbackInProgress        = Status("UPDATE_ROLLBACK_IN_PROGRESS")
	UpdateRollbackCleanupInProgress = Status("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS")
	UpdateRollbackComplete          = Status("UPDATE_ROLLBACK_COMPLETE")
	UpdateRollbackFailed            = Status("UPDATE_ROLLBACK_FAILED")
)

// busy holds for the states that an operation is under way in.
func (s Status) busy() bool {
	switch s {
	case CreateInProgress, RollbackInProgress, DeleteInProgress, UpdateInProgress, UpdateCleanupInProgress,
		UpdateRollbackInProgress, UpdateRollbackCleanupInProgress:
		return true
	}
	return false
}

// Stack is the record of a stack.
type Stack struct {
	V       int    `json:"v"`
	ID      string `json:"id"` // the ARN
	Name    string `json:"name"`
	Account string `json:"account"`
	Region  string `json:"region"`

	Status  Status    `json:"status"`
	Reason  string    `json:"reason,omitempty"`
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated,omitzero"`
	Deleted time.Time `json:"deleted,omitzero"`

	// Now is what the stack is, or is to become by its first operation. Next is what it is to become by the update
	// under way, or by one that failed and was not rolled back.
	Now  Definition  `json:"now"`
	Next *Definition `json:"next,omitempty"`

	Outputs []Output `json:"outputs,omitempty"`
	Policy  string   `json:"policy,omitempty"`

	Protected bool `json:"protected,omitempty"` // from deletion
	// OnFailure is ROLLBACK, DELETE or DO_NOTHING, what is done when the stack cannot be made.
	OnFailure string `json:"onFailure,omitempty"`
	// DisableRollback leaves an update that failed as it is.
	DisableRollback bool `json:"disableRollback,omitempty"`
	// RetainExceptOnCreate has a rollback delete what the operation made, also where its DeletionPolicy is Retain.
	RetainExceptOnCreate bool `json:"retainExceptOnCreate,omitempty"`
	// Timeout is how many minutes the making of the stack may take; 0: any.
	Timeout int `json:"timeout,omitempty"`

	// ParentID and RootID are set in nested stacks. RoleARN is the role that its operations are carried out by.
	ParentID string `json:"parent,omitempty"`
	RootID   string `json:"root,omitempty"`
	RoleARN  string `json:"role,omitempty"`
	// ChangeSetID is that of the change set that was carried out last.
	ChangeSetID string `json:"changeSet,omitempty"`

	// Who began the last operation, and Token its ClientRequestToken. Operation counts them: it is what writes are
	// fenced by.
	Who       authz.Identity `json:"who"`
	Token     string         `json:"token,omitempty"`
	Operation int            `json:"operation"`
	// Cancelled says that the operation is to begin no more steps.
	Cancelled bool `json:"cancelled,omitempty"`
	// Retain are the logical ids that the deletion under way leaves, or that the rollback under way skips.
	Retain []string `json:"retain,omitempty"`

	Events int `json:"events"` // how many there were
	// LastEvent is the time of the last one: each is later than the one before, by what clients can see.
	LastEvent time.Time `json:"lastEvent,omitzero"`
	// Imports are the names of the exports that the stack uses.
	Imports []string `json:"imports,omitempty"`
}

// Definition is what a stack is made of.
type Definition struct {
	// Body is the template as it was given, Processed what its transforms made of it, empty where there were none.
	Body      packed `json:"-"`
	Processed packed `json:"-"`
	// Both as they are kept, if they were read.
	packedBody, packedProcessed []byte
	// Transforms are the names of those.
	Transforms   []string          `json:"transforms,omitempty"`
	Description  string            `json:"description,omitempty"`
	Parameters   []Parameter       `json:"parameters,omitempty"`
	Capabilities []string          `json:"capabilities,omitempty"`
	Tags         map[string]string `json:"tags,omitempty"`
	// NotificationARNs are kept for Ref AWS::NotificationARNs; nobody is notified.
	NotificationARNs []string `json:"notificationArns,omitempty"`
}

// Template is the text of the template that counts.
func (d *Definition) Template() string {
	if d.Processed != "" {
		return string(d.Processed)
	}
	return string(d.Body)
}

// SetBody sets the template as it was given, SetProcessed what its transforms made of it.
func (d *Definition) SetBody(text string) { d.Body, d.packedBody = packed(text), nil }

// SetProcessed sets what the transforms made of the template.
func (d *Definition) SetProcessed(text string) {
	d.Processed, d.packedProcessed = packed(text), nil
}

// Parameter is the value of a parameter.
type Parameter struct {
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
	// Resolved is what the Parameter Store had, for parameters of the type AWS::SSM::Parameter::Value.
	Resolved string `json:"resolved,omitempty"`
	// Secret is set for NoEcho parameters, whose value is not shown, and is sealed in the store.
	Secret bool `json:"secret,omitempty"`
}

// Output is one of a stack's outputs.
type Output struct {
	Key         string `json:"key"`
	Value       string `json:"value"`
	Description string `json:"description,omitempty"`
	Export      string `json:"export,omitempty"`
}

// Resource is the record of a resource of a stack.
type Resource struct {
	V         int       `json:"v"`
	LogicalID string    `json:"logicalId"`
	Type      string    `json:"type"`
	Status    Status    `json:"status"`
	Reason    string    `json:"reason,omitempty"`
	Updated   time.Time `json:"updated"`
	// Operation is the stack's operation that changed the status last.
	Operation int `json:"operation"`
	// Needs are the logical ids of what must be there before it, and be deleted after it.
	Needs []string `json:"needs,omitempty"`
	// DeletionPolicy and UpdateReplacePolicy are those in force.
	DeletionPolicy      string `json:"deletionPolicy,omitempty"`
	UpdateReplacePolicy string `json:"updateReplacePolicy,omitempty"`

	// Now is the resource as it is; its PhysicalID is empty while there is none.
	Now Generation `json:"-"`
	// Target is what the step under way, or one that failed, makes of it.
	Target *Generation `json:"-"`
	// Before is what it was before the update under way changed or, with Replaced, replaced it.
	Before *Generation `json:"-"`
	// New is set when the update under way made it, Replaced when that replaced it.
	New      bool `json:"new,omitempty"`
	Replaced bool `json:"replaced,omitempty"`
	// Doomed are generations that nothing uses any more, to be deleted in the end.
	Doomed []Generation `json:"-"`

	// Sealed holds the generations in the store: properties may be secrets.
	Sealed []byte `json:"sealed"`
}

// Generation is one resource in the sense of another service: what a logical id stands for, until it is replaced.
type Generation struct {
	Type       string            `json:"type"`
	PhysicalID string            `json:"physicalId,omitempty"`
	Ref        any               `json:"ref,omitempty"`
	Suffix     string            `json:"suffix,omitempty"`
	Properties map[string]any    `json:"properties,omitempty"`
	Attributes map[string]any    `json:"attributes,omitempty"`
	Tags       map[string]string `json:"tags,omitempty"`
	// Retain has it stay when nothing uses it any more.
	Retain bool `json:"retain,omitempty"`
}

// Event is something that happened to a stack.
type Event struct {
	V          int       `json:"v"`
	ID         string    `json:"id"`
	LogicalID  string    `json:"logicalId"`
	PhysicalID string    `json:"physicalId,omitempty"`
	Type       string    `json:"type"`
	Status     Status    `json:"status"`
	Reason     string    `json:"reason,omitempty"`
	Time       time.Time `json:"time"`
	Token      string    `json:"token,omitempty"`
}

// Export is a value that a stack exports.
type Export struct {
	V       int    `json:"v"`
	Name    string `json:"name"`
	Value   string `json:"value"`
	StackID string `json:"stackId"`
	// Users are the stacks that import it: their names by their ids.
	Users map[string]string `json:"users,omitempty"`
}

// Type is the type that a stack is in the lists of resources and events.
const Type = "AWS::CloudFormation::Stack"

// OwnType reports whether a type of resource is made by this package rather than by package resource.
func OwnType(name string) bool { return name == Type }
