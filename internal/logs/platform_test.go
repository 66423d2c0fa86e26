package logs_test

import (
	"testing"
	"time"

	"furl/internal/logs"
)

func TestPlatformLines(t *testing.T) {
	const id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
	at := time.Date(2025, 11, 24, 23, 8, 55, 123_456_789, time.UTC)
	init := 110100 * time.Microsecond
	warm := logs.Report{
		RequestID: id, Duration: 3010 * time.Microsecond, Billed: 3010 * time.Microsecond, MemoryMB: 128, MaxMemoryMB: 36,
	}
	with := func(f func(*logs.Report)) logs.Report { r := warm; f(&r); return r }
	tests := map[string]struct{ got, want string }{
		"init start": {
			string(logs.AppendInitStartLine(nil, "python:3.13.v7", "arn:aws:lambda:us-east-1::runtime:abc")),
			"INIT_START Runtime Version: python:3.13.v7\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:abc\n",
		},
		"start": {string(logs.AppendStartLine(nil, id, "$LATEST")), "START RequestId: " + id + " Version: $LATEST\n"},
		"end":   {string(logs.AppendEndLine(nil, id)), "END RequestId: " + id + "\n"},
		"report, warm": {
			string(logs.AppendReportLine(nil, warm)),
			"REPORT RequestId: " + id + "\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t\n",
		},
		"report, cold": {
			string(logs.AppendReportLine(nil, with(func(r *logs.Report) { r.Init = &init }))),
			"REPORT RequestId: " + id + "\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n",
		},
		"report, function's error": {
			string(logs.AppendReportLine(nil, with(func(r *logs.Report) { r.Status, r.ErrorType = logs.Failure, "ValueError" }))),
			"REPORT RequestId: " + id + "\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t\n",
		},
		"report, runtime's error": {
			string(logs.AppendReportLine(nil, with(func(r *logs.Report) { r.Init, r.Status, r.ErrorType = &init, logs.Error, "Runtime.ExitError" }))),
			"REPORT RequestId: " + id + "\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t" +
				"Init Duration: 110.10 ms\tStatus: error\tError Type: Runtime.ExitError\n",
		},
		"report, timeout": {
			string(logs.AppendReportLine(nil, with(func(r *logs.Report) { r.Duration, r.Billed, r.Status = 3*time.Second, 3*time.Second, logs.Timeout }))),
			"REPORT RequestId: " + id + "\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tStatus: timeout\n",
		},
		"init report, error": {
			string(logs.AppendInitReportLine(nil, 998150*time.Microsecond, "invoke", logs.Error, "Runtime.Unknown")),
			"INIT_REPORT Init Duration: 998.15 ms\tPhase: invoke\tStatus: error\tError Type: Runtime.Unknown\n",
		},
		"init report, timeout": {
			string(logs.AppendInitReportLine(nil, 10007310*time.Microsecond, "init", logs.Timeout, "")),
			"INIT_REPORT Init Duration: 10007.31 ms\tPhase: init\tStatus: timeout\n",
		},
		"timeout": {
			string(logs.AppendTimeoutLine(nil, at, id, 3*time.Second)),
			"2025-11-24T23:08:55.123Z " + id + " Task timed out after 3.00 seconds\n\n",
		},
		"stream": {
			logs.StreamName(at.In(time.FixedZone("", 3600)), "$LATEST", "0123456789abcdef0123456789abcdef"),
			"2025/11/24/[$LATEST]0123456789abcdef0123456789abcdef",
		},
	}
	for name, test := range tests {
		if test.got != test.want {
			t.Errorf("%s:\n%q, want\n%q", name, test.got, test.want)
		}
	}
}

func TestPlatformRecords(t *testing.T) {
	at := time.Date(2026, 7, 9, 6, 5, 50, 581_000_000, time.UTC)
	init := 174055 * time.Microsecond
	report := logs.Report{RequestID: "aec7", Duration: 5 * time.Second, Billed: 5 * time.Second, MemoryMB: 128, MaxMemoryMB: 94}
	timeout, cold := report, report
	timeout.Status = logs.Timeout
	cold.Duration, cold.Billed, cold.Init = 11642*time.Microsecond, 11642*time.Microsecond, &init
	tests := map[string]struct {
		make func() (string, error)
		want string
	}{
		"init start": {
			func() (string, error) {
				return logs.InitStartRecord(at, logs.InitStart{
					InitializationType: "on-demand",
					RuntimeVersion:     "nodejs:22.v1",
					RuntimeVersionARN:  "arn:aws:lambda:eu-west-3::runtime:b4",
					FunctionName:       "f",
					FunctionVersion:    "$LATEST",
				})
			},
			`"platform.initStart","record":{"initializationType":"on-demand","phase":"init","runtimeVersion":"nodejs:22.v1",` +
				`"runtimeVersionArn":"arn:aws:lambda:eu-west-3::runtime:b4","functionName":"f","functionVersion":"$LATEST"}`,
		},
		"start": {
			func() (string, error) { return logs.StartRecord(at, "aec7", "$LATEST") },
			`"platform.start","record":{"requestId":"aec7","version":"$LATEST"}`,
		},
		"timeout": {
			func() (string, error) { return logs.ReportRecord(at, timeout) },
			`"platform.report","record":{"requestId":"aec7","metrics":{"durationMs":5000.0,"billedDurationMs":5000,` +
				`"memorySizeMB":128,"maxMemoryUsedMB":94},"status":"timeout"}`,
		},
		"cold": {
			func() (string, error) { return logs.ReportRecord(at, cold) },
			`"platform.report","record":{"requestId":"aec7","metrics":{"durationMs":11.642,"billedDurationMs":12,` +
				`"memorySizeMB":128,"maxMemoryUsedMB":94,"initDurationMs":174.055},"status":"success"}`,
		},
	}
	for name, test := range tests {
		got, err := test.make()
		want := `{"time":"2026-07-09T06:05:50.581Z","type":` + test.want + "}\n"
		if err != nil || got != want {
			t.Errorf("%s: %v\n%s want\n%s", name, err, got, want)
		}
	}
}
