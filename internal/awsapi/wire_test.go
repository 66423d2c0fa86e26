package awsapi_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"furl/internal/awsapi"
	"furl/internal/iam"
	"furl/internal/lambda"
	"furl/internal/sts"
)

// answering serves Lambda, IAM and STS, every operation answered with the same output or error.
func answering(t *testing.T, out any, err error) *awsapi.Server {
	answer := func(context.Context, any) (any, error) { return out, err }
	return newServer(t, awsapi.Hooks{},
		stub(lambda.Operations(nil), answer), stub(iam.Operations(nil), answer), stub(sts.Operations(nil), answer))
}

const (
	getFunction = "/2015-03-31/functions/f"
	getUser     = "Action=GetUser&Version=2010-05-08"
)

func TestErrorsOfLambdaGolden(t *testing.T) {
	tests := []struct {
		err    error
		status int
		code   string
		body   string
	}{
		{lambda.ResourceNotFoundException("Function not found: %s", "x"), 404, "ResourceNotFoundException", `{"Type":"User","Message":"Function not found: x"}`},
		{lambda.ServiceException("x"), 500, "ServiceException", `{"Type":"Service","Message":"x"}`},
		{lambda.InvalidParameterValueException("x"), 400, "InvalidParameterValueException", `{"Type":"User","message":"x"}`},
		{lambda.InvalidParameterValueException("x").WithoutType(), 400, "InvalidParameterValueException", `{"message":"x"}`},
		{lambda.ResourceConflictException("x"), 409, "ResourceConflictException", `{"Type":"User","message":"x"}`},
		{lambda.PreconditionFailedException("x"), 412, "PreconditionFailedException", `{"Type":"User","message":"x"}`},
		{lambda.PolicyLengthExceededException("x"), 400, "PolicyLengthExceededException", `{"Type":"User","message":"x"}`},
		{lambda.CodeStorageExceededException("x"), 400, "CodeStorageExceededException", `{"Type":"User","message":"x"}`},
		{lambda.InvalidRequestContentException("x"), 400, "InvalidRequestContentException", `{"Type":"User","message":"x"}`},
		{lambda.RequestTooLargeException("x"), 413, "RequestTooLargeException", `{"Type":"User","message":"x"}`},
		{lambda.RequestEntityTooLargeException("x"), 413, "RequestEntityTooLargeException", `{"message":"x"}`},
		{lambda.UnsupportedMediaTypeException("x"), 415, "UnsupportedMediaTypeException", `{"Type":"User","message":"x"}`},
		{lambda.CodeSigningConfigNotFoundException("x"), 404, "CodeSigningConfigNotFoundException", `{"Type":"User","Message":"x"}`},
		{lambda.PublicPolicyException("x"), 400, "PublicPolicyException", `{"Type":"User","Message":"x"}`},
		{lambda.InvalidZipFileException("x"), 502, "InvalidZipFileException", `{"Type":"Service","Message":"x"}`},
		{lambda.ResourceNotReadyException("x"), 502, "ResourceNotReadyException", `{"Type":"Service","message":"x"}`},
		{lambda.TooManyRequestsException("Rate Exceeded.").WithMember("Reason", "CallerRateLimitExceeded").WithHeader("Retry-After", "1"), 429,
			"TooManyRequestsException", `{"Reason":"CallerRateLimitExceeded","Type":"User","message":"Rate Exceeded."}`},
		{awsapi.AccessDenied("User: %s", "a"), 403, "AccessDeniedException", `{"Message":"User: a"}`},
		{awsapi.MissingAuthenticationToken(), 403, "MissingAuthenticationTokenException", `{"message":"Missing Authentication Token"}`},
		{awsapi.IncompleteSignature("x"), 403, "IncompleteSignatureException", `{"message":"x"}`},
		{awsapi.InvalidClientTokenID("x"), 403, "UnrecognizedClientException", `{"message":"x"}`},
		{awsapi.ExpiredToken("x"), 403, "ExpiredTokenException", `{"message":"x"}`},
		{awsapi.SignatureDoesNotMatch("x"), 403, "InvalidSignatureException", `{"message":"x"}`},
		{awsapi.ValidationException("a 'b' <c>\n"), 400, "ValidationException", `{"message":"a 'b' <c>\n"}`},
		{awsapi.SerializationException("x"), 400, "SerializationException", `{"Message":"x"}`},
		{errors.New("detail"), 500, "ServiceException", `{"Type":"Service","Message":"The request processing has failed because of an unknown error, exception or failure."}`},
	}
	for _, test := range tests {
		resp, body := send(t, answering(t, nil, test.err), wire{method: "GET", target: getFunction})
		if resp.StatusCode != test.status || body != test.body || resp.Header.Get("x-amzn-ErrorType") != test.code {
			t.Errorf("%v: %d %s %s", test.err, resp.StatusCode, resp.Header.Get("x-amzn-ErrorType"), body)
		}
		if resp.Header.Get("Content-Type") != "application/json" || resp.Header.Get("x-amzn-RequestId") != "req-1" {
			t.Errorf("%v: headers %v", test.err, resp.Header)
		}
		if retry := resp.Header.Get("Retry-After"); (retry == "1") != (test.status == 429) {
			t.Errorf("%v: Retry-After %q", test.err, retry)
		}
	}
}

