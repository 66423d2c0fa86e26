// Package samcli deploys a serverless application with AWS's SAM CLI, as docs/howto/sam.md says. `make samcli` runs it.
package samcli
