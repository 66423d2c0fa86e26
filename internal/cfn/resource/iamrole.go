package resource

import (
	"context"

	"furl/internal/iam"
)

// iamRole is AWS::IAM::Role. Ref is the name. Policies that were given to it outside of the stack stand in the way of its
// deletion, as on AWS.
func iamRole() *Type {
	return &Type{
		Name:       "AWS::IAM::Role",
		Properties: iamRoleProperties(),
		Create:     createRole,
		Update:     updateRole,
		Delete: func(ctx context.Context, r *Request) error {
			return roleEntity().remove(ctx, r, r.PhysicalID)
		},
		Capability: namedIAM("RoleName"),
		Attributes: []string{"Arn", "RoleId"},
	}
}

func createRole(ctx context.Context, r *Request) (*Result, error) {
	name := nameOr(r, r.Properties["RoleName"], 64)
	trust, err := documentText(r.Properties["AssumeRolePolicyDocument"])
	if err != nil {
		return nil, err
	}
	err = do(ctx, r, "iam", "CreateRole", &iam.CreateRoleRequest{
		RoleName:                 name,
		Path:                     optionalText(r.Properties["Path"]),
		AssumeRolePolicyDocument: trust,
		Description:              optionalText(r.Properties["Description"]),
		MaxSessionDuration:       seconds(r.Properties["MaxSessionDuration"]),
		PermissionsBoundary:      optionalText(r.Properties["PermissionsBoundary"]),
		Tags:                     iamTags(ownTags(r.Properties, r.Tags)),
	})
	if err != nil && !ours(r, err) {
		return nil, err
	}
	return roleResult(ctx, r, name, roleEntity().setPolicies(ctx, r, name, nil, r.Properties))
}

// roleResult is what there is of a role after a step that may have failed.
func roleResult(ctx context.Context, r *Request, name string, failed error) (*Result, error) {
	result := &Result{PhysicalID: name}
	if failed != nil {
		return result, failed
	}
	out, err := invoke[iam.GetRoleResponse](ctx, r, "iam", "GetRole", &iam.GetRoleRequest{RoleName: name})
	if err != nil {
		return result, err
	}
	result.Attributes = map[string]any{"Arn": out.Role.Arn, "RoleId": out.Role.RoleId}
	return result, nil
}

func updateRole(ctx context.Context, r *Request) (*Result, error) {
	return roleResult(ctx, r, r.PhysicalID, changeRole(ctx, r, r.PhysicalID))
}

func changeRole(ctx context.Context, r *Request, name string) error {
	old, next, e := r.Old, r.Properties, roleEntity()
	if !same(old["AssumeRolePolicyDocument"], next["AssumeRolePolicyDocument"]) {
		trust, err := documentText(next["AssumeRolePolicyDocument"])
		if err != nil {
			return err
		}
		if err := do(ctx, r, "iam", "UpdateAssumeRolePolicy", &iam.UpdateAssumeRolePolicyRequest{RoleName: name, PolicyDocument: trust}); err != nil {
			return err
		}
	}
	if !same(old["Description"], next["Description"]) || !same(old["MaxSessionDuration"], next["MaxSessionDuration"]) {
		duration := seconds(next["MaxSessionDuration"])
		if duration == nil {
			duration = new(3600) // the default
		}
		in := &iam.UpdateRoleRequest{RoleName: name, Description: new(text(next["Description"])), MaxSessionDuration: duration}
		if err := do(ctx, r, "iam", "UpdateRole", in); err != nil {
			return err
		}
	}
	if err := e.setBoundary(ctx, r, name, old, next); err != nil {
		return err
	}
	if err := e.setPolicies(ctx, r, name, old, next); err != nil {
		return err
	}
	return e.setTags(ctx, r, name, ownTags(old, r.OldTags), ownTags(next, r.Tags))
}

// seconds reads the property MaxSessionDuration, nil where it is absent.
func seconds(v any) *int {
	n, ok := wholeOf(v)
	if !ok {
		return nil
	}
	return new(int(n))
}

// nameOr is the name that a property gives, else one that is made of the stack's, the resource's and a suffix.
func nameOr(r *Request, property any, most int) string {
	if name := text(property); name != "" {
		return name
	}
	return r.Name(most)
}
