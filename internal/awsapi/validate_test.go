package awsapi_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"furl/internal/awsapi"
	"furl/internal/iam"
	"furl/internal/lambda"
)

// stub returns the service with every operation answered by f.
func stub(s awsapi.Service, f func(ctx context.Context, in any) (any, error)) awsapi.Service {
	for i, op := range s.Operations {
		s.Operations[i] = op.Answering(f)
	}
	return s
}

// refuseAll answers an operation with an error that no test expects: a request passed validation.
func refuseAll(context.Context, any) (any, error) {
	return nil, &awsapi.Error{Code: "Reached", Status: 499}
}

func TestValidationMessagesOfLambda(t *testing.T) {
	const role = `arn:aws:iam::123456789012:role/r`
	server := newServer(t, awsapi.Hooks{}, stub(lambda.Operations(nil), refuseAll))
	long := strings.Repeat("a", 141)
	tests := []struct {
		name, method, target, body, want string
	}{
		{
			"role pattern", "POST", "/2015-03-31/functions",
			`{"FunctionName":"f","Role":"r1","Code":{}}`,
			`1 validation error detected: Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`,
		}, {
			"several, absent ones are null", "POST", "/2015-03-31/functions",
			`{"FunctionName":"` + long + `","Role":null}`,
			`3 validation errors detected: Value '` + long + `' at 'functionName' failed to satisfy constraint: Member must have length less than or equal to 140; Value null at 'role' failed to satisfy constraint: Member must not be null; Value null at 'code' failed to satisfy constraint: Member must not be null`,
		}, {
			"two architectures", "POST", "/2015-03-31/functions",
			`{"FunctionName":"f","Role":"` + role + `","Code":{},"Architectures":["x86_64","arm64"]}`,
			`1 validation error detected: Value '[x86_64, arm64]' at 'architectures' failed to satisfy constraint: Member must have length less than or equal to 1`,
		}, {
			"unknown architecture", "POST", "/2015-03-31/functions",
			`{"FunctionName":"f","Role":"` + role + `","Code":{},"Architectures":["X86_64"]}`,
			`1 validation error detected: Value '[X86_64]' at 'architectures' failed to satisfy constraint: Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]`,
		}, {
			"snap start", "POST", "/2015-03-31/functions",
			`{"FunctionName":"f","Role":"` + role + `","Code":{},"SnapStart":{"ApplyOn":"x"}}`,
			`1 validation error detected: Value 'x' at 'snapStart.applyOn' failed to satisfy constraint: Member must satisfy enum value set: [PublishedVersions, None]`,
		}, {
			"environment is sensitive", "POST", "/2015-03-31/functions",
			`{"FunctionName":"f","Role":"` + role + `","Code":{},"Environment":{"Variables":{"a":"1"}}}`,
			`1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]`,
		}, {
			"timeout of ordinary functions", "PUT", "/2015-03-31/functions/f/configuration",
			`{"Timeout":901,"MemorySize":10241,"EphemeralStorage":{"Size":10241}}`,
			`3 validation errors detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900; Value '10241' at 'memorySize' failed to satisfy constraint: Member must have value less than or equal to 10240; Value '10241' at 'ephemeralStorage.size' failed to satisfy constraint: Member must have value less than or equal to 10240`,
		}, {
			"list of structures", "PUT", "/2015-03-31/functions/f/configuration",
			`{"FileSystemConfigs":[{"LocalMountPath":"/mnt/a"}]}`,
			`1 validation error detected: Value null at 'fileSystemConfigs.1.member.arn' failed to satisfy constraint: Member must not be null`,
		}, {
			"null in a list", "PUT", "/2015-03-31/functions/f/configuration",
			`{"ImageConfig":{"Command":["a",null]}}`,
			`1 validation error detected: Value '[a, ]' at 'imageConfig.command' failed to satisfy constraint: Member must satisfy constraint: [Member must not be null]`,
		}, {
			"qualifier of a URL", "GET", "/2021-10-31/functions/f/url?Qualifier=$LATEST", "",
			`1 validation error detected: Value '$LATEST' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)`,
		}, {
			"invoke mode", "POST", "/2021-10-31/functions/f/url", `{"AuthType":"NONE","InvokeMode":"UNKNOWN"}`,
			`1 validation error detected: Value 'UNKNOWN' at 'invokeMode' failed to satisfy constraint: Member must satisfy enum value set: [RESPONSE_STREAM, BUFFERED]`,
		}, {
			"CORS methods and age", "POST", "/2021-10-31/functions/f/url",
			`{"AuthType":"NONE","Cors":{"AllowMethods":["GET","OPTIONS"],"MaxAge":86401}}`,
			`2 validation errors detected: Value '[GET, OPTIONS]' at 'cors.allowMethods' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 6, Member must have length greater than or equal to 0, Member must satisfy regular expression pattern: .*, Member must not be null]; Value '86401' at 'cors.maxAge' failed to satisfy constraint: Member must have value less than or equal to 86400`,
		}, {
			"function version", "GET", "/2015-03-31/functions?FunctionVersion=invalid", "",
			`1 validation error detected: Value 'invalid' at 'functionVersion' failed to satisfy constraint: Member must satisfy enum value set: [ALL]`,
		}, {
			"statement id", "POST", "/2015-03-31/functions/f/policy",
			`{"StatementId":"example.com","Action":"lambda:InvokeFunction","Principal":"*"}`,
			`1 validation error detected: Value 'example.com' at 'statementId' failed to satisfy constraint: Member must satisfy regular expression pattern: ([a-zA-Z0-9-_]+)`,
		}, {
			"qualifier of a policy", "GET", "/2015-03-31/functions/f/policy?Qualifier=invalid-qualifier-with-%3F-char", "",
			`1 validation error detected: Value 'invalid-qualifier-with-?-char' at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: \$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+`,
		}, {
			"required number", "PUT", "/2017-10-31/functions/f/concurrency", `{}`,
			`1 validation error detected: Value null at 'reservedConcurrentExecutions' failed to satisfy constraint: Member must not be null`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			resp, body := send(t, server, wire{method: test.method, target: test.target, body: test.body})
			want, _ := json.Marshal(test.want)
			// encoding/json escapes markup, which AWS does not; no message here has any.
			if resp.StatusCode != 400 || body != `{"message":`+string(want)+`}` {
				t.Errorf("status %d, body\n%s, want\n%s", resp.StatusCode, body, test.want)
			}
			if got := resp.Header.Get("x-amzn-ErrorType"); got != "ValidationException" {
				t.Errorf("error type %q", got)
			}
		})
	}
}

