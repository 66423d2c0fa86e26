package sam

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// managedPolicies is the path and name of every managed policy of AWS, one a line. See README.md.
//
//go:embed data/managed_policies.txt
var managedPolicies string

// role makes a function's role. It is made, and its policies checked, also where the function has one of its own.
func (t *translation) role(r *resource, destinations []any) (*generated, error) {
	g := newGenerated(r.id+"Role", "AWS::IAM::Role", r.inherited())
	trust := r.get("AssumeRolePolicyDocument")
	if trust == nil {
		trust = map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
			"Action": []any{"sts:AssumeRole"}, "Effect": "Allow", "Principal": map[string]any{"Service": []any{"lambda.amazonaws.com"}},
		}}}
	}
	arns, err := t.ownPolicies(r)
	if err != nil {
		return nil, err
	}
	var inline []any
	if queue, _ := r.get("DeadLetterQueue").(map[string]any); len(queue) > 0 {
		action := "sqs:SendMessage"
		if queue["Type"] == "SNS" {
			action = "sns:Publish"
		}
		inline = append(inline, map[string]any{"PolicyName": "DeadLetterQueuePolicy", "PolicyDocument": map[string]any{
			"Version":   "2012-10-17",
			"Statement": []any{map[string]any{"Action": action, "Effect": "Allow", "Resource": queue["TargetArn"]}},
		}})
	}
	inline = append(inline, destinations...)
	arns, inline, err = t.attach(r, g.id, arns, inline)
	if err != nil {
		return nil, err
	}
	g.set("AssumeRolePolicyDocument", trust)
	g.set("ManagedPolicyArns", arns)
	if len(inline) > 0 {
		g.set("Policies", inline)
	}
	g.set("Path", r.get("RolePath"))
	g.set("PermissionsBoundary", r.get("PermissionsBoundary"))
	tags, err := r.tags(t.tagOrder(r))
	g.set("Tags", tags)
	return g, err
}

// ownPolicies are the managed policies that what a function does asks for.
func (t *translation) ownPolicies(r *resource) ([]any, error) {
	prefix := "arn:" + t.options.Partition + ":iam::aws:policy/"
	arns := []any{prefix + "service-role/AWSLambdaBasicExecutionRole"}
	if r.has("DurableConfig") {
		arns[0] = prefix + "service-role/AWSLambdaBasicDurableExecutionRolePolicy"
	}
	traced, err := t.traced(r)
	if err != nil {
		return nil, err
	}
	if traced {
		// The older name stays in the partition that had it.
		name := "AWSXRayDaemonWriteAccess"
		if t.options.Partition == "aws" {
			name = "AWSXrayWriteOnlyAccess"
		}
		arns = append(arns, prefix+name)
	}
	if r.has("VpcConfig") {
		arns = append(arns, prefix+"service-role/AWSLambdaVPCAccessExecutionRole")
	}
	return arns, nil
}

// attach adds the function's Policies: managed ones to arns, documents to inline under names that count the entries.
func (t *translation) attach(r *resource, roleID string, arns, inline []any) ([]any, []any, error) {
	attached := make(map[string]bool)
	for _, arn := range arns {
		attached[string(appendStable(nil, arn))] = true
	}
	for i, p := range entries(r) {
		kind, err := kindOf(p, nil)
		if err != nil {
			return nil, nil, err
		}
		switch kind {
		case documentPolicy:
			name := fmt.Sprintf("%sPolicy%d", roleID, i)
			inline = append(inline, eachBranch(p, func(v any) any {
				return map[string]any{"PolicyName": name, "PolicyDocument": v}
			}))
		case managedPolicy:
			arn := eachBranch(p, func(v any) any {
				if name, ok := v.(string); ok {
					return t.managedPolicy(name)
				}
				return v
			})
			if key := string(appendStable(nil, arn)); !attached[key] {
				arns, attached[key] = append(arns, arn), true
			}
		default:
			return nil, nil, invalidResource(r.id, fmt.Sprintf("Policy at index %d in the 'Policies' property is not valid", i))
		}
	}
	return arns, inline, nil
}

// eachBranch applies f to a policy, or to both sides of an Fn::If except AWS::NoValue.
func eachBranch(p any, f func(any) any) any {
	items, _ := branches(p)
	if items == nil {
		return f(p)
	}
	items = slices.Clone(items)
	for i := 1; i < 3; i++ {
		if !isNoValue(items[i]) {
			items[i] = f(items[i])
		}
	}
	return map[string]any{"Fn::If": items}
}

// managedPolicy turns the name of a managed policy into its ARN. What is no such name stays as it is.
func (t *translation) managedPolicy(name string) string {
	if t.managed == nil {
		t.managed = make(map[string]string)
		for line := range strings.FieldsSeq(managedPolicies) {
			t.managed[line[strings.LastIndexByte(line, '/')+1:]] = line
		}
	}
	if path, ok := t.managed[name]; ok {
		return "arn:" + t.options.Partition + ":iam::aws:policy/" + path
	}
	if t.options.ManagedPolicy != nil && !strings.HasPrefix(name, "arn:") {
		if arn, ok := t.options.ManagedPolicy(name); ok {
			return arn
		}
	}
	return name
}

// giveRole gives the function the role that was made for it, and returns that role, if the function has none of its own
// or has one only under a condition.
func (t *translation) giveRole(r *resource, f, role *generated) (*generated, error) {
	own := f.properties["Role"]
	arn := getAtt(role.id, "Arn")
	if own == nil {
		f.set("Role", arn)
		return role, nil
	}
	if _, is := branches(own); !is {
		return nil, nil
	}
	resolved, err := t.resolve(own)
	if err != nil {
		return nil, err
	}
	items, _ := branches(resolved)
	if items == nil {
		return nil, invalidResource(r.id, "Malformed 'Role' property: Fn::If requires 3 arguments.")
	}
	condition, yes, no := items[0], items[1], items[2]
	switch {
	case isNoValue(yes) && isNoValue(no):
		f.set("Role", arn)
	case isNoValue(yes):
		f.set("Role", choose(condition, arn, no))
		role.attributes["Condition"] = condition
	case isNoValue(no):
		f.set("Role", choose(condition, yes, arn))
		name := fmt.Sprintf("NOT%v", condition)
		role.attributes["Condition"] = name
		t.setCondition(name, not(condition))
	default:
		return nil, nil
	}
	return role, nil
}
