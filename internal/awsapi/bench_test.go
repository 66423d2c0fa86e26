package awsapi_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"furl/internal/awsapi"
	"furl/internal/lambda"
)

// discard is a response writer that keeps nothing.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// benchmark serves the same request again and again.
func benchmark(b *testing.B, out any, method, target string, body []byte) {
	server := newServer(b, awsapi.Hooks{}, stub(lambda.Operations(nil), func(context.Context, any) (any, error) { return out, nil }))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(method, target, bytes.NewReader(body))
		server.ServeHTTP(discard{http.Header{}}, r)
	}
}

func BenchmarkInvoke(b *testing.B) {
	out := &lambda.InvocationResponse{Payload: []byte("{}"), ExecutedVersion: new("$LATEST")}
	benchmark(b, out, "POST", "/2015-03-31/functions/f/invocations", []byte(`{"a":1}`))
}

func BenchmarkInvokeLarge(b *testing.B) {
	out := &lambda.InvocationResponse{Payload: make([]byte, 6<<20)}
	benchmark(b, out, "POST", "/2015-03-31/functions/f/invocations", make([]byte, 6<<20))
}

func BenchmarkCreateFunctionUrlConfig(b *testing.B) {
	out := &lambda.CreateFunctionUrlConfigResponse{FunctionUrl: "https://x/", Cors: &lambda.Cors{AllowOrigins: []string{"*"}}}
	benchmark(b, out, "POST", "/2021-10-31/functions/f/url", []byte(`{"AuthType":"NONE","Cors":{"AllowOrigins":["*"],"AllowMethods":["GET"]}}`))
}

func BenchmarkCreateFunctionLarge(b *testing.B) {
	zip := bytes.Repeat([]byte("QUJD"), 4<<20)
	body := append([]byte(`{"FunctionName":"f","Role":"arn:aws:iam::123456789012:role/r","Code":{"ZipFile":"`), zip...)
	benchmark(b, &lambda.FunctionConfiguration{}, "POST", "/2015-03-31/functions", append(body, `"}}`...))
}
