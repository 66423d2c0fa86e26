package sam

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

func functionProperties() []property {
	environment := property{name: "Environment", valid: isMapOfMaps}
	events := property{name: "Events", valid: isMapOfMaps}
	policies := property{name: "Policies", valid: func(v any) bool { return isStringOrMap(v) || isListOfStringsOrMaps(v) }}
	allProperties := property{name: "AutoPublishAliasAllProperties", literal: true, valid: isBool}
	deletion := property{name: "VersionDeletionPolicy", expected: "one of the strings: 'Delete' or 'Retain'",
		valid: func(v any) bool { return v == "Delete" || v == "Retain" }}
	return []property{
		textOrMap("FunctionName"), passed("Handler"), passed("Runtime"), passed("CodeUri"), passed("ImageUri"),
		passed("PackageType"), passed("InlineCode"), mapOf("DeadLetterQueue"), passed("Description"), passed("MemorySize"),
		passed("Timeout"), passed("VpcConfig"), text("Role"), mapOf("AssumeRolePolicyDocument"), policies, passed("RolePath"),
		text("PermissionsBoundary"), environment, events, mapOf("Tags"), flag("PropagateTags"), textOrMap("Tracing"),
		passed("KmsKeyArn"), mapOf("DeploymentPreference"), passed("ReservedConcurrentExecutions"), listOf("Layers"),
		mapOf("EventInvokeConfig"), passed("EphemeralStorage"), {name: "AutoPublishAlias", valid: isString},
		{name: "AutoPublishCodeSha256", valid: isString}, allProperties, passed("VersionDescription"),
		passed("ProvisionedConcurrencyConfig"), passed("FileSystemConfigs"), passed("ImageConfig"),
		passed("CodeSigningConfigArn"), passed("Architectures"), mapOf("SnapStart"), mapOf("FunctionUrlConfig"),
		passed("RuntimeManagementConfig"), passed("LoggingConfig"), passed("RecursiveLoop"), passed("SourceKMSKeyArn"),
		mapOf("CapacityProviderConfig"), mapOf("FunctionScalingConfig"), deletion, passed("PublishToLatestPublished"),
		passed("TenancyConfig"), mapOf("DurableConfig"),
	}
}

// function expands a function into itself and its role, version, alias, URL with permissions, and invoke config.
func (t *translation) function(r *resource) ([]*generated, error) {
	if err := r.checkTogether(); err != nil {
		return nil, err
	}
	if err := r.checkEvents(); err != nil {
		return nil, err
	}
	f, err := t.lambdaFunction(r)
	if err != nil {
		return nil, err
	}
	made := []*generated{f}
	version, alias, err := t.publish(r, f)
	if err != nil {
		return nil, err
	}
	if alias != nil {
		made = append(made, version, alias)
		t.referable[r.id] = map[string]string{"Alias": alias.id, "Version": version.id}
	}
	urls, err := r.functionURL(f, alias)
	if err != nil {
		return nil, err
	}
	made = append(made, urls...)
	if err := t.checkDeployment(r, alias); err != nil {
		return nil, err
	}
	invoke, destinations, err := t.invokeConfig(r, alias)
	if err != nil {
		return nil, err
	}
	made = append(made, invoke...)
	role, err := t.role(r, destinations)
	if err != nil {
		return nil, err
	}
	role, err = t.giveRole(r, f, role)
	if err != nil {
		return nil, err
	}
	if role != nil {
		made = append(made, role)
	}
	if r.has("PropagateTags") && r.has("Tags") {
		r.propagate(made, t.tagOrder(r))
	}
	return made, nil
}

// checkTogether holds properties against each other.
func (r *resource) checkTogether() error {
	var wrong []string
	for _, pair := range [][2]string{{"CapacityProviderConfig", "ProvisionedConcurrencyConfig"}, {"CapacityProviderConfig", "VpcConfig"}} {
		if r.get(pair[0]) != nil && r.get(pair[1]) != nil {
			wrong = append(wrong, fmt.Sprintf("Cannot specify '%s' and '%s' together.", pair[0], pair[1]))
		}
	}
	for _, pair := range [][2]string{{"FunctionScalingConfig", "CapacityProviderConfig"}, {"VersionDeletionPolicy", "AutoPublishAlias"}} {
		if r.get(pair[0]) != nil && r.get(pair[1]) == nil {
			wrong = append(wrong, fmt.Sprintf("'%s' requires '%s'.", pair[0], pair[1]))
		}
	}
	if len(wrong) > 0 {
		return invalidResource(r.id, strings.Join(wrong, "\n"))
	}
	if err := r.checkDeadLetterQueue(); err != nil {
		return err
	}
	if !r.has("TenancyConfig") {
		return nil
	}
	for _, p := range [][2]string{{"ProvisionedConcurrencyConfig", "Provisioned concurrency"}, {"FunctionUrlConfig", "Function URL"}, {"SnapStart", "SnapStart"}} {
		if r.has(p[0]) {
			return invalidResource(r.id, p[1]+" is not supported for functions enabled with tenancy configuration.")
		}
	}
	return nil
}

