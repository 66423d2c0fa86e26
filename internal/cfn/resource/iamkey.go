package resource

import (
	"context"
	"slices"
	"strings"

	"furl/internal/iam"
)

// iamAccessKey is AWS::IAM::AccessKey. Ref is the key's id. The secret is known when the key is made and never again: it is
// an attribute, which whoever records it must seal.
func iamAccessKey() *Type {
	return &Type{
		Name:       "AWS::IAM::AccessKey",
		Properties: iamAccessKeyProperties(),
		Create:     createKey,
		Update: func(ctx context.Context, r *Request) (*Result, error) {
			result := &Result{PhysicalID: r.PhysicalID, Attributes: r.Attributes}
			if same(r.Old["Status"], r.Properties["Status"]) {
				return result, nil
			}
			return result, setStatus(ctx, r, r.PhysicalID, text(r.Properties["Status"]))
		},
		Delete:     deleteKey,
		Capability: anyIAM,
		Attributes: []string{"SecretAccessKey"},
	}
}

// pending begins the id that is saved before a key is made: the keys that the user had then follow. A key has no name by
// which an earlier try's could be told, and without its secret it is of no use.
const pending = "pending:"

func createKey(ctx context.Context, r *Request) (*Result, error) {
	user := text(r.Properties["UserName"])
	if err := dropUnknown(ctx, r, user); err != nil {
		return nil, err
	}
	had, err := keysOf(ctx, r, user)
	if err != nil {
		return nil, err
	}
	if err := r.Save(pending + strings.Join(had, ",")); err != nil {
		return nil, err
	}
	out, err := invoke[iam.CreateAccessKeyResponse](ctx, r, "iam", "CreateAccessKey", &iam.CreateAccessKeyRequest{UserName: &user})
	if err != nil {
		return nil, err
	}
	key := out.AccessKey
	result := &Result{PhysicalID: key.AccessKeyId, Attributes: map[string]any{"SecretAccessKey": key.SecretAccessKey}}
	if status := text(r.Properties["Status"]); status == string(iam.StatusTypeInactive) {
		return result, setStatus(ctx, r, key.AccessKeyId, status)
	}
	return result, nil
}

// dropUnknown deletes the key that an earlier try may have made, whose secret is lost: one that was not there before it and
// has never been used.
func dropUnknown(ctx context.Context, r *Request, user string) error {
	before, ok := strings.CutPrefix(r.PhysicalID, pending)
	if !r.Again || !ok {
		return nil
	}
	now, err := keysOf(ctx, r, user)
	if err != nil {
		return err
	}
	for _, id := range now {
		if slices.Contains(strings.Split(before, ","), id) {
			continue
		}
		used, err := invoke[iam.GetAccessKeyLastUsedResponse](ctx, r, "iam", "GetAccessKeyLastUsed", &iam.GetAccessKeyLastUsedRequest{AccessKeyId: id})
		if err != nil {
			return err
		}
		if used.AccessKeyLastUsed != nil && used.AccessKeyLastUsed.LastUsedDate != nil {
			continue
		}
		if err := dropKey(ctx, r, user, id); err != nil {
			return err
		}
	}
	return nil
}

// keysOf are the ids of a user's access keys.
func keysOf(ctx context.Context, r *Request, user string) ([]string, error) {
	out, err := invoke[iam.ListAccessKeysResponse](ctx, r, "iam", "ListAccessKeys", &iam.ListAccessKeysRequest{UserName: &user})
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, key := range out.AccessKeyMetadata {
		ids = append(ids, *key.AccessKeyId)
	}
	return ids, nil
}

func setStatus(ctx context.Context, r *Request, id, status string) error {
	if status == "" {
		status = string(iam.StatusTypeActive)
	}
	user := text(r.Properties["UserName"])
	return do(ctx, r, "iam", "UpdateAccessKey", &iam.UpdateAccessKeyRequest{UserName: &user, AccessKeyId: id, Status: iam.StatusType(status)})
}

func dropKey(ctx context.Context, r *Request, user, id string) error {
	return ifThere(do(ctx, r, "iam", "DeleteAccessKey", &iam.DeleteAccessKeyRequest{UserName: &user, AccessKeyId: id}))
}

func deleteKey(ctx context.Context, r *Request) error {
	user := text(r.Properties["UserName"])
	if strings.HasPrefix(r.PhysicalID, pending) {
		lost := *r
		lost.Again = true
		return ifThere(dropUnknown(ctx, &lost, user))
	}
	return dropKey(ctx, r, user, r.PhysicalID)
}
