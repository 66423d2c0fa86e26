// Package stacks holds what CloudFormation stacks must stand on a real server: that it is killed in the middle of their
// making, their change and their deletion.
package stacks
