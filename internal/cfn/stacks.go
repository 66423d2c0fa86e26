package cfn

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"furl/internal/cfn/stack"
	"furl/internal/cfn/stackpolicy"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// stack finds a stack of the caller's account, by name or id.
func (s *Service) stack(ctx context.Context, nameOrID string) (*stack.Stack, error) {
	st, err := s.runner.Stack(ctx, account(ctx), s.region, nameOrID)
	if errors.Is(err, stack.ErrNoStack) {
		return nil, invalid("Stack with id %s does not exist", nameOrID)
	}
	return st, err
}

// living is stack for operations that deleted ones are gone for.
func (s *Service) living(ctx context.Context, nameOrID string) (*stack.Stack, error) {
	st, err := s.runner.Stack(ctx, account(ctx), s.region, nameOrID)
	if errors.Is(err, stack.ErrNoStack) || err == nil && st.Status == stack.DeleteComplete {
		return nil, invalid("Stack [%s] does not exist", nameOrID)
	}
	return st, err
}

// subject is what the judgement of a request needs of a stack.
type subject struct {
	ID   string
	Tags map[string]string
}

// known is the stack that a request is about, nil where there is none.
func (s *Service) known(ctx context.Context, nameOrID string) *subject {
	if nameOrID == "" {
		return nil
	}
	st, err := s.runner.Stack(ctx, account(ctx), s.region, nameOrID)
	if err != nil {
		return nil
	}
	return &subject{st.ID, st.Now.Tags}
}

// stackID makes the id of a new stack.
func (s *Service) stackID(ctx context.Context, name string) string {
	return s.arn(account(ctx), "stack/"+name+"/"+uuid.NewString())
}

// CreateStack makes a stack and begins to make its resources.
func (s *Service) CreateStack(ctx context.Context, in *CreateStackInput) (*CreateStackOutput, error) {
	if in.OnFailure != nil && in.DisableRollback != nil {
		return nil, invalid("You can specify either DisableRollback or OnFailure, but not both.")
	}
	if err := checkName(in.StackName); err != nil {
		return nil, err
	}
	before, err := s.runner.Stack(ctx, account(ctx), s.region, in.StackName)
	switch {
	case err == nil && value(in.ClientRequestToken) != "" && before.Token == *in.ClientRequestToken && before.Operation == 1:
		return &CreateStackOutput{StackId: &before.ID}, nil
	case err == nil:
		return nil, AlreadyExistsException("Stack [%s] already exists", in.StackName)
	case !errors.Is(err, stack.ErrNoStack):
		return nil, err
	}
	id := s.stackID(ctx, in.StackName)
	d, _, err := s.define(ctx, wanted{
		name: in.StackName, id: id, from: source{body: in.TemplateBody, url: in.TemplateURL}, parameters: in.Parameters,
		capabilities: in.Capabilities, types: in.ResourceTypes, tags: in.Tags, notifications: in.NotificationARNs,
	})
	if err != nil {
		return nil, refused(err)
	}
	policy, err := s.policyText(ctx, in.StackPolicyBody, in.StackPolicyURL)
	if err != nil {
		return nil, err
	}
	who, err := s.who(ctx, value(in.RoleARN), id)
	if err != nil {
		return nil, err
	}
	st := &stack.Stack{
		ID: id, Name: in.StackName, Account: account(ctx), Region: s.region, Status: stack.CreateInProgress, Created: s.now(), Now: *d,
		Policy: policy, Protected: value(in.EnableTerminationProtection), OnFailure: onFailure(in.OnFailure, in.DisableRollback),
		RetainExceptOnCreate: value(in.RetainExceptOnCreate), Timeout: value(in.TimeoutInMinutes), RoleARN: value(in.RoleARN), Who: who, Token: value(in.ClientRequestToken),
	}
	err = s.runner.Create(ctx, st)
	if errors.Is(err, stack.ErrExists) {
		return nil, AlreadyExistsException("Stack [%s] already exists", in.StackName)
	}
	if err != nil {
		return nil, err
	}
	s.settle(ctx, id)
	return &CreateStackOutput{StackId: &id}, nil
}

func onFailure(given *OnFailure, disable *bool) string {
	switch {
	case given != nil:
		return string(*given)
	case value(disable):
		return "DO_NOTHING"
	}
	return "ROLLBACK"
}

// refused has a transform's words be a refusal, where there is no change set to have them.
func refused(err error) error {
	if t, ok := errors.AsType[*transformError](err); ok {
		return invalid("%s", t.Error())
	}
	return err
}

