package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"furl/internal/admin"
)

// lastEvents is how much of a log is shown when no time is named.
const lastEvents = 1000

// logOptions are the flags of furl logs.
type logOptions struct {
	follow, json  bool
	errors, group bool
	since         time.Duration
	pattern       string
}

func newLogsCommand(a *app) *cobra.Command {
	o := &logOptions{}
	cmd := &cobra.Command{
		Use:   "logs NAME",
		Short: "Print what a function logged",
		Long: `Print what a function printed and the platform's lines about its invocations: the time in
UTC, the first characters of the execution environment's id, the line. Without --since it
is the last 1000 events. On a terminal each request has its colour. The log of a function
that was removed can still be read.

A filter pattern is one of CloudWatch Logs: terms ('timeout -retry'), fields of lines that are
JSON ('{ $.level = "ERROR" }'), or fields between spaces ('[ip, ..., status = 5*, size]').`,
		Example: `  furl logs hello
  furl logs hello -f --group
  furl logs hello --errors --since 1h
  furl logs hello --filter-pattern '{ $.user = "ann" }'
  furl logs hello --since 10m --json | jq -r .Message`,
		Args: oneArg("the name of a function"),
	}
	target := addTargetFlags(cmd)
	cmd.Flags().BoolVarP(&o.follow, "follow", "f", false, "stay and print new events until Ctrl-C")
	cmd.Flags().DurationVar(&o.since, "since", 0, "print all events of this `TIME` up to now, for example 10m or 24h")
	cmd.Flags().BoolVar(&o.errors, "errors", false, "print only events that tell of a failure: errors that were logged, timeouts, failed invocations")
	cmd.Flags().StringVar(&o.pattern, "filter-pattern", "", "print only events that this `PATTERN` of CloudWatch Logs selects")
	cmd.Flags().BoolVar(&o.group, "group", false, "print the events of a request together, when it has ended")
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
	if o.errors {
		in.Errors = new(true)
	}
	if o.pattern != "" {
		in.FilterPattern = &o.pattern
	}
	printer := &eventPrinter{out: a.stdout, json: o.json, terminal: isTerminal(a.stdout), grouped: o.group}
	printer.coloured = printer.terminal && a.env["NO_COLOR"] == ""
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
		if err := printer.print(page.Events); err != nil {
			return err
		}
		in.NextToken = page.NextToken
		if value(in.Last) || in.NextToken == nil {
			break
		}
	}
	if !o.follow {
		return printer.rest()
	}
	return a.follow(ctx, c, printer, in, last)
}

// follow prints events as they arrive. Those of the last page are in the order
// of time, not of arrival, so that some of them may come again.
func (a *app) follow(ctx context.Context, c *admin.Client, printer *eventPrinter, in *admin.GetLogsRequest, last []admin.LogEvent) error {
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
		if err := printer.print(fresh); err != nil {
			return err
		}
		in.NextToken = page.NextToken
	}
}
