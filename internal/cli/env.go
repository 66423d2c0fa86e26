package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"furl"
	"furl/internal/admin"
)

// Values of the flag --shell.
const (
	shellSh         = "sh"
	shellFish       = "fish"
	shellPowerShell = "powershell"
)

func newEnvCommand(a *app) *cobra.Command {
	shell, asJSON := shellSh, false
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Print the settings that lead AWS clients to the server",
		Long: `Print the variables that lead the AWS CLI, the SDKs and curl to the running server: its
address, the root's access key, the region, and the certificate authorities to trust, the
local one among them. The output is for the shell to evaluate.`,
		Example: `  eval "$(furl env)"
  furl env --shell fish | source
  furl env --shell powershell | Out-String | Invoke-Expression
  furl env --json`,
		Args: noArgs,
	}
	target := addTargetFlags(cmd, "data-dir")
	cmd.Flags().StringVar(&shell, "shell", shellSh, "`SHELL` to print for: sh, fish or powershell")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object")
	completeFlag(cmd, "shell", shellSh, shellFish, shellPowerShell)
	cmd.RunE = func(*cobra.Command, []string) error {
		form, ok := shellForms()[shell]
		if !ok {
			return usagef("--shell %q: want sh, fish or powershell", shell)
		}
		vars, err := a.clientVariables(cmd.Context(), target)
		if err != nil {
			return err
		}
		if asJSON {
			return a.printJSON(vars.object())
		}
		for _, v := range vars {
			fmt.Fprintln(a.stdout, form(v))
		}
		return nil
	}
	return cmd
}

// variable is one variable to set, or to unset.
type variable struct {
	name, value string
	unset       bool
}

type variables []variable

// object is the JSON form: null is to be unset.
func (vs variables) object() map[string]any {
	out := make(map[string]any, len(vs))
	for _, v := range vs {
		if v.unset {
			out[v.name] = nil
		} else {
			out[v.name] = v.value
		}
	}
	return out
}

// clientVariables are what clients need to know of the running server.
func (a *app) clientVariables(ctx context.Context, flags given) (variables, error) {
	dir, err := a.clientDataDir(flags)
	if err != nil {
		return nil, err
	}
	info, err := awaitServer(ctx, dir)
	if err != nil {
		return nil, err
	}
	vars := variables{{name: "AWS_ENDPOINT_URL", value: info.Endpoint}}
	key, err := furl.ReadRootKey(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// The key was given to the server from outside and is the user's to set.
		a.progress("furl: the server's root key is not in %s; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are left alone", dir)
	case err != nil:
		return nil, err
	default:
		vars = append(vars,
			variable{name: "AWS_ACCESS_KEY_ID", value: key.AccessKeyID},
			variable{name: "AWS_SECRET_ACCESS_KEY", value: key.SecretAccessKey.Reveal()})
		// A token of other credentials would be sent along with these.
		if a.env["AWS_SESSION_TOKEN"] != "" {
			vars = append(vars, variable{name: "AWS_SESSION_TOKEN", unset: true})
		}
	}
	return append(vars,
		variable{name: "AWS_ENDPOINT_URL_S3", value: objectEndpoint(info.Endpoint)},
		variable{name: "AWS_REGION", value: info.Region},
		variable{name: "AWS_DEFAULT_REGION", value: info.Region},
		// Live Tail would otherwise be asked of a host "stream-" before the endpoint's.
		variable{name: "AWS_DISABLE_HOST_PREFIX_INJECTION", value: "true"},
		variable{name: "AWS_CA_BUNDLE", value: info.CABundle},
		variable{name: "REQUESTS_CA_BUNDLE", value: info.CABundle},
		variable{name: "CURL_CA_BUNDLE", value: info.CABundle},
		// Node.js, which the CDK runs on, has its own list and takes what is to be added.
		variable{name: "NODE_EXTRA_CA_CERTS", value: info.CACert},
	), nil
}

// objectEndpoint is the address for S3. It is an IP address, with which clients put buckets into the path: not every system
// can resolve the names that they make of a host name. It is TLS where the certificate is for the address, since the
// policies of many buckets, those of the CDK for one, refuse requests without it.
func objectEndpoint(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return endpoint
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && (ip.Equal(net.IPv4(127, 0, 0, 1)) || ip.Equal(net.IPv6loopback)) {
		u.Scheme = "https"
	}
	return u.String()
}

// shellForms are the forms of a variable by shell.
func shellForms() map[string]func(variable) string {
	return map[string]func(variable) string{
		shellSh: func(v variable) string {
			if v.unset {
				return "unset " + v.name
			}
			return "export " + v.name + "=" + admin.ShellQuote(v.value)
		},
		shellFish: func(v variable) string {
			if v.unset {
				return "set -e " + v.name
			}
			return "set -gx " + v.name + " '" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(v.value) + "'"
		},
		shellPowerShell: func(v variable) string {
			if v.unset {
				return "Remove-Item Env:" + v.name + " -ErrorAction SilentlyContinue"
			}
			return "$Env:" + v.name + " = '" + strings.ReplaceAll(v.value, "'", "''") + "'"
		},
	}
}

// startWait is how long a server may take to start that was put into the
// background in the line before.
const startWait = 3 * time.Second

// awaitServer is readServer for one that may be starting.
func awaitServer(ctx context.Context, dir string) (furl.ServerInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	tick := time.NewTicker(startWait / 100)
	defer tick.Stop()
	for {
		info, err := readServer(dir, "")
		if !errors.Is(err, furl.ErrNoServer) {
			return info, err
		}
		select {
		case <-ctx.Done():
			return info, err
		case <-tick.C:
		}
	}
}
