package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"furl/internal/environment"
	"furl/internal/lambda"
)

// deployFlags are the flags that up and deploy have in common.
type deployFlags struct {
	name, runtime, handler, role string
	memory, timeout              int
	env                          []string
	watch, json                  bool
	// given tells whether a flag was given, by name.
	given func(flag string) bool
}

func addDeployFlags(cmd *cobra.Command) *deployFlags {
	f := &deployFlags{given: cmd.Flags().Changed}
	fs := cmd.Flags()
	fs.StringVar(&f.name, "name", "", "`NAME` of the function or stack (default the directory's or file's)")
	fs.StringVar(&f.runtime, "runtime", "", "`RUNTIME`, for example python3.12, nodejs22.x or provided.al2023 (default guessed)")
	fs.StringVar(&f.handler, "handler", "", "handler, `FILE.FUNCTION` without the file's ending (default guessed)")
	fs.StringVar(&f.role, "role", "", "name or `ARN` of the role to run with (default "+standardRole+", made when missing)")
	fs.IntVar(&f.memory, "memory", 0, "memory in `MB` (default 128)")
	fs.IntVar(&f.timeout, "timeout", 0, "`SECONDS` that an invocation may take (default 3)")
	fs.StringArrayVar(&f.env, "env", nil, "variable of the function, `NAME=VALUE`; may be repeated and replaces all that it had")
	fs.BoolVar(&f.watch, "watch", false, "stay and deploy again whenever the code changes")
	fs.BoolVar(&f.json, "json", false, "print JSON: FunctionName, FunctionArn, Runtime, Handler, CodeSha256, CodeSize, Action, FunctionUrl, AuthType; of a template StackName, StackId, StackStatus, Action, Outputs")
	completeFlag(cmd, "runtime", append(environment.ManagedRuntimes(), standardProvided)...)
	return f
}

// spec makes of the flags what is to be deployed; auth and newAuth are those of
// the spec.
func (f *deployFlags) spec(path, auth, newAuth string) (*spec, error) {
	if f.memory <= 0 && f.given("memory") || f.timeout <= 0 && f.given("timeout") {
		return nil, usagef("--memory and --timeout must be more than 0")
	}
	source, err := openSource(path)
	if err != nil {
		return nil, err
	}
	s := &spec{
		source: source, name: f.name, runtime: f.runtime, handler: f.handler,
		memory: f.memory, timeout: f.timeout, role: f.role, auth: auth, newAuth: newAuth,
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
		Use:   "deploy DIR|FILE|TEMPLATE",
		Short: "Create or update a function, or a template's stack, on the running server",
		Long: `Create or update a function from a directory, a file, or a deployment package (.zip) on the
server that runs. Of an existing function only what differs is changed; what no flag names
stays as it is. A URL is made or changed with --url only. Prints the URL, or without one
the function's ARN.

Of a CloudFormation or SAM template (.yaml, .yml, .json, .template) a stack is made or
updated: code, layers and nested templates that it names on this machine are packed and
kept in a bucket that furl makes, the capabilities that it needs are granted, and what was
done to each resource is told. Prints the outputs.`,
		Example: `  furl deploy examples/hello
  furl deploy examples/hello --name greeter --url AWS_IAM
  furl deploy app.zip --handler app.main --env STAGE=test --env COLOUR=green
  furl deploy examples/hello --watch
  furl deploy template.yaml --parameter Stage=test
  furl deploy template.yaml --diff`,
		Args: oneArg("a directory, file or template"),
	}
	target := addTargetFlags(cmd)
	flags := addDeployFlags(cmd)
	templates := addTemplateFlags(cmd)
	cmd.Flags().StringVar(&url, "url", "", "`AUTH` type of the function's URL: NONE (open to everyone) or AWS_IAM (signed)")
	completeFlag(cmd, "url", authTypes()...)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var err error
		if url != "" {
			if url, err = authType("url", url); err != nil {
				return err
			}
		}
		file, err := openTemplate(args[0])
		if err != nil {
			return err
		}
		if file != nil {
			return a.runDeployTemplate(cmd, target, templates, flags, file)
		}
		if err := refuseFlags(cmd, "functions", "parameter", "diff"); err != nil {
			return err
		}
		s, err := flags.spec(args[0], url, url)
		if err != nil {
			return err
		}
		c, err := a.connect(target)
		if err != nil {
			return err
		}
		return a.deployAndWatch(cmd.Context(), a.newDeployer(c), s, flags)
	}
	return cmd
}

// deployAndWatch deploys, and with --watch stays until ctx ends.
func (a *app) deployAndWatch(ctx context.Context, d *deployer, s *spec, flags *deployFlags) error {
	if !flags.watch {
		_, err := a.deployOnce(ctx, d, s, flags.json)
		return err
	}
	w, err := newWatcher(s.source) // before the first deployment, so that no edit is missed
	if err != nil {
		return err
	}
	defer w.Close()
	out, err := a.deployOnce(ctx, d, s, flags.json)
	switch {
	case ctx.Err() != nil: // told to leave
		return nil
	case err != nil:
		return err
	}
	return a.watch(ctx, w, d, s, out, flags.json)
}

func (a *app) newDeployer(c *clients) *deployer {
	return &deployer{clients: c, progress: a.progress, local: localRuntime}
}

// deployOnce deploys, tells on stderr what was done and prints the result.
func (a *app) deployOnce(ctx context.Context, d *deployer, s *spec, asJSON bool) (*deployment, error) {
	out, err := d.deploy(ctx, s)
	if err != nil {
		return nil, err
	}
	a.progress("function %s %s (%s, %s, %s)", out.FunctionName, out.Action, out.Runtime, out.Handler, size(int(out.CodeSize)))
	if err := a.warn(ctx, d, s, out); err != nil {
		return nil, err
	}
	return out, a.printDeployment(out, asJSON)
}

// printDeployment prints on stdout what was deployed: its address alone, or JSON.
func (a *app) printDeployment(out *deployment, asJSON bool) error {
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
