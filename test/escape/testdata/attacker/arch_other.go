//go:build linux && !amd64

package main

func ofThisArchitecture() []attack { return nil }
