package cli

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"furl/internal/lambda"
)

// invocation is what `furl invoke --json` prints.
type invocation struct {
	StatusCode      int    `json:"StatusCode"`
	ExecutedVersion string `json:"ExecutedVersion,omitempty"`
	FunctionError   string `json:"FunctionError,omitempty"`
	// Payload is the function's answer: JSON, or a text where it is none.
	Payload   any    `json:"Payload,omitempty"`
	LogResult string `json:"LogResult,omitempty"`
}

func newInvokeCommand(a *app) *cobra.Command {
	data, withLogs, asJSON, later := "", false, false, false
	cmd := &cobra.Command{
		Use:   "invoke NAME",
		Short: "Invoke a function and print its answer",
		Long: `Invoke a function with an event and print what it answers. The exit code is 1 when the
function failed; its error is then what is printed. With --async the server keeps the event
and runs it by itself, up to three times if the function fails; furl logs NAME shows what
became of it.`,
		Example: `  furl invoke hello --data '{"queryStringParameters": {"name": "John"}}'
  furl invoke hello --data @event.json --logs
  furl invoke hello --data @event.json --async
  jq .event case.json | furl invoke hello --data -`,
		Args: oneArg("the name of a function"),
	}
	target := addTargetFlags(cmd)
	cmd.Flags().StringVar(&data, "data", "{}", "event: `JSON`, @FILE, or - for standard input")
	cmd.Flags().BoolVar(&withLogs, "logs", false, "print the end of the invocation's log on stderr")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON: StatusCode, ExecutedVersion, FunctionError, Payload, LogResult")
	cmd.Flags().BoolVar(&later, "async", false, "have the event run later; the answer is not waited for")
	cmd.MarkFlagsMutuallyExclusive("async", "logs")
	cmd.ValidArgsFunction = a.completeFunctions(target, 1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		event, err := a.event(data)
		if err != nil {
			return err
		}
		c, err := a.connect(target)
		if err != nil {
			return err
		}
		in := &lambda.InvocationRequest{FunctionName: args[0], Payload: event}
		if withLogs {
			in.LogType = new(lambda.LogTypeTail)
		}
		if later {
			in.InvocationType = new(lambda.InvocationTypeEvent)
		}
		out, err := c.lambda.Invoke(cmd.Context(), in)
		if err != nil {
			return err
		}
		return a.printInvocation(out, asJSON)
	}
	return cmd
}

// event reads the event that --data names.
func (a *app) event(data string) ([]byte, error) {
	if data == "-" {
		b, err := io.ReadAll(a.stdin)
		if err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
		return b, nil
	}
	if name, ok := strings.CutPrefix(data, "@"); ok {
		return os.ReadFile(name)
	}
	return []byte(data), nil
}

func (a *app) printInvocation(out *lambda.InvocationResponse, asJSON bool) error {
	tail, err := base64.StdEncoding.DecodeString(value(out.LogResult))
	if err != nil {
		return fmt.Errorf("the log that came along: %w", err)
	}
	if value(out.StatusCode) == http.StatusAccepted && !asJSON {
		_, err = fmt.Fprintln(a.stdout, "accepted")
		return err
	}
	if asJSON {
		err = a.printJSON(invocation{
			StatusCode:      value(out.StatusCode),
			ExecutedVersion: value(out.ExecutedVersion),
			FunctionError:   value(out.FunctionError),
			Payload:         payloadValue(out.Payload),
			LogResult:       string(tail),
		})
	} else {
		_, err = a.stderr.Write(tail)
		fmt.Fprintf(a.stdout, "%s\n", strings.TrimSuffix(string(out.Payload), "\n"))
	}
	if err != nil {
		return err
	}
	if out.FunctionError != nil {
		return errors.New("the function failed: " + *out.FunctionError)
	}
	return nil
}

func payloadValue(payload []byte) any {
	if len(payload) == 0 {
		return nil
	}
	if json.Valid(payload) {
		return json.RawMessage(payload)
	}
	return string(payload)
}
