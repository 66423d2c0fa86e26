package http_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"furl"
	"furl/internal/awsapi"
	"furl/internal/environment"
	"furl/internal/iam"
	"furl/internal/lambda"
	"furl/internal/sigv4"
)

// echo answers with its event; to /count with how many requests it has seen.
const echo = `import json
seen = 0
def lambda_handler(event, context):
    global seen
    seen += 1
    if event['rawPath'] == '/count':
        return {'statusCode': 200, 'body': str(seen)}
    if event['rawPath'] == '/big':
        return {'statusCode': 200, 'body': 'x' * 5000000}
    return {'statusCode': 200, 'body': json.dumps(event)}
`

// site is a server with the function echo, whose url-id is "echo".
type site struct {
	address string // host:port
	host    string // the function URL's, with the port
	lambda  *lambda.Client
}

func serve(t *testing.T, c furl.Config) *site {
	t.Helper()
	c.DataDir = t.TempDir()
	if c.Listen == nil {
		c.Listen = []string{"127.0.0.1:0"}
	}
	ctx, stop := context.WithCancel(context.Background())
	node, err := furl.New(ctx, c)
	if err != nil {
		stop()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- node.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if err := node.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	key, _ := node.RootKey()
	config := awsapi.ClientConfig{Endpoint: node.Info().Endpoint, Sign: func(r *http.Request, service string, body []byte) error {
		sigv4.Sign(r, sigv4.Credentials{AccessKeyID: key.AccessKeyID, SecretAccessKey: key.SecretAccessKey.Reveal()}, node.Info().Region, service, time.Now(), body)
		return nil
	}}
	s := &site{address: strings.TrimPrefix(node.Info().Endpoint, "http://")}
	if s.lambda, err = lambda.NewClient(config); err != nil {
		t.Fatal(err)
	}
	roles, err := iam.NewClient(config)
	if err != nil {
		t.Fatal(err)
	}
	s.deploy(t, roles)
	return s
}

// python is a runtime that this machine has an interpreter for.
func python(t *testing.T) *lambda.Runtime {
	t.Helper()
	var found lambda.Runtime
	for _, i := range environment.NewInterpreters(nil).List(t.Context()) {
		if i.Err == nil && strings.HasPrefix(i.Runtime, "python") {
			found = lambda.Runtime(i.Runtime)
		}
	}
	if found == "" {
		t.Skip("NOT TESTED: requests to a function; no Python here")
	}
	return &found
}

func (s *site) deploy(t *testing.T, roles *iam.Client) {
	t.Helper()
	ctx := t.Context()
	role, err := roles.CreateRole(ctx, &iam.CreateRoleRequest{RoleName: "echo", AssumeRolePolicyDocument: lambda.TrustPolicy})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("lambda_function.py")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, echo); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = s.lambda.CreateFunction(ctx, &lambda.CreateFunctionRequest{
		FunctionName: "echo", Role: role.Role.Arn, Runtime: python(t), Handler: new("lambda_function.lambda_handler"),
		Code: lambda.FunctionCode{ZipFile: b.Bytes()}, Timeout: new(30), Tags: map[string]string{lambda.TagURLID: "echo"},
	})
	if err != nil {
		t.Fatal(err)
	}
	url, err := s.lambda.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigRequest{FunctionName: "echo", AuthType: "NONE"})
	if err != nil {
		t.Fatal(err)
	}
	s.host = strings.TrimSuffix(strings.TrimPrefix(url.FunctionUrl, "http://"), "/")
	if !strings.HasPrefix(s.host, "echo.lambda-url.") {
		t.Fatalf("the URL is %s", url.FunctionUrl)
	}
	_, err = s.lambda.AddPermission(ctx, &lambda.AddPermissionRequest{
		FunctionName: "echo", StatementId: "public", Action: "lambda:InvokeFunctionUrl", Principal: "*",
		FunctionUrlAuthType: new(lambda.FunctionUrlAuthTypeNone),
	})
	if err != nil {
		t.Fatal(err)
	}
}

// dial connects; all of it may take a minute.
func (s *site) dial(t testing.TB) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// answer is one of those that a connection gave.
type answer struct {
	status int
	header http.Header
	body   string
}

// event is the one that echo answered with.
func (a answer) event(t *testing.T) event {
	t.Helper()
	var e event
	if err := json.Unmarshal([]byte(a.body), &e); err != nil || a.status != 200 {
		t.Fatalf("answered %d %s", a.status, a.body)
	}
	return e
}

type event struct {
	RawPath, RawQueryString string
	Headers                 map[string]string
	QueryStringParameters   map[string]string
	Body                    string
	RequestContext          struct {
		DomainName string
		HTTP       struct{ Method, Path, SourceIP string }
	}
}

// raw sends bytes, as they are, and reads the answers until the server closes
// the connection, or for requests of methods, one answer each.
func (s *site) raw(t *testing.T, sent string, methods ...string) []answer {
	t.Helper()
	conn := s.dial(t)
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		io.WriteString(conn, sent) // the server may refuse to read it all
	}()
	in := bufio.NewReader(conn)
	var all []answer
	for i := 0; len(methods) == 0 || i < len(methods); i++ {
		method := "GET"
		if len(methods) > 0 {
			method = methods[i]
		}
		res, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			if len(methods) > 0 {
				t.Fatal(err)
			}
			break
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, answer{res.StatusCode, res.Header, string(body)})
	}
	conn.Close()
	<-wrote
	return all
}

// get sends a request and returns its answer.
func (s *site) get(t *testing.T, target string, fields ...string) answer {
	t.Helper()
	return s.raw(t, "GET "+target+" HTTP/1.1\r\nHost: "+s.host+"\r\n"+strings.Join(append(fields, ""), "\r\n")+"\r\n", "GET")[0]
}
