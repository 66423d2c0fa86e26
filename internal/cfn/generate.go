package cfn

//go:generate go run furl/internal/awsapi/gen -service cloudformation