func TestErrorsOfIAMGolden(t *testing.T) {
	tests := []struct {
		err    error
		status int
		body   string // inside Error
	}{
		{iam.NoSuchEntityException("The user with name %s cannot be found.", "a<b"), 404, "<Type>Sender</Type><Code>NoSuchEntity</Code><Message>The user with name a&lt;b cannot be found.</Message>"},
		{iam.EntityAlreadyExistsException("x"), 409, "<Type>Sender</Type><Code>EntityAlreadyExists</Code><Message>x</Message>"},
		{iam.ServiceFailureException("x"), 500, "<Type>Receiver</Type><Code>ServiceFailure</Code><Message>x</Message>"},
		{iam.ValidationError("x"), 400, "<Type>Sender</Type><Code>ValidationError</Code><Message>x</Message>"},
		{awsapi.AccessDenied("x"), 403, "<Type>Sender</Type><Code>AccessDenied</Code><Message>x</Message>"},
		{awsapi.MissingAuthenticationToken(), 403, "<Type>Sender</Type><Code>MissingAuthenticationToken</Code><Message>Request is missing Authentication Token</Message>"},
		{awsapi.IncompleteSignature("x"), 400, "<Type>Sender</Type><Code>IncompleteSignature</Code><Message>x</Message>"},
		{awsapi.InvalidClientTokenID("x"), 403, "<Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>x</Message>"},
		{awsapi.ExpiredToken("x"), 403, "<Type>Sender</Type><Code>ExpiredToken</Code><Message>x</Message>"},
		{awsapi.SignatureDoesNotMatch("x"), 403, "<Type>Sender</Type><Code>SignatureDoesNotMatch</Code><Message>x</Message>"},
		{errors.New("detail"), 500, "<Type>Receiver</Type><Code>InternalFailure</Code><Message>The request processing has failed because of an unknown error, exception or failure.</Message>"},
	}
	for _, test := range tests {
		resp, body := send(t, answering(t, nil, test.err), wire{method: "POST", target: "/", body: getUser})
		want := `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error>` + test.body + `</Error><RequestId>req-1</RequestId></ErrorResponse>`
		if resp.StatusCode != test.status || body != want || resp.Header.Get("Content-Type") != "text/xml" || resp.Header.Get("x-amzn-RequestId") != "req-1" {
			t.Errorf("%v: %d %v\n%s, want\n%s", test.err, resp.StatusCode, resp.Header, body, want)
		}
	}
}

