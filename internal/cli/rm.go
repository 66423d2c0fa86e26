package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"furl/internal/cfn"
	"furl/internal/lambda"
)

func newRmCommand(a *app) *cobra.Command {
	stacks := false
	cmd := &cobra.Command{
		Use:   "rm NAME…",
		Short: "Remove functions or stacks",
		Long: `Remove functions with their URLs and permissions. An address that was removed never answers
again. What the functions logged stays. With --stack the names are those of stacks, which are
removed with all that they made and their templates do not say to retain.`,
		Example: `  furl rm hello
  furl rm hello greeter
  furl rm --stack shop`,
		Args: someArgs("the name of a function or stack"),
	}
	cmd.Flags().BoolVar(&stacks, "stack", false, "the names are those of stacks")
	target := addTargetFlags(cmd)
	cmd.ValidArgsFunction = a.completeFunctions(target, 0)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.connect(target)
		if err != nil {
			return err
		}
		var errs []error
		for _, name := range args {
			if stacks {
				errs = append(errs, a.removeStack(cmd.Context(), c, name))
				continue
			}
			_, err := c.lambda.DeleteFunction(cmd.Context(), &lambda.DeleteFunctionRequest{FunctionName: name})
			if err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", name, err))
				continue
			}
			a.progress("%s removed", name)
		}
		return errors.Join(errs...)
	}
	return cmd
}

// removeStack removes a stack and tells how it goes.
func (a *app) removeStack(ctx context.Context, c *clients, name string) error {
	d := &stackDeployer{clients: c}
	have, err := d.stack(ctx, name)
	if err != nil {
		return err
	}
	if have == nil {
		return fmt.Errorf("there is no stack %s", name)
	}
	w := &stackWatch{cfn: c.cfn, id: value(have.StackId), progress: a.progress}
	if err := w.skip(ctx); err != nil {
		return err
	}
	if err := c.cfn.DeleteStack(ctx, &cfn.DeleteStackInput{StackName: w.id}); err != nil {
		return err
	}
	status, err := w.end(ctx)
	if err != nil {
		return fmt.Errorf("stack %s: %w", name, err)
	}
	if status != string(cfn.StackStatusDeleteComplete) {
		return w.failure(name, status)
	}
	a.progress("stack %s removed", name)
	return nil
}
