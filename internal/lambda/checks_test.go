package lambda_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"furl/internal/lambda"
)

const (
	invalid = "InvalidParameterValueException"
	offered = ": not offered by this server."
	runtime = " at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [nodejs20.x, python3.14, provided.al2023, " +
		"python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, " +
		"java17, nodejs16.x, dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2] or be a valid ARN"
	deprecated = " is no longer supported for creating or updating AWS Lambda functions. We recommend you use a supported runtime while creating or updating functions."
	levels     = `LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change the LogFormat to "JSON" and try again.`
	layer      = "arn:aws:lambda:us-east-1:111122223333:layer:l:1"
	noUnzip    = "Could not unzip uploaded file. Please check your file, then try to upload again."
	noBucket   = "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not exist"
)

// env are the environment's refusals.
const (
	unable   = "Lambda was unable to configure your environment variables because the environment variables you have provided "
	reserved = unable + "contains reserved keys that are currently not supported for modification. Reserved keys used in this request: "
	over4KB  = unable + "exceeded the 4KB limit. String measured: "
)

// withCode replaces the deployment package.
func withCode(c lambda.FunctionCode) func(*lambda.CreateFunctionRequest) {
	return func(in *lambda.CreateFunctionRequest) { in.Code = c }
}

func withVariables(v map[string]string) func(*lambda.CreateFunctionRequest) {
	return func(in *lambda.CreateFunctionRequest) { in.Environment = &lambda.Environment{Variables: v} }
}

func withRuntime(r string) func(*lambda.CreateFunctionRequest) {
	return func(in *lambda.CreateFunctionRequest) { in.Runtime = new(lambda.Runtime(r)) }
}

func TestCreateFunctionRefusesNames(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	long := strings.Repeat("a", 65)
	h.expect(h.Root,
		call{"64 characters", creating(long[1:]), "", ""},
		call{"65 characters", creating(long), invalid, "1 validation error detected: Value '" + long +
			"' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 64"},
		call{"exists", creating("hello"), "ResourceConflictException", "Function already exist: hello"},
		call{"exists, by ARN", creating(prefix + "hello"), "ResourceConflictException", "Function already exist: hello"},
		call{"region", creating("arn:aws:lambda:eu-west-1:111122223333:function:x"), "ResourceNotFoundException",
			"Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"},
		call{"account", creating("444455556666:function:x"), "AccessDeniedException", "User: arn:aws:iam::111122223333:root is not authorized to perform: " +
			"lambda:CreateFunction on resource: arn:aws:lambda:us-east-1:444455556666:function:x because no resource-based policy allows the lambda:CreateFunction action"},
		call{"alias", creating("x:live"), invalid, "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. " +
			"Please specify either a function name or an unqualified function ARN."},
	)
}

