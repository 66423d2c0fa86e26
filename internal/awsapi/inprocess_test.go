package awsapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"furl/internal/awsapi"
)

func TestCall(t *testing.T) {
	good := func() *everything { return &everything{Name: "n", Must: []string{}} }
	const authorize, call = "authorize alice toy.Everything *awsapi_test.everything req-1", "call alice req-1"
	tests := []struct {
		name, operation, refuse string
		in                      any
		fail                    error
		steps                   []string
		status                  int
		code, message           string
	}{
		{"all", "Everything", "", good(), nil, []string{authorize, call, "done alice true"}, 201, "", ""},
		{"invalid", "Everything", "", &everything{Name: "A", Must: []string{}}, nil, []string{"done alice true"}, 400, "ValidationException",
			"1 validation error detected: Value 'A' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern"},
		{"unauthorized", "Everything", authorize, good(), nil, []string{authorize, "done alice true"}, 403, "AccessDeniedException", "at " + authorize},
		{"refused", "Everything", "", good(), awsapi.ValidationException("no"), []string{authorize, call, "done alice true"}, 400, "ValidationException", "no"},
		{"broken", "Everything", "", good(), errors.New("disk on fire"), []string{authorize, call, "done alice true"}, 500, "ServiceException",
			"The request processing has failed because of an unknown error, exception or failure."},
		{"unknown", "Nothing", "", good(), nil, []string{"done alice true"}, 500, "ServiceException", ""},
		{"of another type", "Everything", "", &nothing{}, nil, []string{"done alice true"}, 500, "ServiceException", ""},
		{"nil", "Everything", "", (*everything)(nil), nil, []string{"done alice true"}, 500, "ServiceException", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			rec := new(record)
			server := newServer(t, recording(rec, test.refuse), restToy(toy{everything: func(ctx context.Context, in *everything) (*everything, error) {
				rec.steps = append(rec.steps, fmt.Sprintf("call %v %s", ctx.Value(callerKey{}), awsapi.RequestID(ctx)))
				return in, test.fail
			}}))
			out, err := server.Call(context.WithValue(t.Context(), callerKey{}, "alice"), "toy", test.operation, test.in)
			if !reflect.DeepEqual(rec.steps, test.steps) || rec.status != test.status {
				t.Errorf("status %d, steps\n%q, want\n%q", rec.status, rec.steps, test.steps)
			}
			if test.code == "" {
				if err != nil || out != test.in || rec.err != nil {
					t.Errorf("%v, %v, recorded %v", out, err, rec.err)
				}
				return
			}
			e, _ := err.(*awsapi.Error)
			if e == nil || e.Code != test.code || !strings.HasPrefix(e.Message, test.message) || rec.err == nil {
				t.Errorf("%v, recorded %v", err, rec.err)
			}
			if test.status == 500 && errors.As(rec.err, new(*awsapi.Error)) {
				t.Errorf("what went wrong is not recorded but %v", rec.err)
			}
		})
	}
}

// A panic in an operation is a failure of that operation alone.
func TestCallOutlivesPanics(t *testing.T) {
	var recorded error
	server := newServer(t, awsapi.Hooks{Done: func(_ context.Context, _ *awsapi.Operation, r *http.Request, _ any, _ int, err error, _ time.Duration) {
		if recorded = err; r != nil {
			t.Error("there is a request behind it")
		}
	}}, restToy(toy{everything: func(context.Context, *everything) (*everything, error) { panic("boom") }}))
	_, err := server.Call(t.Context(), "toy", "Everything", &everything{Name: "n", Must: []string{}})
	if e, _ := err.(*awsapi.Error); e == nil || e.Status != 500 {
		t.Errorf("%v", err)
	}
	if p, ok := errors.AsType[*awsapi.PanicError](recorded); !ok || p.Value != "boom" {
		t.Errorf("recorded %v", recorded)
	}
}
