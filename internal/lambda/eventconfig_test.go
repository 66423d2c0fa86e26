package lambda_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"furl/internal/lambda"
)

// shown is a configuration as JSON, its destinations included.
func shown(t *testing.T, c *lambda.FunctionEventInvokeConfig) string {
	t.Helper()
	b, err := json.Marshal(map[string]any{
		"arn": c.FunctionArn, "retries": c.MaximumRetryAttempts, "age": c.MaximumEventAgeInSeconds,
		"success": c.DestinationConfig.OnSuccess.Destination, "failure": c.DestinationConfig.OnFailure.Destination,
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func putEvents(change func(*lambda.PutFunctionEventInvokeConfigRequest)) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		in := &lambda.PutFunctionEventInvokeConfigRequest{FunctionName: "hello"}
		change(in)
		return only(c.PutFunctionEventInvokeConfig(ctx, in))
	}
}

func updateEvents(change func(*lambda.UpdateFunctionEventInvokeConfigRequest)) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		in := &lambda.UpdateFunctionEventInvokeConfigRequest{FunctionName: "hello"}
		change(in)
		return only(c.UpdateFunctionEventInvokeConfig(ctx, in))
	}
}

func getEvents(name string, qualifier *string) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		return only(c.GetFunctionEventInvokeConfig(ctx, &lambda.GetFunctionEventInvokeConfigRequest{FunctionName: name, Qualifier: qualifier}))
	}
}

func deleteEvents(name string) func(context.Context, *lambda.Client) error {
	return func(ctx context.Context, c *lambda.Client) error {
		return c.DeleteFunctionEventInvokeConfig(ctx, &lambda.DeleteFunctionEventInvokeConfigRequest{FunctionName: name})
	}
}

func destination(success, failure string) *lambda.DestinationConfig {
	return &lambda.DestinationConfig{OnSuccess: &lambda.OnSuccess{Destination: &success}, OnFailure: &lambda.OnFailure{Destination: &failure}}
}

func TestEventInvokeConfig(t *testing.T) {
	h := newHouse(t)
	h.create("hello", "good", "bad")
	c, ctx := h.as(h.Root), t.Context()
	type put = lambda.PutFunctionEventInvokeConfigRequest
	type update = lambda.UpdateFunctionEventInvokeConfigRequest
	check := func(out *lambda.FunctionEventInvokeConfig, want string) {
		t.Helper()
		if got := shown(t, out); got != fmt.Sprintf(want, prefix) {
			t.Errorf("got  %s\nwant "+want, got, prefix)
		}
		if !out.LastModified.Equal(h.Clock.Now().Truncate(time.Millisecond)) {
			t.Errorf("last modified %s", out.LastModified)
		}
	}
	out := must(c.PutFunctionEventInvokeConfig(ctx, &put{FunctionName: "hello", MaximumRetryAttempts: new(0), DestinationConfig: destination(prefix+"good", prefix+"bad")}))(t)
	const first = `{"age":null,"arn":"%[1]shello:$LATEST","failure":"%[1]sbad","retries":0,"success":"%[1]sgood"}`
	check(out, first)
	check(must(c.GetFunctionEventInvokeConfig(ctx, &lambda.GetFunctionEventInvokeConfigRequest{FunctionName: "hello", Qualifier: new("$LATEST")}))(t), first)
	h.Clock.Advance(time.Minute)
	// An update changes what it names, a put everything.
	check(must(c.UpdateFunctionEventInvokeConfig(ctx, &update{FunctionName: "hello", MaximumEventAgeInSeconds: new(60)}))(t),
		`{"age":60,"arn":"%[1]shello:$LATEST","failure":"%[1]sbad","retries":0,"success":"%[1]sgood"}`)
	check(must(c.UpdateFunctionEventInvokeConfig(ctx, &update{FunctionName: "hello", DestinationConfig: destination("", prefix+"bad")}))(t),
		`{"age":60,"arn":"%[1]shello:$LATEST","failure":"%[1]sbad","retries":0,"success":null}`)
	check(must(c.PutFunctionEventInvokeConfig(ctx, &put{FunctionName: "hello", MaximumRetryAttempts: new(2)}))(t),
		`{"age":null,"arn":"%[1]shello:$LATEST","failure":null,"retries":2,"success":null}`)

	must(c.PublishVersion(ctx, &lambda.PublishVersionRequest{FunctionName: "hello"}))(t)
	must(c.CreateAlias(ctx, &lambda.CreateAliasRequest{FunctionName: "hello", Name: "live", FunctionVersion: "1"}))(t)
	for _, name := range []string{"hello:1", prefix + "hello:live"} {
		must(c.PutFunctionEventInvokeConfig(ctx, &put{FunctionName: name, MaximumRetryAttempts: new(1)}))(t)
	}
	list := func(marker *string) ([]string, *string) {
		page := must(c.ListFunctionEventInvokeConfigs(ctx, &lambda.ListFunctionEventInvokeConfigsRequest{FunctionName: "hello", MaxItems: new(2), Marker: marker}))(t)
		var arns []string
		for _, one := range page.FunctionEventInvokeConfigs {
			arns = append(arns, *one.FunctionArn)
		}
		return arns, page.NextMarker
	}
	one, next := list(nil)
	two, end := list(next)
	if got := fmt.Sprint(one, two); got != fmt.Sprintf("[%[1]shello:$LATEST %[1]shello:1] [%[1]shello:live]", prefix) || end != nil {
		t.Errorf("listed %s", got)
	}

	// What a qualifier had goes with it.
	if err := c.DeleteAlias(ctx, &lambda.DeleteAliasRequest{FunctionName: "hello", Name: "live"}); err != nil {
		t.Fatal(err)
	}
	must(c.DeleteFunction(ctx, &lambda.DeleteFunctionRequest{FunctionName: "hello", Qualifier: new("1")}))(t)
	if arns, _ := list(nil); len(arns) != 1 {
		t.Errorf("after the qualifiers are gone: %v", arns)
	}
	must(c.CreateAlias(ctx, &lambda.CreateAliasRequest{FunctionName: "hello", Name: "live", FunctionVersion: "$LATEST"}))(t)
	if arns, _ := list(nil); len(arns) != 1 {
		t.Errorf("an alias made anew has its predecessor's: %v", arns)
	}
}