func TestAnswersOfLambdaGolden(t *testing.T) {
	tests := []struct {
		name   string
		wire   wire
		out    any
		status int
		typ    string
		body   string
	}{
		{"members in order, absent ones left out", wire{method: "POST", target: "/2021-10-31/functions/f/url", body: `{"AuthType":"NONE"}`},
			&lambda.CreateFunctionUrlConfigResponse{
				FunctionUrl: "https://x.lambda-url/", FunctionArn: "arn", AuthType: lambda.FunctionUrlAuthTypeNone, CreationTime: "2023-06-08T13:20:18.244654Z",
				Cors: &lambda.Cors{AllowOrigins: []string{"*"}, AllowCredentials: new(false), MaxAge: new(0), AllowHeaders: []string{}},
			}, 201, "application/json",
			`{"FunctionUrl":"https://x.lambda-url/","FunctionArn":"arn","AuthType":"NONE","Cors":{"AllowCredentials":false,"AllowHeaders":[],"AllowOrigins":["*"],"MaxAge":0},"CreationTime":"2023-06-08T13:20:18.244654Z"}`},
		{"required empty list", wire{method: "GET", target: "/2021-10-31/functions/f/urls"}, &lambda.ListFunctionUrlConfigsResponse{}, 200, "application/json", `{"FunctionUrlConfigs":[]}`},
		{"optional empty list", wire{method: "GET", target: "/2015-03-31/functions"}, &lambda.ListFunctionsResponse{Functions: []lambda.FunctionConfiguration{}}, 200, "application/json", `{"Functions":[]}`},
		{"nothing set", wire{method: "GET", target: "/2019-09-30/functions/f/concurrency"}, &lambda.GetFunctionConcurrencyResponse{}, 200, "application/json", `{}`},
		{"markup and escapes stay", wire{method: "GET", target: "/2015-03-31/functions/f/policy"}, &lambda.GetPolicyResponse{Policy: new(`{"a":"<&> é` + "\u2028" + `"}`)}, 200, "application/json", `{"Policy":"{\"a\":\"<&> é` + "\u2028" + `\"}"}`},
		{"maps in order", wire{method: "GET", target: getFunction}, &lambda.GetFunctionResponse{Tags: map[string]string{"b": "2", "a": "1"}}, 200, "application/json", `{"Tags":{"a":"1","b":"2"}}`},
		{"no answer", wire{method: "DELETE", target: "/2021-10-31/functions/f/url"}, nil, 204, "", ``},
		{"status of the overlay", wire{method: "DELETE", target: getFunction}, &lambda.DeleteFunctionResponse{}, 204, "", ``},
		{"raw body", wire{method: "POST", target: "/2015-03-31/functions/f/invocations", body: "{}"},
			&lambda.InvocationResponse{Payload: []byte(`{"a" : 1}`), ExecutedVersion: new("$LATEST")}, 200, "application/json", `{"a" : 1}`},
		{"status of the answer", wire{method: "POST", target: "/2015-03-31/functions/f/invocations"}, &lambda.InvocationResponse{StatusCode: new(202)}, 202, "", ``},
		{"dry run", wire{method: "POST", target: "/2015-03-31/functions/f/invocations"}, &lambda.InvocationResponse{StatusCode: new(204)}, 204, "", ``},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			resp, body := send(t, answering(t, test.out, nil), test.wire)
			if resp.StatusCode != test.status || body != test.body || resp.Header.Get("Content-Type") != test.typ {
				t.Errorf("%d %s\n%s, want\n%s", resp.StatusCode, resp.Header.Get("Content-Type"), body, test.body)
			}
		})
	}
}

