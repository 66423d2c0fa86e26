package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

const shellBash, shellZsh = "bash", "zsh"

func newCompletionCommand(a *app) *cobra.Command {
	shells := []string{shellBash, shellZsh, shellFish, shellPowerShell}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a script that completes furl's command lines",
		Long: `Print a script for a shell to load, so that it completes furl's commands, flags and, while a
server runs, the names of functions.`,
		Example: `  source <(furl completion bash)
  furl completion zsh > "${fpath[1]}/_furl"
  furl completion fish > ~/.config/fish/completions/furl.fish
  furl completion powershell | Out-String | Invoke-Expression`,
		Args:      oneArg("a shell: " + strings.Join(shells, ", ")),
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case shellBash:
				return root.GenBashCompletionV2(a.stdout, true)
			case shellZsh:
				return root.GenZshCompletion(a.stdout)
			case shellFish:
				return root.GenFishCompletion(a.stdout, true)
			case shellPowerShell:
				return root.GenPowerShellCompletionWithDesc(a.stdout)
			}
			return withHint(&usageError{fmt.Errorf("unknown shell %q", args[0])}, "furl knows "+strings.Join(shells, ", "))
		},
	}
}
