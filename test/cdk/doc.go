// Package cdk deploys an app of AWS CDK with the CDK's own command line, as docs/howto/cdk.md says. `make cdk` runs it.
package cdk