func TestCreateFunctionRefusesSettings(t *testing.T) {
	h := newHouse(t)
	set := func(change func(in *lambda.CreateFunctionRequest)) func(context.Context, *lambda.Client) error {
		return creating("x", change)
	}
	tags := map[string]string{}
	for i := range 51 {
		tags[fmt.Sprint("k", i)] = ""
	}
	const validation = "ValidationException"
	const at = "1 validation error detected: Value "
	h.expect(h.Root,
		call{"no runtime", set(func(in *lambda.CreateFunctionRequest) { in.Runtime = nil }), invalid,
			"Runtime and Handler are mandatory parameters for functions created with deployment packages."},
		call{"no handler", set(func(in *lambda.CreateFunctionRequest) { in.Handler = nil }), invalid,
			"Runtime and Handler are mandatory parameters for functions created with deployment packages."},
		call{"unknown runtime", creating("x", withRuntime("cobol")), invalid, "Value cobol" + runtime},
		call{"runtime in capitals", creating("x", withRuntime("PYTHON3.12")), invalid, "Value PYTHON3.12" + runtime},
		call{"deprecated runtime", creating("x", withRuntime("go1.x")), invalid, "The runtime parameter of go1.x" + deprecated},
		call{"deprecated Python", creating("x", withRuntime("python3.7")), invalid, "The runtime parameter of python3.7" + deprecated},
		call{"long timeout", set(func(in *lambda.CreateFunctionRequest) { in.Timeout = new(901) }), validation,
			at + "'901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900"},
		call{"little memory", set(func(in *lambda.CreateFunctionRequest) { in.MemorySize = new(127) }), validation,
			at + "'127' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128"},
		call{"two architectures", set(func(in *lambda.CreateFunctionRequest) { in.Architectures = []lambda.Architecture{"x86_64", "arm64"} }), validation,
			at + "'[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member must have length less than or equal to 1"},
		call{"architecture in capitals", set(func(in *lambda.CreateFunctionRequest) { in.Architectures = []lambda.Architecture{"X86_64"} }), validation,
			at + "'[X86_64]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: " +
				"[Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"},
		call{"bad snapstart", set(func(in *lambda.CreateFunctionRequest) {
			in.SnapStart = &lambda.SnapStart{ApplyOn: new(lambda.SnapStartApplyOn("Always"))}
		}), validation, at + "'Always' at 'snapStart.applyOn' failed to satisfy constraint: Member must satisfy enum value set: [PublishedVersions, None]"},
		call{"snapstart of another runtime", creating("x", withRuntime("nodejs22.x"), func(in *lambda.CreateFunctionRequest) {
			in.SnapStart = &lambda.SnapStart{ApplyOn: new(lambda.SnapStartApplyOnPublishedVersions)}
		}), invalid, "nodejs22.x is not supported for SnapStart enabled functions."},
		call{"level of text", set(func(in *lambda.CreateFunctionRequest) {
			in.LoggingConfig = &lambda.LoggingConfig{ApplicationLogLevel: new(lambda.ApplicationLogLevelInfo)}
		}), invalid, levels},
		call{"fifty-one tags", set(func(in *lambda.CreateFunctionRequest) { in.Tags = tags }), invalid, "Number of tags exceeds resource tag limit."},
		call{"layer", set(func(in *lambda.CreateFunctionRequest) { in.Layers = []string{layer} }), invalid, "Layer version " + layer + " does not exist."},
		call{"six layers", set(func(in *lambda.CreateFunctionRequest) { in.Layers = []string{layer, layer, layer, layer, layer, layer} }), invalid,
			"Cannot reference more than 5 layers."},
		call{"subnet", set(func(in *lambda.CreateFunctionRequest) {
			in.VpcConfig = &lambda.VpcConfig{SubnetIds: []string{"subnet-1"}}
		}), invalid,
			"Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The subnet ID 'subnet-1' does not exist"},
		call{"security group", set(func(in *lambda.CreateFunctionRequest) {
			in.VpcConfig = &lambda.VpcConfig{SecurityGroupIds: []string{"sg-1"}}
		}), invalid,
			"Error occurred while DescribeSecurityGroups. EC2 Error Code: InvalidGroup.NotFound. EC2 Error Message: The security group 'sg-1' does not exist"},
	)
}

// What is not offered says so.
func TestCreateFunctionRefusesWhatIsNotOffered(t *testing.T) {
	h := newHouse(t)
	for what, change := range map[string]func(in *lambda.CreateFunctionRequest){
		"Functions of package type Image": func(in *lambda.CreateFunctionRequest) { in.PackageType = new(lambda.PackageTypeImage) },
		"Managed instances": func(in *lambda.CreateFunctionRequest) {
			in.PublishTo = new(lambda.FunctionVersionLatestPublishedLatestPublished)
		},
		"Encryption with a KMS key": func(in *lambda.CreateFunctionRequest) { in.KMSKeyArn = new("arn:aws:kms:us-east-1:111122223333:key/k") },
		"Code signing": func(in *lambda.CreateFunctionRequest) {
			in.CodeSigningConfigArn = new("arn:aws:lambda:us-east-1:111122223333:code-signing-config:csc-12345678901234567")
		},
		"Tenant isolation": func(in *lambda.CreateFunctionRequest) {
			in.TenancyConfig = &lambda.TenancyConfig{TenantIsolationMode: lambda.TenantIsolationModePerTenant}
		},
		"Durable functions": func(in *lambda.CreateFunctionRequest) {
			in.DurableConfig = &lambda.DurableConfig{ExecutionTimeout: new(60)}
		},
		"File systems": func(in *lambda.CreateFunctionRequest) {
			in.FileSystemConfigs = []lambda.FileSystemConfig{{
				Arn: "arn:aws:elasticfilesystem:us-east-1:111122223333:access-point/fsap-12345678901234567", LocalMountPath: "/mnt/a",
			}}
		},
	} {
		h.expect(h.Root, call{what, creating("x", change), invalid, what + offered})
	}
}

