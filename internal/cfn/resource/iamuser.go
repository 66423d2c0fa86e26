package resource

import (
	"context"
	"slices"

	"furl/internal/iam"
)

// iamUser is AWS::IAM::User. Ref is the name. There are no passwords here, so LoginProfile is refused.
func iamUser() *Type {
	return &Type{
		Name:       "AWS::IAM::User",
		Properties: iamUserProperties(),
		Create:     createUser,
		Update:     updateUser,
		Delete:     deleteUser,
		Capability: namedIAM("UserName"),
		Attributes: []string{"Arn"},
	}
}

func createUser(ctx context.Context, r *Request) (*Result, error) {
	if err := notOffered("AWS::IAM::User", r.Properties, "LoginProfile"); err != nil {
		return nil, err
	}
	name := nameOr(r, r.Properties["UserName"], 64)
	err := do(ctx, r, "iam", "CreateUser", &iam.CreateUserRequest{
		UserName:            name,
		Path:                optionalText(r.Properties["Path"]),
		PermissionsBoundary: optionalText(r.Properties["PermissionsBoundary"]),
		Tags:                iamTags(ownTags(r.Properties, r.Tags)),
	})
	if err != nil && !ours(r, err) {
		return nil, err
	}
	if err = userEntity().setPolicies(ctx, r, name, nil, r.Properties); err == nil {
		err = setGroups(ctx, r, name, nil, texts(r.Properties["Groups"]))
	}
	return userResult(ctx, r, name, err)
}

// userResult is what there is of a user after a step that may have failed.
func userResult(ctx context.Context, r *Request, name string, failed error) (*Result, error) {
	result := &Result{PhysicalID: name}
	if failed != nil {
		return result, failed
	}
	out, err := invoke[iam.GetUserResponse](ctx, r, "iam", "GetUser", &iam.GetUserRequest{UserName: &name})
	if err != nil {
		return result, err
	}
	result.Attributes = map[string]any{"Arn": out.User.Arn}
	return result, nil
}

func updateUser(ctx context.Context, r *Request) (*Result, error) {
	return userResult(ctx, r, r.PhysicalID, changeUser(ctx, r, r.PhysicalID))
}

func changeUser(ctx context.Context, r *Request, name string) error {
	old, next, e := r.Old, r.Properties, userEntity()
	if err := notOffered("AWS::IAM::User", next, "LoginProfile"); err != nil {
		return err
	}
	if !same(old["Path"], next["Path"]) {
		if err := do(ctx, r, "iam", "UpdateUser", &iam.UpdateUserRequest{UserName: name, NewPath: new(pathOr(next["Path"]))}); err != nil {
			return err
		}
	}
	if err := e.setBoundary(ctx, r, name, old, next); err != nil {
		return err
	}
	if err := e.setPolicies(ctx, r, name, old, next); err != nil {
		return err
	}
	if err := setGroups(ctx, r, name, texts(old["Groups"]), texts(next["Groups"])); err != nil {
		return err
	}
	return e.setTags(ctx, r, name, ownTags(old, r.OldTags), ownTags(next, r.Tags))
}

func deleteUser(ctx context.Context, r *Request) error {
	if err := setGroups(ctx, r, r.PhysicalID, texts(r.Properties["Groups"]), nil); err != nil {
		return err
	}
	return userEntity().remove(ctx, r, r.PhysicalID)
}

// setGroups makes a user's groups those that are wanted; of the others only those go that were named before.
func setGroups(ctx context.Context, r *Request, user string, had, wants []string) error {
	for _, group := range wants {
		if slices.Contains(had, group) {
			continue
		}
		if err := join(ctx, r, user, group); err != nil {
			return err
		}
	}
	for _, group := range had {
		if slices.Contains(wants, group) {
			continue
		}
		if err := leave(ctx, r, user, group); err != nil {
			return err
		}
	}
	return nil
}

func join(ctx context.Context, r *Request, user, group string) error {
	return do(ctx, r, "iam", "AddUserToGroup", &iam.AddUserToGroupRequest{UserName: user, GroupName: group})
}

func leave(ctx context.Context, r *Request, user, group string) error {
	return ifThere(do(ctx, r, "iam", "RemoveUserFromGroup", &iam.RemoveUserFromGroupRequest{UserName: user, GroupName: group}))
}

// pathOr is a path, "/" where none is given.
func pathOr(v any) string {
	if path := text(v); path != "" {
		return path
	}
	return "/"
}
