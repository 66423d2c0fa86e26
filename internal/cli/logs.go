package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"furl/internal/admin"
)

// lastEvents is how much of a log is shown when no time is named.
const lastEvents = 1000

// logOptions are the flags of furl logs.
type logOptions struct {
	follow, json bool
	since        time.Duration
}

func newLogsCommand(a *app) *cobra.Command {
	o := &logOptions{}
	cmd := &cobra.Command{
		Use:   "logs NAME",
		Short: "Print what a function logged",
		Long: `Print what a function printed and the platform's lines about its invocations: the time in
UTC, the first characters of the execution environment's id, the line. Without --since it
is the last 1000 events. The log of a function that was removed can still be read.`,
		Example: `  furl logs hello
  furl logs hello -f
  furl logs hello --since 10m --json | jq -r .Message`,
		Args: oneArg("the name of a function"),
	}
	target := addTargetFlags(cmd)
	cmd.Flags().BoolVarP(&o.follow, "follow", "f", false, "stay and print new events until Ctrl-C")
	cmd.Flags().DurationVar(&o.since, "since", 0, "print all events of this `TIME` up to now, for example 10m or 24h")
	cmd.Flags().BoolVar(&o.json, "json", false, "print one JSON object a line: EventId, Timestamp (milliseconds since 1970), LogStreamName, RequestId, Message")
	cmd.ValidArgsFunction = a.completeFunctions(target, 1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if o.since < 0 {
			return usagef("--since %s: want a time that has passed, for example 10m", o.since)
		}
		c, err := a.connect(target)
		if err != nil {
			return err
		}
		err = a.logs(cmd.Context(), c.furl, o, args[0])
		if o.follow && errors.Is(err, context.Canceled) {
			return nil // it was told to stop
		}
		return err
	}
	return cmd
}

// logs prints the pages of a log and then, if asked, follows it.
func (a *app) logs(ctx context.Context, c *admin.Client, o *logOptions, name string) error {
	in := &admin.GetLogsRequest{FunctionName: name}
	if o.since > 0 {
		in.StartTime = new(time.Now().Add(-o.since).UnixMilli())
	} else {
		in.Last, in.Limit = new(true), new(lastEvents)
	}
	var last []admin.LogEvent
	for {
		page, err := c.GetLogs(ctx, in)
		if err != nil {
			return err
		}
		if len(page.Events) > 0 {
			last = page.Events
		}
		if err := a.printEvents(page.Events, o.json); err != nil {
			return err
		}
		in.NextToken = page.NextToken
		if value(in.Last) || in.NextToken == nil {
			break
		}
	}
	if !o.follow {
		return nil
	}
	return a.follow(ctx, c, o, in, last)
}

// follow prints events as they arrive. Those of the last page are in the order
// of time, not of arrival, so that some of them may come again.
func (a *app) follow(ctx context.Context, c *admin.Client, o *logOptions, in *admin.GetLogsRequest, last []admin.LogEvent) error {
	seen := make(map[string]bool, len(last))
	for _, e := range last {
		seen[e.EventId] = true
	}
	in.Follow, in.Last, in.Limit, in.NextToken = new(true), nil, nil, nil
	if len(last) > 0 {
		in.NextToken = &last[len(last)-1].EventId
	}
	for {
		page, err := c.GetLogs(ctx, in)
		if err != nil {
			return err
		}
		fresh := page.Events[:0]
		for _, e := range page.Events {
			if !seen[e.EventId] {
				fresh = append(fresh, e)
			}
		}
		if err := a.printEvents(fresh, o.json); err != nil {
			return err
		}
		in.NextToken = page.NextToken
	}
}

// printEvents prints a page at once: a log may be long.
func (a *app) printEvents(events []admin.LogEvent, asJSON bool) error {
	var b strings.Builder
	terminal := isTerminal(a.stdout)
	for i := range events {
		if asJSON {
			line, err := json.Marshal(&events[i])
			if err != nil {
				return fmt.Errorf("print an event: %w", err)
			}
			b.Write(append(line, '\n'))
			continue
		}
		appendEvent(&b, &events[i], terminal)
	}
	_, err := a.stdout.Write([]byte(b.String()))
	return err
}

// appendEvent words an event for people. The further lines of a message are
// indented below its first.
func appendEvent(b *strings.Builder, e *admin.LogEvent, terminal bool) {
	_, id, _ := strings.Cut(e.LogStreamName, "]")
	message := strings.TrimRight(e.Message, "\n")
	if terminal {
		message = strings.Map(visible, message)
	}
	fmt.Fprintf(b, "%s %s %s\n",
		time.UnixMilli(e.Timestamp).UTC().Format("2006-01-02 15:04:05.000"),
		id[:min(6, len(id))],
		strings.ReplaceAll(message, "\n", "\n    "))
}

// visible replaces what a terminal might obey: anybody on the network may have
// had it logged.
func visible(r rune) rune {
	if r != '\n' && r != '\t' && unicode.IsControl(r) {
		return '\uFFFD'
	}
	return r
}
