package lambda

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"furl/internal/arn"
	"furl/internal/awsapi"
	"furl/internal/state"
)

// maxEventConfigPage is the most that a page of event configurations holds.
const maxEventConfigPage = 50

// PutFunctionEventInvokeConfig sets how asynchronous invocations are handled: what
// is not named goes back to its default.
func (s *Service) PutFunctionEventInvokeConfig(ctx context.Context, in *PutFunctionEventInvokeConfigRequest) (*FunctionEventInvokeConfig, error) {
	return s.changeEventConfig(ctx, &UpdateFunctionEventInvokeConfigRequest{
		FunctionName: in.FunctionName, Qualifier: in.Qualifier,
		MaximumRetryAttempts: in.MaximumRetryAttempts, MaximumEventAgeInSeconds: in.MaximumEventAgeInSeconds,
		DestinationConfig: in.DestinationConfig,
	}, true)
}

// UpdateFunctionEventInvokeConfig changes what the request names.
func (s *Service) UpdateFunctionEventInvokeConfig(ctx context.Context, in *UpdateFunctionEventInvokeConfigRequest) (*FunctionEventInvokeConfig, error) {
	return s.changeEventConfig(ctx, in, false)
}

// changeEventConfig is the two operations above; anew is the first of them.
func (s *Service) changeEventConfig(ctx context.Context, in *UpdateFunctionEventInvokeConfigRequest, anew bool) (*FunctionEventInvokeConfig, error) {
	r, err := s.resolve(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	destinations := in.DestinationConfig
	if in.MaximumRetryAttempts == nil && in.MaximumEventAgeInSeconds == nil &&
		(destinations == nil || destinations.OnSuccess == nil && destinations.OnFailure == nil) {
		return nil, InvalidParameterValueException("You must specify at least one of error handling or destination setting.")
	}
	f, routing := s.lookup(r)
	if f == nil {
		return nil, noFunctionForEvents()
	}
	if destinations != nil {
		if err := s.checkDestinations(ctx, r, routing.Target.Version.Role, destinations); err != nil {
			return nil, err
		}
	}
	var changed *state.EventConfig
	err = s.state.UpdateEventConfig(ctx, r.id, r.qualifier, func(c *state.EventConfig) (*state.EventConfig, error) {
		switch {
		case anew:
			c = new(state.EventConfig)
		case c == nil:
			return nil, noEventConfig(r)
		}
		if in.MaximumRetryAttempts != nil {
			c.MaxRetries = in.MaximumRetryAttempts
		}
		if in.MaximumEventAgeInSeconds != nil {
			c.MaxAge = in.MaximumEventAgeInSeconds
		}
		if destinations != nil {
			c.OnSuccess, c.OnFailure = onSuccess(destinations), onFailure(destinations)
		}
		c.LastModified = s.now()
		changed = c
		return c, nil
	})
	if err != nil {
		return nil, stateError(err, noFunctionForEvents())
	}
	return renderEventConfig(r, changed), nil
}

func onSuccess(c *DestinationConfig) string {
	if c.OnSuccess == nil {
		return ""
	}
	return value(c.OnSuccess.Destination)
}

func onFailure(c *DestinationConfig) string {
	if c.OnFailure == nil {
		return ""
	}
	return value(c.OnFailure.Destination)
}

// checkDestinations refuses destinations to which nothing can be sent.
func (s *Service) checkDestinations(ctx context.Context, r ref, role string, c *DestinationConfig) error {
	shown := func(kind, destination string) string {
		if destination == "" {
			return "null"
		}
		return fmt.Sprintf("%s(destination=%s)", kind, destination)
	}
	for _, destination := range []string{onFailure(c), onSuccess(c)} {
		if destination == "" {
			continue
		}
		a, err := arn.Parse(destination)
		if err == nil && a.Service == "lambda" {
			if err := s.checkDestination(ctx, r, role, destination); err != nil {
				return err
			}
			continue
		}
		if err == nil && slices.Contains([]string{"sqs", "sns", "events", "s3"}, a.Service) {
			return InvalidParameterValueException("The destination %s: not offered by this server, whose destinations are functions. "+
				"Name a function that hands the event on.", destination)
		}
		return InvalidParameterValueException("The provided destination config DestinationConfig(onSuccess=%s, onFailure=%s) is invalid.",
			shown("OnSuccess", onSuccess(c)), shown("OnFailure", onFailure(c)))
	}
	return nil
}

// checkDestination refuses a function as a destination that is not there, that is
// the sender itself, or that the sender's role may not invoke.
func (s *Service) checkDestination(ctx context.Context, r ref, role, destination string) error {
	invalid := InvalidParameterValueException("The destination ARN %s is invalid.", destination)
	to, err := s.resolve(ctx, destination, nil)
	if err != nil {
		return invalid
	}
	f, _ := s.lookup(to)
	switch {
	case f == nil:
		return invalid
	case to.id == r.id:
		return InvalidParameterValueException("You can't specify the function as a destination for itself.")
	case !s.mayInvoke(role, f, to.qualifier):
		return InvalidParameterValueException("The function execution role does not have permissions to call InvokeFunction on %s", destination)
	}
	return nil
}

// GetFunctionEventInvokeConfig shows how asynchronous invocations are handled.
func (s *Service) GetFunctionEventInvokeConfig(ctx context.Context, in *GetFunctionEventInvokeConfigRequest) (*FunctionEventInvokeConfig, error) {
	r, err := s.resolve(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	f := s.state.Snapshot().Function(r.id)
	if f == nil || f.Events[state.EventQualifier(r.qualifier)] == nil {
		return nil, noEventConfig(r)
	}
	return renderEventConfig(r, f.Events[state.EventQualifier(r.qualifier)]), nil
}

// DeleteFunctionEventInvokeConfig has asynchronous invocations handled by default.
func (s *Service) DeleteFunctionEventInvokeConfig(ctx context.Context, in *DeleteFunctionEventInvokeConfigRequest) error {
	r, err := s.resolve(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return err
	}
	err = s.state.UpdateEventConfig(ctx, r.id, r.qualifier, func(c *state.EventConfig) (*state.EventConfig, error) {
		if c == nil {
			return nil, noEventConfig(r)
		}
		return nil, nil
	})
	return stateError(err, noEventConfig(r))
}

// ListFunctionEventInvokeConfigs lists a function's configurations, those of its
// versions and aliases included.
func (s *Service) ListFunctionEventInvokeConfigs(ctx context.Context, in *ListFunctionEventInvokeConfigsRequest) (*ListFunctionEventInvokeConfigsResponse, error) {
	r, err := s.resolve(ctx, in.FunctionName, nil)
	if err != nil {
		return nil, err
	}
	f := s.state.Snapshot().Function(r.id)
	if f == nil {
		return nil, noFunctionForEvents()
	}
	all := make([]*state.EventConfig, 0, len(f.Events))
	for _, c := range f.Events {
		all = append(all, c)
	}
	qualifier := func(c *state.EventConfig) string { return c.Qualifier }
	slices.SortFunc(all, func(a, b *state.EventConfig) int { return cmp.Compare(a.Qualifier, b.Qualifier) })
	page, next, err := awsapi.Page(all, qualifier, awsapi.Paging{
		Operation: "ListFunctionEventInvokeConfigs " + r.id.Name, Marker: in.Marker, MaxItems: in.MaxItems,
		Size: maxEventConfigPage, Most: maxEventConfigPage,
	})
	if err != nil {
		return nil, err
	}
	out := &ListFunctionEventInvokeConfigsResponse{FunctionEventInvokeConfigs: make([]FunctionEventInvokeConfig, 0, len(page)), NextMarker: next}
	for _, c := range page {
		out.FunctionEventInvokeConfigs = append(out.FunctionEventInvokeConfigs, *renderEventConfig(ref{r.id, c.Qualifier}, c))
	}
	return out, nil
}

// renderEventConfig shows a configuration. Its destinations are there even when
// they are empty, and its ARN is always qualified (recorded).
func renderEventConfig(r ref, c *state.EventConfig) *FunctionEventInvokeConfig {
	return &FunctionEventInvokeConfig{
		FunctionArn:              new(ref{r.id, c.Qualifier}.arn()),
		LastModified:             &c.LastModified,
		MaximumRetryAttempts:     c.MaxRetries,
		MaximumEventAgeInSeconds: c.MaxAge,
		DestinationConfig: &DestinationConfig{
			OnSuccess: &OnSuccess{Destination: nonEmpty(c.OnSuccess)},
			OnFailure: &OnFailure{Destination: nonEmpty(c.OnFailure)},
		},
	}
}

func noFunctionForEvents() *awsapi.Error {
	return ResourceNotFoundException("The function doesn't exist.")
}

func noEventConfig(r ref) *awsapi.Error {
	return ResourceNotFoundException("The function %s doesn't have an EventInvokeConfig", ref{r.id, state.EventQualifier(r.qualifier)}.arn())
}
