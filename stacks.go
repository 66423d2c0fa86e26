package furl

import (
	"context"
	"fmt"
	"time"

	"furl/internal/authz"
	"furl/internal/cfn"
	"furl/internal/cfn/stack"
	"furl/internal/ssm"
)

// newStacks makes CloudFormation's operations. What they begin runs once openStacks
// was called: it calls the operations of the other services.
func (n *Node) newStacks(judge *authz.Authorizer) *cfn.Service {
	return cfn.New(cfn.Options{
		State: n.state, Authz: judge, Objects: n.readObject, Parameter: n.parameter,
		Region: n.config.Region, Now: time.Now, Logger: n.config.Logger,
	})
}

// openStacks goes on with the operations of stacks that were under way.
func (n *Node) openStacks(ctx context.Context, stacks *cfn.Service, c *control) error {
	n.control = c
	runner, err := stack.New(ctx, stack.Options{
		Store: n.blobs, Box: n.stackSecrets, Invoke: c.invoke, Define: stacks.Define, Now: time.Now, Logger: n.config.Logger,
	})
	if err != nil {
		return err
	}
	stacks.Run(runner)
	n.onClose("stacks", runner.Close)
	return nil
}

// parameter reads a parameter of Parameter Store in the name of the caller in ctx.
func (n *Node) parameter(ctx context.Context, name string) (string, error) {
	out, err := n.control.server.Call(ctx, "ssm", "GetParameter", &ssm.GetParameterRequest{Name: name})
	if err != nil {
		return "", err
	}
	got, ok := out.(*ssm.GetParameterResult)
	if !ok || got.Parameter == nil || got.Parameter.Value == nil {
		return "", fmt.Errorf("furl: parameter %s has no value", name)
	}
	return *got.Parameter.Value, nil
}
