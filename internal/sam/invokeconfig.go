package sam

import (
	"fmt"
	"maps"
	"slices"
)

// invokeConfig makes the EventInvokeConfig of a function, the queues and topics that it asks for, and the statements that
// the function's role needs to reach its destinations.
func (t *translation) invokeConfig(r *resource, alias *generated) (made []*generated, policies []any, err error) {
	if !r.has("EventInvokeConfig") {
		return nil, nil, nil
	}
	resolved, err := t.resolve(r.get("EventInvokeConfig"))
	if err != nil {
		return nil, nil, err
	}
	config, _ := resolved.(map[string]any)
	e := newGenerated(r.id+"EventInvokeConfig", "AWS::Lambda::EventInvokeConfig", maps.Clone(r.attributes))
	destinations := make(map[string]any)
	if written := config["DestinationConfig"]; truthy(written) {
		both, ok := written.(map[string]any)
		if !ok {
			return nil, nil, invalidResource(r.id, "Property 'EventInvokeConfig.DestinationConfig' should be a map.")
		}
		for _, when := range []string{"OnSuccess", "OnFailure"} {
			if both[when] == nil {
				continue
			}
			d, err := t.destination(r, e.id, when, both[when])
			if err != nil {
				return nil, nil, err
			}
			destinations[when] = map[string]any{"Destination": d.arn}
			if d.made != nil {
				made = append(made, d.made)
			}
			policies = append(policies, d.policy)
		}
	}
	e.set("FunctionName", ref(r.id))
	e.set("Qualifier", "$LATEST")
	if alias != nil {
		e.set("Qualifier", alias.properties["Name"])
		e.dependsOn = []any{alias.id}
	}
	e.set("DestinationConfig", destinations)
	e.set("MaximumEventAgeInSeconds", config["MaximumEventAgeInSeconds"])
	e.set("MaximumRetryAttempts", config["MaximumRetryAttempts"])
	return append(made, e), policies, nil
}

// destination is where results of asynchronous invocations go.
type destination struct {
	arn    any
	made   *generated     // the queue or topic, where the template names none
	policy map[string]any // an inline policy of the function's role
}

func (t *translation) destination(r *resource, configID, when string, written any) (*destination, error) {
	config, ok := written.(map[string]any)
	if !ok {
		return nil, invalidResource(r.id, "Property 'EventInvokeConfig.DestinationConfig."+when+"' should be a map.")
	}
	accepted := []string{"SQS", "SNS", "EventBridge", "Lambda", "S3Bucket"}
	kind, _ := config["Type"].(string)
	if !slices.Contains(accepted, kind) {
		shown := config["Type"]
		if shown == nil {
			shown = "None"
		}
		return nil, invalidResource(r.id, fmt.Sprintf("'Type: %v' must be one of %s", shown, quoted(accepted)))
	}
	arn := config["Destination"]
	condition, otherwise, err := t.destinationCondition(configID, arn)
	if err != nil {
		return nil, err
	}
	d := &destination{arn: arn}
	if arn == nil || condition != "" {
		if kind != "SQS" && kind != "SNS" {
			return nil, invalidResource(r.id, "Destination is required if Type is not "+quoted(accepted[:2]))
		}
		d.made = t.receiver(r, kind, configID+when, condition)
		d.arn = getAtt(d.made.id, "Arn")
		if kind == "SNS" {
			d.arn = ref(d.made.id)
		}
		if condition != "" {
			d.arn = choose(condition, d.arn, otherwise)
		}
	}
	d.policy = sendPolicy(kind, configID+when, d.arn)
	return d, nil
}

// receiver makes the queue or topic. It is there under the function's own condition and the destination's.
func (t *translation) receiver(r *resource, kind, id, condition string) *generated {
	g := newGenerated(id+"Queue", "AWS::SQS::Queue", r.inherited())
	if kind == "SNS" {
		g = newGenerated(id+"Topic", "AWS::SNS::Topic", r.inherited())
	}
	own, _ := r.attributes["Condition"].(string)
	switch {
	case condition == "":
	case own == "":
		g.attributes["Condition"] = condition
	default:
		// The two layers of Condition in one condition are SAM's own.
		both := t.condition(own+"AND"+condition, r.id, map[string]any{"Fn::And": []any{
			map[string]any{"Condition": map[string]any{"Condition": own}},
			map[string]any{"Condition": map[string]any{"Condition": condition}},
		}})
		g.attributes["Condition"] = both
	}
	t.refer(r.id, kind, g.id)
	return g
}

// refer lets FUNCTION.DestinationQueue and FUNCTION.DestinationTopic stand for what was generated.
func (t *translation) refer(function, kind, id string) {
	if t.referable[function] == nil {
		t.referable[function] = make(map[string]string)
	}
	name := "DestinationQueue"
	if kind == "SNS" {
		name = "DestinationTopic"
	}
	t.referable[function][name] = id
}

// destinationCondition reads a Destination that is there only sometimes: an Fn::If with AWS::NoValue on one side. It
// returns the condition under which the destination must be made, and what it is otherwise; "" if it is not of that kind.
func (t *translation) destinationCondition(configID string, arn any) (condition string, otherwise any, err error) {
	items, is := branches(arn)
	if !is {
		return "", nil, nil
	}
	if items == nil {
		return "", nil, invalidResource(configID, "Malformed 'Destination' property: Fn::If requires 3 arguments.")
	}
	condition, ok := items[0].(string)
	if !ok || isNoValue(items[1]) == isNoValue(items[2]) {
		return "", nil, nil
	}
	if isNoValue(items[1]) {
		return condition, items[2], nil
	}
	return t.condition("NOT"+condition, configID, not(condition)), items[1], nil
}

func not(condition any) map[string]any {
	return map[string]any{"Fn::Not": []any{map[string]any{"Condition": condition}}}
}

// condition adds a condition to the template under a name that ends in a hash of seed, and returns the name.
func (t *translation) condition(name, seed string, v map[string]any) string {
	name += digest(seed)
	t.setCondition(name[:min(len(name), 255)], v)
	return name[:min(len(name), 255)]
}

func (t *translation) setCondition(name string, v map[string]any) {
	all, ok := t.doc["Conditions"].(map[string]any)
	if !ok {
		all = make(map[string]any)
		t.doc["Conditions"] = all
	}
	all[name] = v
}

// sendPolicy is the inline policy that lets a function send to a destination.
func sendPolicy(kind, id string, arn any) map[string]any {
	allow := func(action string, resource any) any {
		return map[string]any{"Action": action, "Effect": "Allow", "Resource": resource}
	}
	var name string
	var statements []any
	switch kind {
	case "SQS":
		name, statements = "SQSPolicy", []any{allow("sqs:SendMessage", arn)}
	case "SNS":
		name, statements = "SNSPolicy", []any{allow("sns:publish", arn)}
	case "EventBridge":
		name, statements = "EventBridgePolicy", []any{allow("events:PutEvents", arn)}
	case "Lambda":
		name, statements = "LambdaPolicy", []any{allow("lambda:InvokeFunction", arn)}
	case "S3Bucket":
		all := map[string]any{"Fn::Join": []any{"/", []any{arn, "*"}}}
		name, statements = "S3Policy", []any{allow("s3:PutObject", all), allow("s3:ListBucket", clone(arn))}
	}
	return map[string]any{"PolicyName": id + name, "PolicyDocument": map[string]any{"Statement": statements}}
}
