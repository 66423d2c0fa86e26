package resource

// The properties of Lambda's types, of AWS's reference of each type.

func lambdaFunctionProperties() map[string]Property {
	return map[string]Property{
		"Architectures":                {Kind: List, Item: Text},
		"CapacityProviderConfig":       {Kind: JSON},
		"Code":                         {Kind: Object, Of: lambdaCode(), Required: true},
		"CodeSigningConfigArn":         {Kind: Text},
		"DeadLetterConfig":             {Kind: Object, Of: map[string]Property{"TargetArn": {Kind: Text}}},
		"Description":                  {Kind: Text},
		"DurableConfig":                {Kind: Object, Of: map[string]Property{"ExecutionTimeout": {Kind: Number, Required: true}, "RetentionPeriodInDays": {Kind: Number}, "KMSKeyArn": {Kind: Text}}},
		"Environment":                  {Kind: Object, Of: map[string]Property{"Variables": {Kind: Map, Item: Text}}},
		"EphemeralStorage":             {Kind: Object, Of: map[string]Property{"Size": {Kind: Number, Required: true}}},
		"FileSystemConfigs":            {Kind: List, Item: Object, Of: map[string]Property{"Arn": {Kind: Text, Required: true}, "LocalMountPath": {Kind: Text, Required: true}}},
		"FunctionName":                 {Kind: Text, CreateOnly: true},
		"FunctionScalingConfig":        {Kind: JSON},
		"Handler":                      {Kind: Text},
		"ImageConfig":                  {Kind: Object, Of: map[string]Property{"Command": {Kind: List, Item: Text}, "EntryPoint": {Kind: List, Item: Text}, "WorkingDirectory": {Kind: Text}}},
		"KmsKeyArn":                    {Kind: Text},
		"Layers":                       {Kind: List, Item: Text},
		"LoggingConfig":                {Kind: Object, Of: map[string]Property{"ApplicationLogLevel": {Kind: Text}, "LogFormat": {Kind: Text}, "LogGroup": {Kind: Text}, "SystemLogLevel": {Kind: Text}}},
		"MemorySize":                   {Kind: Number},
		"PackageType":                  {Kind: Text, CreateOnly: true},
		"PublishToLatestPublished":     {Kind: Bool},
		"RecursiveLoop":                {Kind: Text},
		"ReservedConcurrentExecutions": {Kind: Number},
		"Role":                         {Kind: Text, Required: true},
		"Runtime":                      {Kind: Text},
		"RuntimeManagementConfig":      {Kind: Object, Of: map[string]Property{"RuntimeVersionArn": {Kind: Text}, "UpdateRuntimeOn": {Kind: Text, Required: true}}},
		"SnapStart":                    {Kind: Object, Of: map[string]Property{"ApplyOn": {Kind: Text, Required: true}}},
		"Tags":                         iamTagList(),
		"TenancyConfig":                {Kind: Object, CreateOnly: true, Of: map[string]Property{"TenantIsolationMode": {Kind: Text, Required: true}}},
		"Timeout":                      {Kind: Number},
		"TracingConfig":                {Kind: Object, Of: map[string]Property{"Mode": {Kind: Text}}},
		"VpcConfig":                    {Kind: Object, Of: map[string]Property{"Ipv6AllowedForDualStack": {Kind: Bool}, "SecurityGroupIds": {Kind: List, Item: Text}, "SubnetIds": {Kind: List, Item: Text}}},
	}
}

func lambdaCode() map[string]Property {
	return map[string]Property{
		"ImageUri":            {Kind: Text},
		"S3Bucket":            {Kind: Text},
		"S3Key":               {Kind: Text},
		"S3ObjectStorageMode": {Kind: Text},
		"S3ObjectVersion":     {Kind: Text},
		"SourceKMSKeyArn":     {Kind: Text},
		"ZipFile":             {Kind: Text},
	}
}

func lambdaProvisionedConcurrency() map[string]Property {
	return map[string]Property{"ProvisionedConcurrentExecutions": {Kind: Number, Required: true}}
}

func lambdaVersionProperties() map[string]Property {
	return map[string]Property{
		"CodeSha256":                   {Kind: Text, CreateOnly: true},
		"Description":                  {Kind: Text, CreateOnly: true},
		"FunctionName":                 {Kind: Text, Required: true, CreateOnly: true},
		"FunctionScalingConfig":        {Kind: JSON},
		"ProvisionedConcurrencyConfig": {Kind: Object, Of: lambdaProvisionedConcurrency()},
		"RuntimePolicy":                {Kind: Object, CreateOnly: true, Of: map[string]Property{"RuntimeVersionArn": {Kind: Text}, "UpdateRuntimeOn": {Kind: Text, Required: true}}},
	}
}

