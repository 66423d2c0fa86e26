package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"furl/internal/lambda"
)

// deployFlags are the flags that up and deploy have in common.
type deployFlags struct {
	name, runtime, handler, role string
	memory, timeout              int
	env                          []string
	watch, json                  bool
}

func addDeployFlags(cmd *cobra.Command) *deployFlags {
	f := &deployFlags{}
	fs := cmd.Flags()
	fs.StringVar(&f.name, "name", "", "`NAME` of the function (default the directory's or file's)")
	fs.StringVar(&f.runtime, "runtime", "", "`RUNTIME`, for example python3.12 or provided.al2023 (default guessed)")
	fs.StringVar(&f.handler, "handler", "", "handler, `FILE.FUNCTION` without the file's ending (default guessed)")
	fs.StringVar(&f.role, "role", "", "name or `ARN` of the role to run with (default "+standardRole+", made when missing)")
	fs.IntVar(&f.memory, "memory", 0, "memory in `MB` (default 128)")
	fs.IntVar(&f.timeout, "timeout", 0, "`SECONDS` that an invocation may take (default 3)")
	fs.StringArrayVar(&f.env, "env", nil, "variable of the function, `NAME=VALUE`; may be repeated and replaces all that it had")
	fs.BoolVar(&f.watch, "watch", false, "stay and deploy again whenever the code changes")
	fs.BoolVar(&f.json, "json", false, "print JSON: FunctionName, FunctionArn, Runtime, Handler, CodeSha256, CodeSize, Action, FunctionUrl, AuthType")
	completeFlag(cmd, "runtime", slices.Concat(pythonRuntimes(), []string{standardProvided})...)
	return f
}

func pythonRuntimes() []string {
	var list []string
	for minor := 8; minor <= 14; minor++ {
		list = append(list, fmt.Sprintf("python3.%d", minor))
	}
	return list
}

// spec makes of the flags what is to be deployed.
func (f *deployFlags) spec(path, auth string) (*spec, error) {
	if f.memory < 0 || f.timeout < 0 {
		return nil, usagef("--memory and --timeout cannot be negative")
	}
	source, err := openSource(path)
	if err != nil {
		return nil, err
	}
	s := &spec{
		source: source, name: f.name, runtime: f.runtime, handler: f.handler,
		memory: f.memory, timeout: f.timeout, role: f.role, auth: auth,
	}
	if len(f.env) > 0 {
		s.env = map[string]string{}
	}
	for _, pair := range f.env {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, usagef("--env %q: want NAME=VALUE", pair)
		}
		s.env[name] = value
	}
	if s.name == "" {
		s.name, err = source.functionName()
	}
	return s, err
}

// authType checks the value of a flag that takes the AuthType of a URL.
func authType(flag, v string) (string, error) {
	upper := strings.ToUpper(v)
	if !slices.Contains(authTypes(), upper) {
		return "", usagef("--%s %q: want %s", flag, v, strings.Join(authTypes(), " or "))
	}
	return upper, nil
}

func authTypes() []string {
	return []string{string(lambda.FunctionUrlAuthTypeNone), string(lambda.FunctionUrlAuthTypeAwsIam)}
}

func newDeployCommand(a *app) *cobra.Command {
	url := ""
	cmd := &cobra.Command{
		Use:   "deploy DIR|FILE",
		Short: "Create or update a function on the running server",
		Long: `Create or update a function from a directory, a file, or a deployment package (.zip) on the
server that runs. Of an existing function only what differs is changed; what no flag names
stays as it is. A URL is made or changed with --url only. Prints the URL, or without one
the function's ARN.`,
		Example: `  furl deploy examples/hello
  furl deploy examples/hello --name greeter --url AWS_IAM
  furl deploy app.zip --handler app.main --env STAGE=test --env COLOUR=green
  furl deploy examples/hello --watch`,
		Args: oneArg("a directory or file"),
	}
	target := addTargetFlags(cmd)
	flags := addDeployFlags(cmd)
	cmd.Flags().StringVar(&url, "url", "", "`AUTH` type of the function's URL: NONE (open to everyone) or AWS_IAM (signed)")
	completeFlag(cmd, "url", authTypes()...)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var err error
		if url != "" {
			if url, err = authType("url", url); err != nil {
				return err
			}
		}
		s, err := flags.spec(args[0], url)
		if err != nil {
			return err
		}
		c, err := a.connect(target)
		if err != nil {
			return err
		}
		d := a.newDeployer(c)
		if err := a.deployOnce(cmd.Context(), d, s, flags.json); err != nil {
			return err
		}
		if flags.watch {
			return a.watch(cmd.Context(), d, s)
		}
		return nil
	}
	return cmd
}

func (a *app) newDeployer(c *clients) *deployer {
	return &deployer{clients: c, progress: a.progress, python: localPython}
}

// deployOnce deploys, tells on stderr what was done and prints the result.
func (a *app) deployOnce(ctx context.Context, d *deployer, s *spec, asJSON bool) error {
	out, err := d.deploy(ctx, s)
	if err != nil {
		return err
	}
	a.progress("function %s %s (%s, %s, %s)", out.FunctionName, out.Action, out.Runtime, out.Handler, size(int(out.CodeSize)))
	missing, err := d.missingRuntime(ctx, out.Runtime)
	if err != nil {
		return err
	}
	if missing != "" {
		a.progress("furl: its calls will fail: %s", missing)
	}
	switch {
	case asJSON:
		return a.printJSON(out)
	case out.FunctionUrl != "":
		fmt.Fprintln(a.stdout, out.FunctionUrl)
	default:
		fmt.Fprintln(a.stdout, out.FunctionArn)
	}
	return nil
}
