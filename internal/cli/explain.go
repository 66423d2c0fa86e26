package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"furl/internal/admin"
)

// explainOptions are the flags of furl explain.
type explainOptions struct {
	as, key, method, ip, userAgent, referer, qualifier string
	json                                               bool
}

func newExplainCommand(a *app) *cobra.Command {
	o := &explainOptions{}
	cmd := &cobra.Command{
		Use:   "explain URL|NAME",
		Short: "Tell why a caller may or may not call a function URL",
		Long: `Tell whether a caller may call a function URL, with the reason for it: every statement of
every policy that has a say and why it does or does not apply, the permission that is
missing, and the command of the AWS CLI that would give it. It is the server's own verdict,
found without calling the function.

The exit code is 0 when the call is allowed and 1 when it is refused.`,
		Example: `  furl explain http://….lambda-url.us-east-1.localhost:4566/
  furl explain hello --as alice
  furl explain hello --as-key AKIAIOSFODNN7EXAMPLE --source-ip 192.0.2.7
  furl explain hello --as anonymous --json`,
		Args: oneArg("a function URL or the name of a function"),
	}
	target := addTargetFlags(cmd)
	fs := cmd.Flags()
	fs.StringVar(&o.as, "as", "", "who calls: a `USER`'s name, the ARN of a user, a role or a role's session, root, or anonymous (default anonymous)")
	fs.StringVar(&o.key, "as-key", "", "`ID` of the access key that the call is signed with")
	fs.StringVar(&o.method, "method", "", "HTTP `METHOD` (default GET)")
	fs.StringVar(&o.ip, "source-ip", "", "address (`IP`) that the call comes from (default 127.0.0.1)")
	fs.StringVar(&o.userAgent, "user-agent", "", "User-Agent `HEADER` of the call")
	fs.StringVar(&o.referer, "referer", "", "Referer `HEADER` of the call")
	fs.StringVar(&o.qualifier, "qualifier", "", "`ALIAS` whose URL is meant, with a function's name")
	fs.BoolVar(&o.json, "json", false, "print JSON: Allowed, Mode, Reason, Summary, Decisions, Fix and more")
	cmd.ValidArgsFunction = a.completeFunctions(target, 1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := o.check(); err != nil {
			return err
		}
		c, err := a.connect(target)
		if err != nil {
			return err
		}
		return a.explain(cmd.Context(), c, o, args[0])
	}
	return cmd
}

// check refuses flags that make no sense.
func (o *explainOptions) check() error {
	switch {
	case o.ip != "" && net.ParseIP(o.ip) == nil:
		return usagef("--source-ip %q is not an IP address", o.ip)
	case o.as == "anonymous" && o.key != "":
		return withHint(usagef("--as anonymous and --as-key exclude each other: a call that is signed with a key has a caller"), "leave one of them out")
	}
	return nil
}

func (a *app) explain(ctx context.Context, c *clients, o *explainOptions, what string) error {
	in := &admin.ExplainURLRequest{
		Qualifier: optional(o.qualifier), As: optional(o.as), AsKey: optional(o.key), Method: optional(o.method),
		SourceIp: optional(o.ip), UserAgent: optional(o.userAgent), Referer: optional(o.referer),
	}
	if strings.Contains(what, "/") || strings.Contains(what, ".lambda-url.") {
		in.Url = &what
	} else {
		in.FunctionName = &what
	}
	out, err := c.furl.ExplainURL(ctx, in)
	switch {
	case isCode(err, "ResourceNotFoundException") && strings.Contains(err.Error(), "Function not found"):
		return withHint(err, "furl list shows the functions that there are")
	case err != nil:
		return err
	case o.json:
		err = a.printJSON(out)
	case out.Reason == admin.ReasonNoURL:
		// There is nothing to explain before there is a URL.
		return withHint(errors.New(out.Summary), out.Fix...)
	default:
		printExplanation(a.stdout, out)
	}
	if err == nil && !out.Allowed {
		return silentError{}
	}
	return err
}

// optional is nil for a flag that was not given.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// printExplanation prints an explanation for people.
func printExplanation(w io.Writer, x *admin.ExplainURLResponse) {
	fmt.Fprintf(w, "%s: %s\n", verdict(x), x.Summary)
	if x.FunctionUrl != nil {
		fmt.Fprintf(w, "  url       %s (%s)\n", *x.FunctionUrl, value(x.AuthType))
		fmt.Fprintf(w, "  function  %s\n", value(x.FunctionArn))
	}
	if x.Principal != nil {
		fmt.Fprintf(w, "  caller    %s\n", *x.Principal)
	}
	fmt.Fprintf(w, "  mode      %s\n", x.Mode)
	for _, d := range x.Decisions {
		printDecision(w, &d)
	}
	if x.MissingPermission != nil {
		fmt.Fprintf(w, "\nmissing permission: %s on %s\n", *x.MissingPermission, value(x.FunctionArn))
	}
	if len(x.Notes) > 0 {
		fmt.Fprintln(w)
	}
	for _, note := range x.Notes {
		fmt.Fprintf(w, "note: %s\n", note)
	}
	if len(x.Fix) > 0 {
		heading := "to have it allowed:"
		if x.Allowed {
			heading = "to have dual mode and today's AWS allow it too:"
		}
		fmt.Fprintf(w, "\n%s\n", heading)
	}
	for _, command := range x.Fix {
		fmt.Fprintf(w, "  %s\n", command)
	}
}

func verdict(x *admin.ExplainURLResponse) string {
	if x.Allowed {
		return "allowed"
	}
	return "refused"
}

func printDecision(w io.Writer, d *admin.Decision) {
	fmt.Fprintln(w)
	switch {
	case d.Allowed:
		fmt.Fprintf(w, "%s: allowed", d.Action)
	default:
		fmt.Fprintf(w, "%s: not allowed, %s", d.Action, d.Reason)
	}
	if !d.Required {
		fmt.Fprint(w, " (dual mode and AWS since October 2025 ask for it; this server does not)")
	}
	fmt.Fprintln(w)
	if len(d.Statements) == 0 {
		fmt.Fprintln(w, "  no policy has a say in it")
	}
	for _, s := range d.Statements {
		what := "applies"
		if !s.Applies {
			what = "does not apply"
		}
		sid := ""
		if s.Sid != nil {
			sid = fmt.Sprintf(" %q", *s.Sid)
		}
		fmt.Fprintf(w, "  %s: statement %d%s of %s %s\n", s.Effect, s.Index, sid, cmp.Or(s.Policy, "the "+s.PolicyType), what)
		for _, why := range s.Why {
			fmt.Fprintf(w, "      %s\n", why)
		}
	}
}
