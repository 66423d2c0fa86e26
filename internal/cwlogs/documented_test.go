package cwlogs_test

import (
	"testing"

	"furl/internal/cwlogs"
)

// documented are patterns of CloudWatch Logs' pages "Supported regular expressions", "Creating metric filters" and "Subscription
// filters", and of CloudTrail's "Creating CloudWatch alarms", each with messages as those pages describe what it selects.
var documented = []struct {
	pattern  string
	selected []string
	others   []string
}{
	// Unstructured messages.
	{"%AUTHORIZED%", []string{"[ERROR 401] UNAUTHORIZED REQUEST", "[SUCCESS 200] AUTHORIZED REQUEST"}, []string{"[ERROR 400] BAD REQUEST"}},
	{"?ERROR ?WARN", []string{"[ERROR] x", "[WARN] y", "ERROR and WARN"}, []string{"[INFO] z", "error"}},
	{"ERROR -EXITING", []string{"[ERROR] Code not found", "ERROR"}, []string{"[ERROR] EXITING"}},
	{`"[ERROR]" -"caught exception"`, []string{"[ERROR] x"}, []string{"[ERROR] caught exception", "ERROR"}},

	// The operators of regular expressions.
	{"%^[hc]at%", []string{"hat", "cat is"}, []string{"a cat", "bat"}},
	{"%[hc]at$%", []string{"a hat", "cat"}, []string{"cats"}},
	{"%colou?r%", []string{"color", "colour"}, []string{"colouur"}},
	{"%[abc]%", []string{"a", "xb"}, []string{"xyz"}},
	{"%[a-z]%", []string{"q"}, []string{"Q1"}},
	{"%[^abc]%", []string{"ad"}, []string{"abc"}},
	{"%^a{3,5}$%", []string{"aaa", "aaaaa"}, []string{"aa", "aaaaaa"}},
	{"%gra|ey%", []string{"gra", "grey"}, []string{"gr"}},
	{`%\[.\]%`, []string{"[a]", "[1]"}, []string{"a", "[ab]"}},
	{`%10\.10\.0\.1%`, []string{"10.10.0.1"}, []string{"10x10x0x1"}},
	{"%ab*c%", []string{"ac", "abc", "abbbc"}, []string{"abd"}},
	{"%ab+c%", []string{"abc", "abbbc"}, []string{"ac"}},
	{"%.at%", []string{"hat", "bat", "4at"}, []string{"at"}},
	{`%\d\D%`, []string{"1a"}, []string{"12", "ab"}},
	{`%^\s\S$%`, []string{" a", "\tb"}, []string{"ab", "  "}},
	{`%\w\W%`, []string{"a-"}, []string{"ab", "--"}},
	{`%\x3A%`, []string{"a:b"}, []string{"a;b"}},

	// JSON.
	{`{ $.bandwidth > 75 }`, []string{`{"bandwidth": 76}`, `{"bandwidth": 75.5}`}, []string{`{"bandwidth": 75}`, `{"bandwidth": "76"}`, `{}`}},
	{`{ $.latency < 50 }`, []string{`{"latency": 49}`, `{"latency": -1e9}`}, []string{`{"latency": 50}`}},
	{`{ $.refreshRate >= 60 }`, []string{`{"refreshRate": 60}`}, []string{`{"refreshRate": 59.9}`}},
	{`{ $.responseTime <= 5 }`, []string{`{"responseTime": 5}`}, []string{`{"responseTime": 5.1}`}},
	{`{ $.errorCode = 400 }`, []string{`{"errorCode": 400}`, `{"errorCode": 400.0}`}, []string{`{"errorCode": 500}`}},
	{`{ $.errorCode != 500 }`, []string{`{"errorCode": 400}`}, []string{`{"errorCode": 500}`, `{"other": 400}`}},
	{`{ $.number[0] = 1e-3 }`, []string{`{"number": [0.001]}`, `{"number": [1E-3]}`}, []string{`{"number": [0.01]}`, `{"number": 0.001}`}},
	{`{ $.number[0] != 1e+3 }`, []string{`{"number": [5]}`}, []string{`{"number": [1000]}`}},
	{`{ $.errorCode = 40* }`, []string{`{"errorCode": 404}`, `{"errorCode": "40x"}`}, []string{`{"errorCode": 500}`}},
	{`{ $.eventName = "ConsoleLogin" && $.errorMessage = "Failed authentication" }`,
		[]string{`{"eventName": "ConsoleLogin", "errorMessage": "Failed authentication"}`}, []string{`{"eventName": "ConsoleLogin"}`}},
	{`{ ($.eventName = ConsoleLogin) && ($.additionalEventData.MFAUsed != "Yes") }`,
		[]string{`{"eventName": "ConsoleLogin", "additionalEventData": {"MFAUsed": "No"}}`},
		[]string{`{"eventName": "ConsoleLogin", "additionalEventData": {"MFAUsed": "Yes"}}`}},
	{`{ ($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*") }`,
		[]string{`{"errorCode": "Client.UnauthorizedOperation"}`, `{"errorCode": "AccessDeniedException"}`}, []string{`{"errorCode": "NoSuchBucket"}`}},
	{`{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS && $.eventType != "AwsServiceEvent" }`,
		[]string{`{"userIdentity": {"type": "Root"}, "eventType": "AwsApiCall"}`},
		[]string{`{"userIdentity": {"type": "Root", "invokedBy": "x"}, "eventType": "AwsApiCall"}`, `{"userIdentity": {"type": "Root"}, "eventType": "AwsServiceEvent"}`}},
	{`{ ($.eventSource = s3.amazonaws.com) && (($.eventName = PutBucketAcl) || ($.eventName = PutBucketPolicy) || ($.eventName = DeleteBucketPolicy)) }`,
		[]string{`{"eventSource": "s3.amazonaws.com", "eventName": "PutBucketPolicy"}`},
		[]string{`{"eventSource": "s3.amazonaws.com", "eventName": "GetObject"}`, `{"eventSource": "iam.amazonaws.com", "eventName": "PutBucketAcl"}`}},
	{`{ $.eventName = "RunInstances" && $.requestParameters.instanceType = *.8xlarge }`,
		[]string{`{"eventName": "RunInstances", "requestParameters": {"instanceType": "m3.8xlarge"}}`},
		[]string{`{"eventName": "RunInstances", "requestParameters": {"instanceType": "m3.large"}}`}},
	{`{ $.userIdentity.type = Root }`, []string{`{"userIdentity": {"type": "Root"}}`}, []string{`{"userIdentity": "Root"}`}},

	// Fields between spaces.
	{`[ip, id, user, timestamp, request, status_code=404, size]`,
		[]string{`127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /apache_pb.gif HTTP/1.0" 404 2326`},
		[]string{`127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326`, "404"}},
	{`[ip, id, user, timestamp, request, status_code != 200, size]`,
		[]string{`127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /" 404 2326`}, []string{`127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /" 200 2326`}},
	{`[version, account, eni, source, destination, srcport, destport="22", protocol="6", packets, bytes, windowstart, windowend, action="REJECT", flowstatus]`,
		[]string{"2 123456789010 eni-abc123de 172.31.9.69 172.31.9.12 49761 22 6 20 4249 1418530010 1418530070 REJECT OK"},
		[]string{"2 123456789010 eni-abc123de 172.31.9.69 172.31.9.12 49761 22 6 20 4249 1418530010 1418530070 ACCEPT OK",
			"2 123456789010 eni-abc123de 172.31.9.69 172.31.9.12 49761 3389 6 20 4249 1418530010 1418530070 REJECT OK"}},
	{`[timestamp=*Z, request_id="*-*", event]`,
		[]string{"2018-01-01T00:00:00.000Z 8a1e-4e51 it happened"}, []string{"2018-01-01T00:00:00.000 8a1e-4e51 it", "2018-01-01T00:00:00.000Z 8a1e it"}},
	{`[report_name="REPORT", request_id_name="RequestId:", request_id_value, duration_name="Duration:", duration_value > 100, ...]`,
		[]string{"REPORT RequestId: 8a1e\tDuration: 102.25 ms\tBilled Duration: 103 ms"}, []string{"REPORT RequestId: 8a1e\tDuration: 2.25 ms\tBilled Duration: 3 ms", "START RequestId: 8a1e"}},
	{`[w1=ERROR, w2=*timeout*, ...]`, []string{"ERROR read-timeout after", "ERROR timeout"}, []string{"ERROR refused", "INFO timeout"}},
}

func TestDocumentedPatterns(t *testing.T) {
	for _, tt := range documented {
		p, err := cwlogs.ParsePattern(tt.pattern)
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		for _, m := range tt.selected {
			if !p.Match(m) {
				t.Errorf("%s does not select %s", tt.pattern, m)
			}
		}
		for _, m := range tt.others {
			if p.Match(m) {
				t.Errorf("%s selects %s", tt.pattern, m)
			}
		}
	}
}
