package sts_test

import (
	"testing"

	"furl/internal/authz/authztest"
	"furl/internal/sts"
)

func TestGetCallerIdentity(t *testing.T) {
	h := authztest.New(t, false)
	service := sts.New()
	address := h.Serve(authztest.Served{Service: sts.Operations(service), Access: service.Access})
	nobody := h.User("nobody")
	denied := h.User("denied", `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`)
	for _, who := range []authztest.Who{h.Root, nobody, denied} {
		c, err := sts.NewClient(h.Client(address, who))
		if err != nil {
			t.Fatal(err)
		}
		out, err := c.GetCallerIdentity(t.Context(), &sts.GetCallerIdentityRequest{})
		if err != nil || *out.Arn != who.ARN || *out.UserId != who.ID || *out.Account != authztest.Account {
			t.Errorf("%s is %+v, %v", who.ARN, out, err)
		}
	}
}