func TestHeadersOfInvoke(t *testing.T) {
	var got *lambda.InvocationRequest
	server := newServer(t, awsapi.Hooks{}, stub(lambda.Operations(nil), func(_ context.Context, in any) (any, error) {
		got = in.(*lambda.InvocationRequest)
		return &lambda.InvocationResponse{FunctionError: new("Unhandled"), LogResult: new("bG9n"), ExecutedVersion: new("$LATEST"), TraceId: new("root=1"), Payload: []byte("null")}, nil
	}))
	resp, _ := send(t, server, wire{
		method: "POST", target: "/2015-03-31/functions/f/invocations?Qualifier=live", body: "[1]",
		header: map[string]string{"X-Amz-Invocation-Type": "RequestResponse", "X-Amz-Log-Type": "Tail", "X-Amz-Client-Context": "e30=", "X-Amzn-Trace-Id": "Root=1"},
	})
	if got.FunctionName != "f" || *got.Qualifier != "live" || *got.InvocationType != lambda.InvocationTypeRequestResponse || *got.LogType != lambda.LogTypeTail ||
		*got.ClientContext != "e30=" || *got.TraceId != "Root=1" || string(got.Payload) != "[1]" || got.TenantId != nil {
		t.Errorf("request %+v", got)
	}
	for name, want := range map[string]string{
		"X-Amz-Function-Error": "Unhandled", "X-Amz-Log-Result": "bG9n", "X-Amz-Executed-Version": "$LATEST", "X-Amzn-Trace-Id": "root=1",
		"X-Amzn-Remapped-Content-Length": "0", "x-amzn-RequestId": "req-1", "Content-Length": "4", "X-Amz-Durable-Execution-Arn": "",
	} {
		if resp.Header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, resp.Header.Get(name), want)
		}
	}
}

func TestAnswersOfIAMGolden(t *testing.T) {
	created := time.Date(2026, 11, 23, 14, 42, 10, 0, time.FixedZone("", 3600))
	tests := []struct {
		action string
		out    any
		body   string
	}{
		{"CreateUser&UserName=a", &iam.CreateUserResponse{User: &iam.User{Path: new("/"), UserName: new("a"), UserId: "AIDA", Arn: "arn:aws:iam::1:user/a", CreateDate: created}},
			`<CreateUserResult><User><Path>/</Path><UserName>a</UserName><UserId>AIDA</UserId><Arn>arn:aws:iam::1:user/a</Arn><CreateDate>2026-11-23T13:42:10Z</CreateDate></User></CreateUserResult>`},
		{"ListUsers", &iam.ListUsersResponse{IsTruncated: new(false)}, `<ListUsersResult><Users/><IsTruncated>false</IsTruncated></ListUsersResult>`},
		{"ListUserPolicies&UserName=a", &iam.ListUserPoliciesResponse{PolicyNames: []string{"p", "q&r"}, IsTruncated: new(true), Marker: new("m")},
			`<ListUserPoliciesResult><PolicyNames><member>p</member><member>q&amp;r</member></PolicyNames><IsTruncated>true</IsTruncated><Marker>m</Marker></ListUserPoliciesResult>`},
		{"GetUserPolicy&UserName=a&PolicyName=p", &iam.GetUserPolicyResponse{UserName: "a", PolicyName: "p", PolicyDocument: "%7B%22a%22%3A%22%2B%20%25%22%7D"},
			`<GetUserPolicyResult><UserName>a</UserName><PolicyName>p</PolicyName><PolicyDocument>%7B%22a%22%3A%22%2B%20%25%22%7D</PolicyDocument></GetUserPolicyResult>`},
		{"GetRole&RoleName=a", &iam.GetRoleResponse{Role: iam.Role{Path: "/", RoleName: "a", RoleId: "AROA", Arn: "arn", CreateDate: created, RoleLastUsed: &iam.RoleLastUsed{}}},
			`<GetRoleResult><Role><Path>/</Path><RoleName>a</RoleName><RoleId>AROA</RoleId><Arn>arn</Arn><CreateDate>2026-11-23T13:42:10Z</CreateDate><RoleLastUsed/></Role></GetRoleResult>`},
		{"DeleteUser&UserName=a", nil, ``},
	}
	for _, test := range tests {
		resp, body := send(t, answering(t, test.out, nil), wire{method: "POST", target: "/", body: "Action=" + test.action + "&Version=2010-05-08"})
		name := test.action
		for i, c := range name {
			if c == '&' {
				name = name[:i]
				break
			}
		}
		want := `<` + name + `Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/">` + test.body +
			`<ResponseMetadata><RequestId>req-1</RequestId></ResponseMetadata></` + name + `Response>`
		if resp.StatusCode != 200 || body != want || resp.Header.Get("Content-Type") != "text/xml" {
			t.Errorf("%d %v\n%s, want\n%s", resp.StatusCode, resp.Header, body, want)
		}
	}
}

