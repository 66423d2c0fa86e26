// Command furl serves AWS Lambda function URLs on one's own machine.
package main

import (
	"os"

	"furl"
	"furl/internal/cli"
)

func main() {
	// The server starts this program again as the parent of its sandboxes.
	if furl.Supervise() {
		return
	}
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