func lambdaAliasProperties() map[string]Property {
	return map[string]Property{
		"Description":                  {Kind: Text},
		"FunctionName":                 {Kind: Text, Required: true, CreateOnly: true},
		"FunctionVersion":              {Kind: Text, Required: true},
		"Name":                         {Kind: Text, Required: true, CreateOnly: true},
		"ProvisionedConcurrencyConfig": {Kind: Object, Of: lambdaProvisionedConcurrency()},
		"RoutingConfig": {Kind: Object, Of: map[string]Property{
			"AdditionalVersionWeights": {Kind: List, Item: Object, Of: map[string]Property{
				"FunctionVersion": {Kind: Text, Required: true},
				"FunctionWeight":  {Kind: Float, Required: true},
			}},
		}},
	}
}

func lambdaURLProperties() map[string]Property {
	return map[string]Property{
		"AuthType": {Kind: Text, Required: true},
		"Cors": {Kind: Object, Of: map[string]Property{
			"AllowCredentials": {Kind: Bool},
			"AllowHeaders":     {Kind: List, Item: Text},
			"AllowMethods":     {Kind: List, Item: Text},
			"AllowOrigins":     {Kind: List, Item: Text},
			"ExposeHeaders":    {Kind: List, Item: Text},
			"MaxAge":           {Kind: Number},
		}},
		"InvokeMode":        {Kind: Text},
		"Qualifier":         {Kind: Text, CreateOnly: true},
		"TargetFunctionArn": {Kind: Text, Required: true, CreateOnly: true},
	}
}

func lambdaPermissionProperties() map[string]Property {
	return map[string]Property{
		"Action":                {Kind: Text, Required: true, CreateOnly: true},
		"EventSourceToken":      {Kind: Text, CreateOnly: true},
		"FunctionName":          {Kind: Text, Required: true, CreateOnly: true},
		"FunctionUrlAuthType":   {Kind: Text, CreateOnly: true},
		"InvokedViaFunctionUrl": {Kind: Bool, CreateOnly: true},
		"Principal":             {Kind: Text, Required: true, CreateOnly: true},
		"PrincipalOrgID":        {Kind: Text, CreateOnly: true},
		"SourceAccount":         {Kind: Text, CreateOnly: true},
		"SourceArn":             {Kind: Text, CreateOnly: true},
	}
}

func lambdaLayerVersionProperties() map[string]Property {
	return map[string]Property{
		"CompatibleArchitectures": {Kind: List, Item: Text, CreateOnly: true},
		"CompatibleRuntimes":      {Kind: List, Item: Text, CreateOnly: true},
		"Content": {Kind: Object, Required: true, CreateOnly: true, Of: map[string]Property{
			"S3Bucket":            {Kind: Text, Required: true},
			"S3Key":               {Kind: Text, Required: true},
			"S3ObjectStorageMode": {Kind: Text},
			"S3ObjectVersion":     {Kind: Text},
		}},
		"Description": {Kind: Text, CreateOnly: true},
		"LayerName":   {Kind: Text, CreateOnly: true},
		"LicenseInfo": {Kind: Text, CreateOnly: true},
	}
}

func lambdaLayerVersionPermissionProperties() map[string]Property {
	return map[string]Property{
		"Action":          {Kind: Text, Required: true, CreateOnly: true},
		"LayerVersionArn": {Kind: Text, Required: true, CreateOnly: true},
		"OrganizationId":  {Kind: Text, CreateOnly: true},
		"Principal":       {Kind: Text, Required: true, CreateOnly: true},
	}
}

func lambdaEventInvokeConfigProperties() map[string]Property {
	destination := map[string]Property{"Destination": {Kind: Text, Required: true}}
	return map[string]Property{
		"DestinationConfig":        {Kind: Object, Of: map[string]Property{"OnFailure": {Kind: Object, Of: destination}, "OnSuccess": {Kind: Object, Of: destination}}},
		"FunctionName":             {Kind: Text, Required: true, CreateOnly: true},
		"MaximumEventAgeInSeconds": {Kind: Number},
		"MaximumRetryAttempts":     {Kind: Number},
		"Qualifier":                {Kind: Text, Required: true, CreateOnly: true},
	}
}
