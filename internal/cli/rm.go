package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"furl/internal/lambda"
)

func newRmCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rm NAME…",
		Short: "Remove functions",
		Long: `Remove functions with their URLs and permissions. An address that was removed never answers
again. What the functions logged stays.`,
		Example: `  furl rm hello
  furl rm hello greeter`,
		Args: someArgs("the name of a function"),
	}
	target := addTargetFlags(cmd)
	cmd.ValidArgsFunction = a.completeFunctions(target, 0)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.connect(target)
		if err != nil {
			return err
		}
		var errs []error
		for _, name := range args {
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
