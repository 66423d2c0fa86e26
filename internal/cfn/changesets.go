package cfn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"furl/internal/cfn/stack"
	"furl/internal/store"
)

// noChanges is the reason of a change set that would change nothing. Clients look for it.
const noChanges = "The submitted information didn't contain changes. Submit different information to create a change set."

// CreateChangeSet finds what making a stack, or an update of one, would do, and keeps it to be carried out.
func (s *Service) CreateChangeSet(ctx context.Context, in *CreateChangeSetInput) (*CreateChangeSetOutput, error) {
	st, err := s.changed(ctx, in)
	if err != nil {
		return nil, err
	}
	before, err := s.runner.ChangeSet(ctx, st.ID, in.ChangeSetName)
	if err != nil {
		return nil, err
	}
	if before != nil && before.Execution != string(ExecutionStatusExecuteComplete) {
		if t := value(in.ClientToken); t != "" && before.Token == t {
			return &CreateChangeSetOutput{Id: &before.ID, StackId: &st.ID}, nil
		}
		return nil, AlreadyExistsException("ChangeSet %s already exists", in.ChangeSetName)
	}
	c := &stack.ChangeSet{
		ID:   s.arn(account(ctx), "changeSet/"+in.ChangeSetName+"/"+uuid.NewString()),
		Name: in.ChangeSetName, StackID: st.ID, Creates: st.Status == stack.ReviewInProgress, Created: s.now(),
		Description: value(in.Description), Token: value(in.ClientToken), RoleARN: value(in.RoleARN),
		Status: string(ChangeSetStatusCreateComplete), Execution: string(ExecutionStatusAvailable),
	}
	if in.OnStackFailure != nil {
		c.OnFailure = string(*in.OnStackFailure)
	}
	if c.OnFailure == string(OnStackFailureDelete) && !c.Creates {
		return nil, invalid("OnStackFailure can be DELETE only for a change set that creates a stack")
	}
	if err := s.fill(ctx, c, st, in); err != nil {
		return nil, err
	}
	if _, err := s.who(ctx, c.RoleARN, st.ID); err != nil {
		return nil, err
	}
	if c.Creates {
		if err := s.keepReview(ctx, st); err != nil {
			return nil, err
		}
	}
	c.Operation = st.Operation
	if err := s.runner.SaveChangeSet(ctx, c, before != nil); err != nil {
		if errors.Is(err, store.ErrConflict) {
			return nil, AlreadyExistsException("ChangeSet %s already exists", in.ChangeSetName)
		}
		return nil, err
	}
	return &CreateChangeSetOutput{Id: &c.ID, StackId: &st.ID}, nil
}

// changed is the stack that a new change set is about: one that is there, or a new one in review.
func (s *Service) changed(ctx context.Context, in *CreateChangeSetInput) (*stack.Stack, error) {
	kind := ChangeSetTypeUpdate
	if in.ChangeSetType != nil {
		kind = *in.ChangeSetType
	}
	// With ImportExistingResources, which the CDK always asks for, what exists is not imported: its making fails.
	if kind == ChangeSetTypeImport || len(in.ResourcesToImport) > 0 {
		return nil, invalid("Importing resources is not offered")
	}
	st, err := s.runner.Stack(ctx, account(ctx), s.region, in.StackName)
	gone := errors.Is(err, stack.ErrNoStack) || err == nil && st.Status == stack.DeleteComplete
	switch {
	case err != nil && !gone:
		return nil, err
	case kind == ChangeSetTypeUpdate && gone:
		return nil, invalid("Stack [%s] does not exist", in.StackName)
	case kind == ChangeSetTypeUpdate && st.Status == stack.ReviewInProgress:
		return nil, invalid("Stack:%s is in %s state and can not be updated.", st.ID, st.Status)
	case kind == ChangeSetTypeUpdate:
		return st, updatable(st)
	case gone && stack.IsID(in.StackName):
		return nil, invalid("Stack [%s] does not exist", in.StackName)
	case gone && checkName(in.StackName) != nil:
		return nil, checkName(in.StackName)
	case gone:
		return &stack.Stack{
			ID: s.stackID(ctx, in.StackName), Name: in.StackName, Account: account(ctx), Region: s.region,
			Status: stack.ReviewInProgress, Created: s.now(),
		}, nil
	case st.Status != stack.ReviewInProgress:
		return nil, invalid("Stack [%s] already exists and cannot be created again with the changeSet [%s].", st.Name, in.ChangeSetName)
	}
	return st, nil
}

// keepReview keeps a new stack that is in review, unless it is there.
func (s *Service) keepReview(ctx context.Context, st *stack.Stack) error {
	if st.Operation > 0 {
		return nil
	}
	who, err := s.who(ctx, "", st.ID)
	if err != nil {
		return err
	}
	st.Who = who
	err = s.runner.Create(ctx, st)
	if errors.Is(err, stack.ErrExists) {
		return AlreadyExistsException("Stack [%s] already exists", st.Name)
	}
	return err
}

