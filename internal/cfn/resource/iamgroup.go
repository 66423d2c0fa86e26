package resource

import (
	"context"
	"slices"

	"furl/internal/iam"
)

// iamGroup is AWS::IAM::Group. Ref is the name.
func iamGroup() *Type {
	return &Type{
		Name:       "AWS::IAM::Group",
		Properties: iamGroupProperties(),
		Create:     createGroup,
		Update: func(ctx context.Context, r *Request) (*Result, error) {
			return groupResult(ctx, r, r.PhysicalID, changeGroup(ctx, r, r.PhysicalID))
		},
		Delete: func(ctx context.Context, r *Request) error {
			return groupEntity().remove(ctx, r, r.PhysicalID)
		},
		Capability: namedIAM("GroupName"),
		Attributes: []string{"Arn"},
	}
}

func createGroup(ctx context.Context, r *Request) (*Result, error) {
	name := nameOr(r, r.Properties["GroupName"], 128)
	err := do(ctx, r, "iam", "CreateGroup", &iam.CreateGroupRequest{GroupName: name, Path: optionalText(r.Properties["Path"])})
	if err != nil && !ours(r, err) {
		return nil, err
	}
	return groupResult(ctx, r, name, groupEntity().setPolicies(ctx, r, name, nil, r.Properties))
}

func changeGroup(ctx context.Context, r *Request, name string) error {
	if !same(r.Old["Path"], r.Properties["Path"]) {
		in := &iam.UpdateGroupRequest{GroupName: name, NewPath: new(pathOr(r.Properties["Path"]))}
		if err := do(ctx, r, "iam", "UpdateGroup", in); err != nil {
			return err
		}
	}
	return groupEntity().setPolicies(ctx, r, name, r.Old, r.Properties)
}

// groupResult is what there is of a group after a step that may have failed.
func groupResult(ctx context.Context, r *Request, name string, failed error) (*Result, error) {
	result := &Result{PhysicalID: name}
	if failed != nil {
		return result, failed
	}
	out, err := invoke[iam.GetGroupResponse](ctx, r, "iam", "GetGroup", &iam.GetGroupRequest{GroupName: name})
	if err != nil {
		return result, err
	}
	result.Attributes = map[string]any{"Arn": out.Group.Arn}
	return result, nil
}

// iamUserToGroupAddition is AWS::IAM::UserToGroupAddition: users of a group. Ref is a name that is made.
func iamUserToGroupAddition() *Type {
	return &Type{
		Name:       "AWS::IAM::UserToGroupAddition",
		Properties: iamUserToGroupAdditionProperties(),
		Create: func(ctx context.Context, r *Request) (*Result, error) {
			return &Result{PhysicalID: r.Name(128)}, setMembers(ctx, r, nil, r.Properties)
		},
		Update: func(ctx context.Context, r *Request) (*Result, error) {
			return &Result{PhysicalID: r.PhysicalID}, setMembers(ctx, r, r.Old, r.Properties)
		},
		Delete: func(ctx context.Context, r *Request) error {
			return setMembers(ctx, r, r.Properties, nil)
		},
		Capability: anyIAM,
	}
}

// setMembers has the users join that are wanted, and those leave that were named before and are not any more.
func setMembers(ctx context.Context, r *Request, old, next map[string]any) error {
	before, group := text(old["GroupName"]), text(next["GroupName"])
	had, wants := texts(old["Users"]), texts(next["Users"])
	for _, user := range wants {
		if before == group && slices.Contains(had, user) {
			continue
		}
		if err := join(ctx, r, user, group); err != nil {
			return err
		}
	}
	for _, user := range had {
		if before == group && slices.Contains(wants, user) {
			continue
		}
		if err := leave(ctx, r, user, before); err != nil {
			return err
		}
	}
	return nil
}
