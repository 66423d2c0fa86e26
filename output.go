package furl

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"furl/internal/environment"
	"furl/internal/logs"
	"furl/internal/state"
)

// output puts what an execution environment says into the function's log
// group: the function's own lines and the platform's records.
func (n *Node) output(t *state.Target, stream string, events []environment.Event) {
	lines := make([]logs.Event, len(events))
	for i := range events {
		e := &events[i]
		lines[i] = logs.Event{Time: e.Time, Message: strings.TrimSuffix(message(t, e), "\n"), RequestID: e.RequestID}
	}
	n.logs.Append(t.Version.Logging.Group, stream, lines...)
}

// formatEvent appends an event as a log tail shows it.
func formatEvent(dst []byte, t *state.Target, e *environment.Event) []byte {
	return append(dst, message(t, e)...)
}

// message words an event, with its line end.
func message(t *state.Target, e *environment.Event) string {
	switch e.Kind {
	case environment.InitStart:
		return logs.InitStartLine(runtimeVersion(t))
	case environment.InitReport:
		return logs.InitReportLine(e.Figures.Duration, "init", logs.Status(e.Figures.Status), e.Figures.ErrorType)
	case environment.Start:
		return logs.StartLine(e.RequestID, t.Version.Number)
	case environment.Timeout:
		return logs.TimeoutLine(e.Time, e.RequestID, e.Figures.Duration)
	case environment.End:
		return logs.EndLine(e.RequestID)
	case environment.Report:
		return logs.ReportLine(report(e))
	default:
		return e.Text + "\n"
	}
}

func report(e *environment.Event) logs.Report {
	r := logs.Report{
		RequestID:   e.RequestID,
		Duration:    e.Figures.Duration,
		Billed:      e.Figures.Billed,
		MemoryMB:    e.Figures.MemorySize,
		MaxMemoryMB: e.Figures.MaxMemoryMB,
		Status:      logs.Status(e.Figures.Status),
		ErrorType:   e.Figures.ErrorType,
	}
	if e.Figures.Init > 0 {
		r.Init = &e.Figures.Init
	}
	return r
}

// runtimeVersion names a runtime as INIT_START does: python:3.13 and an ARN
// that is the same for the same identifier everywhere.
func runtimeVersion(t *state.Target) (version, arn string) {
	id := t.Version.Runtime
	version = id
	if name, ok := strings.CutPrefix(id, "python"); ok {
		version = "python:" + name
	}
	sum := sha256.Sum256([]byte("furl runtime " + id))
	return version, "arn:aws:lambda:" + t.Function.Region + "::runtime:" + hex.EncodeToString(sum[:])
}