// fill finds what a change set would do. What a transform refuses is the change set's own failure.
func (s *Service) fill(ctx context.Context, c *stack.ChangeSet, st *stack.Stack, in *CreateChangeSetInput) error {
	w := wanted{
		name: st.Name, id: st.ID, from: source{body: in.TemplateBody, url: in.TemplateURL, previous: value(in.UsePreviousTemplate)},
		parameters: in.Parameters, capabilities: in.Capabilities, types: in.ResourceTypes, tags: in.Tags, notifications: in.NotificationARNs,
		expands: true,
	}
	if !c.Creates {
		w.previous = &st.Now
		if in.Tags == nil {
			w.tags = tagsOf(st.Now.Tags)
		}
		if in.NotificationARNs == nil {
			w.notifications = st.Now.NotificationARNs
		}
	}
	d, after, err := s.define(ctx, w)
	if t, ok := errors.AsType[*transformError](err); ok {
		c.Status, c.Execution, c.Reason = string(ChangeSetStatusFailed), string(ExecutionStatusUnavailable), t.Error()
		c.Definition.SetBody(after.body)
		return nil
	}
	if err != nil {
		return err
	}
	changes, something, err := s.compare(ctx, st, d, after)
	if err != nil {
		return err
	}
	c.Definition = *d
	if !something {
		c.Status, c.Execution, c.Reason = string(ChangeSetStatusFailed), string(ExecutionStatusUnavailable), noChanges
	}
	if c.Changes, err = json.Marshal(changes); err != nil {
		return fmt.Errorf("cfn: change set: %w", err)
	}
	return nil
}

// changeSet finds a change set by its name and stack, or by its id.
func (s *Service) changeSet(ctx context.Context, stackName *string, nameOrID string) (*stack.ChangeSet, *stack.Stack, error) {
	missing := ChangeSetNotFoundException("ChangeSet [%s] does not exist", nameOrID)
	if _, isID := stack.IsChangeSetID(nameOrID); isID {
		c := s.changeSetByID(ctx, nameOrID)
		if c == nil {
			return nil, nil, missing
		}
		st, err := s.stack(ctx, c.StackID)
		return c, st, err
	}
	if stackName == nil {
		return nil, nil, invalid("StackName must be specified if ChangeSetName is not specified as an ARN.")
	}
	st, err := s.runner.Stack(ctx, account(ctx), s.region, *stackName)
	if errors.Is(err, stack.ErrNoStack) || err == nil && st.Status == stack.DeleteComplete {
		return nil, nil, invalid("Stack [%s] does not exist", *stackName)
	}
	if err != nil {
		return nil, nil, err
	}
	c, err := s.runner.ChangeSet(ctx, st.ID, nameOrID)
	if err == nil && c == nil {
		err = missing
	}
	return c, st, err
}

// changeSetByID is the change set of an id, nil where there is none.
func (s *Service) changeSetByID(ctx context.Context, id string) *stack.ChangeSet {
	c, err := s.runner.ChangeSetByID(ctx, id)
	if err != nil || c == nil || !strings.HasPrefix(c.ID, s.arn(account(ctx), "")) {
		return nil
	}
	return c
}

// changesOnPage is how many changes an answer has.
const changesOnPage = 100

// DescribeChangeSet tells what a change set would do.
func (s *Service) DescribeChangeSet(ctx context.Context, in *DescribeChangeSetInput) (*DescribeChangeSetOutput, error) {
	c, st, err := s.changeSet(ctx, in.StackName, in.ChangeSetName)
	if err != nil {
		return nil, err
	}
	var changes []Change
	if len(c.Changes) > 0 {
		if err := json.Unmarshal(c.Changes, &changes); err != nil {
			return nil, fmt.Errorf("cfn: change set %s: %w", c.ID, err)
		}
	}
	page, next, err := pageOf(changes, in.NextToken, changesOnPage)
	if err != nil {
		return nil, err
	}
	out := &DescribeChangeSetOutput{
		ChangeSetName: &c.Name, ChangeSetId: &c.ID, StackId: &st.ID, StackName: &st.Name, Description: nonEmpty(c.Description),
		Parameters: parametersOf(&c.Definition), CreationTime: &c.Created, ExecutionStatus: new(ExecutionStatus(c.Execution)),
		Status: new(ChangeSetStatus(c.Status)), StatusReason: nonEmpty(c.Reason), NotificationARNs: list(c.Definition.NotificationARNs),
		Capabilities: capabilitiesOf(&c.Definition), Tags: tagsOf(c.Definition.Tags), Changes: page, NextToken: next, IncludeNestedStacks: new(false),
		RollbackConfiguration: &RollbackConfiguration{},
	}
	if c.OnFailure != "" {
		out.OnStackFailure = new(OnStackFailure(c.OnFailure))
	}
	return out, nil
}

