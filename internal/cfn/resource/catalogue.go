package resource

import (
	"maps"
	"slices"
)

// catalogue are the types by name. Those that a stack carries out by itself, such as stacks within it, are package stack's.
func catalogue() map[string]func() *Type {
	return map[string]func() *Type{
		"AWS::CDK::Metadata":                       cdkMetadata,
		"AWS::CloudFormation::WaitConditionHandle": waitConditionHandle,
		"AWS::ECR::Repository":                     ecrRepository,
		"AWS::IAM::AccessKey":                      iamAccessKey,
		"AWS::IAM::Group":                          iamGroup,
		"AWS::IAM::GroupPolicy":                    func() *Type { return iamInlinePolicy(groupEntity()) },
		"AWS::IAM::ManagedPolicy":                  iamManagedPolicy,
		"AWS::IAM::Policy":                         iamPolicy,
		"AWS::IAM::Role":                           iamRole,
		"AWS::IAM::RolePolicy":                     func() *Type { return iamInlinePolicy(roleEntity()) },
		"AWS::IAM::User":                           iamUser,
		"AWS::IAM::UserPolicy":                     func() *Type { return iamInlinePolicy(userEntity()) },
		"AWS::IAM::UserToGroupAddition":            iamUserToGroupAddition,
		"AWS::Lambda::Alias":                       lambdaAlias,
		"AWS::Lambda::EventInvokeConfig":           lambdaEventInvokeConfig,
		"AWS::Lambda::Function":                    lambdaFunction,
		"AWS::Lambda::LayerVersion":                lambdaLayerVersion,
		"AWS::Lambda::LayerVersionPermission":      lambdaLayerVersionPermission,
		"AWS::Lambda::Permission":                  lambdaPermission,
		"AWS::Lambda::Url":                         lambdaURL,
		"AWS::Lambda::Version":                     lambdaVersion,
		"AWS::Logs::LogGroup":                      logGroup,
		"AWS::S3::Bucket":                          bucket,
		"AWS::S3::BucketPolicy":                    bucketPolicy,
		"AWS::SSM::Parameter":                      ssmParameter,
	}
}

// Lookup is the type of a name, or nil.
func Lookup(name string) *Type {
	if make := catalogue()[name]; make != nil {
		return make()
	}
	return nil
}

// Names are the names of all types, sorted.
func Names() []string { return slices.Sorted(maps.Keys(catalogue())) }