func TestCreateFunctionRefusesCode(t *testing.T) {
	h := newHouse(t)
	zeros := strings.Repeat("0", 8193)
	h.expect(h.Root,
		call{"none", creating("x", withCode(lambda.FunctionCode{})), invalid, "Please provide a source for function code."},
		call{"in a bucket", creating("x", withCode(lambda.FunctionCode{S3Bucket: new("bucket"), S3Key: new("key")})), invalid, noBucket},
		call{"no zip", creating("x", withCode(lambda.FunctionCode{ZipFile: []byte("no zip")})), invalid, noUnzip},
		call{"empty zip", creating("x", withCode(lambda.FunctionCode{ZipFile: pack(nil)})), invalid, "Uploaded file must be a non-empty zip"},
		call{"climbing", creating("x", withCode(lambda.FunctionCode{ZipFile: pack(map[string]string{"../x": ""})})), invalid, noUnzip},
		call{"absolute", creating("x", withCode(lambda.FunctionCode{ZipFile: pack(map[string]string{"/x": ""})})), invalid, noUnzip},
		call{"too large", creating("x", withCode(lambda.FunctionCode{ZipFile: make([]byte, 4097)})), "RequestEntityTooLargeException",
			"Zipped size must be smaller than 4096 bytes"},
		call{"too large unzipped", creating("x", withCode(lambda.FunctionCode{ZipFile: pack(map[string]string{"x": zeros})})), invalid,
			"Unzipped size must be smaller than 8192 bytes"},
	)
	if n, _ := h.State.Snapshot().Counts(); n != 0 {
		t.Errorf("%d functions were made", n)
	}
}

func TestCreateFunctionRefusesVariables(t *testing.T) {
	h := newHouse(t)
	// {"AB":"…"} has nine characters around the value.
	full := strings.Repeat("v", 4096-9)
	h.expect(h.Root,
		call{"4 KB", creating("full", withVariables(map[string]string{"AB": full})), "", ""},
		call{"above 4 KB", creating("x", withVariables(map[string]string{"AB": full, "AC": ""})), invalid, over4KB + `{"AB":"` + full + `","AC":""}`},
		call{"reserved", creating("x", withVariables(map[string]string{"AWS_REGION": "x", "OWN": "y"})), invalid, reserved + "AWS_REGION"},
		call{"two reserved", creating("x", withVariables(map[string]string{"LAMBDA_TASK_ROOT": "x", "AWS_SESSION_TOKEN": "y"})), invalid,
			reserved + "AWS_SESSION_TOKEN, LAMBDA_TASK_ROOT"},
		call{"one letter", creating("x", withVariables(map[string]string{"A": "secret"})), "ValidationException",
			"1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: " +
				"Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]"},
	)
}

func TestCreateFunctionRefusesRoles(t *testing.T) {
	h := newHouse(t)
	const refused = "The role defined for the function cannot be assumed by Lambda."
	as := func(role string) func(context.Context, *lambda.Client) error {
		return creating("x", func(in *lambda.CreateFunctionRequest) { in.Role = role })
	}
	h.role("mistrusting", strings.Replace(lambda.TrustPolicy, "lambda.", "ec2.", 1))
	h.expect(h.Root,
		call{"missing", as("arn:aws:iam::111122223333:role/none"), invalid, refused + " There is no role arn:aws:iam::111122223333:role/none. Create it with: " +
			"aws iam create-role --role-name none --assume-role-policy-document '" + lambda.TrustPolicy + "'"},
		call{"another path", as("arn:aws:iam::111122223333:role/p/runner"), invalid, refused + " There is no role arn:aws:iam::111122223333:role/p/runner. Create it with: " +
			"aws iam create-role --role-name runner --assume-role-policy-document '" + lambda.TrustPolicy + "'"},
		call{"mistrusting", as("arn:aws:iam::111122223333:role/mistrusting"), invalid, refused + " Its trust policy does not allow sts:AssumeRole to lambda.amazonaws.com."},
		call{"another account", as("arn:aws:iam::444455556666:role/runner"), "AccessDeniedException", "Cross-account pass role is not allowed."},
		call{"no ARN", as("runner"), "ValidationException", "1 validation error detected: Value 'runner' at 'role' failed to satisfy constraint: " +
			`Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`},
	)
}
