package furl

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"furl/internal/authz"
	"furl/internal/egress"
	"furl/internal/oidc"
	"furl/internal/state"
)

// lambdaService is who assumes the execution roles of functions.
const lambdaService = "lambda.amazonaws.com"

// Execution environments get credentials once, with the rest of their
// environment, so these must outlive them. environmentAge is after how long an
// environment is replaced; the rest is for the invocation that it has then begun
// with, and for some hours of waiting idle.
const (
	environmentAge      = 4 * time.Hour
	functionCredentials = environmentAge + 2*time.Hour
)

// credentialsOf makes credentials of the execution role of a function, and says
// where the API is. A function whose role is gone or no longer trusts Lambda runs
// without: all that it lacks is permissions.
func (n *Node) credentialsOf(_ context.Context, t *state.Target) map[string]string {
	vars := map[string]string{}
	if _, own := t.Version.Environment[endpointVariable]; !own {
		vars[endpointVariable] = n.functionEndpoint()
	}
	role := n.state.Snapshot().RoleByARN(t.Version.Role)
	if role == nil || !authz.Trusts(role, lambdaService) {
		n.config.Logger.Warn("a function runs without credentials: its execution role is gone or cannot be assumed by Lambda",
			"function", t.Function.Name, "version", t.Version.Number, "role", t.Version.Role)
		return vars
	}
	c, err := n.sessions.Issue(&authz.Session{
		Kind:     authz.RoleSession,
		Account:  role.Role.Account,
		Issuer:   role.Role.Name,
		IssuerID: role.Role.ID,
		Name:     t.Function.Name,
		Expires:  time.Now().Add(functionCredentials).Unix(),
		Function: t.ARN,
	})
	if err != nil {
		n.config.Logger.Error("a function runs without credentials", "function", t.Function.Name, "err", err)
		return vars
	}
	vars["AWS_ACCESS_KEY_ID"] = c.AccessKeyID
	vars["AWS_SECRET_ACCESS_KEY"] = c.Secret.Reveal()
	vars["AWS_SESSION_TOKEN"] = c.Token.Reveal()
	return vars
}

// endpointVariable leads the SDKs to the API.
const endpointVariable = "AWS_ENDPOINT_URL"

// functionEndpoint is where functions reach the API: in a network of their own
// by the gateway's address, which needs no name to be resolved.
func (n *Node) functionEndpoint() string {
	if n.runs.Driver.Name() != IsolationNamespace {
		return n.info.Endpoint
	}
	_, port := n.front.address(0)
	return "http://" + net.JoinHostPort(egress.GatewayAddr().String(), strconv.Itoa(port))
}

// identities checks the tokens of the configured issuers; nil where there are none.
func (c Config) identities() (*oidc.Verifier, error) {
	if len(c.OIDCIssuers) == 0 {
		return nil, nil
	}
	var issuers []oidc.Issuer
	for _, text := range c.OIDCIssuers {
		one, err := oidc.ParseIssuer(text)
		if err != nil { // Validate has seen them
			return nil, fmt.Errorf("furl: oidc-issuers %q: %w", text, err)
		}
		issuers = append(issuers, one)
	}
	return oidc.New(oidc.Options{Issuers: issuers, Now: time.Now}), nil
}