func TestEventInvokeConfigRefusals(t *testing.T) {
	h := newHouse(t)
	h.create("hello", "other")
	h.forbidden = map[string]bool{role + "-x": true}
	type put = lambda.PutFunctionEventInvokeConfigRequest
	type update = lambda.UpdateFunctionEventInvokeConfigRequest
	const missing, none, least = "ResourceNotFoundException", "The function doesn't exist.", "You must specify at least one of error handling or destination setting."
	to := func(arn string) func(*put) {
		return func(in *put) { in.DestinationConfig = destination("", arn) }
	}
	h.expect(h.Root,
		call{"nothing", putEvents(func(*put) {}), invalid, least},
		call{"nothing in it", putEvents(func(in *put) { in.DestinationConfig = new(lambda.DestinationConfig) }), invalid, least},
		call{"nothing to update", updateEvents(func(*update) {}), invalid, least},
		call{"missing function", putEvents(func(in *put) { in.FunctionName, in.MaximumRetryAttempts = "none", new(1) }), missing, none},
		call{"missing version", putEvents(func(in *put) { in.Qualifier, in.MaximumRetryAttempts = new("7"), new(1) }), missing, none},
		call{"missing function to update", updateEvents(func(in *update) { in.FunctionName, in.MaximumRetryAttempts = "none", new(1) }), missing, none},
		call{"nothing there to update", updateEvents(func(in *update) { in.MaximumRetryAttempts = new(1) }), missing,
			"The function " + prefix + "hello:$LATEST doesn't have an EventInvokeConfig"},
		call{"get nothing", getEvents("hello", nil), missing, "The function " + prefix + "hello:$LATEST doesn't have an EventInvokeConfig"},
		call{"get of a missing version", getEvents("hello", new("1221")), missing, "The function " + prefix + "hello:1221 doesn't have an EventInvokeConfig"},
		call{"get of no function", getEvents("none", nil), missing, "The function " + prefix + "none:$LATEST doesn't have an EventInvokeConfig"},
		call{"delete nothing", deleteEvents("hello"), missing, "The function " + prefix + "hello:$LATEST doesn't have an EventInvokeConfig"},
		call{"delete of no function", deleteEvents("none"), missing, "The function " + prefix + "none:$LATEST doesn't have an EventInvokeConfig"},
		call{"list of no function", func(ctx context.Context, c *lambda.Client) error {
			return only(c.ListFunctionEventInvokeConfigs(ctx, &lambda.ListFunctionEventInvokeConfigsRequest{FunctionName: "none"}))
		}, missing, none},
		call{"retries", putEvents(func(in *put) { in.MaximumRetryAttempts = new(3) }), "ValidationException",
			"1 validation error detected: Value '3' at 'maximumRetryAttempts' failed to satisfy constraint: Member must have value less than or equal to 2"},
		call{"age", putEvents(func(in *put) { in.MaximumEventAgeInSeconds = new(59) }), "ValidationException",
			"1 validation error detected: Value '59' at 'maximumEventAgeInSeconds' failed to satisfy constraint: Member must have value greater than or equal to 60"},
		call{"a function that is not there", putEvents(to(prefix + "none")), invalid, "The destination ARN " + prefix + "none is invalid."},
		call{"an alias that is not there", putEvents(to(prefix + "other:live")), invalid, "The destination ARN " + prefix + "other:live is invalid."},
		call{"itself", putEvents(to(prefix + "hello")), invalid, "You can't specify the function as a destination for itself."},
		call{"a queue", putEvents(to("arn:aws:sqs:us-east-1:111122223333:q")), invalid,
			"The destination arn:aws:sqs:us-east-1:111122223333:q: not offered by this server, whose destinations are functions. Name a function that hands the event on."},
		call{"a role", putEvents(to(role)), invalid,
			"The provided destination config DestinationConfig(onSuccess=null, onFailure=OnFailure(destination=" + role + ")) is invalid."},
		call{"good", putEvents(to(prefix + "other")), "", ""},
		call{"forbid it", func(context.Context, *lambda.Client) error { h.forbidden[role] = true; return nil }, "", ""},
		call{"forbidden", putEvents(to(prefix + "other")), invalid,
			"The function execution role does not have permissions to call InvokeFunction on " + prefix + "other"},
		call{"delete", deleteEvents("hello"), "", ""},
		call{"dead letters", creating("letters", func(in *lambda.CreateFunctionRequest) {
			in.DeadLetterConfig = &lambda.DeadLetterConfig{TargetArn: new("arn:aws:sqs:us-east-1:111122223333:q")}
		}), invalid, "The dead-letter target arn:aws:sqs:us-east-1:111122223333:q: not offered by this server, which has no queues and no topics. " +
			"Give the function an OnFailure destination that is a function: aws lambda put-function-event-invoke-config"},
		call{"no dead letters", creating("letters", func(in *lambda.CreateFunctionRequest) {
			in.DeadLetterConfig = &lambda.DeadLetterConfig{TargetArn: new("")}
		}), "", ""},
	)
}
