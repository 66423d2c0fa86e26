package ssm

//go:generate go run furl/internal/awsapi/gen -service ssm