// UpdateStack begins to make a stack what the request says.
func (s *Service) UpdateStack(ctx context.Context, in *UpdateStackInput) (*UpdateStackOutput, error) {
	st, err := s.living(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	again := value(in.ClientRequestToken) != "" && st.Token == *in.ClientRequestToken
	if err := updatable(st); err != nil && !again {
		return nil, err
	}
	w := wanted{
		name: st.Name, id: st.ID, from: source{body: in.TemplateBody, url: in.TemplateURL, previous: value(in.UsePreviousTemplate)},
		parameters: in.Parameters, capabilities: in.Capabilities, types: in.ResourceTypes, tags: in.Tags, notifications: in.NotificationARNs,
		previous: &st.Now,
	}
	if in.Tags == nil {
		w.tags = tagsOf(st.Now.Tags)
	}
	if in.NotificationARNs == nil {
		w.notifications = st.Now.NotificationARNs
	}
	d, after, err := s.define(ctx, w)
	if err != nil {
		return nil, refused(err)
	}
	if again {
		return s.repeated(st, d)
	}
	changes, something, err := s.compare(ctx, st, d, after)
	if err != nil {
		return nil, err
	}
	if !something {
		return nil, invalid("No updates are to be performed.")
	}
	during, err := s.policyText(ctx, in.StackPolicyDuringUpdateBody, in.StackPolicyDuringUpdateURL)
	if err != nil {
		return nil, err
	}
	if during == "" {
		during = st.Policy
	}
	if err := permitted(during, changes); err != nil {
		return nil, err
	}
	policy, err := s.policyText(ctx, in.StackPolicyBody, in.StackPolicyURL)
	if err != nil {
		return nil, err
	}
	_, err = s.beginUpdate(ctx, st, d, value(in.RoleARN), value(in.ClientRequestToken), func(now *stack.Stack) error {
		now.DisableRollback, now.RetainExceptOnCreate = value(in.DisableRollback), value(in.RetainExceptOnCreate)
		if policy != "" {
			now.Policy = policy
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.obsolete(ctx, st.ID); err != nil {
		return nil, err
	}
	s.settle(ctx, st.ID)
	return &UpdateStackOutput{StackId: &st.ID}, nil
}

// repeated answers a request with the token of the stack's last operation: the same request once more has begun what it
// wants already, another one must not be taken for it.
func (s *Service) repeated(st *stack.Stack, d *stack.Definition) (*UpdateStackOutput, error) {
	is := &st.Now
	if st.Next != nil {
		is = st.Next
	}
	if is.Template() != d.Template() || !slices.Equal(is.Parameters, d.Parameters) || !maps.Equal(is.Tags, d.Tags) {
		return nil, TokenAlreadyExistsException("Token %s was used for another operation of stack [%s]", st.Token, st.Name)
	}
	return &UpdateStackOutput{StackId: &st.ID}, nil
}

// obsolete deletes the change sets that were made of a stack before it changed.
func (s *Service) obsolete(ctx context.Context, id string) error {
	return s.runner.DropChangeSets(ctx, id, func(c *stack.ChangeSet) bool { return c.Execution != string(ExecutionStatusExecuteComplete) })
}

// beginUpdate begins to make a stack what a definition says.
func (s *Service) beginUpdate(ctx context.Context, st *stack.Stack, d *stack.Definition, role, token string, change func(*stack.Stack) error) (*stack.Stack, error) {
	if role == "" {
		role = st.RoleARN
	}
	who, err := s.who(ctx, role, st.ID)
	if err != nil {
		return nil, err
	}
	return s.runner.Begin(ctx, st.ID, func(now *stack.Stack) error {
		if err := updatable(now); err != nil {
			return err
		}
		now.Status, now.Next, now.Who, now.Token, now.RoleARN, now.Updated = stack.UpdateInProgress, d, who, token, role, s.now()
		now.DisableRollback = false
		return change(now)
	})
}

// updatable refuses a stack whose state allows no update.
func updatable(st *stack.Stack) error {
	switch st.Status {
	case stack.CreateComplete, stack.UpdateComplete, stack.UpdateRollbackComplete, stack.UpdateFailed:
		return nil
	}
	return invalid("Stack:%s is in %s state and can not be updated.", st.ID, st.Status)
}

// permitted refuses changes that a stack policy forbids.
func permitted(text string, changes []Change) error {
	if text == "" {
		return nil
	}
	p, err := stackpolicy.Parse(text)
	if err != nil {
		return err
	}
	for _, c := range changes {
		r := c.ResourceChange
		action := map[ChangeAction]string{ChangeActionModify: "Update:Modify", ChangeActionRemove: "Update:Delete"}[*r.Action]
		if r.Replacement != nil && *r.Replacement != ReplacementFalse {
			action = "Update:Replace"
		}
		if action == "" {
			continue
		}
		if why := p.Refusal(action, stackpolicy.Resource{LogicalID: *r.LogicalResourceId, Type: *r.ResourceType}); why != "" {
			return invalid("%s", why)
		}
	}
	return nil
}

// compare finds what an update changes, and whether it changes anything at all.
func (s *Service) compare(ctx context.Context, st *stack.Stack, next *stack.Definition, after *definition) (changes []Change, something bool, err error) {
	d := &differ{after: side{after.template, after.scope}, present: map[string]present{}, tags: !maps.Equal(st.Now.Tags, next.Tags)}
	var before *definition
	if st.Now.Body != "" && st.Status != stack.ReviewInProgress {
		if before, err = s.again(ctx, st); err != nil {
			return nil, false, err
		}
		d.before = side{before.template, before.scope}
	}
	all, err := s.runner.Resources(ctx, st.ID)
	if err != nil {
		return nil, false, err
	}
	for _, r := range all {
		if r.Now.PhysicalID != "" {
			d.present[r.LogicalID] = present{r.Type, r.Now.PhysicalID, r.Now.Properties, r.Now.Ref, r.Now.Attributes}
		}
	}
	if changes, err = d.run(); err != nil {
		return nil, false, templateError(err)
	}
	something = len(changes) > 0 || d.tags || d.outputs(st.Outputs) || before == nil || st.Status == stack.UpdateFailed ||
		!slices.Equal(st.Now.NotificationARNs, next.NotificationARNs) || !equal(before.doc["Outputs"], after.doc["Outputs"]) ||
		after.doc["Outputs"] != nil && len(d.changedParameters()) > 0
	return changes, something, nil
}

// again reads the definition of a stack as it is.
func (s *Service) again(ctx context.Context, st *stack.Stack) (*definition, error) {
	d, err := read(st.Now.Template())
	if err != nil {
		return nil, err
	}
	d.transforms = nil // they were carried out
	w := wanted{name: st.Name, id: st.ID, notifications: st.Now.NotificationARNs, previous: &st.Now, found: map[string]string{}}
	for _, p := range st.Now.Parameters {
		w.found[p.Value] = p.Resolved // its name may have another value by now, or none
		w.parameters = append(w.parameters, Parameter{ParameterKey: &p.Key, ParameterValue: &p.Value})
	}
	return d, s.evaluate(ctx, d, w)
}

// DeleteStack begins to delete a stack. One that is not there is deleted.
func (s *Service) DeleteStack(ctx context.Context, in *DeleteStackInput) error {
	st, err := s.runner.Stack(ctx, account(ctx), s.region, in.StackName)
	switch {
	case errors.Is(err, stack.ErrNoStack):
		return nil
	case err != nil:
		return err
	case st.Status == stack.DeleteComplete || st.Status == stack.DeleteInProgress:
		return nil
	case st.Protected:
		return invalid("Stack [%s] cannot be deleted while TerminationProtection is enabled", st.Name)
	case st.Status == stack.CreateInProgress: // its making is given up, and what was made is deleted
		_, err := s.runner.Modify(ctx, st.ID, func(now *stack.Stack) error {
			now.OnFailure = "DELETE"
			return nil
		})
		if err != nil || s.runner.CancelUpdate(st.ID) {
			return err
		}
		return s.DeleteStack(ctx, in) // it has just ended
	case len(in.RetainResources) > 0 && st.Status != stack.DeleteFailed:
		return invalid("Invalid operation on stack [%s]. When you delete a stack, specify which resources to retain only when the stack is in the DELETE_FAILED state.", st.ID)
	}
	if err := s.retainable(ctx, st, in.RetainResources); err != nil {
		return err
	}
	role := value(in.RoleARN)
	if role == "" {
		role = st.RoleARN
	}
	who, err := s.who(ctx, role, st.ID)
	if err != nil {
		return err
	}
	_, err = s.runner.Begin(ctx, st.ID, func(now *stack.Stack) error {
		if strings.HasSuffix(string(now.Status), "_IN_PROGRESS") && now.Status != stack.ReviewInProgress {
			return invalid("Stack:%s is in %s state and can not be deleted.", now.ID, now.Status)
		}
		now.Status, now.Who, now.Token, now.Retain, now.RoleARN = stack.DeleteInProgress, who, value(in.ClientRequestToken), in.RetainResources, role
		return nil
	})
	if err == nil {
		s.settle(ctx, st.ID)
	}
	return err
}

// retainable refuses to leave resources whose deletion has not failed.
func (s *Service) retainable(ctx context.Context, st *stack.Stack, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	all, err := s.runner.Resources(ctx, st.ID)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if !slices.ContainsFunc(all, func(r *stack.Resource) bool { return r.LogicalID == id }) {
			return invalid("The following resource(s) to retain do not exist in the stack: [%s]", id)
		}
	}
	return nil
}

// CancelUpdateStack has the update under way be rolled back.
func (s *Service) CancelUpdateStack(ctx context.Context, in *CancelUpdateStackInput) error {
	st, err := s.living(ctx, in.StackName)
	if err != nil {
		return err
	}
	if st.Status != stack.UpdateInProgress || !s.runner.CancelUpdate(st.ID) {
		return invalid("CancelUpdateStack cannot be called from current stack status")
	}
	return nil
}

// ContinueUpdateRollback goes on with a rollback that has failed.
func (s *Service) ContinueUpdateRollback(ctx context.Context, in *ContinueUpdateRollbackInput) (*ContinueUpdateRollbackOutput, error) {
	st, err := s.living(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	err = s.rollBack(ctx, st, value(in.RoleARN), value(in.ClientRequestToken), in.ResourcesToSkip, stack.UpdateRollbackFailed)
	return &ContinueUpdateRollbackOutput{}, err
}

// RollbackStack rolls back an update that failed and was left so.
func (s *Service) RollbackStack(ctx context.Context, in *RollbackStackInput) (*RollbackStackOutput, error) {
	st, err := s.living(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	if st.Status == stack.CreateFailed {
		who, err := s.who(ctx, cmp.Or(value(in.RoleARN), st.RoleARN), st.ID)
		if err != nil {
			return nil, err
		}
		_, err = s.runner.Begin(ctx, st.ID, func(now *stack.Stack) error {
			if now.Status != stack.CreateFailed {
				return invalid("Stack:%s is in %s state and can not be rolled back.", now.ID, now.Status)
			}
			now.Status, now.Who, now.Token = stack.RollbackInProgress, who, value(in.ClientRequestToken)
			now.RetainExceptOnCreate = value(in.RetainExceptOnCreate)
			return nil
		})
		return &RollbackStackOutput{StackId: &st.ID}, err
	}
	err = s.rollBack(ctx, st, value(in.RoleARN), value(in.ClientRequestToken), nil, stack.UpdateFailed)
	return &RollbackStackOutput{StackId: &st.ID}, err
}

func (s *Service) rollBack(ctx context.Context, st *stack.Stack, role, token string, skip []string, from stack.Status) error {
	if role == "" {
		role = st.RoleARN
	}
	who, err := s.who(ctx, role, st.ID)
	if err != nil {
		return err
	}
	_, err = s.runner.Begin(ctx, st.ID, func(now *stack.Stack) error {
		if now.Status != from {
			return invalid("Stack:%s is in %s state and can not continue update rollback.", now.ID, now.Status)
		}
		now.Status, now.Who, now.Token, now.Retain = stack.UpdateRollbackInProgress, who, token, skip
		return nil
	})
	return err
}

// UpdateTerminationProtection protects a stack from deletion, or not any more.
func (s *Service) UpdateTerminationProtection(ctx context.Context, in *UpdateTerminationProtectionInput) (*UpdateTerminationProtectionOutput, error) {
	st, err := s.living(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	if st.ParentID != "" {
		return nil, invalid("Termination protection cannot be changed on nested stacks")
	}
	_, err = s.runner.Modify(ctx, st.ID, func(now *stack.Stack) error {
		now.Protected = in.EnableTerminationProtection
		return nil
	})
	return &UpdateTerminationProtectionOutput{StackId: &st.ID}, err
}

// SetStackPolicy sets what updates may change.
func (s *Service) SetStackPolicy(ctx context.Context, in *SetStackPolicyInput) error {
	st, err := s.living(ctx, in.StackName)
	if err != nil {
		return err
	}
	text, err := s.policyText(ctx, in.StackPolicyBody, in.StackPolicyURL)
	if err != nil {
		return err
	}
	_, err = s.runner.Modify(ctx, st.ID, func(now *stack.Stack) error {
		now.Policy = text
		return nil
	})
	return err
}

// GetStackPolicy is the policy that SetStackPolicy set.
func (s *Service) GetStackPolicy(ctx context.Context, in *GetStackPolicyInput) (*GetStackPolicyOutput, error) {
	st, err := s.living(ctx, in.StackName)
	if err != nil {
		return nil, err
	}
	return &GetStackPolicyOutput{StackPolicyBody: nonEmpty(st.Policy)}, nil
}

// SignalResource is for resources that wait for signals, of which there are none here.
func (s *Service) SignalResource(ctx context.Context, in *SignalResourceInput) error {
	st, err := s.living(ctx, in.StackName)
	if err != nil {
		return err
	}
	return invalid("Resource %s of stack %s does not wait for signals", in.LogicalResourceId, st.Name)
}