// ListChangeSets are the change sets of a stack.
func (s *Service) ListChangeSets(ctx context.Context, in *ListChangeSetsInput) (*ListChangeSetsOutput, error) {
	st, err := s.living(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	all, err := s.runner.ChangeSets(ctx, st.ID)
	if err != nil {
		return nil, err
	}
	out := &ListChangeSetsOutput{Summaries: []ChangeSetSummary{}}
	for _, c := range all {
		if c.Execution == string(ExecutionStatusExecuteComplete) {
			continue // it can be described, but is no longer one of the stack's
		}
		out.Summaries = append(out.Summaries, ChangeSetSummary{
			StackId: &st.ID, StackName: &st.Name, ChangeSetId: &c.ID, ChangeSetName: &c.Name, ExecutionStatus: new(ExecutionStatus(c.Execution)),
			Status: new(ChangeSetStatus(c.Status)), StatusReason: nonEmpty(c.Reason), CreationTime: &c.Created, Description: nonEmpty(c.Description),
			IncludeNestedStacks: new(false),
		})
	}
	return out, nil
}

// ExecuteChangeSet begins what a change set says.
func (s *Service) ExecuteChangeSet(ctx context.Context, in *ExecuteChangeSetInput) (*ExecuteChangeSetOutput, error) {
	c, st, err := s.changeSet(ctx, in.StackName, in.ChangeSetName)
	if err != nil {
		return nil, err
	}
	if c.Execution != string(ExecutionStatusAvailable) {
		return nil, InvalidChangeSetStatusException("ChangeSet [%s] cannot be executed in its current status of [%s]", c.ID, c.Status)
	}
	var changes []Change
	if err := json.Unmarshal(c.Changes, &changes); err != nil {
		return nil, fmt.Errorf("cfn: change set %s: %w", c.ID, err)
	}
	if c.Operation != st.Operation {
		return nil, stale(c)
	}
	if c.Creates {
		err = s.executeCreation(ctx, c, st, in)
	} else if err = permitted(st.Policy, changes); err == nil {
		_, err = s.beginUpdate(ctx, st, &c.Definition, c.RoleARN, value(in.ClientRequestToken), func(now *stack.Stack) error {
			if now.Operation != c.Operation+1 {
				return stale(c)
			}
			now.ChangeSetID = c.ID
			now.RetainExceptOnCreate = value(in.RetainExceptOnCreate)
			now.DisableRollback = value(in.DisableRollback) || c.OnFailure == string(OnStackFailureDoNothing)
			return nil
		})
	}
	if err != nil {
		return nil, err
	}
	if err := s.runner.DropChangeSets(ctx, st.ID, func(other *stack.ChangeSet) bool { return other.Name != c.Name }); err != nil {
		return nil, err
	}
	c.Execution = string(ExecutionStatusExecuteComplete)
	if err := s.runner.SaveChangeSet(ctx, c, true); err != nil {
		return nil, err
	}
	s.settle(ctx, st.ID)
	return &ExecuteChangeSetOutput{}, nil
}

// stale refuses a change set that was made of a stack which has changed since.
func stale(c *stack.ChangeSet) error {
	return InvalidChangeSetStatusException("ChangeSet [%s] cannot be executed in its current execution status of [%s]", c.ID, ExecutionStatusObsolete)
}

func (s *Service) executeCreation(ctx context.Context, c *stack.ChangeSet, st *stack.Stack, in *ExecuteChangeSetInput) error {
	who, err := s.who(ctx, c.RoleARN, st.ID)
	if err != nil {
		return err
	}
	_, err = s.runner.Begin(ctx, st.ID, func(now *stack.Stack) error {
		if now.Status != stack.ReviewInProgress {
			return InvalidChangeSetStatusException("ChangeSet [%s] cannot be executed in its current status of [%s]", c.ID, c.Status)
		}
		now.Status, now.Now, now.Who, now.Token, now.ChangeSetID, now.RoleARN = stack.CreateInProgress, c.Definition, who, value(in.ClientRequestToken), c.ID, c.RoleARN
		now.OnFailure, now.RetainExceptOnCreate = c.OnFailure, value(in.RetainExceptOnCreate)
		if value(in.DisableRollback) {
			now.OnFailure = string(OnStackFailureDoNothing)
		}
		return nil
	})
	return err
}

// DeleteChangeSet deletes a change set. One that is not there is deleted.
func (s *Service) DeleteChangeSet(ctx context.Context, in *DeleteChangeSetInput) (*DeleteChangeSetOutput, error) {
	c, st, err := s.changeSet(ctx, in.StackName, in.ChangeSetName)
	if err != nil {
		if strings.Contains(err.Error(), "ChangeSetNotFound") {
			return &DeleteChangeSetOutput{}, nil
		}
		return nil, err
	}
	return &DeleteChangeSetOutput{}, s.runner.DropChangeSets(ctx, st.ID, func(other *stack.ChangeSet) bool { return other.ID == c.ID })
}

// list is a list that is there even when it is empty.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return slices.Clip(items)
}
