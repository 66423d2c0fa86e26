package cli

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"furl/internal/admin"
	"furl/internal/isolation"
)

func newStatusCommand(a *app) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Tell how the running server does",
		Long: `Tell how the running server does: what functions run in and why, what they reach over the
network, execution environments, cold starts.`,
		Example: `  furl status
  furl status --json | jq .Isolation.Driver`,
		Args: noArgs,
	}
	target := addTargetFlags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object: Version, Isolation, Egress, Environments, Blanks, ColdStarts and more")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := a.connect(target)
		if err != nil {
			return err
		}
		return a.status(cmd.Context(), c, asJSON)
	}
	return cmd
}

func (a *app) status(ctx context.Context, c *clients, asJSON bool) error {
	s, err := c.furl.GetStatus(ctx, &admin.GetStatusRequest{Probe: new(true)})
	if err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(s)
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	for _, line := range statusLines(c.info.Endpoint, s) {
		fmt.Fprintf(w, "%s\t%s\n", line[0], line[1])
	}
	w.Flush() // an error shows at stdout
	return nil
}

// statusLines are what furl status prints: a name and a text each.
func statusLines(endpoint string, s *admin.GetStatusResponse) [][2]string {
	up := time.Duration(s.UptimeSeconds) * time.Second
	lines := [][2]string{
		{"server", fmt.Sprintf("furl %s on %s, for %s", s.Version, endpoint, up)},
		{"plays", fmt.Sprintf("account %s in %s; domain %s, url-auth %s", s.Account, s.Region, s.Domain, s.Mode)},
		{"holds", fmt.Sprintf("%d functions, %d function URLs, %d users, %d roles", s.Functions, s.FunctionUrls, s.Users, s.Roles)},
		{"isolation", fmt.Sprintf("%s, as --isolation %s says: %s", s.Isolation.Driver, s.Isolation.Level, isolation.Meaning(s.Isolation.Driver))},
	}
	if s.Isolation.Reason != nil {
		lines = append(lines, [2]string{"", "nothing stronger: " + *s.Isolation.Reason})
	}
	if s.Isolation.Remedy != nil {
		lines = append(lines, [2]string{"", "what helps: " + *s.Isolation.Remedy})
	}
	for _, lack := range s.Isolation.Without {
		lines = append(lines, [2]string{"", "without " + lack})
	}
	lines = append(lines, [2]string{"egress", egressLine(s.Egress)},
		[2]string{"environments", fmt.Sprintf("%d idle (%d frozen), %d busy, %d starting; %d invocations wait for one",
			s.Environments.Idle, s.Environments.Frozen, s.Environments.Busy, s.Environments.Starting, s.Environments.Waiting)})
	var blanks, starts []string
	for _, b := range s.Blanks {
		blanks = append(blanks, fmt.Sprintf("%d of %s", b.Count, b.Runtime))
	}
	for _, c := range s.ColdStarts {
		starts = append(starts, fmt.Sprintf("%d of %s, %d of them from one that was ready", c.Stocked+c.Unstocked, c.Runtime, c.Stocked))
	}
	return append(lines, [2]string{"ready", orNone(blanks)}, [2]string{"cold starts", orNone(starts)})
}

func egressLine(e admin.EgressStatus) string {
	if !e.Enforced {
		return "not held to --egress " + e.Policy + ": functions have the server's network"
	}
	return fmt.Sprintf("%s; %d connections, %d refused, %d bytes out, %d in", e.Policy, e.Connections, e.Refused, e.BytesOut, e.BytesIn)
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, "; ")
}
