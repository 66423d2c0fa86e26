package cli

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"furl/internal/admin"
)

func newAccountCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "account COMMAND",
		Short: "Play several AWS accounts in one server",
		Long: `Play several AWS accounts in one server. Each has functions, users and roles of its own, and a
root that may do everything in it and nothing elsewhere. What one account may do in another is
decided as on AWS: both must allow it.`,
		Example: `  eval "$(furl account create 444455556666 --name staging)"
  furl account list`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownCommand(cmd, args[0])
		},
	}
	cmd.AddCommand(newAccountCreateCommand(a), newAccountListCommand(a), newAccountKeysCommand(a))
	return cmd
}

func newAccountCreateCommand(a *app) *cobra.Command {
	name, shell, asJSON := "", shellSh, false
	cmd := &cobra.Command{
		Use:   "create [ID]",
		Short: "Make an account, and print its root's access key",
		Long: `Make an account in the running server and print the access key of its root as settings for
the shell to evaluate. The secret is shown this once. Without an ID of 12 digits the server
chooses one.`,
		Example: `  eval "$(furl account create)"
  furl account create 444455556666 --name staging --json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return oneArg("the id of an account")(cmd, args)
		},
	}
	target := addTargetFlags(cmd)
	cmd.Flags().StringVar(&name, "name", "", "`NAME` of the account, for people")
	addKeyFlags(cmd, &shell, &asJSON)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.connect(target)
		if err != nil {
			return err
		}
		in := &admin.CreateAccountRequest{}
		if len(args) > 0 {
			in.AccountId = &args[0]
		}
		if name != "" {
			in.Name = &name
		}
		key, err := c.furl.CreateAccount(cmd.Context(), in)
		if err != nil {
			return err
		}
		return a.printKey(c, key, shell, asJSON)
	}
	return cmd
}

func newAccountListCommand(a *app) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the accounts",
		Long:    "List the accounts of the running server, the one that its data directory belongs to first.",
		Example: "  furl account list",
		Args:    noArgs,
	}
	target := addTargetFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object: Accounts, with AccountId, Name, CreateDate and Keys")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		out, err := a.accounts(cmd.Context(), target)
		if err != nil {
			return err
		}
		if asJSON {
			return a.printJSON(out)
		}
		w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		for _, one := range out.Accounts {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", one.AccountId, orDash(one.Name), one.CreateDate.Format(time.DateOnly), counted(len(one.Keys), "root key"))
		}
		w.Flush() // an error shows at stdout
		return nil
	}
	return cmd
}

func (a *app) accounts(ctx context.Context, target given) (*admin.ListAccountsResponse, error) {
	c, err := a.connect(target)
	if err != nil {
		return nil, err
	}
	return c.furl.ListAccounts(ctx, &admin.ListAccountsRequest{})
}

func orDash(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

func newAccountKeysCommand(a *app) *cobra.Command {
	create, remove, shell, asJSON := false, "", shellSh, false
	cmd := &cobra.Command{
		Use:   "keys ID",
		Short: "List, make or delete the access keys of an account's root",
		Long: `List the access keys of an account's root, make one more or delete one. There are at most two,
so that one can take the other's place.`,
		Example: `  furl account keys 444455556666
  eval "$(furl account keys 444455556666 --create)"
  furl account keys 444455556666 --delete AKIAIOSFODNN7EXAMPLE`,
		Args: oneArg("the id of an account"),
	}
	target := addTargetFlags(cmd)
	cmd.Flags().BoolVar(&create, "create", false, "make one more and print it")
	cmd.Flags().StringVar(&remove, "delete", "", "delete the access key `KEY-ID`: the next request signed with it is refused")
	cmd.MarkFlagsMutuallyExclusive("create", "delete")
	addKeyFlags(cmd, &shell, &asJSON)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.connect(target)
		if err != nil {
			return err
		}
		switch {
		case create:
			key, err := c.furl.CreateAccountKey(cmd.Context(), &admin.CreateAccountKeyRequest{AccountId: args[0]})
			if err != nil {
				return err
			}
			return a.printKey(c, key, shell, asJSON)
		case remove != "":
			return c.furl.DeleteAccountKey(cmd.Context(), &admin.DeleteAccountKeyRequest{AccountId: args[0], AccessKeyId: remove})
		}
		return a.listKeys(cmd.Context(), c, args[0], asJSON)
	}
	return cmd
}

func (a *app) listKeys(ctx context.Context, c *clients, account string, asJSON bool) error {
	out, err := c.furl.ListAccounts(ctx, &admin.ListAccountsRequest{})
	if err != nil {
		return err
	}
	for _, one := range out.Accounts {
		if one.AccountId != account {
			continue
		}
		if asJSON {
			return a.printJSON(one.Keys)
		}
		for _, k := range one.Keys {
			fmt.Fprintf(a.stdout, "%s  %s\n", k.AccessKeyId, k.CreateDate.Format(time.DateOnly))
		}
		return nil
	}
	return withHint(fmt.Errorf("this server has no account %s", account), "furl account list tells which there are")
}

func addKeyFlags(cmd *cobra.Command, shell *string, asJSON *bool) {
	cmd.Flags().StringVar(shell, "shell", shellSh, "`SHELL` to print for: sh, fish or powershell")
	cmd.Flags().BoolVar(asJSON, "json", false, "print a JSON object")
	completeFlag(cmd, "shell", shellSh, shellFish, shellPowerShell)
}

// printKey prints an access key of a root for the shell, with what leads clients
// to the server.
func (a *app) printKey(c *clients, key *admin.AccountKey, shell string, asJSON bool) error {
	if asJSON {
		return a.printJSON(key)
	}
	form, ok := shellForms()[shell]
	if !ok {
		return usagef("--shell %q: want %s", shell, strings.Join([]string{shellSh, shellFish, shellPowerShell}, ", "))
	}
	vars := variables{
		{name: "AWS_ENDPOINT_URL", value: c.info.Endpoint},
		{name: "AWS_ACCESS_KEY_ID", value: key.AccessKeyId},
		{name: "AWS_SECRET_ACCESS_KEY", value: key.SecretAccessKey},
		{name: "AWS_SESSION_TOKEN", unset: true},
	}
	for _, v := range vars {
		fmt.Fprintln(a.stdout, form(v))
	}
	a.progress("furl: the root of account %s; its secret is shown this once", key.AccountId)
	return nil
}

func newRevokeCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke KEY-ID…",
		Short: "End temporary credentials before their time",
		Long: `End temporary credentials (of AssumeRole, GetSessionToken and the like, and of functions)
before their time, by the ids of their access keys, which the audit records name. The next
request signed with them is refused.

To end all sessions of a role that are older than now, give the role a policy that denies
what has an older aws:TokenIssueTime, as AWS's console does; to end them for good, delete it.`,
		Example: "  furl revoke ASIAIOSFODNN7EXAMPLE",
		Args:    someArgs("the id of an access key that begins with ASIA"),
	}
	target := addTargetFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := a.connect(target)
		if err != nil {
			return err
		}
		for _, id := range args {
			if err := c.furl.RevokeSession(cmd.Context(), &admin.RevokeSessionRequest{AccessKeyId: id}); err != nil {
				return err
			}
			a.progress("furl: %s is revoked", id)
		}
		return nil
	}
	return cmd
}
