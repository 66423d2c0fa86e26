package sts

//go:generate go run furl/internal/awsapi/gen -service sts
