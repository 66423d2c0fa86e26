package dataplane_test

import (
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"furl/internal/authz/authztest"
	"furl/internal/state"
)

// A record holds these members and no others, whoever calls.
func TestRecord(t *testing.T) {
	const note = "would refuse: lambda:InvokeFunction is not allowed"
	for _, c := range []struct {
		name    string
		setting setting
		signed  bool
		want    map[string]any // beside those of every record
	}{
		{"open", setting{policy: publicToday}, false, map[string]any{"status": int64(200), "url_id": id, "function": "hello"}},
		{"open, classic", setting{policy: public}, false, map[string]any{"status": int64(200), "url_id": id, "function": "hello", "dual": note}},
		{"signed, classic", setting{url: state.URLConfig{AuthType: state.AuthIAM}}, true,
			map[string]any{"status": int64(200), "url_id": id, "function": "hello", "dual": note, "principal": "arn:aws:iam::111122223333:user/alice"}},
		{"refused", setting{}, false, map[string]any{"status": int64(403), "url_id": id, "function": "hello",
			"reason": "lambda:InvokeFunctionUrl is refused because no resource-based policy allows the lambda:InvokeFunctionUrl action"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.setting.function = returns(`{}`)
			s := newSite(t, c.setting)
			r := s.request("POST", "/a/b%20c?token=hunter2", "hunter2", "Cookie", "session=hunter2", "Authorization", "Bearer hunter2")
			if c.signed {
				s.sign(t, r, s.User("alice", mayCall), authztest.Region, "lambda", 0)
			}
			a := s.do(r)
			got := maps.Clone(a.record)
			remote, _ := got["remote"].(string)
			if ip, _, err := net.SplitHostPort(remote); err != nil || ip != "127.0.0.1" {
				t.Errorf("remote %q", remote)
			}
			if d, ok := got["duration"].(time.Duration); !ok || d < 0 {
				t.Errorf("duration %v", got["duration"])
			}
			c.want["msg"], c.want["method"], c.want["path"] = "url", "POST", "/a/b c"
			c.want["request_id"] = a.Header.Get("X-Amzn-Requestid")
			delete(got, "remote")
			delete(got, "duration")
			if !maps.Equal(got, c.want) {
				t.Errorf("got  %v\nwant %v", got, c.want)
			}
		})
	}
}

// What a client makes long does not make a record long.
func TestRecordIsBounded(t *testing.T) {
	s := newSite(t, setting{policy: public})
	s.do(s.request(strings.Repeat("M", 5000), "/", ""))
	r := s.request("GET", "/", "")
	r.Host = strings.Repeat("h.", 5000)
	s.do(r)
	for _, record := range s.records.all {
		for key, value := range record {
			if text, ok := value.(string); ok && len(text) > 1024 {
				t.Errorf("%s has %d bytes", key, len(text))
			}
		}
	}
	if s.records.count() != 2 {
		t.Errorf("%d records, want 2", s.records.count())
	}
}

// A panic after the answer has begun cuts the connection: half an answer must
// not look whole. It is recorded like any other.
func TestPanicInTheAnswer(t *testing.T) {
	s := newSite(t, setting{policy: public, function: returns(`{"statusCode":200,"body":"hello"}`)})
	broken := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.server.ServeHTTP(faulty{w}, r) })
	client, conn := net.Pipe()
	defer client.Close()
	web := &http.Server{Handler: broken}
	defer web.Close()
	go web.Serve(&oneConn{conns: make(chan net.Conn, 1), conn: conn})
	go func() { _, _ = client.Write([]byte("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n")) }()
	one := make([]byte, 1)
	if n, err := client.Read(one); n != 0 || err == nil {
		t.Errorf("read %q, %v; want a closed connection", one[:n], err)
	}
	record := s.records.wait(t, func(map[string]any) bool { return true })
	if record["status"] != int64(500) {
		t.Errorf("recorded %v", record)
	}
}

// faulty panics when the body is written.
type faulty struct{ http.ResponseWriter }

func (faulty) Write([]byte) (int, error) { panic("a mistake") }
