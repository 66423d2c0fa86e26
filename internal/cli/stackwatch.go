package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"furl/internal/cfn"
)

// stackWatch tells the events of a stack as they come.
type stackWatch struct {
	cfn      *cfn.Client
	id       string // the stack's ARN
	progress func(format string, args ...any)
	// last is the newest event that was seen.
	last string
	// cause is the first failure that was seen, which others mostly follow from.
	cause string
}

// skip passes over the events that there are.
func (w *stackWatch) skip(ctx context.Context) error {
	out, err := w.cfn.DescribeStackEvents(ctx, &cfn.DescribeStackEventsInput{StackName: w.id})
	if err == nil && len(out.StackEvents) > 0 {
		w.last = out.StackEvents[0].EventId
	}
	return err
}

// news returns the events since the last look, oldest first.
func (w *stackWatch) news(ctx context.Context) ([]cfn.StackEvent, error) {
	var list []cfn.StackEvent
	in := &cfn.DescribeStackEventsInput{StackName: w.id}
	for {
		out, err := w.cfn.DescribeStackEvents(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, e := range out.StackEvents {
			if e.EventId == w.last {
				in.NextToken = nil
				out.NextToken = nil
				break
			}
			list = append(list, e)
		}
		if in.NextToken = out.NextToken; in.NextToken == nil {
			break
		}
	}
	if len(list) > 0 {
		w.last = list[0].EventId
	}
	slices.Reverse(list)
	return list, nil
}

// end tells events until the stack has come to an end, and returns its status then.
func (w *stackWatch) end(ctx context.Context) (string, error) {
	for pause := 50 * time.Millisecond; ; pause = min(2*pause, maxPause) {
		events, err := w.news(ctx)
		if err != nil {
			return "", err
		}
		for _, e := range events {
			status := string(value(e.ResourceStatus))
			w.tell(e, status)
			if value(e.PhysicalResourceId) == w.id && !strings.HasSuffix(status, "_IN_PROGRESS") {
				return status, nil
			}
			pause = 50 * time.Millisecond // something happens
		}
		if err := wait(ctx, pause); err != nil {
			return "", fmt.Errorf("what is under way goes on without furl: %w", err)
		}
	}
}

// tell prints an event that ends something, or says why something goes back.
func (w *stackWatch) tell(e cfn.StackEvent, status string) {
	reason := value(e.ResourceStatusReason)
	if strings.HasSuffix(status, "_FAILED") && w.cause == "" && reason != "" && reason != "Resource creation cancelled" {
		w.cause = value(e.LogicalResourceId) + ": " + reason
	}
	if strings.HasSuffix(status, "_IN_PROGRESS") && !(strings.Contains(status, "ROLLBACK") && reason != "") {
		return
	}
	if reason != "" {
		reason = "  " + reason
	}
	w.progress("%-15s  %-26s  %s%s", status, value(e.ResourceType), value(e.LogicalResourceId), reason)
}

// failure is the error of a stack that came to an end that nobody wanted.
func (w *stackWatch) failure(name, status string) error {
	if w.cause == "" {
		return fmt.Errorf("stack %s ended as %s", name, status)
	}
	return fmt.Errorf("stack %s ended as %s: %s", name, status, w.cause)
}
