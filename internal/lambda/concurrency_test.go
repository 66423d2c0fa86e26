package lambda_test

import (
	"context"
	"errors"
	"testing"

	"furl/internal/awsapi"
	"furl/internal/lambda"
)

func reserve(name string, n int) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		out, err := c.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyRequest{FunctionName: name, ReservedConcurrentExecutions: n})
		if err == nil && *out.ReservedConcurrentExecutions != n {
			return errors.New("the answer is another number")
		}
		return err
	}
}

func unreserve(name string) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		return c.DeleteFunctionConcurrency(ctx, &lambda.DeleteFunctionConcurrencyRequest{FunctionName: name})
	}
}

func TestFunctionConcurrency(t *testing.T) {
	h := newHouse(t)
	h.create("hello", "other")
	c := h.as(h.Root)
	reserved := func() *int {
		t.Helper()
		return must(c.GetFunctionConcurrency(t.Context(), &lambda.GetFunctionConcurrencyRequest{FunctionName: "hello"}))(t).ReservedConcurrentExecutions
	}
	if n := reserved(); n != nil {
		t.Errorf("%d are reserved at first", *n)
	}
	for _, n := range []int{0, 1, 900} {
		h.expect(h.Root, call{"put", reserve("hello", n), "", ""})
		if got := reserved(); got == nil || *got != n {
			t.Errorf("reserved %v, want %d", got, n)
		}
	}
	get := func(name string) func(context.Context, *lambda.Client) error {
		return func(ctx context.Context, c *lambda.Client) error {
			return only(c.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyRequest{FunctionName: name}))
		}
	}
	const missing = "ResourceNotFoundException"
	const limit = "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100]."
	const qualified = "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. " +
		"Please specify either a function name or an unqualified function ARN."
	h.expect(h.Root,
		call{"above the account's", reserve("hello", 1001), invalid, limit},
		call{"all but 99", reserve("hello", 901), invalid, limit},
		call{"what another has left", reserve("other", 1), invalid, limit},
		call{"less than nothing", reserve("hello", -1), "ValidationException",
			"1 validation error detected: Value '-1' at 'reservedConcurrentExecutions' failed to satisfy constraint: Member must have value greater than or equal to 0"},
		call{"put for none", reserve("none", 1), missing, "Function not found: " + prefix + "none:$LATEST"},
		call{"get for none", get("none"), missing, "Function not found: " + prefix + "none"},
		call{"delete for none", unreserve("none"), missing, "Function not found: " + prefix + "none"},
		call{"put for an alias", reserve("hello:live", 1), invalid, qualified},
		call{"get for $LATEST", get("hello:$LATEST"), invalid, qualified},
		call{"delete for a version", unreserve("hello:1"), invalid, qualified},
		call{"delete", unreserve("hello"), "", ""},
		call{"delete again", unreserve("hello"), "", ""},
		call{"now another can", reserve("other", 1), "", ""},
	)
	if n := reserved(); n != nil {
		t.Errorf("%d are reserved at last", *n)
	}
}

// Recorded: the limit's error has no Type.
func TestConcurrencyLimitHasNoType(t *testing.T) {
	h := newHouse(t)
	h.create("hello")
	e, ok := errors.AsType[*awsapi.Error](reserve("hello", 1000)(t.Context(), h.as(h.Root)))
	if !ok || e.Type != "" {
		t.Errorf("%+v", e)
	}
}
