package lambda

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"furl/internal/state"
)

// checkCreate refuses what a new function cannot have.
func checkCreate(in *CreateFunctionRequest) error {
	given := created(in)
	switch {
	case value(in.PackageType) == PackageTypeImage || in.Code.ImageUri != nil:
		return notOffered("Functions of package type Image")
	case in.PublishTo != nil:
		return notOffered("Managed instances")
	case given.check("function") != nil:
		return given.check("function")
	case in.Runtime == nil || in.Handler == nil:
		return InvalidParameterValueException("Runtime and Handler are mandatory parameters for functions created with deployment packages.")
	case value(in.Code.SourceKMSKeyArn) != "":
		return notOffered("Encryption with a KMS key")
	case in.CodeSigningConfigArn != nil:
		return notOffered("Code signing")
	case in.TenancyConfig != nil:
		return notOffered("Tenant isolation")
	case in.CapacityProviderConfig != nil:
		return notOffered("Capacity providers")
	case in.DurableConfig != nil:
		return notOffered("Durable functions")
	case in.RuntimeConfig != nil || in.AcceleratorConfig != nil:
		return notOffered("Customer-managed runtimes and accelerators")
	case len(in.Tags) > maxTags:
		return tooManyTags()
	}
	if err := checkExtras(in.FileSystemConfigs, in.ImageConfig, in.VpcConfig, in.KMSKeyArn, in.DeadLetterConfig); err != nil {
		return err
	}
	if err := checkRuntime(*in.Runtime); err != nil {
		return err
	}
	if err := checkSnapStart(in.SnapStart, string(*in.Runtime)); err != nil {
		return err
	}
	if err := checkLogging(in.LoggingConfig, string(LogFormatText)); err != nil {
		return err
	}
	return checkEnvironment(in.Environment)
}

// created is the archive that a new function is made of.
func created(in *CreateFunctionRequest) *archive {
	c := &in.Code
	return &archive{zip: c.ZipFile, bucket: c.S3Bucket, key: c.S3Key, version: c.S3ObjectVersion}
}

// maxTags is how many tags a function may have.
const maxTags = 50

// checkUpdate refuses what a function cannot be changed to.
func (s *Service) checkUpdate(in *UpdateFunctionConfigurationRequest, v *state.Version) error {
	switch {
	case in.CapacityProviderConfig != nil:
		return notOffered("Capacity providers")
	case in.DurableConfig != nil:
		return notOffered("Durable functions")
	case in.RuntimeConfig != nil || in.AcceleratorConfig != nil:
		return notOffered("Customer-managed runtimes and accelerators")
	}
	if err := checkExtras(in.FileSystemConfigs, in.ImageConfig, in.VpcConfig, in.KMSKeyArn, in.DeadLetterConfig); err != nil {
		return err
	}
	if in.Runtime != nil {
		if err := checkRuntime(*in.Runtime); err != nil {
			return err
		}
	}
	if err := checkSnapStart(in.SnapStart, orDefault(string(value(in.Runtime)), v.Runtime)); err != nil {
		return err
	}
	if err := checkLogging(in.LoggingConfig, v.Logging.Format); err != nil {
		return err
	}
	if err := checkEnvironment(in.Environment); err != nil {
		return err
	}
	if in.Role != nil {
		return s.checkRole(*in.Role)
	}
	return nil
}

// checkUpdateCode refuses code that a function cannot be given.
func checkUpdateCode(in *UpdateFunctionCodeRequest) error {
	switch {
	case in.PublishTo != nil:
		return notOffered("Managed instances")
	case in.ImageUri != nil:
		return InvalidParameterValueException("Please don't provide ImageUri when updating a function with packageType Zip.")
	case value(in.SourceKMSKeyArn) != "":
		return notOffered("Encryption with a KMS key")
	}
	return updated(in).check("function")
}

// updated is the archive that an update names.
func updated(in *UpdateFunctionCodeRequest) *archive {
	return &archive{zip: in.ZipFile, bucket: in.S3Bucket, key: in.S3Key, version: in.S3ObjectVersion}
}

