// Package lambda is the control plane of functions: AWS Lambda's API, one
// method an operation. Each resolves names, makes one transaction on the state
// and renders the answer.
//
// It runs functions only for the operation Invoke, through the same pool as
// the function URLs. Authorization comes before it, in package authz, from the
// accesses that each request asks for (Access).
package lambda
