// Command furl serves AWS Lambda function URLs on one's own machine.
package main

import (
	"os"

	"furl/internal/cli"
	"furl/internal/sandbox"
)

func main() {
	// The server starts this program again as the parent of its sandboxes.
	if sandbox.Supervise() {
		return
	}
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