// notOffered refuses a feature of AWS that this server does not have, rather
// than pretend to have it.
func notOffered(what string) error {
	return InvalidParameterValueException("%s: not offered by this server.", what)
}

// checkExtras refuses what a function can be tied to on AWS and that does not
// exist here: a function must not seem to be in a network or under a key in
// which it is not.
func checkExtras(fileSystems []FileSystemConfig, image *ImageConfig, vpc *VpcConfig, key *string, letters *DeadLetterConfig) error {
	switch {
	case len(fileSystems) > 0:
		return notOffered("File systems")
	case image != nil:
		return InvalidParameterValueException("Please don't provide ImageConfig when creating or updating a function with packageType Zip.")
	case vpc != nil && len(vpc.SubnetIds) > 0:
		return InvalidParameterValueException("Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. "+
			"EC2 Error Message: The subnet ID '%s' does not exist", vpc.SubnetIds[0])
	case vpc != nil && len(vpc.SecurityGroupIds) > 0:
		return InvalidParameterValueException("Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. "+
			"EC2 Error Message: The security group '%s' does not exist", vpc.SecurityGroupIds[0])
	case value(key) != "":
		return notOffered("Encryption with a KMS key")
	case letters != nil && value(letters.TargetArn) != "":
		return InvalidParameterValueException("The dead-letter target %s: not offered by this server, which has no queues and no topics. "+
			"Give the function an OnFailure destination that is a function: aws lambda put-function-event-invoke-config", *letters.TargetArn)
	}
	return nil
}

// checkSnapStart refuses SnapStart for runtimes that AWS does not offer it for.
// It concerns published versions only.
func checkSnapStart(s *SnapStart, runtime string) error {
	if s == nil || value(s.ApplyOn) != SnapStartApplyOnPublishedVersions || slices.Contains(snapStartRuntimes(), runtime) {
		return nil
	}
	return InvalidParameterValueException("%s is not supported for SnapStart enabled functions.", runtime)
}

// checkLogging refuses levels that would not count: the Text format has none.
func checkLogging(l *LoggingConfig, current string) error {
	if l == nil {
		return nil
	}
	format := orDefault(string(value(l.LogFormat)), current)
	if format == string(LogFormatText) && (l.ApplicationLogLevel != nil || l.SystemLogLevel != nil) {
		return InvalidParameterValueException(`LogLevel is not supported when LogFormat is set to "Text". ` +
			`Remove LogLevel from your request or change the LogFormat to "JSON" and try again.`)
	}
	return nil
}

// maxEnvironment bounds the variables of a function, in bytes of their JSON.
const maxEnvironment = 4096

// reservedVariables are set by Lambda itself.
func reservedVariables() []string {
	return []string{
		"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_NAME",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE",
		"AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID",
		"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
	}
}

// checkEnvironment refuses variables that Lambda sets itself and those that are
// too many. AWS prints them in the order in which they came; here it is the
// order of their names.
func checkEnvironment(e *Environment) error {
	if e == nil || len(e.Variables) == 0 {
		return nil
	}
	const unable = "Lambda was unable to configure your environment variables because the environment variables you have provided "
	var reserved []string
	for _, name := range slices.Sorted(maps.Keys(e.Variables)) {
		if slices.Contains(reservedVariables(), name) {
			reserved = append(reserved, name)
		}
	}
	if len(reserved) > 0 {
		return InvalidParameterValueException(unable+"contains reserved keys that are currently not supported for modification. "+
			"Reserved keys used in this request: %s", strings.Join(reserved, ", "))
	}
	measured, err := compactJSON(e.Variables)
	if err != nil {
		return fmt.Errorf("lambda: measure the environment: %w", err)
	}
	if len(measured) > maxEnvironment {
		return InvalidParameterValueException(unable+"exceeded the 4KB limit. String measured: %s", measured)
	}
	return nil
}