func TestFormsOfIAM(t *testing.T) {
	var got any
	server := newServer(t, awsapi.Hooks{}, stub(iam.Operations(nil), func(_ context.Context, in any) (any, error) { got = in; return &iam.CreateUserResponse{}, nil }))
	form := func(body string) *iam.CreateUserRequest {
		t.Helper()
		if resp, answer := send(t, server, wire{method: "POST", target: "/?Path=/q/", body: "Version=2010-05-08&Action=CreateUser&" + body}); resp.StatusCode != 200 {
			t.Fatalf("%d %s", resp.StatusCode, answer)
		}
		return got.(*iam.CreateUserRequest)
	}
	in := form("UserName=a&UserName=b&Tags.member.10.Key=k10&Tags.member.10.Value=&Tags.member.2.Key=k+2%2B&Tags.member.2.Value=v&Unknown.x=1&PermissionsBoundary=" + "arn:aws:iam::1:policy/p")
	if in.UserName != "a" || len(in.Tags) != 2 || in.Tags[0] != (iam.Tag{Key: "k 2+", Value: "v"}) || in.Tags[1] != (iam.Tag{Key: "k10"}) || *in.Path != "/q/" {
		t.Errorf("%+v", in)
	}
	if in := form("UserName=a&Path=/p/"); *in.Path != "/p/" || in.Tags != nil || in.PermissionsBoundary != nil {
		t.Errorf("the body's value comes first: %+v", in)
	}
	if in := form("UserName=a&Tags="); in.Tags == nil || len(in.Tags) != 0 {
		t.Errorf("an empty list is not absent: %+v", in)
	}
}

