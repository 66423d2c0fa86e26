package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// usageTemplate is what follows a command's description in its help: how to
// write it, examples, and then its parts.
const usageTemplate = `Usage:
  {{.UseLine}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}

Commands:{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsagesWrapped 110 | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

{{.CommandPath}} COMMAND --help tells more about a command.{{end}}
`

// newRootCommand puts the commands together.
func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "furl COMMAND",
		Short: "AWS Lambda function URLs on your own machine",
		Long: `furl serves functions at addresses of their own, as AWS Lambda does with function
URLs, and answers the AWS APIs that manage them: Lambda, IAM, STS, CloudFormation,
CloudWatch Logs, and S3 and Parameter Store for what is deployed.

Exit codes: 0 when it worked, 1 when it did not, 2 for wrong usage.`,
		Example: `  furl up examples/hello          serve a function at a URL of its own, in one step
  furl serve                      run a server
  eval "$(furl env)"              lead the AWS CLI and SDKs to it
  furl deploy template.yaml       make a stack of a CloudFormation or SAM template
  furl explain URL --as alice     why alice may call a URL, or why not`,
		Version:           readVersion().Version,
		Args:              cobra.ArbitraryArgs,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	root.SetUsageTemplate(usageTemplate)
	root.SetVersionTemplate("furl {{.Version}}\n")
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(flagError)
	root.SetHelpCommand(newHelpCommand())
	root.AddCommand(
		newUpCommand(a),
		newServeCommand(a),
		newEnvCommand(a),
		newDeployCommand(a),
		newInvokeCommand(a),
		newListCommand(a),
		newRmCommand(a),
		newLogsCommand(a),
		newExplainCommand(a),
		newAccountCommand(a),
		newRevokeCommand(a),
		newStatusCommand(a),
		newDoctorCommand(a),
		newVersionCommand(a),
		newCompletionCommand(a),
	)
	return root
}

// newHelpCommand is cobra's, but for what it does about unknown commands.
func newHelpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Tell about a command",
		Long:    "Tell about a command, or about furl.",
		Example: "  furl help up",
		Hidden:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			about, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(cmd.Root(), args[0])
			}
			return about.Help()
		},
	}
}

// unknownCommand is the error for a word that is none of a command's commands.
func unknownCommand(root *cobra.Command, name string) error {
	path := root.CommandPath()
	var names []string
	for _, c := range root.Commands() {
		names = append(names, c.Name())
	}
	return withHint(usagef("unknown command %q", strings.TrimPrefix(path+" "+name, "furl ")),
		append(didYouMean(name, names, path+" "), path+" --help lists the commands")...)
}

// flagError words errors in flags, with the flag that was likely meant.
func flagError(cmd *cobra.Command, err error) error {
	hints := []string{cmd.CommandPath() + " --help lists the flags"}
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		hints = append(meantFlag(cmd, unknown), hints...)
	}
	if invalid, ok := errors.AsType[*pflag.InvalidValueError](err); ok && invalid.GetFlag().Value.Type() == "duration" {
		err = fmt.Errorf("--%s %q: want a time such as 90s, 10m or 24h", invalid.GetFlag().Name, invalid.GetValue())
	}
	return withHint(&usageError{err}, hints...)
}

// meantFlag is the hint for an unknown flag. A name after a single dash is read
// as so many letters, and is what was meant all the same.
func meantFlag(cmd *cobra.Command, unknown *pflag.NotExistError) []string {
	name, _, _ := strings.Cut(cmp.Or(unknown.GetSpecifiedShortnames(), unknown.GetSpecifiedName()), "=")
	if len(name) < 2 {
		return nil // a letter is near everything
	}
	return didYouMean(name, flagNames(cmd), "--")
}

// noArgs, someArgs and oneArg check the number of arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return withHint(usagef("%s takes no argument, but got %q", cmd.CommandPath(), args[0]), "usage: "+cmd.UseLine())
}

func oneArg(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return withHint(usagef("%s needs %s", cmd.CommandPath(), what), "usage: "+cmd.UseLine())
		case len(args) > 1:
			return withHint(usagef("%s takes %s, but got %q as well", cmd.CommandPath(), what, args[1]), "usage: "+cmd.UseLine())
		}
		return nil
	}
}

func someArgs(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return nil
		}
		return withHint(usagef("%s needs %s", cmd.CommandPath(), what), "usage: "+cmd.UseLine())
	}
}

// printJSON prints a value as it is documented for --json: indented, one value.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// progress tells on stderr what is being done.
func (a *app) progress(format string, args ...any) {
	fmt.Fprintf(a.stderr, format+"\n", args...)
}
