package furl

import (
	"strings"

	"furl/internal/cwlogs"
	"furl/internal/environment"
	"furl/internal/lambda"
	"furl/internal/logs"
	"furl/internal/state"
)

// output puts what an execution environment says into the function's log
// group: the function's own lines and the platform's records.
func (n *Node) output(t *state.Target, stream string, events []environment.Event) {
	// An invocation that prints nothing has three events; they need no memory of
	// their own here.
	var lineRoom [8]logs.Event
	var textRoom [512]byte
	lines, text := lineRoom[:0], textRoom[:0]
	for i := range events {
		e := &events[i]
		if e.Kind == environment.Report && n.metrics != nil {
			n.metrics.Invoked(t.Function.Name, e.Figures.Duration, e.Figures.Status != "")
		}
		line := logs.Event{Time: e.Time, Message: e.Text, RequestID: e.RequestID}
		if e.Kind != environment.Line {
			text = appendPlatformEvent(text[:0], t, e)
			if len(text) == 0 {
				continue
			}
			line.Message = string(text)
		} else if !isJSON(t) {
			line.Message += "\n" // as on AWS
		}
		lines = append(lines, line)
	}
	if len(lines) > 0 {
		n.logs.Append(n.logGroup(t), stream, lines...)
	}
}

// home is what the server belongs to, as its log groups know it.
func (n *Node) home() cwlogs.Home {
	return cwlogs.Home{Account: n.config.Account, Region: n.config.Region}
}

// logGroup is where in the logs a function's lines go.
func (n *Node) logGroup(t *state.Target) string {
	f := t.Function
	return n.home().Group(state.LogGroupID{Account: f.Account, Region: f.Region, Name: t.Version.Logging.Group})
}

// isJSON tells whether a function's log format is JSON.
func isJSON(t *state.Target) bool { return t.Version.Logging.Format == string(lambda.LogFormatJson) }

// formatEvent appends an event as a log tail shows it.
func formatEvent(dst []byte, t *state.Target, e *environment.Event) []byte {
	if e.Kind == environment.Line {
		return append(append(dst, e.Text...), '\n')
	}
	return appendPlatformEvent(dst, t, e)
}

// appendPlatformEvent words a record of the platform in the function's log
// format, with its line end.
func appendPlatformEvent(dst []byte, t *state.Target, e *environment.Event) []byte {
	if isJSON(t) {
		return append(dst, platformRecord(t, e)...)
	}
	switch e.Kind {
	case environment.InitStart:
		version, arn := runtimeVersion(t)
		return logs.AppendInitStartLine(dst, version, arn)
	case environment.InitReport:
		return logs.AppendInitReportLine(dst, e.Figures.Duration, "init", logs.Status(e.Figures.Status), e.Figures.ErrorType)
	case environment.Start:
		return logs.AppendStartLine(dst, e.RequestID, t.Version.Number)
	case environment.Timeout:
		return logs.AppendTimeoutLine(dst, e.Time, e.RequestID, e.Figures.Duration)
	case environment.End:
		return logs.AppendEndLine(dst, e.RequestID)
	default: // Report
		return logs.AppendReportLine(dst, report(e))
	}
}

// platformRecord is an event in the JSON log format, empty for those that the
// format or the function's system log level leaves out.
func platformRecord(t *state.Target, e *environment.Event) string {
	r := report(e)
	if t.Version.Logging.SystemLevel == string(lambda.SystemLogLevelWarn) && (e.Kind != environment.Report || r.Status == "") {
		return ""
	}
	var text string
	var err error
	switch e.Kind {
	case environment.InitStart:
		version, arn := runtimeVersion(t)
		text, err = logs.InitStartRecord(e.Time, logs.InitStart{
			InitializationType: "on-demand",
			RuntimeVersion:     version,
			RuntimeVersionARN:  arn,
			FunctionName:       t.Function.Name,
			FunctionVersion:    t.Version.Number,
		})
	case environment.Start:
		text, err = logs.StartRecord(e.Time, e.RequestID, t.Version.Number)
	case environment.Report:
		text, err = logs.ReportRecord(e.Time, r)
	}
	if err != nil { // strings and numbers always have a JSON form
		return ""
	}
	return text
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
	if r.Status == logs.Error && r.ErrorType == "" {
		r.Status = logs.Failure // the function answered, with an error
	}
	if e.Figures.Init > 0 {
		r.Init = &e.Figures.Init
	}
	return r
}

// runtimeVersion names a runtime as INIT_START does: python:3.13 and its ARN.
func runtimeVersion(t *state.Target) (version, arn string) {
	id := t.Version.Runtime
	version = id
	if name, ok := strings.CutPrefix(id, "python"); ok {
		version = "python:" + name
	} else if name, ok := strings.CutPrefix(id, "nodejs"); ok {
		version = "nodejs:" + strings.TrimSuffix(name, ".x")
	}
	return version, lambda.RuntimeVersionARN(t.Function.Region, id)
}
