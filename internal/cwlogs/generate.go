package cwlogs

//go:generate go run furl/internal/awsapi/gen -service logs
