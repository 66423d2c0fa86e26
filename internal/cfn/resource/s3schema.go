package resource

// The properties of S3's types, of AWS's reference of each type.

func bucketProperties() map[string]Property {
	return map[string]Property{
		"AbacStatus":                       {Kind: Text},
		"AccelerateConfiguration":          {Kind: JSON},
		"AccessControl":                    {Kind: Text},
		"AnalyticsConfigurations":          {Kind: JSON},
		"BucketEncryption":                 {Kind: Object, Of: map[string]Property{"ServerSideEncryptionConfiguration": {Kind: List, Item: Object, Required: true, Of: bucketEncryption()}}},
		"BucketName":                       {Kind: Text, CreateOnly: true},
		"CorsConfiguration":                {Kind: JSON},
		"IntelligentTieringConfigurations": {Kind: JSON},
		"InventoryConfigurations":          {Kind: JSON},
		"LifecycleConfiguration":           {Kind: Object, Of: map[string]Property{"Rules": {Kind: List, Item: Object, Required: true, Of: bucketLifecycle()}, "TransitionDefaultMinimumObjectSize": {Kind: Text}}},
		"LoggingConfiguration":             {Kind: JSON},
		"MetadataTableConfiguration":       {Kind: JSON},
		"MetricsConfigurations":            {Kind: JSON},
		"NotificationConfiguration":        {Kind: JSON},
		"ObjectLockConfiguration":          {Kind: JSON},
		"ObjectLockEnabled":                {Kind: Bool, CreateOnly: true},
		"OwnershipControls":                {Kind: Object, Of: map[string]Property{"Rules": {Kind: List, Item: Object, Required: true, Of: map[string]Property{"ObjectOwnership": {Kind: Text}}}}},
		"PublicAccessBlockConfiguration":   {Kind: Object, Of: map[string]Property{"BlockPublicAcls": {Kind: Bool}, "BlockPublicPolicy": {Kind: Bool}, "IgnorePublicAcls": {Kind: Bool}, "RestrictPublicBuckets": {Kind: Bool}}},
		"ReplicationConfiguration":         {Kind: JSON},
		"Tags":                             iamTagList(),
		"VersioningConfiguration":          {Kind: Object, Of: map[string]Property{"Status": {Kind: Text, Required: true}}},
		"WebsiteConfiguration":             {Kind: JSON},
	}
}

// bucketLacks are the properties of buckets that mean nothing here.
func bucketLacks() []string {
	return []string{"AbacStatus", "AccelerateConfiguration", "AnalyticsConfigurations", "CorsConfiguration", "IntelligentTieringConfigurations",
		"InventoryConfigurations", "LoggingConfiguration", "MetadataTableConfiguration", "MetricsConfigurations", "NotificationConfiguration",
		"ObjectLockConfiguration", "ReplicationConfiguration", "WebsiteConfiguration"}
}

func bucketEncryption() map[string]Property {
	return map[string]Property{
		"BucketKeyEnabled":              {Kind: Bool},
		"ServerSideEncryptionByDefault": {Kind: Object, Of: map[string]Property{"KMSMasterKeyID": {Kind: Text}, "SSEAlgorithm": {Kind: Text, Required: true}}},
	}
}

func bucketLifecycle() map[string]Property {
	tag := map[string]Property{"Key": {Kind: Text, Required: true}, "Value": {Kind: Text, Required: true}}
	return map[string]Property{
		"AbortIncompleteMultipartUpload":    {Kind: Object, Of: map[string]Property{"DaysAfterInitiation": {Kind: Number, Required: true}}},
		"ExpirationDate":                    {Kind: Text},
		"ExpirationInDays":                  {Kind: Number},
		"ExpiredObjectDeleteMarker":         {Kind: Bool},
		"Id":                                {Kind: Text},
		"NoncurrentVersionExpiration":       {Kind: Object, Of: map[string]Property{"NewerNoncurrentVersions": {Kind: Number}, "NoncurrentDays": {Kind: Number, Required: true}}},
		"NoncurrentVersionExpirationInDays": {Kind: Number},
		"NoncurrentVersionTransition":       {Kind: JSON},
		"NoncurrentVersionTransitions":      {Kind: JSON},
		"ObjectSizeGreaterThan":             {Kind: Number},
		"ObjectSizeLessThan":                {Kind: Number},
		"Prefix":                            {Kind: Text},
		"Status":                            {Kind: Text, Required: true},
		"TagFilters":                        {Kind: List, Item: Object, Of: tag},
		"Transition":                        {Kind: JSON},
		"Transitions":                       {Kind: JSON},
	}
}
