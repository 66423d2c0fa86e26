package resource

import (
	"context"
	"slices"
	"strings"

	"furl/internal/awsapi"
)

// holder is an entity, and the property that lists those of its kind.
type holder struct {
	entity
	list string
}

func holders() []holder {
	return []holder{{roleEntity(), "Roles"}, {userEntity(), "Users"}, {groupEntity(), "Groups"}}
}

// iamPolicy is AWS::IAM::Policy: one inline policy of several roles, users and groups. Ref is a name that is made.
func iamPolicy() *Type {
	return &Type{
		Name:       "AWS::IAM::Policy",
		Properties: iamPolicyProperties(),
		Create: func(ctx context.Context, r *Request) (*Result, error) {
			return setPolicy(ctx, r, r.Name(128), nil, r.Properties)
		},
		Update: func(ctx context.Context, r *Request) (*Result, error) {
			return setPolicy(ctx, r, r.PhysicalID, r.Old, r.Properties)
		},
		Delete: func(ctx context.Context, r *Request) error {
			_, err := setPolicy(ctx, r, r.PhysicalID, r.Properties, nil)
			return err
		},
		Capability: anyIAM,
		Attributes: []string{"Id"},
	}
}

// setPolicy writes the policy to all who are to have it, and removes it from those who had it and are not to any more.
func setPolicy(ctx context.Context, r *Request, id string, old, next map[string]any) (*Result, error) {
	result := &Result{PhysicalID: id, Attributes: map[string]any{"Id": id}}
	if next != nil && !slices.ContainsFunc(holders(), func(h holder) bool { return len(texts(next[h.list])) > 0 }) {
		return nil, awsapi.ValidationException("At least one of [Groups,Roles,Users] must be non-empty.")
	}
	before, name := text(old["PolicyName"]), text(next["PolicyName"])
	for _, h := range holders() {
		had, wants := inlineOf(old, before, texts(old[h.list])), inlineOf(next, name, texts(next[h.list]))
		for _, holder := range union(texts(next[h.list]), texts(old[h.list])) {
			if err := h.setInline(ctx, r, holder, had[holder], wants[holder]); err != nil {
				return result, err
			}
		}
	}
	return result, nil
}

// inlineOf is the policy as each of its holders has it.
func inlineOf(properties map[string]any, name string, holders []string) map[string]map[string]any {
	out := make(map[string]map[string]any, len(holders))
	for _, holder := range holders {
		out[holder] = map[string]any{name: properties["PolicyDocument"]}
	}
	return out
}

// union lists what is in a, then what is in b only.
func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, one := range b {
		if !slices.Contains(out, one) {
			out = append(out, one)
		}
	}
	return out
}

// iamInlinePolicy is AWS::IAM::RolePolicy, UserPolicy or GroupPolicy: one inline policy of one entity. Ref is the
// policy's name and the entity's.
func iamInlinePolicy(e entity) *Type {
	owner := e.kind + "Name"
	return &Type{
		Name:       "AWS::IAM::" + e.kind + "Policy",
		Properties: iamInlinePolicyProperties(owner),
		Create: func(ctx context.Context, r *Request) (*Result, error) {
			policy, name := text(r.Properties["PolicyName"]), text(r.Properties[owner])
			wants := map[string]any{policy: r.Properties["PolicyDocument"]}
			if err := e.setInline(ctx, r, name, nil, wants); err != nil {
				return nil, err
			}
			return &Result{PhysicalID: policy + "|" + name}, nil
		},
		Update: func(ctx context.Context, r *Request) (*Result, error) {
			policy, name, _ := strings.Cut(r.PhysicalID, "|")
			had, wants := map[string]any{policy: r.Old["PolicyDocument"]}, map[string]any{policy: r.Properties["PolicyDocument"]}
			return &Result{PhysicalID: r.PhysicalID}, e.setInline(ctx, r, name, had, wants)
		},
		Delete: func(ctx context.Context, r *Request) error {
			policy, name, _ := strings.Cut(r.PhysicalID, "|")
			return e.dropPolicy(ctx, r, name, policy)
		},
		Capability: anyIAM,
	}
}
