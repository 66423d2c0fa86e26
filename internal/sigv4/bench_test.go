package sigv4_test

import (
	"bytes"
	"crypto/sha256"
	"net/http"
	"testing"
	"time"

	"furl/internal/sigv4"
)

func BenchmarkVerify(b *testing.B) {
	body := bytes.Repeat([]byte("x"), 1024)
	sum := sha256.Sum256(body)
	const target = "/orders/42?state=open&limit=10&q=a%20b"
	headers := []string{"Content-Type", "application/json", "Accept", "*/*", "User-Agent", "bench/1"}
	inHeader := serverRequest(target, headers...)
	sigv4.Sign(inHeader, credentials, region, service, noon, body)
	inQuery := serverRequest(target, headers...)
	sigv4.Presign(inQuery, credentials, region, service, noon, time.Minute, body)
	forgery := serverRequest(target, headers...)
	sigv4.Sign(forgery, sigv4.Credentials{AccessKeyID: keyID, SecretAccessKey: "guess"}, region, service, noon, body)

	for _, bb := range []struct {
		name string
		r    *http.Request
		ok   bool
	}{{"header", inHeader, true}, {"presigned", inQuery, true}, {"refused", forgery, false}} {
		b.Run(bb.name, func(b *testing.B) {
			v := sigv4.NewVerifier(clock(noon))
			b.ReportAllocs()
			for b.Loop() {
				a, err := sigv4.Parse(bb.r)
				if err != nil {
					b.Fatal(err)
				}
				if err := v.CheckScope(a, scope); err != nil {
					b.Fatal(err)
				}
				if err := v.Verify(bb.r, a, scope, secret, sum); (err == nil) != bb.ok {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkSign(b *testing.B) {
	r := serverRequest("/orders/42?state=open", "Content-Type", "application/json")
	b.ReportAllocs()
	for b.Loop() {
		sigv4.Sign(r, credentials, region, service, noon, nil)
	}
}
