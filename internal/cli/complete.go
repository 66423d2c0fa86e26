package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"furl/internal/lambda"
)

// completeWait is how long a shell waits for names to complete.
const completeWait = 500 * time.Millisecond

// completeFlag offers fixed values of a flag. The error is of flags that do not
// exist, which a test would show.
func completeFlag(cmd *cobra.Command, flag string, values ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// completeFunctions offers the names of functions where a server runs. Without
// one it offers nothing: a shell is no place for errors.
func (a *app) completeFunctions(flags given, most int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if most > 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), completeWait)
		defer cancel()
		c, err := a.connect(flags)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		out, err := c.lambda.ListFunctions(ctx, &lambda.ListFunctionsRequest{})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var names []string
		for _, f := range out.Functions {
			names = append(names, value(f.FunctionName))
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// flagNames are the names of a command's flags.
func flagNames(cmd *cobra.Command) []string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// value returns what p points at, or nothing.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
