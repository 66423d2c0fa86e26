// Package authz says who sent a request and whether they may do what it asks.
//
// It is the one road for API calls, function URLs and explanations: the caller
// is proven by the request's signature (package sigv4), the verdict comes from
// the compiled policies in the Snapshot (package policy). It writes no
// answers: each protocol words its refusals itself.
package authz
