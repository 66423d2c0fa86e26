package lambda

//go:generate go run furl/internal/awsapi/gen -service lambda
