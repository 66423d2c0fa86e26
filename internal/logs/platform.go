package logs

import (
	"fmt"
	"strconv"
	"time"
)

// The lines that Lambda itself writes about an environment and its invocations, as CloudWatch has them in the text format,
// each with its newline. Their form was recorded from AWS, tabs at ends of lines included. The functions append to a
// buffer, since three of these lines are written for every invocation.

// AppendInitStartLine appends the first line of an environment. runtime is for example "python:3.13.v7".
func AppendInitStartLine(dst []byte, runtime, runtimeARN string) []byte {
	dst = append(append(dst, "INIT_START Runtime Version: "...), runtime...)
	dst = append(append(dst, "\tRuntime Version ARN: "...), runtimeARN...)
	return append(dst, '\n')
}

// AppendStartLine begins an invocation. version is a number or "$LATEST".
func AppendStartLine(dst []byte, requestID, version string) []byte {
	dst = append(append(dst, "START RequestId: "...), requestID...)
	dst = append(append(dst, " Version: "...), version...)
	return append(dst, '\n')
}

// AppendEndLine ends the function's part of an invocation.
func AppendEndLine(dst []byte, requestID string) []byte {
	dst = append(append(dst, "END RequestId: "...), requestID...)
	return append(dst, '\n')
}

// AppendTimeoutLine says that an invocation ran out of its time. Lambda has an empty line after it.
func AppendTimeoutLine(dst []byte, at time.Time, requestID string, timeout time.Duration) []byte {
	dst = at.UTC().AppendFormat(dst, timeLayout)
	dst = append(append(append(dst, ' '), requestID...), " Task timed out after "...)
	dst = strconv.AppendFloat(dst, timeout.Seconds(), 'f', 2, 64)
	return append(dst, " seconds\n\n"...)
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

// AppendReportLine appends the last line of an invocation. Only errors of the runtime and timeouts are named in it, as in
// recent recordings, where the line then ends without a tab; an error that the function answered leaves it as for a success.
func AppendReportLine(dst []byte, r Report) []byte {
	dst = append(append(dst, "REPORT RequestId: "...), r.RequestID...)
	dst = appendMilliseconds(append(dst, "\tDuration: "...), r.Duration)
	dst = strconv.AppendInt(append(dst, "\tBilled Duration: "...), billed(r.Billed), 10)
	dst = strconv.AppendInt(append(dst, " ms\tMemory Size: "...), int64(r.MemoryMB), 10)
	dst = strconv.AppendInt(append(dst, " MB\tMax Memory Used: "...), int64(r.MaxMemoryMB), 10)
	dst = append(dst, " MB\t"...)
	if r.Init != nil {
		dst = appendMilliseconds(append(dst, "Init Duration: "...), *r.Init)
		dst = append(dst, '\t')
	}
	if r.Status == Error || r.Status == Timeout {
		dst = appendStatus(dst, r.Status, r.ErrorType)
	}
	return append(dst, '\n')
}

// AppendInitReportLine reports an init phase that failed. phase is "init", or "invoke" where it was repeated within the
// first invocation.
func AppendInitReportLine(dst []byte, took time.Duration, phase string, status Status, errorType string) []byte {
	dst = appendMilliseconds(append(dst, "INIT_REPORT Init Duration: "...), took)
	dst = append(append(dst, "\tPhase: "...), phase...)
	dst = appendStatus(append(dst, '\t'), status, errorType)
	return append(dst, '\n')
}

func appendStatus(dst []byte, status Status, errorType string) []byte {
	dst = append(append(dst, "Status: "...), status...)
	if errorType != "" && status == Error {
		dst = append(append(dst, "\tError Type: "...), errorType...)
	}
	return dst
}

// StreamName returns the name of an environment's log stream: day, version in brackets, and the environment's ID of 32
// hexadecimal digits.
func StreamName(began time.Time, version, id string) string {
	return fmt.Sprintf("%s/[%s]%s", began.UTC().Format("2006/01/02"), version, id)
}

// timeLayout is how Lambda's lines write a time, which is in UTC.
const timeLayout = "2006-01-02T15:04:05.000Z"

// timestamp writes a time as Lambda's lines have it.
func timestamp(t time.Time) string { return t.UTC().Format(timeLayout) }

// appendMilliseconds writes a duration with two decimals and its unit.
func appendMilliseconds(dst []byte, d time.Duration) []byte {
	dst = strconv.AppendFloat(dst, float64(d)/float64(time.Millisecond), 'f', 2, 64)
	return append(dst, " ms"...)
}

// billed returns whole milliseconds, begun ones counted.
func billed(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}