func (r *resource) checkDeadLetterQueue() error {
	if !r.has("DeadLetterQueue") {
		return nil
	}
	queue, _ := r.get("DeadLetterQueue").(map[string]any)
	if !truthy(queue["Type"]) || !truthy(queue["TargetArn"]) {
		return invalidResource(r.id, "'DeadLetterQueue' requires Type and TargetArn properties to be specified.")
	}
	if !isString(queue["Type"]) {
		return invalidResource(r.id, "Property 'DeadLetterQueue.Type' should be a string.")
	}
	if queue["Type"] != "SQS" && queue["Type"] != "SNS" {
		return invalidResource(r.id, "'DeadLetterQueue' requires Type of "+quoted([]string{"SQS", "SNS"}))
	}
	return nil
}

// checkEvents refuses event sources, each by its name: they are resources of services that are not here.
func (r *resource) checkEvents() error {
	events, _ := r.get("Events").(map[string]any)
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(events)) {
		event, _ := events[name].(map[string]any)
		message := "Resource dict has missing or invalid value for key Type."
		if kind, ok := event["Type"].(string); ok {
			message = "Event source '" + kind + "' is not supported."
			if kind == "Api" || kind == "HttpApi" {
				message += " Give the function a FunctionUrlConfig to serve HTTP."
			}
		}
		wrong = append(wrong, invalidResource(r.id, "Event with id ["+name+"] is invalid. "+message))
	}
	return errors.Join(wrong...)
}

// lambdaFunction makes the AWS::Lambda::Function.
func (t *translation) lambdaFunction(r *resource) (*generated, error) {
	f := newGenerated(r.id, "AWS::Lambda::Function", maps.Clone(r.attributes))
	f.dependsOn = r.dependsOn
	if r.has("FunctionName") {
		f.set("FunctionName", r.get("FunctionName"))
	}
	for _, name := range []string{"Handler", "Runtime", "Description", "MemorySize", "Timeout", "VpcConfig", "Role", "Environment",
		"KmsKeyArn", "ReservedConcurrentExecutions", "Layers", "FileSystemConfigs", "ImageConfig", "PackageType", "Architectures",
		"SnapStart", "EphemeralStorage", "CodeSigningConfigArn", "RuntimeManagementConfig", "LoggingConfig", "TenancyConfig",
		"RecursiveLoop", "DurableConfig", "PublishToLatestPublished"} {
		f.set(name, r.get(name))
	}
	code, err := r.code()
	if err != nil {
		return nil, err
	}
	f.set("Code", code)
	tags, err := r.tags(t.tagOrder(r))
	if err != nil {
		return nil, err
	}
	f.set("Tags", tags)
	traced, err := t.traced(r)
	if err != nil {
		return nil, err
	}
	if traced {
		f.set("TracingConfig", map[string]any{"Mode": r.get("Tracing")})
	}
	if queue, _ := r.get("DeadLetterQueue").(map[string]any); len(queue) > 0 {
		f.set("DeadLetterConfig", map[string]any{"TargetArn": queue["TargetArn"]})
	}
	provider, err := r.capacityProvider()
	if err != nil {
		return nil, err
	}
	f.set("CapacityProviderConfig", provider)
	if r.has("FunctionScalingConfig") {
		f.set("FunctionScalingConfig", r.get("FunctionScalingConfig"))
	}
	return f, r.checkPackage(code)
}

// capacityProvider returns the function's CapacityProviderConfig, nil without one. Its faults are in our own words.
func (r *resource) capacityProvider() (any, error) {
	written, _ := r.get("CapacityProviderConfig").(map[string]any)
	if len(written) == 0 {
		return nil, nil
	}
	config := make(map[string]any)
	for _, name := range inOrder(written, nil) {
		switch name {
		case "Arn":
			config["CapacityProviderArn"] = written[name]
		case "PerExecutionEnvironmentMaxConcurrency", "ExecutionEnvironmentMemoryGiBPerVCpu":
			config[name] = written[name]
		default:
			return nil, invalidResource(r.id, "Invalid CapacityProviderConfig: "+name+" is not permitted.")
		}
	}
	if config["CapacityProviderArn"] == nil {
		return nil, invalidResource(r.id, "Invalid CapacityProviderConfig: Arn is required.")
	}
	return map[string]any{"LambdaManagedInstancesCapacityProviderConfig": config}, nil
}

// traced says whether Tracing asks for anything: Disabled is the same as not written.
func (t *translation) traced(r *resource) (bool, error) {
	if !r.has("Tracing") {
		return false, nil
	}
	mode, err := t.resolve(r.get("Tracing"))
	return mode != "Disabled", err
}

// tags returns the tags of a function and its role: SAM's mark first, then its own.
func (r *resource) tags(order []string) ([]any, error) {
	own, _ := r.get("Tags").(map[string]any)
	for _, reserved := range []string{"lambda:createdBy", "serverlessrepo:applicationId", "serverlessrepo:semanticVersion"} {
		if _, written := own[reserved]; written {
			return nil, invalidResource(r.id, reserved+" is a reserved Tag key name and cannot be set on your resource. "+
				"Please change the tag key in the input.")
		}
	}
	list := []any{map[string]any{"Key": "lambda:createdBy", "Value": "SAM"}}
	return append(list, tagList(own, order)...), nil
}

// propagate gives the function's tags, without SAM's mark, to every generated resource that can have any.
func (r *resource) propagate(made []*generated, order []string) {
	own, _ := r.get("Tags").(map[string]any)
	for _, g := range made {
		switch g.kind {
		case "AWS::Lambda::Function", "AWS::IAM::Role", "AWS::SQS::Queue", "AWS::SNS::Topic":
			g.set("Tags", tagList(own, order))
		}
	}
}
