// Package iam is the control plane of identities: AWS IAM's API for users,
// access keys, roles and inline policies, one method an operation. Each makes
// one transaction on the state and renders the answer.
//
// It decides nothing about requests: package policy does, from what is written
// here, as soon as it is written.
package iam
