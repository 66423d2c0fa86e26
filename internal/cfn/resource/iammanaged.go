package resource

import (
	"context"
	"encoding/json"
	"net/url"
	"reflect"
	"strconv"
	"time"

	"furl/internal/iam"
)

// iamManagedPolicy is AWS::IAM::ManagedPolicy. Ref is the ARN. A changed document is a new version, the default one;
// where there are five already, the oldest goes.
func iamManagedPolicy() *Type {
	return &Type{
		Name:       "AWS::IAM::ManagedPolicy",
		Properties: iamManagedPolicyProperties(),
		Create:     createManaged,
		Update: func(ctx context.Context, r *Request) (*Result, error) {
			return managedResult(ctx, r, r.PhysicalID, changeManaged(ctx, r, r.PhysicalID))
		},
		Delete:     deleteManaged,
		Capability: namedIAM("ManagedPolicyName"),
		Attributes: []string{
			"PolicyArn", "PolicyId", "AttachmentCount", "CreateDate", "UpdateDate", "DefaultVersionId", "IsAttachable",
			"PermissionsBoundaryUsageCount",
		},
	}
}

func createManaged(ctx context.Context, r *Request) (*Result, error) {
	name := nameOr(r, r.Properties["ManagedPolicyName"], 128)
	document, err := documentText(r.Properties["PolicyDocument"])
	if err != nil {
		return nil, err
	}
	err = do(ctx, r, "iam", "CreatePolicy", &iam.CreatePolicyRequest{
		PolicyName:     name,
		Path:           optionalText(r.Properties["Path"]),
		PolicyDocument: document,
		Description:    optionalText(r.Properties["Description"]),
	})
	if err != nil && !ours(r, err) {
		return nil, err
	}
	arn := "arn:" + r.Partition + ":iam::" + r.Account + ":policy" + pathOr(r.Properties["Path"]) + name
	return managedResult(ctx, r, arn, setHolders(ctx, r, arn, nil, r.Properties))
}

// setHolders attaches the policy to all who are to have it, and detaches it from those who had it and are not to any more.
func setHolders(ctx context.Context, r *Request, arn string, old, next map[string]any) error {
	for _, h := range holders() {
		had, wants := holding(old, h.list, arn), holding(next, h.list, arn)
		for _, name := range union(texts(next[h.list]), texts(old[h.list])) {
			if err := h.setAttached(ctx, r, name, had[name], wants[name]); err != nil {
				return err
			}
		}
	}
	return nil
}

func holding(properties map[string]any, list, arn string) map[string][]string {
	out := map[string][]string{}
	for _, name := range texts(properties[list]) {
		out[name] = []string{arn}
	}
	return out
}

func changeManaged(ctx context.Context, r *Request, arn string) error {
	if !same(r.Old["PolicyDocument"], r.Properties["PolicyDocument"]) {
		if err := newVersion(ctx, r, arn); err != nil {
			return err
		}
	}
	return setHolders(ctx, r, arn, r.Old, r.Properties)
}

// newVersion makes the document the default version, unless an earlier try has.
func newVersion(ctx context.Context, r *Request, arn string) error {
	document, err := documentText(r.Properties["PolicyDocument"])
	if err != nil {
		return err
	}
	versions, err := policyVersions(ctx, r, arn)
	if err != nil {
		return err
	}
	var oldest string
	for _, v := range versions { // newest first
		if v.IsDefaultVersion == nil || !*v.IsDefaultVersion {
			oldest = *v.VersionId
			continue
		}
		in := &iam.GetPolicyVersionRequest{PolicyArn: arn, VersionId: *v.VersionId}
		now, err := invoke[iam.GetPolicyVersionResponse](ctx, r, "iam", "GetPolicyVersion", in)
		if err != nil {
			return err
		}
		if sameDocument(now.PolicyVersion.Document, document) {
			return nil
		}
	}
	if len(versions) >= maxPolicyVersions && oldest != "" {
		in := &iam.DeletePolicyVersionRequest{PolicyArn: arn, VersionId: oldest}
		if err := ifThere(do(ctx, r, "iam", "DeletePolicyVersion", in)); err != nil {
			return err
		}
	}
	return do(ctx, r, "iam", "CreatePolicyVersion", &iam.CreatePolicyVersionRequest{PolicyArn: arn, PolicyDocument: document, SetAsDefault: new(true)})
}

// maxPolicyVersions is how many versions a managed policy can have.
const maxPolicyVersions = 5

func policyVersions(ctx context.Context, r *Request, arn string) ([]iam.PolicyVersion, error) {
	out, err := invoke[iam.ListPolicyVersionsResponse](ctx, r, "iam", "ListPolicyVersions", &iam.ListPolicyVersionsRequest{PolicyArn: arn})
	if err != nil {
		return nil, err
	}
	return out.Versions, nil
}

// sameDocument compares an encoded document, as IAM answers it, with one that is to be written.
func sameDocument(encoded *string, document string) bool {
	if encoded == nil {
		return false
	}
	have, err := url.PathUnescape(*encoded)
	if err != nil {
		return false
	}
	var a, b any
	return json.Unmarshal([]byte(have), &a) == nil && json.Unmarshal([]byte(document), &b) == nil && reflect.DeepEqual(a, b)
}

func managedResult(ctx context.Context, r *Request, arn string, failed error) (*Result, error) {
	result := &Result{PhysicalID: arn}
	if failed != nil {
		return result, failed
	}
	out, err := invoke[iam.GetPolicyResponse](ctx, r, "iam", "GetPolicy", &iam.GetPolicyRequest{PolicyArn: arn})
	if err != nil {
		return result, err
	}
	p := out.Policy
	result.Attributes = map[string]any{
		"PolicyArn":                     arn,
		"PolicyId":                      *p.PolicyId,
		"AttachmentCount":               strconv.Itoa(*p.AttachmentCount),
		"CreateDate":                    p.CreateDate.UTC().Format(time.RFC3339),
		"UpdateDate":                    p.UpdateDate.UTC().Format(time.RFC3339),
		"DefaultVersionId":              *p.DefaultVersionId,
		"IsAttachable":                  strconv.FormatBool(*p.IsAttachable),
		"PermissionsBoundaryUsageCount": strconv.Itoa(*p.PermissionsBoundaryUsageCount),
	}
	return result, nil
}

func deleteManaged(ctx context.Context, r *Request) error {
	arn := r.PhysicalID
	if err := setHolders(ctx, r, arn, r.Properties, nil); err != nil {
		return err
	}
	versions, err := policyVersions(ctx, r, arn)
	if codeOf(err) == "NoSuchEntity" {
		return nil
	}
	if err != nil {
		return err
	}
	for _, v := range versions {
		if v.IsDefaultVersion != nil && *v.IsDefaultVersion {
			continue
		}
		in := &iam.DeletePolicyVersionRequest{PolicyArn: arn, VersionId: *v.VersionId}
		if err := ifThere(do(ctx, r, "iam", "DeletePolicyVersion", in)); err != nil {
			return err
		}
	}
	return ifThere(do(ctx, r, "iam", "DeletePolicy", &iam.DeletePolicyRequest{PolicyArn: arn}))
}
