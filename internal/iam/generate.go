package iam

//go:generate go run furl/internal/awsapi/gen -service iam
