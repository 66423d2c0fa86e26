package furl

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"furl/internal/admin"
	"furl/internal/authz"
	"furl/internal/awsapi"
	"furl/internal/cfn"
	"furl/internal/cwlogs"
	"furl/internal/iam"
	"furl/internal/lambda"
	"furl/internal/sigv4"
	"furl/internal/ssm"
	"furl/internal/sts"
)

// controlServices are the services that the control plane offers.
type controlServices struct {
	lambda *lambda.Service
	iam    *iam.Service
	sts    *sts.Service
	logs   *cwlogs.Service
	ssm    *ssm.Service
	cfn    *cfn.Service
	admin  *admin.Service
}

// accessor is what every service says of its requests: the IAM actions and
// resources that they need.
type accessor interface {
	Access(ctx context.Context, in any) ([]authz.Access, error)
}

// control authenticates, authorizes and records API calls.
type control struct {
	node     *Node
	judge    *authz.Authorizer
	server   *awsapi.Server
	services map[string]accessor // by awsapi's service name
}

func (n *Node) newControl(judge *authz.Authorizer, s controlServices) (*control, error) {
	c := &control{node: n, judge: judge, services: map[string]accessor{
		"lambda": s.lambda, "iam": s.iam, "sts": s.sts, "logs": s.logs, "ssm": s.ssm, "cloudformation": s.cfn, "furl": s.admin,
	}}
	var err error
	c.server, err = awsapi.NewServer(awsapi.Hooks{
		Precheck:     c.precheck,
		Authenticate: c.authenticate,
		Unsigned:     c.unsigned,
		Authorize:    c.authorize,
		Done:         c.record,
		RequestID:    uuid.NewString,
	}, lambda.Operations(s.lambda), iam.Operations(s.iam), sts.Operations(s.sts), cwlogs.Operations(s.logs), ssm.Operations(s.ssm), cfn.Operations(s.cfn), admin.Operations(s.admin))
	return c, err
}

// invoke carries out an operation in the name of who began a stack's: it is
// judged and recorded like one that came over the network. An error is an
// *awsapi.Error.
func (c *control) invoke(ctx context.Context, who authz.Identity, service, operation string, in any) (any, error) {
	caller, err := c.judge.As(c.node.state.Snapshot(), who)
	if err != nil || service == "iam" && !authz.MayManage(caller) {
		return nil, awsapi.InvalidClientTokenID("The security token included in the request is invalid")
	}
	ctx = context.WithValue(authz.WithCaller(ctx, caller, who.Env(time.Now())), sourceKey{}, who.Source)
	if service == "s3" {
		return c.node.objects.Call(ctx, operation, in)
	}
	return c.server.Call(ctx, service, operation, in)
}

// sourceKey is of the ARN that an operation is carried out for.
type sourceKey struct{}

// scope says which signatures a service accepts. IAM and STS are global: their
// clients sign for us-east-1 or for the region they are configured with.
func (c *control) scope(service string) sigv4.Scope {
	switch service {
	case "iam", "sts":
		return sigv4.Scope{Service: service, Skew: 15 * time.Minute}
	default:
		return sigv4.Scope{Service: service, Regions: []string{c.node.config.Region}, Skew: 5 * time.Minute}
	}
}

// precheck refuses what has no good key, scope or date: whoever has none must
// not fill the server's memory.
func (c *control) precheck(r *http.Request, service string) error {
	_, err := c.judge.Claim(c.node.state.Snapshot(), r, c.scope(service))
	if err != nil {
		return signatureError(err)
	}
	return nil
}

func (c *control) authenticate(r *http.Request, service string, body []byte) (context.Context, error) {
	claim, err := c.judge.Claim(c.node.state.Snapshot(), r, c.scope(service))
	if err != nil {
		return nil, signatureError(err)
	}
	caller, err := claim.Prove(r, sha256.Sum256(body))
	if err != nil {
		return nil, signatureError(err)
	}
	if service == "iam" && !authz.MayManage(caller) {
		return nil, signatureError(sigv4.BadToken())
	}
	return authz.WithCaller(r.Context(), caller, authz.NewEnv(r, time.Now())), nil
}

