package resource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"furl/internal/awsapi"
)

// How often what takes time is asked after: soon at first, then ever less often.
const (
	firstAsk  = 5 * time.Millisecond
	lastAsk   = time.Second
	askFactor = 2
)

// invoke carries out an operation and returns its answer.
func invoke[Out any](ctx context.Context, r *Request, service, operation string, in any) (*Out, error) {
	out, err := r.Invoke.Invoke(ctx, service, operation, in)
	if err != nil {
		return nil, err
	}
	answer, ok := out.(*Out)
	if !ok {
		return nil, fmt.Errorf("resource: %s %s answers a %T", service, operation, out)
	}
	return answer, nil
}

// do carries out an operation whose answer does not matter. What it finds to be absent, or otherwise in one of these
// codes' ways, is passed over.
func do(ctx context.Context, r *Request, service, operation string, in any, passed ...string) error {
	_, err := r.Invoke.Invoke(ctx, service, operation, in)
	if err != nil && slices.Contains(passed, codeOf(err)) {
		return nil
	}
	return err
}

// codeOf is the code of a service's error, empty for others and for none.
func codeOf(err error) string {
	if e, ok := errors.AsType[*awsapi.Error](err); ok {
		return e.Code
	}
	return ""
}

// fill sets the members of an operation's input that are named like properties, which are normalized.
func fill(in any, properties map[string]any, but ...string) error {
	given := make(map[string]any, len(properties))
	for name, v := range properties {
		if !slices.Contains(but, name) {
			given[name] = v
		}
	}
	text, err := json.Marshal(given)
	if err == nil {
		err = json.Unmarshal(text, in)
	}
	if err != nil {
		return fmt.Errorf("resource: properties: %w", err)
	}
	return nil
}

// poll calls ask until it is done, or fails.
func poll(ctx context.Context, ask func() (done bool, err error)) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for wait := firstAsk; ; wait = min(askFactor*wait, lastAsk) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		if done, err := ask(); done || err != nil {
			return err
		}
		timer.Reset(wait)
	}
}

// retagged are the tags to set and the keys to take away, for tags of before and after.
func retagged(old, next map[string]string) (set map[string]string, gone []string) {
	set = map[string]string{}
	for key, v := range next {
		if was, ok := old[key]; !ok || was != v {
			set[key] = v
		}
	}
	for key := range old {
		if _, ok := next[key]; !ok {
			gone = append(gone, key)
		}
	}
	slices.Sort(gone)
	return set, gone
}

// notOffered refuses properties that mean something on AWS and would mean nothing here.
func notOffered(kind string, properties map[string]any, names ...string) error {
	for _, name := range names {
		if _, given := properties[name]; given {
			return fmt.Errorf("furl does not offer the property %s of %s", name, kind)
		}
	}
	return nil
}

// refusal is a failure in AWS's words, which are sentences.
type refusal string

// Error is the sentence.
func (e refusal) Error() string { return string(e) }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// exists is the failure to create what is there already.
func exists(kind, identifier string) error {
	return refuse("Resource of type '%s' with identifier '%s' already exists.", kind, identifier)
}

// tail is what stands behind the last colon.
func tail(arn string) string { return arn[strings.LastIndexByte(arn, ':')+1:] }

// object is a property with members; nil if it is absent.
func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// objects is a property that is a list of objects.
func objects(v any) []map[string]any {
	list, _ := v.([]any)
	out := make([]map[string]any, 0, len(list))
	for _, one := range list {
		out = append(out, object(one))
	}
	return out
}

// number is a property that is a whole number; 0 if it is absent.
func number(v any) int {
	n, _ := wholeOf(v)
	return int(n)
}
