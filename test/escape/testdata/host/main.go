// Command host is the program that the drivers under test start again.
package main

import (
	"furl/internal/sandbox"
	"furl/internal/sandbox/confined"
	"furl/internal/sandbox/namespace"
)

func main() {
	if !namespace.Main() && !confined.Main() {
		sandbox.Supervise()
	}
}
