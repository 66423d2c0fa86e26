package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"furl/internal/awsapi"
)

// usageError is a command that was asked for wrongly: exit code 2.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// hintedError says how to go on.
type hintedError struct {
	err   error
	hints []string
}

func (e *hintedError) Error() string { return e.err.Error() }
func (e *hintedError) Unwrap() error { return e.err }

func withHint(err error, hints ...string) error { return &hintedError{err, hints} }

// silentError makes the exit code 1 where everything was said already.
type silentError struct{}

func (silentError) Error() string { return "the answer is no" }

// report prints an error with its hints and returns the exit code.
func report(w io.Writer, err error) int {
	var silent silentError
	if err == nil {
		return exitOK
	}
	if errors.As(err, &silent) {
		return exitFailure
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(w, "furl: %s\n", strings.TrimPrefix(strings.TrimRight(line, "\n"), "furl: "))
	}
	for _, hint := range hints(err) {
		fmt.Fprintf(w, "hint: %s\n", hint)
	}
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailure
}

// hints are what the error's maker says about how to go on, or what is known
// about errors of its kind.
func hints(err error) []string {
	var hinted *hintedError
	if errors.As(err, &hinted) {
		return hinted.hints
	}
	var many interface{ Hints() []string }
	if errors.As(err, &many) {
		return many.Hints()
	}
	var hinter interface{ Hint() string }
	if errors.As(err, &hinter) {
		return []string{hinter.Hint()}
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return []string{"no server answers there; start one with furl serve"}
	case isCode(err, "UnrecognizedClientException", "InvalidClientTokenId"):
		return []string{
			"the server does not know this access key: unset AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to use the root's",
			`or take the server's settings: eval "$(furl env)"`,
		}
	case isCode(err, "ServiceException"):
		return []string{"the reason is in the server's log, and where a function could not be started in furl logs NAME"}
	case isCode(err, "ResourceNotFoundException") && strings.Contains(err.Error(), "Function not found"):
		return []string{"furl list shows the functions that there are"}
	case isCode(err, "InvalidSignatureException", "SignatureDoesNotMatch"):
		return []string{"check AWS_SECRET_ACCESS_KEY, AWS_REGION and this machine's clock"}
	}
	return nil
}

// isCode reports whether err is an AWS error with one of the codes.
func isCode(err error, codes ...string) bool {
	var e *awsapi.Error
	if !errors.As(err, &e) {
		return false
	}
	for _, code := range codes {
		if e.Code == code {
			return true
		}
	}
	return false
}

// isStatus reports whether an error is an answer with an HTTP status.
func isStatus(err error, status int) bool {
	e, ok := errors.AsType[*awsapi.Error](err)
	return ok && e.Status == status
}