func TestValidationPasses(t *testing.T) {
	server := newServer(t, awsapi.Hooks{}, stub(lambda.Operations(nil), refuseAll))
	tests := []struct{ name, method, target, body string }{
		{"unknown runtime is the service's", "POST", "/2015-03-31/functions", `{"FunctionName":"f","Role":"arn:aws:iam::123456789012:role/r","Code":{},"Runtime":"x"}`},
		{"64 characters are the service's", "POST", "/2015-03-31/functions", `{"FunctionName":"` + strings.Repeat("a", 65) + `","Role":"arn:aws:iam::123456789012:role/r","Code":{}}`},
		{"$LATEST of an ordinary operation", "GET", "/2015-03-31/functions/f?Qualifier=$LATEST", ""},
		{"alias of a URL", "GET", "/2021-10-31/functions/f/url?Qualifier=live", ""},
		{"a number in a body is no string", "PUT", "/2017-10-31/functions/f/concurrency", `{"ReservedConcurrentExecutions":0}`},
		{"a null is absent", "POST", "/2021-10-31/functions/f/url", `{"AuthType":"NONE","Cors":null}`},
		{"a later member replaces an earlier one", "PUT", "/2015-03-31/functions/f/configuration", `{"EphemeralStorage":{},"EphemeralStorage":{"Size":512}}`},
		{"no body", "PUT", "/2015-03-31/functions/f/configuration", ""},
		{"null body", "PUT", "/2015-03-31/functions/f/configuration", " null "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if resp, body := send(t, server, wire{method: test.method, target: test.target, body: test.body}); resp.StatusCode != 499 {
				t.Errorf("refused: %d %s", resp.StatusCode, body)
			}
		})
	}
}

