package authz

import "context"

type callerKey struct{}

type envKey struct{}

// WithCaller returns a context that carries a proven caller and the
// condition values of its request to the operation.
func WithCaller(ctx context.Context, c *Caller, env Env) context.Context {
	return context.WithValue(context.WithValue(ctx, callerKey{}, c), envKey{}, env)
}

// FromContext returns the caller of the operation that ctx belongs to; outside
// of one it is the anonymous caller, who may do nothing.
func FromContext(ctx context.Context) *Caller {
	if c, ok := ctx.Value(callerKey{}).(*Caller); ok {
		return c
	}
	return Anonymous()
}

// EnvFromContext returns the condition values of the operation's request.
func EnvFromContext(ctx context.Context) Env {
	env, _ := ctx.Value(envKey{}).(Env)
	return env
}
