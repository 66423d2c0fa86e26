package dataplane_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"

	"furl/internal/authz/authztest"
	"furl/internal/state"
)

// TestRevokedWhileTheBodyArrives: a client that takes its time over the body is
// judged by what is in force when it has sent it.
func TestRevokedWhileTheBodyArrives(t *testing.T) {
	hello := state.FunctionID{Account: authztest.Account, Region: authztest.Region, Name: "hello"}
	for name, c := range map[string]struct {
		revoke func(*site) error
		status int
	}{
		"nothing": {func(*site) error { return nil }, http.StatusOK},
		"the permission": {func(s *site) error {
			return s.State.UpdatePolicy(t.Context(), hello, "", func(*state.FunctionPolicy) (*state.FunctionPolicy, error) { return nil, nil })
		}, http.StatusForbidden},
		"the URL":      {func(s *site) error { return s.State.DeleteURL(t.Context(), hello, "") }, http.StatusForbidden},
		"the function": {func(s *site) error { return s.State.DeleteFunction(t.Context(), hello) }, http.StatusForbidden},
		"AuthType NONE": {func(s *site) error {
			_, err := s.State.UpdateURL(t.Context(), hello, "", func(u *state.URLConfig) error {
				u.AuthType = state.AuthIAM
				return nil
			})
			return err
		}, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, setting{policy: public})
			conn, err := net.Dial("tcp", s.address)
			must(t, err)
			defer conn.Close()
			_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: "+host+"\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
			must(t, err)
			r := bufio.NewReader(conn)
			line, err := r.ReadString('\n') // the server asks for the body: it has judged once
			must(t, err)
			if line != "HTTP/1.1 100 Continue\r\n" {
				t.Fatalf("the server says %q before the body", line)
			}
			_, err = r.ReadString('\n')
			must(t, err)
			must(t, c.revoke(s))
			_, err = io.WriteString(conn, "hello")
			must(t, err)
			res, err := http.ReadResponse(r, nil)
			must(t, err)
			defer res.Body.Close()
			if res.StatusCode != c.status {
				t.Errorf("status %d, want %d", res.StatusCode, c.status)
			}
		})
	}
}
