package logs

import (
	"fmt"
	"strings"
	"time"
)

// The lines that Lambda itself writes about an environment and its invocations, as CloudWatch has them in the text format,
// each with its newline. Their form was recorded from AWS, tabs at ends of lines included.

// InitStartLine is the first line of an environment. runtime is for example "python:3.13.v7".
func InitStartLine(runtime, runtimeARN string) string {
	return fmt.Sprintf("INIT_START Runtime Version: %s\tRuntime Version ARN: %s\n", runtime, runtimeARN)
}

// StartLine begins an invocation. version is a number or "$LATEST".
func StartLine(requestID, version string) string {
	return fmt.Sprintf("START RequestId: %s Version: %s\n", requestID, version)
}

// EndLine ends the function's part of an invocation.
func EndLine(requestID string) string {
	return fmt.Sprintf("END RequestId: %s\n", requestID)
}

// TimeoutLine says that an invocation ran out of its time. Lambda has an empty line after it.
func TimeoutLine(at time.Time, requestID string, timeout time.Duration) string {
	return fmt.Sprintf("%s %s Task timed out after %.2f seconds\n\n", timestamp(at), requestID, timeout.Seconds())
}

// Status says how an invocation ended; the texts are Lambda's.
type Status string

// The values of Status. What succeeded has none in the text format.
const (
	Success Status = "success"
	Failure Status = "failure" // the function's answer was an error
	Error   Status = "error"   // the runtime failed
	Timeout Status = "timeout"
)

// Report is what Lambda measured in an invocation.
type Report struct {
	RequestID string
	// Duration is the time from the event's delivery to the end of the answer, Billed what is charged for.
	Duration, Billed time.Duration
	// MemoryMB is the function's memory setting, MaxMemoryMB what its environment used at most so far.
	MemoryMB, MaxMemoryMB int
	// Init is how long the environment's init phase took, if this is its first invocation; else nil.
	Init *time.Duration
	// Status is how it ended; "" is Success.
	Status Status
	// ErrorType is for example "Runtime.ExitError", or "".
	ErrorType string
}

// ReportLine is the last line of an invocation. Only errors of the runtime and timeouts are named in it, as in recent
// recordings, where the line then ends without a tab; an error that the function answered leaves it as for a success.
func ReportLine(r Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "REPORT RequestId: %s\tDuration: %s ms\tBilled Duration: %d ms\tMemory Size: %d MB\tMax Memory Used: %d MB\t",
		r.RequestID, milliseconds(r.Duration), billed(r.Billed), r.MemoryMB, r.MaxMemoryMB)
	if r.Init != nil {
		fmt.Fprintf(&b, "Init Duration: %s ms\t", milliseconds(*r.Init))
	}
	if r.Status == Error || r.Status == Timeout {
		fmt.Fprintf(&b, "Status: %s", r.Status)
		if r.ErrorType != "" && r.Status == Error {
			fmt.Fprintf(&b, "\tError Type: %s", r.ErrorType)
		}
	}
	b.WriteByte('\n')
	return b.String()
}

// InitReportLine reports an init phase that failed. phase is "init", or "invoke" where it was repeated within the first
// invocation.
func InitReportLine(took time.Duration, phase string, status Status, errorType string) string {
	line := fmt.Sprintf("INIT_REPORT Init Duration: %s ms\tPhase: %s\tStatus: %s", milliseconds(took), phase, status)
	if errorType != "" && status == Error {
		line += "\tError Type: " + errorType
	}
	return line + "\n"
}

// StreamName returns the name of an environment's log stream: day, version in brackets, and the environment's ID of 32
// hexadecimal digits.
func StreamName(began time.Time, version, id string) string {
	return fmt.Sprintf("%s/[%s]%s", began.UTC().Format("2006/01/02"), version, id)
}

// timestamp writes a time as Lambda's lines have it.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// milliseconds writes a duration with two decimals.
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond))
}

// billed returns whole milliseconds, begun ones counted.
func billed(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}
