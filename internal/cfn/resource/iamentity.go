package resource

import (
	"context"
	"maps"
	"slices"
	"strings"

	"furl/internal/iam"
)

// entity is what roles, users and groups have in common: inline policies, attached ones, a boundary, tags. Its functions
// make the inputs of the operations that are named after its kind.
type entity struct {
	kind            string // Role, User or Group
	putPolicy       func(name, policy, document string) any
	deletePolicy    func(name, policy string) any
	attach, detach  func(name, arn string) any
	bound           func(name, arn string) any
	unbound         func(name string) any
	tag             func(name string, tags []iam.Tag) any
	untag           func(name string, keys []string) any
	deleteOperation func(name string) any
}

func roleEntity() entity {
	return entity{
		kind: "Role",
		putPolicy: func(name, policy, document string) any {
			return &iam.PutRolePolicyRequest{RoleName: name, PolicyName: policy, PolicyDocument: document}
		},
		deletePolicy: func(name, policy string) any { return &iam.DeleteRolePolicyRequest{RoleName: name, PolicyName: policy} },
		attach:       func(name, arn string) any { return &iam.AttachRolePolicyRequest{RoleName: name, PolicyArn: arn} },
		detach:       func(name, arn string) any { return &iam.DetachRolePolicyRequest{RoleName: name, PolicyArn: arn} },
		bound: func(name, arn string) any {
			return &iam.PutRolePermissionsBoundaryRequest{RoleName: name, PermissionsBoundary: arn}
		},
		unbound:         func(name string) any { return &iam.DeleteRolePermissionsBoundaryRequest{RoleName: name} },
		tag:             func(name string, tags []iam.Tag) any { return &iam.TagRoleRequest{RoleName: name, Tags: tags} },
		untag:           func(name string, keys []string) any { return &iam.UntagRoleRequest{RoleName: name, TagKeys: keys} },
		deleteOperation: func(name string) any { return &iam.DeleteRoleRequest{RoleName: name} },
	}
}

func userEntity() entity {
	return entity{
		kind: "User",
		putPolicy: func(name, policy, document string) any {
			return &iam.PutUserPolicyRequest{UserName: name, PolicyName: policy, PolicyDocument: document}
		},
		deletePolicy: func(name, policy string) any { return &iam.DeleteUserPolicyRequest{UserName: name, PolicyName: policy} },
		attach:       func(name, arn string) any { return &iam.AttachUserPolicyRequest{UserName: name, PolicyArn: arn} },
		detach:       func(name, arn string) any { return &iam.DetachUserPolicyRequest{UserName: name, PolicyArn: arn} },
		bound: func(name, arn string) any {
			return &iam.PutUserPermissionsBoundaryRequest{UserName: name, PermissionsBoundary: arn}
		},
		unbound:         func(name string) any { return &iam.DeleteUserPermissionsBoundaryRequest{UserName: name} },
		tag:             func(name string, tags []iam.Tag) any { return &iam.TagUserRequest{UserName: name, Tags: tags} },
		untag:           func(name string, keys []string) any { return &iam.UntagUserRequest{UserName: name, TagKeys: keys} },
		deleteOperation: func(name string) any { return &iam.DeleteUserRequest{UserName: name} },
	}
}

// groupEntity has no boundary and no tags, as AWS's groups.
func groupEntity() entity {
	return entity{
		kind: "Group",
		putPolicy: func(name, policy, document string) any {
			return &iam.PutGroupPolicyRequest{GroupName: name, PolicyName: policy, PolicyDocument: document}
		},
		deletePolicy: func(name, policy string) any {
			return &iam.DeleteGroupPolicyRequest{GroupName: name, PolicyName: policy}
		},
		attach:          func(name, arn string) any { return &iam.AttachGroupPolicyRequest{GroupName: name, PolicyArn: arn} },
		detach:          func(name, arn string) any { return &iam.DetachGroupPolicyRequest{GroupName: name, PolicyArn: arn} },
		deleteOperation: func(name string) any { return &iam.DeleteGroupRequest{GroupName: name} },
	}
}

// setPolicies makes a named entity's policies those of the properties, inline and attached. Of what was there before
// only that is taken away which old names.
func (e entity) setPolicies(ctx context.Context, r *Request, name string, old, next map[string]any) error {
	if err := e.setInline(ctx, r, name, inline(old), inline(next)); err != nil {
		return err
	}
	had, wants := texts(old["ManagedPolicyArns"]), texts(next["ManagedPolicyArns"])
	return e.setAttached(ctx, r, name, had, wants)
}