// unsigned has the bearers of tokens come in as nobody: what they may do is for
// the operation to say.
func (c *control) unsigned(r *http.Request, _ string) (context.Context, error) {
	return authz.WithCaller(r.Context(), authz.Anonymous(), authz.NewEnv(r, time.Now())), nil
}

// signatureError words a refused signature in the code that each protocol has
// for it.
func signatureError(err error) error {
	var e *sigv4.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Reason {
	case sigv4.MissingToken:
		return awsapi.MissingAuthenticationToken()
	case sigv4.MalformedURL, sigv4.MalformedQuery, sigv4.Incomplete:
		return awsapi.IncompleteSignature("%s", e.Message)
	case sigv4.InvalidToken:
		return awsapi.InvalidClientTokenID("%s", e.Message)
	case sigv4.ExpiredToken:
		return awsapi.ExpiredToken("%s", e.Message)
	default: // expired, not yet current, bad scope, mismatch
		return awsapi.SignatureDoesNotMatch("%s", e.Message)
	}
}

func (c *control) authorize(ctx context.Context, op *awsapi.Operation, in any) error {
	accesses, err := c.services[op.Service].Access(ctx, in)
	if err != nil {
		return err
	}
	caller, env := authz.FromContext(ctx), authz.EnvFromContext(ctx)
	for _, acc := range accesses {
		if d := c.judge.Allow(caller, env, acc); !d.Allowed {
			return awsapi.AccessDenied("%s", authz.Denied(caller, acc, d))
		}
	}
	return nil
}

// record writes the audit record of an API call.
func (c *control) record(ctx context.Context, op *awsapi.Operation, r *http.Request, _ any, status int, err error, d time.Duration) {
	attrs := []slog.Attr{
		slog.String("request_id", awsapi.RequestID(ctx)),
		slog.Int("status", status),
		slog.Duration("duration", d),
	}
	if source, ok := ctx.Value(sourceKey{}).(string); ok {
		attrs = append(attrs, slog.String("stack", source))
	}
	if r != nil {
		attrs = append(attrs, slog.String("remote", r.RemoteAddr))
	}
	if op != nil {
		attrs = append(attrs, slog.String("operation", op.Service+":"+op.Name))
	} else if r != nil {
		attrs = append(attrs, slog.String("method", r.Method), slog.String("path", r.URL.Path))
	}
	if caller := authz.FromContext(ctx); caller.Principal.ARN != "" {
		attrs = append(attrs, slog.String("principal", caller.Principal.ARN), slog.String("access_key", caller.AccessKeyID))
		attrs = append(attrs, session(caller)...)
	}
	level := slog.LevelInfo
	var known *awsapi.Error
	var panicked *awsapi.PanicError
	switch {
	case err == nil:
	case errors.As(err, &known):
		attrs = append(attrs, slog.String("err", recordable(known)))
	default:
		level = slog.LevelError
		attrs = append(attrs, slog.String("err", err.Error()))
		if errors.As(err, &panicked) {
			attrs = append(attrs, slog.String("stack", string(panicked.Stack)))
		}
	}
	c.node.config.Access.LogAttrs(ctx, level, "api", attrs...)
}

// session is what a record says of temporary credentials beside their
// principal: whose they are, and who began the chain.
func session(c *authz.Caller) []slog.Attr {
	if c.Temporary == nil {
		return nil
	}
	var attrs []slog.Attr
	if c.Principal.IssuerARN != "" {
		attrs = append(attrs, slog.String("session_issuer", c.Principal.IssuerARN))
	}
	if c.Temporary.SourceIdentity != "" {
		attrs = append(attrs, slog.String("source_identity", c.Temporary.SourceIdentity))
	}
	return attrs
}

// recordable is an error as a record may hold it: one about a signature that
// cannot be read may repeat what was sent, which may be a secret.
func recordable(err *awsapi.Error) string {
	if strings.HasPrefix(err.Code, "IncompleteSignature") {
		return err.Code
	}
	return err.Error()
}
