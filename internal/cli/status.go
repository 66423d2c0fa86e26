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
		{"holds", strings.Join([]string{counted(s.Functions, "function"), counted(s.FunctionUrls, "function URL"), counted(s.Users, "user"), counted(s.Roles, "role")}, ", ")},
		{"isolation", fmt.Sprintf("%s, %s: %s", s.Isolation.Driver, level(s.Isolation), isolation.Meaning(s.Isolation.Driver))},
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
	lines = append(lines, [2]string{"egress", egressLine(s.Egress)})
	if len(s.Egress.Allow) > 0 {
		lines = append(lines, [2]string{"", "rules: " + strings.Join(s.Egress.Allow, ", ")})
	}
	if len(s.Egress.HostPorts) > 0 {
		lines = append(lines, [2]string{"", "host ports: " + strings.Trim(fmt.Sprint(s.Egress.HostPorts), "[]")})
	}
	lines = append(lines,
		[2]string{"environments", fmt.Sprintf("%d idle (%d frozen), %d busy, %d starting; %d invocations wait for one",
			s.Environments.Idle, s.Environments.Frozen, s.Environments.Busy, s.Environments.Starting, s.Environments.Waiting)})
	lines = append(lines, [2]string{"asynchronous", queueLine(s.Queue)})
	var blanks, starts []string
	for _, b := range s.Blanks {
		blanks = append(blanks, fmt.Sprintf("%s: %d", b.Runtime, b.Count))
	}
	for _, c := range s.ColdStarts {
		starts = append(starts, fmt.Sprintf("%s: %d, %d stocked", c.Runtime, c.Stocked+c.Unstocked, c.Stocked))
	}
	return append(lines, [2]string{"ready", orNone(blanks)}, [2]string{"cold starts", orNone(starts)})
}

func queueLine(q admin.QueueStatus) string {
	text := fmt.Sprintf("%s queued, %d running", counted(q.Events-q.Running, "event"), q.Running)
	if q.OldestDueSeconds > 0 {
		text += fmt.Sprintf("; one waits for %s", time.Duration(q.OldestDueSeconds)*time.Second)
	}
	return text
}

func egressLine(e admin.EgressStatus) string {
	if !e.Enforced {
		return "not held to --egress " + e.Policy + ": functions have the server's network"
	}
	return fmt.Sprintf("%s; %s, %d refused, %d bytes out, %d in", e.Policy, counted(int(e.Connections), "connection"), e.Refused, e.BytesOut, e.BytesIn)
}

// level is what was asked for, or why it is what it is where nobody asked.
func level(i admin.IsolationStatus) string {
	if i.Because == nil {
		return "as --isolation " + i.Level + " says"
	}
	return i.Level + ", because " + *i.Because
}

// counted is a number of things.
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func orNone(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, "; ")
}