// setInline writes what differs, then removes what is not wanted any more.
func (e entity) setInline(ctx context.Context, r *Request, name string, had, wants map[string]any) error {
	for _, policy := range slices.Sorted(maps.Keys(wants)) {
		if before, ok := had[policy]; ok && same(before, wants[policy]) {
			continue
		}
		document, err := documentText(wants[policy])
		if err != nil {
			return err
		}
		if err := do(ctx, r, "iam", "Put"+e.kind+"Policy", e.putPolicy(name, policy, document)); err != nil {
			return err
		}
	}
	for _, policy := range slices.Sorted(maps.Keys(had)) {
		if _, ok := wants[policy]; ok {
			continue
		}
		if err := e.dropPolicy(ctx, r, name, policy); err != nil {
			return err
		}
	}
	return nil
}

func (e entity) dropPolicy(ctx context.Context, r *Request, name, policy string) error {
	return ifThere(do(ctx, r, "iam", "Delete"+e.kind+"Policy", e.deletePolicy(name, policy)))
}

func (e entity) setAttached(ctx context.Context, r *Request, name string, had, wants []string) error {
	for _, arn := range wants {
		if slices.Contains(had, arn) {
			continue
		}
		if err := do(ctx, r, "iam", "Attach"+e.kind+"Policy", e.attach(name, arn)); err != nil {
			return err
		}
	}
	for _, arn := range had {
		if slices.Contains(wants, arn) {
			continue
		}
		if err := ifThere(do(ctx, r, "iam", "Detach"+e.kind+"Policy", e.detach(name, arn))); err != nil {
			return err
		}
	}
	return nil
}

// setBoundary sets or removes the permissions boundary if it differs.
func (e entity) setBoundary(ctx context.Context, r *Request, name string, old, next map[string]any) error {
	had, wants := text(old["PermissionsBoundary"]), text(next["PermissionsBoundary"])
	switch {
	case had == wants:
		return nil
	case wants == "":
		return ifThere(do(ctx, r, "iam", "Delete"+e.kind+"PermissionsBoundary", e.unbound(name)))
	}
	return do(ctx, r, "iam", "Put"+e.kind+"PermissionsBoundary", e.bound(name, wants))
}

// setTags makes the entity's tags those of the properties and of the stack.
func (e entity) setTags(ctx context.Context, r *Request, name string, had, wants map[string]string) error {
	set, gone := retagged(had, wants)
	if len(gone) > 0 {
		if err := do(ctx, r, "iam", "Untag"+e.kind, e.untag(name, gone)); err != nil {
			return err
		}
	}
	if len(set) == 0 {
		return nil
	}
	return do(ctx, r, "iam", "Tag"+e.kind, e.tag(name, iamTags(set)))
}

// remove takes the properties' policies from the entity and deletes it. What others gave it stands in the way, as on AWS.
func (e entity) remove(ctx context.Context, r *Request, name string) error {
	if err := e.setPolicies(ctx, r, name, r.Properties, nil); err != nil {
		return err
	}
	return ifThere(do(ctx, r, "iam", "Delete"+e.kind, e.deleteOperation(name)))
}

// inline are the documents of the property Policies by their names.
func inline(properties map[string]any) map[string]any {
	out := map[string]any{}
	list, _ := properties["Policies"].([]any)
	for _, v := range list {
		if one, ok := v.(map[string]any); ok {
			out[text(one["PolicyName"])] = one["PolicyDocument"]
		}
	}
	return out
}

// iamTags are tags as IAM takes them, without those that AWS reserves: IAM's entities do not get them.
func iamTags(tags map[string]string) []iam.Tag {
	out := make([]iam.Tag, 0, len(tags))
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		out = append(out, iam.Tag{Key: key, Value: tags[key]})
	}
	return out
}

// ownTags are the tags of the properties and of the stack, without those that AWS reserves.
func ownTags(properties map[string]any, stack map[string]string) map[string]string {
	out := make(map[string]string, len(stack))
	for key, v := range stack {
		if !strings.HasPrefix(key, "aws:") {
			out[key] = v
		}
	}
	list, _ := properties["Tags"].([]any)
	for _, v := range list {
		if one, ok := v.(map[string]any); ok {
			out[text(one["Key"])] = text(one["Value"])
		}
	}
	if len(out) == 0 { // which operations refuse
		return nil
	}
	return out
}
