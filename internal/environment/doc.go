// Package environment runs functions: it keeps a pool of execution
// environments, takes each through its Init, Invoke and Shutdown phases, and
// speaks to the program in it, by frames with the managed Python runtime and
// by the Runtime API with custom ones.
//
// Cold starts find a sandbox waiting that has everything but the function: a stock
// of them is kept for each runtime, and for each account where they are forked, of a
// size that follows demand. Between invocations environments are frozen where the
// driver can.
//
// An environment belongs to one function version and serves one invocation at
// a time. What it runs in is made by a sandbox.Driver; what it prints and the
// platform's own records of each invocation go to Options.Output as Events,
// which package logs formats and keeps. The package makes no authorization
// decision and does not interpret events or answers.
package environment