func TestJSONForms(t *testing.T) {
	var got *everything
	server := newServer(t, awsapi.Hooks{}, restToy(toy{everything: func(_ context.Context, in *everything) (*everything, error) { got = in; return in, nil }}))
	tests := []struct {
		name, body string
		want       string // message of a refusal, or empty
	}{
		{"any white space and unknown members", "\r\n{ \"Zzz\" : { \"a\" : [ 1, {\"b\":\"]\"} , null ] } ,\t\"Name\" :\"n\" , \"Must\" : [ \"a\" , \"b\" ] } ", ""},
		{"escapes in names and values", `{"N\u0061me":"n","Must":["\ud83d\ude00\"\/"]}`, ""},
		{"the last of repeated members", `{"Name":"UPPER","Must":[],"Name":"n","Part":{"Key":"k","value":"v"},"Part":{"Key":"k"}}`, ""},
		{"names are exact", `{"Name":"n","name":"x","must":[],"Must":[]}`, ""},
		{"base64 with an escaped slash", `{"Name":"n","Must":[],"Blob":"\/\/8="}`, ""},
		{"times as numbers", `{"Name":"n","Must":[],"Time":1764037614.5}`, ""},
		{"times as text", `{"Name":"n","Must":[],"Time":"2025-11-25T02:26:54.5Z"}`, ""},
		{"not JSON", `{"Name":`, "Could not parse request body into json: unexpected end of JSON input"},
		{"string for a number", `{"Int":"1"}`, "STRING_VALUE can not be converted to an Integer"},
		{"number for a string", `{"Name":1}`, "NUMBER_VALUE can not be converted to a String"},
		{"boolean for a string", `{"Name":true}`, "TRUE_VALUE can not be converted to a String"},
		{"boolean for a number", `{"Int":false}`, "FALSE_VALUE can not be converted to an Integer"},
		{"fraction for an integer", `{"Int":1.5}`, "NUMBER_VALUE can not be converted to an Integer"},
		{"32 bits", `{"Int":2147483648}`, "NUMBER_VALUE can not be converted to an Integer"},
		{"64 bits", `{"Long":9223372036854775808}`, "NUMBER_VALUE can not be converted to a Long"},
		{"infinite", `{"Float":1e999}`, "NUMBER_VALUE can not be converted to a Double"},
		{"number for a boolean", `{"Bool":1}`, "NUMBER_VALUE can not be converted to a Boolean"},
		{"string for a boolean", `{"Bool":"true"}`, "STRING_VALUE can not be converted to a Boolean"},
		{"bad base64", `{"Blob":"*"}`, "STRING_VALUE can not be converted to a Blob"},
		{"bad time", `{"Time":"yesterday"}`, "STRING_VALUE can not be converted to a Timestamp"},
		{"far time", `{"Time":1e18}`, "NUMBER_VALUE can not be converted to a Timestamp"},
		{"object for a string", `{"Name":{}}`, "Start of structure or map found where not expected."},
		{"list for a string", `{"Name":[]}`, "Start of list found where not expected"},
		{"list for an object", `{"Part":[]}`, "Start of list found where not expected"},
		{"object for a list", `{"Must":{}}`, "Start of structure or map found where not expected."},
		{"string for an object", `{"Part":"x"}`, "STRING_VALUE can not be converted to a Structure"},
		{"number for a list", `{"Must":1}`, "NUMBER_VALUE can not be converted to a List"},
		{"true for a map", `{"Weights":true}`, "TRUE_VALUE can not be converted to a Map"},
		{"list for the body", `[]`, "Start of list found where not expected"},
		{"not UTF-8", "{\"Name\":\"\xff\"}", "Could not parse request body into json: Invalid UTF-8"},
		{"name not UTF-8", "{\"\xff\":1}", "Could not parse request body into json: Invalid UTF-8"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got = nil
			resp, body := send(t, server, wire{method: "POST", target: "/v1/everything", body: test.body})
			if test.want == "" {
				if resp.StatusCode != 201 || got.Name != "n" || got.Part != nil && got.Part.Value != nil {
					t.Errorf("%d %s, %+v", resp.StatusCode, body, got)
				}
				if want := time.Date(2025, 11, 25, 2, 26, 54, 5e8, time.UTC); got.Time != nil && !got.Time.Equal(want) {
					t.Errorf("time %v, want %v", got.Time, want)
				}
				if got.Blob != nil && string(got.Blob) != "\xff\xff" {
					t.Errorf("blob %x", got.Blob)
				}
				return
			}
			if resp.StatusCode != 400 || body != `{"Message":"`+test.want+`"}` || resp.Header.Get("x-amzn-ErrorType") != "SerializationException" {
				t.Errorf("%d %s, want %s", resp.StatusCode, body, test.want)
			}
		})
	}
	resp, body := send(t, server, wire{method: "POST", target: "/v1/everything", body: `{"Name":"n","Must":[],"Time":1764037614,"Long":-3,"Float":1.5,"Blob":"AA==","Bool":true}`})
	if want := `{"Name":"n","Long":-3,"Float":1.5,"Bool":true,"Blob":"AA==","Time":1764037614,"Must":[]}`; resp.StatusCode != http.StatusCreated || body != want {
		t.Errorf("%d %s, want %s", resp.StatusCode, body, want)
	}
}
