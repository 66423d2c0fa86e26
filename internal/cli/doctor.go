package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"furl"
	"furl/internal/doctor"
	"furl/internal/isolation"
)

func newDoctorCommand(a *app) *cobra.Command {
	asJSON := false
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what works on this machine, and what helps where something does not",
		Long: `Try what a server needs on this machine, without one: what functions can run in, the
interpreters of the managed runtimes, the addresses, the data directory, the clock. What is
missing is named with its reason and what helps. "without" marks what a server can do
without.

The exit code is 0 when furl serve with these settings would start, else 1. The settings are
all those of furl serve: flags, FURL_ variables and the settings file.`,
		Example: `  furl doctor
  furl doctor --isolation required          would functions be fully isolated here?
  furl doctor --listen 0.0.0.0:4566         beyond loopback that is demanded
  sudo -u furl furl doctor --json           as the user that a service runs as`,
		Args: noArgs,
	}
	flags := addSettingFlags(cmd, serverSettings()...)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON object: Isolation, Strongest, Level, Because, Required, Starts, Sections (Name, Works, Checks (Name, State, Detail, Hint))")
	completeSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s, err := a.loadSettings(flags)
		if err != nil {
			return err
		}
		r, err := a.examine(cmd.Context(), s)
		if err != nil {
			return err
		}
		if asJSON {
			err = a.printJSON(r)
		} else {
			a.printReport(r)
		}
		if err == nil && !r.Starts {
			return silentError{}
		}
		return err
	}
	return cmd
}

func (a *app) examine(ctx context.Context, s *settings) (doctor.Report, error) {
	supervisor, err := furl.SelfSupervisor()
	if err != nil {
		return doctor.Report{}, err
	}
	c := s.Config
	c.Supervisor, c.Logger = supervisor, slog.New(slog.DiscardHandler)
	r := furl.Examine(ctx, c, func(what string) {
		if isTerminal(a.stderr) {
			a.progress("%s …", what)
		}
	})
	return r, ctx.Err()
}

// printReport prints what was found: a table for each section, then the verdict.
// Of drivers that are weaker than the one that functions would run in it is
// enough whether they work.
func (a *app) printReport(r doctor.Report) {
	weaker := false
	for _, s := range r.Sections {
		isDriver := isolation.Meaning(s.Name) != ""
		printSection(a.stdout, s, !isDriver || !weaker)
		weaker = weaker || s.Name == r.Isolation
	}
	fmt.Fprintln(a.stdout)
	a.printVerdict(r)
}

// printVerdict says whether a server would start, and in what functions would run.
func (a *app) printVerdict(r doctor.Report) {
	level := "--isolation " + r.Level
	if r.Because != "" {
		level = r.Level + " isolation, because " + r.Because
	}
	switch {
	case r.Starts:
		fmt.Fprintln(a.stdout, "furl serve starts here.")
	case r.Isolation == "":
		fmt.Fprintf(a.stdout, "furl serve does not start here (%s): see what is missing above.\n", level)
	default:
		fmt.Fprintln(a.stdout, "furl serve does not start here: see what is missing above.")
	}
	switch {
	case r.Isolation != "":
		fmt.Fprintf(a.stdout, "functions run in: %s (%s)\n", r.Isolation, isolation.Meaning(r.Isolation))
	case r.Strongest != "":
		fmt.Fprintf(a.stdout, "functions run in: nothing; the strongest that works is %s (%s)\n", r.Strongest, isolation.Meaning(r.Strongest))
	default:
		fmt.Fprintln(a.stdout, "functions run in: nothing")
	}
	switch {
	case r.Level == isolation.Required || r.Level == isolation.Namespace || !r.Starts && r.Isolation != "":
	case r.Required:
		fmt.Fprintln(a.stdout, "(With --isolation required a server would start, too.)")
	default:
		fmt.Fprintln(a.stdout, "(With --isolation required a server would not start, nor would one that listens beyond loopback without another --isolation.)")
	}
}

func printSection(out io.Writer, s doctor.Section, whole bool) {
	verdict := "works"
	if !s.Works {
		verdict = "does not work"
	}
	fmt.Fprintf(out, "%s: %s\n", s.Name, verdict)
	if !whole {
		return
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	var absent []string
	for _, c := range s.Checks {
		if s.Name == doctor.Runtimes && c.State == doctor.Without && c.Detail == "" {
			absent = append(absent, c.Name)
			continue
		}
		detail := c.Detail
		if c.Hint != "" && detail != "" {
			detail += "\n  \t\t" // the hint on a line of its own
		}
		if c.Hint != "" {
			detail += "hint: " + c.Hint
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", c.State, c.Name, detail)
	}
	w.Flush() // it cannot fail
	for line := range strings.Lines(table.String()) {
		fmt.Fprintln(out, strings.TrimRight(line, " \n")) // without the last column's padding
	}
	if len(absent) > 0 {
		fmt.Fprintf(out, "  without  %s: not installed (furl doctor --json tells how to install each)\n", strings.Join(absent, ", "))
	}
}
