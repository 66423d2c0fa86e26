// Package operations tests what the operations of furl's services answer, by clients that know nothing of furl: each of
// them by boto3 and by raw HTTP (suite.py), and the sequences of calls that Terraform and SAM make (sequences.py). It
// writes docs/reference/operations.md.
package operations
