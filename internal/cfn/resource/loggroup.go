package resource

import (
	"context"

	"furl/internal/cwlogs"
)

// logGroup is AWS::Logs::LogGroup. Ref is the name. Its ARN is the one with ":*" behind it, as on AWS.
func logGroup() *Type {
	return &Type{
		Name: "AWS::Logs::LogGroup",
		Properties: map[string]Property{
			"BearerTokenAuthenticationEnabled": {Kind: Bool},
			"DataProtectionPolicy":             {Kind: JSON},
			"DeletionProtectionEnabled":        {Kind: Bool},
			"FieldIndexPolicies":               {Kind: JSON},
			"KmsKeyId":                         {Kind: Text},
			"LogGroupClass":                    {Kind: Text, CreateOnly: true},
			"LogGroupName":                     {Kind: Text, CreateOnly: true},
			"ResourcePolicyDocument":           {Kind: JSON},
			"RetentionInDays":                  {Kind: Number},
			"Tags":                             iamTagList(),
		},
		Create: createLogGroup,
		Update: updateLogGroup,
		Delete: func(ctx context.Context, r *Request) error {
			return do(ctx, r, "logs", "DeleteLogGroup", &cwlogs.DeleteLogGroupRequest{LogGroupName: r.PhysicalID}, lambdaMissing)
		},
		Attributes: []string{"Arn"},
	}
}

// plainLogGroup refuses what log groups here do not have.
func plainLogGroup(properties map[string]any) error {
	return notOffered("AWS::Logs::LogGroup", properties, "BearerTokenAuthenticationEnabled", "DataProtectionPolicy", "FieldIndexPolicies", "KmsKeyId", "ResourcePolicyDocument")
}

func logGroupARN(r *Request, name string) string {
	return "arn:" + r.Partition + ":logs:" + r.Region + ":" + r.Account + ":log-group:" + name
}

func logGroupResult(r *Request, name string) *Result {
	return &Result{PhysicalID: name, Attributes: map[string]any{"Arn": logGroupARN(r, name) + ":*"}}
}

func createLogGroup(ctx context.Context, r *Request) (*Result, error) {
	if err := plainLogGroup(r.Properties); err != nil {
		return nil, err
	}
	name := nameOr(r, r.Properties["LogGroupName"], 512)
	in := &cwlogs.CreateLogGroupRequest{LogGroupName: name, Tags: ownTags(r.Properties, r.Tags)}
	if class := text(r.Properties["LogGroupClass"]); class != "" {
		in.LogGroupClass = new(cwlogs.LogGroupClass(class))
	}
	err := do(ctx, r, "logs", "CreateLogGroup", in)
	if err != nil && !(r.Again && codeOf(err) == "ResourceAlreadyExistsException") {
		return nil, err
	}
	return logGroupResult(r, name), setLogGroup(ctx, r, name, nil)
}

func updateLogGroup(ctx context.Context, r *Request) (*Result, error) {
	result := logGroupResult(r, r.PhysicalID)
	if err := plainLogGroup(r.Properties); err != nil {
		return result, err
	}
	if err := setLogGroup(ctx, r, r.PhysicalID, r.Old); err != nil {
		return result, err
	}
	set, gone := retagged(ownTags(r.Old, r.OldTags), ownTags(r.Properties, r.Tags))
	if len(set) > 0 {
		if err := do(ctx, r, "logs", "TagResource", &cwlogs.TagResourceRequest{ResourceArn: logGroupARN(r, r.PhysicalID), Tags: set}); err != nil {
			return result, err
		}
	}
	if len(gone) > 0 {
		return result, do(ctx, r, "logs", "UntagResource", &cwlogs.UntagResourceRequest{ResourceArn: logGroupARN(r, r.PhysicalID), TagKeys: gone})
	}
	return result, nil
}

// setLogGroup sets retention and protection as far as they differ.
func setLogGroup(ctx context.Context, r *Request, name string, old map[string]any) error {
	if was, days := number(old["RetentionInDays"]), number(r.Properties["RetentionInDays"]); was != days {
		operation, in := "PutRetentionPolicy", any(&cwlogs.PutRetentionPolicyRequest{LogGroupName: name, RetentionInDays: days})
		if days == 0 {
			operation, in = "DeleteRetentionPolicy", &cwlogs.DeleteRetentionPolicyRequest{LogGroupName: name}
		}
		if err := do(ctx, r, "logs", operation, in); err != nil {
			return err
		}
	}
	was, _ := boolOf(old["DeletionProtectionEnabled"])
	protect, _ := boolOf(r.Properties["DeletionProtectionEnabled"])
	if was == protect {
		return nil
	}
	in := &cwlogs.PutLogGroupDeletionProtectionRequest{LogGroupIdentifier: name, DeletionProtectionEnabled: protect}
	return do(ctx, r, "logs", "PutLogGroupDeletionProtection", in)
}
