package resource

// The properties of IAM's types, of AWS's reference of each type: what is required, and what a change replaces.

func iamRoleProperties() map[string]Property {
	return map[string]Property{
		"AssumeRolePolicyDocument": {Kind: JSON, Required: true},
		"Description":              {Kind: Text},
		"ManagedPolicyArns":        {Kind: List, Item: Text},
		"MaxSessionDuration":       {Kind: Number},
		"Path":                     {Kind: Text, CreateOnly: true},
		"PermissionsBoundary":      {Kind: Text},
		"Policies":                 iamPolicies(),
		"RoleName":                 {Kind: Text, CreateOnly: true},
		"Tags":                     iamTagList(),
	}
}

func iamUserProperties() map[string]Property {
	return map[string]Property{
		"Groups":              {Kind: List, Item: Text},
		"LoginProfile":        {Kind: JSON},
		"ManagedPolicyArns":   {Kind: List, Item: Text},
		"Path":                {Kind: Text},
		"PermissionsBoundary": {Kind: Text},
		"Policies":            iamPolicies(),
		"Tags":                iamTagList(),
		"UserName":            {Kind: Text, CreateOnly: true},
	}
}

func iamGroupProperties() map[string]Property {
	return map[string]Property{
		"GroupName":         {Kind: Text, CreateOnly: true},
		"ManagedPolicyArns": {Kind: List, Item: Text},
		"Path":              {Kind: Text},
		"Policies":          iamPolicies(),
	}
}

// iamPolicies is the property Policies: inline policies.
func iamPolicies() Property {
	return Property{Kind: List, Item: Object, Of: map[string]Property{
		"PolicyDocument": {Kind: JSON, Required: true},
		"PolicyName":     {Kind: Text, Required: true},
	}}
}

func iamTagList() Property {
	return Property{Kind: List, Item: Object, Of: map[string]Property{
		"Key":   {Kind: Text, Required: true},
		"Value": {Kind: Text, Required: true},
	}}
}

func iamUserToGroupAdditionProperties() map[string]Property {
	return map[string]Property{
		"GroupName": {Kind: Text, Required: true},
		"Users":     {Kind: List, Item: Text, Required: true},
	}
}

func iamPolicyProperties() map[string]Property {
	return map[string]Property{
		"Groups":         {Kind: List, Item: Text},
		"PolicyDocument": {Kind: JSON, Required: true},
		"PolicyName":     {Kind: Text, Required: true},
		"Roles":          {Kind: List, Item: Text},
		"Users":          {Kind: List, Item: Text},
	}
}

// iamInlinePolicyProperties are those of a policy of one entity, which owner names.
func iamInlinePolicyProperties(owner string) map[string]Property {
	return map[string]Property{
		"PolicyDocument": {Kind: JSON, Required: true},
		"PolicyName":     {Kind: Text, Required: true, CreateOnly: true},
		owner:            {Kind: Text, Required: true, CreateOnly: true},
	}
}

func iamManagedPolicyProperties() map[string]Property {
	return map[string]Property{
		"Description":       {Kind: Text, CreateOnly: true},
		"Groups":            {Kind: List, Item: Text},
		"ManagedPolicyName": {Kind: Text, CreateOnly: true},
		"Path":              {Kind: Text, CreateOnly: true},
		"PolicyDocument":    {Kind: JSON, Required: true},
		"Roles":             {Kind: List, Item: Text},
		"Users":             {Kind: List, Item: Text},
	}
}

func iamAccessKeyProperties() map[string]Property {
	return map[string]Property{
		"Serial":   {Kind: Number, CreateOnly: true},
		"Status":   {Kind: Text},
		"UserName": {Kind: Text, Required: true, CreateOnly: true},
	}
}

func ssmParameterProperties() map[string]Property {
	return map[string]Property{
		"AllowedPattern": {Kind: Text},
		"DataType":       {Kind: Text},
		"Description":    {Kind: Text},
		"Name":           {Kind: Text, CreateOnly: true},
		"Policies":       {Kind: Text},
		"Tags":           {Kind: Map, Item: Text},
		"Tier":           {Kind: Text},
		"Type":           {Kind: Text, Required: true},
		"Value":          {Kind: Text, Required: true},
	}
}

// ecrRepositoryProperties are those of a repository that takes no images; what says how to treat them says nothing here.
func ecrRepositoryProperties() map[string]Property {
	return map[string]Property{
		"EmptyOnDelete":              {Kind: Bool},
		"EncryptionConfiguration":    {Kind: JSON, CreateOnly: true},
		"ImageScanningConfiguration": {Kind: JSON},
		"ImageTagMutability":         {Kind: Text},
		"LifecyclePolicy":            {Kind: JSON},
		"RepositoryName":             {Kind: Text, CreateOnly: true},
		"RepositoryPolicyText":       {Kind: JSON},
		"Tags":                       iamTagList(),
	}
}
