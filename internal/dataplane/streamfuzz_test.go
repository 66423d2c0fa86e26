package dataplane

import (
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"furl/internal/environment"
	"furl/internal/payload"
)

// FuzzStream: however a stream is cut into pieces, the answer is the same, and it is
// that of the whole stream at once.
func FuzzStream(f *testing.F) {
	const nul = "\x00\x00\x00\x00\x00\x00\x00\x00"
	f.Add([]byte(`{"statusCode":201,"headers":{"a":"b"},"cookies":["c=d"]}`+nul+"body"), []byte{1, 2, 3})
	f.Add([]byte(`{}`+nul), []byte{0})
	f.Add([]byte(` {"statusCode":204}`+nul+"none"), []byte{20, 1})
	f.Add([]byte(`{"statusCode":"x"}`+nul), []byte{5})
	f.Add([]byte("{}\x00\x00\x00x"), []byte{3, 1, 1})
	f.Add([]byte("page"), []byte{2})
	f.Fuzz(func(t *testing.T, data, cuts []byte) {
		answer := func(cuts []byte) *http.Response {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			w := httptest.NewRecorder()
			s := newStream(w, r, stallTime)
			c := &call{r: r}
			err := s.Begin(payload.PreludeType)
			for rest := data; len(rest) > 0 && err == nil; {
				n := len(rest)
				if len(cuts) > 0 {
					n, cuts = min(n, int(cuts[0])), cuts[1:]
				}
				_, err = s.Write(rest[:n])
				rest = rest[n:]
			}
			if _, refused := s.finish(c, &environment.Result{Streamed: true}); refused != nil {
				refused.write(w, false)
			}
			return w.Result()
		}
		whole, pieces := answer(nil), answer(cuts)
		if whole.StatusCode != pieces.StatusCode || !reflect.DeepEqual(whole.Header, pieces.Header) || !reflect.DeepEqual(whole.Body, pieces.Body) {
			t.Fatalf("whole %+v\npieces %+v", whole, pieces)
		}
		prelude, body, complete, err := payload.ParsePrelude(data)
		want := http.StatusBadGateway
		if err == nil && complete {
			want = prelude.Status
		}
		if whole.StatusCode != want || want != http.StatusBadGateway && want != http.StatusNoContent && want != http.StatusNotModified && whole.ContentLength > 0 && whole.ContentLength != int64(len(body)) {
			t.Fatalf("status %d, want %d", whole.StatusCode, want)
		}
	})
}
