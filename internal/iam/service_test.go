package iam_test

import (
	"context"
	"testing"

	"furl/internal/authz/authztest"
	"furl/internal/iam"
)

// house is IAM's API with nobody in the account but root.
type house struct {
	*authztest.House
	t       *testing.T
	address string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{House: authztest.New(t, false), t: t}
	service := iam.New(h.State, h.Clock.Now)
	h.address = h.Serve(authztest.Served{Service: iam.Operations(service), Access: service.Access})
	return h
}

// as is the API as a caller reaches it.
func (h *house) as(w authztest.Who) *iam.Client {
	h.t.Helper()
	c, err := iam.NewClient(h.Client(h.address, w))
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// call is a call of an operation and the refusal that it must get, if any.
type call struct {
	name          string
	do            func(ctx context.Context, c *iam.Client) error
	code, message string
}

// expect makes calls in order as one caller.
func (h *house) expect(who authztest.Who, calls ...call) {
	h.t.Helper()
	c := h.as(who)
	for _, call := range calls {
		h.t.Run(call.name, func(t *testing.T) {
			err := call.do(t.Context(), c)
			if call.code != "" {
				authztest.Refused(t, err, call.code, call.message)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// only drops an operation's answer.
func only[T any](_ T, err error) error { return err }

func createUser(name string) func(context.Context, *iam.Client) error {
	return func(ctx context.Context, c *iam.Client) error {
		return only(c.CreateUser(ctx, &iam.CreateUserRequest{UserName: name}))
	}
}

func createRole(name, trust string) func(context.Context, *iam.Client) error {
	return func(ctx context.Context, c *iam.Client) error {
		return only(c.CreateRole(ctx, &iam.CreateRoleRequest{RoleName: name, AssumeRolePolicyDocument: trust}))
	}
}

func putUserPolicy(user, policy, doc string) func(context.Context, *iam.Client) error {
	return func(ctx context.Context, c *iam.Client) error {
		return c.PutUserPolicy(ctx, &iam.PutUserPolicyRequest{UserName: user, PolicyName: policy, PolicyDocument: doc})
	}
}

func putRolePolicy(role, policy, doc string) func(context.Context, *iam.Client) error {
	return func(ctx context.Context, c *iam.Client) error {
		return c.PutRolePolicy(ctx, &iam.PutRolePolicyRequest{RoleName: role, PolicyName: policy, PolicyDocument: doc})
	}
}

func createGroup(name string) func(context.Context, *iam.Client) error {
	return func(ctx context.Context, c *iam.Client) error {
		return only(c.CreateGroup(ctx, &iam.CreateGroupRequest{GroupName: name}))
	}
}

func createPolicy(name, doc string) func(context.Context, *iam.Client) error {
	return func(ctx context.Context, c *iam.Client) error {
		return only(c.CreatePolicy(ctx, &iam.CreatePolicyRequest{PolicyName: name, PolicyDocument: doc}))
	}
}

const (
	allowAll    = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	lambdaTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
)