func TestValidationMessagesOfIAM(t *testing.T) {
	server := newServer(t, awsapi.Hooks{}, stub(iam.Operations(nil), refuseAll))
	const validation = "ValidationError"
	tests := []struct{ name, form, code, want string }{
		{"value is hidden", "Action=CreateUser&UserName=" + strings.Repeat("a", 65), validation,
			"1 validation error detected: Value at 'userName' failed to satisfy constraint: Member must have length less than or equal to 64"},
		{"absent", "Action=DeleteUser", validation,
			"1 validation error detected: Value at 'userName' failed to satisfy constraint: Member must not be null"},
		{"enumeration is hidden", "Action=UpdateAccessKey&AccessKeyId=AKIAIOSFODNN7EXAMPLE&Status=Expired", validation,
			"1 validation error detected: Value at 'status' failed to satisfy constraint: Member must satisfy enum value set"},
		{"name pattern", "Action=CreateUser&UserName=a%20b", validation,
			"The specified value for userName is invalid. It must contain only alphanumeric characters and/or the following: +=,.@_-"},
		{"path", "Action=CreateUser&UserName=a&Path=x", validation,
			"The specified value for path is invalid. It must begin and end with / and contain only alphanumeric characters and/or / characters."},
		{"path prefix", "Action=ListUsers&PathPrefix=x", validation,
			"The specified value for pathPrefix is invalid. It must begin with the / character and contain only alphanumeric characters and/or / characters."},
		{"tag shows its value", "Action=CreateUser&UserName=a&Tags.member.1.Key=k&Tags.member.1.Value=v&Tags.member.2.Key=k2&Tags.member.2.Value=a%2Cb", validation,
			`1 validation error detected: Value 'a,b' at 'tags.2.member.value' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]*`},
		{"two", "Action=PutUserPolicy&UserName=a&PolicyName=" + strings.Repeat("p", 129), validation,
			"2 validation errors detected: Value at 'policyName' failed to satisfy constraint: Member must have length less than or equal to 128; Value at 'policyDocument' failed to satisfy constraint: Member must not be null"},
		{"not a number", "Action=ListUsers&MaxItems=x", "MalformedInput", "STRING_VALUE can not be converted to an Integer"},
		{"out of range", "Action=ListUsers&MaxItems=1001", validation,
			"1 validation error detected: Value at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000"},
		{"list without numbers", "Action=CreateUser&UserName=a&Tags.member.x.Key=k", "MalformedInput", "Key x is not a number"},
		{"not a list", "Action=CreateUser&UserName=a&Tags.1.Key=k", "MalformedInput", "Start of structure or map found where not expected."},
		{"not a structure", "Action=CreateUser&UserName.x=a", "MalformedInput", "Start of structure or map found where not expected."},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			resp, body := send(t, server, wire{method: "POST", target: "/", body: test.form + "&Version=2010-05-08"})
			escaped := strings.NewReplacer("'", "&#39;", "&", "&amp;").Replace(test.want)
			want := `<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>` + test.code +
				`</Code><Message>` + escaped + `</Message></Error><RequestId>req-1</RequestId></ErrorResponse>`
			if resp.StatusCode != 400 || body != want {
				t.Errorf("status %d, body\n%s, want\n%s", resp.StatusCode, body, want)
			}
		})
	}
}

func TestValidationOfEveryKind(t *testing.T) {
	server := newServer(t, awsapi.Hooks{}, stub(restToy(toy{}), refuseAll))
	tests := []struct{ name, body, want string }{
		{"doubles print as Java's", `"Float":3`, "Value '3.0' at 'float' failed to satisfy constraint: Member must have value less than or equal to 2.0"},
		{"map values", `"Weights":{"b":3,"a":1}`, "Value '{a=1.0, b=3.0}' at 'weights' failed to satisfy constraint: Map value must satisfy constraint: [Member must have value less than or equal to 2.0, Member must have value greater than or equal to 0.5, Member must not be null]"},
		{"null in a map", `"Weights":{"b":null}`, "Value '{b=0.0}' at 'weights' failed to satisfy constraint: Map value must satisfy constraint: [Member must have value less than or equal to 2.0, Member must have value greater than or equal to 0.5, Member must not be null]"},
		{"map keys", `"Weights":{"B":1}`, "Value '{B=1.0}' at 'weights' failed to satisfy constraint: Map keys must satisfy constraint: [Member must have length less than or equal to 8, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [a-z:%/ .]+]"},
		{"structures in maps", `"ByName":{"k":{}}`, "Value null at 'byName.k.key' failed to satisfy constraint: Member must not be null"},
		{"lists in lists", `"Nested":[["a"],["A"]]`, "Value '[A]' at 'nested.2.member' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 8, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [a-z:%/ .]+, Member must not be null]"},
		{"structures print their members", `"Parts":[{"Key":"a"},{"Key":"b","value":"v"},{"Key":"c"}]`, "Value '[part(key=a), part(key=b, value=v), part(key=c)]' at 'parts' failed to satisfy constraint: Member must have length less than or equal to 2"},
		{"length counts characters", `"Text":"x","Secret":"ééé","Part":{"Key":"ééééééééé"}`, "Value 'ééééééééé' at 'part.key' failed to satisfy constraint: Member must have length less than or equal to 8; Value 'ééééééééé' at 'part.key' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-z:%/ .]+"},
		{"secrets stay hidden", `"Secret":"four"`, "Value at 'secret' failed to satisfy constraint: Member must have length less than or equal to 3"},
		{"negative", `"Int":-1`, "Value '-1' at 'int' failed to satisfy constraint: Member must have value greater than or equal to 0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, body := send(t, server, wire{method: "POST", target: "/v1/everything", body: `{"Name":"n","Must":[],` + test.body + `}`})
			var got struct{ Message string }
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatal(err)
			}
			if _, text, _ := strings.Cut(got.Message, "detected: "); text != test.want {
				t.Errorf("message\n%s, want\n%s", text, test.want)
			}
		})
	}
}
