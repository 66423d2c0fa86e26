package template

import "fmt"

// Error is what is wrong with a template or with the values of its parameters, in the words that AWS CloudFormation has
// for it. It is the client's fault: the text is meant for the answer to the request.
type Error struct{ Text string }

// Error returns the text.
func (e *Error) Error() string { return e.Text }

// fault makes an Error of any text.
func fault(format string, args ...any) error {
	return &Error{fmt.Sprintf(format, args...)}
}

// formatError is one of the shape of a template.
func formatError(format string, args ...any) error {
	return fault("Template format error: "+format, args...)
}

// templateError is one of an intrinsic function.
func templateError(format string, args ...any) error {
	return fault("Template error: "+format, args...)
}
