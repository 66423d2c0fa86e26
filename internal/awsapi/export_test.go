package awsapi

import (
	"context"
	"reflect"
)

// Answering returns the operation carried out by f instead of its service, so that tests can serve every operation of a
// generated table.
func (op Operation) Answering(f func(ctx context.Context, in any) (any, error)) Operation {
	op.call = f
	return op
}

// Types returns the operation's input and output structures; out is nil if it answers nothing.
func (op Operation) Types() (in, out reflect.Type) {
	return op.in, op.out
}

// Streams reports whether the operation answers with events.
func (op Operation) Streams() bool { return op.event != nil }

// MatchPattern compiles a model's pattern and matches it.
func MatchPattern(pattern, s string) (bool, error) {
	p, err := compilePattern(pattern)
	if err != nil {
		return false, err
	}
	return p.MatchString(s), nil
}

// AppendJSONString is the encoder of strings.
func AppendJSONString(s string) string {
	return string(appendJSONString(nil, s))
}

// Do is Call for an operation whose types are known only at run time. It returns nil for one that answers nothing.
func (c *Client) Do(ctx context.Context, operation string, in any) (any, error) {
	op, rp, err := c.call(ctx, operation, in)
	if err != nil || op.out == nil {
		return nil, err
	}
	out, err := c.codec.decodeReply(op, rp)
	return out.Interface(), err
}
