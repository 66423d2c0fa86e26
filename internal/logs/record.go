package logs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// The platform's lines in the JSON log format: records of the Telemetry API, schema 2022-12-13, each with its newline.

type record struct {
	Time   string `json:"time"`
	Type   string `json:"type"`
	Record any    `json:"record"`
}

// InitStart describes an environment whose init phase begins.
type InitStart struct {
	// InitializationType is "on-demand" or "provisioned-concurrency".
	InitializationType string
	// RuntimeVersion is for example "python:3.13.v7".
	RuntimeVersion, RuntimeVersionARN string
	FunctionName, FunctionVersion     string
}

type initStartRecord struct {
	InitializationType string `json:"initializationType"`
	Phase              string `json:"phase"`
	RuntimeVersion     string `json:"runtimeVersion"`
	RuntimeVersionARN  string `json:"runtimeVersionArn"`
	FunctionName       string `json:"functionName"`
	FunctionVersion    string `json:"functionVersion"`
}

type startRecord struct {
	RequestID string `json:"requestId"`
	Version   string `json:"version"`
}

type reportRecord struct {
	RequestID string  `json:"requestId"`
	Metrics   metrics `json:"metrics"`
	Status    Status  `json:"status"`
	ErrorType string  `json:"errorType,omitempty"`
}

type metrics struct {
	DurationMS       number  `json:"durationMs"`
	BilledDurationMS int64   `json:"billedDurationMs"`
	MemorySizeMB     int     `json:"memorySizeMB"`
	MaxMemoryUsedMB  int     `json:"maxMemoryUsedMB"`
	InitDurationMS   *number `json:"initDurationMs,omitempty"`
}

// number is a duration, written in milliseconds with one to three decimals.
type number time.Duration

func (n number) MarshalJSON() ([]byte, error) {
	text := fmt.Appendf(nil, "%.3f", float64(n)/float64(time.Millisecond))
	for range 2 {
		text = bytes.TrimSuffix(text, []byte("0"))
	}
	return text, nil
}

// InitStartRecord is InitStartLine in the JSON format.
func InitStartRecord(at time.Time, i InitStart) (string, error) {
	return encode(at, "platform.initStart", initStartRecord{
		InitializationType: i.InitializationType,
		Phase:              "init",
		RuntimeVersion:     i.RuntimeVersion,
		RuntimeVersionARN:  i.RuntimeVersionARN,
		FunctionName:       i.FunctionName,
		FunctionVersion:    i.FunctionVersion,
	})
}

// StartRecord is StartLine in the JSON format.
func StartRecord(at time.Time, requestID, version string) (string, error) {
	return encode(at, "platform.start", startRecord{requestID, version})
}

// ReportRecord is ReportLine in the JSON format, which names every status.
func ReportRecord(at time.Time, r Report) (string, error) {
	if r.Status == "" {
		r.Status = Success
	}
	m := metrics{
		DurationMS:       number(r.Duration),
		BilledDurationMS: billed(r.Billed),
		MemorySizeMB:     r.MemoryMB,
		MaxMemoryUsedMB:  r.MaxMemoryMB,
	}
	if r.Init != nil {
		m.InitDurationMS = (*number)(r.Init)
	}
	return encode(at, "platform.report", reportRecord{r.RequestID, m, r.Status, r.ErrorType})
}

func encode(at time.Time, kind string, body any) (string, error) {
	b, err := json.Marshal(record{timestamp(at), kind, body})
	if err != nil {
		return "", fmt.Errorf("logs: encode %s: %w", kind, err)
	}
	return string(b) + "\n", nil
}
